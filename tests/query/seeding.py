"""Makes databases from plain events, with plain SQL: independent of the writer."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import apsw
from sessionizer import sittings

from cortex_otel.semconv import MEASURES
from cortex_otel_exporters.sqlite import schema

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
#: 2026-01-05T00:00:00Z, a Monday.
MONDAY = 1_767_571_200_000_000_000
TOOLS = ("search_context", "update_memory", "create_branch", "git_status")
_ATTRIBUTES = {name: attribute for attribute, name in MEASURES.items()}
INACTIVE = {"ext.install", "ext.error", "feature_flag.evaluation"}
UNRATED = {"ext.install", "feature_flag.evaluation"}
TIERS = ("free", "trial", "paid", "enterprise")


@dataclass(slots=True)
class Event:
    time: int
    duration: int | None = None
    service: str = "mcp"
    event_type: str = "mcp.tool_call"
    name: str = ""
    tool_name: str = ""
    tier: str = "free"
    result: str = "success"
    error_type: str = ""
    user: str = ""
    session: str = ""
    weight: float = 1.0
    error_message: str = ""
    data: dict = field(default_factory=dict)
    measures: dict = field(default_factory=dict)
    feature: str | None = None
    ide: str = "vscode"
    trace: str = ""

    @property
    def values(self) -> dict:
        """What its event values hold: ``data``, and what its measures are of."""
        return {**self.data, **{_ATTRIBUTES[name]: of for name, of in self.measures.items()}}

    @property
    def used(self) -> str:
        return self.tool_name if self.feature is None else self.feature

    @property
    def failed(self) -> bool:
        return self.result in {"error", "timeout"}

    @property
    def product(self) -> bool:
        return self.event_type not in {"span", "log"}

    @property
    def active(self) -> bool:
        return self.product and self.event_type not in INACTIVE

    @property
    def rated(self) -> bool:
        return self.product and self.event_type not in UNRATED


def bucket_of(duration: int) -> int:
    micros = duration / 1000
    return 0 if micros < 1 else min(math.floor(8 * math.log2(micros)), schema.LAST_BUCKET)


class _Keys(dict):
    def __missing__(self, key):
        self[key] = len(self) + 1
        return self[key]


def build(path: Path, events: list[Event], ledger: list[tuple] = ()) -> Path:
    """Write ``events`` and all that follows from them to a new database at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "WAL")
    schema.migrate(connection)
    with connection:
        _fill(connection, events)
        connection.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?)", ledger)
    connection.close()
    return path


