"""What is left of roll-ups, sessions and users once all events before a moment are deleted.

Rows of whole units before that moment are deleted as they are (:mod:`.expiry`); here those go on
that it cuts: its hour, day, week and block of 32 days, sessions that lasted over it, and when users
were first seen. They are derived again of the events that are left, and sums of longer units of the
hours that are left, so that the store is one that never had what lay before. What sampling left out
is no event: its half hours and days stay as they are.

Where retention had deleted events after that moment too, the counts of users in what is cut are
shared out by the half hours, or days, that are left.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from cortex_otel_exporters.presence import HALF_HOUR_NS
from cortex_otel_exporters.sqlite.expiry import NS_A_DAY, NS_AN_HOUR, enter
from cortex_otel_exporters.sqlite.orphans import KEYS_DELETED
from cortex_otel_exporters.sqlite.sessions import count_again, recut
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

__all__ = ["blank_last", "cut_off"]

_HOURS_A_DAY, _HOURS_A_WEEK = 24, 168
_HALF_HOURS_A_DAY: Final = 48
_DAYS_A_BLOCK: Final = 32
_ALL: Final = (1 << 62) - 1
#: In place of a name that has to stay, because its key must not be given again.
_NOBODY: Final = "erased-"


def cut_off(
    connection: apsw.Connection,
    before_ns: int,
    add_hour: Callable[[int, int], None],
) -> bool:
    """Derive anew what holds something from before a moment, in one transaction.

    Args:
        connection: for writing, outside a transaction; all events and whole units from before that
            moment are deleted.
        before_ns: Unix ns.
        add_hour: adds the events from one moment to another, of one hour, to its sums that name
            nobody.

    Returns:
        Whether all events since then are there to derive it of.

    Raises:
        apsw.Error: a trouble of the store; nothing was changed.
    """
    with transaction(connection):
        events_from = connection.execute("SELECT value FROM store WHERE key = 'events_from'").get
        is_complete = (events_from or 0) <= before_ns
        if is_complete and before_ns % NS_AN_HOUR:
            _cut_hour(connection, before_ns, add_hour)
        _cut_sums(connection, before_ns)
        if before_ns % NS_A_DAY:
            _cut_user_day(connection, before_ns, is_complete=is_complete)
        _cut_features(connection, before_ns, is_complete=is_complete)
        _cut_sessions(connection, before_ns, is_complete=is_complete)
        _cut_users(connection, before_ns)
        # A named metric of an hour, day or week that is cut.
        connection.execute(_CUT_METRICS, (before_ns,))
    return is_complete


def _cut_hour(
    connection: apsw.Connection, before_ns: int, add_hour: Callable[[int, int], None]
) -> None:
    hour = before_ns // NS_AN_HOUR
    for table in ("rollup_hour", "rollup_hour_duration", "rollup_measure"):
        connection.execute(f"DELETE FROM {table} WHERE hour = ?", (hour,))  # noqa: S608 - our own names
    add_hour(before_ns, (hour + 1) * NS_AN_HOUR)


def _cut_sums(connection: apsw.Connection, before_ns: int) -> None:
    """Days and weeks are their hours added up."""
    hour = before_ns // NS_AN_HOUR
    for unit, hours, table, keys, sums in (
        ("day", _HOURS_A_DAY, "", "series_key", ("stored", "events", "timed", "duration_us")),
        ("day", _HOURS_A_DAY, "_duration", "feature_key, segment_key, bucket", ("events",)),
        ("week", _HOURS_A_WEEK, "_duration", "feature_key, segment_key, bucket", ("events",)),
    ):
        if before_ns % (hours * NS_AN_HOUR) == 0:
            continue
        at = hour // hours
        added = ", ".join(f"sum({each})" for each in sums)
        connection.execute(f"DELETE FROM rollup_{unit}{table} WHERE {unit} = ?", (at,))  # noqa: S608
        connection.execute(
            f"INSERT INTO rollup_{unit}{table} SELECT ?1, {keys}, {added} FROM rollup_hour{table}"  # noqa: S608
            f" WHERE hour >= ?1 * {hours} AND hour < (?1 + 1) * {hours} GROUP BY {keys}",
            (at,),
        )


def _cut_user_day(connection: apsw.Connection, before_ns: int, *, is_complete: bool) -> None:
    day = before_ns // NS_A_DAY
    # A half hour that is cut itself is in the events, or else stays.
    whole = -(-(before_ns % NS_A_DAY) // HALF_HOUR_NS)
    first = whole if is_complete else before_ns % NS_A_DAY // HALF_HOUR_NS
    later = _ALL & ~((1 << first) - 1)
    left: dict[tuple[int, int], tuple[Any, ...]] = {}
    if is_complete:
        for user_key, segment_key, *of in connection.execute(
            _LEFT_OF_DAY, (before_ns, (day + 1) * NS_A_DAY)
        ):
            left[user_key, segment_key] = tuple(of)
    old = list(connection.execute("SELECT * FROM rollup_user_day WHERE day = ?", (day,)))
    asides = {
        (user, segment): of
        for _, user, segment, *of in connection.execute(
            "SELECT * FROM rollup_user_aside WHERE day = ?", (day,)
        )
    }
    for table in ("rollup_user_day", "rollup_user_aside"):
        connection.execute(f"DELETE FROM {table} WHERE day = ?", (day,))  # noqa: S608
    rows, aside_rows = [], []
    for _, user, segment, *known, first_time, last_time, half_hours in old:
        aside = asides.get((user, segment), (0, 0, 0))
        of = left.get((user, segment))
        events_bits, aside_bits = (of[6] or 0, of[7] or 0) if of is not None else (0, 0)
        bits = half_hours & later | events_bits
        of_aside = aside[0] & later | aside_bits
        if not bits | of_aside:
            continue
        shown = bits or of_aside
        if is_complete:
            counts = of[:4] if of is not None else (0, 0, 0, 0)
        else:
            share = _share(shown, half_hours or aside[0])
            counts = tuple(each * share for each in (*known, *aside[1:]))
        times = of[4:6] if of is not None and (events_bits or not bits) else (None, None)
        without = shown & ~(events_bits if bits else aside_bits)
        rows.append((
            day, user, segment, *counts[:2],
            _first(day, without, times[0], first_time, before_ns),
            _last(day, without, times[1], last_time, before_ns), bits,
        ))  # fmt: skip
        if of_aside or counts[2]:
            aside_rows.append((day, user, segment, of_aside, *counts[2:]))
    connection.executemany("INSERT INTO rollup_user_day VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany("INSERT INTO rollup_user_aside VALUES (?, ?, ?, ?, ?, ?)", aside_rows)


def _share(left: int, of: int) -> float:
    return left.bit_count() / max(1, of.bit_count())


def _first(day: int, half_hours: int, of_events: int | None, known: int, before_ns: int) -> int:
    """When a user was first there that day: in half hours without events, when those began."""
    if known >= before_ns and (half_hours or of_events is None):
        return known
    found = [] if of_events is None else [of_events]
    if half_hours:
        bit = (half_hours & -half_hours).bit_length() - 1
        found.append(max(before_ns, day * NS_A_DAY + bit * HALF_HOUR_NS))
    return min(found)


def _last(day: int, half_hours: int, of_events: int | None, known: int, before_ns: int) -> int:
    if half_hours and known >= before_ns:
        return known
    found = [] if of_events is None else [of_events]
    if half_hours:
        bit = half_hours.bit_length() - 1
        found.append(max(before_ns, day * NS_A_DAY + bit * HALF_HOUR_NS))
    return max(found)


def _cut_features(connection: apsw.Connection, before_ns: int, *, is_complete: bool) -> None:
    """Used features in the block of days that is cut, and the first and last of those days."""
    day = before_ns // NS_A_DAY
    block, place = divmod(day, _DAYS_A_BLOCK)
    is_day_cut = before_ns % NS_A_DAY != 0
    if not place and not is_day_cut:
        return
    # The day that is cut itself is in the events, or else stays.
    later = _ALL & ~((1 << (place + (is_day_cut and is_complete))) - 1)
    left: dict[tuple[int, ...], tuple[float, int]] = {}
    if is_complete:
        until = (block + 1) * _DAYS_A_BLOCK * NS_A_DAY
        for *key, events, days in connection.execute(_LEFT_OF_BLOCK, (before_ns, until)):
            left[tuple(key)] = events, days
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS cut_uses (f, u, s, PRIMARY KEY (f, u, s))")
    connection.execute("DELETE FROM cut_uses")
    rows, gone = [], []
    for *key, events, days in connection.execute(
        "SELECT feature_key, user_key, segment_key, events, days FROM rollup_user_feature_days"
        " WHERE block = ?",
        (block,),
    ):
        of_events = left.get(tuple(key), (0, 0))
        bits = days & later | of_events[1]
        if not bits:
            gone.append((*key, block))
        elif bits != days:
            counted = of_events[0] if is_complete else events * _share(bits, days)
            rows.append((counted, bits, *key, block))
        elif is_complete and of_events[0] != events:  # a part of the day that is cut
            rows.append((of_events[0], bits, *key, block))
    of = " WHERE feature_key = ? AND user_key = ? AND segment_key = ? AND block = ?"
    connection.executemany(f"DELETE FROM rollup_user_feature_days{of}", gone)  # noqa: S608
    connection.executemany(f"UPDATE rollup_user_feature_days SET events = ?, days = ?{of}", rows)  # noqa: S608
    connection.executemany(
        "INSERT OR IGNORE INTO cut_uses VALUES (?, ?, ?)", [key[:3] for key in gone]
    )
    connection.execute(
        "INSERT OR IGNORE INTO cut_uses SELECT feature_key, user_key, segment_key"
        " FROM rollup_user_feature WHERE first_day <= ?",
        (day,),
    )
    days_of: dict[tuple[int, ...], tuple[int, int]] = {}
    for *key, at, days in connection.execute(_USES):
        bounds = _bounds(at, days)
        known = days_of.get(tuple(key), bounds)
        days_of[tuple(key)] = min(known[0], bounds[0]), max(known[1], bounds[1])
    connection.execute(_DELETE_USES)
    connection.executemany(
        "INSERT INTO rollup_user_feature VALUES (?, ?, ?, ?, ?)",
        [(*key, *bounds) for key, bounds in days_of.items()],
    )
    connection.execute("DELETE FROM cut_uses")


def _bounds(block: int, days: int) -> tuple[int, int]:
    start = block * _DAYS_A_BLOCK
    return start + (days & -days).bit_length() - 1, start + days.bit_length() - 1


def _cut_sessions(connection: apsw.Connection, before_ns: int, *, is_complete: bool) -> None:
    half_hour, rest = divmod(before_ns, HALF_HOUR_NS)
    # The table is in the order of sessions: it is read whole, and what is found is little.
    keys = [
        int(key)
        for (key,) in connection.execute(
            "SELECT DISTINCT session_key FROM session_half_hours WHERE half_hour < ?", (half_hour,)
        )
    ]
    for key in keys:
        connection.execute(
            "DELETE FROM session_half_hours WHERE session_key = ? AND half_hour < ?",
            (key, half_hour),
        )
    recut(connection, keys)
    if rest and is_complete:
        cells = connection.execute(
            "SELECT session_key, half_hour FROM session_half_hours"
            " WHERE half_hour = ? AND first_time < ?",
            (half_hour, before_ns),
        )
        count_again(connection, [(int(key), int(at)) for key, at in cells])


def _cut_users(connection: apsw.Connection, before_ns: int) -> None:
    """When users were first seen, in which tiers: as if they were recorded from then on."""
    connection.execute("DELETE FROM user_tiers WHERE last_seen < ?", (before_ns,))
    if not connection.execute(
        "SELECT EXISTS (SELECT 1 FROM users WHERE first_seen < ?)", (before_ns,)
    ).get:
        return
    for statement in _SEEN:
        connection.execute(statement)
    connection.execute(_OF_EVENTS, (before_ns,))
    connection.execute(_OF_DAYS)
    connection.execute(_TIERS, (before_ns,))
    # Where not even a roll-up is left of that tier, its last time is all that is known.
    connection.execute(
        "UPDATE user_tiers SET first_seen = last_seen WHERE first_seen < ?", (before_ns,)
    )
    connection.execute(_USERS, (before_ns,))
    connection.execute("DROP TABLE temp.seen")


def blank_last(connection: apsw.Connection, before_ns: int) -> None:
    """Take all that says something off the rows whose keys must not be given again.

    Args:
        connection: for writing, outside a transaction.
        before_ns: Unix ns; from before that nothing is to be left.

    Raises:
        apsw.Error: a trouble of the store; nothing was changed.
    """
    with transaction(connection):
        user = connection.execute("SELECT max(user_key) FROM users").get
        used = " UNION ALL ".join(f"SELECT 1 FROM {each} WHERE user_key = ?1" for each in _OF_USER)  # noqa: S608
        is_named = "SELECT 1 FROM users WHERE user_key = ?1 AND user_id_hash NOT GLOB 'erased-*'"
        if connection.execute(f"SELECT EXISTS ({is_named}) AND NOT EXISTS ({used})", (user,)).get:
            connection.execute("DELETE FROM user_tiers WHERE user_key = ?", (user,))
            connection.execute(
                "UPDATE users SET user_id_hash = ?, first_seen = 0, first_active = NULL"
                " WHERE user_key = ?",
                (_NOBODY + secrets.token_hex(8), user),
            )
            connection.execute(KEYS_DELETED)
            enter(connection, "user", "erased", 1)
        connection.execute(_BLANK_METRIC, (before_ns,))
        session = connection.execute("SELECT max(session_key) FROM sessions").get
        used = " UNION ALL ".join(
            f"SELECT 1 FROM {each} WHERE session_key = ?1"  # noqa: S608
            for each in ("session_parts", "session_half_hours", "events")
        )
        connection.execute(
            "UPDATE sessions SET session_id = ?2, instance_id = NULL, user_key = NULL"  # noqa: S608
            " WHERE session_key = ?1 AND session_id <> '' AND session_id NOT GLOB 'erased-*'"
            f" AND NOT EXISTS ({used})",
            (session, _NOBODY + secrets.token_hex(8)),
        )
        if connection.changes():
            connection.execute(KEYS_DELETED)


_OF_USER: Final = (
    "rollup_user_day", "rollup_user_aside", "rollup_user_feature_days", "rollup_user_feature",
    "session_parts", "session_half_hours", "events",
)  # fmt: skip
_LEFT_OF_DAY: Final = f"""
SELECT
    e.user_key, s.segment_key,
    sum(coalesce(e.weight, 1)), sum(coalesce(e.weight, 1) * s.is_failed),
    sum(coalesce(e.weight, 1) * (1 - s.in_error_rate)),
    sum(coalesce(e.weight, 1) * (1 - s.in_error_rate) * s.is_failed),
    coalesce(min(e.time) FILTER (WHERE s.is_active = 1), min(e.time)),
    coalesce(max(e.time) FILTER (WHERE s.is_active = 1), max(e.time)),
    sum(DISTINCT 1 << e.time / {HALF_HOUR_NS} % {_HALF_HOURS_A_DAY}) FILTER (WHERE s.is_active = 1),
    sum(DISTINCT 1 << e.time / {HALF_HOUR_NS} % {_HALF_HOURS_A_DAY}) FILTER (WHERE s.is_active = 0)
