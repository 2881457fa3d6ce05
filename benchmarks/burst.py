"""50,000 events as fast as Python can create them: losses, memory, and time until on disk.

A burst is what a batch job or a runaway loop produces. *Host s* is the time taken by the loop that
created the events (including telemetry's share of the interpreter); *durable s* is the time from
the first event until everything that survived was on disk. *Lost* is the number emitted minus the
rows in the file. For cortex-otel, the ledger must account for every loss with a reason, which is
the target. Each block is a process of its own.

The naive alternative runs with its default queue of 2,048, which drops the oldest events, and with
a queue that holds everything, which costs memory.

Repeat: ``python benchmarks/burst.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Bar, Report, Run, Table, Usage, median, memory
from _hosts import LABELS, Host

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALTERNATIVES = ("bare", "naive", "naive_big", "ours")


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One burst."""
    host, events = Host(alternative, options["home"]), options["events"]
    emit = host.span_emitter()
    emit()
    host.flush()
    before, usage = memory(), Usage()
    for _ in range(events):
        emit()
    host_ns = usage.wall_ns
    host.flush()
    lost = 0 if alternative == "bare" else events + 1 - host.stored()
    after = memory()
    dropped = host.ledger().get("dropped", 0) if alternative == "ours" else 0
    yield {
        "host_s": host_ns / 1e9,
        "durable_s": usage.wall_ns / 1e9,
        "lost": lost,
        "silently_lost": lost - dropped,
        "peak_mb": after["peak_mb"],
        "added_mb": after["peak_mb"] - before["rss_mb"],
    }


def measure(run: Run) -> Report:
    """Several bursts of each alternative."""
    blocks, events = (1, 3000) if run.quick else (3, 50_000)
    found = run.interleave(_ALTERNATIVES, blocks, fresh=True, events=events)
    rows: list[list[Any]] = []
    for name in _ALTERNATIVES:
        lost = median(found[name], "lost")
        rows.append(
            [
                LABELS[name],
                median(found[name], "host_s"),
                median(found[name], "durable_s") if name != "bare" else None,
                int(lost) if name != "bare" else None,
                lost / events * 100 if name != "bare" else None,
                median(found[name], "peak_mb"),
                median(found[name], "added_mb"),
            ]
        )
    columns = ["", "host s", "durable s", "lost", "lost %", "peak MB", "added by the burst MB"]
    silent = max(block["silently_lost"] for block in found["ours"])
    return Report(
        [Table(f"{events:,} events at once ({blocks} times each)", columns, rows)],
        [
            Bar("lost", max(block["lost"] for block in found["ours"]), 0, "events"),
            Bar("lost and missing from the ledger", silent, 0, "events"),
            Bar("memory added by the burst", median(found["ours"], "added_mb"), 100, "MB"),
        ],
    )


if __name__ == "__main__":
    harness.main(__doc__, measure, child)
