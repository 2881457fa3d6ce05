"""What both encodings of OTLP are read into, beside :mod:`cortex_otel.process.data`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind

from cortex_otel.process.data import ResourceData

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "KINDS",
    "SEVERITIES",
    "Event",
    "Group",
    "Losses",
    "MalformedError",
    "OtlpResource",
    "Scope",
    "refused_ids",
]  # fmt: skip

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8

#: By the number on the wire; what isn't known is internal.
KINDS: Final = (
    SpanKind.INTERNAL,
    SpanKind.INTERNAL,
    SpanKind.SERVER,
    SpanKind.CLIENT,
    SpanKind.PRODUCER,
    SpanKind.CONSUMER,
)
SEVERITIES: Final[Mapping[int, SeverityNumber]] = {
    one.value: one for one in SeverityNumber if one.value
}


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


class OtlpResource(ResourceData):
    """A resource as it was sent: compared by identity, so there is one for equal bytes."""

    __slots__ = ("digests",)

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        super().__init__(attributes)
        self.digests: tuple[bytes, bytes] | None = None
        """Kept here by :mod:`.fingerprints`."""


class Scope(InstrumentationScope):
    """An instrumentation scope as it was sent."""

    __slots__ = ("digest", "sent_attributes")

    def __init__(self, name: str, version: str, sent_attributes: Mapping[str, Any]) -> None:
        super().__init__(name, version)
        self.sent_attributes = sent_attributes
        """Its attributes: nothing reads them, but they tell streams apart."""
        self.digest: bytes | None = None
        """Kept here by :mod:`.fingerprints`."""


class Event(NamedTuple):
    """A span event."""

    name: str
    attributes: Mapping[str, Any]


class Group(NamedTuple):
    """The records of one resource in a request."""

    resource: OtlpResource
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
