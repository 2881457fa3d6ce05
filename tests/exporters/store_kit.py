"""Shared by the tests of the store: records, plain queries, and a check that uses no roll-ups."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import textwrap
import time  # noqa: F401 - for the code that `start` runs
from collections import defaultdict
from pathlib import Path

import apsw
from patience import PATIENCE, wait_for  # noqa: F401 - what the tests of the store import from here
from sessionizer import sittings

from cortex_otel_exporters.record import Context, MetricPoint, Record, Series, Session
from cortex_otel_exporters.sqlite.writer import Writer
from cortex_otel_exporters.vocabulary import INACTIVE_EVENT_TYPES, UNRATED_EVENT_TYPES

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
#: 2026-01-05T00:00:00Z, a Monday.
MONDAY = 1_767_571_200_000_000_000
USER = "ab" * 32

SERIES = Series(
    "mcp",
    "mcp.tool_call",
    "tools/call search",
    "search",
    "search",
    "free",
    "success",
    "INFO",
    "server",
    "",
)
CONTEXT = Context("scope@1", "{}", "", "", "{}")
SESSION = Session("session-1", "linux")


def record(number=0, **changes):
    fields = {
        "time_unix_nano": MONDAY + number * 1_000_000,
        "duration_nano": 5_000_000,
        "series": SERIES,
        "context": CONTEXT,
        "session": SESSION,
        "user_id_hash": USER,
        "trace_id": number + 1,
        "span_id": number + 1,
        "parent_span_id": 0,
        "weight": 1.0,
        "error_message": "",
        "event_data": {"number": number},
        "measures": (),
    }
    return Record(**(fields | changes))


def point(number=0, **changes):
    fields = {
        "time_unix_nano": MONDAY + number, "start_time_unix_nano": MONDAY, "name": "calls",
        "unit": "1", "kind": "sum", "service": "mcp", "user_tier": "free", "value": 1.0,
        "observations": None, "sum": None, "minimum": None, "maximum": None, "buckets": "",
        "attributes": "{}",
    }  # fmt: skip
    return MetricPoint(**(fields | changes))


def rows(path, sql, *parameters):
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(int(PATIENCE * 1000))
        return list(connection.execute(sql, parameters))
    finally:
        connection.close()


def numbers(path):
    """The ``number`` of every stored record, sorted; twice if it is stored twice."""
    sql = "SELECT json_extract(event_data, '$.number') FROM telemetry_events ORDER BY 1"
    return [row[0] for row in rows(path, sql)]


def count(path, table="events"):
    """Rows of ``table``; 0 while there is no database."""
    with contextlib.suppress(apsw.Error):
        return rows(path, f"SELECT count(*) FROM {table}")[0][0]
    return 0


def ledger(path, signal="event"):
    sql = (
        "SELECT outcome, reason, sum(records) FROM ledger WHERE signal = ? GROUP BY outcome, reason"
    )
    return {
        f"{outcome}|{reason}".rstrip("|"): total
        for outcome, reason, total in rows(path, sql, signal)
    }


def heartbeats(home):
    return [json.loads(path.read_bytes()) for path in sorted((home / "writers").glob("*.json"))]


class PatientWriter(Writer):
    """Waits as long as a test does, where a test doesn't say how long."""

    def force_flush(self, timeout_millis=PATIENCE * 1000):
        return super().force_flush(timeout_millis)

    def shutdown(self, timeout_millis=PATIENCE * 1000):
        return super().shutdown(timeout_millis)

    def prepare_to_fork(self, patience_seconds=PATIENCE):
        return super().prepare_to_fork(patience_seconds)


def start(code, *arguments, **settings):
    """Another Python process that runs ``code``, where ``path`` is its first argument."""
    here = Path(__file__).parent
    prelude = f"import sys; sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]\n"
    prelude += "from pathlib import Path\nfrom store_kit import *\n"
    prelude += "Writer = PatientWriter\n"
    prelude += "path = Path(sys.argv[1])\n"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "CORTEX_", "PYTEST_"))
    }
    environment |= settings.pop("env", {})
    process = subprocess.Popen(
        [sys.executable, "-c", prelude + textwrap.dedent(code), *map(str, arguments)],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        **settings,
    )
    started.append(process)
    return process


#: Processes of the test under way; what is left of them ends with it.
started = []


def end_all():
    while started:
        process = started.pop()
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()
        process.wait()


def end(process, seconds=PATIENCE, *, quiet=True):
    """Wait for ``process``; its exit status."""
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"hangs: {process.communicate()}") from None
    assert not quiet or (output, errors) == ("", "")
    return process.returncode


