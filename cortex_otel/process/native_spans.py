"""What an MCP library tells on a span of ours, for the host's own readers, and the store doesn't.

Where a library makes spans of requests itself, ours takes the place of its own and carries what
that would have carried: names that nobody has checked, exception messages, a session id that is
none. Other exporters get the span as it is; the row is made of what we know.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, Status, StatusCode

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.span.span import LeanParts

__all__ = ["NativePart", "NestedCall", "as_it_is", "expect", "expected", "for_store"]

_MAX_EXPECTED: Final = 10_000


@dataclass(slots=True)
class NativePart:
    """What of a span the library has written, and what stands there for the store.

    While the request is under way, ``name`` is the one the library gave; afterwards ours.
    """

    name: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    """Our own values of the keys told; a key without one is left out."""
    status: Status = Status()
    """Ours."""
    has_status: bool = False
    has_events: bool = False
    face: Any = None
    """What the library was given as its span."""


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


def for_store(span: Any) -> Any:
    """The ended span, as the store reads it."""
    what = expected.pop(span.context.span_id, None) if span.context is not None else None
    return span if what is None else _Read(span, what)


def as_it_is(span: Any) -> Any:
    """The ended span with what the library wrote."""
    return span._span if isinstance(span, _Read) else span  # noqa: SLF001 - of this module


class _Read:
    """An ended span with some of its parts replaced."""

    def __init__(self, span: Any, what: NativePart | NestedCall) -> None:
        self._span = span
        if isinstance(what, NestedCall):
            self._read_nested(what)
            return
        told = what.told
        kept = {key: value for key, value in span.attributes.items() if key not in told}
        self._lean_attributes = self.attributes = kept | what.ours
        self.name = what.name
        if what.has_status:
            self.status = what.status
        if what.has_events:
            self.events = ()

    def _read_nested(self, what: NestedCall) -> None:
        self.kind = SpanKind.INTERNAL
        tool = self._span.attributes.get(sc.GEN_AI_TOOL_NAME)
        has_failed = self._span.status.status_code is StatusCode.ERROR
        if tool is not None and has_failed and not what.is_known(str(tool)):
            self._lean_attributes = self.attributes = {
                key: value
                for key, value in self._span.attributes.items()
                if key != sc.GEN_AI_TOOL_NAME
            }
            self.name = str(self.attributes.get(sc.MCP_METHOD_NAME, ""))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)

    def lean_parts(self) -> LeanParts | None:
        """As of a lean span."""
        lean = getattr(self._span, "lean_parts", None)
        parts: LeanParts | None = lean() if lean is not None else None
        if parts is None or self.kind is not parts[2]:
            return None
        return (self.attributes, self.name, *parts[2:7], self.status, *parts[8:])
