"""OTLP/JSON by the letter, and no difference from protobuf; without a server."""

from __future__ import annotations

import json
import math

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from receiver_kit import NOW, protobuf_of, request, span

from cortex_otel.receive.otlp_json import JsonReader
from cortex_otel.receive.protobuf import ProtobufReader
from cortex_otel.receive.records import MalformedError


def read(body, signal="traces"):
    groups = getattr(JsonReader(), signal)(json.dumps(body).encode())
    return [item for group in groups for item in group.items]


def one(**changes):
    (item,) = read(request(span(1, **changes)))
    return item


def value(told):
    return one(attributes=[{"key": "k", "value": told}]).attributes["k"]


@pytest.mark.parametrize("digits", ["ab" * 16, "AB" * 16, "aB" * 16])
def test_ids_are_hexadecimal_in_either_case(digits):
    assert one(traceId=digits).trace_id == int("ab" * 16, 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"traceId": "ab" * 15}, {"traceId": "ab" * 17}, {"traceId": "0" * 32}, {"traceId": ""},
        {"traceId": None}, {"traceId": "q6urq6urq6urq6urq6urqw=="}, {"traceId": "é" * 32},
        {"spanId": "ab" * 7}, {"spanId": "0" * 16}, {"spanId": "\u0661" * 16},
        {"parentSpanId": "ab" * 9}, {"parentSpanId": "zz" * 8},
        {"startTimeUnixNano": "0"}, {"endTimeUnixNano": None},
    ],
)  # fmt: skip
def test_a_span_that_breaks_a_rule_is_said_to(changes):
    assert isinstance(one(**changes), str)


@pytest.mark.parametrize("parent", [None, "", "ab" * 8])
def test_a_parent_may_be_absent(parent):
    assert one(parentSpanId=parent).parent_span_id == (int(parent, 16) if parent else 0)


@pytest.mark.parametrize("time", [NOW, str(NOW), float(2**60)], ids=["number", "text", "real"])
def test_64_bit_integers_are_numbers_or_text(time):
    assert one(startTimeUnixNano=time).start_time_unix_nano == int(time)


@pytest.mark.parametrize(
    "time", ["1_0", " 1", "1.5", "٣", "-1", 1.5, -1, 2**64, True, [], "9" * 21]
)
def test_a_span_whose_time_is_no_64_bit_integer_is_refused(time):
    assert one(startTimeUnixNano=time) == "startTimeUnixNano isn't a 64-bit integer"


@pytest.mark.parametrize("kind", ["server", 1.5, True, [], 2**31])
def test_a_span_whose_kind_is_no_enum_is_refused(kind):
    assert "enum" in one(kind=kind)


def test_enums_may_be_told_by_their_names():
    found = one(kind="SPAN_KIND_SERVER", status={"code": "STATUS_CODE_ERROR"})
    assert (found.kind.name, found.status.name) == ("SERVER", "ERROR")


def test_unknown_enum_numbers_are_taken():
    assert one(kind=99).kind.name == "INTERNAL"
    assert one(status={"code": 77}).status.name == "UNSET"


def test_names_are_lower_camel_case_and_unknown_fields_are_ignored():
    item = one(
        parent_span_id="ab" * 8,
        start_time_unix_nano="5",
        droppedAttributesCount="x",
        future={"a": 1},
    )
    assert item.parent_span_id == 0
    assert item.start_time_unix_nano == NOW + 1


def test_null_is_as_if_left_out():
    item = one(name=None, kind=None, attributes=None, events=None, status=None, links=None)
    assert (item.name, item.attributes, item.events) == ("", {}, ())
    assert read({"resourceSpans": None}) == []
    assert read({"resourceSpans": [{"resource": None, "scopeSpans": [{"scope": None}]}]}) == []


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ({"stringValue": "x"}, "x"), ({"intValue": "-5"}, -5), ({"intValue": 7}, 7),
        ({"intValue": 2.0}, 2), ({"doubleValue": 1.5}, 1.5), ({"doubleValue": 2}, 2.0),
        ({"doubleValue": "1.5"}, 1.5), ({"doubleValue": "-Infinity"}, -math.inf),
        ({"boolValue": False}, False), ({}, None),
        ({"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "a"}]}}, [1, "a"]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": True}}]}}, {"a": True}),
        ({"bytesValue": "aGk="}, b"hi"), ({"bytesValue": "-_8="}, b"\xfb\xff"),
        ({"stringValue": None, "intValue": "3"}, 3), ({"newValue": 1}, None),
    ],
)  # fmt: skip
def test_values(told, meant):
    found = value(told)
    assert found == meant
    assert type(found) is type(meant)


