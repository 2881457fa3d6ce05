"""CPU of one event on the whole path, from the call to the row on disk.

* *hot*: events one after the other, flush included; CPU microseconds per event, over all threads.
  The naive alternative has a queue that holds everything, since a dropped event costs nothing.
* *paced*: 1,000 events per second, ten per wake-up (``--one-a-wakeup``: one per wake-up, more
  expensive for every alternative because each wake-up has a cost). Share of one core, and the same
  net of the pacing loop.
* *span*: ``tracer.start_span(...)`` with eight attributes and ``end()``. *decorator*: a tool under
  ``@cortex_otel.instrument_tool``, which also records the metric, compared with hand-written code.

Repeat: ``python benchmarks/write_path.py``. Compare ratios; microseconds of two runs don't compare.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Bar, Report, Run, Table, Usage, median, memory, paired_ratio
from _hosts import LABELS, Host

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_ALTERNATIVES = ("none", "bare", "naive_big", "stock", "ours")
_RATE = 1000
#: Per cent of a core, net of pacing, by events per wake-up.
_BARS_PERCENT = {10: 4.0, 1: 5.0}
_BAR_OF_NAIVE = 0.25


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Blocks of ``events`` hot or ``seconds`` paced events."""
    host = Host(alternative, options["home"])
    emit = host.call_emitter() if options["path"] == "decorator" else host.span_emitter()
    for _ in range(200):
        emit()
    host.flush()
    while True:
        usage = Usage()
        if options["pattern"] == "hot":
            events = options["events"]
            for _ in range(events):
                emit()
        else:
            events = harness.pace(options["seconds"], options["a_wakeup"], _RATE, emit)
        host.flush()
        cpu = usage.cpu_ns
        yield {
            "cpu_us": cpu / events / 1000,
            "percent": cpu / events * _RATE / 1e7,
            **memory(),
        }


def measure(run: Run) -> Report:
    """Both paths, hot and paced."""
    a_wakeup = 1 if run.options.one_a_wakeup else 10
    tables, bars = [], []
    for path in ("decorator",) if run.quick else ("span", "decorator"):
        blocks, events = (2, 1000) if run.quick else (8, 5000)
        hot = run.interleave(_ALTERNATIVES, blocks, pattern="hot", path=path, events=events)
        rows: list[list[Any]] = [
            [
                LABELS[name],
                median(hot[name], "cpu_us"),
                paired_ratio(hot[name], hot["bare"], "cpu_us"),
                paired_ratio(hot[name], hot["naive_big"], "cpu_us"),
                median(hot[name], "peak_mb"),
            ]
            for name in _ALTERNATIVES
        ]
        columns = ["", "CPU µs per event", "× bare SDK", "× naive", "peak MB"]
        of_naive = paired_ratio(hot["ours"], hot["naive_big"], "cpu_us")
        bars.append(Bar(f"hot CPU relative to naive, {path}", of_naive, _BAR_OF_NAIVE, "×"))
        tables.append(Table(f"{path}, hot ({blocks * events:,} events)", columns, rows))

        blocks, seconds = (1, 0.4) if run.quick else (5, 3.0)
        paced = run.interleave(
            _ALTERNATIVES, blocks, pattern="paced", path=path, seconds=seconds, a_wakeup=a_wakeup
        )
        net = {
            name: statistics.median(
                one["percent"] - alone["percent"]
                for one, alone in zip(paced[name], paced["none"], strict=True)
            )
            for name in _ALTERNATIVES
        }
        rows = [
            [
                LABELS[name],
                median(paced[name], "percent"),
                net[name] if name != "none" else None,
                net[name] / net["bare"] if name != "none" else None,
                median(paced[name], "rss_mb"),
            ]
            for name in _ALTERNATIVES
        ]
        columns = ["", "% of a core", "net of pacing", "net × bare SDK", "RSS MB"]
        title = (
            f"{path}, paced ({_RATE:,} events/s, {a_wakeup} per wake-up, {blocks} × {seconds:g} s)"
        )
        tables.append(Table(title, columns, rows))
        bars.append(
            Bar(
                f"CPU at 1,000/s net of pacing, {a_wakeup} per wake-up, {path}",
                net["ours"],
                _BARS_PERCENT[a_wakeup],
                "% of a core",
            )
        )
    return Report(tables, bars)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--one-a-wakeup", action="store_true", help="pace one event per wake-up")


if __name__ == "__main__":
    harness.main(__doc__, measure, child, arguments=arguments)
