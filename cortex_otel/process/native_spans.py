"""What an MCP library tells on a span of ours, for the host's own readers, and the store doesn't.

Where a library makes spans of requests itself, ours takes the place of its own and carries what
that would have carried: names that nobody has checked, exception messages, a session id that is
none. Other exporters get the span as it is; the row is made of what we know.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.process.data import SpanData

__all__ = ["UNREAD", "NativePart", "NestedCall", "expect", "expected", "for_store"]

_MAX_EXPECTED: Final = 10_000


@dataclass(slots=True)
class NativePart:
    """What of a span the library has written, and what stands there for the store.

    While the request is under way, ``name`` is the one the library gave; afterwards ours.
    """

    name: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    """Our own values of the keys given; a key without one is left out."""
    status: StatusCode = StatusCode.UNSET
    """Ours."""
    has_status: bool = False
    has_events: bool = False
    face: Any = None
    """What the library was given as its span."""


#: Of a span that only the store reads: the library isn't asked for its part.
UNREAD: Final = NativePart()


@dataclass(slots=True)
class NestedCall:
    """A library's span of a call that a request makes inside; the request is the call."""

    is_known: Callable[[str], bool]
    """Whether the server has a tool: what fails may have been called by any name."""


#: By span id: spans under way that the store reads otherwise than they are.
expected: Final[OrderedDict[int, NativePart | NestedCall]] = OrderedDict()


def expect(span_id: int, what: NativePart | NestedCall) -> None:
    """The span of that id, when it ends, is to be read so."""
    expected[span_id] = what
    if len(expected) > _MAX_EXPECTED:  # of those that nobody ends
        expected.popitem(last=False)


def for_store(span: SpanData) -> SpanData:
    """The ended span, as the store reads it."""
    what = expected.pop(span.span_id, None)
    if what is None:
        return span
    if isinstance(what, NestedCall):
        return _as_nested(span, what)
    kept = {key: value for key, value in span.attributes.items() if key not in what.given}
    return span._replace(
        attributes=kept | what.ours,
        name=what.name,
        status=what.status if what.has_status else span.status,
        events=() if what.has_events else span.events,
    )


def _as_nested(span: SpanData, call: NestedCall) -> SpanData:
    tool = span.attributes.get(sc.GEN_AI_TOOL_NAME)
    has_failed = span.status is StatusCode.ERROR
    if tool is None or not has_failed or call.is_known(str(tool)):
        return span._replace(kind=SpanKind.INTERNAL)
    kept = {key: value for key, value in span.attributes.items() if key != sc.GEN_AI_TOOL_NAME}
    name = str(kept.get(sc.MCP_METHOD_NAME, ""))
    return span._replace(kind=SpanKind.INTERNAL, attributes=kept, name=name)