def _fill(connection, events):  # noqa: PLR0912, PLR0915 - one statement a table
    segments, features, series, users, sessions = _Keys(), _Keys(), _Keys(), _Keys(), _Keys()
    shapes, platforms = _Keys(), _Keys()
    first_seen: dict[int, int] = {}
    first_active: dict[int, int] = {}
    session_rows: dict[int, list] = {}
    hours = defaultdict(lambda: [0, 0.0, 0.0, 0.0])
    days = defaultdict(lambda: [0, 0.0, 0.0, 0.0])
    hour_durations, day_durations = defaultdict(float), defaultdict(float)
    week_durations = defaultdict(float)
    lifetimes: dict[tuple, list] = {}
    user_days: dict[tuple, list] = {}
    user_features: dict[tuple, list] = {}
    user_tiers: dict[tuple, list] = {}
    asides: dict[tuple, list] = {}
    measures = defaultdict(lambda: [0.0, 0.0])
    rows = []
    for event in events:
        segment = segments[event.service, event.tier]
        feature = features[event.service, event.event_type, event.used]
        serie = series[
            event.service,
            event.event_type,
            event.name,
            event.tool_name,
            event.used,
            event.tier,
            event.result,
            "ERROR" if event.failed else "INFO",
            "server",
            event.error_type,
            feature,
            segment,
        ]
        user = users[event.user] if event.user else None
        session = sessions[event.session]
        hour, day = event.time // HOUR, event.time // DAY
        for cell in (hours[hour, serie], days[day, serie]):
            cell[0] += 1
            cell[1] += event.weight
            if event.duration is not None:
                cell[2] += event.weight
                cell[3] += round(event.weight * event.duration / 1000)
        if event.duration is not None:
            bucket = bucket_of(event.duration)
            hour_durations[hour, feature, segment, bucket] += event.weight
            day_durations[day, feature, segment, bucket] += event.weight
            week_durations[day // 7, feature, segment, bucket] += event.weight
        for measure, value in event.measures.items():
            total = measures[hour, feature, segment, measure]
            total[0] += event.weight
            total[1] += event.weight * value
        row = session_rows.setdefault(session, [user, segment, event.time, event.time, 0, 0, 0])
        end = event.time + (event.duration or 0)
        row[1:4] = [segment, min(row[2], event.time), max(row[3], end)]
        row[4] += event.product * event.weight
        row[5] += event.product * event.failed * event.weight
        row[6] = platforms[event.ide]
        if user is not None:
            first_seen[user] = min(first_seen.get(user, event.time), event.time)
            if event.active:
                first_active[user] = min(first_active.get(user, event.time), event.time)
        if user is not None and event.product:
            half_hour = 1 << (event.time % DAY // (HOUR // 2))
            row = user_days.setdefault((day, user, segment), [0.0, 0.0, 0, 0, 0, []])
            row[0] += event.weight
            row[1] += event.weight * event.failed
            row[4] |= half_hour if event.active else 0
            row[5].append((not event.active, event.time))
            if not (event.active and event.rated):
                aside = asides.setdefault((day, user, segment), [0, 0.0, 0.0])
                aside[0] |= 0 if event.active else half_hour
                aside[1] += 0 if event.rated else event.weight
                aside[2] += event.weight if event.failed and not event.rated else 0
            if event.used:
                used = user_features.setdefault((feature, user, segment, day // 32), [0.0, 0])
                used[0] += event.weight
                used[1] |= 1 << day % 32
                ends = lifetimes.setdefault((feature, user, segment), [day, day])
                ends[:] = [min(ends[0], day), max(ends[1], day)]
            seen = user_tiers.setdefault((user, event.tier), [event.time, event.time])
            seen[:] = [min(seen[0], event.time), max(seen[1], event.time)]
        rows.append(
            (
                event.time,
                event.duration,
                serie,
                session,
                user,
                None if event.weight == 1 else event.weight,
                event.error_message or None,
                shapes[json.dumps(list(event.values))] if event.values else None,
                json.dumps(list(event.values.values())) if event.values else None,
                bytes.fromhex(event.trace) or None,
            )
        )
    for row in user_days.values():
        seen_at = row.pop()
        idle = min(seen_at)[0]  # nothing of that day was use: then of all there is
        row[2:4] = min(seen_at)[1], max(at for is_idle, at in seen_at if is_idle == idle)
    many = connection.executemany
    many("INSERT INTO segments VALUES (?, ?, ?)", [(key, *of) for of, key in segments.items()])
    many(
        "INSERT INTO features (feature_key, service, event_type, feature) VALUES (?, ?, ?, ?)",
        [(key, *of) for of, key in features.items()],
    )
    many(
        "INSERT INTO series (series_key, service, event_type, name, tool_name, feature, user_tier,"
        " result, level, kind, error_type, feature_key, segment_key)"
        f" VALUES ({', '.join('?' * 13)})",
        [(key, *of) for of, key in series.items()],
    )
    many("INSERT INTO contexts VALUES (?, ?, ?, ?, ?, ?)", [(1, "s@1", "{}", "", "", '{"a": 1}')])
    many(
        "INSERT INTO platforms VALUES (?, 'linux', ?, '', '', '', '')",
        [(key, of) for of, key in platforms.items()],
    )
    many(
        "INSERT INTO users VALUES (?, ?, ?, ?)",
        [(k, of, first_seen[k], first_active.get(k)) for of, k in users.items()],
    )
    many(
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '')",
        [(key, of, *session_rows[key]) for of, key in sessions.items()],
    )
    at_once = [event for event in events if event.session and event.product]
    for one in sittings(at_once, lambda e: e.session, lambda e: e.time, lambda e: e.duration):
        last = one.events[-1]
        known = [event.user for event in one.events if event.user]
        connection.execute(
            "INSERT INTO session_parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                sessions[one.session],
                one.start,
                one.end,
                sum(event.weight for event in one.events),
                sum(event.weight for event in one.events if event.failed),
                segments[last.service, last.tier],
                users[known[-1]] if known else None,
                one.end,
            ),
        )
    many(
        "INSERT INTO events (time, duration, series_key, context_key, session_key, user_key,"
        " weight, error_message, shape_key, event_values, trace_id)"
        " VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    many("INSERT INTO shapes VALUES (?, ?)", [(key, of) for of, key in shapes.items()])
    for table, cells in (("rollup_hour", hours), ("rollup_day", days)):
        many(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?)", [(*k, *v) for k, v in cells.items()])
    for table, cells in (
        ("rollup_hour_duration", hour_durations), ("rollup_day_duration", day_durations),
        ("rollup_week_duration", week_durations),
    ):  # fmt: skip
        many(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", [(*k, v) for k, v in cells.items()])
    many(
        "INSERT INTO rollup_user_day VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*k, *v) for k, v in user_days.items()],
    )
    many(
        "INSERT INTO rollup_user_aside VALUES (?, ?, ?, ?, ?, ?)",
        [(*k, *v) for k, v in asides.items()],
    )
    many(
        "INSERT INTO rollup_user_feature_days VALUES (?, ?, ?, ?, ?, ?)",
        [(*k, *v) for k, v in user_features.items()],
    )
    many(
        "INSERT INTO rollup_user_feature VALUES (?, ?, ?, ?, ?)",
        [(*k, *v) for k, v in lifetimes.items()],
    )
    many("INSERT INTO user_tiers VALUES (?, ?, ?, ?)", [(*k, *v) for k, v in user_tiers.items()])
    many(
        "INSERT INTO rollup_measure VALUES (?, ?, ?, ?, ?, ?)",
        [(*k, *v) for k, v in measures.items()],
    )


def user_hash(number: int) -> str:
    return f"{number * 2654435761 % 2**32:08x}" * 8


def random_events(count: int, days: int, users: int, seed: int = 7) -> list[Event]:
    """``count`` events over ``days`` from :data:`MONDAY`, in the order of time."""
    choose = random.Random(seed)
    people = [
        (
            user_hash(n),
            choose.choice(("mcp", "mcp", "extension")),
            choose.choice(TIERS),
            choose.random(),
        )
        for n in range(users)
    ]
    upgrade = {n: MONDAY + choose.randrange(days * DAY) for n in range(users)}
    events = []
    for time in sorted(MONDAY + choose.randrange(days * DAY) for _ in range(count)):
        number = min(int(choose.expovariate(4 / users)), users - 1)
        user, service, tier, keen = people[number]
        if tier == "trial" and time > upgrade[number]:
            tier = "paid"
        elif tier in {"paid", "enterprise"} and time < upgrade[number] and keen < 0.6:
            tier = "free"
        result = choose.choices(("success", "error", "timeout", "cancelled"), (940, 40, 10, 10))[0]
        error = choose.choice(("ValueError", "KeyError", "OSError")) if result == "error" else ""
        if result == "timeout":
            error = "TimeoutError"
        common = {
            "time": time, "service": service, "tier": tier, "result": result, "error_type": error,
            "user": user if keen > 0.05 else "",
            "session": f"{number}-{time // (DAY // 2)}",
            "error_message": f"{error} in run:{choose.randrange(9)}" if error else "",
            "weight": 10.0 if keen > 0.9 and result == "success" else 1.0,
        }  # fmt: skip
        duration = int(choose.lognormvariate(math.log(20e6), 1.2))
        kind = choose.random()
        if service == "extension":
            type_ = choose.choice(("ext.ui_interaction", "ext.code_insert", "ext.error"))
            events.append(Event(**common, event_type=type_, feature=choose.choice("abcde")))
        elif kind < 0.6:
            tool = choose.choice(TOOLS)
            events.append(Event(**common, duration=duration, name=f"call {tool}", tool_name=tool))
        elif kind < 0.7:
            before = choose.randrange(1000, 9000)
            measured = {
                "tokens_before": before,
                "tokens_after": int(before * choose.uniform(0.1, 0.5)),
            }
            events.append(
                Event(
                    **common,
                    duration=duration,
                    event_type="mcp.compress_context",
                    measures=measured,
                )
            )
        elif kind < 0.8:
            measured = {"suggested": 3, "accepted": choose.randrange(4)}
            events.append(Event(**common, event_type="mcp.reference_suggest", measures=measured))
        else:
            events.append(Event(**common, event_type="span", name="GET", duration=duration))
    return events


def varied_events(count: int, days: int, users: int, seed: int = 11) -> list[Event]:
    """``count`` events of every type over ``days`` from :data:`MONDAY`, in the order of time.

    Users come from the 9th day on too, some only once; a session is of one service and IDE.
    """
    choose = random.Random(seed)
    events = []
    for time in sorted(MONDAY + choose.randrange(days * DAY) for _ in range(count)):
        number = min(int(choose.expovariate(5 / users)), users - 1)
        if time < MONDAY + number % 9 * DAY:
            continue
        service = "extension" if choose.random() < (0, 0.3, 0.8)[number % 3] else "mcp"
        tier = TIERS[number % 4]
        if number % 4 == 1 and time > MONDAY + 20 * DAY:
            tier = "paid"
        result = choose.choices(("success", "error", "timeout", "cancelled"), (90, 6, 2, 2))[0]
        kinds = _EXTENSION if service == "extension" else _MCP
        event_type = choose.choices(*zip(*kinds.items(), strict=True))[0]
        if event_type == "ext.error":
            result = "error"
        error = choose.choice(("ValueError", "KeyError")) if result == "error" else ""
        event = Event(
            time,
            service=service,
            event_type=event_type,
            tier=tier,
            result=result,
            error_type="TimeoutError" if result == "timeout" else error,
            user=user_hash(number) if number % 17 else "",
            session=f"{service}-{number}-{time // (DAY // 3)}",
            ide=("vscode", "cursor", "")[number % 3] if service == "extension" else "",
            weight=4.0 if number % 5 == 0 and result == "success" else 1.0,
            trace=f"{number:016x}{time // HOUR:016x}",
        )
        if event.failed:
            event.error_message = f"{error or 'TimeoutError'} at cortex.Tools:run:{number}"
        _dress(event, choose)
        events.append(event)
    return events


_MCP = {
    "mcp.tool_call": 50,
    "mcp.search_context": 12,
    "mcp.branch_create": 8,
    "span": 8,
    "mcp.compress_context": 8,
    "mcp.reference_suggest": 8,
}
_EXTENSION = {
    "ext.install": 2,
    "ext.activate": 8,
    "ext.ui_interaction": 50,
    "ext.code_insert": 20,
    "ext.error": 6,
    "ext.context_switch": 8,
}


def _dress(event: Event, choose: random.Random) -> None:
    """What an event of its type has beside the common fields."""
    duration = int(choose.lognormvariate(math.log(20e6), 1.2))
    match event.event_type:
        case "mcp.tool_call":
            event.duration = duration
            event.tool_name = f"tool_{min(int(choose.expovariate(0.3)), 15)}"
        case "mcp.search_context":
            event.duration = duration
            event.measures = {"results": choose.randrange(11)}
            if choose.random() < 0.2:
                event.measures["recall"] = choose.random()
        case "mcp.branch_create":
            event.feature = choose.choice(("automatic", "automatic", "manual", ""))
        case "mcp.compress_context":
            before = choose.randrange(1000, 9000)
            event.measures = {"tokens_before": before, "tokens_after": before // 3}
        case "mcp.reference_suggest":
            event.measures = {"suggested": 3, "accepted": choose.randrange(4)}
        case "span":
            event.duration, event.name = duration, "GET"
        case "ext.install" | "ext.activate":
            event.feature = event.ide or "unknown"
        case "ext.ui_interaction":
            event.feature = f"click {choose.choice('abcdefghijklmn')}"
        case "ext.code_insert":
            event.feature = choose.choice(("python", "go"))
            event.measures = {
                "lines_inserted": choose.randrange(40),
                "completions_accepted": choose.randrange(2),
            }
