"""What the SDK hands over → the safe row: redaction, identity and dimensions in a single pass.

Each way in (own processor, SDK exporter, receiver) goes through here, so a record can't reach a
store without having been redacted.
"""

from __future__ import annotations

import json
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc
from cortex_otel.process.metric_points import metric_points
from cortex_otel.process.program import process_session
from cortex_otel.process.redact import ErrorSummary, summarize_exception, summarize_stacktrace
from cortex_otel_exporters.record import SPAN_EVENT_TYPE, Context, Record, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from cortex_otel.identity import IdentityResolver, Resolved
    from cortex_otel.process.redact import Redactor
    from cortex_otel_exporters.record import MetricPoint, Session

__all__ = ["Converter"]

_COLUMN: Final = 1
_CONTEXT: Final = 2
#: Where an attribute goes; what isn't here goes into ``event_data``.
_PLACES: Final = {
    # Columns, or what decides one.
    **dict.fromkeys(
        (
            sc.CORTEX_EVENT_TYPE, sc.CORTEX_SERVICE, sc.CORTEX_USER_TIER, sc.CORTEX_PROJECT_ID,
            sc.CORTEX_BRANCH_ID, sc.CORTEX_RESULT, sc.CORTEX_ERROR_LOCATION,
            sc.CORTEX_EXCEPTION_TYPE, sc.CORTEX_FEATURE, sc.CORTEX_EVENT_DURATION_MS,
            sc.GEN_AI_TOOL_NAME, sc.ERROR_TYPE, sc.USER_HASH, sc.SESSION_ID, sc.MCP_SESSION_ID,
        ),
        _COLUMN,
    ),
    # Few distinct values: kept once a combination, not once an event.
    **dict.fromkeys(
        (
            sc.MCP_METHOD_NAME, sc.MCP_PROTOCOL_VERSION, sc.GEN_AI_OPERATION_NAME,
            sc.NETWORK_TRANSPORT, sc.NETWORK_PROTOCOL_NAME, "network.protocol.version",
            sc.CORTEX_TOOL_PARAMETERS, sc.CORTEX_IDE, sc.CORTEX_EXTENSION_VERSION,
            "http.request.method", "http.route", "http.response.status_code", "url.scheme",
            "db.system.name", "rpc.system", "rpc.service", "rpc.method", "code.function.name",
            "code.line.number",
        ),
        _CONTEXT,
    ),
}  # fmt: skip
_MEASURES: Final = frozenset(sc.MEASURES)
# Ids that were no identifiers come hashed, under a key of their own: the same column.
_HASHED_IDS: Final = {
    key + sc.TEXT_HASH_SUFFIX: key
    for key in (sc.CORTEX_PROJECT_ID, sc.CORTEX_BRANCH_ID, sc.SESSION_ID, sc.MCP_SESSION_ID)
}
# A project or branch id with a slash is a path, and may name its owner.
_MAYBE_PATHS: Final = frozenset({sc.CORTEX_PROJECT_ID, sc.CORTEX_BRANCH_ID})
_SERVICE = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Where the name of a span ends with what was asked for, which may be anyone's: a path or a URI.
_PATH = re.compile(r" (?:[\\/~.]|\S*://).*", re.DOTALL)
_LONGEST_DURATION_MS = 1e11

_KINDS: Final = {kind: kind.name.lower() for kind in SpanKind}
_LEVEL_BY_RESULT: Final = {
    "success": "INFO",
    "error": "ERROR",
    "timeout": "ERROR",
    "cancelled": "WARNING",
}
_TIMEOUTS: Final = frozenset({"TimeoutError", "asyncio.exceptions.TimeoutError", "timeout"})
_CANCELLATIONS: Final = frozenset(
    {"CancelledError", "asyncio.exceptions.CancelledError", "asyncio.CancelledError", "cancelled"}
)
# fastmcp writes a fresh UUID a request there under protocol 2026-07-28: that is no session.
_SCOPES_WITHOUT_SESSIONS: Final = frozenset({"fastmcp"})
_NO_ERROR: Final = ErrorSummary("", "", ())
# Distinct span and tool names one process may store; a name beyond is stored as this.
_MAX_NAMES = 2000
_OVERFLOW = "_OTHER"
_LONGEST_HASHED_BODY = 65_536


