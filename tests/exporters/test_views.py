from __future__ import annotations

import json

import apsw
import pytest
from store_kit import MONDAY, SERIES, USER, Context, Session, record, rows

EVENT_COLUMNS = [
    "id", "timestamp", "service", "event_type", "user_tier", "user_id_hash", "session_id", "result",
    "duration_ms", "error_type", "error_message", "project_id", "branch_id", "tool_name", "feature",
    "event_data", "level", "trace_id", "span_id", "parent_span_id", "kind", "name", "scope",
    "resource", "weight", "is_failed", "session_part",
]  # fmt: skip


def as_dicts(path, view):
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    cursor = connection.execute(f"SELECT * FROM {view}")
    found = [dict(zip([c[0] for c in cursor.description], row, strict=True)) for row in cursor]
    connection.close()
    return found


def test_an_event_reads_as_it_was_recorded(path, writer):
    writer.submit(
        record(
            series=SERIES._replace(result="error", error_type="ValueError", level="ERROR"),
            context=Context("scope@1", '{"r":1}', "project", "branch", '{"a":1,"b":2}'),
            trace_id=(1 << 127) + 5,
            span_id=(1 << 63) + 7,
            parent_span_id=9,
            weight=10.0,
            error_message="ValueError in run:1",
            event_data={"b": 3, "c": "é"},
        )
    )
    assert writer.force_flush()
    (event,) = as_dicts(path, "telemetry_events")
    assert list(event) == EVENT_COLUMNS
    assert event == {
        "id": 1, "timestamp": MONDAY, "service": "mcp", "event_type": "mcp.tool_call",
        "user_tier": "free", "user_id_hash": USER, "session_id": "session-1", "result": "error",
        "duration_ms": 5.0, "error_type": "ValueError", "error_message": "ValueError in run:1",
        "project_id": "project", "branch_id": "branch", "tool_name": "search", "feature": "search",
        "event_data": '{"a":1,"b":3,"c":"é"}', "level": "ERROR",
        "trace_id": "80000000000000000000000000000005", "span_id": "8000000000000007",
        "parent_span_id": "0000000000000009", "kind": "server", "name": "tools/call search",
        "scope": "scope@1", "resource": '{"r":1}', "weight": 10.0, "is_failed": 1,
        "session_part": 1,
    }  # fmt: skip


def test_what_is_absent_reads_as_null(path, writer):
    writer.submit(
        record(
            series=SERIES._replace(tool_name="", feature=""),
            duration_nano=None,
            user_id_hash="",
            trace_id=0,
            span_id=0,
            event_data={},
        )
    )
    assert writer.force_flush()
    (event,) = as_dicts(path, "telemetry_events")
    absent = {name for name, value in event.items() if value is None}
    assert absent >= {
        "user_id_hash", "duration_ms", "error_type", "error_message", "project_id", "branch_id",
        "tool_name", "feature", "span_id", "parent_span_id",
    }  # fmt: skip
    assert event["event_data"] == "{}"
    assert event["weight"] == 1.0
    assert not event["trace_id"]


@pytest.mark.parametrize(
    "data",
    [
        {"yes": True, "no": False, "none": 0, "empty": "", "float": 0.5, "whole": 2.0},
        {"list": ["a", 1, True], "nested": {"a": [{"b": "c"}]}, "none": []},
        {"quote": 'a"b\\c', "key.with.dots": 1, "키": "값", '"': "'", "$.a[0]": "x"},
        {"text": "[1,2]", "more": "true", "null": "null"},
    ],
)
def test_event_data_reads_as_it_was_recorded(path, writer, data):
    writer.submit(record(event_data=data))
    writer.submit(record(event_data=dict(reversed(data.items()))))
    assert writer.force_flush()
    stored = rows(path, "SELECT event_data FROM telemetry_events")
    assert [json.loads(text) for (text,) in stored] == [data, data]
    # Equal to each other is not enough: True == 1.
    assert [sorted(map(repr, json.loads(text).items())) for (text,) in stored] == [
        sorted(map(repr, data.items()))
    ] * 2


def test_the_keys_of_event_data_are_stored_once(path, writer):
    for number in range(50):
        writer.submit(record(number, event_data={"a": number, "b": "x"}))
    assert writer.force_flush()
    assert rows(path, "SELECT keys FROM shapes") == [('["a","b"]',)]
    assert rows(path, "SELECT event_values FROM events WHERE event_key = 8") == [('[7,"x"]',)]


def test_a_session_row_adds_up_its_events(path, writer):
    session = Session("s", "linux", "vscode", "1.2", "git", "3.4", "python 3.11", "instance")
    for number, result in enumerate(("success", "error", "timeout", "cancelled")):
        writer.submit(
            record(number, session=session, series=SERIES._replace(result=result), weight=2.0)
        )
    # A span of another instrumentation doesn't make it longer.
    writer.submit(record(9, session=session, series=SERIES._replace(event_type="span")))
    assert writer.force_flush()
    (row,) = as_dicts(path, "telemetry_user_sessions")
    assert row == {
        "session_id": "s", "user_id_hash": USER, "user_tier": "free", "service": "mcp",
        "start_time": MONDAY, "end_time": MONDAY + 8_000_000, "duration_ms": 8.0,
        "event_count": 8, "error_count": 4, "os": "linux", "ide": "vscode",
        "extension_version": "1.2", "mcp_server_name": "git", "mcp_server_version": "3.4",
        "runtime": "python 3.11", "service_instance_id": "instance", "part": 1,
    }  # fmt: skip


def test_a_session_counts_events_of_any_weight_without_bias(path, make_writer):
    session = Session("s", "linux", "vscode", "1.2", "git", "3.4", "python 3.11", "instance")
    series = SERIES._replace(result="error")
    for writer in (make_writer(), make_writer()):  # batches are added up as events are
        for number in range(10):
            writer.submit(record(number, session=session, series=series, weight=1.25))
        assert writer.force_flush()
    (row,) = as_dicts(path, "telemetry_user_sessions")
    assert (row["event_count"], row["error_count"]) == (25, 25)


def test_ids_are_in_the_order_of_commits(path, make_writer):
    first, second = make_writer(), make_writer()
    for number in range(20):
        chosen = first if number % 2 else second
        chosen.submit(record(number))
        assert chosen.force_flush()
    stored = rows(path, "SELECT id, json_extract(event_data, '$.number') FROM telemetry_events")
    assert stored == [(number + 1, number) for number in range(20)]
