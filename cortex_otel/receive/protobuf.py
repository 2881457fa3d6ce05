"""OTLP/protobuf → records.

Walking a message in Python was three quarters of what a span cost: 15 µs. So the messages are read
by a description that differs from the official one in this: what repeats (a resource, a scope, a
status, each attribute) is declared ``bytes``, which is the same on the wire. Equal bytes are then
looked up, and parsed once. 4.5 µs a span, and ids, times and names are read as ever.

One bad value never takes its batch: what the parser refuses is mended, or its record alone is
refused (:mod:`.lenient_protobuf`); a resource or scope that can't be mended is left out, and its
records are kept. Malformed is only a request whose outermost fields can't be read.

Source: https://opentelemetry.io/docs/specs/otlp/ (1.11.0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import (  # type: ignore[import-untyped]  # its stubs are another package
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # the same
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.trace import StatusCode

from cortex_otel import semconv as sc
from cortex_otel.process.data import LogData, SpanData, is_plain
from cortex_otel.receive.lenient_protobuf import mended, mended_request
from cortex_otel.receive.metric_data import Point, point_of
from cortex_otel.receive.records import (
    KINDS,
    SEVERITIES,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    Event,
    Group,
    Losses,
    MalformedError,
    OtlpResource,
    Scope,
    refused_ids,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ProtobufReader"]

_RAW: Final = frozenset(
    {
        ("ResourceSpans", "resource"), ("ResourceLogs", "resource"),
        ("ResourceMetrics", "resource"), ("ScopeSpans", "scope"), ("ScopeLogs", "scope"),
        ("ScopeMetrics", "scope"), ("Span", "attributes"), ("Span", "status"),
        ("LogRecord", "attributes"),
    }
)  # fmt: skip
_FILES: Final = (
    common_pb2, resource_pb2, trace_pb2, logs_pb2, metrics_pb2, trace_service_pb2,
    logs_service_pb2, metrics_service_pb2,
)  # fmt: skip
_STATUS_ERROR: Final = 2
_NO_SCOPE: Final = Scope("", "", {})
# What is remembered: few, and short. A user id or a query is new each time, and turns it over.
_new_tuple = tuple.__new__  # as for all that is made by the hundred thousand
_MAX_REMEMBERED, _MAX_REMEMBERED_LENGTH = 8192, 192
_MAX_RESOURCES, _MAX_RESOURCE_LENGTH = 256, 16_384


def _request_classes() -> tuple[Any, Any, Any]:
    pool = descriptor_pool.DescriptorPool()
    for module in _FILES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            for field in message.field:
                if (message.name, field.name) in _RAW:
                    field.type = field.TYPE_BYTES
                    field.ClearField("type_name")
        pool.Add(file)
    names = ("trace.v1.ExportTrace", "logs.v1.ExportLogs", "metrics.v1.ExportMetrics")
    traces, logs, metrics = (
        message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"opentelemetry.proto.collector.{name}ServiceRequest")
        )
        for name in names
    )
    return traces, logs, metrics


_Traces, _Logs, _Metrics = _request_classes()


class ProtobufReader:
    """Reads requests and remembers what repeats in them; for one thread."""

    def __init__(self) -> None:
        self.losses = Losses()
        self._attributes: dict[bytes, tuple[str, Any]] = {}
        self._statuses: dict[bytes, StatusCode] = {b"": StatusCode.UNSET}
        self._scopes: dict[bytes, Scope] = {}
        self._resources: dict[bytes, OtlpResource] = {}

    def traces(self, body: bytes) -> Iterator[Group]:
        """The spans of an ``ExportTraceServiceRequest``, a group a resource.

        Raises:
            MalformedError: it is none; also while the groups are walked.
        """
        for resource_spans in self._request(_Traces, body).resource_spans:
            yield self._group(resource_spans, self._spans)

    def logs(self, body: bytes) -> Iterator[Group]:
        """The log records of an ``ExportLogsServiceRequest``; raises as :meth:`traces`."""
        for resource_logs in self._request(_Logs, body).resource_logs:
            yield self._group(resource_logs, self._logs)

    def metrics(self, body: bytes) -> Iterator[Group]:
        """The points of an ``ExportMetricsServiceRequest``; raises as :meth:`traces`."""
        for resource_metrics in self._request(_Metrics, body).resource_metrics:
            yield self._group(resource_metrics, self._points)

    def _request(self, kind: Any, body: bytes) -> Any:
        try:
            return kind.FromString(body)
        except DecodeError:
            made = mended_request(kind, body, self.losses.refused)
        try:
            return kind.FromString(made)
        except DecodeError:
            raise MalformedError("not a protobuf message of this signal") from None

    def _group(self, group: Any, items: Callable[[Any, OtlpResource], Iterator[Any]]) -> Group:
        try:
            resource = self._resource(group.resource)
        except MalformedError as error:
            self.losses.left_out[str(error)] += 1
            resource = OtlpResource({})
        return Group(resource, items(group, resource))

    def _spans(self, resource_spans: Any, resource: OtlpResource) -> Iterator[SpanData | str]:
        remembered = self._attributes.get
        parsed = self._attribute
        number = int.from_bytes
        for scope_spans in resource_spans.scope_spans:
            scope = self._scope(scope_spans.scope)
            for span in scope_spans.spans:
                trace_id, span_id = span.trace_id, span.span_id
                parent_id = span.parent_span_id
                kind, status = span.kind, span.status
                start, end = span.start_time_unix_nano, span.end_time_unix_nano
                try:
                    attributes = dict([remembered(raw) or parsed(raw) for raw in span.attributes])
                    status = self._statuses.get(status) or self._status(status)
                except MalformedError as error:
                    yield str(error)
                    continue
                refused = refused_ids(trace_id, span_id)
                if parent_id and len(parent_id) != SPAN_ID_BYTES:
                    refused = "parent span id isn't 8 bytes"
                elif not start or not end:
                    refused = refused or "start or end time is missing"
                if refused:
                    yield refused
                    continue
                yield _new_tuple(
                    SpanData,
                    (
                        attributes,
                        span.name,
                        KINDS[kind] if 0 <= kind < len(KINDS) else KINDS[0],
                        number(trace_id, "big"),
                        number(span_id, "big"),
                        number(parent_id, "big") if parent_id else 0,
                        start,
                        end,
                        status,
                        _events(span.events) if span.events else (),
                        scope,
                        resource,
                        is_plain(attributes),
                    ),
                )

    def _logs(self, resource_logs: Any, resource: OtlpResource) -> Iterator[LogData | str]:
        remembered = self._attributes.get
        for scope_logs in resource_logs.scope_logs:
            scope = self._scope(scope_logs.scope)
            for log in scope_logs.log_records:
                trace_id, span_id = log.trace_id, log.span_id
                try:
                    attributes = dict(
                        [remembered(raw) or self._attribute(raw) for raw in log.attributes]
                    )
                except MalformedError as error:
                    yield str(error)
                    continue
                if len(trace_id) not in {0, TRACE_ID_BYTES}:
                    yield "trace id isn't 16 bytes"
                elif len(span_id) not in {0, SPAN_ID_BYTES}:
                    yield "span id isn't 8 bytes"
                else:
                    yield _new_tuple(
                        LogData,
                        (
                            attributes,
                            log.event_name,
                            _value(log.body),
                            log.time_unix_nano,
                            log.observed_time_unix_nano,
                            SEVERITIES.get(log.severity_number),
                            int.from_bytes(trace_id, "big"),
                            int.from_bytes(span_id, "big"),
                            scope,
                            resource,
                            None,
                            None,
                            log.severity_text,
                            log.flags,
                        ),
                    )

    def _points(self, resource_metrics: Any, _resource: OtlpResource) -> Iterator[Point | str]:
        for scope_metrics in resource_metrics.scope_metrics:
            scope = self._scope(scope_metrics.scope)
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                if kind is None:
                    continue
                data = getattr(metric, kind)
                for point in data.data_points:
                    attributes = dict(map(_pair, point.attributes))
                    yield point_of(
                        metric.name,
                        metric.unit,
                        kind,
                        attributes,
                        _numbers(kind, data, point),
                        scope,
                    )

    def _attribute(self, raw: bytes) -> tuple[str, Any]:
        pair = _pair(_parsed(common_pb2.KeyValue, raw))
        if len(raw) <= _MAX_REMEMBERED_LENGTH:
            if len(self._attributes) >= _MAX_REMEMBERED:
                self._attributes.clear()
            self._attributes[raw] = pair
        return pair

    def _status(self, raw: bytes) -> StatusCode:
        # Its message is free text and isn't read: the convention puts the text of errors there.
        code = _parsed(trace_pb2.Status, raw).code
        return StatusCode.ERROR if code == _STATUS_ERROR else StatusCode.UNSET

    def _scope(self, raw: bytes) -> Scope:
        found = self._scopes.get(raw)
        if found is None:
            try:
                scope = _parsed(common_pb2.InstrumentationScope, raw)
            except MalformedError as error:
                self.losses.left_out[str(error)] += 1
                return _NO_SCOPE
            found = Scope(scope.name, scope.version, dict(map(_pair, scope.attributes)))
            if len(self._scopes) >= _MAX_REMEMBERED or len(raw) > _MAX_RESOURCE_LENGTH:
                self._scopes.clear()
            self._scopes[raw] = found
        return found

    def _resource(self, raw: bytes) -> OtlpResource:
        found = self._resources.get(raw)
        if found is None:
            resource = _parsed(resource_pb2.Resource, raw)
            found = OtlpResource(dict(map(_pair, resource.attributes)))
            if len(self._resources) >= _MAX_RESOURCES or len(raw) > _MAX_RESOURCE_LENGTH:
                self._resources.clear()
            self._resources[raw] = found
        return found


def _parsed(kind: Any, raw: bytes) -> Any:
    try:
        return kind.FromString(raw)
    except DecodeError:
        return kind.FromString(mended(kind, raw))


def _pair(attribute: Any) -> tuple[str, Any]:
    return attribute.key, _value(attribute.value)


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {one.key: _value(one.value) for one in value.kvlist_value.values}
    return getattr(value, kind)


def _events(events: Any) -> list[Event]:
    return [
        Event(event.name, dict(map(_pair, event.attributes)))
        for event in events
        if event.name == sc.EXCEPTION_EVENT
    ]


def _numbers(kind: str, data: Any, point: Any) -> dict[str, Any]:
    """Fields of a point by their names in the protocol; absent ones left out."""
    numbers = {
        "time": point.time_unix_nano,
        "start": point.start_time_unix_nano,
        "flags": point.flags,
    }
    if kind not in {"gauge", "summary"}:
        numbers["temporality"] = data.aggregation_temporality
    if kind in {"gauge", "sum"}:
        if kind == "sum":
            numbers["is_monotonic"] = data.is_monotonic
        which = point.WhichOneof("value")
        if which is not None:
            numbers["value"] = getattr(point, which)
        return numbers
    numbers["count"] = point.count
    if kind == "summary":
        numbers["sum"] = point.sum
        numbers["quantiles"] = [(one.quantile, one.value) for one in point.quantile_values]
        return numbers
    for name in ("sum", "min", "max"):
        if point.HasField(name):
            numbers[name] = getattr(point, name)
    if kind == "histogram":
        numbers["bounds"] = list(point.explicit_bounds)
        numbers["counts"] = list(point.bucket_counts)
    else:
        numbers["buckets"] = (
            point.scale,
            point.zero_count,
            point.zero_threshold,
            point.positive.offset,
            list(point.positive.bucket_counts),
            point.negative.offset,
            list(point.negative.bucket_counts),
        )
    return numbers
