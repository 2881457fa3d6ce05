"""The two faces side by side: what the web admin's API answers, and Grafana's plugin would."""

from __future__ import annotations

import json
import time
from datetime import date, datetime

import pytest
import seeding
from grafana_drawings import MADE_BY_SQL, days_as_numbers, in_words, made_of
from grafana_plugin import shown_of

from cortex_otel.cli import main
from cortex_otel.locale import texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.zones import zone
from cortex_otel.show.grafana import dashboards as generator
from cortex_otel.show.grafana import kept
from cortex_otel.show.grafana.links import AROUND
from cortex_otel.show.pages import PAGES
from cortex_otel.show.web import panels
from cortex_otel.show.web.parameters import PageQuery

PANELS = [(page.id, place) for page in PAGES.values() for place in range(len(page.panels))]
SECOND, MINUTE = 10**9, 60 * 10**9
#: The end before that of the store, the length, the zone and filters.
ASKED = {
    "thirty_days": (0, 30 * seeding.DAY, "Asia/Seoul", {}),
    "one_tier": (0, 12 * seeding.DAY, "UTC", {"service": "mcp", "tier": "free"}),
    "one_user": (0, 40 * seeding.DAY, "Australia/Lord_Howe", {"user": "USER"}),
    "within_hours": (3 * seeding.DAY + 17 * MINUTE + SECOND, 9 * seeding.DAY + 11 * MINUTE,
                     "Asia/Kathmandu", {}),
    "an_afternoon": (seeding.DAY + 50 * MINUTE, 5 * seeding.HOUR + 7 * SECOND, "America/New_York",
                     {}),
}  # fmt: skip


def seconds(unit, value, there):
    """A time of the API as Grafana has it; other values as they are."""
    if value is None:
        return None
    if unit == "unix_ns":
        return pytest.approx(datetime.fromisoformat(value).timestamp(), abs=0.001)
    if unit == "epoch_day":
        return there.start_of(date.fromisoformat(value)) / 1e9
    return value


def of_the_web(store, page, panel, tz, start, end, filters):  # noqa: PLR0917 - what is asked
    query = PageQuery.model_validate(
        {
            "from": zone(tz).iso(start),
            "to": zone(tz).iso(end),
            "tz": tz,
            "compare": "1",
            **filters,
        }
    )
    return panels.answer(
        store.connection, page, panel, query, default_zone=zone("UTC"), language="en"
    )


def same(store, page_id, place, dashboards, tz, start, end, **filters):  # noqa: PLR0917 - as above
    page, there = PAGES[page_id], zone(tz)
    panel = page.panels[place]
    allowed = {"service", "tier", *page.filters}
    filters = {name: value for name, value in filters.items() if name in allowed}
    web = of_the_web(store, page, panel, tz, start, end, filters)
    # A panel may have a range of its own.
    ends = (datetime.fromisoformat(web["range"][side]) for side in ("from", "to"))
    span = tuple(round(moment.timestamp()) * 10**9 for moment in ends)
    plain = dashboards["en"][generator.uid_of(page)]
    frame = shown_of(plain, place, {**filters, "time_zone": tz}, store.over, span)
    units = {column["name"]: column["unit"] for column in web["columns"]}
    names = [each for each in frame.names if each not in AROUND and not each.endswith("_partial")]
    shown = [dict(zip(frame.names, row, strict=True)) for row in frame.rows]
    told = [dict(zip(units, row, strict=True)) for row in web["rows"]]
    if panel.draw in MADE_BY_SQL:
        made = made_of(panel, days_as_numbers(panel, told), there)
        assert (frame.names, frame.rows) == (made.names, made.rows)
        return web
    if panel.draw == "cards":
        # Where clocks change in between, Grafana's earlier period is an hour off.
        web_ends = [web["previous"][side][-6:] for side in ("from", "to")]
        if web_ends != [web["range"][side][-6:] for side in ("from", "to")]:
            return web
        before = [dict(zip(units, row, strict=True)) for row in web["previous"]["rows"]]
        numbers = [name for name in names if units[name] not in {"unix_ns", "epoch_day"}]
        for one, other in zip(shown, before, strict=False):
            assert [one[name] for name in numbers] == [other[name] for name in numbers]
        shown = shown[len(before) :]
    elif len(told) == panel.limit:
        shown = shown[: panel.limit]
    assert len(shown) == len(told)
    for ours, theirs in zip(shown, told, strict=True):
        for name in names:
            value = ours[name]
            if value is None and f"{name}_partial" in ours:
                value = ours[f"{name}_partial"]
            wanted = in_words(panel, name, seconds(units[name], theirs[name], there))
            assert value == wanted, name
    return web


