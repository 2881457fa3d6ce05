"""How tests wait: for what they want to see, for as long as a busy machine may take."""

from __future__ import annotations

import time

#: After which something hangs; seconds. Nothing is measured by it, so it may be long.
PATIENCE = 120.0
#: Of a host that stores what it recorded as it ends: more than the usual second for it.
UNHURRIED = {"CORTEX_OTEL_EXIT_TIMEOUT_MS": "60000"}


def wait_for(condition, seconds=PATIENCE, pause=0.01):
    """Wait until ``condition()`` is true; what it gave."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(pause)
    return result
