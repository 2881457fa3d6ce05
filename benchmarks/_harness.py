"""What all benchmarks share: fresh processes, interleaved blocks, CPU and memory usage, reports.

A benchmark is a script with two functions. ``child(alternative, options)`` is a generator that
runs in its own process and measures one block each time it is advanced (an asynchronous one is
sent ``True`` for another block and ``None`` to end). ``measure(run)`` runs in the parent; it
chooses the alternatives to compare and turns their results into tables and bars.

The parent advances the children in turn (A B C, A B C …), so that a machine that slows down or
becomes busy affects all of them. Tables show medians over the blocks. Ratios are computed within
each round before their median is taken. Absolute numbers of different runs aren't comparable.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from _printing import Cell, environment, render

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    Child = Callable[
        [str, dict[str, Any]], Iterator[dict[str, Any]] | AsyncIterator[dict[str, Any]]
    ]

__all__ = [
    "Bar", "Report", "Run", "Table", "Usage", "main", "median", "memory", "pace", "paired_ratio",
    "percentile",
]  # fmt: skip

Blocks = dict[str, list[dict[str, Any]]]

_CHILD = "--child"


@dataclass
class Table:
    """Rows under named columns; numbers stay numbers."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    note: str = ""


@dataclass
class Bar:
    """A target that the project has set itself, and the measured value."""

    what: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False
    """The limit is a minimum."""

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


@dataclass
class Report:
    """What one benchmark found."""

    tables: list[Table]
    bars: list[Bar] = field(default_factory=list)


@dataclass
class Run:
    """One run of a benchmark, in the parent."""

    script: Path
    quick: bool
    options: argparse.Namespace
    homes: Path

    def interleave(
        self,
        alternatives: Sequence[str],
        blocks: int,
        *,
        fresh: bool = False,
        **options: Any,
    ) -> Blocks:
        """Measure ``blocks`` blocks of each alternative, in turn.

        Args:
            alternatives: handed to ``child`` by name; each has a process of its own.
            blocks: how many blocks of each; the order turns by one each round.
            fresh: a new process for each block, for what happens once a process.
            **options: handed to ``child``.

        Returns:
            The results of the blocks, by alternative.
        """
        results: Blocks = {name: [] for name in alternatives}
        with ExitStack() as stack:
            workers: dict[str, _Worker] = {}
            for number in range(blocks):
                turn = number % len(alternatives)
                for name in (*alternatives[turn:], *alternatives[:turn]):
                    if fresh:
                        with _Worker(self.script, name, options, self.homes) as worker:
                            results[name].append(worker.block())
                        continue
                    if name not in workers:
                        worker = _Worker(self.script, name, options, self.homes)
                        workers[name] = stack.enter_context(worker)
                    results[name].append(workers[name].block())
        return results

    def together(self, alternatives: Sequence[str], **options: Any) -> dict[str, dict[str, Any]]:
        """Measure one block of each alternative, all at the same time.

        For long blocks of little CPU: what each process takes is its own, and they all meet the
        same machine.

        Returns:
            The result of each, by alternative.
        """
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(_Worker(self.script, name, options, self.homes))
                for name in alternatives
            }
            for worker in workers.values():
                worker.begin()
            return {name: worker.finish() for name, worker in workers.items()}


class _Worker:
    """A child process that measures a block on request."""

    def __init__(
        self, script: Path, alternative: str, options: Mapping[str, Any], homes: Path
    ) -> None:
        home = tempfile.mkdtemp(prefix=f"{alternative}-", dir=homes)
        self._alternative = alternative
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(script),
                _CHILD,
                alternative,
                json.dumps({**options, "home": home}),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(home),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def block(self) -> dict[str, Any]:
        self.begin()
        return self.finish()

    def begin(self) -> None:
        """Start a block; :meth:`finish` waits for its result."""
        assert self._process.stdin is not None
        self._process.stdin.write("block\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """What the block measured."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(
                f"benchmark child {self._alternative!r} ended with {self._process.wait()}"
            )
        return dict(json.loads(line))


