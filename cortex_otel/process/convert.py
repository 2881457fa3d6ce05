"""A span or log record of :mod:`.data` → the safe row, in a single pass.

Each way in (own processor, SDK exporter, receiver) goes through here, so a record can't reach a
store without having been redacted. Longer than other files since a row is made in one place.
"""

from __future__ import annotations

import json
import re
import time
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc
from cortex_otel.process.columns import COLUMN, ID, ID_KEYS, PLACES, SESSION_KEYS
from cortex_otel.process.measures import MEASURE_KEYS, measures_of
from cortex_otel.process.metric_points import metric_points
from cortex_otel.process.names import OTHER, Names
from cortex_otel.process.outcome import LEVELS, log_error, plain_text, result_of, span_error
from cortex_otel.process.program import process_session
from cortex_otel.process.redact import is_plain_id
from cortex_otel.process.row_cache import CachedRow, RowCache, SpanShape
from cortex_otel_exporters.record import SPAN_EVENT_TYPE, Context, Record, Series, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from cortex_otel.identity import Resolved
    from cortex_otel.process.data import LogData, SpanData
    from cortex_otel.process.exceptions import ErrorSummary
    from cortex_otel.process.redact import Redactor
    from cortex_otel_exporters.record import MetricPoint

__all__ = ["Converter", "IdentitySource"]

_SERVICE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_DURATION_MS = 1e11

_KINDS: Final = {kind: kind.name.lower() for kind in SpanKind}
# fastmcp writes a fresh UUID a request there under protocol 2026-07-28: that is no session.
_SCOPES_WITHOUT_SESSIONS: Final = frozenset({"fastmcp"})
#: Kinds of name of what is sent on, by attribute key.
_BOUNDED: Final = {
    sc.GEN_AI_TOOL_NAME: "tool",
    sc.ERROR_TYPE: "error",
    sc.CORTEX_EXCEPTION_TYPE: "error",
}
# What new attributes may decide beside the event data; the rest is part of what is remembered.
_FRESH_COLUMNS: Final = frozenset({*SESSION_KEYS, sc.USER_HASH, sc.CORTEX_EVENT_DURATION_MS})
_TOO_MANY_RESOURCES: Final = f'{{"{sc.SERVICE_NAME}":"{OTHER}"}}'
_MAX_HASHED_BODY_LENGTH = 65_536
_NOTHING: Final[Mapping[str, Any]] = {}
_new_tuple = tuple.__new__  # a record has no checks of its own; this way it takes half the time


class IdentitySource(Protocol):
    """Whose records these are: an :class:`cortex_otel.identity.IdentityResolver`, or a sender."""

    def current(self) -> Resolved:
        """The identity that records made now carry; never raises."""
        ...

    def hash_text(self, text: str) -> str:
        """16 hex digits of free text, keyed by this installation."""
        ...


