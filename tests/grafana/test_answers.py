"""What the analytics pages draw, as Grafana's panels: made-up answers, asked as the plugin asks."""

from __future__ import annotations

import json
from types import MappingProxyType

import grafana_plugin
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from cortex_otel.query.catalogue import parse
from cortex_otel.show.grafana import kept, panels
from cortex_otel.show.grafana.targets import Context
from cortex_otel.show.pages import Page, Panel, declaration

HEADER = "-- title: T\n-- about: A\n"
COHORTS = parse(
    "cohorts",
    HEADER + "-- column: cohort epoch_day c\n-- column: period count p\n"
    "-- column: cohort_users count u\n-- column: retention ratio r\n"
    "WITH rows (cohort, period, cohort_users, retention) AS (VALUES"
    " (20000, 0, 10, 1), (20000, 1, 10, 0.25), (20000, 2, 10, NULL),"
    " (20007, 0, 20, 1), (20007, 1, 20, NULL)) SELECT * FROM rows",
)
LONG = parse(
    "long",
    HEADER + "-- column: cohort epoch_day c\n-- column: period count p\n"
    "-- column: cohort_users count u\n-- column: retention ratio r\n"
    "WITH RECURSIVE rows (cohort, period, cohort_users, retention) AS (VALUES (20000, 0, 10, 0.5)"
    " UNION ALL SELECT cohort, period + 1, cohort_users, retention FROM rows WHERE period < 90)"
    " SELECT * FROM rows",
)
GROUPS = parse(
    "groups",
    HEADER + "-- column: breakdown text b\n-- column: period count p\n-- column: users count u\n"
    "-- column: retention ratio r\n"
    "WITH rows (breakdown, period, users, retention) AS (VALUES"
    " ('paid', 0, 20, 1), ('paid', 1, 15, 0.5), ('', 0, 10, 1), ('free', 0, 5, 1))"
    " SELECT * FROM rows",
)
WEEKS = parse(
    "weeks",
    HEADER + "-- column: feature text f\n-- column: week epoch_day w\n-- column: users count u\n"
    "WITH rows (feature, week, users) AS (VALUES"
    " ('most used', 20007, 9), ('first seen', 20000, 1), ('most used', 20000, 8))"
    " SELECT * FROM rows",
)
STEPS = parse(
    "steps",
    HEADER + "-- column: breakdown text b\n-- column: step count s\n-- column: name text n\n"
    "-- column: users count u\n"
    "WITH rows (breakdown, step, name, users) AS (VALUES"
    " ('free', 1, 'a', 8), ('', 1, 'a', 4), ('', 2, 'a', 2)) SELECT * FROM rows",
)
FLOWS = parse(
    "flows",
    HEADER + "-- column: source text s\n-- column: target text t\n-- column: sessions count n\n"
    "SELECT '1:a' AS source, '2:b' AS target, 3 AS sessions",
)
ARMS = parse(
    "arms",
    HEADER + "-- column: variant text v\n-- column: rate ratio r\n-- column: low ratio l\n"
    "-- column: high ratio h\n"
    "SELECT 'b' AS variant, 0.5 AS rate, NULL AS low, NULL AS high UNION ALL"
    " SELECT 'c', 0.5, 0.25, 0.75",
)
ANSWER = parse(
    "answer",
    HEADER + "-- column: users count u\n-- column: share ratio s\n-- column: tool_name text t\n"
    "-- column: wait ms w\n-- column: lift factor l\n-- column: day epoch_day d\n"
    "SELECT 1234 AS users, 0.125 AS share, 'it''s' AS tool_name, NULL AS wait, 1.5 AS lift,"
    " 20000 AS day",
)
STUBS = {each.name: each for each in (COHORTS, LONG, GROUPS, WEEKS, STEPS, FLOWS, ARMS, ANSWER)}


@pytest.fixture
def drawn(monkeypatch, seeded):
    """The panel as Grafana gets it, and what its query answers."""
    for module in (panels, declaration, kept):
        monkeypatch.setattr(module, "catalogue", lambda: MappingProxyType(STUBS))
    over = grafana_plugin.Plugin(seeded)

    def draw(language="en", **declared):
        panel = Panel(id="p", title="T", **declared)
        context = Context(Page(id="p", title="P", panels=(panel,)), language, lambda *_: None)
        plain = json.loads(json.dumps(panels.panel_of(panel, context).build(), cls=JSONEncoder))
        (target,) = plain["targets"]
        known = {"templating": {"list": [
            {"name": "time_zone", "current": {"value": "UTC"}}
        ]}}  # fmt: skip
        return plain, grafana_plugin.asked(known, target, {}, over, (0, 10**18))

    yield draw
    over.close()


def overrides(plain, column):
    return {
        each["id"]: each["value"]
        for found in plain["fieldConfig"]["overrides"]
        if found["matcher"] == {"id": "byName", "options": column}
        for each in found["properties"]
    }


