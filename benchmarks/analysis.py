"""Ordered questions over the whole history: the analysis engine against SQLite's window functions.

Funnels, retention and session paths of 50,000 users over half a year, in CPU seconds of a question:
the engine from its file, as ``cortex-otel query`` asks, and from memory, as ``cortex-otel serve``
does; and the question's own SQL, which is its definition, at the smallest size. Also what bringing
the form up to date costs, and its size.

Repeat: ``python benchmarks/analysis.py``; ``--events 10000000`` adds a size (a minute to build it).
"""

from __future__ import annotations

import random
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
import apsw
from _harness import Bar, Report, Run, Table

from cortex_otel.query import analysis
from cortex_otel.query.analysis import upkeep
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run as ask
from cortex_otel_exporters.sqlite import schema
from cortex_otel_exporters.sqlite.reader import open_reader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_USERS = 50_000
_BARS_S = {1_000_000: 0.15, 10_000_000: 1.0}
_MIN_UPKEEP = 50_000
_MAX_OCTETS = 12
_WEEK_S = 604_800
#: By name: a question and its parameters.
_CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "funnel, 4 steps, 7 days": ("funnel", {
        "steps": "mcp.tool_call > mcp.search_context > ext.activate > ext.code_insert",
        "within_s": _WEEK_S,
    }),
    "funnel, 6 steps that nearly all events match": ("funnel", {
        "steps": " > ".join(["mcp.tool_call"] * 6), "within_s": _WEEK_S,
    }),
    "funnel of tiers": ("funnel", {}),
    "funnel, any order": ("funnel", {
        "steps": "mcp.tool_call:tool_3 > mcp.search_context > ext.activate",
        "within_s": _WEEK_S, "order": "any",
    }),
    "retention by week, search → insert": ("retention", {
        "start": "mcp.search_context", "return_event": "ext.code_insert",
    }),
    "retention by day, recurring, on or after": ("retention", {
        "start": "mcp.tool_call", "return_event": "mcp.tool_call", "period": "day",
        "cohort_kind": "recurring", "mode": "on_or_after",
    }),
    "paths of sessions": ("journeys", {}),
    "transitions": ("transitions", {}),
    "tools used together": ("tools_together", {}),
}  # fmt: skip

_DAY = 86_400 * 10**9
BEGIN_NS = 1_767_571_200 * 10**9
_DAYS = 180
_TIERS = ("free", "trial", "paid", "enterprise")
_TOOLS = tuple(f"tool_{number}" for number in range(24))
_TYPES = (
    *(("mcp", "mcp.tool_call", tool) for tool in _TOOLS),
    ("mcp", "mcp.search_context", ""),
    ("mcp", "mcp.compress_context", ""),
    ("mcp", "mcp.branch_create", "manual"),
    ("extension", "ext.activate", "vscode"),
    ("extension", "ext.ui_interaction", "click run"),
    ("extension", "ext.code_insert", "python"),
)
_EVENTS_A_SESSION = 9


