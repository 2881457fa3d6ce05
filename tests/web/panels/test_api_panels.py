"""Panels: the data for the browser, and their filters."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

import pytest

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.formats import plain
from cortex_otel.query.runner import run
from cortex_otel.query.zones import zone
from cortex_otel.show.pages import PAGES
from cortex_otel_exporters.sqlite.expiry import EVENTS, NS_A_DAY, Pace, delete_some
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader

ALL = [(page.id, panel.id) for page in PAGES.values() for panel in page.panels]
KEYS = {
    "page", "panel", "question", "title", "about", "draw", "x", "values", "split", "target",
    "stacked", "links", "wide", "range", "columns", "rows", "previous", "exact", "truncated",
    "next", "elapsed_ms", "empty", "incomplete", "unfiltered", "widened", "sentence", "trend",
    "leads_to", "kept", "kept_from", "recorded_from", "sampled", "sampling",
}  # fmt: skip


@pytest.fixture(scope="module")
def somebody(admin):
    return admin.json("users", limit=1)["users"][0]["user_id_hash"]


@pytest.mark.parametrize(("page", "panel"), ALL)
def test_every_panel_matches_its_declaration(admin, somebody, page, panel):
    subject = {"user": somebody} if page == "user" else {}
    answer = admin.json(f"panels/{page}/{panel}", since="30d", **subject)
    assert answer.keys() == KEYS
    names = [column["name"] for column in answer["columns"]]
    assert names == [column.name for column in catalogue()[answer["question"]].columns]
    drawn = {answer["x"], *answer["values"]}
    if answer["trend"]:
        further = {column["name"] for column in answer["trend"]["columns"]}
        if answer["draw"] == "sentence":  # what it draws is its line
            assert drawn <= further
            drawn = set()
        else:  # a heat map's first row has a cell for each of its columns
            assert answer["draw"] == "heatmap"
            assert {answer["split"], answer["values"][0]} <= further
    assert drawn | {answer["split"], *answer["links"]} - {""} <= set(names) | {""}
    assert all(len(row) == len(names) for row in answer["rows"])
    assert answer["rows"] or answer["empty"]
    assert all(column["title"] and column["meaning"] for column in answer["columns"])
    korean = admin.json(f"panels/{page}/{panel}", since="30d", lang="ko", **subject)
    assert korean["about"] != answer["about"]
    assert (korean["title"] != answer["title"]) or answer["title"].isupper()


def test_panels_say_from_when_on_events_are_kept(serve, population_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(population_home, home)
    connection = open_for_writing(home / "cortex.db")
    first, last = connection.execute("SELECT min(time), max(time) FROM events").get
    cut = (first + last) // 2 // NS_A_DAY * NS_A_DAY
    while delete_some(connection, EVENTS, cut, "age", Pace(0.05)):
        pass
    connection.close()
    served = serve(home)
    known = {"kept": set(), "kept_from": set()}
    for page, panel in (("errors", "log"), ("overview", "dau")):
        answer = served.json(f"panels/{page}/{panel}", since="all", tz="UTC")
        for key, values in known.items():
            values.add(answer[key])
    since = zone("UTC").iso(cut)
    assert known["kept_from"] == {None, since}
    assert known["kept"] == {None, f"Raw events from {since[:16].replace('T', ' ')} on"}
    korean = served.json("panels/errors/log", since="all", tz="UTC", lang="ko")
    assert korean["kept"].startswith("원본 이벤트는")
    assert served.json("errors", since="all", tz="UTC", limit=1)["kept_from"] == since
    for page, panel, kept_from in (("errors", "log", since), ("overview", "dau", None)):
        of = {"page": page, "panel": panel, "since": "all", "tz": "UTC"}
        assert served.json("export/json", **of)["kept_from"] == kept_from
        for method in ("GET", "HEAD"):
            answer = served.client.request(method, "/api/telemetry/export/csv", params=of)
            assert answer.headers.get("cortex-kept-from") == kept_from


def test_an_empty_store_is_reported_in_every_panel(serve, empty_home):
    served = serve(empty_home)
    for page, panel in ALL:
        for language in ("en", "ko"):
            answer = served.json(f"panels/{page}/{panel}", lang=language)
            assert answer["empty"], (page, panel)
            assert answer["empty"]["reason"] == "empty_store"
            assert answer["empty"]["hint"]


def test_why_a_panel_is_empty(admin):
    answer = admin.json("panels/mcp/tools", tier="enterprise", from_="2020-01-01", to="2020-02-01")
    assert answer["empty"]["reason"] == "empty_filtered"
    answer = admin.json("panels/mcp/tools", from_="2020-01-01", to="2020-02-01")
    assert answer["empty"]["reason"] == "empty_range_of"
    assert answer["empty"]["hint"]


@pytest.mark.parametrize("filters", [{}, {"tier": "paid"}, {"service": "mcp", "since": "7d"}])
def test_the_rows_are_those_of_the_question(admin, filters):
    answer = admin.json("panels/mcp/tools", **filters)
    bounds = [
        int(datetime.fromisoformat(answer["range"][side]).timestamp() * 1000) * 10**6
        for side in ("from", "to")
    ]
    connection = open_reader(admin.database)
    result = run(
        connection,
        catalogue()["tool_calls"],
        {
            "from_ns": bounds[0],
            "to_ns": bounds[1],
            "service": filters.get("service", ""),
            "user_tier": filters.get("tier", ""),
            "time_zone": "Asia/Seoul",
        },
    )
    connection.close()
    units = [column.unit for column in result.columns]
    assert answer["rows"] == [
        [plain(*each, zone("Asia/Seoul")) for each in zip(row, units, strict=True)]
        for row in result.rows
    ]


def test_the_period_before_is_as_long_and_has_the_same_weekdays(admin):
    answer = admin.json("panels/overview/totals", since="7d", compare="1")
    start, end = (datetime.fromisoformat(answer["range"][side]) for side in ("from", "to"))
    before = answer["previous"]
    assert datetime.fromisoformat(before["to"]) == end - timedelta(days=7)
    assert datetime.fromisoformat(before["from"]) == start - timedelta(days=7)
    assert before["changes"]["events"]["test"] == "poisson"
    events = [column["name"] for column in answer["columns"]].index("events")
    asked = admin.json("panels/overview/totals", from_=before["from"], to=before["to"])
    assert before["rows"][0][events] == asked["rows"][0][events] > 0
    assert admin.json("panels/overview/totals", since="7d")["previous"] is None
    assert admin.json("panels/overview/totals", since="all", compare="1")["previous"] is None


def test_all_of_it_begins_with_the_first_record(admin, population_now):
    answer = admin.json("panels/overview/totals", since="all")
    begin = datetime.fromisoformat(answer["range"]["from"]).timestamp()
    assert 35 < (population_now / 1e9 - begin) / 86_400 < 42


def test_a_panel_with_its_own_range_keeps_it(admin):
    answer = admin.json("panels/overview/hours", from_="2020-01-01", to="2020-01-02")
    start, end = (datetime.fromisoformat(answer["range"][side]) for side in ("from", "to"))
    assert (end - start).total_seconds() == 86_400
    assert answer["rows"]


def test_a_filter_that_has_no_effect_is_reported(admin):
    """Of a question that has no use for it, and of a panel that fixes it."""
    for page in PAGES.values():
        for panel in page.panels:
            answer = admin.json(f"panels/{page.id}/{panel.id}", service="mcp", tier="paid")
            accepts = catalogue()[panel.question].accepts
            own = panel.parameters
            assert answer["unfiltered"] == [
                name
                for name in page.filters
                if name in {"service", "user_tier"} and (name in own or not accepts(name))
            ]


def test_the_filters_of_the_extension_page_count_in_every_panel(admin):
    """It is about one service: of another one there is nothing on it."""
    for panel in PAGES["extension"].panels:
        answer = admin.json(f"panels/extension/{panel.id}", service="mcp")
        assert answer["empty"], panel.id
        assert answer["unfiltered"] == []
    everything = admin.json("panels/extension/session_length")["rows"]
    assert everything
    assert everything == admin.json("panels/extension/session_length", service="extension")["rows"]


def test_times_carry_the_offset_of_their_own_moment(serve, tmp_path, record):
    # Clocks in New York went back on 2026-11-01 at 06:00 UTC.
    before, after = 1_793_505_600_000_000_000, 1_793_592_000_000_000_000
    record(tmp_path, ["a"], time_ns=before)
    record(tmp_path, ["b"], time_ns=after)
    served = serve(tmp_path, time_zone="America/New_York")
    answer = served.json("events", from_="2026-10-31", to="2026-11-03")
    assert [event["time"] for event in answer["events"]] == [
        "2026-11-01T23:00:00.000-05:00",
        "2026-11-01T00:00:00.000-04:00",
    ]
    assert answer["range"] == {
        "from": "2026-10-31T00:00:00.000-04:00",
        "to": "2026-11-03T00:00:00.000-05:00",
        "time_zone": "America/New_York",
    }


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Seoul", "2026-11-02T00:00:00.000+09:00"),
        ("Asia/Kolkata", "2026-11-02T00:00:00.000+05:30"),
        ("Asia/Kathmandu", "2026-11-02T00:00:00.000+05:45"),
        ("Pacific/Apia", "2026-11-02T00:00:00.000+13:00"),
        ("UTC", "2026-11-02T00:00:00.000+00:00"),
    ],
)
def test_a_time_without_an_offset_is_in_the_requested_zone(admin, zone, expected):
    answer = admin.json("panels/overview/dau", from_="2026-11-02", to="2026-11-05", tz=zone)
    assert answer["range"]["from"] == expected
    assert answer["range"]["time_zone"] == zone


def test_a_time_with_an_offset_is_that_moment(admin):
    answer = admin.json("events", from_="2026-11-02T00:00Z", to="2026-11-02T12:00-05:00")
    assert answer["range"]["from"] == "2026-11-02T09:00:00.000+09:00"
    assert answer["range"]["to"] == "2026-11-03T02:00:00.000+09:00"


@pytest.mark.parametrize("name", ["overview", "mcp/summary", "extension/summary"])
def test_a_whole_page_is_its_panels_of_one_moment(admin, name):
    answer = admin.json(name, since="7d")
    page = PAGES[answer["page"]]
    assert list(answer["panels"]) == [panel.id for panel in page.panels]
    for panel in answer["panels"].values():
        assert panel.keys() == KEYS


def test_tools_as_objects(admin):
    answer = admin.json("mcp/tools", since="30d")
    panel = admin.json("panels/mcp/tools", since="30d")
    names = [column["name"] for column in panel["columns"]]
    assert [tool["tool_name"] for tool in answer["tools"]] == [
        row[names.index("tool_name")] for row in panel["rows"]
    ]


def test_a_user_by_the_whole_hash(admin, somebody):
    answer = admin.json(f"users/{somebody}", since="30d")
    assert answer["page"] == "user"
    timeline = answer["panels"]["timeline"]
    index = [column["name"] for column in timeline["columns"]].index("user_id_hash")
    assert {row[index] for row in timeline["rows"]} == {somebody}
    assert admin.json(f"users/{somebody.upper()}")["panels"]["totals"]["rows"]
    assert admin.error(f"users/{'0' * 64}")[0] == 404
    status, error = admin.error("users/xyz")
    assert (status, error["code"], error["field"]) == (400, "bad_user", "user_id_hash")


def test_users_by_the_beginning_of_the_hash(admin, somebody):
    found = admin.json("users", user=somebody[:8].upper())["users"]
    assert [user["user_id_hash"] for user in found] == [somebody]
    assert admin.json("users", user="0123456789abcdef")["users"] == []


def test_a_trace_in_the_order_of_time(admin):
    rows = admin.json("events", since="7d", limit=500)["events"]
    trace_id = next(row["trace_id"] for row in rows if row["trace_id"])
    answer = admin.json(f"traces/{trace_id}")
    assert answer["trace_id"] == trace_id
    assert {span["trace_id"] for span in answer["spans"]} == {trace_id}
    times = [span["timestamp"] for span in answer["spans"]]
    assert times == sorted(times)
    assert isinstance(answer["spans"][0]["event_data"], dict)
    assert admin.error(f"traces/{'0' * 32}")[1]["code"] == "unknown_trace"
    assert admin.error("traces/xyz")[0] == 400


def test_the_catalogue_and_the_pages_are_listed(admin):
    answer = admin.json("questions")
    assert [question["name"] for question in answer["questions"]] == list(catalogue())
    for page in answer["pages"]:
        for panel in page["panels"]:
            assert admin.get(f"panels/{page['page']}/{panel['panel']}").status_code == 200