def test_a_heat_map_by_number_is_a_triangle_with_the_size_of_each_row(drawn):
    plain, frame = drawn(
        question="cohorts", draw="heatmap", x="cohort", split="period",
        values=("retention", "cohort_users"),
    )  # fmt: skip
    assert plain["type"] == "table"
    (pivot,) = plain["transformations"]
    assert pivot["id"] == "groupingToMatrix"
    assert frame.types == ["STRING", "STRING", "FLOAT"]
    assert frame.rows == [
        ["2024-10-04", "Cohort size", 10], ["2024-10-11", "Cohort size", 20],
        ["2024-10-04", "Period 0", 1], ["2024-10-11", "Period 0", 1],
        ["2024-10-04", "Period 1", 0.25], ["2024-10-11", "Period 1", None],
        ["2024-10-04", "Period 2", None],
    ]  # fmt: skip
    assert plain["fieldConfig"]["defaults"]["unit"] == "percentunit"
    size = overrides(plain, "Cohort size")
    assert size["unit"] == "locale"
    assert size["custom.cellOptions"] == {"type": "auto"}


def test_a_heat_map_by_number_has_every_period(drawn):
    """It once had columns for 13 of them, and said nothing of the rest."""
    _, frame = drawn(
        question="long", draw="heatmap", x="cohort", split="period",
        values=("retention", "cohort_users"), limit=10_000,
    )  # fmt: skip
    assert [row[1] for row in frame.rows] == ["Cohort size", *(f"Period {k}" for k in range(91))]


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["Paid", "Unknown", "Free"]), ("ko", ["유료", "알 수 없음", "무료"])],
)
def test_groups_are_in_the_order_of_their_answer_and_one_may_be_unknown(drawn, language, words):
    _, frame = drawn(
        language, question="groups", draw="heatmap", x="breakdown", split="period",
        values=("retention", "users"),
    )  # fmt: skip
    cells = [[20, 10, 5], [1, 1, 1], [0.5]]
    assert [[row[0], row[2]] for row in frame.rows] == [
        [word, cell] for column in cells for word, cell in zip(words, column, strict=False)
    ]


def test_a_heat_map_by_time_has_dates_as_columns_in_their_order(drawn):
    plain, frame = drawn(
        question="weeks", draw="heatmap", x="feature", split="week", values=("users",)
    )
    (pivot,) = plain["transformations"]
    assert pivot["id"] == "groupingToMatrix"
    assert (pivot["options"]["rowField"], pivot["options"]["columnField"]) == ("feature", "week")
    assert frame.types == ["STRING", "STRING", "FLOAT"]
    assert frame.rows == [
        ["most used", "2024-10-04", 8], ["first seen", "2024-10-04", 1],
        ["most used", "2024-10-11", 9],
    ]  # fmt: skip


def test_a_funnel_is_a_bar_for_each_step_and_part(drawn):
    plain, frame = drawn(
        question="steps", draw="funnel", x="name", split="breakdown", values=("users",)
    )
    assert plain["type"] == "bargauge"
    assert plain["options"]["reduceOptions"]["values"] is True
    assert frame.rows == [["1. a · Free", 8], ["1. a", 4], ["2. a", 2]]
    # A name of the column would be written beside every bar, in place of the step.
    assert "displayName" not in overrides(plain, "users")


def test_flows_are_rows_with_a_bar(drawn):
    plain, frame = drawn(
        question="flows", draw="sankey", x="source", split="target", values=("sessions",)
    )
    assert plain["type"] == "table"
    assert frame.rows == [["1:a", "2:b", 3]]
    assert overrides(plain, "sessions")["custom.cellOptions"] == {"type": "gauge", "mode": "basic"}


def test_intervals_are_numbers_with_their_ends(drawn):
    plain, frame = drawn(
        question="arms", draw="intervals", x="variant", values=("rate", "low", "high"), target=0.0
    )
    assert plain["type"] == "table"
    assert frame.rows == [["b", 0.5, None, None], ["c", 0.5, 0.25, 0.75]]
    assert overrides(plain, "low")["noValue"] == "–"


def test_an_answer_is_told_in_words(drawn):
    plain, frame = drawn(
        question="answer", draw="sentence",
        sentence="{users} people, {share}, with {tool_name}; it's {wait}, {lift} since {day}.",
    )  # fmt: skip
    assert plain["type"] == "stat"
    assert plain["options"]["textMode"] == "value"
    assert frame.rows == [["1234 people, 12.5 %, with it's; it's –, ×1.5 since 2024-10-04."]]


def test_an_answer_that_names_no_column_of_its_question_is_a_mistake(drawn):
    with pytest.raises(KeyError, match="nobody"):
        drawn(question="answer", draw="sentence", sentence="{nobody} is here")
