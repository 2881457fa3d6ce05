"""The two faces side by side: what the web admin's API answers, and Grafana's plugin would."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import seeding
from grafana_plugin import shown_of

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.zones import zone
from cortex_otel.show.grafana import dashboards as generator
from cortex_otel.show.grafana.links import AROUND
from cortex_otel.show.pages import PAGES
from cortex_otel.show.web import panels
from cortex_otel.show.web.parameters import PageQuery

SEOUL = ZoneInfo("Asia/Seoul")
PANELS = [(page.id, place) for page in PAGES.values() for place in range(len(page.panels))]
ASKED = {
    "thirty_days": (30, {}),
    "one_tier": (12, {"service": "mcp", "tier": "free"}),
    "one_user": (40, {"user": "USER"}),
}


def seconds(unit, value):
    """A time of the API as Grafana has it; other values as they are."""
    if value is None:
        return None
    if unit == "unix_ns":
        return pytest.approx(datetime.fromisoformat(value).timestamp(), abs=0.001)
    if unit == "epoch_day":
        return datetime.fromisoformat(value).replace(tzinfo=SEOUL).timestamp()
    return value


@pytest.mark.thorough
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(("page_id", "place"), PANELS)
def test_both_faces_show_the_same(page_id, place, asked, dashboards, population_store):
    store, page = population_store, PAGES[page_id]
    panel = page.panels[place]
    days, filters = ASKED[asked]
    filters = {name: store.user if value == "USER" else value for name, value in filters.items()}
    allowed = {"service", "tier", *page.filters}
    filters = {name: value for name, value in filters.items() if name in allowed}
    query = PageQuery.model_validate(
        {
            "from": datetime.fromtimestamp(
                (store.end - days * seeding.DAY) // 10**9, SEOUL
            ).isoformat(),
            "to": datetime.fromtimestamp(store.end // 10**9, SEOUL).isoformat(),
            "tz": "Asia/Seoul",
            "compare": "1",
            **filters,
        }
    )
    web = panels.answer(
        store.connection, page, panel, query, default_zone=zone("UTC"), language="en"
    )
    # A panel may have a range of its own.
    start, end = (datetime.fromisoformat(web["range"][side]) for side in ("from", "to"))
    span = tuple(round(moment.timestamp()) * 10**9 for moment in (start, end))
    plain = dashboards["en"][generator.uid_of(page)]
    frame = shown_of(plain, place, {**filters, "utc_offset": "540"}, store.over, span)
    units = {column["name"]: column["unit"] for column in web["columns"]}
    names = [each for each in frame.names if each not in AROUND and not each.endswith("_partial")]
    shown = [dict(zip(frame.names, row, strict=True)) for row in frame.rows]
    told = [dict(zip(units, row, strict=True)) for row in web["rows"]]
    if panel.draw == "cards":
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
            assert value == seconds(units[name], theirs[name]), name


def test_titles_and_meanings_are_the_same(dashboards):
    for language, ours in dashboards.items():
        for page in PAGES.values():
            for place, panel in enumerate(page.panels):
                question = catalogue()[panel.question]
                shown = ours[generator.uid_of(page)]["panels"][place]
                assert shown["title"] == panel.title_in(language)
                assert shown["description"] == question.about_in(language)
