"""1,000 events per second for ten minutes: CPU, memory and losses.

The sustained load of a busy machine. All alternatives run at the same time, each in a process of
its own that uses a few per cent of a core. *% of a core* covers all threads of the process,
including pacing (ten events per wake-up). *RSS* is read after a warm-up of two seconds and at the
end: growth means a leak, a cache being filled, or a queue that isn't drained. *Lost* is the number
emitted minus the rows in the file; for cortex-otel the ledger must agree.

Repeat: ``python benchmarks/sustained.py``; ``--minutes 1`` for a short run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Bar, Report, Run, Table, Usage, memory
from _hosts import LABELS, Host

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_ALTERNATIVES = ("none", "bare", "naive", "ours")
_RATE, _A_WAKEUP = 1000, 10
_BAR_PERCENT, _BAR_ADDED_MB = 4.0, 10.0


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One block: the whole run."""
    host = Host(alternative, options["home"])
    emit = host.span_emitter()
    warm = harness.pace(options["warm_up"], _A_WAKEUP, _RATE, emit)
    host.flush()
    start, usage = memory(), Usage()
    events = harness.pace(options["seconds"], _A_WAKEUP, _RATE, emit)
    host.flush()
    cpu, end = usage.cpu_ns, memory()
    records = alternative in ("naive", "ours")
    yield {
        "percent": cpu / events * _RATE / 1e7,
        "start_mb": start["rss_mb"],
        "end_mb": end["rss_mb"],
        "peak_mb": end["peak_mb"],
        "events": events,
        "lost": warm + events - host.stored() if records else None,
        "ledger": host.ledger() if alternative == "ours" else {},
        "emitted": warm + events,
    }


def measure(run: Run) -> Report:
    """One run of each alternative, all at once."""
    seconds = 0.5 if run.quick else run.options.minutes * 60.0
    warm_up = 0.2 if run.quick else 2.0
    found = run.together(_ALTERNATIVES, seconds=seconds, warm_up=warm_up)
    pacing = found["none"]["percent"]
    rows: list[list[Any]] = []
    for name in _ALTERNATIVES:
        one = found[name]
        rows.append(
            [
                LABELS[name], one["percent"], one["percent"] - pacing if name != "none" else None,
                one["start_mb"], one["end_mb"], one["end_mb"] - one["start_mb"], one["events"],
                one["lost"],
            ]
        )  # fmt: skip
    columns = [
        "", "% of a core", "net of pacing", "RSS MB start", "end", "growth", "events", "lost",
    ]  # fmt: skip
    ours = found["ours"]
    ledger = ours["ledger"]
    note = "ledger of cortex-otel: " + ", ".join(
        f"{key} {value:,}" for key, value in ledger.items()
    )
    added_mb = ours["end_mb"] - found["bare"]["end_mb"]
    unaccounted = abs(ours["emitted"] - ledger.get("stored", 0)) + ledger.get("dropped", 0)
    return Report(
        [Table(f"{_RATE:,} events/s for {seconds:g} s", columns, rows, note)],
        [
            Bar("events lost at 1,000/s", ours["lost"], 0, "events"),
            Bar("emitted but not stored, according to the ledger", unaccounted, 0, "events"),
            Bar("CPU net of pacing", ours["percent"] - pacing, _BAR_PERCENT, "% of a core"),
            Bar("memory above the bare SDK's", added_mb, _BAR_ADDED_MB, "MB"),
        ],
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--minutes", type=float, default=10.0, help="length of each run")


if __name__ == "__main__":
    harness.main(__doc__, measure, child, arguments=arguments)
