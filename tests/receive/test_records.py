"""What becomes of a record: identity, service, session, typed events, sampling, ledger."""

from __future__ import annotations

import hashlib
import json

import pytest
from receiver_kit import JSON, NOW, attributes, log, resource_of, span

from cortex_otel.semconv import TIERS

pytestmark = pytest.mark.system

EXTENSION = {
    "service.name": "cortex-vscode",
    "service.version": "2.1.0",
    "os.type": "darwin",
    "cortex.service": "extension",
    "cortex.ide": "vscode",
    "cortex.ide.version": "1.126.0",
    "cortex.extension.version": "2.1.0",
    "session.id": "5f0c3a5e-8f5e-4f0e-9a53-6f2b2c0d8a11",
    "user.hash": "ab" * 32,
    "cortex.user.tier": "paid",
}


def test_a_resource_speaks_for_its_records(server):
    server.logs(
        log(1),
        log(
            2,
            told={
                "cortex.ui.action": "drag",
                "cortex.user.tier": "trial",
                "session.id": "other",
                "user.hash": "cd" * 32,
            },
        ),
        resource=EXTENSION,
    )
    first, second = server.rows()
    assert first["service"] == "extension"
    assert first["event_type"] == "ext.ui_interaction"
    assert (first["user_tier"], second["user_tier"]) == ("paid", "trial")
    assert (first["user_id_hash"], second["user_id_hash"]) == ("ab" * 32, "cd" * 32)
    assert (first["session_id"], second["session_id"]) == (EXTENSION["session.id"], "other")
    assert first["feature"] == "click open"
    session = server.rows("SELECT * FROM telemetry_user_sessions WHERE session_id <> 'other'")[0]
    assert session["ide"] == "vscode"
    assert session["extension_version"] == "2.1.0"
    assert session["os"] == "darwin"
    assert session["event_count"] == 1
    assert session["mcp_server_name"] is None


def test_ide_and_version_of_the_resource_reach_install(server):
    server.logs(log(1, eventName="ext.install", told={}), resource=EXTENSION)
    (row,) = server.rows()
    assert row["feature"] == "vscode"
    assert json.loads(row["event_data"])["cortex.ide"] == "vscode"
    assert json.loads(row["event_data"])["cortex.ide.version"] == "1.126.0"
    assert json.loads(row["event_data"])["cortex.extension.version"] == "2.1.0"


def test_nothing_of_this_machine_is_put_on_a_stranger(make_server):
    server = make_server(
        CORTEX_OTEL_USER_ID="me", CORTEX_OTEL_USER_TIER="enterprise", CORTEX_OTEL_SERVICE="mcp"
    )
    server.traces(span(1))
    (row,) = server.rows()
    assert row["user_tier"] == "free"
    assert row["user_id_hash"] is None
    assert row["service"] == "shop"
    assert row["session_id"] == ""
    assert server.rows("SELECT * FROM telemetry_user_sessions") == []
    (of_no_session,) = server.rows(
        "SELECT os, runtime, server_name, user_key"
        " FROM sessions JOIN platforms USING (platform_key)"
    )
    assert set(of_no_session.values()) == {"", None}


def test_what_is_of_no_session_is_of_no_user_either(server):
    for user in ("ab", "cd"):
        server.traces(span(int(user, 16), told={"user.hash": user * 32}))
    assert server.rows("SELECT * FROM telemetry_user_sessions") == []
    assert server.rows("SELECT session_id, user_key FROM sessions") == [
        {"session_id": "", "user_key": None}
    ]
    assert {row["user_id_hash"] for row in server.rows()} == {"ab" * 32, "cd" * 32}


def test_each_run_of_a_program_is_a_session(server):
    for instance in ("one", "two", "one"):
        server.traces(
            span(len(instance) + ord(instance[0])),
            resource={"service.name": "s", "service.instance.id": instance},
        )
    sessions = {row["session_id"] for row in server.rows()}
    assert len(sessions) == 2
    assert all(len(session) == 16 for session in sessions)
    assert "one" not in sessions


@pytest.mark.parametrize("key", ["user.id", "enduser.id"])
def test_a_user_id_is_hashed_on_arrival(make_server, key):
    server = make_server()
    server.traces(span(1, told={key: "joe@example.com"}))
    server.logs(log(1), resource={"service.name": "x", key: "joe@example.com"})
    expected = hashlib.sha256(b"joe@example.com").hexdigest()
    assert [row["user_id_hash"] for row in server.rows()] == [expected, expected]


@pytest.mark.parametrize("tier", [*TIERS, "admin", "FREE", ""])
def test_a_tier_is_one_of_four(server, tier):
    server.traces(span(1), resource={"service.name": "x", "cortex.user.tier": tier})
    server.traces(span(2, told={"cortex.user.tier": tier}))
    assert {row["user_tier"] for row in server.rows()} == {tier if tier in TIERS else "free"}


