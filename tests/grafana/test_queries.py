"""Every target, expanded as Grafana and its plugin do, shows the numbers of the web admin."""

from __future__ import annotations

import apsw
import grafana_plugin
import pytest
import seeding
from grafana_plugin import ALL

from cortex_otel.query import runner
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show import grafana as generator
from cortex_otel.show.grafana_pages import PAGES_OF_GRAFANA
from cortex_otel.show.grafana_sql import VARIABLES
from cortex_otel_exporters.sqlite.reader import open_reader

END = seeding.MONDAY + 50 * seeding.DAY
USER = seeding.user_hash(7)
HOSTILE = "o'brien' OR '1'='1'; DROP TABLE events; --"
PANELS = [(page.id, panel.id) for page in PAGES_OF_GRAFANA.values() for panel in page.panels]
#: Length of the range in days, and values of variables; what isn't named stands on All or is empty.
FILTERS = {
    "all": (50, {}),
    "part": (37, {"service": "mcp", "tier": "paid", "utc_offset": "540"}),
    "few": (3, {"tier": "free", "utc_offset": "-330"}),
    "one_user": (50, {"user": USER, "utc_offset": "60"}),
    "beginning": (50, {"user": USER[:10], "event_type": "mcp.tool_call"}),
    "hostile": (50, dict.fromkeys(
        ("service", "tier", "user", "event_type", "error_type", "tool", "trace", "session", "q"),
        HOSTILE,
    )),
}  # fmt: skip


def page_and_panel(page_id, panel_id):
    page = PAGES_OF_GRAFANA[page_id]
    place = [panel.id for panel in page.panels].index(panel_id)
    return page, page.panels[place], place


def shown_of(plain, place, variables, over, span):
    """The frame of one panel, its variables set as in the browser."""
    (target,) = plain["panels"][place]["targets"]
    return asked(plain, target, variables, over, span)


def asked(plain, target, variables, over, span):
    known = plain["templating"]["list"]
    all_values = {each["name"]: each.get("allValue") for each in known}
    standing = {
        each["name"]: ALL if each["current"]["value"] == "$__all" else each["current"]["value"]
        for each in known
    }
    values = {**standing, **{name: value for name, value in variables.items() if name in standing}}
    sql = grafana_plugin.in_the_browser(target["rawQueryText"], values, all_values)
    return over.query({**target, "queryText": sql}, *span)


def parameters(page, panel, variables, span):
    """What the web admin would ask the runner."""
    question = catalogue()[panel.question]
    given = {"from_ns": span[0], "to_ns": span[1], **panel.parameters}
    for name in (*page.filters, "utc_offset_minutes"):
        value = variables.get(VARIABLES.get(name, name))
        if value is not None and question.accepts(name) and name not in panel.parameters:
            given[name] = int(value) if name == "utc_offset_minutes" else value
    return given


def converted(unit, value, offset):
    if value is None:
        return None
    match unit:
        case "unix_ns":
            return value / 1e9
        case "epoch_day":
            return value * 86_400 - offset * 60
        case "text":
            return value
        case "flag":
            return int(value)
    return float(value)


def expected(shown, names, variables, connection, span):
    """The runner's own answer, with the columns of the frame."""
    page, panel = shown
    question = catalogue()[panel.question]
    given = parameters(page, panel, variables, span)
    result = runner.run(connection, question, given, row_limit=10**6)
    offset = given.get("utc_offset_minutes", 0)
    units = {column.name: column.unit for column in question.columns}
    return [
        {name: converted(units[name], record[name], offset) for name in names}
        for record in result.records()
    ]


@pytest.fixture
def connection(seeded):
    opened = open_reader(seeded)
    yield opened
    opened.close()


@pytest.mark.parametrize(("page_id", "panel_id"), PANELS)
@pytest.mark.parametrize("filters", FILTERS)
def test_a_panel_shows_what_the_web_shows(  # noqa: PLR0917 - three of them are fixtures
    page_id, panel_id, filters, dashboards, grafana_over, connection
):
    page, panel, place = page_and_panel(page_id, panel_id)
    days, variables = FILTERS[filters]
    span = (END - days * seeding.DAY, END)
    plain = dashboards["en"][generator.uid_of(page)]
    frame = shown_of(plain, place, variables, grafana_over, span)
    drawn = [name for name in frame.names if not name.endswith("_partial")]
    partial = [name for name in frame.names if name.endswith("_partial")]
    ask = ((page, panel), [*drawn, *(["partial"] if partial else [])], variables, connection)
    rows = [dict(zip(frame.names, row, strict=True)) for row in frame.rows]
    if panel.draw == "cards":
        before = expected(*ask, (2 * span[0] - span[1], span[0]))
        assert rows == [*before, *expected(*ask, span)]
        return
    wanted = expected(*ask, span)
    if partial:
        for row, one in zip(rows, wanted, strict=True):
            # The value stands under the name that says whether its period is over.
            for name in partial:
                whole = name.removesuffix("_partial")
                assert (row[name] if one["partial"] else row[whole]) == one[whole]
                assert one["partial"] == 0 or row[whole] is None
        return
    if panel.draw in {"lines", "bars"} and panel.x in frame.names and "TIME" in frame.types:
        keys = [name for name in (panel.x, panel.split) if name]
        wanted.sort(key=lambda row: tuple(row[key] for key in keys))
    else:
        wanted = wanted[: panel.limit]
    assert rows == wanted


