"""Every target, expanded as Grafana and its plugin do, shows the numbers of the web admin."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta

import apsw
import grafana_plugin
import pytest
import seeding
from grafana_drawings import MADE_BY_SQL, in_words, made_of
from grafana_plugin import asked, shown_of

from cortex_otel.query import runner
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.zones import zone
from cortex_otel.show.grafana import dashboards as generator
from cortex_otel.show.grafana.dialect import VARIABLES
from cortex_otel.show.grafana.links import AROUND
from cortex_otel.show.grafana.pages import PAGES_OF_GRAFANA
from cortex_otel_exporters.sqlite.reader import open_reader

END = seeding.MONDAY + 50 * seeding.DAY
USER = seeding.user_hash(7)
HOSTILE = "o'brien'\n OR '1'='1'; DROP TABLE events; --"
PANELS = [(page.id, panel.id) for page in PAGES_OF_GRAFANA.values() for panel in page.panels]
#: Length of the range in days, and values of variables; what isn't named stands on All or is empty.
FILTERS = {
    "all": (50, {}),
    "part": (37, {"service": "mcp", "tier": "paid", "time_zone": "Asia/Seoul"}),
    "few": (3, {"tier": "free", "time_zone": "Australia/Lord_Howe"}),
    "one_user": (50, {"user": "USER", "time_zone": "Asia/Kathmandu"}),
    "beginning": (20, {"user": " USE", "event_type": "mcp.tool_call", "tool": "search_context"}),
    "errors": (50, {"error_type": "TimeoutError", "service": "mcp", "time_zone": "Asia/Seoul"}),
    "hostile": (50, dict.fromkeys(
        ("service", "tier", "user", "event_type", "error_type", "tool", "trace", "session", "q"),
        HOSTILE,
    )),
}  # fmt: skip
#: SQLite's limit of nesting, and ours: a tenth is spare for what is added to a shared CTE.
SQLITE_ALLOWS, WE_ALLOW = 1000, 900
#: Ranges of panels that have their own, in days.
SINCE = {"24h": 1, "7d": 7, "28d": 28, "90d": 90}


def page_and_panel(page_id, panel_id):
    page = PAGES_OF_GRAFANA[page_id]
    place = [panel.id for panel in page.panels].index(panel_id)
    return page, page.panels[place], place


def parameters(page, panel, variables, span):
    """What the web admin would ask the runner."""
    question = catalogue()[panel.question]
    given = {"from_ns": span[0], "to_ns": span[1], **panel.parameters}
    for name in (*page.filters, "time_zone"):
        value = variables.get(VARIABLES.get(name, name))
        if name == "user" and value is not None:
            value = value.strip().lower()
        if value is not None and question.accepts(name) and name not in panel.parameters:
            given[name] = value
    return given


def converted(unit, value, there):
    if value is None:
        return None
    match unit:
        case "unix_ns":
            return value / 1e9
        case "epoch_day":
            return there.start_of(date(1970, 1, 1) + timedelta(days=value)) / 1e9
        case "text":
            return value
        case "flag":
            return int(value)
    return float(value)


def earlier(span, there):
    weeks = -(-(span[1] - span[0]) // (7 * seeding.DAY))
    return tuple(there.earlier(each, 7 * weeks) for each in span)


def expected(shown, names, variables, connection, span, *, from_events=None):
    """The runner's own answer, with the columns of the frame."""
    page, panel = shown
    question = catalogue()[panel.question]
    given = parameters(page, panel, variables, span)
    result = runner.run(connection, question, given, row_limit=10**6, from_events=from_events)
    # Also of days that the question counts in UTC: the date is the same, and the dashboard shows
    # the instant at which that date begins where it is looked at.
    there = zone(variables.get("time_zone", "UTC"))
    units = {column.name: column.unit for column in question.columns}
    return [
        {name: converted(units[name], record[name], there) for name in names}
        for record in result.records()
    ]


