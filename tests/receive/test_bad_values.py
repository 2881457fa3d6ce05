"""One bad value never takes its batch: read as it was meant, left out, or its record refused."""

from __future__ import annotations

import json
import math

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from receiver_kit import (
    JSON,
    NOW,
    PROTOBUF,
    attributes,
    log,
    of_bytes,
    protobuf_of,
    raw_span,
    request,
    resource_of,
    span,
)

from cortex_otel.process.allow_list import ALLOWED
from cortex_otel.receive import lenient_json
from cortex_otel.receive.intake import Intake
from cortex_otel.receive.otlp_json import JsonReader
from cortex_otel.receive.protobuf import ProtobufReader
from cortex_otel.receive.records import MalformedError
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite.store import Store

REQUESTS = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
}


def nested(levels):
    told = {"intValue": 1}
    for _ in range(levels):
        told = {"arrayValue": {"values": [told]}}
    return told


def one_of(value):
    """Attributes of a span that has ``value``, written as it is, in one of them."""
    return [*attributes({"a": "b"}), {"key": "k", "value": value}]


@pytest.fixture
def intake(tmp_path):
    return Intake(read_environment({"CORTEX_OTEL_HOME": str(tmp_path)}))


def taken(intake, signal, body, *, is_json=True):
    """How many records were taken and refused of a request, and the values left out."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    records = refused = left_out = received = 0
    for part in intake.parts(signal, body, is_json=is_json):
        records += len(part.records) + len(part.points)
        refused += part.refusals.total()
        left_out += part.left_out.total()
        received += sum(n for (_, what, _), n in part.ledger.items() if what == "received")
        assert part.ledger["value", "left_out", "unreadable"] == part.left_out.total()
    assert received == records + refused
    return records, refused, left_out


# --- OTLP/JSON -----------------------------------------------------------------------------------

MENDED = {
    "an integer beyond 64 bits": {"intValue": 1e20},
    "the largest double": {"intValue": 1.7976931348623157e308},
    "an integer of 21 digits": {"intValue": 10**20},
    "an integer of 400 digits": {"intValue": "9" * 400},
    "an integer with an exponent": {"intValue": "1e3"},
    "an integer with a fraction": {"intValue": 0.5},
    "half a surrogate pair": {"stringValue": "a\ud83d"},
    "the other half": {"stringValue": "\udc00 b"},
    "a number as text": {"stringValue": 5},
    "a boolean as text": {"boolValue": "true"},
    "not a number": {"doubleValue": math.nan},
    "infinity": {"doubleValue": -math.inf},
    "infinity by name": {"doubleValue": "Infinity"},
    "null in a list": {"arrayValue": {"values": [None, {"intValue": 1}]}},
    "null in place of a value": None,
    "an unknown kind of value": {"newValue": {"a": [1]}},
    "base64 without its end": {"bytesValue": "aGkx-_8"},
    "a long text": {"stringValue": "x" * 300_000},
}
LEFT_OUT = {
    "an integer that is none": {"intValue": "x"},
    "an integer that is true": {"intValue": True},
    "a double that is none": {"doubleValue": "one"},
    "a boolean that is none": {"boolValue": "yes"},
    "bytes that are no base64": {"bytesValue": "a"},
    "text that is a list": {"stringValue": []},
    "a list that is none": {"arrayValue": []},
    "values that are no list": {"arrayValue": {"values": 5}},
    "a mapping of something else": {"kvlistValue": {"values": [5]}},
    "a value that is no object": "x",
    "a value that is a list": [],
    "a value nested too deeply": nested(150),
    "one nested deeper than parsers go": nested(5000),
}


def spans_with(value):
    text = json.dumps(request(*[span(n) for n in range(1, 10)], span(10, attributes=one_of("@"))))
    if isinstance(value, dict) and "arrayValue" in value and value == nested(5000):
        raw = '{"arrayValue":{"values":[' * 5000 + '{"intValue":1}' + "]}}" * 5000
    else:
        raw = json.dumps(value)
    return text.replace('"@"', raw).encode()


@pytest.mark.parametrize("what", MENDED)
def test_a_value_is_read_as_it_was_meant(intake, what):
    assert taken(intake, "traces", spans_with(MENDED[what])) == (10, 0, 0)


@pytest.mark.parametrize("what", [one for one in LEFT_OUT if "parsers" not in one])
def test_a_value_that_cant_be_read_is_left_out(intake, what):
    assert taken(intake, "traces", spans_with(LEFT_OUT[what])) == (10, 0, 1)


@pytest.mark.parametrize("levels", [5000, 150_000])
def test_what_is_nested_deeper_than_parsers_go_is_cut_off(intake, levels):
    spans = request(*[span(n) for n in range(1, 11)])
    raw = '{"arrayValue":{"values":[' * levels + '{"intValue":1}' + "]}}" * levels
    key = '[{"key":"k","value":' + raw + "}]"
    body = json.dumps(spans).replace('"attributes": []', f'"attributes":{key}', 1)
    assert taken(intake, "traces", body.encode())[:2] == (10, 0)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (1e20, 1e20), (2**63, 2.0**63), (-(2**63), -(2**63)), ("1e3", 1000), (1.5, 1.5),
        ("-1e400", -math.inf), (2**64, 2.0**64), ("12", 12), (3.0, 3),
    ],
)  # fmt: skip
def test_an_integer_without_a_place_in_64_bits_is_a_double(value, meant):
    body = json.dumps(request(span(1, attributes=one_of({"intValue": value})))).encode()
    ((item,),) = [group.items for group in JsonReader().traces(body)]
    assert item.attributes["k"] == meant
    assert type(item.attributes["k"]) is type(meant)


def test_a_lone_surrogate_is_a_replacement_character():
    assert lenient_json.loads(rb'["a\ud83d", "\ud83d\ude00", "\\ud83d", {"\udc00": 1}]') == [
        "a\ufffd",
        "\U0001f600",
        r"\ud83d",
        {"\ufffd": 1},
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-8"])
def test_the_encodings_of_a_body(intake, encoding):
    assert taken(intake, "traces", json.dumps(request(span(1))).encode(encoding)) == (1, 0, 0)


@pytest.mark.parametrize("raw", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\n"])
def test_bytes_that_text_may_not_hold(intake, raw):
    body = json.dumps(request(span(1, name="@"), span(2))).encode().replace(b"@", raw)
    assert taken(intake, "traces", body) == (2, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "SPAN_KIND_SERVER"}, {"kind": "2"}, {"kind": 2.0}, {"kind": 99},
        {"status": {"code": "STATUS_CODE_ERROR"}}, {"status": {"code": 77}},
        {"startTimeUnixNano": float(NOW)}, {"events": None}, {"events": [None, 5, {"name": 7}]},
        {"events": [{"name": "exception", "attributes": 5}]}, {"attributes": [None]},
        {"attributes": [{"key": "a"}, {"value": {"intValue": 1}}]}, {"links": 5},
        {"traceId": "AB" * 16}, {"droppedAttributesCount": -1},
    ],
)  # fmt: skip
def test_a_span_that_is_taken_all_the_same(intake, change):
    spans = [span(n) for n in range(1, 10)]
    assert taken(intake, "traces", request(*spans, span(10, **change)))[:2] == (10, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "SERVER"}, {"kind": 1.5}, {"kind": []}, {"kind": 2**31}, {"status": 5},
        {"status": {"code": "x"}}, {"startTimeUnixNano": "yesterday"}, {"startTimeUnixNano": -5},
        {"endTimeUnixNano": 2**64}, {"name": 5}, {"traceId": 5}, {"traceId": "ab"},
        {"spanId": "q6urq6urq6s="}, {"parentSpanId": {}}, {"attributes": {}}, {"attributes": 5},
        {"attributes": {"a": "b"}}, {"events": {}},
    ],
)  # fmt: skip
def test_a_span_that_is_refused_alone(intake, change):
    spans = [span(n) for n in range(1, 10)]
    assert taken(intake, "traces", request(*spans, span(10, **change))) == (9, 1, 0)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"severityNumber": "SEVERITY_NUMBER_INFO"}, 0), ({"severityNumber": 99}, 0),
        ({"severityNumber": "loud"}, 1), ({"body": 5}, 0), ({"body": {"stringValue": {}}}, 0),
        ({"timeUnixNano": "x"}, 1), ({"timeUnixNano": None}, 0), ({"traceId": "zz"}, 1),
        ({"severityText": 5}, 0), ({"eventName": []}, 1),
    ],
)  # fmt: skip
def test_a_log_record(intake, change, refused):
    logs = [log(n) for n in range(9)] + [log(9, **change)]
    scopes = [{"logRecords": logs}]
    body = {"resourceLogs": [{"resource": resource_of(None), "scopeLogs": scopes}]}
    assert taken(intake, "logs", body)[:2] == (10 - refused, refused)


POINT = {"timeUnixNano": str(NOW), "count": "3", "sum": 6.0, "explicitBounds": [1.5, 2],
         "bucketCounts": ["1", "1", "1"], "asInt": "7"}  # fmt: skip


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponentialHistogram", "summary"])
@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        ({"timeUnixNano": "x"}, True), ({"timeUnixNano": 2**70}, True), ({"flags": -1}, True),
        ({"attributes": 5}, True), ({"attributes": [5]}, False),
        ({"attributes": one_of({"intValue": 1e20})}, False), ({"exemplars": 5}, False),
        ({"scale": 10**9, "positive": {"offset": "x"}, "zeroCount": -5}, False),
    ],
)  # fmt: skip
def test_a_point(intake, kind, change, is_refused):
    points = [{**POINT, "asInt": str(n)} for n in range(9)] + [{**POINT, **change}]
    body = metrics_of({"name": "m", kind: {"dataPoints": points}})
    assert taken(intake, "metrics", body)[:2] == (9 if is_refused else 10, int(is_refused))


@pytest.mark.parametrize(
    "change",
    [
        {"bucketCounts": 5}, {"bucketCounts": [None]}, {"bucketCounts": ["1"]},
        {"bucketCounts": [1, -1, 1]}, {"explicitBounds": ["x", 1]}, {"explicitBounds": {}},
        {"explicitBounds": [1, "NaN"]}, {"count": "x"}, {"count": -1}, {"count": 0}, {"sum": "y"},
        {"sum": None},
    ],
)  # fmt: skip
def test_a_histogram_point_that_is_refused_alone(intake, change):
    points = [{**POINT, "count": str(n)} for n in range(1, 10)] + [{**POINT, **change}]
    body = metrics_of({"name": "m", "histogram": {"dataPoints": points}})
    assert taken(intake, "metrics", body) == (9, 1, 0)


def metrics_of(*metrics):
    scopes = [{"metrics": list(metrics)}]
    return {"resourceMetrics": [{"resource": resource_of(None), "scopeMetrics": scopes}]}


@pytest.mark.parametrize("value", [1e20, "-1e20", 2**63])
def test_a_point_of_an_integer_without_a_place_in_64_bits(intake, value):
    body = metrics_of({"name": "m", "sum": {"dataPoints": [{**POINT, "asInt": value}]}})
    (part,) = intake.parts("metrics", json.dumps(body).encode(), is_json=True)
    assert [point.value for point in part.points] == [float(value)]


@pytest.mark.parametrize(
    ("broken", "refused"),
    [
        (5, 1), (None, 1), ([], 1),
        ({"scopeSpans": 5}, 1), ({"scopeSpans": [None]}, 1), ({"scopeSpans": [{"spans": {}}]}, 1),
        ({"scopeSpans": [{"spans": [None, 5, span(2)]}]}, 2), ({}, 0),
    ],
)  # fmt: skip
def test_what_holds_records_is_refused_without_its_neighbours(intake, broken, refused):
    body = request(span(1))
    body["resourceSpans"] = [broken, *body["resourceSpans"], broken]
    good = 3 if "span(2)" in str(broken) or _has_good(broken) else 1
    assert taken(intake, "traces", body)[:2] == (good, 2 * refused)


def _has_good(broken):
    return isinstance(broken, dict) and broken.get("scopeSpans") == [{"spans": [None, 5, span(2)]}]


@pytest.mark.parametrize(
    "bad", [5, [], "shop", {"attributes": {"service.name": "x"}}, {"attributes": 5}]
)
def test_a_resource_that_cant_be_read_is_none(intake, bad):
    body = request(span(1), span(2))
    body["resourceSpans"].append({**request(span(3))["resourceSpans"][0], "resource": bad})
    assert taken(intake, "traces", body) == (3, 0, 1)


def test_an_object_in_place_of_a_list_is_a_list_of_one(intake):
    group = {"scopeSpans": {"spans": span(1)}}
    assert taken(intake, "traces", {"resourceSpans": group}) == (1, 0, 0)
    group = {"scopeLogs": {"logRecords": log(1)}}
    assert taken(intake, "logs", {"resourceLogs": [group]}) == (1, 0, 0)
    group = {"scopeLogs": [{"logRecords": {"0": log(1)}}]}  # it looks like none
    assert taken(intake, "logs", {"resourceLogs": [group]}) == (0, 1, 0)


@pytest.mark.parametrize("bad", [r"C:\Users", r"\u12", r"\x41", r"\\\q"])
def test_a_backslash_before_anything_is_a_backslash(intake, bad):
    body = json.dumps(request(span(1, name="NAME"), span(2))).replace("NAME", bad)
    (part,) = intake.parts("traces", body.encode(), is_json=True)
    assert len(part.records) == 2
    told = JsonReader().traces(body.encode())
    assert next(iter(next(iter(told)).items)).name == bad.replace("\\\\", "\\")


def test_a_scope_that_cant_be_read_is_none(intake):
    body = request(span(1))
    body["resourceSpans"][0]["scopeSpans"][0]["scope"] = 5
    assert taken(intake, "traces", body) == (1, 0, 1)


@pytest.mark.parametrize("body", [b"", b"{", b"5", b"[]", b'{"resourceSpans": {}}',
                                  b'{"resourceSpans": [1, null]}', b"[" * 200_000])  # fmt: skip
def test_a_frame_that_cant_be_read_is_malformed(body):
    with pytest.raises(MalformedError):
        list(JsonReader().traces(body))


def test_no_value_of_an_attribute_that_is_kept_costs_its_record(intake, tmp_path):
    odd = [
        {"doubleValue": "NaN"}, {"doubleValue": "-Infinity"}, {"intValue": 1e20}, {"intValue": -5},
        {"doubleValue": 1.7e308}, {"boolValue": True}, {"stringValue": "x" * 40_000}, {},
        {"stringValue": "a\0b"}, {"arrayValue": {"values": [{"doubleValue": "NaN"}, {}]}},
        {"kvlistValue": {"values": [{"key": "a", "value": {}}]}}, {"bytesValue": "AAAA"},
    ]  # fmt: skip
    told = [[{"key": key, "value": value}] for key in sorted(ALLOWED) for value in odd]
    logs = [
        log(number, eventName=name, attributes=one)
        for number, one in enumerate(told)
        for name in ("mcp.compress_context", "other")
    ]
    scopes = [{"logRecords": logs}]
    body = {"resourceLogs": [{"resource": resource_of(None), "scopeLogs": scopes}]}
    spans = [span(number + 1, attributes=one) for number, one in enumerate(told)]
    store = Store(tmp_path / "cortex.db", once=True)
    for signal, sent in (("logs", body), ("traces", request(*spans))):
        (part,) = intake.parts(signal, json.dumps(sent).encode(), is_json=True)
        assert len(part.records) == len(logs if signal == "logs" else spans)
        assert store.write(part.records, [], part.ledger).refused_records == []
    store.close()


# --- protobuf ------------------------------------------------------------------------------------


def official(signal, body):
    return json_format.ParseDict(body, REQUESTS[signal]()).SerializeToString()


TRACES = protobuf_of(
    request(
        *[
            span(n, name=f"work {n}", told={"gen_ai.tool.name": f"tool-{n}", "b": "c"})
            for n in range(1, 11)
        ],
        resource={"service.name": "shop"},
    )
)
LOGS = official(
    "logs",
    {
        "resourceLogs": [
            {
                "resource": resource_of(None),
                "scopeLogs": [
                    {
                        "scope": {"name": "lib-x"},
                        "logRecords": [
                            log(
                                n,
                                eventName=f"event {n}",
                                body={"stringValue": f"text {n}"},
                                severityText=f"sev {n}",
                            )
                            for n in range(10)
                        ],
                    }
                ],
            }
        ]
    },
)
POINTS = official(
    "metrics",
    metrics_of(
        {
            "name": "metric-x",
            "unit": "unit-x",
            "description": "about x",
            "sum": {
                "dataPoints": [
                    {
                        "timeUnixNano": str(NOW),
                        "asInt": n,
                        "attributes": attributes({"k": f"label {n}"}),
                    }
                    for n in range(10)
                ]
            },
        }
    ),
)


@pytest.mark.parametrize(
    ("signal", "body", "text"),
    [
        ("traces", TRACES, b"work 4"), ("traces", TRACES, b"tool-4"), ("traces", TRACES, b"shop"),
        ("traces", TRACES, b"lib"), ("logs", LOGS, b"event 4"), ("logs", LOGS, b"text 4"),
        ("logs", LOGS, b"sev 4"), ("logs", LOGS, b"lib-x"), ("metrics", POINTS, b"metric-x"),
        ("metrics", POINTS, b"unit-x"), ("metrics", POINTS, b"about x"),
        ("metrics", POINTS, b"label 4"), ("logs", LOGS, b"ext.ui"), ("metrics", POINTS, b"shop"),
    ],
)  # fmt: skip
def test_text_that_is_no_utf8_is_mended(intake, signal, body, text):
    assert text in body or signal == "logs"
    broken = body.replace(text, b"\xff" + text[1:])
    assert taken(intake, signal, broken, is_json=False) == (10, 0, 0)


def test_mended_text_has_a_replacement_character():
    body = TRACES.replace(b"tool-4", b"to\xffl-4").replace(b"work 4", b"wo\xc3\xa9 4")
    items = [item for group in ProtobufReader().traces(body) for item in group.items]
    assert items[3].attributes["gen_ai.tool.name"] == "to\ufffdl-4"
    assert items[3].name == "wo\u00e9 4"


def frame(*records, outer=(1, 2, 2)):
    """Records of protobuf in one scope of one resource."""
    resource, scope, record = outer
    return of_bytes(resource, of_bytes(scope, b"".join(of_bytes(record, one) for one in records)))


def deep(levels):
    value = b"\x18\x01"
    for _ in range(levels):
        value = of_bytes(5, of_bytes(1, value))
    return value


@pytest.mark.parametrize(
    "more",
    [
        of_bytes(9, b"\x0a\x09a"), of_bytes(9, b"\xff"), b"\x0b", b"\x0c", b"\x07", b"\x00",
        b"\x2a\x7f", of_bytes(11, b"\x09\x01"), of_bytes(15, b"\x12\x7fx"), b"\x80" * 11,
        b"\x4a" + b"\xff" * 9 + b"\x7f",
    ],
)  # fmt: skip
def test_a_span_of_broken_bytes_is_refused_alone(intake, more):
    spans = [raw_span(n) for n in range(1, 10)]
    assert taken(intake, "traces", frame(*spans, raw_span(10, more)), is_json=False) == (9, 1, 0)
    body = frame(raw_span(10, more), *spans)
    assert taken(intake, "traces", body, is_json=False) == (9, 1, 0)


@pytest.mark.parametrize(
    "more",
    [
        # Of another type, of a field that isn't known, a group.
        b"\x3a\x01x", b"\xa0\x06\x01", b"\xa3\x06\x08\x01\xa4\x06",
        of_bytes(9, of_bytes(1, b"k") + of_bytes(2, deep(150))), of_bytes(11, of_bytes(3, b"")),
        of_bytes(11, of_bytes(3, of_bytes(1, b"k") + of_bytes(2, deep(150)))), b"\x30\x63",
    ],
)  # fmt: skip
def test_a_span_of_odd_bytes_is_taken(intake, more):
    body = frame(*[raw_span(n) for n in range(1, 10)], raw_span(10, more))
    assert taken(intake, "traces", body, is_json=False) == (10, 0, 0)


def test_a_body_nested_too_deeply_is_cut_off(intake):
    at = b"\x09" + b"\1" * 8  # its time
    logs = [of_bytes(5, b"\x0a\x01x") + at] * 9
    bad = of_bytes(5, deep(400)) + at
    assert taken(intake, "logs", frame(*logs, bad), is_json=False) == (10, 0, 0)


def test_a_point_of_broken_bytes_is_refused_alone(intake):
    message = REQUESTS["metrics"].FromString(POINTS)
    scope = message.resource_metrics[0].scope_metrics[0]
    points = [one.SerializeToString() for one in scope.metrics[0].sum.data_points]
    points[3] = points[3][:-1]
    metric = of_bytes(1, b"m") + of_bytes(7, b"".join(of_bytes(1, one) for one in points))
    assert taken(intake, "metrics", frame(metric), is_json=False) == (9, 1, 0)


def test_a_resource_of_broken_bytes_is_none(intake):
    bad = of_bytes(1, b"\x0a\x09x") + of_bytes(2, of_bytes(2, raw_span(3)))
    body = frame(raw_span(1), raw_span(2)) + of_bytes(1, bad)
    assert taken(intake, "traces", body, is_json=False) == (3, 0, 1)


def test_what_holds_records_in_broken_bytes_is_refused_without_its_neighbours(intake):
    good = frame(raw_span(1), raw_span(2))
    for inside in (b"\xff\xff", of_bytes(2, b"\x12\x09x")):
        broken = of_bytes(1, inside)
        for body in (good + broken, broken + good):
            assert taken(intake, "traces", body, is_json=False) == (2, 1, 0)


def test_what_was_read_before_the_break_is_taken(intake):
    spans = b"".join(of_bytes(2, raw_span(n)) for n in range(1, 5))
    body = of_bytes(1, of_bytes(2, spans + b"\x12\x7fx")) + frame(raw_span(5))
    assert taken(intake, "traces", body, is_json=False) == (5, 1, 0)


@pytest.mark.parametrize(
    "body", [b"\xff\xff", TRACES[:-5], b"\x0a\x05abc", b"\x0a\x03abc", b"\x00"]
)
def test_a_protobuf_frame_that_cant_be_read_is_malformed(body):
    with pytest.raises(MalformedError):
        list(ProtobufReader().traces(body))


# --- over HTTP -----------------------------------------------------------------------------------


@pytest.mark.system
def test_the_answer_says_what_was_refused_and_what_was_left_out(server):
    spans = [span(1), span(2, kind="x"), span(3, attributes=one_of({"boolValue": "maybe"}))]
    told = server.traces(*spans).json()["partialSuccess"]
    assert told["rejectedSpans"] == "1"
    assert "kind is neither a number nor a name" in told["errorMessage"]
    assert "left out: boolValue isn't true or false (1)" in told["errorMessage"]
    told = server.traces(span(4, attributes=one_of({"boolValue": "maybe"}))).json()
    assert told["partialSuccess"]["rejectedSpans"] == "0"  # a warning
    assert server.traces(span(5, attributes=one_of({"intValue": 1e20}))).json() == {}
    assert server.ledger() == {
        "event|received|": 5,
        "event|stored|": 4,
        "event|dropped|invalid": 1,
        "value|left_out|unreadable": 2,
    }


@pytest.mark.system
def test_ten_spans_of_which_one_is_odd_are_stored(server):
    for first, body, headers in (
        (1, spans_with({"intValue": 1e20}), JSON),
        (1, spans_with({"stringValue": "\ud800"}), JSON),
        (1, spans_with(nested(120)), JSON),
        (11, TRACES.replace(b"work 4", b"work \xff"), PROTOBUF),
    ):
        assert server.post("/v1/traces", body, **headers).status_code == 200, first
    assert len(server.rows()) == 10
    assert {row["name"] for row in server.rows()} == {"work"}


@pytest.mark.system
def test_plain_events(server):
    path = "/api/telemetry/extension/ui-interaction"
    for body in (
        rb'[{"action":"a\ud800"},{"action":"b"}]',
        b'\xef\xbb\xbf[{"action":"c"},{}]',
        b'[{"action":NaN},{"action":"d"}]',
    ):
        told = server.post(path, body, **JSON).json()
        assert told["accepted"] + told["rejected"] == 2
    assert len(server.rows()) == 4
