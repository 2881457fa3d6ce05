"""What every test has, and what kinds of tests there are.

Kinds, of which each test is one (``make test-<kind>``):

* ``unit``: runs in this process. What isn't marked is one; it may start no other process.
* ``system``: starts processes: servers, hosts, programs of other people.
* ``browser``: drives Chromium (uses ``visit`` or ``chromium``).
* ``stacks``: runs in an environment of another MCP stack, or of other packages, made on the spot.

``timing`` and ``thorough`` are no kinds. The one is for a bound in seconds: such a test runs after
all others, alone. The other is for hundreds of cases of one behaviour: ``make test-fast`` leaves
them out.
"""

from __future__ import annotations

import gc
import importlib.util
import itertools
import os
import signal
import sys
from pathlib import Path

import pytest

for _name in ("kits", "older_versions", "patience", "sessionizer"):
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(
            _name, Path(__file__).with_name(f"{_name}.py")
        )
        sys.modules[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_name])

from cortex_otel import guard, identity  # noqa: E402

# Signals that a shell ignores for us (`nohup`, `&`), programs that tests start would ignore too. A
# handler that does nothing ends with `exec`.
for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


def pytest_addoption(parser):
    parser.addoption(
        "--timing-files",
        action="store_true",
        help="import only files that hold tests marked `timing` (the others needn't be collected)",
    )


def pytest_ignore_collect(collection_path, config):
    if config.getoption("--timing-files") and collection_path.name.startswith("test_"):
        return "mark.timing" not in collection_path.read_text(encoding="utf-8") or None
    return None


BROWSER_FIXTURES = {"chromium", "visit"}


def kind_of(item) -> str:
    if item.get_closest_marker("stacks") is not None:
        return "stacks"
    if not BROWSER_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return "browser"
    return "unit" if item.get_closest_marker("system") is None else "system"


def pytest_itemcollected(item):
    kind = kind_of(item)
    if item.get_closest_marker(kind) is None:
        item.add_marker(kind)


#: Begun first, since they take longest on the clock: at the end nobody waits for one of them.
LONGEST = ("web/test_browser_pages.py", "e2e/test_demo_serve.py", "stacks/test_wire.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files that wait most come first: the many quick tests fill the gaps at the end.

    Those that want environments wait until most of these are made. A file stays together, in the
    random order of its tests.
    """
    kinds = ("browser", "system", "stacks", "unit")
    ranks: dict[Path, tuple[int, int]] = {}
    for item in items:
        name = item.path.relative_to(Path(__file__).parent).as_posix()
        at = LONGEST.index(name) if name in LONGEST else len(LONGEST)
        rank = (at, kinds.index(kind_of(item)))
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])


# Thousands of tests are made and none of them goes: looking for garbage among them, now and at each
# `gc.collect()` of a test, is most of what some tests would cost.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


class ProcessGuard:
    """Fails a unit test that starts a process: it would run where only quick tests are wanted."""

    events = frozenset(
        {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"}
    )

    def __init__(self) -> None:
        self.watches = False
        self.seen = ""
        sys.addaudithook(self._hook)

    def _hook(self, event, _arguments):
        if self.watches and event in self.events:
            self.seen = f"{event}: a test that starts a process is to be marked `system`"
            raise AssertionError(self.seen)


process_guard = ProcessGuard()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    process_guard.watches = kind_of(item) == "unit"
    try:
        return (yield)
    finally:
        process_guard.watches = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown():
    yield
    complaint, process_guard.seen = process_guard.seen, ""
    assert not complaint, complaint  # what is tested may have swallowed it


_homes = itertools.count()


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path_factory):
    """Each test has a home of its own, settings of nobody, and sees what a host never would."""
    for name in list(os.environ):
        if name.startswith(("CORTEX_OTEL_", "OTEL_")):
            monkeypatch.delenv(name)
    # Package managers keep their caches: tests that make environments need them.
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(CACHE))
    # Not by `mktemp`, which looks at all that are there: thousands, in the end.
    home = tmp_path_factory.getbasetemp() / f"user-{next(_homes)}"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(home / "telemetry"))
    resolver = identity._resolver
    budget = sys.modules.get("cortex_otel.process.budget")
    if budget is not None:  # names that a tool of another test has are none of this one's
        monkeypatch.setattr(budget, "_declared", {kind: set() for kind in budget._declared})
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