class Converter:
    """Turns spans, log records and metrics of one process into rows.

    Args:
        redactor: what may be kept.
        resolver: whose records these are.
        service: the Cortex service they belong to, where they don't say.
        count_removed: told how many attributes redaction removed.
    """

    def __init__(
        self,
        redactor: Redactor,
        resolver: IdentityResolver,
        service: str,
        count_removed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.service = service
        self._redactor = redactor
        self._resolver = resolver
        self._count_removed = count_removed
        self._resource: tuple[object, str] = (None, "{}")
        self._identity: tuple[Resolved | None, str, str] = (None, "", "")
        self._scopes: dict[tuple[str, str | None], str] = {}
        self._span_names: dict[tuple[str, str, str], str] = {}
        self._names: set[str] = set()
        self._contexts: set[str] = set()

    def use_resolver(self, resolver: IdentityResolver) -> None:
        """Attribute the records from now on to another resolver's identity."""
        self._resolver = resolver

    def span(self, span: ReadableSpan) -> Record:
        """The row of an ended span.

        Raises:
            Exception: the span has no time or no context; the caller counts it.
        """
        start, end, context, parent = span.start_time, span.end_time, span.context, span.parent
        if start is None or end is None or context is None:
            raise ValueError("the span has not ended")
        columns, attributes, data = self._sort(_attributes_of(span))
        kind = _KINDS[span.kind]
        tool_name = columns.get(sc.GEN_AI_TOOL_NAME, "")
        if tool_name:
            tool_name = self._bounded(tool_name)
        event_type = columns.get(sc.CORTEX_EVENT_TYPE)
        if event_type not in sc.EVENT_TYPES:
            # The server's side of a call is the event; a client in the same process is not.
            is_call = kind == "server" and (sc.MCP_METHOD_NAME, sc.METHOD_TOOLS_CALL) in attributes
            event_type = sc.MCP_TOOL_CALL if is_call else SPAN_EVENT_TYPE
        error = self._span_error(span, columns)
        return self._record(
            # A clock set back during the span must not make a negative duration.
            start, max(0, end - start), event_type, self._span_name(span.name, tool_name, data, attributes),
            tool_name, tool_name or columns.get(sc.CORTEX_FEATURE, ""),
            self._result(columns, error, span.status.status_code), None, kind, error,
            columns, attributes, data, span.instrumentation_scope, span.resource,
            context.trace_id, context.span_id, parent.span_id if parent is not None else 0,
        )  # fmt: skip

    def log(self, readable: ReadableLogRecord | ReadWriteLogRecord) -> Record:
        """The row of a log record: a product event if its name is one, else kept beside them.

        Raises:
            Exception: the record makes no sense; the caller counts it.
        """
        log = readable.log_record
        columns, attributes, data = self._sort(log.attributes or {})
        name = log.event_name or ""
        error = self._log_error(log, columns)
        if not name and isinstance(log.body, str):
            # A plain log line is free text: its size and identity are all that is kept.
            data["log.body.length"] = len(log.body)
            data["log.body.hash"] = self._resolver.hash_text(log.body[:_LONGEST_HASHED_BODY])
        duration_ms = columns.get(sc.CORTEX_EVENT_DURATION_MS)
        duration = None
        if isinstance(duration_ms, (int, float)) and 0 <= duration_ms <= _LONGEST_DURATION_MS:
            duration = int(duration_ms * 1e6)
        timestamp = log.timestamp or log.observed_timestamp or time.time_ns()
        return self._record(
            timestamp - (duration or 0), duration,
            name if name in sc.EVENT_TYPES else SPAN_EVENT_TYPE,
            self._bounded(self._redactor.name(name)) if name else "log",
            self._tool_of_log(log, columns), columns.get(sc.CORTEX_FEATURE, ""),
            self._result(columns, error, None),
            _level(getattr(log.severity_number, "value", None) or 9), "event", error,
            columns, attributes, data, readable.instrumentation_scope, readable.resource,
            log.trace_id or 0, log.span_id or 0, 0,
        )  # fmt: skip

    def metrics(self, data: MetricsData) -> list[MetricPoint]:
        """The rows of all data points that say something; empty histograms don't."""
        return metric_points(
            data, self._clean, self.service, self._resolver.current().tier,
            lambda name: self._bounded(self._redactor.name(name)),
        )  # fmt: skip

    def _record(  # noqa: PLR0917 - the columns of the row, in their order
        self, time_ns: int, duration_ns: int | None, event_type: str, name: str, tool_name: str,
        feature: str, result: str, level: str | None, kind: str, error: ErrorSummary,
        columns: dict[str, Any], attributes: list[tuple[str, object]], data: dict[str, object],
        scope: InstrumentationScope | None, resource: Resource | None,
        trace_id: int, span_id: int, parent_span_id: int,
    ) -> Record:  # fmt: skip
        identity = self._resolver.current()
        get = columns.get
        if error.frames:
            data[sc.EXCEPTION_STACKTRACE] = list(error.frames)
        measures: tuple[tuple[str, float], ...] = ()
        if event_type != SPAN_EVENT_TYPE and not _MEASURES.isdisjoint(data):
            measures = _measures(data)
        return Record(
            time_ns,
            duration_ns,
            Series(
                get(sc.CORTEX_SERVICE) or self.service,
                event_type,
                name,
                tool_name,
                feature,
                get(sc.CORTEX_USER_TIER) or identity.tier,
                result,
                level or _LEVEL_BY_RESULT[result],
                kind,
                error.error_type if result != "success" else "",
            ),
            Context(
                self._scope(scope),
                self._resource_json(resource),
                get(sc.CORTEX_PROJECT_ID) or identity.project_id,
                get(sc.CORTEX_BRANCH_ID) or identity.branch_id,
                _json_object(tuple(attributes)) if attributes else "{}",
            ),
            self._session_of(columns, scope),
            get(sc.USER_HASH) or identity.user_hash,
            trace_id,
            span_id,
            parent_span_id,
            1.0,
            get(sc.CORTEX_ERROR_LOCATION) or error.message,
            data,
            measures,
        )

    # --- parts ----------------------------------------------------------------------------------

    def _clean(self, attributes: Mapping[str, object]) -> dict[str, object]:
        clean = self._redactor.attributes(attributes)
        if clean.removed:
            self._count_removed(clean.removed)
        return clean.attributes

    def _sort(
        self, attributes: Mapping[str, object]
    ) -> tuple[dict[str, Any], list[tuple[str, object]], dict[str, object]]:
        """Redacted attributes, sorted into columns, context and event data."""
        columns: dict[str, Any] = {}
        context: list[tuple[str, object]] = []
        data: dict[str, object] = {}
        place_of = _PLACES.get
        for key, value in self._clean(attributes).items():
            place = place_of(key)
            if place is None:
                data[key] = value
            elif place == _COLUMN:
                columns[key] = value
            elif isinstance(value, list):
                data[key] = value
            else:
                context.append((key, value))
        return columns, context, data

    @staticmethod
    def _span_error(span: ReadableSpan, columns: Mapping[str, Any]) -> ErrorSummary:
        """What went wrong, from our own attributes or from a native exception event.

        An exception that was recorded on a span without an error was handled: it is none.
        """
        told = columns.get(sc.ERROR_TYPE, "")
        if not told and span.status.status_code is not StatusCode.ERROR:
            return _NO_ERROR
        summary = _NO_ERROR
        for event in span.events:
            if event.name == sc.EXCEPTION_EVENT and event.attributes:
                summary = summarize_stacktrace(
                    str(event.attributes.get(sc.EXCEPTION_TYPE, "")),
                    str(event.attributes.get(sc.EXCEPTION_STACKTRACE, "")),
                )
        raised = columns.get(sc.CORTEX_EXCEPTION_TYPE)
        return summary._replace(error_type=raised or summary.error_type or told or _OVERFLOW)

    @staticmethod
    def _log_error(log: Any, columns: Mapping[str, Any]) -> ErrorSummary:
        if isinstance(getattr(log, "exception", None), BaseException):
            return summarize_exception(log.exception)
        attributes = log.attributes or {}
        if sc.EXCEPTION_TYPE in attributes:
            return summarize_stacktrace(
                str(attributes[sc.EXCEPTION_TYPE]),
                str(attributes.get(sc.EXCEPTION_STACKTRACE, "")),
            )
        told = columns.get(sc.CORTEX_EXCEPTION_TYPE) or columns.get(sc.ERROR_TYPE) or ""
        return _NO_ERROR._replace(error_type=told) if told else _NO_ERROR

    @staticmethod
    def _result(columns: Mapping[str, Any], error: ErrorSummary, status: StatusCode | None) -> str:
        told = columns.get(sc.CORTEX_RESULT)
        if told in _LEVEL_BY_RESULT:
            return str(told)
        if not error.error_type:
            return "error" if status is StatusCode.ERROR else "success"
        if error.error_type in _TIMEOUTS:
            return "timeout"
        return "cancelled" if error.error_type in _CANCELLATIONS else "error"

    def _tool_of_log(self, log: Any, columns: Mapping[str, Any]) -> str:
        """The tool an event belongs to: its own word, or that of the span it happened in."""
        name = columns.get(sc.GEN_AI_TOOL_NAME)
        if not name and log.context:
            span = trace.get_current_span(log.context)
            name = _attributes_of(span).get(sc.GEN_AI_TOOL_NAME) if span.is_recording() else None
            name = self._redactor.name(name) if isinstance(name, str) else None
        return self._bounded(name) if name else ""

    def _span_name(self, name: str, tool_name: str) -> str:
        known = self._span_names.get((name, tool_name))
        if known is not None:
            return known
        prefix = name.partition(" ")[0]
        if tool_name and prefix in (sc.METHOD_TOOLS_CALL, sc.OPERATION_EXECUTE_TOOL):
            safe = f"{prefix} {tool_name}"
        else:
            safe = self._bounded(self._redactor.name(name))
        if len(self._span_names) < _MAX_NAMES:
            self._span_names[name[:256], tool_name] = safe
        return safe

    def _bounded(self, name: str) -> str:
        """``name``, unless this process has already stored too many different ones."""
        if name in self._names:
            return name
        if len(self._names) >= _MAX_NAMES:
            return _OVERFLOW
        self._names.add(name)
        return name

    def _scope(self, scope: InstrumentationScope | None) -> str:
        if scope is None:
            return ""
        key = (scope.name, scope.version)
        found = self._scopes.get(key)
        if found is None:
            version = f"@{self._redactor.name(scope.version)}" if scope.version else ""
            found = self._bounded(self._redactor.name(scope.name)) + version
            if len(self._scopes) < _MAX_NAMES:
                self._scopes[key] = found
        return found

    def _resource_json(self, resource: Resource | None) -> str:
        if resource is not self._resource[0]:
            kept = self._redactor.resource(resource.attributes) if resource is not None else {}
            text = json.dumps(kept, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
            self._resource = (resource, text)
        return self._resource[1]

    def _session_of(
        self, columns: Mapping[str, Any], scope: InstrumentationScope | None
    ) -> Session:
        told = columns.get(sc.SESSION_ID)
        if told is None and (scope is None or scope.name not in _SCOPES_WITHOUT_SESSIONS):
            told = columns.get(sc.MCP_SESSION_ID)
        process = process_session(self._redactor.name)
        return process if told is None else process._replace(session_id=str(told))


def _attributes_of(span: Any) -> Mapping[str, object]:
    """The attributes as a plain dict: the SDK's read-only proxies cost 3 µs to walk."""
    bounded = getattr(span, "_attributes", None)
    plain = getattr(bounded, "_dict", None)
    if type(plain) is dict:
        return plain
    return dict(getattr(span, "attributes", None) or {})


def _measures(data: Mapping[str, object]) -> tuple[tuple[str, float], ...]:
    found = [
        (measure, float(value))
        for key, measure in sc.MEASURES.items()
        if isinstance(value := data.get(key), (int, float))
    ]
    return tuple(found)


@lru_cache(maxsize=1024)
def _json_object(items: tuple[tuple[str, object], ...]) -> str:
    return json.dumps(dict(items), separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def _level(severity_number: int) -> str:
    """Level of an OpenTelemetry severity number (1 to 24)."""
    for threshold, level in ((21, "CRITICAL"), (17, "ERROR"), (13, "WARNING"), (9, "INFO")):
        if severity_number >= threshold:
            return level
    return "DEBUG"
