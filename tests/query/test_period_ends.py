"""A range that ends exactly where a period begins has nothing of that period: no row, no cell."""

from __future__ import annotations

from datetime import date

import pytest

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel.query.zones import zone

ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
#: The data goes on after each of them.
ENDS = {"day": date(2026, 1, 15), "week": date(2026, 1, 19), "month": date(2026, 2, 1)}
PERIODS = {
    (question.name, column.name)
    for question in catalogue().values()
    for column in question.columns
    if column.unit == "epoch_day"
    and column.name in {"day", "week", "cohort"}
    and question.accepts("time_zone")
    and question.name != "user_days"  # of one user
}
SEARCHES = {"recall_per_day", "searches_per_day"}
#: Any activity is read from roll-ups; an event by the engine, and by SQL.
STARTS = ("", "mcp.tool_call")


def ask(connection, name, there, period, **more):
    end = there.start_of(ENDS[period])
    question = catalogue()[name]
    given = {
        "from_ns": end - 40 * 86_400 * 10**9, "to_ns": end, "time_zone": there.name,
        "period": period, "window_days": 1, **more,
    }  # fmt: skip
    accepted = {name: value for name, value in given.items() if question.accepts(name)}
    return run(connection, question, accepted, time_limit_ms=60_000).records()


def last_day(period):
    return (ENDS[period] - date(1970, 1, 1)).days


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize(("name", "column"), sorted(PERIODS))
def test_no_row_of_a_period_that_begins_as_the_range_ends(
    connection, varied_store, name, column, tz
):
    for period in ENDS if catalogue()[name].accepts("period") else ("week",):
        store = varied_store if name in SEARCHES else connection
        rows = ask(store, name, zone(tz), period)
        assert rows
        assert max((row[column] for row in rows), default=0) < last_day(period)
        if rows and "partial" in rows[-1] and name not in {"mau", "active_users"}:
            assert not rows[-1]["partial"], (name, period)


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("period", ENDS)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("cohort_kind", ["first", "recurring"])
def test_every_cell_of_retention_is_over_then(connection, tz, period, start, cohort_kind):
    rows = ask(
        connection, "retention", zone(tz), period,
        start=start, return_event=start, cohort_kind=cohort_kind,
    )  # fmt: skip
    assert rows
    assert all(row["active_users"] is not None for row in rows)
    assert max(row["cohort"] for row in rows) < last_day(period)
