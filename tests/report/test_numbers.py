"""Every number of a report is the catalogue's, asked here once more, and that of the pages."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel.query.zones import zone
from cortex_otel.show.pages import PAGES
from cortex_otel.show.report.content import content
from cortex_otel.show.report.facts import gather
from cortex_otel.show.report.numbers import Numbers
from cortex_otel.show.report.weeks import parse_week
from cortex_otel.show.web.panels import answer
from cortex_otel.show.web.parameters import PageQuery

WEEK, SEOUL = "2026-W11", "Asia/Seoul"
#: Its Monday, the next one, and those of the ranges that end with it.
MONDAY, END, BEFORE = "2026-03-09", "2026-03-16", "2026-03-02"
FOUR_WEEKS, THIRTEEN_WEEKS, EIGHT_WEEKS = "2026-02-16", "2025-12-15", "2026-01-19"


@pytest.fixture
def ask(store):
    def asked(name, since=MONDAY, until=END, **more):
        at = zone(SEOUL).instant
        values = {"from_ns": at(since), "to_ns": at(until), "time_zone": SEOUL, **more}
        return run(store, catalogue()[name], values).records()

    return asked


def whole(number):
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def percent(share, places=1):
    exact = Decimal(str(share)) * 100
    text = str(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
    return (text.rstrip("0").rstrip(".") if places else text) + "%"


def day(epoch_day):
    then = date(1970, 1, 1) + timedelta(days=epoch_day)
    return f"{then:%b} {then.day}"


def line_of(text, name):
    return next(line for line in text.splitlines() if re.match(rf"\s*{re.escape(name)}\s", line))


@pytest.mark.system
def test_cards_and_sentences(full_week, ask):
    _, _, text = full_week["en"]
    flat = " ".join(text.split())
    (people,), (before,) = ask("active_users"), ask("active_users", BEFORE, MONDAY)
    for name in ("dau", "wau", "mau"):
        assert whole(people[name]) in flat
        assert f"before: {whole(before[name])}" in flat
    assert percent(people["stickiness"]) in flat
    (totals,) = ask("overview")
    for shown in (
        whole(totals["events"]),
        percent(totals["error_rate"]),
        whole(totals["sessions"]),
    ):
        assert shown in flat
    (top,) = ask("answer_top_feature", FOUR_WEEKS)
    feature = top["feature"].partition(":")[2]
    assert (
        f"{whole(people['wau'])} users were active. Most used: {feature}, "
        f"by {percent(top['share_of_active'])} ({whole(top['users'])})." in flat
    )
    (failing,) = ask("answer_failing")
    assert (
        f"Most failures were in {failing['place']}: {whole(failing['errors'])}, "
        f"or {percent(failing['error_rate'])} of all that was done there. "
        f"Users who met one: {whole(failing['users'])}." in flat
    )
    (left,) = ask("answer_left", FOUR_WEEKS)
    assert (
        f"not in this one: {whole(left['dormant_users'])} of {whole(left['active_before'])} users. "
        f"New: {whole(left['new_users'])}." in flat
    )
    (latency,) = ask("answer_latency", FOUR_WEEKS)
    numbers = Numbers("en")
    assert f"at most {numbers.duration(latency['p95_ms'])}; in the week before" in flat
    (paying,) = ask("answer_conversion", THIRTEEN_WEEKS)
    assert (
        f"First payments: {whole(paying['paid_users'])}. Of those who began unpaid in the week of "
        f"{day(paying['week'])}, {percent(paying['conversion_rate'])} came to pay within 30 days "
        f"({whole(paying['converted_users'])} of {whole(paying['eligible_users'])})." in flat
    )


@pytest.mark.system
def test_tables(full_week, ask):
    _, _, text = full_week["en"]
    tools, earlier = ask("tool_calls"), ask("tool_calls", BEFORE, MONDAY)
    now, then = ({row["tool_name"]: row for row in rows} for rows in (tools, earlier))
    # Called in this week alone, and so often, it is the first of those that changed.
    assert "summarize" not in then
    assert re.search(rf"summarize\s+{now['summarize']['calls']:.0f}\s+0\s+new", text)
    numbers = Numbers("en")
    timed = sorted((r for r in tools if r["n"] >= 20), key=lambda r: -r["p95_ms"])[:5]
    assert timed
    for row in timed:
        p95 = numbers.duration(row["p95_ms"])
        assert re.search(rf"{row['tool_name']}\s+{p95}\s", text), row["tool_name"]
    for row in ask("error_places")[:5]:
        place = row["tool_name"] or row["event_type"]
        (cause,) = ask("error_types", event_type=row["event_type"], tool=row["tool_name"] or "")[:1]
        share = "" if row["error_rate"] is None else percent(row["error_rate"])
        pattern = rf"{re.escape(place)}\s+{whole(row['errors'])}\s.*{share}.*{cause['error_type']}"
        assert re.search(pattern, text), place


@pytest.mark.system
def test_targets_conversion_and_cohorts(full_week, ask):
    _, _, text = full_week["en"]
    flat = " ".join(text.split())
    (mcp,) = ask("mcp_summary")
    for share, target in ((mcp["savings_rate"], 0.7), (mcp["accuracy"], 0.8)):
        assert percent(share) in flat
        verdict = "reached" if share >= target else "not reached"
        assert f"Target {target:.0%}: {verdict}" in flat
    (total,) = ask("conversion_total", THIRTEEN_WEEKS)
    assert (
        f"Of {whole(total['eligible_users'])} users who began unpaid in these 13 weeks, 30 days or "
        f"more ago, {whole(total['converted_users'])} came to pay: "
        f"{percent(total['conversion_rate'])} (95 % interval {percent(total['low'])} to "
        f"{percent(total['high'])}). Never active, having only installed the extension, say: "
        f"{whole(total['idle_users'])} of them. Still within their 30 days: "
        f"{whole(total['pending_users'])}." in flat
    )
    cells = ask("retention", EIGHT_WEEKS)
    cohorts = {row["cohort"] for row in cells if row["cohort_users"]}
    shown = 0
    for cohort in cohorts:
        own = sorted((r for r in cells if r["cohort"] == cohort), key=lambda r: r["period"])
        if (date(1970, 1, 1) + timedelta(days=cohort)).isoformat() >= END:
            continue
        shares = [percent(r["retention"], 0) for r in own[1:8] if r["retention"] is not None]
        line = line_of(text.partition("Who came back")[2], day(cohort))
        assert re.findall(r"\d+%", line.split(day(cohort))[1]) == shares
        shown += 1
    assert shown >= 4


@pytest.mark.system
def test_incidents_are_those_that_were_firing(full_week):
    _, _, text = full_week["en"]
    incidents = text.partition("Incidents")[2]
    first = line_of(incidents, "Wed Mar 11 10:00")
    assert re.search(r"Wed Mar 11 10:42\s+Error rate: mcp\s+11.4%\s+5%", first)
    assert re.search(r"not yet\s+Service down: extension", line_of(incidents, "Sat Mar 14 23:05"))
    assert "Disk" not in incidents, "never fired"
    assert "Average response" not in incidents, "of another week"
    assert "secret-detail" not in text


#: Panels of pages, by the answer of the report.
PANELS = {
    "people": ("overview", "people"), "totals": ("overview", "totals"), "mcp": ("mcp", "summary"),
    "tools": ("mcp", "tools"), "savings": ("mcp", "savings"), "references": ("mcp", "references"),
    "places": ("errors", "places"),
}  # fmt: skip


@pytest.mark.parametrize("name", PANELS)
def test_a_page_with_the_week_as_its_range_says_the_same(store, name):
    facts = gather(store, parse_week(WEEK), zone(SEOUL), zone(SEOUL).instant("2026-12-31"))
    page = PAGES[PANELS[name][0]]
    question = {"people": "active_users", "totals": "overview", "mcp": "mcp_summary",
                "tools": "tool_calls", "savings": "token_savings",
                "references": "reference_accuracy", "places": "error_places"}[name]  # fmt: skip
    panel = next(each for each in page.panels if each.question == question)
    query = PageQuery.model_validate({"from": MONDAY, "to": END, "tz": SEOUL, "compare": "1"})
    shown = answer(store, page, panel, query, default_zone=zone("UTC"), language="en")
    columns = [column["name"] for column in shown["columns"]]
    mine = facts.answers[name]
    assert [numbers_of(row) for row in mine.rows] == [
        numbers_of(dict(zip(columns, row, strict=True))) for row in shown["rows"]
    ]
    if mine.before is not None:
        assert [numbers_of(row) for row in mine.before] == [
            numbers_of(dict(zip(columns, row, strict=True))) for row in shown["previous"]["rows"]
        ]
        assert {key: known.within_error for key, known in mine.changes.items()} == {
            key: known["within_error"] for key, known in shown["previous"]["changes"].items()
        }


def numbers_of(row):
    """A row without days, which the API writes as dates."""
    return {key: value for key, value in row.items() if key != "day" and not key.endswith("_error")}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_changes_within_chance_have_no_colour(store, language):
    facts = gather(store, parse_week(WEEK), zone(SEOUL), zone(SEOUL).instant("2026-12-31"))
    cards = content(facts, language)["cards"]
    columns = ("dau", "wau", "mau", "stickiness", "events", "error_rate", "p95_ms", "sessions")
    seen = set()
    for card, column in zip(cards, columns, strict=True):
        answers = facts.answers["people" if column in columns[:4] else "totals"]
        if (known := answers.changes.get(column)) and known.within_error:
            assert card["tone"] == ""
            assert card["change"][0] in "≈="
            seen.add("chance")
        elif card["change"][:1] in "▲▼":
            seen.add("change")
    assert seen == {"chance", "change"}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.7, "ratio", "70%"), (0.0004567, "ratio", "0.046%"), (0.12345, "ratio", "12.3%"),
        (0.1225, "ratio", "12.3%"), (1234567, "count", "1,234,567"), (12.34, "count", "12.3"),
        (0.05, "ms", "50 µs"), (1.2345, "ms", "1.23 ms"), (99.96, "ms", "100 ms"),
        (517.6, "ms", "518 ms"), (1830, "ms", "1.83 s"), (119_999, "ms", "120 s"),
        (600_000, "ms", "10 min"), (7_300_000, "ms", "2 h"), (300_000_000, "ms", "3.5 d"),
        (0, "ms", "0 ms"), (None, "count", "–"), (0, "ratio", "0%"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_in_the_admin(value, unit, text):
    assert Numbers("en").value(value, unit) == text


@pytest.mark.parametrize(
    ("now", "before", "unit", "text"),
    [
        (12, 10, "count", ("+20%", 1)), (8, 10, "count", ("\N{MINUS SIGN}20%", -1)),
        (0, 0, "count", ("0%", 0)),
        (5, 0, "count", None), (None, 5, "count", None), (0.051, 0.03, "ratio", ("+2.1 pp", 1)),
        (0.3, 0.3001, "ratio", ("0 pp", 0)), (1000.4, 1000, "ms", ("0%", 0)),
    ],
)  # fmt: skip
def test_changes_are_written_as_in_the_admin(now, before, unit, text):
    assert Numbers("en").delta(now, before, unit) == text


def test_axes_count_as_people_do():
    assert [Numbers("en").compact(n) for n in (0, 950, 1200, 15_000, 2_500_000)] == [
        "0", "950", "1.2K", "15K", "2.5M",
    ]  # fmt: skip
    assert [Numbers("ko").compact(n) for n in (950, 1200, 12_000, 150_000_000)] == [
        "950", "1.2천", "1.2만", "1.5억",
    ]  # fmt: skip
