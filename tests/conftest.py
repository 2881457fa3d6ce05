from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path

import pytest

if "patience" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "patience", Path(__file__).with_name("patience.py")
    )
    sys.modules["patience"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["patience"])

from cortex_otel import guard, identity

# Signals that a shell ignores for us (`nohup`, `&`), programs that tests start would ignore too. A
# handler that does nothing ends with `exec`.
for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path_factory):
    """Each test has a home of its own, settings of nobody, and sees what a host never would."""
    for name in list(os.environ):
        if name.startswith(("CORTEX_OTEL_", "OTEL_")):
            monkeypatch.delenv(name)
    # Package managers keep their caches: tests that make environments need them.
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(CACHE))
    home = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(home / "telemetry"))
    resolver = identity._resolver
    guard.rethrow_in_tests(enabled=True)
    yield
    guard.rethrow_in_tests(enabled=False)
    identity._resolver = resolver
    configuration = sys.modules.get("cortex_otel.sdk.configure")
    if configuration is not None:
        configuration.reset_for_tests()
    # What configure() hooked into the stacks of this process.
    hook = sys.modules.get("cortex_otel.instrument.mcp_server")
    if hook is not None:
        hook.remove()


CACHE = Path("~/.cache").expanduser()