FROM events e JOIN series s ON s.series_key = e.series_key
WHERE e.time >= ? AND e.time < ? AND e.user_key IS NOT NULL AND s.is_product = 1
GROUP BY e.user_key, s.segment_key
"""  # noqa: S608 - our own numbers
_LEFT_OF_BLOCK: Final = f"""
SELECT
    s.feature_key, e.user_key, s.segment_key, sum(coalesce(e.weight, 1)),
    sum(DISTINCT 1 << e.time / {NS_A_DAY} % {_DAYS_A_BLOCK})
FROM events e JOIN series s ON s.series_key = e.series_key
WHERE e.time >= ? AND e.time < ? AND e.user_key IS NOT NULL AND s.is_product = 1
  AND s.feature <> ''
GROUP BY s.feature_key, e.user_key, s.segment_key
"""  # noqa: S608
_CUT_METRICS: Final = """
DELETE FROM telemetry_metrics
WHERE start_timestamp < ?1 AND timestamp >= ?1 AND kind IN ('hourly', 'daily', 'weekly')
  AND id < (SELECT max(id) FROM telemetry_metrics)
"""
# So old that it expires as soon as there is another one.
_BLANK_METRIC: Final = """
UPDATE telemetry_metrics SET timestamp = 0, start_timestamp = 0, metric_name = '', unit = '',
    kind = 'gauge', service = '', user_tier = '', value = 0, count = NULL, sum = NULL, min = NULL,
    max = NULL, buckets = NULL, attributes = '{}', identity = NULL
