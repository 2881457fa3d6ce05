"""Users, errors, events and traces: their content and paging."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from datetime import datetime

import apsw
import pytest

pytestmark = pytest.mark.system

API = "/api/telemetry"
TRACE = "0123456789abcdef0123456789abcdef"


def paged(client, path, key, **asked):
    rows, cursor, pages = [], None, 0
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = client.get(f"{API}/{path}", params={**asked, **more}).json()
        rows += answer[key]
        pages += 1
        cursor = answer["next"]
        assert bool(cursor) is answer["truncated"]
        if cursor is None:
            return rows, pages


def test_errors_of_all_pages_are_all_errors_once_newest_first(client, events):
    rows, pages = paged(client, "errors", "errors", since="all", limit=37)
    assert pages > 3
    failed = [event for event in events if event.failed and event.product]
    assert len(rows) == len(failed)
    assert len({row["id"] for row in rows}) == len(rows)
    times = [datetime.fromisoformat(row["time"]) for row in rows]
    assert times == sorted(times, reverse=True)
    assert Counter(row["error_type"] for row in rows) == Counter(e.error_type for e in failed)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"service": "mcp"}, lambda e: e.service == "mcp"),
        ({"tier": "free"}, lambda e: e.tier == "free"),
        ({"service": "extension", "tier": "paid"},
         lambda e: (e.service, e.tier) == ("extension", "paid")),
        ({"event_type": "mcp.tool_call"}, lambda e: e.event_type == "mcp.tool_call"),
        ({"event_type": "ext."}, lambda e: e.event_type.startswith("ext.")),
        ({"error_type": "KeyError"}, lambda e: e.error_type == "KeyError"),
        ({"tool": "git_status"}, lambda e: e.tool_name == "git_status"),
        ({"q": "KEYERROR in run:3"}, lambda e: e.error_message == "KeyError in run:3"),
        ({"user": "9e3779b1"}, lambda e: e.user.startswith("9e3779b1")),
    ],
)  # fmt: skip
def test_each_filter_selects_its_rows(client, events, asked, holds):
    rows, _ = paged(client, "errors", "errors", since="all", limit=1000, **asked)
    wanted = [event for event in events if event.failed and event.product and holds(event)]
    assert wanted
    assert len(rows) == len(wanted)


def test_events_are_the_product_events(client, events):
    rows, _ = paged(client, "events", "events", since="all", limit=1000)
    assert len(rows) == sum(event.product for event in events)
    assert {row["event_type"] for row in rows} == {e.event_type for e in events if e.product}


def test_users_of_all_pages_are_all_users_once(client, events):
    rows, pages = paged(client, "users", "users", since="all", limit=7)
    assert pages > 3
    known = {event.user for event in events if event.user and event.product}
    assert Counter(row["user_id_hash"] for row in rows) == Counter(known)
    some = rows[3]["user_id_hash"]
    found, _ = paged(client, "users", "users", since="all", limit=5, user=some[:6].upper())
    assert [row["user_id_hash"] for row in found] == [some]


def test_pages_are_stable_while_events_come_in(serve, client_of, home, tmp_path):
    """What is recorded between two pages is neither in the second nor pushes anything out of it."""
    with sqlite3.connect(home / "cortex.db") as source:
        source.execute("VACUUM INTO ?", (str(tmp_path / "cortex.db"),))
    source.close()
    client = client_of(serve(tmp_path))
    before, _ = paged(client, "errors", "errors", since="all", limit=1000)
    first = client.get(f"{API}/errors", params={"since": "all", "limit": 20}).json()
    writer = apsw.Connection(str(tmp_path / "cortex.db"))
    # In an hour that the roll-ups know to hold errors: these rows come without roll-ups.
    (latest,) = writer.execute(
        "SELECT max(e.time) FROM events e JOIN series s USING (series_key)"
        " WHERE s.result IN ('error', 'timeout') AND s.event_type NOT IN ('span', 'log')"
    ).fetchone()
    writer.execute(
        "INSERT INTO events SELECT event_key + 1000000, ?, duration, series_key, context_key,"
        " session_key, user_key, trace_id, span_id, parent_span_id, weight, error_message,"
        " shape_key, event_values FROM events ORDER BY event_key DESC LIMIT 10",
        (latest + 1,),
    )
    writer.close()
    asked = {"since": "all", "limit": 20, "cursor": first["next"]}
    second = client.get(f"{API}/errors", params=asked).json()
    ids = [row["id"] for row in first["errors"] + second["errors"]]
    assert ids == [row["id"] for row in before[:40]]
    newest = client.get(f"{API}/errors", params={"since": "all", "limit": 20}).json()
    assert newest["errors"][0]["id"] > 1_000_000


def test_a_cursor_of_another_question_is_refused(client):
    cursor = client.get(f"{API}/errors", params={"since": "all", "limit": 5}).json()["next"]
    answer = client.get(f"{API}/events", params={"since": "all", "cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_cursor"


def test_a_panel_pages_on_with_the_same_cursor(client):
    first = client.get(f"{API}/panels/errors/log", params={"since": "all"}).json()
    asked = {"since": "all", "cursor": first["next"]}
    second = client.get(f"{API}/panels/errors/log", params=asked).json()
    rows = [json.dumps(row) for row in first["rows"] + second["rows"]]
    assert len(rows) == len(set(rows)) == 100


def test_a_trace_is_whole_and_in_order(client):
    answer = client.get(f"{API}/traces/{TRACE.upper()}").json()
    assert answer["trace_id"] == TRACE
    spans = answer["spans"]
    assert len(spans) == 3
    times = [datetime.fromisoformat(span["timestamp"]) for span in spans]
    assert times == sorted(times)
    assert [span["parent_span_id"] for span in spans] == [None, *[spans[0]["span_id"]] * 2]
    assert {span["trace_id"] for span in spans} == {TRACE}
    page = client.get(f"/admin/telemetry/traces/{TRACE}")
    assert page.status_code == 200


def test_one_user_has_every_panel_of_their_page(client, events):
    some = next(event.user for event in reversed(events) if event.user)
    answer = client.get(f"{API}/users/{some}", params={"since": "all"}).json()
    theirs = [event for event in events if event.user == some and event.product]
    names = [column["name"] for column in answer["panels"]["totals"]["columns"]]
    totals = dict(zip(names, answer["panels"]["totals"]["rows"][0], strict=True))
    assert totals["events"] == sum(event.weight for event in theirs)
    assert totals["errors"] == sum(event.weight for event in theirs if event.failed)
    assert totals["tools"] == len({event.tool_name for event in theirs if event.tool_name})
    timeline = answer["panels"]["timeline"]
    assert len(timeline["rows"]) == min(50, len(theirs))


def test_a_whole_page_has_the_panels_of_the_page_and_their_numbers(client):
    for path, page in (
        ("overview", "overview"),
        ("mcp/summary", "mcp"),
        ("extension/summary", "extension"),
    ):
        whole = client.get(f"{API}/{path}", params={"since": "7d"}).json()
        for name, panel in whole["panels"].items():
            alone = client.get(f"{API}/panels/{page}/{name}", params={"since": "7d"}).json()
            assert alone["columns"] == panel["columns"]
            assert len(alone["rows"]) == len(panel["rows"])


def test_the_catalogue_is_listed(client):
    answer = client.get(f"{API}/questions", params={"lang": "ko"}).json()
    known = {question["name"] for question in answer["questions"]}
    asked = {panel["question"] for page in answer["pages"] for panel in page["panels"]}
    assert asked <= known
