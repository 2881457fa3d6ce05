"""The table: what a line of an older log becomes, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest
from import_kit import NS, T0, call, events, home, own, refused, text

from cortex_otel import semconv as sc
from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.operate.importing import shapes
from cortex_otel.operate.importing.report import REASONS
from cortex_otel.operate.importing.values import RefusedLine, moment, plain_key

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.mark.parametrize(
    ("value", "expected", "resolution"),
    [
        ("2025-03-01T10:00:00Z", T0 * NS, NS),
        ("2025-03-01 10:00:00+00:00", T0 * NS, NS),
        ("2025-03-01T19:00:00+09:00", T0 * NS, NS),
        ("2025-03-01T19:00:00", T0 * NS, NS),  # local
        ("2025/03/01 19:00:00.5", T0 * NS + NS // 2, NS // 10),
        ("2025-03-01 19:00:00,123", T0 * NS + 123_000_000, 10**6),
        ("2025-03-01T10:00:00.123456789Z", T0 * NS + 123_456_789, 1),
        ("2025-03-01T10:00:00.1234567Z", T0 * NS + 123_456_700, 1),
        (T0, T0 * NS, NS),
        (str(T0), T0 * NS, NS),
        (T0 + 0.25, T0 * NS + NS // 4, 1000),
        (f"{T0}.25", T0 * NS + NS // 4, 1000),
        (T0 * 1000 + 7, T0 * NS + 7_000_000, 10**6),
        (T0 * 10**6 + 7, T0 * NS + 7000, 1000),
        (T0 * NS + 7, T0 * NS + 7, 1),
    ],
)
def test_times(value, expected, resolution):
    found = moment(value, SEOUL)
    assert (found.unix_ns, found.resolution_ns) == (expected, resolution)
    assert found.is_local == (isinstance(value, str) and "19:00:00" in value and "+" not in value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_time"), ("", "no_time"), ("yesterday", "unreadable_time"),
        (True, "unreadable_time"), ([1], "unreadable_time"), (float("nan"), "unreadable_time"),
        (0, "too_old"), (-5, "too_old"), ("1999-12-31T23:59:59Z", "too_old"),
        (5 * 10**9, "unreadable_time"), (10**30, "unreadable_time"),
        ("2099-01-01T00:00:00Z", "in_the_future"), ("9" * 400, "no_time"),
        ("2025-13-01T00:00:00Z", "unreadable_time"), ("0001-01-01T00:00:00+14:00", "too_old"),
    ],
)  # fmt: skip
def test_times_that_are_none(value, reason):
    with pytest.raises(RefusedLine) as error:
        moment(value, dt.UTC)
    assert error.value.reason == reason


def test_a_time_in_the_hour_that_comes_twice():
    berlin = ZoneInfo("Europe/Berlin")
    first = moment("2025-10-26T02:30:00", berlin)
    assert first.unix_ns == moment("2025-10-26T02:30:00+02:00", berlin).unix_ns


@pytest.mark.parametrize(
    ("changes", "column", "expected"),
    [
        ({"success": False}, "result", "error"),
        ({"success": ..., "status": "FAILED"}, "result", "error"),
        ({"success": ..., "outcome": "timed_out"}, "result", "timeout"),
        ({"success": ..., "status": "aborted"}, "result", "cancelled"),
        ({"success": ..., "is_error": True}, "result", "error"),
        ({"success": ..., "error": "boom"}, "result", "error"),
        ({"success": ..., "error": False}, "result", "success"),
        ({"success": "true", "result": {"found": 3}}, "result", "success"),
        ({"success": True, "result": "three files found"}, "result", "success"),
        ({"success": False, "error": "ValueError: of a person"}, "error_type", "ValueError"),
        ({"success": False, "error": {"type": "KeyError"}}, "error_type", "KeyError"),
        ({"success": False, "exception_type": "app.Broken"}, "error_type", "app.Broken"),
        ({"tier": 1}, "user_tier", "free"),
        ({"userTier": "2"}, "user_tier", "paid"),
        ({"license_tier": 3.0}, "user_tier", None),
        ({"metadata": {"tier": "Enterprise"}}, "user_tier", "enterprise"),
        ({"duration_ms": ..., "latencyMs": 3}, "duration_ms", 3.0),
        ({"duration_ms": ..., "elapsed_seconds": "0.5"}, "duration_ms", 500.0),
        ({"duration_ms": ..., "duration": 5}, "duration_ms", None),
        ({"duration_ms": -1}, "duration_ms", None),
        ({"level": "warn"}, "level", "WARNING"),
        ({"level": 40}, "level", "ERROR"),
        ({"levelname": "CRITICAL"}, "level", "CRITICAL"),
        ({"tool_name": ..., "toolName": "save"}, "tool_name", "save"),
        ({"tool_name": ..., "data": {"tool": "save"}}, "tool_name", "save"),
        ({"session_id": ..., "Session-Id": "s9"}, "session_id", "s9"),
        ({"user_id": ..., "userIdHash": "AB" * 32}, "user_id_hash", "ab" * 32),
        ({"user_id": "cd" * 32}, "user_id_hash", "cd" * 32),
        ({"user_id": ..., "user": {"id": "cd" * 32}}, "user_id_hash", "cd" * 32),
        ({"service": "mcp_server"}, "service", "mcp"),
        ({"service": "jupyter"}, "service", "jupyter"),
        ({"project": "p1"}, "project_id", "p1"),
        ({"context": {"branchId": "b1"}}, "branch_id", "b1"),
        ({"data": {"user_id": "zz", "type": "other"}, "event_type": "tool_call"}, "event_type",
         "mcp.tool_call"),
    ],
)  # fmt: skip
def test_fields_by_any_of_their_names(run, logs, changes, column, expected):
    (logs / "a.jsonl").write_text(text(call(1, **changes)))
    report = run("migrate", logs)
    if expected is None and column == "user_tier":
        assert report["refused"] == {"unknown_tier": 1}
        return
    assert events(column) == [expected]
    assert report["values_left_out"] == (
        {"duration": 1} if expected is None and column == "duration_ms" else {}
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not_json"), ("[1]", "not_object"), ('"text"', "not_object"), ("null", "not_object"),
        ({"event_type": "tool_call"}, "no_time"), ({"timestamp": T0}, "unknown_shape"),
        (call(event_type="tea_time"), "unknown_event"), (call(event_type=7), "unknown_event"),
        (call(event_type={"a": 1}), "unknown_event"), (call(tier="gold"), "unknown_tier"),
        (call(success=..., status="perhaps"), "unknown_result"), (call(tool_name=...), "no_tool"),
        (call(timestamp=1), "too_old"), (call(timestamp="2999-01-01"), "in_the_future"),
        (call(timestamp="soon"), "unreadable_time"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused_alone(run, logs, line, reason):
    (logs / "a.jsonl").write_text(text(call(1), line, call(2)))
    report = run("migrate", logs)
    assert report["refused"] == {reason: 1}
    assert reason in REASONS
    assert report["imported"] == 2
    assert refused() == [("a.jsonl", "2", reason)]


def test_each_name_of_an_event(run, logs):
    """Each row of the table is taken as what it says; none is there twice."""
    names = [(name, kind) for kind, some in shapes.EVENT_NAMES.items() for name in some]
    assert len({plain_key(name) for name, _ in names}) == len(names)
    lines = [call(number, event_type=name) for number, (name, _) in enumerate(names)]
    (logs / "a.jsonl").write_text(text(*lines))
    run("migrate", logs)
    assert events("event_type") == [kind for _, kind in names]


def test_no_name_stands_for_two_fields():
    seen = [plain_key(name) for names in shapes.FIELDS.values() for name in names]
    assert len(set(seen)) == len(seen)
    for event, names in shapes.EVENT_FIELD_NAMES.items():
        fields = {field.name for field in EVENTS[event].fields}
        assert names.keys() <= fields
        own_names = {plain_key(name) for name in fields}
        further = [plain_key(name) for some in names.values() for name in some]
        assert len(set(further)) == len(further)
        assert own_names.isdisjoint(further)


def test_the_alpha_logger(run, logs):
    lines = [
        {"timestamp": T0 + 1, "module": "smart_context", "action": "compress",
         "input": {"tokens_before": 1000, "text": "secret"}, "output": {"tokens_after": 250},
         "success": True, "latency_ms": 12},
        {"ts": (T0 + 2) * 1000, "module": "rag_engine", "operation": "search",
         "data": {"query": "where", "topK": 5, "resultCount": 2}, "level": "DEBUG"},
        {"timestamp": T0 + 3, "module": "reference_history", "event": "suggested",
         "data": {"suggestions": 4, "accepted": 3}},
        {"timestamp": T0 + 4, "module": "branch_decision", "action": "branch_created",
         "metadata": {"project_id": "p"}, "data": {"topic": "secret", "auto": True}},
        {"timestamp": T0 + 5, "module": "general", "action": "started"},
    ]  # fmt: skip
    (logs / "alpha.jsonl").write_text(text(*lines))
    report = run("migrate", logs)
    assert report["refused"] == {"unknown_event": 1}
    found = events("event_type", "duration_ms", "level", "project_id", "feature", "event_data")
    assert [row[:5] for row in found] == [
        ("mcp.compress_context", 12.0, "INFO", None, None),
        ("mcp.search_context", None, "DEBUG", None, None),
        ("mcp.reference_suggest", None, "INFO", None, None),
        ("mcp.branch_create", None, "INFO", "p", "automatic"),
    ]
    data = [json.loads(row[5]) for row in found]
    assert data[0] == {
        sc.CORTEX_COMPRESS_TOKENS_BEFORE: 1000, sc.CORTEX_COMPRESS_TOKENS_AFTER: 250,
        sc.CORTEX_COMPRESS_SAVINGS_RATE: 0.75,
    }  # fmt: skip
    assert data[1][sc.CORTEX_SEARCH_TOP_K] == 5
    assert data[1][sc.CORTEX_SEARCH_RESULTS] == 2
    assert data[1][f"{sc.CORTEX_SEARCH_QUERY}.length"] == 5
    assert data[2] == {sc.CORTEX_REFERENCE_SUGGESTED: 4, sc.CORTEX_REFERENCE_ACCEPTED: 3}


def test_arguments_of_a_tool_say_nothing_of_who_called_it(run, logs):
    arguments = {
        "user_id": "bob", "user.id": "bob", "user_hash": "cd" * 32, "tier": 3, "tool": "other",
        "session_id": "x", "timestamp": 5, "cortex.user.tier": "paid", "project_id": "p",
    }  # fmt: skip
    lines = [call(n, **{key: arguments, "user_id": "ab" * 32, "session_id": ...})
             for n, key in enumerate(("parameters", "args", "input", "params"))]  # fmt: skip
    (logs / "a.jsonl").write_text(text(*lines, call(9, logger="cortex", user_id=...)))
    run("migrate", logs)
    columns = ("user_id_hash", "user_tier", "tool_name", "session_id", "project_id")
    assert events(*columns) == [
        *[("ab" * 32, "free", "search", "", None)] * 4, (None, "free", "search", "session-0", None),
    ]  # fmt: skip


def test_a_logger_writes_when_all_is_over(run, logs):
    """The time of an older line is the end of the call, that of our own log its start."""
    (logs / "a.jsonl").write_text(text(call(10, duration_ms=4000)))
    (logs / "b.jsonl").write_text(text(own(20)))
    run("migrate", logs)
    assert events("timestamp") == [(T0 + 6) * NS, (T0 + 20) * NS + 123_456_789]


def test_times_without_a_zone(run, logs, monkeypatch):
    line = call(timestamp="2025-03-01T19:00:00", duration_ms=...)
    (logs / "a.jsonl").write_text(text(line))
    assert run("migrate", logs, "--time-zone", "Asia/Seoul")["times_without_zone"] == 1
    assert events("timestamp") == [T0 * NS]
    monkeypatch.setenv("CORTEX_OTEL_TIME_ZONE", "Asia/Seoul")
    said = run.plainly("migrate", logs, "--dry-run")
    assert "Duplicates  1" in said


def test_our_own_log(run, logs):
    lines = [
        own(1),
        own(2, event_type="mcp.tool_call", tool_name="save", result="error", level="ERROR",
            error="KeyError at app.store:save:10",
            parameters={"cortex.tool.parameters": "path:str,k:int"}),
        own(3, event_type="span", parameters={"http.request.method": "GET"}),
        own(4, event_type="mcp.unheard_of"),
        own(5, user_id_hash=None, metadata={"project_id": None, "branch_id": None}),
    ]  # fmt: skip
    (logs / "own.jsonl").write_text(text(*lines))
    report = run("import", logs / "own.jsonl")
    assert report["refused"] == {"unknown_event": 1}
    found = events(
        "event_type", "tool_name", "result", "level", "error_type", "error_message", "user_tier",
        "project_id", "user_id_hash", "duration_ms", "event_data",
    )  # fmt: skip
    assert found == [
        ("mcp.search_context", None, "success", "INFO", None, None, "paid", "p1", "ab" * 32, 1.5,
         '{"cortex.search.top_k":5,"cortex.search.query.length":12}'),
        ("mcp.tool_call", "save", "error", "ERROR", "KeyError", "KeyError at app.store:save:10",
         "paid", "p1", "ab" * 32, 1.5, '{"cortex.tool.parameters":"path:str,k:int"}'),
        ("span", None, "success", "INFO", None, None, "paid", "p1", "ab" * 32, 1.5,
         '{"http.request.method":"GET"}'),
        ("mcp.search_context", None, "success", "INFO", None, None, "paid", None, None, 1.5,
         '{"cortex.search.top_k":5,"cortex.search.query.length":12}'),
    ]  # fmt: skip


def test_users_are_hashed_with_the_key_and_only_once(run, logs, monkeypatch):
    import hashlib
    import hmac

    monkeypatch.setenv("CORTEX_OTEL_USER_HASH_KEY", "k" * 32)
    (logs / "a.jsonl").write_text(
        text(call(1, user_id="kim"), call(2, user_id=42), call(3, user_id=..., user_hash="e" * 64))
    )
    run("migrate", logs)
    expected = [hmac.new(b"k" * 32, who, hashlib.sha256).hexdigest() for who in (b"kim", b"42")]
    assert events("user_id_hash") == [*expected, "e" * 64]
    assert b"kim" not in (home() / "cortex.db").read_bytes()