@pytest.mark.thorough
@pytest.mark.parametrize(("page_id", "panel_id"), PANELS)
@pytest.mark.parametrize("filters", FILTERS)
def test_a_panel_shows_what_the_web_shows(page_id, panel_id, filters, dashboards, store):
    page, panel, place = page_and_panel(page_id, panel_id)
    days, variables = FILTERS[filters]
    # As somebody may paste it.
    known = {"USER": store.user, " USE": f" {store.user[:6].upper()} "}
    variables = {name: known.get(value, value) for name, value in variables.items()}
    span = (store.end - days * seeding.DAY, store.end)
    plain = dashboards["en"][generator.uid_of(page)]
    frame = shown_of(plain, place, variables, store.over, span)
    if panel.draw in MADE_BY_SQL:
        records = runner.run(
            store.connection,
            catalogue()[panel.question],
            parameters(page, panel, variables, span),
            row_limit=10**6,
        ).records()
        made = made_of(panel, list(records), zone(variables.get("time_zone", "UTC")))
        assert (frame.names, frame.rows) == (made.names, made.rows)
        return
    drawn = [n for n in frame.names if not n.endswith("_partial") and n not in AROUND]
    partial = [name for name in frame.names if name.endswith("_partial")]
    ask = ((page, panel), [*drawn, *(["partial"] if partial else [])], variables, store.connection)
    rows = [
        {name: value for name, value in zip(frame.names, row, strict=True) if name not in AROUND}
        for row in frame.rows
    ]
    if panel.draw == "cards":
        then = earlier(span, zone(variables.get("time_zone", "UTC")))
        first = store.connection.execute("SELECT min(hour) FROM rollup_hour").get * seeding.HOUR
        question = catalogue()[panel.question]
        both = [
            runner.run(store.connection, question, parameters(page, panel, variables, each))
            for each in (span, then)
        ]
        # Percentiles of both are of events, or of both of histograms.
        by = all(result.exact for result in both) or not question.exact_sql
        before = expected(*ask, then, from_events=by) if first <= then[0] else []
        if any(row.get("partial") for row in both[1].records()):
            before = []
        for row in before:
            for name in {"last_error"} & set(drawn):  # by how much a time differs is no number
                row[name] = None
        assert rows == [*before, *expected(*ask, span, from_events=by)]
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
    wanted = [{name: in_words(panel, name, row[name]) for name in row} for row in wanted]
    assert rows == wanted


def test_the_seeded_store_answers_both_ways(seeded):
    """Else the test above would compare one of them alone."""
    connection, overview = open_reader(seeded), catalogue()["overview"]
    ways = {
        runner.run(connection, overview, {"from_ns": END - days * seeding.DAY, "to_ns": END}).exact
        for days in (50, 3)
    }
    connection.close()
    assert ways == {True, False}


