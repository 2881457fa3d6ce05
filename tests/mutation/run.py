"""Mutation testing of the rooms where a wrong bound is a wrong number or a leak.

    make check-tests ARGS='query --minutes 30'

Each room's own tests run once, with coverage by test. Then each mutant (:mod:`operators`) of a
covered line runs with the tests that execute the line, in a process of its own, until one fails.
A mutant that none fails gets the tests of the room that touch its file: a fixture shared by many
tests runs its lines only once. Of many tests the quick ones are run. What still survives is
printed, and fails the run unless ``accepted.toml`` says why it may.

Nothing on disk is changed: a mutant's module is compiled from its changed tree when it is imported,
so this also works for an installed wheel. Programs that tests start run the original.

Against mutmut and cosmic-ray: the former (3.x) changes functions alone, and half of what is worth
pinning here are constants of modules; the latter rewrites the files of the checkout and runs one
command for every mutant, whichever line it changed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import CodeType, ModuleType

sys.path.insert(0, str(Path(__file__).parent))
import operators

Key: TypeAlias = tuple[str, str, str]
"""Room and file, the line's text, and the change; ``""`` for every change of the line."""

ROOT = Path(__file__).parents[2]
ACCEPTED = Path(__file__).with_name("accepted.toml")
ROOMS = ("process", "receive", "query")
#: Neither bounds of seconds (they would hold under load only) nor environments of other stacks.
CHOSEN = "not timing and not stacks"
#: Imported before a mutant's process is forked, or each would spend its first seconds on them.
#: Nothing of ours.
PRELOADED = (
    "apsw", "httpx", "jsonschema", "opentelemetry.sdk.trace", "opentelemetry.sdk.metrics", "orjson",
    "pydantic", "pytest", "schemathesis", "starlette.testclient",
)  # fmt: skip
#: Seconds of tests that one mutant gets.
MAX_TEST_SECONDS = 30.0
#: Seconds after which a mutant that hangs counts as killed: so much more than its tests took.
SLOWER, AT_LEAST = 5, 20
_NOTHING_RUN = 5  # pytest's exit code


@dataclass
class Baseline:
    """What a room's tests do without a mutant."""

    seconds: dict[str, float] = field(default_factory=dict)
    """By test."""
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    """File → line → the tests that execute it; ``[]`` for what runs at import."""

    def tests_of(self, file: str, line: int) -> list[str]:
        """Those that execute the line; none at import: then all that touch the file."""
        found = self.lines[file].get(line)
        return self._cheapest(found) if found else self.tests_touching(file)

    def tests_touching(self, file: str) -> list[str]:
        """Those that execute any line of the file."""
        return self._cheapest({test for tests in self.lines[file].values() for test in tests})

    def _cheapest(self, tests: Iterable[str]) -> list[str]:
        """Of many tests the quick ones: the slow ones seldom see more."""
        chosen: list[str] = []
        left = MAX_TEST_SECONDS
        for test in sorted(tests, key=lambda test: (self.seconds.get(test, 0.0), test)):
            left -= self.seconds.get(test, 0.0)
            if left < 0 and chosen:
                break
            chosen.append(test)
        return chosen


class Coverage:
    """A plugin: which test executes which line, and how long each takes."""

    def __init__(self, files: Sequence[Path], answer: Path) -> None:
        import coverage  # of this child alone

        self._coverage = coverage.Coverage(
            data_file=None, include=[str(file) for file in files], config_file=False
        )
        self._files, self._answer, self._baseline = files, answer, Baseline()
        self._failed: list[str] = []
        self._coverage.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._coverage.switch_context(nodeid)

    def pytest_runtest_logfinish(self) -> None:
        self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: Any) -> None:
        seconds = self._baseline.seconds
        seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self._failed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        data = self._coverage.get_data()
        for file in self._files:
            found = data.contexts_by_lineno(str(file))
            self._baseline.lines[str(file)] = {
                line: [test for test in tests if test and test not in self._failed]
                for line, tests in found.items()
            }
        answer = {"failed": self._failed, **self._baseline.__dict__}
        self._answer.write_text(json.dumps(answer), encoding="utf-8")


