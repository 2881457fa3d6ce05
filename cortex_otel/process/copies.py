"""What other exporters get: copies of spans, log records and metrics with what a row keeps of them.

Made by the same functions as our own rows, so an exporter beside ours can't tell more than the
store. Each copy is the SDK's own class, new from end to end: nothing of the original is in it, no
reference to a context, an exception or a value of the host. What a row hasn't, a copy hasn't:

* attributes of spans, log records, points and links: the allow-list; of scopes: none;
* events of a span: exceptions, as type, module, function and line; others count as dropped;
* bodies, status descriptions, severity texts, trace states, exemplars, descriptions of instruments
  and schema URLs of others: gone;
* arguments and results of tools: gone, also while ``capture_content`` keeps them on this machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, TraceFlags

from cortex_otel import semconv as sc
from cortex_otel.process.exceptions import summarize_exception, summarize_stacktrace
from cortex_otel.process.metric_copies import merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.metrics.export import MetricsData

    from cortex_otel.process.convert import Converter
    from cortex_otel.process.data import SpanData
    from cortex_otel.process.exceptions import ErrorSummary
    from cortex_otel.process.redact import Redactor
    from cortex_otel_exporters.record import Record

__all__ = ["SafeCopies"]

_SCHEMA_URL = re.compile(r"https://opentelemetry\.io/schemas/\d{1,3}\.\d{1,3}\.\d{1,3}")
_MAX_TIME_UNIX_NANO: Final = 2**63
#: What our own resource says of the process, beside what a row keeps of any resource.
_OUR_RESOURCE: Final = (sc.CORTEX_SERVICE, sc.CORTEX_USER_TIER, sc.USER_HASH)
_MAX_SCOPES: Final = 1000


class SafeCopies:
    """Makes the copies of one process; thread-safe as the parts it is made of.

    Args:
        redactor: what may leave; never one that captures content.
        converter: of this process: the copies have the names of its rows.
    """

    def __init__(self, redactor: Redactor, converter: Converter) -> None:
        self._redactor = redactor
        self._converter = converter
        self._resource: tuple[object, Resource] = (None, Resource({}))
        self._scopes: dict[tuple[str, str | None], InstrumentationScope] = {}

    def span(
        self, span: ReadableSpan, data: SpanData, record: Record, weight: float = 1.0
    ) -> ReadableSpan:
        """The copy of an ended span.

        Args:
            span: any ended span of the SDK: ids, links, and how much it dropped.
            data: the span as the store read it: all else.
            record: its row, whose names and session the copy has.
            weight: how many spans it stands for.

        Raises:
            Exception: the span makes no sense; the caller counts it.
        """
        attributes, removed = self._attributes(data.attributes, record)
        attributes[sc.SESSION_ID] = record.session.session_id
        if weight != 1:
            attributes[sc.CORTEX_WEIGHT] = weight
        context = _context(span.context)
        if context is None:
            raise ValueError("a span without ids")
        events = [
            self._exception(event) for event in data.events if event.name == sc.EXCEPTION_EVENT
        ]
        links = [
            link for link in (self._link(one, record) for one in span.links) if link is not None
        ]
        return ReadableSpan(
            name=record.series.name,
            context=context,
            parent=_context(span.parent),
            resource=self._resource_of(span.resource),
            attributes=_bounded(attributes, span.dropped_attributes + removed),
            events=_listed(events, span.dropped_events + len(data.events) - len(events)),
            links=_listed(links, span.dropped_links + len(span.links) - len(links)),
            kind=data.kind,
            status=Status(data.status),
            start_time=_time(span.start_time),
            end_time=_time(span.end_time),
            instrumentation_scope=self._scope(span.instrumentation_scope, record.context.scope),
        )

    def log(
        self, readable: ReadableLogRecord | ReadWriteLogRecord, record: Record
    ) -> ReadableLogRecord:
        """The copy of a log record.

        Args:
            readable: any log record of the SDK.
            record: its row, whose names and session the copy has.

        Raises:
            Exception: the record makes no sense; the caller counts it.
        """
        log = readable.log_record
        attributes, removed = self._attributes(log.attributes or {}, record)
        attributes[sc.SESSION_ID] = record.session.session_id
        error = getattr(log, "exception", None)
        if isinstance(error, BaseException):
            attributes |= _attributes_of(summarize_exception(error))
        elif log.attributes and sc.EXCEPTION_TYPE in log.attributes:
            attributes |= _attributes_of(_summary(log.attributes))
        name = str.__str__(log.event_name) if isinstance(log.event_name, str) else ""
        if not name and isinstance(log.body, str):
            attributes |= self._converter.digest_of_body(str.__str__(log.body))
        severity = log.severity_number if isinstance(log.severity_number, SeverityNumber) else None
        copy = LogRecord(
            timestamp=_time(log.timestamp),
            observed_timestamp=_time(log.observed_timestamp),
            severity_text=severity.name if severity else None,
            severity_number=severity,
            attributes=_bounded(attributes, readable.dropped_attributes + removed),
            event_name=record.series.name if name else None,
        )
        # It would take them from the context of whoever makes the copy, and keep that.
        copy.context = Context()
        copy.trace_id = _whole(log.trace_id, 2**128) or 0
        copy.span_id = _whole(log.span_id, 2**64) or 0
        copy.trace_flags = TraceFlags(_whole(log.trace_flags, 2**8) or 0)
        return ReadableLogRecord(
            log_record=copy,
            resource=self._resource_of(readable.resource),
            instrumentation_scope=self._scope(readable.instrumentation_scope, record.context.scope),
        )

    @staticmethod
    def weigh(copy: ReadableLogRecord, weight: float) -> None:
        """Let a copy of a log record stand for ``weight`` of its kind."""
        attributes = copy.log_record.attributes or {}
        weighed = _bounded({**attributes, sc.CORTEX_WEIGHT: weight}, copy.dropped_attributes)
        copy.log_record.attributes = weighed

    def metrics(self, data: MetricsData) -> MetricsData:
        """The copy of collected metrics; points that differed only in what is gone are one."""
        return merged(
            data,
            resource=self._resource_of,
            scope=self._scope,
            names=self._converter.names,
            attributes=lambda attributes: self._attributes(attributes)[0],
        )

    # --- parts ----------------------------------------------------------------------------------

    def _attributes(
        self, attributes: Mapping[str, Any], record: Record | None = None
    ) -> tuple[dict[str, Any], int]:
        clean = self._redactor.attributes(attributes)
        kept = self._converter.in_one_piece(clean.attributes, record)
        return kept, clean.removed + len(clean.attributes) - len(kept)

    def _exception(self, event: Any) -> Event:
        exception = _attributes_of(_summary(event.attributes or {}))
        return Event(sc.EXCEPTION_EVENT, _bounded(exception, 0), _time(event.timestamp))

    def _link(self, link: Any, record: Record) -> Link | None:
        context = _context(link.context)
        if context is None:
            return None
        attributes, removed = self._attributes(link.attributes or {}, record)
        return Link(context, _bounded(attributes, link.dropped_attributes + removed))

    def _resource_of(self, resource: Resource | None) -> Resource:
        if resource is None:
            return Resource({})
        known, copy = self._resource
        if known is not resource:
            ours = {key: resource.attributes.get(key) for key in _OUR_RESOURCE}
            kept = {
                **self._redactor.resource(resource.attributes),
                **self._attributes({key: text for key, text in ours.items() if text})[0],
            }
            copy = Resource(kept, _schema_url(resource.schema_url))
            self._resource = (resource, copy)
        return copy

    def _scope(
        self, scope: InstrumentationScope | None, stored: str | None = None
    ) -> InstrumentationScope | None:
        """The copy of ``scope``, which a row has as ``stored``; of metrics there is no row."""
        if scope is None:
            return None
        if stored is None:
            stored = self._converter.names.of_scope(scope)
        key = (stored, scope.schema_url)
        copy = self._scopes.get(key)
        if copy is None:
            # A clean name has no @.
            name, _, version = stored.partition("@")
            copy = InstrumentationScope(name, version or None, _schema_url(scope.schema_url))
            if len(self._scopes) < _MAX_SCOPES:
                self._scopes[key] = copy
        return copy


def _context(context: SpanContext | None) -> SpanContext | None:
    """The ids without the trace state, which is anybody's text; ``None`` of invalid ones."""
    if context is None or not context.is_valid:
        return None
    flags = TraceFlags(int(context.trace_flags) & 0xFF)
    return SpanContext(context.trace_id, context.span_id, bool(context.is_remote), flags)


