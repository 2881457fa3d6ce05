"""Users, their sessions and days, against plain Python over the events."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from counting import (
    ask,
    chosen,
    day_of,
    error_rate_of,
    failed_of,
    is_over,
    is_partial,
    local_day,
    mean_ms,
    ratio,
    sittings_of,
    users_of,
    weight_of,
)
from seeding import DAY, HOUR, MONDAY, Event, user_hash

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run

HALF = HOUR // 2
RANGES = [
    (MONDAY, MONDAY + 40 * DAY),
    (MONDAY + 3 * DAY + 5 * HOUR + 17, MONDAY + 19 * DAY + 7 * HOUR + 1_234_567),
    (MONDAY + 30 * DAY + 1, MONDAY + 30 * DAY + 7 * HOUR),
    (MONDAY - 5 * DAY, MONDAY - DAY),
]
FILTERS = [{}, {"service": "mcp"}, {"service": "extension", "user_tier": "paid"}]
ZONES = ["UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu"]
PEOPLE = [user_hash(1), user_hash(5), user_hash(44), user_hash(6)[:3]]


def last_use(events):
    return max((event for event in events if event.active), key=lambda event: event.time)


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("filters", FILTERS)
def test_active_users(varied_store, varied, tz, filters):
    to_ns = MONDAY + 36 * DAY + 5 * HOUR
    days = defaultdict(set)
    for event in chosen(varied, 0, 1 << 62, **filters):
        if event.active:
            days[local_day(event, tz)].add(event.user)
    last, first = day_of(to_ns, tz) - 1, local_day(next(e for e in varied if e.active), tz)

    def active(count, until=last):
        of = (days[day] for day in range(until - count + 1, until + 1))
        return len(set().union(*of) - {""})

    for from_ns in (0, MONDAY + 33 * DAY, to_ns - HOUR):
        given = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": tz, **filters}
        (row,) = ask(varied_store, "active_users", **given)
        found = row["day"], row["dau"], row["wau"], row["mau"], row["partial"]
        assert found == (last, active(1), active(7), active(30), 0)
        # Of the days that end 30 recorded ones: the first is the 30th of the store.
        full = range(max(day_of(from_ns, tz), first + 29), last + 1)
        monthly = sum(active(30, day) for day in full)
        assert row["stickiness"] == ratio(sum(active(1, day) for day in full), monthly)


@pytest.mark.parametrize("tz", ["UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize("by", ["tier", "service"])
def test_daily_users_by_tier_or_service(varied_store, varied, tz, by):
    from_ns, to_ns = MONDAY + 9 * DAY + HOUR, MONDAY + 16 * DAY
    days = defaultdict(set)
    for event in varied:
        if event.active and event.user:
            days[local_day(event, tz), getattr(event, by)].add(event.user)
    given = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": tz, "breakdown": by}
    rows = ask(varied_store, "dau", **given)
    of_range = range(day_of(from_ns, tz), day_of(to_ns - 1, tz) + 1)
    values = sorted({value for day, value in days if day in of_range})
    assert [(row["day"], row["breakdown"], row["users"]) for row in rows] == [
        (day, value, len(days[day, value])) for day in of_range for value in values
    ]


def test_active_users_of_less_than_30_days_say_so(varied_store):
    for days, partial in ((29, 1), (30, 0)):
        (row,) = ask(varied_store, "active_users", to_ns=MONDAY + days * DAY + HOUR)
        assert row["partial"] == partial


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_user_summary(varied_store, varied, when, filters):
    from_ns, to_ns = when
    (row,) = ask(varied_store, "user_summary", from_ns=from_ns, to_ns=to_ns, **filters)
    active = users_of(chosen(varied, from_ns, to_ns, **filters))
    first = {}
    for event in chosen(varied, 0, 1 << 62):
        if event.active:
            first.setdefault(event.user, event.time)
    assert row["active_users"] == len(active)
    assert row["new_users"] == sum(from_ns <= first[user] < to_ns for user in active)
    sittings = sittings_of(varied, from_ns, to_ns, **filters)
    assert row["sessions"] == len(sittings)
    lengths = [(end - start) / 1e6 for _, start, end, _ in sittings]
    assert row["avg_session_ms"] == (
        pytest.approx(sum(lengths) / len(lengths)) if lengths else None
    )
    known = [of[0].user for _, _, _, of in sittings if of[0].user]
    assert row["sessions_per_user"] == ratio(len(known), len(set(known)))


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_new_users(varied_store, varied, tz, when, filters):
    from_ns, to_ns = when
    first, segments = {}, defaultdict(list)
    for event in varied:
        if event.user and event.active:
            first.setdefault(event.user, event)
        if event.user:
            segments[event.user, local_day(event, tz)].append(event)
    expected = Counter()
    for user, event in first.items():
        # In the service and tier asked for on the day on which they came.
        if users_of(chosen(segments[user, local_day(event, tz)], 0, 1 << 62, **filters)):
            expected[local_day(event, tz)] += 1
    given = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": tz, **filters}
    rows = ask(varied_store, "new_users", **given)
    start = day_of(max(from_ns, varied[0].time), tz)
    end = day_of(to_ns - 1, tz) + 1
    assert [(row["day"], row["new_users"]) for row in rows] == [
        (day, expected[day]) for day in range(start, end)
    ]
    assert [row["day"] for row in rows if row["partial"]] == [
        day for day in range(start, end) if not is_over(day, to_ns, tz)
    ]


def test_a_user_is_new_on_the_day_of_the_first_product_event(store_of):
    """Spans of other instrumentations are kept, but count nobody."""
    store = store_of(
        [
            Event(MONDAY, event_type="span", user=user_hash(1)),
            Event(MONDAY + 2 * DAY, user=user_hash(1)),
            Event(MONDAY + 3 * DAY, user=user_hash(1)),
        ]
    )
    rows = ask(store, "new_users", from_ns=MONDAY, to_ns=MONDAY + 4 * DAY)
    new_on = {row["day"] - MONDAY // DAY: row["new_users"] for row in rows if row["new_users"]}
    assert new_on == {2: 1}
    for day, new in ((2, 1), (3, 0)):
        of = {"from_ns": MONDAY + day * DAY, "to_ns": MONDAY + (day + 1) * DAY}
        (row,) = ask(store, "user_summary", **of)
        assert (row["active_users"], row["new_users"]) == (1, new)


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize(
    "filters", [*FILTERS, *({"user": user} for user in PEOPLE), {"user": "ffff"}]
)
def test_users_page_after_page(varied_store, varied, when, filters):
    from_ns, to_ns = when
    prefix = filters.get("user", "")
    common = {key: value for key, value in filters.items() if key != "user"}

    active = users_of(chosen(varied, from_ns, to_ns, **common))
    people = defaultdict(list)
    for event in chosen(varied, from_ns, to_ns, **common):
        if event.user in active and event.user.startswith(prefix):
            people[event.user].append(event)
    question, rows = catalogue()["users"], []
    given = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": "Asia/Kathmandu", **filters}
    while True:
        result = run(varied_store, question, given, row_limit=7)
        rows += result.records()
        if not result.truncated:
            break
        last = rows[-1]
        given |= {parameter: last[column] for column, parameter in question.cursor.items()}
    first = {}
    for event in varied:
        first.setdefault(event.user, event.time)
    assert rows == [
        {
            "user_id_hash": user,
            "user_tier": last_use(of).tier,
            "first_seen": first[user],
            "last_active": last_use(of).time,
            "active_days": len({local_day(e, "Asia/Kathmandu") for e in of if e.active}),
            "events": weight_of(of),
            "errors": weight_of(failed_of(of)),
            "error_rate": error_rate_of(of),
        }
        for user, of in sorted(people.items(), key=lambda each: -last_use(each[1]).time)
    ]


@pytest.mark.parametrize("tz", ZONES[:3])
@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("user", PEOPLE)
def test_one_user(varied_store, varied, tz, when, user):
    from_ns, to_ns = when
    own = [event for event in chosen(varied, *when) if event.user.startswith(user)]
    given = {"from_ns": from_ns, "to_ns": to_ns, "user": user, "time_zone": tz}

    rows = ask(varied_store, "user_totals", **given)
    sittings = [
        (end - start) / 1e6
        for _, start, end, of in sittings_of(varied, *when)
        if of[0].user.startswith(user)
    ]
    first = min((e.time for e in varied if e.user.startswith(user)), default=None)
    assert rows == (
        []
        if not own
        else [
            {
                "events": weight_of(own),
                "errors": weight_of(failed_of(own)),
                "error_rate": error_rate_of(own),
                "rated": weight_of([event for event in own if event.rated]),
                "active_days": len({local_day(event, tz) for event in own if event.active}),
                "tools": len({event.tool_name for event in own} - {""}),
                "sessions": len(sittings),
                "avg_session_ms": pytest.approx(sum(sittings) / len(sittings))
                if sittings
                else None,
                "first_seen": first,
                "last_active": own[-1].time,
                "user_tier": own[-1].tier,
            }
        ]
    )

    days = defaultdict(list)
    for event in own:
        days[local_day(event, tz)].append(event)
    assert ask(varied_store, "user_days", **given) == [
        {
            "day": day,
            "events": weight_of(of),
            "errors": weight_of(failed_of(of)),
            "partial": is_partial(day, from_ns, to_ns, tz),
        }
        for day, of in sorted(days.items())
    ]

    used = defaultdict(list)
    for event in own:
        used[event.event_type, event.used or None].append(event)
    rows = ask(varied_store, "user_tools", **given)
    assert {(row["event_type"], row["feature"]): row["events"] for row in rows} == {
        feature: weight_of(of) for feature, of in used.items()
    }
    for row in rows:
        of = used[row["event_type"], row["feature"]]
        assert row["errors"] == weight_of(failed_of(of))
        assert row["last_used"] == of[-1].time
        assert row["avg_ms"] == (None if mean_ms(of) is None else pytest.approx(mean_ms(of)))
    assert [row["events"] for row in rows] == sorted((r["events"] for r in rows), reverse=True)


@pytest.mark.parametrize("name", ["user_totals", "user_days", "user_tools"])
def test_events_without_a_user_count_no_user(varied_store, name):
    assert ask(varied_store, name, from_ns=0, to_ns=MONDAY + 40 * DAY) == []


def test_a_user_of_the_present_hour_and_the_half_hour_before(store_of):
    now = MONDAY + 10 * HOUR + 29 * 60 * 10**9
    times = (now - HALF - 1, now - HALF, now - 1, now)
    connection = store_of([Event(time, user=user_hash(3)) for time in times])
    (row,) = ask(connection, "user_totals", from_ns=now - HALF, to_ns=now, user=user_hash(3))
    assert row["events"] == 2


@pytest.mark.parametrize("user", PEOPLE)
def test_sessions_of_a_user(varied_store, varied, user):
    when = MONDAY + 3 * DAY + 5 * HOUR, MONDAY + 19 * DAY
    rows = ask(varied_store, "sessions", from_ns=when[0], to_ns=when[1], user=user)
    assert {(row["session_id"], row["start_time"]): row["ide"] for row in rows} == {
        (session, start): of[0].ide or None
        for session, start, _, of in sittings_of(varied, *when)
        if of[0].user.startswith(user)
    }