def test_the_seeded_store_answers_both_ways(connection):
    """Else the test above would compare one of them alone."""
    overview = catalogue()["overview"]
    ways = {
        runner.run(connection, overview, {"from_ns": END - days * seeding.DAY, "to_ns": END}).exact
        for days in (50, 3)
    }
    assert ways == {True, False}


def test_most_panels_show_something(dashboards, grafana_over):
    full = 0
    for page_id, panel_id in PANELS:
        page, _, place = page_and_panel(page_id, panel_id)
        plain = dashboards["en"][generator.uid_of(page)]
        frame = shown_of(plain, place, {}, grafana_over, (END - 50 * seeding.DAY, END))
        full += bool(frame.rows)
    assert full >= len(PANELS) / 2


@pytest.mark.parametrize(("page_id", "panel_id"), PANELS)
def test_an_empty_store_is_no_error(page_id, panel_id, dashboards, empty):
    page, _, place = page_and_panel(page_id, panel_id)
    plain = dashboards["en"][generator.uid_of(page)]
    over = grafana_plugin.Plugin(empty)
    frame = shown_of(plain, place, {}, over, (END - seeding.DAY, END))
    over.close()
    assert len(frame.rows) <= 3


@pytest.mark.parametrize(("page_id", "panel_id"), PANELS)
def test_no_column_loses_its_decimals_and_times_are_seconds(
    page_id, panel_id, dashboards, grafana_over
):
    page, panel, place = page_and_panel(page_id, panel_id)
    plain = dashboards["en"][generator.uid_of(page)]
    (target,) = plain["panels"][place]["targets"]
    frame = shown_of(plain, place, {}, grafana_over, (END - 50 * seeding.DAY, END))
    units = {column.name: column.unit for column in catalogue()[panel.question].columns}
    for number, (name, kind) in enumerate(zip(frame.names, frame.types, strict=True)):
        raw = [row[number] for row in frame.raw]
        unit = units[name.removesuffix("_partial")]
        if unit in {"count", "ratio", "ms", "tokens"}:
            assert kind in {"FLOAT", "UNKNOWN"}, name
        if unit in {"unix_ns", "epoch_day"}:
            assert name in target["timeColumns"]
            times = [each for each in raw if each is not None]
            assert all(10**9 < each < 3 * 10**9 for each in times)
            if panel.draw in {"lines", "bars"} and name == panel.x:
                assert times == sorted(times)
    assert set(target["timeColumns"]) <= set(frame.names)


def test_a_hostile_variable_stays_a_value(dashboards, seeded):
    """Quotes, comments, another statement: nothing is found and nothing is done."""
    over = grafana_plugin.Plugin(seeded)
    before = over.connection.execute("SELECT count(*) FROM events").get
    _, _, place = page_and_panel("home", "cards")
    variables = {"service": HOSTILE, "tier": HOSTILE, "utc_offset": HOSTILE}
    frame = shown_of(
        dashboards["en"]["cortex-home"], place, variables, over, (END - seeding.DAY, END)
    )
    assert [row[0] for row in frame.rows] == [0, 0]
    assert over.connection.execute("SELECT count(*) FROM events").get == before
    over.close()


@pytest.mark.parametrize(
    "sql", ["DELETE FROM events", "CREATE TABLE x (y)", "PRAGMA user_version=9"]
)
def test_whoever_may_look_can_not_write(seeded, sql):
    over = grafana_plugin.Plugin(seeded)
    with pytest.raises(apsw.ReadOnlyError):
        over.query({"queryText": sql, "timeColumns": []}, 0, END)
    over.close()


def test_incidents_are_hours_in_a_row_with_too_many_errors(dashboards, tmp_path):
    hour = seeding.HOUR
    events = [
        seeding.Event(
            seeding.MONDAY + number * hour + minute * 10**9,
            result="error" if minute < failed else "success", user=USER, session="s",
        )
        for number, failed in enumerate([0, 1, 5, 10, 0, 8, 0])
        for minute in range(40)
    ]  # fmt: skip
    # Too few to tell anything.
    events.append(seeding.Event(seeding.MONDAY + 9 * hour, result="error", user=USER, session="s"))
    over = grafana_plugin.Plugin(seeding.build(tmp_path / "cortex.db", events))
    plain = dashboards["en"]["cortex-home"]
    (annotation,) = plain["annotations"]["list"]
    frame = asked(
        plain, annotation["target"], {}, over, (seeding.MONDAY, seeding.MONDAY + 12 * hour)
    )
    start = seeding.MONDAY / 1e9
    assert frame.names == ["time", "timeEnd", "title", "text", "tags"]
    assert [row[:2] for row in frame.rows] == [
        [start + 2 * 3600, start + 4 * 3600],
        [start + 5 * 3600, start + 6 * 3600],
    ]
    # 15 of the 80 events of two hours.
    assert frame.rows[0][3].startswith("18.8 %")
    assert frame.types[:2] == ["TIME", "TIME"]
    over.close()


def test_the_check_of_columns_finds_an_integer_first(grafana_over):
    """The checks above stand on this: the plugin cuts what comes after an integer."""
    target = {"queryText": "SELECT 1 AS n UNION ALL SELECT 2.5", "timeColumns": []}
    frame = grafana_over.query(target, 0, END)
    assert (frame.types, frame.rows) == (["INTEGER"], [[1], [2]])