def _summary(attributes: Mapping[str, Any]) -> ErrorSummary:
    type_and_stack = (attributes.get(key) for key in (sc.EXCEPTION_TYPE, sc.EXCEPTION_STACKTRACE))
    return summarize_stacktrace(*(text if isinstance(text, str) else "" for text in type_and_stack))


def _attributes_of(error: ErrorSummary) -> dict[str, Any]:
    attributes = {sc.EXCEPTION_TYPE: error.error_type, sc.EXCEPTION_MESSAGE: error.message}
    if error.frames:
        attributes[sc.EXCEPTION_STACKTRACE] = "\n".join(error.frames)
    return attributes


def _bounded(attributes: dict[str, Any], dropped: int) -> BoundedAttributes:
    bounded = BoundedAttributes(attributes=attributes)
    bounded.dropped = dropped
    return bounded


def _listed(items: Iterable[Any], dropped: int) -> Any:
    listed: Any = BoundedList(None)
    listed.extend(list(items))
    listed.dropped = dropped
    return listed


def _time(moment: object) -> int | None:
    """Unix nanoseconds that a protocol can carry."""
    return _whole(moment, _MAX_TIME_UNIX_NANO)


def _whole(value: object, end: int) -> int | None:
    """``value`` if it is a whole number from 0 and below ``end``: another fails its whole batch."""
    if not isinstance(value, int):
        return None
    number = int.__int__(value)
    return number if 0 <= number < end else None


def _schema_url(url: object) -> str | None:
    """A schema of OpenTelemetry's own; another URL may say anything."""
    return url if isinstance(url, str) and _SCHEMA_URL.fullmatch(url) else None
