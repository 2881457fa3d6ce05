"""Time of every question in the catalogue, in ms, at 100,000 and 1,000,000 events.

The databases are those of ``disk.py``: 90 days, 800 users. Each question goes through the runner,
as it does for pages, on a warm connection: over its default range (*ms*), and over all 90 days.
*From* names the source: roll-ups, or the events themselves, which the runner prefers if the range
contains few enough for exact percentiles. Medians of several rounds over the whole catalogue. Four
questions are also run on the naive table (five indexes, same events), in the simplest SQL, over the
same range.

Repeat: ``python benchmarks/questions.py``; ``--events 10000000`` adds a size (20 minutes to build
both databases); ``--keep DIRECTORY`` keeps them for the next run.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Bar, Report, Run, Table
from disk import BEGIN_NS, END_NS, build, build_naive

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.ranges import parse_range
from cortex_otel.query.runner import run as ask
from cortex_otel.query.zones import zone
from cortex_otel_exporters.sqlite.reader import open_reader

if TYPE_CHECKING:
    import argparse

_BARS_MS = {1_000_000: 50.0, 10_000_000: 200.0}
_TIME_LIMIT_MS = 600_000

#: The question of the same name, on the naive table.
_NAIVE = {
    "dau": """
        SELECT date(timestamp), count(DISTINCT user_id_hash) FROM telemetry_events
        WHERE timestamp >= :since AND timestamp < :until AND event_type <> 'span' GROUP BY 1""",
    "error_rate": """
        SELECT strftime('%Y-%m-%dT%H', timestamp), count(*),
            sum(result IN ('error', 'timeout')) * 1.0 / count(*) FROM telemetry_events
        WHERE timestamp >= :since AND timestamp < :until AND event_type <> 'span' GROUP BY 1""",
    "latency": """
        SELECT event_type, max(duration_ms) FILTER (WHERE place <= 0.5),
            max(duration_ms) FILTER (WHERE place <= 0.95),
            max(duration_ms) FILTER (WHERE place <= 0.99), avg(duration_ms)
        FROM (SELECT event_type, duration_ms, percent_rank()
                OVER (PARTITION BY event_type ORDER BY duration_ms) AS place
              FROM telemetry_events WHERE timestamp >= :since AND timestamp < :until
                AND event_type <> 'span' AND duration_ms IS NOT NULL)
        GROUP BY 1""",
    "tools": """
        SELECT tool_name, count(*), sum(result IN ('error', 'timeout')), avg(duration_ms),
            max(duration_ms) FILTER (WHERE place <= 0.95)
        FROM (SELECT *, percent_rank() OVER (PARTITION BY tool_name ORDER BY duration_ms) AS place
              FROM telemetry_events WHERE timestamp >= :since AND timestamp < :until
                AND event_type = 'mcp.tool_call')
        GROUP BY 1 ORDER BY 2 DESC""",
}


def measure(run: Run) -> Report:
    """Each size by itself; all questions in turn, several times."""
    sizes = [3_000] if run.quick else [100_000, 1_000_000]
    if run.options.events and run.options.events not in sizes:
        sizes.append(run.options.events)
    directory = Path(run.options.keep) if run.options.keep else run.homes
    directory.mkdir(parents=True, exist_ok=True)
    tables, bars = [], []
    for events in sizes:
        rows = _ask_all(directory, events, rounds=1 if run.quick else 5)
        columns = [
            "question",
            "since",
            "ms",
            "from",
            "90 days, ms",
            "from",
            "naive ms",
            "naive 90 d",
        ]
        tables.append(Table(f"{events:,} events", columns, rows))
        if events in _BARS_MS:
            for since, column in (("its default range", 2), ("90 days", 4)):
                slowest = max(rows, key=lambda row: row[column])
                bars.append(
                    Bar(
                        f"slowest question at {events:,} over {since} ({slowest[0]})",
                        slowest[column],
                        _BARS_MS[events],
                        "ms",
                    )
                )
    return Report(tables, bars)


def _ask_all(directory: Path, events: int, rounds: int) -> list[list[Any]]:
    path, naive_path = directory / f"ours-{events}.db", directory / f"naive-{events}.db"
    if not path.exists():
        build(path, events)
    if not naive_path.exists():
        build_naive(naive_path, events)
    ours = open_reader(path)
    naive = sqlite3.connect(naive_path)
    times: dict[tuple[str, str, str], list[float]] = {}
    origin: dict[tuple[str, str], str] = {}
    for number in range(rounds + 1):  # the first fills the page cache
        for question in catalogue().values():
            for label, since in (("own", question.since), ("all", "all")):
                from_ns, to_ns = parse_range(since, None, END_NS, zone("UTC"))
                from_ns = max(from_ns, BEGIN_NS)
                answer = ask(
                    ours,
                    question,
                    {"from_ns": from_ns, "to_ns": to_ns},
                    time_limit_ms=_TIME_LIMIT_MS,
                )
                origin[question.name, label] = "events" if answer.exact else "roll-ups"
                if number:
                    key = ("ours", question.name, label)
                    times.setdefault(key, []).append(answer.elapsed_ms)
                if question.name in _NAIVE and number < 3:
                    took = _ask_naive(naive, _NAIVE[question.name], from_ns, to_ns)
                    times.setdefault(("naive", question.name, label), []).append(took)
    ours.close()
    naive.close()

    def found(store: str, name: str, label: str) -> float | None:
        known = times.get((store, name, label))
        return statistics.median(known) if known else None

    return [
        [
            name, question.since, found("ours", name, "own"), origin[name, "own"],
            found("ours", name, "all"), origin[name, "all"],
            found("naive", name, "own"), found("naive", name, "all"),
        ]
        for name, question in catalogue().items()
    ]  # fmt: skip


def _ask_naive(connection: sqlite3.Connection, sql: str, from_ns: int, to_ns: int) -> float:
    values = {
        name: datetime.fromtimestamp(moment / 1e9, tz=UTC).isoformat()
        for name, moment in (("since", from_ns), ("until", to_ns))
    }
    started = time.perf_counter()
    connection.execute(sql, values).fetchall()
    return (time.perf_counter() - started) * 1000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--events", type=int, help="one more size, e.g. 10000000")
    parser.add_argument("--keep", metavar="DIRECTORY", help="where to create or reuse databases")


if __name__ == "__main__":
    harness.main(__doc__, measure, arguments=arguments)