@pytest.mark.parametrize(
    ("setting", "resource", "service"),
    [
        ("", {"service.name": "my shop/1"}, "my_shop_1"),
        ("", {}, "unknown_service"),
        ("", {"service.name": "a", "cortex.service": "web"}, "web"),
        ("", {"service.name": "a", "cortex.service": "no such thing!"}, "a"),
        ("my-shop=web", {"service.name": "my-shop", "cortex.service": "mcp"}, "web"),
        ("*=web", {"service.name": "other"}, "web"),
        ("*=web", {"service.name": "other", "cortex.service": "extension"}, "extension"),
        ("a=web,*=refuse", {"service.name": "a"}, "web"),
        ("a=web,*=refuse", {"service.name": "b", "cortex.service": "mcp"}, "mcp"),
        ("*=refuse", {"service.name": "b"}, None),
        ("b=refuse", {"service.name": "b", "cortex.service": "mcp"}, None),
        ("", {"service.name": "b", "cortex.service": "refuse"}, "b"),
    ],
)
def test_services(make_server, setting, resource, service):
    server = make_server(CORTEX_OTEL_RECEIVER_SERVICES=setting)
    answer = server.traces(span(1), resource=resource)
    assert answer.status_code == 200
    if service is None:
        assert "refused here" in answer.json()["partialSuccess"]["errorMessage"]
        assert server.rows() == []
        assert server.ledger() == {
            "event|received|": 1,
            "event|dropped|refused_service": 1,
        }
    else:
        assert answer.json() == {}
        assert [row["service"] for row in server.rows()] == [service]


def test_a_span_of_any_program_is_in_its_trace_and_in_no_product_count(server):
    parent = span(
        1,
        kind=2,
        name="GET /users/{id}",
        told={
            "http.route": "/users/{id}",
            "http.request.method": "GET",
            "http.response.status_code": 500,
        },
        status={"code": 2, "message": "secret"},
    )
    child = span(2, traceId=parent["traceId"], parentSpanId=parent["spanId"], kind=3, name="SELECT")
    assert server.traces(child, parent).json() == {}
    rows = {row["name"]: row for row in server.rows()}
    assert {row["event_type"] for row in rows.values()} == {"span"}
    assert rows["SELECT"]["parent_span_id"] == rows["GET /users/{id}"]["span_id"]
    assert rows["SELECT"]["scope"] == "lib@1.2"
    assert rows["GET /users/{id}"]["result"] == "error"
    assert server.rows("SELECT 1 FROM rollup_user_day") == []


def test_an_exception_of_a_span_is_type_and_place(server):
    trace = (
        'Traceback (most recent call last):\n  File "/home/joe/app.py", line 7, in run\nKeyError: x'
    )
    event = {
        "name": "exception",
        "timeUnixNano": str(NOW),
        "attributes": attributes(
            {
                "exception.type": "KeyError",
                "exception.message": "secret",
                "exception.stacktrace": trace,
            }
        ),
    }
    server.traces(span(1, status={"code": 2}, events=[event, {"name": "other"}]))
    (row,) = server.rows()
    assert row["error_type"] == "KeyError"
    assert row["error_message"] == "KeyError at app:run:7"
    assert "joe" not in json.dumps(row)


def test_typed_events_are_completed_and_checked(server):
    server.logs(
        log(1, eventName="ext.error", told={"cortex.error.type": "RangeError"}),
        log(
            2,
            eventName="ext.code_insert",
            told={"cortex.code.language": "python", "cortex.code.lines_inserted": -5},
        ),
        log(
            3,
            eventName="mcp.compress_context",
            told={"cortex.compress.tokens_before": 100, "cortex.compress.tokens_after": 25},
        ),
        log(
            4,
            eventName="ext.code_insert",
            told={"cortex.code.language": "python", "cortex.code.lines_inserted": 12},
        ),
        log(5, eventName="something.else", told={"cortex.ui.action": "click"}),
        log(
            6,
            eventName="ext.error",
            severityNumber=21,
            told={
                "exception.type": "TypeError",
                "exception.stacktrace": "TypeError: x\n    at open (/Users/joe/ext/panel.ts:10:5)",
            },
        ),
    )
    error, bad, compress, good, other, crash = server.rows()
    assert (error["result"], error["error_type"], error["level"]) == (
        "error",
        "RangeError",
        "ERROR",
    )
    assert "lines_inserted" not in bad["event_data"]
    assert json.loads(compress["event_data"])["cortex.compress.savings_rate"] == 0.75
    assert good["feature"] == "python"
    assert (other["event_type"], other["name"]) == ("span", "something.else")
    assert (crash["level"], crash["error_message"]) == ("CRITICAL", "TypeError at panel:open:10")
    measures = server.rows("SELECT measure, total FROM rollup_measure")
    totals = {row["measure"]: row["total"] for row in measures}
    assert totals["lines_inserted"] == 12


def test_a_span_may_be_a_typed_event(server):
    server.traces(
        span(
            1,
            told={
                "cortex.event.type": "mcp.search_context",
                "cortex.search.results": 3,
                "cortex.search.query": "secret words",
            },
        )
    )
    (row,) = server.rows()
    assert row["event_type"] == "mcp.search_context"
    assert json.loads(row["event_data"])["cortex.search.query.length"] == 12
    assert row["duration_ms"] == 5