WHERE id = (SELECT max(id) FROM telemetry_metrics)
  AND (timestamp < ?1 OR start_timestamp < ?1 AND kind IN ('hourly', 'daily', 'weekly'))
"""
_USES: Final = """
SELECT d.feature_key, d.user_key, d.segment_key, d.block, d.days
FROM cut_uses c CROSS JOIN rollup_user_feature_days d
WHERE d.feature_key = c.f AND d.user_key = c.u AND d.segment_key = c.s
"""
_DELETE_USES: Final = """
DELETE FROM rollup_user_feature
WHERE (feature_key, user_key, segment_key) IN (SELECT f, u, s FROM cut_uses)
"""
_SEEN: Final = (
    "DROP TABLE IF EXISTS temp.seen",
    "CREATE TEMP TABLE seen (user_key, user_tier, at INTEGER, active INTEGER)",
)
# An empty tier is one, too; none is what isn't of the product.
_OF_EVENTS: Final = """
INSERT INTO seen
SELECT e.user_key, CASE WHEN s.is_product = 1 THEN s.user_tier END, min(e.time),
    min(e.time) FILTER (WHERE s.is_active = 1)
FROM events e JOIN series s ON s.series_key = e.series_key
WHERE e.user_key IN (SELECT user_key FROM users WHERE first_seen < ?)
GROUP BY 1, 2
"""
_OF_DAYS: Final = """
INSERT INTO seen
SELECT d.user_key, g.user_tier, min(d.first_time),
    min(d.first_time) FILTER (WHERE d.half_hours <> 0)
FROM rollup_user_day d JOIN segments g ON g.segment_key = d.segment_key
GROUP BY 1, 2
"""
_TIERS: Final = """
UPDATE user_tiers SET first_seen = f.at
FROM (SELECT user_key, user_tier, min(at) AS at FROM seen GROUP BY 1, 2) f
WHERE f.user_key = user_tiers.user_key AND f.user_tier = user_tiers.user_tier
  AND user_tiers.first_seen < ?
"""
_USERS: Final = """
UPDATE users SET first_seen = f.at, first_active = f.active
FROM (SELECT user_key, min(at) AS at, min(active) AS active FROM seen GROUP BY 1) f
WHERE f.user_key = users.user_key AND users.first_seen < ?
"""
