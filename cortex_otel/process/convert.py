"""What the SDK hands over → the safe row: redaction, identity and dimensions in a single pass.

Each way in (own processor, SDK exporter, receiver) goes through here, so a record can't reach a
store without having been redacted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.metrics.export import Gauge, Histogram, MetricsData, Sum
from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc
from cortex_otel.process.redact import ErrorSummary, summarize_exception, summarize_stacktrace
from cortex_otel_exporters.record import (
    SPAN_EVENT_TYPE,
    Context,
    MetricPoint,
    Record,
    Series,
    Session,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from cortex_otel.identity import IdentityResolver
    from cortex_otel.process.redact import Redactor

__all__ = ["Converter"]

#: Attributes with few distinct values: kept once a combination, not once an event.
_CONTEXT_KEYS = frozenset(
    {
        sc.MCP_METHOD_NAME, sc.MCP_PROTOCOL_VERSION, sc.GEN_AI_OPERATION_NAME,
        sc.NETWORK_TRANSPORT, sc.NETWORK_PROTOCOL_NAME, "network.protocol.version",
        sc.CORTEX_TOOL_PARAMETERS, sc.CORTEX_IDE, sc.CORTEX_EXTENSION_VERSION,
        "http.request.method", "http.route", "http.response.status_code", "url.scheme",
        "db.system.name", "rpc.system", "rpc.service", "rpc.method", "code.function.name",
        "code.line.number",
    }
)  # fmt: skip

#: Attributes that have become columns, or have done their work.
_COLUMN_KEYS = (
    sc.CORTEX_EVENT_TYPE, sc.CORTEX_SERVICE, sc.CORTEX_USER_TIER, sc.CORTEX_PROJECT_ID,
    sc.CORTEX_BRANCH_ID, sc.CORTEX_RESULT, sc.CORTEX_ERROR_LOCATION, sc.CORTEX_EXCEPTION_TYPE,
    sc.CORTEX_FEATURE, sc.CORTEX_EVENT_DURATION_MS, sc.GEN_AI_TOOL_NAME, sc.ERROR_TYPE,
    sc.USER_HASH, sc.SESSION_ID, sc.MCP_SESSION_ID,
)  # fmt: skip

_KINDS = {kind: kind.name.lower() for kind in SpanKind}
_LEVEL_BY_RESULT = {
    "success": "INFO",
    "error": "ERROR",
    "timeout": "ERROR",
    "cancelled": "WARNING",
}
_TIMEOUTS = frozenset({"TimeoutError", "asyncio.exceptions.TimeoutError", "timeout"})
_CANCELLATIONS = frozenset(
    {"CancelledError", "asyncio.exceptions.CancelledError", "asyncio.CancelledError", "cancelled"}
)
# fastmcp writes a fresh UUID a request there under protocol 2026-07-28: that is no session.
_SCOPES_WITHOUT_SESSIONS = frozenset({"fastmcp"})
_NO_ERROR = ErrorSummary("", "", ())
# Distinct span and tool names one process may store; a name beyond is stored as this.
_MAX_NAMES = 2000
_OVERFLOW = "_OTHER"


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
        self._scopes: dict[tuple[str, str | None], str] = {}
        self._names: set[str] = set()
        self._session: Session | None = None

    def use_resolver(self, resolver: IdentityResolver) -> None:
        """Attribute the records from now on to another resolver's identity."""
        self._resolver = resolver

    # --- spans ----------------------------------------------------------------------------------

    def span(self, span: ReadableSpan) -> Record:
        """The row of an ended span.

        Raises:
            Exception: the span has no time or no context; the caller counts it.
        """
        clean = self._clean(_attributes_of(span))
        take = clean.pop
        context = span.context
        kind = _KINDS[span.kind]
        error = self._span_error(span, clean)
        result = self._result(clean.get(sc.CORTEX_RESULT), error.error_type, span.status)
        event_type = self._event_type(clean, kind)
        tool_name = self._bounded(str(clean.get(sc.GEN_AI_TOOL_NAME, "")))
        identity = self._resolver.current()
        series = Series(
            str(clean.get(sc.CORTEX_SERVICE) or self.service),
            event_type,
            self._span_name(span.name, clean, tool_name),
            tool_name,
            str(clean.get(sc.CORTEX_FEATURE) or tool_name),
            str(clean.get(sc.CORTEX_USER_TIER) or identity.tier),
            result,
            _LEVEL_BY_RESULT[result],
            kind,
            error.error_type if result != "success" else "",
        )
        scope = span.instrumentation_scope
        session = self._session_of(clean, scope)
        user = str(clean.get(sc.USER_HASH) or identity.user_hash)
        message = str(clean.get(sc.CORTEX_ERROR_LOCATION) or error.message)
        project = str(clean.get(sc.CORTEX_PROJECT_ID) or identity.project_id)
        branch = str(clean.get(sc.CORTEX_BRANCH_ID) or identity.branch_id)
        measures = _measures(clean) if event_type != SPAN_EVENT_TYPE else ()
        for key in _COLUMN_KEYS:
            take(key, None)
        if error.frames:
            clean[sc.EXCEPTION_STACKTRACE] = list(error.frames)
        attributes = _split_context(clean)
        if span.start_time is None or span.end_time is None or context is None:
            raise ValueError("the span has not ended")
        parent = span.parent
        return Record(
            span.start_time,
            # A clock set back during the span must not make a negative duration.
            max(0, span.end_time - span.start_time),
            series,
            Context(self._scope(scope), self._resource_json(span.resource), project, branch,
                    attributes),
            session,
            user,
            context.trace_id,
            context.span_id,
            parent.span_id if parent is not None else 0,
            1.0,
            message,
            clean,
            measures,
        )  # fmt: skip

    def _span_error(self, span: ReadableSpan, clean: dict[str, object]) -> ErrorSummary:
        """What went wrong, from our own attributes or from a native exception event."""
        raised = str(clean.get(sc.CORTEX_EXCEPTION_TYPE) or "")
        told = str(clean.get(sc.ERROR_TYPE) or "")
        summary = _NO_ERROR
        for event in span.events:
            if event.name == sc.EXCEPTION_EVENT and event.attributes:
                summary = summarize_stacktrace(
                    str(event.attributes.get(sc.EXCEPTION_TYPE, "")),
                    str(event.attributes.get(sc.EXCEPTION_STACKTRACE, "")),
                )
        error_type = raised or summary.error_type or told
        if error_type or span.status.status_code is StatusCode.ERROR:
            return ErrorSummary(error_type or "_OTHER", summary.message, summary.frames)
        return _NO_ERROR

    @staticmethod
    def _result(told: object, error_type: str, status: Any = None) -> str:
        if isinstance(told, str) and told in _LEVEL_BY_RESULT:
            return told
        if error_type in _TIMEOUTS:
            return "timeout"
        if error_type in _CANCELLATIONS:
            return "cancelled"
        failed = error_type or (status is not None and status.status_code is StatusCode.ERROR)
        return "error" if failed else "success"

    @staticmethod
    def _event_type(clean: Mapping[str, object], kind: str) -> str:
        told = clean.get(sc.CORTEX_EVENT_TYPE)
        if told in sc.EVENT_TYPES:
            return str(told)
        # The server's side of a call is the event; a client in the same process is not.
        if kind == "server" and clean.get(sc.MCP_METHOD_NAME) == sc.METHOD_TOOLS_CALL:
            return sc.MCP_TOOL_CALL
        return SPAN_EVENT_TYPE

    def _span_name(self, name: str, clean: Mapping[str, object], tool_name: str) -> str:
        if tool_name and clean.get(sc.MCP_METHOD_NAME) == sc.METHOD_TOOLS_CALL:
            prefix, _, _ = name.partition(" ")
            if prefix in (sc.METHOD_TOOLS_CALL, sc.OPERATION_EXECUTE_TOOL):
                return f"{prefix} {tool_name}"
        return self._bounded(self._redactor.name(name))

    # --- logs and events ------------------------------------------------------------------------

    def log(self, readable: ReadableLogRecord | ReadWriteLogRecord) -> Record:
        """The row of a log record: a product event if its name is one, else kept beside them.

        Raises:
            Exception: the record has no usable time; the caller counts it.
        """
        log = readable.log_record
        clean = self._clean(log.attributes or {})
        name = log.event_name or ""
        event_type = name if name in sc.EVENT_TYPES else SPAN_EVENT_TYPE
        severity = getattr(log.severity_number, "value", None) or 9
        error = self._log_error(log, clean)
        result = self._result(clean.get(sc.CORTEX_RESULT), error.error_type)
        if not name and isinstance(log.body, str):
            # A plain log line is free text: its size and identity are all that is kept.
            clean["log.body.length"] = len(log.body)
            clean["log.body.hash"] = self._resolver.hash_text(log.body[:65_536])
        parent = trace.get_current_span(log.context) if log.context else trace.INVALID_SPAN
        inherited = _attributes_of(parent) if parent.is_recording() else {}
        tool = clean.get(sc.GEN_AI_TOOL_NAME) or inherited.get(sc.GEN_AI_TOOL_NAME) or ""
        tool_name = self._bounded(self._redactor.name(str(tool))) if tool else ""
        identity = self._resolver.current()
        duration_ms = clean.get(sc.CORTEX_EVENT_DURATION_MS)
        duration = int(duration_ms * 1e6) if isinstance(duration_ms, (int, float)) else None
        series = Series(
            str(clean.get(sc.CORTEX_SERVICE) or self.service),
            event_type,
            self._bounded(self._redactor.name(name)) if name else "log",
            tool_name,
            str(clean.get(sc.CORTEX_FEATURE) or ""),
            str(clean.get(sc.CORTEX_USER_TIER) or identity.tier),
            result,
            _level(severity),
            "event",
            error.error_type if result != "success" else "",
        )
        session = self._session_of(clean, readable.instrumentation_scope)
        user = str(clean.get(sc.USER_HASH) or identity.user_hash)
        message = str(clean.get(sc.CORTEX_ERROR_LOCATION) or error.message)
        project = str(clean.get(sc.CORTEX_PROJECT_ID) or identity.project_id)
        branch = str(clean.get(sc.CORTEX_BRANCH_ID) or identity.branch_id)
        measures = _measures(clean) if event_type != SPAN_EVENT_TYPE else ()
        for key in _COLUMN_KEYS:
            clean.pop(key, None)
        if error.frames:
            clean[sc.EXCEPTION_STACKTRACE] = list(error.frames)
        attributes = _split_context(clean)
        time_unix_nano = log.timestamp or log.observed_timestamp or time.time_ns()
        return Record(
            time_unix_nano - (duration or 0) if name else time_unix_nano,
            duration,
            series,
            Context(self._scope(readable.instrumentation_scope),
                    self._resource_json(readable.resource), project, branch, attributes),
            session,
            user,
            log.trace_id or 0,
            log.span_id or 0,
            0,
            1.0,
            message,
            clean,
            measures,
        )  # fmt: skip

    def _log_error(self, log: Any, clean: Mapping[str, object]) -> ErrorSummary:
        raised = str(clean.get(sc.CORTEX_EXCEPTION_TYPE) or "")
        if isinstance(getattr(log, "exception", None), BaseException):
            return summarize_exception(log.exception)
        attributes = log.attributes or {}
        if sc.EXCEPTION_TYPE in attributes:
            return summarize_stacktrace(
                str(attributes[sc.EXCEPTION_TYPE]),
                str(attributes.get(sc.EXCEPTION_STACKTRACE, "")),
            )
        return ErrorSummary(raised or str(clean.get(sc.ERROR_TYPE) or ""), "", ())

    # --- metrics --------------------------------------------------------------------------------

    def metrics(self, data: MetricsData) -> list[MetricPoint]:
        """The rows of all data points that say something; empty histograms don't."""
        points: list[MetricPoint] = []
        for resource_metrics in data.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    for point in metric.data.data_points:
                        row = self._metric_point(metric, point)
                        if row is not None:
                            points.append(row)
        return points

    def _metric_point(self, metric: Any, point: Any) -> MetricPoint | None:
        clean = self._clean(point.attributes or {})
        service = str(clean.pop(sc.CORTEX_SERVICE, None) or self.service)
        tier = str(clean.pop(sc.CORTEX_USER_TIER, None) or self._resolver.current().tier)
        count = total = low = high = None
        buckets = ""
        if isinstance(metric.data, (Gauge, Sum)):
            kind, value = ("gauge" if isinstance(metric.data, Gauge) else "sum"), point.value
        elif isinstance(metric.data, Histogram):
            if not point.count:
                return None
            kind, count, total = "histogram", point.count, point.sum
            low, high, value = point.min, point.max, point.sum / point.count
            buckets = json.dumps(
                {"bounds": list(point.explicit_bounds), "counts": list(point.bucket_counts)},
                separators=(",", ":"),
            )
        else:  # exponential histograms: sum and count say what the roll-ups need
            if not point.count:
                return None
            kind, count, total = "histogram", point.count, point.sum
            low, high, value = point.min, point.max, point.sum / point.count
        return MetricPoint(
            point.time_unix_nano,
            point.start_time_unix_nano or point.time_unix_nano,
            self._bounded(self._redactor.name(metric.name)),
            metric.unit or "",
            kind,
            service,
            tier,
            value,
            count,
            total,
            low,
            high,
            buckets,
            json.dumps(clean, separators=(",", ":"), ensure_ascii=False, sort_keys=True),
        )

    # --- parts ----------------------------------------------------------------------------------

    def _clean(self, attributes: Mapping[str, object]) -> dict[str, object]:
        clean = self._redactor.attributes(attributes)
        if clean.removed:
            self._count_removed(clean.removed)
        return clean.attributes

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
        self, clean: Mapping[str, object], scope: InstrumentationScope | None
    ) -> Session:
        told = clean.get(sc.SESSION_ID)
        if told is None and (scope is None or scope.name not in _SCOPES_WITHOUT_SESSIONS):
            told = clean.get(sc.MCP_SESSION_ID)
        process = self._process_session()
        if told is None:
            return process
        return process._replace(
            session_id=str(told),
            ide=str(clean.get(sc.CORTEX_IDE) or ""),
            extension_version=str(clean.get(sc.CORTEX_EXTENSION_VERSION) or ""),
        )

    def _process_session(self) -> Session:
        from cortex_otel import identity  # noqa: PLC0415 - the session id is new after a fork

        session_id = identity.session_id()
        if self._session is None or self._session.session_id != session_id:
            name, version = _running_program()
            self._session = Session(
                session_id,
                os=sys.platform,
                server_name=self._redactor.name(name) if name else "",
                server_version=self._redactor.name(version) if version else "",
                runtime=f"{sys.implementation.name} {sys.version.split()[0]}",
                instance_id=session_id,
            )
        return self._session