@pytest.mark.parametrize(("page_id", "panel_id"), PANELS)
def test_a_panel_has_something_to_show(page_id, panel_id, dashboards, population_store):
    """Else equal numbers would be none on both sides."""
    if page_id == "trace":
        pytest.skip("has a test of its own, over a trace")
    page, panel, place = page_and_panel(page_id, panel_id)
    store = population_store
    variables = {"user": store.user} if page_id == "user" else {}
    # In a long range everybody was active once, and every feature used.
    rare = panel.question in {"inactive_users", "unused_features"}
    days = SINCE.get(panel.since, 3 if rare else 45)
    span = (store.end - days * seeding.DAY, store.end)
    frame = shown_of(dashboards["en"][generator.uid_of(page)], place, variables, store.over, span)
    assert any(value for row in frame.rows for value in row)
    if panel.draw == "sentence":
        # A sentence always has words: what matters is that they tell of something.
        given = parameters(page, panel, variables, span)
        (told,) = runner.run(store.connection, catalogue()[panel.question], given).records()
        numbers = [
            told[column.name]
            for column in catalogue()[panel.question].columns
            if column.unit in {"count", "ratio", "ms"} and f"{{{column.name}}}" in panel.sentence
        ]
        assert any(numbers)
        assert None not in numbers
        assert frame.rows == made_of(panel, [told], zone("UTC")).rows


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
    if panel.draw in MADE_BY_SQL:
        made = made_of(panel, [], zone("UTC"))
        assert frame.names == made.names
        for name, kind, wanted in zip(frame.names, frame.types, made.types, strict=True):
            assert kind in {wanted, "UNKNOWN"}, name
            assert (kind == "TIME") == (name in target["timeColumns"]), name
        # A column without any value is UNKNOWN, which must not be all that is compared.
        assert "UNKNOWN" not in frame.types[:2] or not frame.rows
        return
    for number, (name, kind) in enumerate(zip(frame.names, frame.types, strict=True)):
        raw = [row[number] for row in frame.raw]
        if name in AROUND:
            continue
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
    variables = {"service": HOSTILE, "tier": HOSTILE, "time_zone": HOSTILE}
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
            result="error" if minute < failed else "success",
            user=USER,
            session="s",
        )
        for number, failed in enumerate([0, 1, 5, 10, 0, 8, 0])
        for minute in range(40)
    ]
    # Too few to tell anything.
    events.append(seeding.Event(seeding.MONDAY + 9 * hour, result="error", user=USER, session="s"))
    over = grafana_plugin.Plugin(seeding.build(tmp_path / "cortex.db", events))
    plain = dashboards["en"]["cortex-home"]
    annotation = plain["annotations"]["list"][0]
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


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_retention_deleted_is_said_and_marked(language, dashboards, tmp_path):
    day = 24 * seeding.HOUR
    path = seeding.build(
        tmp_path / "cortex.db", [seeding.Event(seeding.MONDAY, user=USER, session="s")]
    )
    plain = dashboards[language]["cortex-errors"]
    (variable,) = (one for one in plain["templating"]["list"] if one["name"] == "kept")
    assert variable["hide"] == 2
    described = [panel["description"] for panel in plain["panels"]]
    assert any(each.endswith("${kept}") for each in described)
    annotation = plain["annotations"]["list"][1]["target"]
    span = seeding.MONDAY, seeding.MONDAY + 7 * day

    def seen():
        over = grafana_plugin.Plugin(path)
        said = over.query({"queryText": variable["query"], "timeColumns": []}, *span).rows
        marks = asked(plain, annotation, {}, over, span).rows
        over.close()
        return said[0][0], [mark[:2] for mark in marks]

    assert seen()[1] == []
    assert not re.search("[0-9]", seen()[0])
    connection = apsw.Connection(str(path))
    for kept_from, end in ((2 * day, 2 * day), (30 * day, 7 * day), (-day, None)):
        connection.execute(
            "INSERT INTO store VALUES ('events_from', ?1) "
            "ON CONFLICT DO UPDATE SET value = excluded.value",
            (seeding.MONDAY + kept_from,),
        )
        said, marks = seen()
        at = datetime.fromtimestamp((seeding.MONDAY + kept_from) / 1e9, UTC)
        assert f"{at:%Y-%m-%d %H:%M}" in said
        start = seeding.MONDAY / 1e9
        assert marks == ([] if end is None else [[start, start + end / 1e9]])
    connection.close()


def test_the_check_of_columns_finds_an_integer_first(grafana_over):
    """The checks above stand on this: the plugin cuts what comes after an integer."""
    target = {"queryText": "SELECT 1 AS n UNION ALL SELECT 2.5", "timeColumns": []}
    frame = grafana_over.query(target, 0, END)
    assert (frame.types, frame.rows) == (["INTEGER"], [[1], [2]])


@pytest.fixture
def narrow(empty):
    """The plugin, over a SQLite that allows less nesting than it does: each use of a CTE counts."""
    over = grafana_plugin.Plugin(empty)
    assert over.connection.limit(apsw.SQLITE_LIMIT_EXPR_DEPTH) == SQLITE_ALLOWS
    over.connection.limit(apsw.SQLITE_LIMIT_EXPR_DEPTH, WE_ALLOW)
    yield over
    over.close()


def too_deep(connection, sql):
    """What SQLite says against ``sql``, if anything."""
    try:
        connection.execute("EXPLAIN " + sql, dict.fromkeys(re.findall(r":([a-z_]+)", sql)))
    except apsw.Error as error:
        return str(error)
    return None


