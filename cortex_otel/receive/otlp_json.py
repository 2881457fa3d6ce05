"""OTLP/JSON → records, by the letter of the protocol, and leniently where a sender isn't.

``protobuf.json_format`` isn't used: it reads hexadecimal ids as base64 without a word, takes what
the protocol forbids, and costs 290 µs a span. The rules (OTLP 1.11, "JSON Protobuf Encoding"):
ids are hexadecimal in either case, enums are integers, names are lowerCamelCase, 64-bit integers
are numbers or text, ``null`` is as if left out, and what isn't known is ignored.

One bad value never takes its batch. It is read as it was meant or left out (:mod:`.json_values`);
where that can't be, its record is refused and the others are taken. A resource or scope that can't
be read is left out, and its records are kept. Malformed is only a request whose outermost parts
can't be read.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import orjson
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.trace import StatusCode

from cortex_otel import semconv as sc
from cortex_otel.process.data import LogData, SpanData, is_plain
from cortex_otel.receive import lenient_json
from cortex_otel.receive.json_points import numbers_of, shape_of
from cortex_otel.receive.json_values import (
    attributes,
    enum,
    integer,
    list_of,
    object_of,
    text,
    value_of,
)
from cortex_otel.receive.metric_data import Point, point_of
from cortex_otel.receive.records import (
    KINDS,
    SEVERITIES,
    Event,
    Group,
    Losses,
    MalformedError,
    OtlpResource,
    Scope,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["JsonReader"]

_TRACE_ID: Final = re.compile(r"[0-9A-Fa-f]{32}")
_SPAN_ID: Final = re.compile(r"[0-9A-Fa-f]{16}")
_ZERO: Final = re.compile(r"0+")
_KIND_NAMES: Final = dict(trace_pb2.Span.SpanKind.items())
_STATUS_NAMES: Final = dict(trace_pb2.Status.StatusCode.items())
_SEVERITY_NAMES: Final = dict(logs_pb2.SeverityNumber.items())
_STATUS_ERROR: Final = 2
_new_tuple = tuple.__new__  # as for all that is made by the hundred thousand
_MAX_RESOURCES, _MAX_RESOURCE_LENGTH = 256, 16_384
#: By the name of a list: fields that only one of its messages has.
_LOOKS: Final[Mapping[str, frozenset[str]]] = {
    "resourceSpans": frozenset({"scopeSpans"}), "scopeSpans": frozenset({"spans"}),
    "resourceLogs": frozenset({"scopeLogs"}), "scopeLogs": frozenset({"logRecords"}),
    "resourceMetrics": frozenset({"scopeMetrics"}), "scopeMetrics": frozenset({"metrics"}),
    "spans": frozenset({"traceId"}), "metrics": frozenset({"name"}),
    "logRecords": frozenset({"timeUnixNano", "observedTimeUnixNano", "eventName", "body"}),
    "dataPoints": frozenset({"timeUnixNano"}),
}  # fmt: skip
_METRICS: Final = {
    "gauge": "gauge", "sum": "sum", "histogram": "histogram",
    "exponentialHistogram": "exponential_histogram", "summary": "summary",
}  # fmt: skip


class JsonReader:
    """Reads requests and remembers their resources; for one thread."""

    def __init__(self) -> None:
        self.losses = Losses()
        self._resources: dict[bytes, OtlpResource] = {}
        self._scopes: dict[bytes, Scope] = {}

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
        return self._groups(body, "resourceMetrics", self._points)

    def _groups(
        self, body: bytes, name: str, items: Callable[[dict[str, Any], OtlpResource], Iterator[Any]]
    ) -> Iterator[Group]:
        try:
            request = lenient_json.loads(body)
        except ValueError:
            raise MalformedError("not JSON") from None
        if type(request) is not dict:
            raise MalformedError("not a JSON object")
        is_empty = not (_looks_like(request.get(name), name) or list_of(request, name))
        groups = self._objects(request, name)
        if not groups and not is_empty:
            raise MalformedError(f"{name} holds nothing but what isn't an object")
        for group in groups:
            try:
                resource = self._resource(group)
            except MalformedError as error:
                self.losses.left_out[str(error)] += 1
                resource = OtlpResource({})
            yield Group(resource, items(group, resource))

    def _resource(self, group: dict[str, Any]) -> OtlpResource:
        resource = object_of(group, "resource")
        try:
            key = orjson.dumps(resource)
        except TypeError:  # nested deeper than it writes
            return OtlpResource(attributes(resource, self.losses))
        found = self._resources.get(key)
        if found is None:
            found = OtlpResource(attributes(resource, self.losses))
            if len(self._resources) >= _MAX_RESOURCES or len(key) > _MAX_RESOURCE_LENGTH:
                self._resources.clear()
            self._resources[key] = found
        return found

    def _objects(self, parent: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """The messages of a list; what is none is counted as a refused record."""
        one = parent.get(name)
        if _looks_like(one, name):
            return [one]  # a list of one, by a sender that makes JSON of XML or the like
        try:
            found = list_of(parent, name)
        except MalformedError as error:
            self.losses.refused[str(error)] += 1
            return []
        for one in found:
            if type(one) is not dict:
                good = [one for one in found if type(one) is dict]
                rule = f"{name} holds something that isn't an object"
                self.losses.refused[rule] += len(found) - len(good)
                return good
        return found

    def _spans(
        self, resource_spans: dict[str, Any], resource: OtlpResource
    ) -> Iterator[SpanData | str]:
        for scope_spans in self._objects(resource_spans, "scopeSpans"):
            scope = self._scope(scope_spans)
            for span in self._objects(scope_spans, "spans"):
                try:
                    get: Callable[[str], Any] = span.get
                    trace_id, span_id = get("traceId"), get("spanId")
                    parent_id = get("parentSpanId")
                    start = integer(get("startTimeUnixNano"), "startTimeUnixNano")
                    end = integer(get("endTimeUnixNano"), "endTimeUnixNano")
                    kind = get("kind")
                    if type(kind) is not int or kind >= len(KINDS):
                        kind = enum(kind, "kind", _KIND_NAMES)
                    span_attributes = attributes(span, self.losses)
                    status, events, name = get("status"), get("events"), get("name")
                    if type(name) is not str:
                        name = text(span, "name")
                    if refused := _refused(trace_id, span_id, parent_id):
                        yield refused
                        continue
                    if not start or not end:
                        yield "start or end time is missing"
                        continue
                    has_failed = status is not None and _has_failed(span)
                    exceptions: Sequence[Event] = () if events is None else self._exceptions(span)
                except MalformedError as error:
                    yield str(error)
                    continue
                yield _new_tuple(
                    SpanData,
                    (
                        span_attributes,
                        name,
                        KINDS[kind] if 0 <= kind < len(KINDS) else KINDS[0],
                        int(trace_id, 16),
                        int(span_id, 16),
                        int(parent_id, 16) if parent_id else 0,
                        start,
                        end,
                        StatusCode.ERROR if has_failed else StatusCode.UNSET,
                        exceptions,
                        scope,
                        resource,
                        is_plain(span_attributes),
                    ),
                )

    def _exceptions(self, span: dict[str, Any]) -> list[Event]:
        found: list[Event] = []
        for event in list_of(span, "events"):
            if type(event) is dict and event.get("name") == sc.EXCEPTION_EVENT:
                try:
                    found.append(Event(sc.EXCEPTION_EVENT, attributes(event, self.losses)))
                except MalformedError as error:
                    self.losses.left_out[str(error)] += 1
        return found

    def _logs(
        self, resource_logs: dict[str, Any], resource: OtlpResource
    ) -> Iterator[LogData | str]:
        for scope_logs in self._objects(resource_logs, "scopeLogs"):
            scope = self._scope(scope_logs)
            for log in self._objects(scope_logs, "logRecords"):
                try:
                    record = self._log(log, scope, resource)
                except MalformedError as error:
                    yield str(error)
                else:
                    yield record

    def _log(self, log: dict[str, Any], scope: Scope, resource: OtlpResource) -> LogData:
        trace_id, span_id = text(log, "traceId"), text(log, "spanId")
        if trace_id and not _TRACE_ID.fullmatch(trace_id):
            raise MalformedError("traceId isn't 32 hexadecimal digits")
        if span_id and not _SPAN_ID.fullmatch(span_id):
            raise MalformedError("spanId isn't 16 hexadecimal digits")
        severity_text, flags = log.get("severityText"), log.get("flags")
        return _new_tuple(
            LogData,
            (
                attributes(log, self.losses),
                text(log, "eventName"),
                value_of(log.get("body"), self.losses),
                integer(log.get("timeUnixNano"), "timeUnixNano"),
                integer(log.get("observedTimeUnixNano"), "observedTimeUnixNano"),
                SEVERITIES.get(enum(log.get("severityNumber"), "severityNumber", _SEVERITY_NAMES)),
                int(trace_id, 16) if trace_id else 0,
                int(span_id, 16) if span_id else 0,
                scope,
                resource,
                None,
                None,
                severity_text if type(severity_text) is str else "",
                0 if flags is None else self._flags(flags),
            ),
        )

    def _flags(self, flags: Any) -> int:
        try:
            return integer(flags, "flags")
        except MalformedError as error:
            self.losses.left_out[str(error)] += 1
            return 0

    def _points(
        self, resource_metrics: dict[str, Any], _resource: OtlpResource
    ) -> Iterator[Point | str]:
        for scope_metrics in self._objects(resource_metrics, "scopeMetrics"):
            scope = self._scope(scope_metrics)
            for metric in self._objects(scope_metrics, "metrics"):
                for field, kind in _METRICS.items():
                    data = metric.get(field)
                    if type(data) is not dict:
                        if data is not None:
                            self.losses.refused[f"{field} isn't an object"] += 1
                        continue
                    for point in self._objects(data, "dataPoints"):
                        try:
                            numbers = numbers_of(kind, point) | self._shape(kind, data, point)
                            yield point_of(
                                text(metric, "name"), text(metric, "unit"), kind,
                                attributes(point, self.losses), numbers, scope,
                            )  # fmt: skip
                        except MalformedError as error:
                            yield str(error)

    def _shape(self, kind: str, data: dict[str, Any], point: dict[str, Any]) -> dict[str, Any]:
        """What only tells a point apart, and so never refuses it."""
        try:
            return shape_of(kind, data, point)
        except MalformedError as error:
            self.losses.left_out[str(error)] += 1
            return {}

    def _scope(self, group: dict[str, Any]) -> Scope:
        scope = group.get("scope")
        if type(scope) is not dict:
            if scope is not None:
                self.losses.left_out["scope isn't an object"] += 1
            scope = {}
        try:
            key = orjson.dumps(scope)
        except TypeError:  # nested deeper than it writes
            return self._new_scope(scope)
        found = self._scopes.get(key)
        if found is None:
            found = self._new_scope(scope)
            if len(self._scopes) >= _MAX_RESOURCES or len(key) > _MAX_RESOURCE_LENGTH:
                self._scopes.clear()
            self._scopes[key] = found
        return found

    def _new_scope(self, scope: dict[str, Any]) -> Scope:
        name, version, sent = "", "", {}
        try:
            name, version = text(scope, "name"), text(scope, "version")
            sent = attributes(scope, self.losses)
        except MalformedError as error:
            self.losses.left_out[str(error)] += 1
        return Scope(name, version, sent)


def _looks_like(found: Any, name: str) -> TypeGuard[dict[str, Any]]:
    """Whether what stands in place of a list of messages looks like one of them."""
    return type(found) is dict and not _LOOKS[name].isdisjoint(found)


def _refused(trace_id: Any, span_id: Any, parent_id: Any) -> str:
    for value in (trace_id, span_id, parent_id):
        if value is not None and type(value) is not str:
            return "an id isn't text"
    if not trace_id or not _TRACE_ID.fullmatch(trace_id) or _ZERO.fullmatch(trace_id):
        return "traceId isn't 32 hexadecimal digits, or all zero"
    if not span_id or not _SPAN_ID.fullmatch(span_id) or _ZERO.fullmatch(span_id):
        return "spanId isn't 16 hexadecimal digits, or all zero"
    if parent_id and not _SPAN_ID.fullmatch(parent_id):
        return "parentSpanId isn't 16 hexadecimal digits"
    return ""


def _has_failed(span: dict[str, Any]) -> bool:
    code = enum(object_of(span, "status").get("code"), "status.code", _STATUS_NAMES)
    return code == _STATUS_ERROR
