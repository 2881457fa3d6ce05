"""A span and a log record as rows are made of them, whichever way they came.

The SDK's (:mod:`.from_sdk`), those received over OTLP (:mod:`cortex_otel.receive`) and those of the
demo all become one of these. They are made by the hundred thousand, hence tuples: who makes many
calls ``tuple.__new__``, which takes a tenth of the time of the class.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry._logs import SeverityNumber
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanKind, StatusCode

__all__ = ["LogData", "ResourceData", "SpanData", "SpanEvent", "is_plain"]

# Exact types, so that no look-up runs a method of the host, and `True` isn't taken for `1`.
_PLAIN: Final = frozenset({str, int, float, bool, NoneType})


class ResourceData:
    """What a record is of, where it isn't the SDK's ``Resource``; compared by identity."""

    __slots__ = ("attributes",)

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.attributes = attributes


class SpanEvent(Protocol):
    """An event of a span."""

    @property
    def name(self) -> str:
        """Only those named ``exception`` are looked at."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any] | None:
        """Of an exception: type, message and stack trace."""
        ...


class SpanData(NamedTuple):
    """An ended span."""

    attributes: Mapping[str, Any]
    """Of any type and size; left as they are."""
    name: str
    kind: SpanKind
    trace_id: int
    span_id: int
    parent_span_id: int
    """0 without a parent."""
    start_time_unix_nano: int
    end_time_unix_nano: int
    status: StatusCode
    events: Sequence[SpanEvent]
    scope: InstrumentationScope | None
    resource: Any
    """The SDK's ``Resource``, a :class:`ResourceData`, or ``None``."""
    is_plain: bool
    """What :func:`is_plain` says of the attributes; ``False`` may also be for unknown."""


class LogData(NamedTuple):
    """A log record."""

    attributes: Mapping[str, Any]
    """Of any type and size; left as they are."""
    event_name: str
    """``""`` of a plain log line."""
    body: object
    timestamp_unix_nano: int
    """0 if unknown, as is the next one."""
    observed_timestamp_unix_nano: int
    severity_number: SeverityNumber | None
    trace_id: int
    """0 outside a trace."""
    span_id: int
    """0 outside a span."""
    scope: InstrumentationScope | None
    resource: Any
    """As of a span."""
    exception: BaseException | None = None
    """A live one; that of a received record is among its attributes."""
    span_attributes: Mapping[str, Any] | None = None
    """Of the recording span that it was emitted in, if that is in this process."""
    severity_text: str = ""
    """Not kept: it tells received records apart, as the next one does."""
    flags: int = 0


def is_plain(attributes: Mapping[str, Any]) -> bool:
    """Whether no key is empty, and every value exactly text, a number, a boolean or ``None``."""
    return _PLAIN.issuperset(map(type, attributes.values())) and "" not in attributes