def _attributes_of(span: Any) -> Mapping[str, object]:
    """The attributes as a plain dict: the SDK's read-only proxies cost 3 µs to walk."""
    bounded = getattr(span, "_attributes", None)
    plain = getattr(bounded, "_dict", None)
    if type(plain) is dict:
        return plain
    return dict(getattr(span, "attributes", None) or {})


def _measures(clean: Mapping[str, object]) -> tuple[tuple[str, float], ...]:
    found = [
        (measure, float(value))
        for key, measure in sc.MEASURES.items()
        if isinstance(value := clean.get(key), (int, float))
    ]
    return tuple(found)


def _split_context(clean: dict[str, object]) -> str:
    """Move the low-cardinality attributes out of ``clean``; they return as JSON."""
    moved = tuple((key, clean.pop(key)) for key in _CONTEXT_KEYS & clean.keys())
    return _context_json(moved) if moved else "{}"


@lru_cache(maxsize=1024)
def _context_json(items: tuple[tuple[str, object], ...]) -> str:
    return json.dumps(dict(items), separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def _level(severity_number: int) -> str:
    """Level of an OpenTelemetry severity number (1 to 24)."""
    for threshold, level in ((21, "CRITICAL"), (17, "ERROR"), (13, "WARNING"), (9, "INFO")):
        if severity_number >= threshold:
            return level
    return "DEBUG"


def _running_program() -> tuple[str, str]:
    """Name and version of the program this process runs: the MCP server, as its user calls it."""
    name = os.environ.get("OTEL_SERVICE_NAME", "")
    arguments = iter(sys.orig_argv[1:])
    program = ""
    for argument in arguments:
        if argument == "-m":
            program = next(arguments, "").partition(".")[0]
            break
        if argument == "-c":
            break
        if not argument.startswith("-"):
            program = os.path.basename(argument).removesuffix(".py")  # noqa: PTH119 - any platform
            break
    version = ""
    if program:
        from importlib import metadata  # noqa: PLC0415 - once a process

        for distribution in dict.fromkeys((program, program.replace("_", "-"))):
            try:
                version = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                continue
    return name or program, version