@pytest.mark.thorough
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(("page_id", "place"), PANELS)
def test_both_faces_show_the_same(page_id, place, asked, dashboards, population_store):
    store = population_store
    late, length, tz, filters = ASKED[asked]
    end = store.end - late
    filters = {name: store.user if value == "USER" else value for name, value in filters.items()}
    same(store, page_id, place, dashboards, tz, end - length, end, **filters)


DAILY = [
    (page_id, place)
    for page_id, place in PANELS
    if any(each.unit == "epoch_day" for each in catalogue()[
        PAGES[page_id].panels[place].question].columns)
]  # fmt: skip


@pytest.mark.parametrize("season", ["spring", "autumn"])
@pytest.mark.parametrize(("page_id", "place"), DAILY)
def test_days_across_a_clock_change_are_the_same(page_id, place, season, dashboards, changed_store):
    store = changed_store(season)
    end = store.end - 13 * MINUTE
    web = same(store, page_id, place, dashboards, "America/New_York", end - 28 * seeding.DAY, end)
    offsets = {web["range"][side][-6:] for side in ("from", "to")}
    assert len(offsets) == 2 or PAGES[page_id].panels[place].since


@pytest.mark.parametrize("page_id", ["users", "conversion", "retention", "lifecycle"])
def test_days_to_come_are_not_days_without_users(page_id, dashboards, store_of_today):
    """ "This week" ends on Sunday."""
    now = time.time_ns()
    plain = dashboards["en"][generator.uid_of(PAGES[page_id])]
    for place in range(len(PAGES[page_id].panels)):
        of_now, to_sunday = (
            shown_of(plain, place, {}, store_of_today.over, (now - 20 * seeding.DAY, end)).rows
            for end in (now, now + 6 * seeding.DAY)
        )
        assert to_sunday == of_now


@pytest.mark.parametrize("asked", ["thirty_days", "within_hours", "an_afternoon"])
@pytest.mark.parametrize("question", ["dau", "overview", "tool_calls", "token_savings", "tiers"])
def test_the_command_line_says_it_too(  # noqa: PLR0917 - fixtures
    question, asked, population_store, population, capsys, monkeypatch
):
    store = population_store
    late, length, tz, _ = ASKED[asked]
    end = store.end - late
    page, panel = next(
        (page, panel)
        for page in PAGES.values()
        for panel in page.panels
        if panel.question == question
    )
    web = of_the_web(store, page, panel, tz, end - length, end, {})
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(population.parent))
    since, until = (zone(tz).iso_micros(each)[:-6] for each in (end - length, end))
    ends = ["--since", since, "--until", until, "--tz", tz]
    assert main(["query", question, *ends, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = [column["name"] for column in told["columns"]]
    assert told["time_zone"] == tz
    assert [[row[name] for name in names] for row in told["rows"]] == web["rows"]


def test_titles_and_meanings_are_the_same(dashboards):
    for language, ours in dashboards.items():
        for page in PAGES.values():
            for place, panel in enumerate(page.panels):
                question = catalogue()[panel.question]
                shown = ours[generator.uid_of(page)]["panels"][place]
                assert shown["title"] == panel.title_in(language)
                about = question.about_in(language)
                if panel.note:
                    about += f" {texts(language).gettext(panel.note)}"
                # From when on events are kept: the web says so below the panel.
                if question.reads_events(panel.parameters):
                    about += f"\n\n${{{kept.VARIABLE}}}"
                assert shown["description"] == about