class Only:
    """A plugin: these tests alone, quick files first and each file in its own order."""

    def __init__(self, tests: Sequence[str], seconds: dict[str, float]) -> None:
        self._tests, self._files = set(tests), Counter[str]()
        for test in tests:
            self._files[_file_of(test)] += seconds.get(test, 0.0)  # type: ignore[assignment]

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._tests),
            key=lambda item: self._files[_file_of(item.nodeid)],
        )


class Mutated(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Imports one module from a changed tree."""

    def __init__(self, name: str, file: Path, mutant: operators.Mutant) -> None:
        super().__init__(name, str(file))
        self._mutant = mutant

    def find_spec(
        self, fullname: str, _path: object = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The one module's."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, _fullname: str) -> CodeType:
        """Compiled from the tree, never from a cache."""
        source = Path(self.path).read_text(encoding="utf-8")
        return compile(self._mutant.tree(source), self.path, "exec", dont_inherit=True)


@dataclass(frozen=True)
class Task:
    """A mutant and where it is."""

    room: str
    file: Path
    mutant: operators.Mutant

    @property
    def module(self) -> str:
        return f"cortex_otel.{self.room}.{self.file.stem}"

    @property
    def keys(self) -> set[Key]:
        """What accepts it: itself, or every change of its line."""
        name = f"{self.room}/{self.file.name}"
        return {(name, self.mutant.source, self.mutant.change), (name, self.mutant.source, "")}

    def __str__(self) -> str:
        place = f"{self.room}/{self.file.name}:{self.mutant.line}"
        return f"{place}: {self.mutant.change}\n    {self.mutant.source}"


def main() -> int:
    """Run, and say what survived; 1 if something did that isn't accepted."""
    options = _options()
    accepted = _accepted()
    _preload()
    deadline = time.monotonic() + options.minutes * 60
    baselines = {room: _baseline(room) for room in options.rooms}
    tasks = [task for room in options.rooms for task in _tasks(room, baselines[room])]
    if options.file:
        tasks = [task for task in tasks if task.file.name in options.file]
    everything, known = len(tasks), {key for task in tasks for key in task.keys} & accepted
    tasks = [task for task in tasks if accepted.isdisjoint(task.keys)]
    random.Random(options.seed).shuffle(tasks)
    survivors, tried, timeouts = [], 0, 0
    for task, outcome in _outcomes(tasks, baselines, options.jobs, deadline):
        tried += 1
        timeouts += outcome == "timeout"
        if outcome == "survived":
            survivors.append(task)
            print(f"survived: {task}", flush=True)
        if tried % 25 == 0:
            left = max(0, deadline - time.monotonic()) / 60
            line = f"… {tried} of {len(tasks)}, {len(survivors)} survived, {left:.0f} min left"
            print(line, flush=True)
    print(
        f"\n{everything} mutants of covered lines, {everything - len(tasks)} of them accepted; "
        f"{tried} tried (seed {options.seed}): {tried - len(survivors)} killed, {timeouts} of them "
        f"by time; {len(survivors)} survived."
    )
    if not options.file:
        for key in sorted(accepted - known):
            if key[0].partition("/")[0] in options.rooms:
                print(f"accepted, but no longer there: {key}")
    return 1 if survivors else 0


def _accepted() -> set[Key]:
    entries = tomllib.loads(ACCEPTED.read_text(encoding="utf-8")).get("accepted", ())
    assert all(each["reason"] for each in entries)
    return {(each["file"], each["line"], each.get("change", "")) for each in entries}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make check-tests", description="Change the code; see whether a test minds."
    )
    parser.add_argument("rooms", nargs="*", default=ROOMS, help="process, receive, query")
    parser.add_argument("--minutes", type=float, default=20, help="stop after so many")
    parser.add_argument("--file", action="append", help="mutants of this file alone (names.py)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at once")
    parser.add_argument(
        "--seed",
        type=int,
        default=int(time.time() // 86_400),
        help="chooses which mutants come first; another one each day",
    )
    options = parser.parse_args()
    if unknown := set(options.rooms) - set(ROOMS):
        parser.error(f"not a room: {', '.join(sorted(unknown))}")
    return options


def _preload() -> None:
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _baseline(room: str) -> Baseline:
    print(f"{room}: its tests, with coverage …", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        answer = Path(directory) / "baseline.json"
        child = _fork(lambda: _pytest([_tests(room)], Coverage(_files(room), answer)))
        os.waitpid(child, 0)
        found = json.loads(answer.read_text(encoding="utf-8"))
    for test in found["failed"]:
        print(f"{room}: fails without a mutant, left out: {test}")
    lines = {
        file: {int(line): tests for line, tests in by_line.items()}
        for file, by_line in found["lines"].items()
    }
    print(f"{room}: {len(found['seconds'])} tests, {sum(found['seconds'].values()):.0f} s")
    return Baseline(found["seconds"], lines)


def _tasks(room: str, baseline: Baseline) -> Iterator[Task]:
    for file in _files(room):
        covered = baseline.lines[str(file)]
        if not any(covered.values()):
            continue
        for mutant in operators.mutants_of(file.read_text(encoding="utf-8")):
            if mutant.line in covered:
                yield Task(room, file, mutant)


def _outcomes(
    tasks: Sequence[Task], baselines: dict[str, Baseline], jobs: int, deadline: float
) -> Iterator[tuple[Task, str]]:
    """Each mutant with ``killed``, ``survived`` or ``timeout``, as they come."""
    running: dict[int, tuple[Task, bool, float]] = {}
    waiting = [(task, False) for task in reversed(tasks)]

    def start() -> None:
        task, with_all = waiting.pop()
        baseline = baselines[task.room]
        tests = (
            baseline.tests_touching(str(task.file))
            if with_all
            else baseline.tests_of(str(task.file), task.mutant.line)
        )
        seconds = sum(baseline.seconds.get(test, 0.0) for test in tests)
        child = _fork(lambda: _run(task, tests, baseline.seconds))
        running[child] = task, with_all, time.monotonic() + AT_LEAST + SLOWER * seconds

    while running or (waiting and time.monotonic() < deadline):
        while len(running) < jobs and waiting and (waiting[-1][1] or time.monotonic() < deadline):
            start()
        time.sleep(0.02)
        for child, (task, with_all, until) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            late = not done and time.monotonic() > until
            if not done and not late:
                continue
            del running[child]
            with contextlib.suppress(ProcessLookupError):  # and what its tests have started
                os.killpg(child, signal.SIGKILL)
            if late:
                os.waitpid(child, 0)
                yield task, "timeout"
            elif (code := os.waitstatus_to_exitcode(status)) == _NOTHING_RUN:
                raise RuntimeError(f"no test was found for {task}")
            elif code:
                yield task, "killed"
            elif with_all or _runs_at_import(task, baselines):
                yield task, "survived"
            else:
                waiting.append((task, True))


def _runs_at_import(task: Task, baselines: dict[str, Baseline]) -> bool:
    return not baselines[task.room].lines[str(task.file)].get(task.mutant.line)


def _run(task: Task, tests: Sequence[str], seconds: dict[str, float]) -> int:
    sys.meta_path.insert(0, Mutated(task.module, task.file, task.mutant))
    files = sorted({_file_of(test) for test in tests})
    return _pytest(["-x", *(str(ROOT / file) for file in files)], Only(tests, seconds))


def _pytest(arguments: list[str], plugin: object) -> int:
    import pytest  # in the child: plugins given to it are imported by it

    options = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}", "-q", "-m", CHOSEN]
    # Some of what is preloaded are plugins, whose asserts pytest would rewrite.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    for plugin_name in ("randomly", "cacheprovider", "xdist"):
        options += ["-p", f"no:{plugin_name}"]
    return int(pytest.main([*options, *arguments], [plugin]))


def _fork(work: Callable[[], int]) -> int:
    """A process group of its own for ``work``, whose result is its exit code; silent."""
    child = os.fork()
    if child:
        return child
    code = 70  # EX_SOFTWARE
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if not os.environ.get("MUTANTS_SHOW"):
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
        code = work()
    except BaseException:  # noqa: BLE001 - os._exit() would swallow it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _files(room: str) -> list[Path]:
    package = importlib.util.find_spec("cortex_otel")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]).resolve() / room
    return sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")


def _tests(room: str) -> str:
    return str(ROOT / "tests" / room)


def _file_of(test: str) -> str:
    return test.partition("::")[0]


if __name__ == "__main__":
    sys.exit(main())
