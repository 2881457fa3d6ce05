"""OTLP/JSON → records, by the letter of the protocol.

``protobuf.json_format`` isn't used: it reads hexadecimal ids as base64 without a word, takes what
the protocol forbids, and costs 290 µs a span. The rules (OTLP 1.11, "JSON Protobuf Encoding"):
ids are hexadecimal in either case, enums are integers, names are lowerCamelCase, 64-bit integers
are numbers or text, ``null`` is as if left out, and what isn't known is ignored.

What has the wrong type makes the request malformed, as broken bytes do in protobuf; an id of the
wrong length is one record's fault.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING, Any, Final

import orjson
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from cortex_otel import semconv as sc
from cortex_otel.receive.metric_data import Point, point_of
from cortex_otel.receive.records import (
    FAILED,
    KINDS,
    NOT_FAILED,
    Event,
    Group,
    MalformedError,
    OtlpLog,
    OtlpSpan,
    ParentSpan,
    Told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["JsonReader"]

_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_TRACE_ID: Final = re.compile(r"[0-9A-Fa-f]{32}")
_SPAN_ID: Final = re.compile(r"[0-9A-Fa-f]{16}")
_ZERO: Final = re.compile(r"0+")
_TWO_TO_31, _TWO_TO_63, _TWO_TO_64 = 1 << 31, 1 << 63, 1 << 64
_NAMED_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_STATUS_ERROR: Final = 2
_DEEPEST: Final = 100  # as protobuf's own
_MOST_RESOURCES, _LONGEST_RESOURCE = 256, 16_384
_METRICS: Final = {
    "gauge": "gauge", "sum": "sum", "histogram": "histogram",
    "exponentialHistogram": "exponential_histogram", "summary": "summary",
}  # fmt: skip


class JsonReader:
    """Reads requests and remembers their resources; for one thread."""

    def __init__(self) -> None:
        self._resources: dict[bytes, Told] = {}
        self._scopes: dict[tuple[str, str], InstrumentationScope] = {}

    def traces(self, body: bytes) -> Iterator[Group]:
        """The spans of an ``ExportTraceServiceRequest``, a group a resource.

        Raises:
            MalformedError: it is none; also while the groups are walked.
        """
        return self._groups(body, "resourceSpans", self._spans)

    def logs(self, body: bytes) -> Iterator[Group]:
        """The log records of an ``ExportLogsServiceRequest``; raises as :meth:`traces`."""
        return self._groups(body, "resourceLogs", self._logs)

    def metrics(self, body: bytes) -> Iterator[Group]:
        """The points of an ``ExportMetricsServiceRequest``; raises as :meth:`traces`."""
        return self._groups(body, "resourceMetrics", _points)

    def _groups(
        self, body: bytes, name: str, items: Callable[[dict[str, Any], Told], Iterator[Any]]
    ) -> Iterator[Group]:
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise MalformedError("not JSON") from None
        if type(request) is not dict:
            raise MalformedError("not a JSON object")
        for group in _list(request, name):
            resource = _object(group, "resource")
            key = orjson.dumps(resource)
            told = self._resources.get(key)
            if told is None:
                told = Told(_attributes(resource))
                if len(self._resources) >= _MOST_RESOURCES or len(key) > _LONGEST_RESOURCE:
                    self._resources.clear()
                self._resources[key] = told
            yield Group(key, told, items(group, told))

    def _spans(self, resource_spans: dict[str, Any], told: Told) -> Iterator[OtlpSpan | str]:
        for scope_spans in _list(resource_spans, "scopeSpans"):
            scope = self._scope(scope_spans)
            for span in _list(scope_spans, "spans"):
                get = span.get
                trace_id, span_id = get("traceId"), get("spanId")
                parent_id = get("parentSpanId")
                start = _integer(get("startTimeUnixNano"), "startTimeUnixNano")
                end = _integer(get("endTimeUnixNano"), "endTimeUnixNano")
                kind = get("kind")
                if type(kind) is not int or kind >= len(KINDS):
                    kind = _enum(kind, "kind")
                attributes = _attributes(span)
                status, events, name = get("status"), get("events"), get("name")
                if type(name) is not str:
                    name = _text(span, "name")
                if refused := _refused(trace_id, span_id, parent_id):
                    yield refused
                    continue
                if not start or not end:
                    yield "start or end time is missing"
                    continue
                yield OtlpSpan(
                    attributes,
                    name,
                    KINDS[kind] if 0 <= kind < len(KINDS) else KINDS[0],
                    int(trace_id, 16),
                    int(span_id, 16),
                    ParentSpan(int(parent_id, 16)) if parent_id else None,
                    start,
                    end,
                    NOT_FAILED if status is None else _status(span),
                    [] if events is None else _events(span),
                    scope,
                    told,
                )

    def _logs(self, resource_logs: dict[str, Any], told: Told) -> Iterator[OtlpLog | str]:
        for scope_logs in _list(resource_logs, "scopeLogs"):
            scope = self._scope(scope_logs)
            for log in _list(scope_logs, "logRecords"):
                trace_id, span_id = _text(log, "traceId"), _text(log, "spanId")
                body = log.get("body")
                record = OtlpLog(
                    _attributes(log),
                    _text(log, "eventName"),
                    None if body is None else _value(body),
                    _integer(log.get("timeUnixNano"), "timeUnixNano"),
                    _integer(log.get("observedTimeUnixNano"), "observedTimeUnixNano"),
                    _enum(log.get("severityNumber"), "severityNumber"),
                    0,
                    0,
                    scope,
                    told,
                )
                if trace_id and not _TRACE_ID.fullmatch(trace_id):
                    yield "traceId isn't 32 hexadecimal digits"
                elif span_id and not _SPAN_ID.fullmatch(span_id):
                    yield "spanId isn't 16 hexadecimal digits"
                else:
                    record.trace_id = int(trace_id, 16) if trace_id else 0
                    record.span_id = int(span_id, 16) if span_id else 0
                    yield record

    def _scope(self, group: dict[str, Any]) -> InstrumentationScope:
        scope = _object(group, "scope")
        key = _text(scope, "name"), _text(scope, "version")
        found = self._scopes.get(key)
        if found is None:
            if len(self._scopes) >= _MOST_RESOURCES:
                self._scopes.clear()
            found = self._scopes[key] = InstrumentationScope(*key)
        return found


# --- the parts of a message -----------------------------------------------------------------------


def _list(parent: Any, name: str) -> list[Any]:
    if type(parent) is not dict:
        raise MalformedError(f"what holds {name} isn't an object")
    found = parent.get(name)
    if found is None:
        return []
    if type(found) is not list:
        raise MalformedError(f"{name} isn't a list")
    for one in found:
        if type(one) is not dict:
            raise MalformedError(f"{name} holds something that isn't an object")
    return found


def _object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    found = parent.get(name)
    if found is None:
        return {}
    if type(found) is not dict:
        raise MalformedError(f"{name} isn't an object")
    return found


def _text(parent: dict[str, Any], name: str) -> str:
    found = parent.get(name)
    if found is None:
        return ""
    if type(found) is not str:
        raise MalformedError(f"{name} isn't text")
    return found


def _integer(value: Any, name: str, low: int = 0, high: int = _TWO_TO_64) -> int:
    """A 64-bit integer: a number, or its digits as text."""
    if value is None:
        return 0
    is_digits = type(value) is str and _INTEGER.fullmatch(value) is not None
    if is_digits or (type(value) is float and value.is_integer()):
        value = int(value)
    if type(value) is not int or not low <= value < high:
        raise MalformedError(f"{name} isn't a 64-bit integer")
    return value


def _enum(value: Any, name: str) -> int:
    if value is None:
        return 0
    if type(value) is not int or not -_TWO_TO_31 <= value < _TWO_TO_31:
        raise MalformedError(f"{name} isn't an integer: names of enums aren't allowed in OTLP/JSON")
    return value


def _double(value: Any, name: str) -> float:
    if type(value) is str:
        if value in _NAMED_NUMBERS:
            return _NAMED_NUMBERS[value]
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    if type(value) not in (int, float):
        raise MalformedError(f"{name} isn't a number")
    return float(value)


def _attributes(parent: dict[str, Any]) -> dict[str, Any]:
    found = parent.get("attributes")
    if not found:
        if found is None or type(found) is list:
            return {}
        raise MalformedError("attributes isn't a list")
    if type(found) is not list:
        raise MalformedError("attributes isn't a list")
    attributes: dict[str, Any] = {}
    for one in found:
        try:
            key, value = one["key"], one["value"]
            # The usual case, in place: a text and nothing else.
            text = value["stringValue"]
            if type(text) is str and type(key) is str and len(value) == 1:
                attributes[key] = text
                continue
        except (KeyError, TypeError):
            pass
        if type(one) is not dict:
            raise MalformedError("an attribute isn't an object")
        attributes[_text(one, "key")] = _value(_object(one, "value"))
    return attributes


def _value(value: Any, deep: int = 0) -> Any:
    if type(value) is not dict:
        raise MalformedError("a value isn't an object")
    if deep >= _DEEPEST:
        raise MalformedError("a value is nested too deeply")
    for name, read in _READERS.items():
        found = value.get(name)
        if found is not None:
            return read(found, deep + 1)
    return None


def _string(value: Any, _deep: int) -> str:
    if type(value) is not str:
        raise MalformedError("stringValue isn't text")
    return value


def _bool(value: Any, _deep: int) -> bool:
    if type(value) is not bool:
        raise MalformedError("boolValue isn't true or false")
    return value


def _bytes(value: Any, _deep: int) -> bytes:
    try:
        return base64.b64decode(_string(value, 0), altchars=b"-_" if "-" in value else None)
    except (binascii.Error, ValueError):
        raise MalformedError("bytesValue isn't base64") from None


def _array(value: Any, deep: int) -> list[Any]:
    if type(value) is not dict:
        raise MalformedError("arrayValue isn't an object")
    return [_value(one, deep) for one in _list(value, "values")]


def _mapping(value: Any, deep: int) -> dict[str, Any]:
    if type(value) is not dict:
        raise MalformedError("kvlistValue isn't an object")
    return {
        _text(one, "key"): _value(_object(one, "value"), deep) for one in _list(value, "values")
    }


_READERS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "stringValue": _string,
    "intValue": lambda value, _: _integer(value, "intValue", -_TWO_TO_63, _TWO_TO_63),
    "doubleValue": lambda value, _: _double(value, "doubleValue"),
    "boolValue": _bool,
    "arrayValue": _array,
    "kvlistValue": _mapping,
    "bytesValue": _bytes,
}


def _refused(trace_id: Any, span_id: Any, parent_id: Any) -> str:
    for value in (trace_id, span_id, parent_id):
        if value is not None and type(value) is not str:
            raise MalformedError("an id isn't text")
    if not trace_id or not _TRACE_ID.fullmatch(trace_id) or _ZERO.fullmatch(trace_id):
        return "traceId isn't 32 hexadecimal digits, or all zero"
    if not span_id or not _SPAN_ID.fullmatch(span_id) or _ZERO.fullmatch(span_id):
        return "spanId isn't 16 hexadecimal digits, or all zero"
    if parent_id and not _SPAN_ID.fullmatch(parent_id):
        return "parentSpanId isn't 16 hexadecimal digits"
    return ""


def _status(span: dict[str, Any]) -> Any:
    code = _enum(_object(span, "status").get("code"), "status.code")
    return FAILED if code == _STATUS_ERROR else NOT_FAILED


def _events(span: dict[str, Any]) -> list[Event]:
    return [
        Event(sc.EXCEPTION_EVENT, _attributes(event))
        for event in _list(span, "events")
        if _text(event, "name") == sc.EXCEPTION_EVENT
    ]


def _points(resource_metrics: dict[str, Any], _told: Told) -> Iterator[Point | str]:
    for scope_metrics in _list(resource_metrics, "scopeMetrics"):
        for metric in _list(scope_metrics, "metrics"):
            name, unit = _text(metric, "name"), _text(metric, "unit")
            for field, kind in _METRICS.items():
                for point in _list(_object(metric, field), "dataPoints"):
                    numbers = _numbers(kind, point)
                    yield point_of(name, unit, kind, _attributes(point), numbers)


def _numbers(kind: str, point: dict[str, Any]) -> dict[str, Any]:
    get = point.get
    numbers: dict[str, Any] = {
        "time": _integer(get("timeUnixNano"), "timeUnixNano"),
        "start": _integer(get("startTimeUnixNano"), "startTimeUnixNano"),
        "flags": _integer(get("flags"), "flags"),
    }
    if kind in {"gauge", "sum"}:
        if get("asDouble") is not None:
            numbers["value"] = _double(get("asDouble"), "asDouble")
        elif get("asInt") is not None:
            numbers["value"] = _integer(get("asInt"), "asInt", -_TWO_TO_63, _TWO_TO_63)
        return numbers
    numbers["count"] = _integer(get("count"), "count")
    for name in ("sum", "min", "max"):
        if get(name) is not None:
            numbers[name] = _double(get(name), name)
    if kind == "summary":
        numbers.setdefault("sum", 0.0)
    if kind == "histogram":
        bounds, counts = _plain_list(point, "explicitBounds"), _plain_list(point, "bucketCounts")
        numbers["bounds"] = [_double(one, "explicitBounds") for one in bounds]
        numbers["counts"] = [_integer(one, "bucketCounts") for one in counts]
    return numbers


def _plain_list(parent: dict[str, Any], name: str) -> list[Any]:
    found = parent.get(name)
    if found is not None and type(found) is not list:
        raise MalformedError(f"{name} isn't a list")
    return found or []
