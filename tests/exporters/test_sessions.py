"""Sessions against a plain sessionizer, in whatever order, batches and processes events come."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sessionizer import HALF_HOUR
from store_kit import DAY, HOUR, MONDAY, SERIES, SESSION, USER, record, rows, verify

from cortex_otel_exporters.sqlite.store import Store

MINUTE = HOUR // 60
OTHER = "cd" * 32

#: A step from one event to the next: mostly small, at times just about what ends a session.
steps = st.one_of(
    st.integers(0, 40 * MINUTE),
    st.sampled_from(
        [0, 1, 30 * MINUTE - 1, 30 * MINUTE, 30 * MINUTE + 1, 23 * HOUR, DAY, DAY + 1, 40 * DAY]
    ),
)
durations = st.one_of(
    st.none(), st.integers(0, 50 * MINUTE), st.sampled_from([26 * HOUR, 23 * HOUR, 400 * DAY])
)


@st.composite
def streams(draw):
    """Records of a few sessions and users, in any order, and how they come in batches."""
    at, found = MONDAY + draw(st.integers(0, DAY)), []
    for number in range(draw(st.integers(1, 24))):
        at += draw(steps)
        result = draw(st.sampled_from(["success", "error", "timeout"]))
        tier = draw(st.sampled_from(["free", "trial", "paid"]))
        found.append(
            record(
                number,
                time_unix_nano=at,
                duration_nano=draw(durations),
                series=SERIES._replace(
                    result=result,
                    user_tier=tier,
                    event_type=draw(st.sampled_from(["mcp.tool_call"] * 5 + ["span"])),
                ),
                session=SESSION._replace(session_id=draw(st.sampled_from(["a", "a", "b", ""]))),
                user_id_hash=draw(st.sampled_from([USER, OTHER, ""])),
            )
        )
    found = draw(st.permutations(found))
    cuts = sorted(draw(st.sets(st.integers(1, 24), max_size=6)))
    return [found[a:b] for a, b in zip([0, *cuts], [*cuts, len(found)], strict=True) if found[a:b]]


def write(store, batch):
    received = Counter({("event", "received", ""): len(batch)})
    assert store.write(batch, [], received).trouble == ""


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=streams())
def test_any_stream_of_two_writers_gives_the_sessions_of_the_definition(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("store") / "home" / "cortex.db"
    writers = [Store(path, synchronous="OFF"), Store(path, synchronous="OFF")]
    for number, batch in enumerate(batches):
        write(writers[number % 2], batch)
    for one in writers:
        one.close()
    verify(path)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    starts=st.permutations(range(0, 110 * HALF_HOUR, 25 * MINUTE)),
    size=st.integers(1, 40),
)
def test_days_without_a_pause_are_cut_after_a_day_each(tmp_path_factory, starts, size):
    path = tmp_path_factory.mktemp("store") / "home" / "cortex.db"
    store = Store(path, synchronous="OFF")
    for start in range(0, len(starts), size):
        write(
            store,
            [record(n, time_unix_nano=MONDAY + n) for n in starts[start : start + size]],
        )
    store.close()
    verify(path)
    lengths = [end - start for start, end in rows(path, PARTS)]
    assert len(lengths) == 3
    assert all(length <= DAY for length in lengths)


PARTS = "SELECT start_time, end_time FROM session_parts ORDER BY session_key, start_time"


def parts_of(path, *hours, **changes):
    store = Store(path)
    for hour in hours:  # a batch each
        at = MONDAY + int(hour * HOUR)
        write(store, [record(0, time_unix_nano=at, duration_nano=None, **changes)])
    store.close()
    verify(path)
    return [((start - MONDAY) / HOUR, (end - MONDAY) / HOUR) for start, end in rows(path, PARTS)]


def test_exactly_half_an_hour_is_the_same_session(path):
    assert parts_of(path, 0, 0.5, 1) == [(0, 1)]


def test_more_than_that_is_another(path):
    assert len(parts_of(path, 0, 0.5 + 1e-9)) == 2


def test_what_comes_late_joins_two(path):
    assert parts_of(path, 0, 0.75) == [(0, 0), (0.75, 0.75)]
    assert parts_of(path, 0.4) == [(0, 0.75)]


def test_midnight_is_nothing(path):
    assert parts_of(path, 23.9, 24.1) == [(23.9, 24.1)]


def test_a_clock_that_jumps_stretches_nothing(path):
    assert parts_of(path, 0, 24 * 365, 0.25, -24 * 365) == [
        (-24 * 365, -24 * 365), (0, 0.25), (24 * 365, 24 * 365),
    ]  # fmt: skip


def test_tier_and_service_are_those_of_the_latest_event_not_of_the_last_written(path):
    store = Store(path)
    for hour, tier in ((0.2, "paid"), (0.1, "free")):
        at = MONDAY + int(hour * HOUR)
        write(store, [record(time_unix_nano=at, series=SERIES._replace(user_tier=tier))])
    store.close()
    assert rows(path, "SELECT user_tier, part FROM telemetry_user_sessions") == [("paid", 1)]


def test_parts_are_numbered_in_the_order_of_time_and_events_say_theirs(path):
    parts_of(path, 5, 0, 9)
    assert rows(path, "SELECT part FROM telemetry_user_sessions ORDER BY start_time") == [
        (1,), (2,), (3,),
    ]  # fmt: skip
    sql = "SELECT session_part FROM telemetry_events ORDER BY timestamp"
    assert rows(path, sql) == [(1,), (2,), (3,)]


@pytest.mark.parametrize("session_id", ["", "s"])
def test_what_belongs_to_no_session_makes_none(path, session_id):
    store = Store(path)
    write(store, [record(session=SESSION._replace(session_id=session_id))])
    store.close()
    found = rows(path, "SELECT count(*) FROM session_parts")
    assert found == [(int(bool(session_id)),)]
    assert rows(path, "SELECT session_part FROM telemetry_events") == [(1 if session_id else None,)]