@contextlib.contextmanager
def held(path, mode="IMMEDIATE"):
    """Another connection that holds the database."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(int(PATIENCE * 1000))
    connection.execute(f"BEGIN {mode}")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def bucket_of(duration):
    return 0 if duration <= 1000 else min(320, math.floor(8 * math.log2(duration / 1000)))


def verify(path):  # noqa: PLR0915 - a line or two a table
    """Assert that the file is sound and that roll-ups, sessions and ledger say what rows say."""
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    _verify_ledger(path)
    hours, days = defaultdict(lambda: [0, 0, 0, 0]), defaultdict(lambda: [0, 0, 0, 0])
    hour_durations, day_durations = defaultdict(float), defaultdict(float)
    week_durations = defaultdict(float)
    user_days, user_features, tiers, of_sessions = {}, {}, {}, []
    no_session = {
        key for (key,) in rows(path, "SELECT session_key FROM sessions WHERE session_id = ''")
    }
    lifetimes, asides, user_times = {}, {}, {}
    first_seen, first_active = {}, {}
    events = rows(
        path,
        "SELECT e.time, e.duration, e.series_key, s.feature_key, s.segment_key, e.user_key,"
        " e.session_key, coalesce(e.weight, 1.0), s.event_type, s.feature, s.user_tier, s.result"
        " FROM events e JOIN series s USING (series_key)",
    )
    for event in events:
        (at, duration, series, feature_key, segment, user, session, weight, event_type, feature,
         tier, result) = event  # fmt: skip
        hour, day = at // HOUR, at // DAY
        failed, product = result in {"error", "timeout"}, event_type not in {"span", "log"}
        active = event_type not in INACTIVE_EVENT_TYPES
        rated = event_type not in UNRATED_EVENT_TYPES
        for cell in (hours[hour, series], days[day, series]):
            cell[0] += 1
            cell[1] += weight
            if duration is not None:
                cell[2] += weight
                cell[3] += round(weight * duration / 1000)
        if duration is not None:
            hour_durations[hour, feature_key, segment, bucket_of(duration)] += weight
            day_durations[day, feature_key, segment, bucket_of(duration)] += weight
            week_durations[day // 7, feature_key, segment, bucket_of(duration)] += weight
        if product and session not in no_session:
            of_sessions.append((session, at, duration, weight, failed, segment, user))
        if user is None:
            continue
        first_seen[user] = min(at, first_seen.get(user, at))
        if active:
            first_active[user] = min(at, first_active.get(user, at))
        if not product:
            continue
        half_hour = 1 << (at % DAY // (HOUR // 2))
        row = user_days.setdefault((day, user, segment), [0, 0, 0, 0, 0])
        row[0] += weight
        row[1] += weight if failed else 0
        row[4] |= half_hour if active else 0
        user_times.setdefault((day, user, segment), []).append((not active, at))
        if not (active and rated):
            aside = asides.setdefault((day, user, segment), [0, 0, 0])
            aside[0] |= 0 if active else half_hour
            aside[1] += 0 if rated else weight
            aside[2] += weight if failed and not rated else 0
        if feature:
            used = user_features.setdefault((feature_key, user, segment, day // 32), [0.0, 0])
            used[0] += weight
            used[1] |= 1 << day % 32
            ends = lifetimes.setdefault((feature_key, user, segment), [day, day])
            ends[:] = [min(ends[0], day), max(ends[1], day)]
        seen = tiers.setdefault((user, tier), [at, at])
        seen[:] = [min(seen[0], at), max(seen[1], at)]

    _same(path, "rollup_hour", 2, hours)
    _same(path, "rollup_day", 2, days)
    _same(path, "rollup_hour_duration", 4, hour_durations)
    _same(path, "rollup_day_duration", 4, day_durations)
    _same(path, "rollup_week_duration", 4, week_durations)
    _same(path, "rollup_user_feature", 3, lifetimes)
    for key, row in user_days.items():
        idle = min(user_times[key])[0]  # nothing of that day was use: then of all there is
        times = [at for is_idle, at in user_times[key] if is_idle == idle]
        row[2:4] = min(times), max(times)
    _same(path, "rollup_user_day", 3, user_days)
    _same(path, "rollup_user_aside", 3, asides)
    _same(path, "rollup_user_feature_days", 4, user_features)
    _same(path, "user_tiers", 2, tiers)
    _verify_sessions(path, of_sessions)
    # A batch that the store refused may have left the key of a user, never a count.
    known = dict(rows(path, "SELECT user_key, first_seen FROM users"))
    assert {user: known[user] for user in first_seen} == first_seen
    known = rows(path, "SELECT user_key, first_active FROM users WHERE first_active IS NOT NULL")
    assert dict(known) == first_active
    return len(events)


def _verify_sessions(path, events):
    expected = {}
    for one in sittings(events, lambda e: e[0], lambda e: e[1], lambda e: e[2]):
        users = [(at, user) for _, at, *_, user in one.events if user is not None]
        expected[one.session, one.start] = [
            one.end,
            sum(weight for _, _, _, weight, *_ in one.events),
            sum(weight for _, _, _, weight, failed, *_ in one.events if failed),
            max((at, segment) for _, at, _, _, _, segment, _ in one.events)[1],
            max(users)[1] if users else -1,
        ]
    columns = "session_key, start_time, end_time, events, errors, segment_key"
    _same(path, f"(SELECT {columns}, coalesce(user_key, -1) FROM session_parts)", 2, expected)


def _same(path, table, keys, expected):
    found = {row[:keys]: list(row[keys:]) for row in rows(path, f"SELECT * FROM {table}")}
    wanted = {
        key if isinstance(key, tuple) else (key,): value if isinstance(value, list) else [value]
        for key, value in expected.items()
    }
    assert found.keys() == wanted.keys(), table
    for key, value in wanted.items():
        pairs = zip(found[key], value, strict=True)
        assert all(math.isclose(a, b, rel_tol=1e-9) for a, b in pairs), (table, key)


def _verify_ledger(path):
    for signal, table in (("event", "events"), ("metric", "telemetry_metrics")):
        counts = ledger(path, signal)
        dropped = sum(total for key, total in counts.items() if key.startswith("dropped"))
        stored = counts.get("stored", 0)
        assert stored == count(path, table)
        assert counts.get("received", 0) == stored + counts.get("sampled_out", 0) + dropped, counts