def test_no_question_is_nested_as_deep_as_sqlite_allows(narrow):
    asked = {
        (name, way): sql
        for name, question in catalogue().items()
        for way, sql in (("sql", question.sql), ("exact", question.exact_sql))
        if sql is not None
    }
    refused = {key: too_deep(narrow.connection, sql) for key, sql in asked.items()}
    assert {key: why for key, why in refused.items() if why} == {}


def test_no_panel_is_nested_as_deep_as_sqlite_allows(narrow, dashboards):
    refused = {}
    for uid, plain in dashboards["en"].items():
        for panel in plain["panels"]:
            for target in panel.get("targets", []):
                try:
                    asked(plain, target, {}, narrow, (END - seeding.DAY, END))
                except apsw.Error as error:
                    refused[uid, panel["title"]] = str(error)
    assert refused == {}


def test_the_limit_of_nesting_is_the_one_that_sqlite_has(narrow):
    """The checks above stand on this: uses of CTEs count, side by side too."""

    def doubled(times):
        ctes = ["a0 AS MATERIALIZED (SELECT 1 AS x)"] + [
            f"a{n} AS MATERIALIZED (SELECT p.x FROM a{n - 1} p, a{n - 1} q)"
            for n in range(1, times + 1)
        ]
        return f"WITH {', '.join(ctes)} SELECT x FROM a{times}"

    assert too_deep(narrow.connection, doubled(8)) is None
    assert "nested too deep" in too_deep(narrow.connection, doubled(9))


@pytest.fixture
def traced(tmp_path):
    """A trace of three spans, half a second after each other, and an event of another trace."""
    times = [seeding.MONDAY + number * 500_000_000 for number in range(4)]
    events = [
        seeding.Event(time, 10**9 // 4, name=f"span {number}", user=USER, result="error")
        for number, time in enumerate(times)
    ]
    path = seeding.build(tmp_path / "cortex.db", events)
    writer = apsw.Connection(str(path))
    writer.execute("UPDATE events SET trace_id = x'ab' || zeroblob(15), span_id = event_key")
    writer.execute("UPDATE events SET trace_id = x'cd' || zeroblob(15) WHERE event_key = 4")
    writer.close()
    over = grafana_plugin.Plugin(path)
    yield over
    over.close()


def test_a_trace_is_a_table_and_a_waterfall(dashboards, traced):
    plain = dashboards["en"]["cortex-trace"]
    span = (seeding.MONDAY - seeding.HOUR, seeding.MONDAY + seeding.HOUR)
    variables = {"trace": "AB" + "00" * 15}
    spans, waterfall = (shown_of(plain, place, variables, traced, span) for place in (0, 1))
    assert [row[spans.names.index("name")] for row in spans.rows] == ["span 0", "span 1", "span 2"]
    assert waterfall.rows == [
        [f"span {number}", pytest.approx(number * 500, abs=0.01), 250.0] for number in range(3)
    ]
    assert shown_of(plain, 0, {}, traced, span).rows == []


def test_a_click_on_a_trace_opens_the_hours_around_it(dashboards, traced):
    """The address is what Grafana makes of a row: ms, as text."""
    found = 0
    for uid, plain in dashboards["en"].items():
        for place, panel in enumerate(plain["panels"]):
            if not any(AROUND[0] in json.dumps(each) for each in panel.get("targets", [])):
                continue
            span = (seeding.MONDAY, seeding.MONDAY + seeding.DAY)
            frame = shown_of(plain, place, {"user": USER}, traced, span)
            only_extension = uid == "cortex-extension"
            assert len(frame.rows) == (0 if only_extension else 4), panel["title"]
            for row in (dict(zip(frame.names, row, strict=True)) for row in frame.rows):
                start, end = (row[name] for name in AROUND)
                assert int(end) - int(start) == 7_200_000
                assert int(start) < row["time"] * 1000 < int(end)
            found += bool(frame.rows)
    assert found >= 2