def build(path: Path, events: int, users: int, seed: int = 1) -> None:
    """A store of ``events`` events of sessions of ``users`` users over half a year.

    Only what ordered questions read, written without the exporters: ten million in half a minute.
    """
    connection = apsw.Connection(str(path))
    list(connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"))
    schema.migrate(connection)
    series = [
        (1 + tier + len(_TIERS) * number, service, event_type, event_type, feature, user_tier)
        for number, (service, event_type, feature) in enumerate(_TYPES)
        for tier, user_tier in enumerate(_TIERS)
    ]
    with connection:
        connection.executemany(
            "INSERT INTO series (series_key, service, event_type, name, tool_name, feature,"
            " user_tier, result, level, kind, error_type, feature_key, segment_key)"
            " VALUES (?, ?, ?, ?, '', ?, ?, 'success', 'INFO', 'server', '', 1, 1)",
            series,
        )
        connection.execute("INSERT INTO contexts VALUES (1, 's@1', '{}', '', '', '{}')")
        connection.execute("INSERT INTO platforms VALUES (1, 'linux', 'vscode', '', '', '', '')")
        connection.executemany(
            "INSERT INTO users (user_key, user_id_hash, first_seen) VALUES (?, ?, ?)",
            ((key, f"{key:064x}", BEGIN_NS) for key in range(1, users + 1)),
        )
        tiers: dict[tuple[int, int], int] = {}
        connection.executemany(
            "INSERT INTO events (time, series_key, context_key, session_key, user_key)"
            " VALUES (?, ?, 1, ?, ?)",
            islice(_events(events, users, random.Random(seed), tiers), events),
        )
        connection.executemany(
            "INSERT INTO user_tiers VALUES (?, ?, ?, ?)",
            ((user, _TIERS[tier], at, at) for (user, tier), at in tiers.items()),
        )
        connection.execute(
            "INSERT INTO rollup_user_day VALUES (?, 1, 1, 1, 0, ?, ?, 1)",
            (BEGIN_NS // _DAY, BEGIN_NS, BEGIN_NS),
        )
        connection.execute(
            "UPDATE store SET value = (SELECT max(event_key) + 1 FROM events)"
            " WHERE key = 'next_event_key'"
        )
    connection.close()


def _events(
    events: int, users: int, choose: random.Random, tiers: dict[tuple[int, int], int]
) -> Iterator[tuple[int, int, int, int]]:
    session = 0
    a_day = events // _DAYS + 1
    pick, draw = choose.random, choose.paretovariate
    upgrade = [int(pick() * 3 * _DAYS) for _ in range(users + 1)]
    first = [min(2, int(pick() * 2.4)) for _ in range(users + 1)]
    for day in range(_DAYS):
        made = 0
        while made < a_day:
            user = 1 + min(users - 1, int((draw(0.6) - 1) * users / 40))
            if user == users:
                user = 1 + int(pick() * users)
            session += 1
            tier = 2 if day >= upgrade[user] else first[user]
            at = BEGIN_NS + day * _DAY + int(pick() * 0.9 * _DAY)
            tiers.setdefault((user, tier), at)
            length = 1 + int(pick() * 2 * (_EVENTS_A_SESSION - 1))
            for _ in range(length):
                number = int(pick() ** 2 * len(_TYPES))
                yield at, 1 + tier + len(_TIERS) * number, session, user
                at += int(pick() * 120 * 10**9)
            made += length


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Ask each question once: ``file``, ``memory`` or ``sql``; or bring the form up: ``upkeep``."""
    path = Path(options["database"])
    connection = open_reader(path)
    if alternative == "upkeep":
        yield _upkeep(path, connection)
        return
    if alternative == "sql":
        analysis.is_available = lambda: False
    else:
        upkeep.refreshed(connection)
    found = {}
    known = catalogue()  # once a process: no part of a question
    for name, (question, parameters) in _CASES.items():
        if alternative == "file":
            upkeep.forget()
        given = {"from_ns": BEGIN_NS, "to_ns": BEGIN_NS + _DAYS * _DAY, **parameters}
        started = time.process_time()
        ask(connection, known[question], given, time_limit_ms=3_600_000)
        found[name] = time.process_time() - started
    yield found


def _upkeep(path: Path, connection: apsw.Connection) -> dict[str, Any]:
    """Build the form, then take in a tenth as many events again, a thousand at a time."""
    file = path.with_name(path.name + upkeep.SUFFIX)
    file.unlink(missing_ok=True)
    started = time.process_time()
    form = upkeep.refreshed(connection)
    built = time.process_time() - started
    writer = apsw.Connection(str(path))
    added, spent = 0, 0.0
    while added < min(form.events // 10, 50_000):
        writer.execute(
            "INSERT INTO events (time, series_key, context_key, session_key, user_key)"
            " SELECT time + 1000, series_key, 1, session_key, user_key FROM events"
            " ORDER BY event_key DESC LIMIT 1000"
        )
        added += 1000
        started = time.process_time()
        upkeep.bring_up(connection, verify=False)
        spent += time.process_time() - started
    writer.execute(
        "DELETE FROM events WHERE event_key > (SELECT max(event_key) FROM events) - ?", (added,)
    )
    writer.close()
    file.unlink()
    return {
        "built": form.events / built,
        "kept_up": added / spent,
        "octets": form.octets / form.events,
    }


def measure(run: Run) -> Report:
    """Each size by itself; the SQL at the smallest one alone."""
    sizes = [3_000] if run.quick else [200_000, 1_000_000]
    if run.options.events and run.options.events not in sizes:
        sizes.append(run.options.events)
    run.homes.mkdir(parents=True, exist_ok=True)
    tables, bars = [], []
    for events in sizes:
        database = run.homes / f"{events}" / "cortex.db"
        database.parent.mkdir()
        build(database, events, min(_USERS, events // 10))
        with_sql = events == sizes[0]
        kept = run.interleave(["upkeep"], 1, fresh=True, database=str(database))["upkeep"][0]
        names = ["file", "memory"]
        # The first process builds the form.
        run.interleave(["memory"], 1, fresh=True, database=str(database))
        rounds = 1 if run.quick else 5
        found = run.interleave(names, rounds, fresh=True, database=str(database))
        slow = (
            run.interleave(["sql"], 1, fresh=True, database=str(database))["sql"][0]
            if with_sql
            else {}
        )
        rows: list[list[Any]] = []
        for case in _CASES:
            file, memory = (harness.median(found[name], case) for name in names)
            sql = slow.get(case)
            rows.append([case, file, memory, sql, sql / memory if sql else None])
        tables.append(
            Table(
                f"CPU seconds at {events:,} events",
                ["question", "from its file", "from memory", "SQL", "SQL / memory"],
                rows,
                f"{kept['octets']:.1f} bytes an event; {kept['built']:,.0f} events/s built, "
                f"{kept['kept_up']:,.0f} events/s kept up, a thousand at a time",
            )
        )
        if events in _BARS_S:
            slowest = max(row[1] for row in rows)
            bars.append(
                Bar(f"slowest question at {events:,}, from its file", slowest, _BARS_S[events], "s")
            )
            bars.append(Bar(f"bytes an event at {events:,}", kept["octets"], _MAX_OCTETS, "bytes"))
            bars.append(
                Bar(f"microseconds an event to keep up at {events:,}", 1e6 / kept["kept_up"],
                    1e6 / _MIN_UPKEEP, "µs")
            )  # fmt: skip
    return Report(tables, bars)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--events", type=int, help="one more size")


if __name__ == "__main__":
    harness.main(__doc__, measure, child, arguments=arguments)
