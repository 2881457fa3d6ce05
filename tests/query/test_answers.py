"""The five answers that the overview opens with: the numbers of the pages they lead to.

What those pages say is compared with the rows in tests of their own; here the answers are compared
with what the pages' questions say of the same week, and what only they say with the rows.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from cortex_otel.demo.synthetic_data import fill
from cortex_otel.query.catalogue import QuestionError, catalogue, parse
from cortex_otel.query.runner import run
from cortex_otel.semconv import PAYING_TIERS
from cortex_otel.show.pages import PAGES
from cortex_otel_exporters.sqlite.reader import open_reader

DAY_NS = 86_400 * 10**9
#: 2025-12-03T07:20:00Z: summer time ended in New York a month before, within each of the ranges.
NOW_NS = 1_764_746_400 * 10**9
ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu")
ANSWERS = {panel.question: panel for panel in PAGES["overview"].panels if panel.draw == "sentence"}


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    database = tmp_path_factory.mktemp("answers") / "cortex.db"
    fill(database, days=75, users=70, seed=6, now_ns=NOW_NS, sampling={})
    connection = open_reader(database)
    yield connection
    connection.close()


def records(connection, name, days, tz, **parameters):
    bounds = {"from_ns": NOW_NS - days * DAY_NS, "to_ns": NOW_NS}
    question = catalogue()[name]
    known = {each.name for each in question.parameters}
    given = {"time_zone": tz, **parameters, **bounds}
    given = {key: value for key, value in given.items() if key in known}
    return run(connection, question, given).records()


def answer(connection, name, tz, **parameters):
    (row,) = records(connection, name, days_of(name), tz, **parameters)
    return row


def days_of(name):
    return int(ANSWERS[name].since.removesuffix("d"))


def of_week(rows, row):
    return [each for each in rows if each["week"] == row["week"]]


def last_monday(tz):
    """The Monday of the last week that is over, in days since 1970."""
    today = dt.datetime.fromtimestamp(NOW_NS / 1e9, dt.UTC).astimezone(ZoneInfo(tz)).date()
    monday = today - dt.timedelta(days=today.weekday() + 7)
    return (monday - dt.date(1970, 1, 1)).days


def starts(tz, day):
    midnight = dt.datetime(1970, 1, 1) + dt.timedelta(days=day)  # noqa: DTZ001 - it gets its zone
    return int(midnight.replace(tzinfo=ZoneInfo(tz)).timestamp()) * 10**9


def test_the_overview_opens_with_five_answers():
    first = PAGES["overview"].panels[:5]
    assert [panel.question for panel in first] == [
        "answer_top_feature", "answer_failing", "answer_latency", "answer_conversion",
        "answer_left",
    ]  # fmt: skip
    assert all(panel.leads_to and panel.trend and panel.empty for panel in first)


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("service", ["", "mcp"])
def test_the_most_used_feature_is_that_of_the_matrix(connection, tz, service):
    row = answer(connection, "answer_top_feature", tz, service=service)
    matrix = records(connection, "feature_weeks", 28, tz, service=service)
    assert row["week"] == last_monday(tz)
    week = {each["feature"]: each for each in of_week(matrix, row)}
    assert {key: week[row["feature"]][key] for key in row} == row
    others = [each["users"] for name, each in week.items() if not name.startswith("ext.activate:")]
    assert row["users"] == max(others)
    trend = records(connection, "top_feature_weeks", 28, tz, service=service)
    assert [(each["week"], each["users"], each["partial"]) for each in trend] == [
        (each["week"], each["users"], each["partial"])
        for each in matrix
        if each["feature"] == row["feature"]
    ]


@pytest.mark.parametrize("tier", ["", "free"])
def test_what_fails_is_first_on_the_page_of_errors(connection, tier):
    row = answer(connection, "answer_failing", "UTC", user_tier=tier)
    places = records(connection, "error_places", 7, "UTC", user_tier=tier)
    first = next(each for each in places if each["event_type"] != "ext.error")
    assert row["place"] == (first["tool_name"] or first["event_type"])
    for name in ("event_type", "errors", "error_rate"):
        assert row[name] == first[name]
    hits = connection.execute(
        "SELECT count(DISTINCT user_id_hash) FROM telemetry_events WHERE timestamp >= ?"
        " AND timestamp < ? AND is_failed AND event_type = ? AND coalesce(tool_name, '') = ?"
        " AND (user_tier = ? OR ? = '')",
        (NOW_NS - 7 * DAY_NS, NOW_NS, first["event_type"], first["tool_name"] or "", tier, tier),
    ).get
    assert row["users"] == hits > 0


@pytest.mark.parametrize("tz", ZONES)
def test_how_fast_is_what_the_page_of_tools_says_of_that_week(connection, tz):
    row = answer(connection, "answer_latency", tz)
    assert row["week"] == last_monday(tz)
    for monday, p95, calls in (
        (row["week"], row["p95_ms"], row["n"]),
        (row["week"] - 7, row["p95_before_ms"], None),
    ):
        bounds = {"from_ns": starts(tz, monday), "to_ns": starts(tz, monday + 7)}
        (summary,) = run(connection, catalogue()["mcp_summary"], bounds).records()
        assert p95 == pytest.approx(summary["p95_ms"], rel=1e-9)
        assert calls in {None, summary["timed"]}
    weeks = records(connection, "latency_weeks", 28, tz)
    assert [each["partial"] for each in weeks][-1] == 1
    assert of_week(weeks, row)[0]["p95_ms"] == row["p95_ms"]


@pytest.mark.parametrize("tz", ZONES)
def test_conversion_is_that_of_the_last_week_that_is_decided(connection, tz):
    row = answer(connection, "answer_conversion", tz)
    decided = [
        each
        for each in records(connection, "conversion", 90, tz)
        if each["pending_users"] == 0 and each["eligible_users"]
    ]
    for name in ("week", "eligible_users", "converted_users", "conversion_rate"):
        assert row[name] == decided[-1][name]
    this_week = starts(tz, last_monday(tz) + 7)
    first = {}
    for user, tier, time in connection.execute(
        "SELECT user_id_hash, user_tier, timestamp FROM telemetry_events ORDER BY timestamp"
    ):
        began = first.setdefault(user, {"unpaid": tier not in PAYING_TIERS})
        if tier in PAYING_TIERS:
            began.setdefault("paid", time)
    paid = [each for each in first.values() if each["unpaid"] and each.get("paid", 0) >= this_week]
    assert row["paid_users"] == len(paid)


def test_somebody_came_to_pay_in_some_week(connection):
    """So that a question that always says nobody did would be seen."""
    found = [
        run(connection, catalogue()["answer_conversion"], {
            "from_ns": NOW_NS - 90 * DAY_NS, "to_ns": NOW_NS - days * DAY_NS,
        }).records()
        for days in (7, 14, 21)
    ]  # fmt: skip
    assert sum(row["paid_users"] for rows in found for row in rows) > 0


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("tier", ["", "paid"])
def test_who_left_is_dormant_on_the_page_of_the_lifecycle(connection, tz, tier):
    row = answer(connection, "answer_left", tz, user_tier=tier)
    weeks = records(connection, "lifecycle", 28, tz, user_tier=tier)
    assert row["week"] == last_monday(tz)
    (week,) = of_week(weeks, row)
    before = next(each for each in weeks if each["week"] == row["week"] - 7)
    assert row["dormant_users"] == week["dormant_users"]
    assert row["new_users"] == week["new_users"]
    assert row["active_before"] == before["active_users"]


@pytest.mark.parametrize("name", ANSWERS)
def test_it_says_nothing_where_it_is_too_early_to_say(name, tmp_path):
    fill(tmp_path / "cortex.db", days=1, users=1, now_ns=NOW_NS)
    connection = open_reader(tmp_path / "cortex.db")
    rows = records(connection, name, days_of(name), "UTC")
    assert rows == [] or name == "answer_failing"
    connection.close()


# --- a question within a question


HEADER = "-- title: T\n-- about: A\n-- column: errors count c\n"


def test_a_question_that_is_asked_has_its_defaults():
    sql = f"{HEADER}-- parameter: from_ns\n-- parameter: to_ns\n-- parameter: service\n"
    body = "WITH\n-- asks: conversion\nSELECT 1 AS errors FROM conversion\n"
    found = parse("x", f"{sql}-- parameter: time_zone\n{body}").sql
    assert ":window_days" not in found
    assert "<= 30 * 86400000000000" in found
    own = "-- parameter: window_days integer 7 days\n"
    assert ":window_days" in parse("x", f"{sql}-- parameter: time_zone\n{own}{body}").sql


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("WITH\n-- asks: nothing\nSELECT 1 AS errors FROM nothing\n", "no sql/nothing.sql"),
        ("WITH\n-- asks: lifecycle\nSELECT 1 AS errors FROM lifecycle\n", "needs the parameter"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(body, says):
    with pytest.raises(QuestionError, match=says):
        parse("x", HEADER + body)
