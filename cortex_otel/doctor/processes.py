"""Starts and ends the user's command, with its telemetry apart and no process left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from cortex_otel.doctor.target import with_variable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import IO

__all__ = ["begin", "end"]

_SECONDS_TO_END = 1.0


def begin(
    command: Sequence[str], home: Path, *, stdin: int, stderr: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start ``command`` with its telemetry in ``home``, overriding its own variables.

    Raises:
        OSError: it can't be started.
    """
    # With a low sampling rate, a server would seem not to be recorded; and a log may be elsewhere.
    ours = {
        "CORTEX_OTEL_HOME": str(home),
        "CORTEX_OTEL_SAMPLING": "",
        "CORTEX_OTEL_LOG_FILE": "false",
    }
    for name, value in ours.items():
        command = with_variable(command, name, value)
    return subprocess.Popen(  # noqa: S603 - the user's own command
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, **ours},
        start_new_session=True,  # so that its children can be ended with it
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and its children, also if only the children are left."""
    if os.name != "posix":
        process.kill()
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_END)
