"""A span or log record as it came over OTLP, in the shape that :mod:`cortex_otel.process` reads.

Made by the hundred thousand, so they are slots and nothing else. A span offers ``lean_parts()`` as
:class:`cortex_otel.span.LeanSpan` does: what repeats from span to span is then redacted once.
"""

from __future__ import annotations

from collections import Counter
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "FAILED",
    "KINDS",
    "NOT_FAILED",
    "SEVERITIES",
    "Event",
    "Group",
    "Losses",
    "MalformedError",
    "OtlpLog",
    "OtlpResource",
    "OtlpSpan",
    "ParentSpan",
    "Scope",
    "refused_ids",
]  # fmt: skip

_PLAIN: Final = frozenset({str, int, float, bool, NoneType})
TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8

#: By the number on the wire; what isn't known is internal.
KINDS: Final = (
    SpanKind.INTERNAL, SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER,
    SpanKind.CONSUMER,
)  # fmt: skip
SEVERITIES: Final[Mapping[int, SeverityNumber]] = {
    one.value: one for one in SeverityNumber if one.value
}
FAILED: Final = Status(StatusCode.ERROR)
NOT_FAILED: Final = Status(StatusCode.UNSET)


class MalformedError(ValueError):
    """The request can't be read: one line that says where, without a word of its content."""


class Losses:
    """What couldn't be read of a request, beside records that say so in their own place."""

    __slots__ = ("left_out", "refused")

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        """Records, or what held some, by the rule that was broken."""
        self.left_out: Counter[str] = Counter()
        """Values of records that were taken, by the same."""


class OtlpResource:
    """A resource as it was told: compared by identity, so there is one for equal bytes."""

    __slots__ = ("attributes", "digests")

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.attributes = attributes
        self.digests: tuple[bytes, bytes] | None = None
        """Kept here by :mod:`.fingerprints`."""


class Scope(InstrumentationScope):
    """An instrumentation scope as it was told."""

    __slots__ = ("digest", "told")

    def __init__(self, name: str, version: str, told: Mapping[str, Any]) -> None:
        super().__init__(name, version)
        self.told = told
        """Its attributes: nothing reads them, but they tell streams apart."""
        self.digest: bytes | None = None
        """Kept here by :mod:`.fingerprints`."""


class Event(NamedTuple):
    """A span event."""

    name: str
    attributes: Mapping[str, Any]


class ParentSpan:
    """What is read of a parent."""

    __slots__ = ("span_id",)

    def __init__(self, span_id: int) -> None:
        self.span_id = span_id


class OtlpSpan:
    """An ended span; its own context."""

    __slots__ = (
        "_lean_attributes", "end_time", "events", "instrumentation_scope", "kind", "name",
        "parent", "resource", "span_id", "start_time", "status", "trace_id",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - in the order of lean_parts()
        self,
        attributes: dict[str, Any],
        name: str,
        kind: SpanKind,
        trace_id: int,
        span_id: int,
        parent: ParentSpan | None,
        start_time: int,
        end_time: int,
        status: Status,
        events: list[Event],
        scope: Scope | None,
        resource: OtlpResource,
    ) -> None:
        self._lean_attributes = attributes
        self.name = name
        self.kind = kind
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent = parent
        self.start_time = start_time
        self.end_time = end_time
        self.status = status
        self.events = events
        self.instrumentation_scope = scope
        self.resource = resource

    @property
    def context(self) -> OtlpSpan:
        """Trace and span id."""
        return self

    @property
    def attributes(self) -> dict[str, Any]:
        """As they were sent."""
        return self._lean_attributes

    @attributes.setter
    def attributes(self, attributes: dict[str, Any]) -> None:
        self._lean_attributes = attributes

    def lean_parts(self) -> tuple[Any, ...] | None:
        """All that is read of a span, at once; ``None`` if a value is no plain one."""
        values = self._lean_attributes
        if not _PLAIN.issuperset(map(type, values.values())) or "" in values:
            return None
        return (
            values, self.name, self.kind, self, self.parent, self.start_time, self.end_time,
            self.status, self.instrumentation_scope, self.resource,
        )  # fmt: skip


class OtlpLog:
    """A log record; what the SDK wraps around one as well."""

    __slots__ = (
        "attributes", "body", "event_name", "flags", "instrumentation_scope", "observed_timestamp",
        "resource", "severity_number", "severity_text", "span_id", "timestamp", "trace_id",
    )  # fmt: skip

    #: Of the SDK's records that were made in this process.
    context = None
    exception = None

    def __init__(  # noqa: PLR0917 - as of the span
        self,
        attributes: dict[str, Any],
        event_name: str,
        body: object,
        timestamp: int,
        observed_timestamp: int,
        severity_number: int,
        trace_id: int,
        span_id: int,
        scope: Scope | None,
        resource: OtlpResource,
        severity_text: str = "",
        flags: int = 0,
    ) -> None:
        self.attributes = attributes
        self.event_name = event_name
        self.body = body
        self.timestamp = timestamp
        self.observed_timestamp = observed_timestamp
        self.severity_number = SEVERITIES.get(severity_number)
        self.severity_text = severity_text
        self.flags = flags
        self.trace_id = trace_id
        self.span_id = span_id
        self.instrumentation_scope = scope
        self.resource = resource

    @property
    def log_record(self) -> OtlpLog:
        """Itself."""
        return self


class Group(NamedTuple):
    """The records of one resource in a request."""

    told: OtlpResource
    """The resource; the same object for equal ones of late."""
    items: Iterable[Any]
    """Records; text in place of one that breaks a rule says which."""


def refused_ids(trace_id: bytes, span_id: bytes) -> str:
    """Why these can't be ids of a span; ``""`` if they can."""
    if len(trace_id) != TRACE_ID_BYTES or not any(trace_id):
        return "trace id isn't 16 bytes, or all zero"
    if len(span_id) != SPAN_ID_BYTES or not any(span_id):
        return "span id isn't 8 bytes, or all zero"
    return ""