def test_a_plain_log_line_is_its_size_and_digest(server):
    body = {"stringValue": "my secret line"}
    server.logs(log(1, eventName="", told={}, body=body, severityNumber=13))
    (row,) = server.rows()
    data = json.loads(row["event_data"])
    assert data["log.body.length"] == 14
    assert len(data["log.body.hash"]) == 16
    assert row["level"] == "WARNING"


def test_a_metric_is_kept_as_it_is(server):
    point = {"timeUnixNano": str(NOW), "asInt": "7", "attributes": attributes({"secret": "x"})}
    histogram = {
        "timeUnixNano": str(NOW),
        "count": "2",
        "sum": 3.0,
        "bucketCounts": ["2"],
        "explicitBounds": [],
    }
    metrics = [
        {"name": "queue.size", "unit": "1", "gauge": {"dataPoints": [point]}},
        {"name": "took", "unit": "s", "histogram": {"dataPoints": [histogram]}},
        {"name": "nothing", "gauge": {"dataPoints": [{"timeUnixNano": str(NOW)}]}},
    ]
    body = {
        "resourceMetrics": [
            {"resource": resource_of(EXTENSION), "scopeMetrics": [{"metrics": metrics}]}
        ]
    }
    answer = server.post("/v1/metrics", json.dumps(body), **JSON)
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"
    rows = server.rows("SELECT * FROM telemetry_metrics ORDER BY metric_name")
    assert [
        (row["metric_name"], row["value"], row["service"], row["user_tier"]) for row in rows
    ] == [
        ("queue.size", 7.0, "extension", "paid"),
        ("took", 1.5, "extension", "paid"),
    ]
    assert server.ledger() == {
        "metric|received|": 3,
        "metric|stored|": 2,
        "metric|dropped|invalid": 1,
    }


def test_sampling_decides_the_same_again_and_keeps_errors(make_server):
    server = make_server(CORTEX_OTEL_SAMPLING="span=0.25,ext.ui_interaction=0.5")
    spans = [
        span(number, status={"code": 2} if number % 10 == 0 else {}) for number in range(1, 401)
    ]
    logs = [log(number, told={"log.record.uid": f"u{number}"}) for number in range(200)]
    for _ in range(2):
        assert server.traces(*spans).json() == {}
        assert server.logs(*logs).json() == {}
    rows = server.rows()
    kept = [row for row in rows if row["kind"] != "event"]
    assert sum(row["result"] == "error" for row in kept) == 40
    assert {row["weight"] for row in kept} == {1.0, 4.0}
    assert 50 < len(kept) - 40 < 140
    events = [row for row in rows if row["kind"] == "event"]
    assert 65 < len(events) < 135
    told = server.ledger()
    assert told["event|received|"] == 1200
    assert told["event|stored|"] == len(rows)
    assert told["event|dropped|duplicate"] == len(rows)
    assert told["event|sampled_out|"] == 1200 - 2 * len(rows)


def test_sampling_shares_no_fate_among_equals(make_server):
    """Neither of one moment in a request, nor of records without a time in many."""
    server = make_server(CORTEX_OTEL_SAMPLING="ext.ui_interaction=0.5")
    for _ in range(2):
        server.logs(*[log(1)] * 200)
    assert 65 < len(server.rows()) < 135
    told = server.ledger()
    assert told["event|dropped|duplicate"] == told["event|stored|"]
    before = len(server.rows())
    for _ in range(60):
        server.post("/api/telemetry/extension/ui-interaction", '{"action": "a"}', **JSON)
    assert 10 < len(server.rows()) - before < 50


def test_the_ledger_always_balances(server):
    server.traces(span(1), span(1), span(2, traceId="x"), span(3, startTimeUnixNano=str(2**63)))
    server.logs(log(1), log(1), log(2))
    told = server.ledger()
    assert told == {
        "event|received|": 7,
        "event|stored|": 4,
        "event|dropped|duplicate": 1,
        "event|dropped|invalid": 2,
    }


def test_a_record_that_only_the_store_refuses_is_told_to_its_own_sender(server):
    answer = server.traces(
        span(1), span(2, startTimeUnixNano=str(2**63), endTimeUnixNano=str(2**63))
    )
    told = answer.json()["partialSuccess"]
    assert told["rejectedSpans"] == "1"
    assert "out of range" in told["errorMessage"]
    assert server.traces(span(3)).json() == {}


def test_a_request_of_many_parts(server):
    """More rows than a transaction takes: several, and one answer after the last."""
    answer = server.traces(*[span(number) for number in range(1, 10_001)])
    assert answer.json() == {}
    assert server.rows("SELECT count(*) n FROM events")[0]["n"] == 10_000


def test_names_stay_few(server):
    for start in range(0, 4000, 1000):
        server.traces(*[span(n + 1, name=f"name{n}") for n in range(start, start + 1000)])
    names = {row["name"] for row in server.rows("SELECT DISTINCT name FROM series")}
    assert len(names) <= 2001
    assert "_OTHER" in names
