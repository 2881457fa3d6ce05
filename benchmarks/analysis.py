"""Ordered questions over the whole history: the analysis engine against SQLite and DuckDB.

Funnels, retention and session paths of 50,000 users, in CPU seconds: the engine from its file (what
``cortex-otel query`` does) and once more from memory (``cortex-otel serve``); the SQL that is the
definition of each question; and DuckDB on all cores, on a table of its own of the same events, with
the same funnel in its SQL. Also what keeping the file up to date costs, and its size.
"""

from __future__ import annotations

import random
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
from _harness import Bar, Report, Table

import _harness as harness

from cortex_otel_exporters.sqlite import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _harness import Run

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
            "INSERT INTO users VALUES (?, ?, ?)",
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
