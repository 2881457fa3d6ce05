"""Ways to draw that no page of today uses, and what the generator stands on."""

from __future__ import annotations

import json
from importlib import metadata

import grafana_plugin
import pytest
import seeding
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from cortex_otel.show.grafana.panels import panel_of
from cortex_otel.show.grafana.targets import Context
from cortex_otel.show.pages import Page, Panel


def built(panel, link=lambda _column, _to: None):
    page = Page(id="p", title="P", panels=(panel,))
    builder = panel_of(panel, Context(page, "en", link))
    return json.loads(json.dumps(builder.build(), cls=JSONEncoder))


def asked(panel, over, from_ns, to_ns):
    plain = {
        "templating": {
            "list": [
                {"name": name, "allValue": "''", "current": {"value": "$__all"}}
                for name in ("service", "tier")
            ]
            + [{"name": "time_zone", "current": {"value": "Asia/Seoul"}}]
        }
    }
    (target,) = panel["targets"]
    return grafana_plugin.asked(plain, target, {}, over, (from_ns, to_ns))


def test_the_sdk_is_the_pinned_one():
    """A plain install picks one for an older Grafana: its version epoch is higher."""
    assert metadata.version("grafana-foundation-sdk").lstrip("v") == "0.0.21"


def test_a_split_over_time_is_a_series_for_each_value(population_store):
    panel = built(
        Panel(
            id="a",
            question="ledger",
            draw="lines",
            x="day",
            split="signal",
            values=("received",),
            title="T",
        )
    )
    assert panel["type"] == "timeseries"
    assert panel["transformations"] == [{"id": "prepareTimeSeries", "options": {"format": "multi"}}]
    # The ledger tells the day on which the population was made, not the days that it lives in.
    frame = asked(panel, population_store.over, seeding.MONDAY, 2_000_000_000 * 10**9)
    assert frame.names == ["day", "signal", "received"]
    assert frame.types == ["TIME", "STRING", "FLOAT"]
    assert frame.rows == sorted(frame.rows)
    assert len({row[1] for row in frame.rows}) >= 1
    names = [
        p["value"]
        for each in panel["fieldConfig"]["overrides"]
        if each["matcher"] == {"id": "byType", "options": "number"}
        for p in each["properties"]
        if p["id"] == "displayName"
    ]
    assert names == ["${__field.labels.signal}"]


def test_a_split_by_category_is_a_matrix_of_bars(population_store):
    panel = built(
        Panel(
            id="a",
            question="tools",
            draw="bars",
            x="tool_name",
            split="user_tier",
            values=("calls",),
            stacked=True,
        )
    )
    assert panel["type"] == "barchart"
    assert panel["options"]["stacking"] == "normal"
    (transformation,) = panel["transformations"]
    assert transformation["id"] == "groupingToMatrix"
    assert {transformation["options"][f"{side}Field"] for side in ("row", "column", "value")} == {
        "tool_name",
        "user_tier",
        "calls",
    }
    store = population_store
    assert asked(panel, store.over, store.end - 50 * seeding.DAY, store.end).rows


def test_a_number_that_is_clicked_leads_where_its_name_leads():
    panel = Panel(
        id="a",
        question="tool_calls",
        draw="ranking",
        x="tool_name",
        values=("calls",),
        links={"tool_name": "errors"},
    )
    plain = built(panel, lambda column, to: (f"to {to}", f"/by/{column}"))
    links = {
        each["matcher"]["options"]: p["value"][0]["url"]
        for each in plain["fieldConfig"]["overrides"]
        for p in each["properties"]
        if p["id"] == "links"
    }
    assert links == {"tool_name": "/by/tool_name", "calls": "/by/tool_name"}


def test_a_panel_of_no_question_is_refused():
    with pytest.raises(KeyError, match="nothing_like_it"):
        built(Panel(id="a", question="nothing_like_it", draw="table"))


def test_no_column_is_declared_as_a_date(seeded):
    """The plugin's SQLite turns text in such a column into nothing."""
    over = grafana_plugin.Plugin(seeded)
    tables = [name for (name,) in over.connection.execute("SELECT name FROM sqlite_master")]
    declared = {
        str(kind).upper()
        for table in tables
        for _, _, kind, *_ in over.connection.execute(f"PRAGMA table_info({table})")
    }
    over.close()
    assert "INTEGER" in declared
    assert declared.isdisjoint({"DATE", "DATETIME", "TIMESTAMP"})