def test_nesting_is_limited():
    told = {"intValue": 1}
    for _ in range(150):
        told = {"arrayValue": {"values": [told]}}
    levels, found = 0, value(told)
    while found and isinstance(found, list):
        levels, found = levels + 1, found[0]
    assert (levels, found) == (100, None)
    with pytest.raises(MalformedError):
        list(JsonReader().traces(b'{"resourceSpans":' + b"[" * 5000))


def test_malformed_messages_hold_nothing_of_the_body():
    for body in (b'{"secret', b'"secret"', b'{"resourceSpans":"secret"}'):
        with pytest.raises(MalformedError) as caught:
            list(JsonReader().traces(body))
        assert "secret" not in str(caught.value)


def test_both_encodings_say_the_same():
    body = request(
        span(1, told={"a": "x", "n": 5, "f": 1.5, "b": True}), span(2, kind=3), resource={"r": "1"}
    )
    groups = list(ProtobufReader().traces(protobuf_of(body)))
    assert [group.resource.attributes for group in groups] == [{"r": "1"}]
    ours = [item for group in groups for item in group.items]
    for left, right in zip(ours, read(body), strict=True):
        assert left[:-3] == right[:-3]  # all but scope and resource, which are the readers' own
        assert left.is_plain is right.is_plain


def test_equal_resources_are_one_sender_in_both_encodings():
    for reader, body in (
        (ProtobufReader(), protobuf_of(request(span(1)))),
        (JsonReader(), json.dumps(request(span(1))).encode()),
    ):
        ((first,), (second,)) = list(reader.traces(body)), list(reader.traces(body))
        assert first.resource is second.resource


def test_metrics_in_both_encodings():
    points = [{"timeUnixNano": str(NOW), "asInt": "7"}, {"timeUnixNano": str(NOW), "asDouble": 0.5}]
    histogram = {
        "timeUnixNano": str(NOW), "startTimeUnixNano": str(NOW - 5), "count": "3", "sum": 6.0,
        "min": 1.0, "max": 3.0, "bucketCounts": ["1", "2"], "explicitBounds": [1.5],
    }  # fmt: skip
    exponential = {"timeUnixNano": str(NOW), "count": "2", "sum": 4.0, "scale": 3}
    metrics = [
        {"name": "g", "unit": "1", "gauge": {"dataPoints": points}},
        {"name": "s", "sum": {"dataPoints": points[:1], "isMonotonic": True}},
        {"name": "h", "histogram": {"dataPoints": [histogram]}},
        {"name": "e", "exponentialHistogram": {"dataPoints": [exponential]}},
        {"name": "y", "summary": {"dataPoints": [{"timeUnixNano": NOW, "count": 2, "sum": 4}]}},
        {"name": "nothing"},
        {"name": "bad", "gauge": {"dataPoints": [{"timeUnixNano": str(NOW)}]}},
        {"name": "flag", "gauge": {"dataPoints": [{**points[0], "flags": 1}]}},
        {"name": "fit", "histogram": {"dataPoints": [{**histogram, "bucketCounts": ["1"]}]}},
        {"name": "none", "histogram": {"dataPoints": [{**histogram, "count": 0}]}},
    ]
    body = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": metrics}]}]}
    in_json = read(body, "metrics")
    official = json_format.ParseDict(body, ExportMetricsServiceRequest())
    groups = ProtobufReader().metrics(official.SerializeToString())
    in_protobuf = [item for group in groups for item in group.items]
    assert [item if isinstance(item, str) else item.name for item in in_json[:6]] == list("ggshey")
    assert all(isinstance(item, str) for item in in_json[6:])
    assert in_protobuf == in_json


@pytest.mark.parametrize(
    "changes",
    [{"bucketCounts": 5}, {"explicitBounds": ["x"]}, {"count": "x"}, {"sum": "y"}, {"flags": -1}],
)
def test_a_point_of_a_wrong_type_is_refused(changes):
    point = {"timeUnixNano": str(NOW), "count": "1", "sum": 1, **changes}
    metrics = [{"name": "h", "histogram": {"dataPoints": [point]}}]
    (found,) = read({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}, "metrics")
    assert isinstance(found, str)