class Converter:
    """Turns spans, log records and metrics of one process into rows.

    Args:
        redactor: what may be kept.
        resolver: whose records these are.
        service: the Cortex service they belong to, where they don't say.
        count_removed: called with how many attributes redaction removed.
        session: the session of records that don't say theirs; this process's by default.
        names: the budget of names, where it is shared by several converters.
    """

    def __init__(
        self,
        redactor: Redactor,
        resolver: IdentitySource,
        service: str,
        count_removed: Callable[[int], None] = lambda _: None,
        *,
        session: Callable[[], Session] | None = None,
        names: Names | None = None,
    ) -> None:
        self.service = service
        self._redactor = redactor
        self._resolver = resolver
        self._count_removed = count_removed
        self._session = session or (lambda: process_session(redactor.name))
        self._resource: tuple[object, str] = (None, "{}")
        self._identity: tuple[Resolved, str, str] | None = None
        self._names = names or Names(redactor.name)
        self._row_cache = RowCache()
        self._names.forget_with(self._row_cache)

    def use_resolver(self, resolver: IdentitySource) -> None:
        """Attribute the records from now on to another resolver's identity."""
        self._resolver = resolver
        self._row_cache.forget()

    def span(self, span: SpanData, identity: int | None = None) -> Record:
        """The row of an ended span.

        Args:
            span: of any origin.
            identity: of the row, if it was received.

        Raises:
            Exception: the span makes no sense; the caller counts it.
        """
        record = self._repeated_span(span, identity) if span.is_plain else None
        if record is None:
            record = self._span(span, self._clean(span.attributes), identity)
        return record

    def _repeated_span(  # noqa: C901 - the short way in one piece: each call costs it 2 %
        self, span: SpanData, identity: int | None
    ) -> Record | None:
        """The row from what is remembered of its like; ``None`` if it has to be worked out."""
        (
            plain, name, kind, trace_id, span_id, parent_span_id, start, end, status, _, scope,
            resource, _,
        ) = span  # fmt: skip
        plan = self._row_cache.plan(plain)
        if plan is None or type(name) is not str or status is StatusCode.ERROR:
            return None
        key = (plan.number, name, kind._value_, plan.values(plain))
        who = self._resolver.current()
        row = self._row_cache.rows.get(key)
        if row is None or not row.is_of(who, self.service, scope, resource):
            clean = self._redactor.attributes({one: plain[one] for one in plan.repeated})
            last_overflow = self._names.last_overflow
            record = self._span(span, clean.attributes, None)
            row = CachedRow(
                record,
                clean.removed,
                frozenset(clean.attributes),
                who,
                self.service,
                scope,
                resource,
            )
            if last_overflow is self._names.last_overflow:
                self._row_cache.remember(key, row)
        columns: Mapping[str, Any] = _NOTHING
        data: dict[str, object] = {}
        removed = row.removed
        if plan.fresh:
            if plan.ids:
                data = {one: plain[one] for one in plan.ids}
            if not data or not all(map(is_plain_id, data.values())):
                fresh = self._fresh(plan, plain, row)
                if fresh is None:
                    return None
                columns, data, more = fresh
                removed += more
        if removed:
            self._count_removed(removed)
        record = row.record
        series = record.series
        if record.event_data:
            data = {**record.event_data, **data}
        measures: tuple[tuple[str, float], ...] = ()
        if series.event_type != SPAN_EVENT_TYPE and not MEASURE_KEYS.isdisjoint(data):
            measures = measures_of(data)
        return _new_tuple(
            Record,
            (start, end - start if end > start else 0, series, record.context,
             self._session_of(columns, scope) if columns else self._session(),
             columns.get(sc.USER_HASH) or who.user_hash,
             trace_id, span_id, parent_span_id, 1.0, record.error_message, data, measures,
             identity),
        )  # fmt: skip

    def _fresh(
        self, plan: SpanShape, plain: Mapping[str, Any], row: CachedRow
    ) -> tuple[dict[str, Any], dict[str, object], int] | None:
        """Columns, event data and number removed of what is new on each call.

        ``None`` if it would have changed what is remembered.
        """
        clean = self._redactor.attributes({one: plain[one] for one in plan.fresh})
        columns, attributes, data = self._sort(clean.attributes)
        is_apart = row.keys.isdisjoint(clean.attributes) and _FRESH_COLUMNS.issuperset(columns)
        return (columns, data, clean.removed) if is_apart and not attributes else None

    def _span(self, span: SpanData, clean: dict[str, object], identity: int | None) -> Record:
        start, end = span.start_time_unix_nano, span.end_time_unix_nano
        columns, attributes, data = self._sort(clean)
        kind = _KINDS[span.kind]
        tool_name = columns.get(sc.GEN_AI_TOOL_NAME, "")
        if tool_name:
            tool_name = self._names.bounded("tool", tool_name)
        event_type = columns.get(sc.CORTEX_EVENT_TYPE)
        if event_type not in sc.EVENT_TYPES:
            # The server's side of a call is the event; a client in the same process is not.
            is_call = kind == "server" and clean.get(sc.MCP_METHOD_NAME) == sc.METHOD_TOOLS_CALL
            event_type = sc.MCP_TOOL_CALL if is_call else SPAN_EVENT_TYPE
        error = span_error(span, columns)
        return self._record(
            # A clock set back during the span must not make a negative duration.
            start,
            max(0, end - start),
            event_type,
            self._names.of_span(span.name, tool_name, clean),
            tool_name,
            tool_name or columns.get(sc.CORTEX_FEATURE, ""),
            result_of(columns, error, span.status),
            None,
            kind,
            error,
            columns,
            attributes,
            data,
            span.scope,
            span.resource,
            span.trace_id,
            span.span_id,
            span.parent_span_id,
            identity,
        )

    def log(self, log: LogData, identity: int | None = None) -> Record:
        """The row of a log record: a product event if its name is one, else kept beside them.

        Args:
            log: of any origin.
            identity: of the row, if it was received.

        Raises:
            Exception: the record makes no sense; the caller counts it.
        """
        clean = self._clean(log.attributes)
        columns, attributes, data = self._sort(clean)
        name = plain_text(log.event_name)
        error = log_error(log, columns)
        if not name and isinstance(log.body, str):
            # A plain log line is free text: its size and identity are all that is kept.
            data |= self.digest_of_body(plain_text(log.body))
        duration_ms = columns.get(sc.CORTEX_EVENT_DURATION_MS)
        duration = None
        if isinstance(duration_ms, (int, float)) and 0 <= duration_ms <= _MAX_DURATION_MS:
            duration = round(duration_ms * 1e6)
        timestamp = log.timestamp_unix_nano or log.observed_timestamp_unix_nano or time.time_ns()
        tool_name = self._tool_of_log(log, columns)
        return self._record(
            timestamp - (duration or 0),
            duration,
            name if name in sc.EVENT_TYPES else SPAN_EVENT_TYPE,
            self._names.of_span(name, "", clean, "event") if name else "log",
            tool_name,
            # As of a span: a call's feature is its tool, by the name that is stored of it.
            (name == sc.MCP_TOOL_CALL and tool_name) or columns.get(sc.CORTEX_FEATURE, ""),
            result_of(columns, error, None),
            LEVELS.get(getattr(log.severity_number, "_value_", 0), "INFO"),
            "event",
            error,
            columns,
            attributes,
            data,
            log.scope,
            log.resource,
            log.trace_id,
            log.span_id,
            0,
            identity,
        )

    def in_one_piece(
        self, clean: Mapping[str, object], record: Record | None = None
    ) -> dict[str, object]:
        """Redacted attributes as a row has them, not sorted into columns: for who sends them on.

        Args:
            clean: redacted.
            record: of what they are of, if it has a row: their names have been paid for by that,
                or refused.
        """
        bounded = self._names.bounded if record is None else partial(self._as_in, record.series)
        kept: dict[str, object] = {}
        for key, value in clean.items():
            if key in ID_KEYS and not isinstance(value, list):
                kept[ID_KEYS[key]] = self._id(ID_KEYS[key], str(value))
            elif key == sc.CORTEX_FEATURE:
                kept[key] = self._feature_of_copy(clean, str(value), record)
            elif key in _BOUNDED and isinstance(value, str):
                kept[key] = bounded(_BOUNDED[key], value)
            else:
                kept[key] = value
        return self._with_known_dimensions(kept, bounded)

    def _feature_of_copy(
        self, clean: Mapping[str, object], feature: str, record: Record | None
    ) -> str:
        if record is not None:
            return record.series.feature or OTHER
        return self._names.of_feature(str(clean.get(sc.CORTEX_EVENT_TYPE, "")), feature)

    def _as_in(self, series: Series, kind: str, name: str) -> str:
        """``name`` if the row with ``series`` has it or could have it for nothing."""
        stored = {
            "tool": series.tool_name,
            "error": series.error_type,
            "service": series.service,
        }[kind]
        # An error may have both a word and an exception's class, of which the row has one.
        is_open = stored != OTHER or kind == "error"
        if name == stored or (is_open and self._names.has(kind, name)):
            return name
        return (stored or OTHER) if kind == "error" else OTHER

    def digest_of_body(self, body: str) -> dict[str, object]:
        """What is kept of a plain log line."""
        return {
            sc.LOG_BODY_LENGTH: len(body),
            sc.LOG_BODY_HASH: self._resolver.hash_text(body[:_MAX_HASHED_BODY_LENGTH]),
        }

    @property
    def names(self) -> Names:
        """The names of this process, redacted and few."""
        return self._names

    def metrics(self, data: MetricsData) -> list[MetricPoint]:
        """The rows of all data points that say something; empty histograms don't."""
        tier = self._resolver.current().tier
        return metric_points(data, self._clean_point, self.service, tier, self._names)

    def _record(  # noqa: PLR0917 - the columns of the row, in their order
        self,
        time_ns: int,
        duration_ns: int | None,
        event_type: str,
        name: str,
        tool_name: str,
        feature: str,
        result: str,
        level: str | None,
        kind: str,
        error: ErrorSummary,
        columns: dict[str, Any],
        attributes: list[tuple[str, object]],
        data: dict[str, object],
        scope: InstrumentationScope | None,
        resource: Any,
        trace_id: int,
        span_id: int,
        parent_span_id: int,
        identity: int | None,
    ) -> Record:
        who, project_id, branch_id = self._identity_now()
        get = columns.get
        names = self._names
        service, tier = get(sc.CORTEX_SERVICE) or self.service, get(sc.CORTEX_USER_TIER)
        if service != self.service:
            service = self._service_of(service, names.bounded)
        if feature and feature != tool_name:
            feature = names.of_feature(event_type, feature)
        error_type = error.error_type if result != "success" else ""
        if error.frames:
            data[sc.EXCEPTION_STACKTRACE] = list(error.frames)
        if sent := get(sc.CORTEX_PROJECT_ID):
            project_id = names.bounded("project", sent)
        if sent := get(sc.CORTEX_BRANCH_ID):
            branch_id = names.bounded("branch", sent)
        measures: tuple[tuple[str, float], ...] = ()
        if event_type != SPAN_EVENT_TYPE and not MEASURE_KEYS.isdisjoint(data):
            measures = measures_of(data)
        series = _new_tuple(
            Series,
            (
                service,
                event_type,
                name,
                tool_name,
                feature,
                tier if tier in sc.TIERS else who.tier,
                result,
                level or sc.LEVELS_BY_RESULT[result],
                kind,
                names.bounded("error", error_type) if error_type else "",
            ),
        )
        if hash(series) not in names.series.known:
            series = names.of_series(series)
        context = _new_tuple(
            Context,
            (
                names.of_scope(scope),
                self._resource_json(resource),
                project_id,
                branch_id,
                self._context_json(attributes, data) if attributes else "{}",
            ),
        )
        return _new_tuple(
            Record,
            (
                time_ns,
                duration_ns,
                series,
                context,
                self._session_of(columns, scope),
                get(sc.USER_HASH) or who.user_hash,
                trace_id,
                span_id,
                parent_span_id,
                1.0,
                get(sc.CORTEX_ERROR_LOCATION) or error.message,
                data,
                measures,
                identity,
            ),
        )

    # --- parts ----------------------------------------------------------------------------------

    def _clean(self, attributes: Mapping[str, object]) -> dict[str, object]:
        clean = self._redactor.attributes(attributes)
        if clean.removed:
            self._count_removed(clean.removed)
        return clean.attributes

    def _clean_point(self, attributes: Mapping[str, object]) -> dict[str, object]:
        return self._with_known_dimensions(self._clean(attributes), self._names.bounded)

    def _with_known_dimensions(
        self, clean: dict[str, object], bounded: Callable[[str, str], str]
    ) -> dict[str, object]:
        """``clean`` without a service or tier that none can be."""
        if sc.CORTEX_SERVICE in clean:
            clean[sc.CORTEX_SERVICE] = self._service_of(str(clean[sc.CORTEX_SERVICE]), bounded)
        if clean.get(sc.CORTEX_USER_TIER) not in sc.TIERS:
            clean.pop(sc.CORTEX_USER_TIER, None)
        return clean

    def _sort(
        self, clean: Mapping[str, object]
    ) -> tuple[dict[str, Any], list[tuple[str, object]], dict[str, object]]:
        """Redacted attributes, sorted into columns, context and event data."""
        columns: dict[str, Any] = {}
        context: list[tuple[str, object]] = []
        data: dict[str, object] = {}
        place_of = PLACES.get
        for key, value in clean.items():
            place = place_of(key)
            if place is None or isinstance(value, list):
                data[key] = value
            elif place == COLUMN:
                if isinstance(value, str) or key == sc.CORTEX_EVENT_DURATION_MS:
                    columns[key] = value
            elif place == ID:
                columns[ID_KEYS[key]] = self._id(ID_KEYS[key], str(value))
            else:
                context.append((key, value))
        return columns, context, data

    def _id(self, key: str, value: str) -> str:
        # A project or branch with a slash is a path, and one with an @ may be a person.
        is_open = key in SESSION_KEYS or not ("/" in value or "@" in value)
        return value if is_open else self._resolver.hash_text(value)

    def _service_of(self, claimed: str, bounded: Callable[[str, str], str]) -> str:
        if not _SERVICE.fullmatch(claimed):
            return self.service
        return claimed if claimed == self.service else bounded("service", claimed)

    def _identity_now(self) -> tuple[Resolved, str, str]:
        """Who it is, and project and branch as they may be kept: a provider gives any text."""
        identity = self._resolver.current()
        if self._identity is None or identity is not self._identity[0]:
            ids = {
                sc.CORTEX_PROJECT_ID: identity.project_id,
                sc.CORTEX_BRANCH_ID: identity.branch_id,
            }
            kept = self._sort(self._clean({key: text for key, text in ids.items() if text}))[0]
            last_overflow = self._names.last_overflow
            project, branch = (
                self._names.bounded(kind, kept[key]) if key in kept else ""
                for kind, key in (
                    ("project", sc.CORTEX_PROJECT_ID),
                    ("branch", sc.CORTEX_BRANCH_ID),
                )
            )
            if last_overflow is not self._names.last_overflow:
                return identity, project, branch
            self._identity = (identity, project, branch)
        return self._identity

    def _context_json(self, attributes: list[tuple[str, object]], data: dict[str, object]) -> str:
        text = _json_object(tuple(attributes))
        names = self._names
        if hash(text) in names.contexts.known or names.admits("attributes", text, is_lost=False):
            return text
        # Not so few distinct values after all: they are kept with the event.
        data.update(attributes)
        return "{}"

    def _tool_of_log(self, log: LogData, columns: Mapping[str, Any]) -> str:
        """The tool an event belongs to: its own word, or that of the span it happened in."""
        name = columns.get(sc.GEN_AI_TOOL_NAME)
        if not name and log.span_attributes is not None:
            name = log.span_attributes.get(sc.GEN_AI_TOOL_NAME)
            name = self._redactor.name(name) if isinstance(name, str) else None
        return self._names.bounded("tool", name) if name else ""

    def _resource_json(self, resource: Any) -> str:
        if resource is not self._resource[0]:
            kept = self._redactor.resource(resource.attributes) if resource is not None else {}
            text = json.dumps(kept, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
            if not self._names.admits("resource", text):
                return _TOO_MANY_RESOURCES
            self._resource = (resource, text)
        return self._resource[1]

    def _session_of(
        self, columns: Mapping[str, Any], scope: InstrumentationScope | None
    ) -> Session:
        session_id = columns.get(sc.SESSION_ID)
        if session_id is None and (scope is None or scope.name not in _SCOPES_WITHOUT_SESSIONS):
            session_id = columns.get(sc.MCP_SESSION_ID)
        session = self._session()
        if session_id is None:
            return session
        return _new_tuple(Session, (str(session_id), *session[1:]))


@lru_cache(maxsize=1024)
def _json_object(items: tuple[tuple[str, object], ...]) -> str:
    return json.dumps(dict(items), separators=(",", ":"), ensure_ascii=False, sort_keys=True)