def clean_environment(home: str) -> dict[str, str]:
    """The environment without settings that would change what is measured.

    Without ``PYTHONDONTWRITEBYTECODE`` above all: with it each start compiles every module again.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "CORTEX_", "PYTHON"))
    }
    return {**kept, "CORTEX_OTEL_HOME": home, "NO_COLOR": "1"}


def main(
    doc: str | None,
    measure: Callable[[Run], Report],
    child: Child | None = None,
    *,
    arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None,
) -> None:
    """Run a benchmark script: as a child if asked to, else measure and print.

    Args:
        doc: the script's docstring: what the numbers mean and how to repeat them.
        measure: makes the report, in the parent.
        child: measures blocks, in a process of its own.
        arguments: adds options of the benchmark's own.
    """
    if sys.argv[1:2] == [_CHILD]:
        assert child is not None
        _serve(child(sys.argv[2], json.loads(sys.argv[3])))
        return
    script = Path(sys.argv[0]).resolve()
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run of seconds, not a measurement"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments(parser)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cortex-bench-") as homes:
        report = measure(Run(script, options.quick, options, Path(homes)))
    result = {
        "name": script.stem,
        "about": inspect.cleandoc(doc or ""),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "environment": environment(),
        "quick": options.quick,
        "seconds": round(time.monotonic() - started, 1),
        "tables": [asdict(table) for table in report.tables],
        "bars": [{**asdict(bar), "met": bar.met} for bar in report.bars],
    }
    print(json.dumps(result, indent=1) if options.json else render(result))


def _serve(blocks: Iterator[dict[str, Any]] | AsyncIterator[dict[str, Any]]) -> None:
    # Only results go to the real stdout; whatever a library prints goes to stderr.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(blocks, "__anext__"):
        asyncio.run(_serve_async(blocks, answers))  # type: ignore[arg-type]
        return
    while sys.stdin.readline():
        _answer(answers, next(blocks))  # type: ignore[arg-type]
    blocks.close()  # type: ignore[union-attr]


async def _serve_async(blocks: Any, answers: Any) -> None:
    # Waiting blocks the event loop on purpose: nothing of the benchmark may run between blocks.
    sent = None
    while sys.stdin.readline():
        _answer(answers, await blocks.asend(sent))
        sent = True
    # Asked to end rather than closed: a generator that is closed inside a task group raises.
    with suppress(StopAsyncIteration):
        await blocks.asend(None)


def _answer(answers: Any, result: dict[str, Any]) -> None:
    answers.write(json.dumps(result) + "\n")
    answers.flush()


# --- measuring ----------------------------------------------------------------------------------


class Usage:
    """CPU (all threads of this process) and wall time since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time_ns(), time.perf_counter_ns()

    @property
    def cpu_ns(self) -> int:
        """CPU time, nanoseconds."""
        return time.process_time_ns() - self._cpu

    @property
    def wall_ns(self) -> int:
        """Wall time, nanoseconds."""
        return time.perf_counter_ns() - self._wall


def memory() -> dict[str, float]:
    """Resident memory of this process now and at its peak, MB of 10^6 bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux: only the peak, in bytes on macOS
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        return {"rss_mb": peak, "peak_mb": peak}
    sizes = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return {
        "rss_mb": int(sizes["VmRSS"].split()[0]) * 1024 / 1e6,
        "peak_mb": int(sizes["VmHWM"].split()[0]) * 1024 / 1e6,
    }


def pace(seconds: float, events_a_wakeup: int, rate: int, emit: Callable[[], object]) -> int:
    """Call ``emit`` ``rate`` times per second, several times per wake-up; the number of calls.

    The schedule is absolute: a wake-up that comes late does not lower the rate.
    """
    interval = events_a_wakeup / rate
    start = time.perf_counter()
    wakeups = round(seconds / interval)
    for number in range(wakeups):
        for _ in range(events_a_wakeup):
            emit()
        left = start + (number + 1) * interval - time.perf_counter()
        if left > 0:
            time.sleep(left)
    return wakeups * events_a_wakeup


def median(blocks: Sequence[Mapping[str, Any]], key: str) -> float:
    """Median of one value over the blocks of an alternative."""
    return statistics.median(block[key] for block in blocks)


def paired_ratio(
    blocks: Sequence[Mapping[str, Any]], reference: Sequence[Mapping[str, Any]], key: str
) -> float:
    """Median over the rounds of how an alternative compares with the reference of that round."""
    pairs = zip(blocks, reference, strict=True)
    return statistics.median(one[key] / other[key] for one, other in pairs if other[key])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``values`` does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
