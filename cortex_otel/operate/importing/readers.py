"""A line → records in a part of the intake, or the reason why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from cortex_otel.operate.importing.values import RefusedLine
from cortex_otel.receive import lenient_json
from cortex_otel.receive.intake import Part
from cortex_otel.receive.records import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.operate.importing.csv_rows import Table
    from cortex_otel.operate.importing.events import Event, Events
    from cortex_otel.operate.importing.shapes import Shape
    from cortex_otel.receive.intake import Intake

__all__ = ["Batch", "CsvRows", "JsonLines", "Reader"]

_SIGNALS: Final = {"resourceSpans": "traces", "resourceLogs": "logs", "resourceMetrics": "metrics"}
_OTLP_STARTS: Final = tuple(f'{{"{key}"'.encode() for key in _SIGNALS)


class Batch:
    """The records of a piece, before they are stored."""

    def __init__(self) -> None:
        self.events = Part()
        """Those that came a line each."""
        self.places: list[int] = []
        """Of each of its records, the line."""
        self.resolutions: list[int] = []
        """Of each of its records that may have been recorded here, how exactly its time is known;
        0 of the others."""
        self.parts: list[tuple[Part, int]] = []
        """OTLP, with the line that each came in."""


class Reader(Protocol):
    """Reads the lines of one kind of file."""

    salt: bytes
    """What else lines of this text could mean: see :class:`.PieceHash`."""

    def take(self, batch: Batch, place: int, content: bytes) -> None:
        """Put the records of a line into ``batch``.

        Raises:
            RefusedLine: there are none; ``batch`` is as it was.
        """
        ...

    def is_half(self, content: bytes) -> bool:
        """Whether a last line without an end isn't whole."""
        ...


class _OfLines:
    """What both readers share.

    Args:
        intake: makes rows of events.
        events: makes events of lines.
        identity: 64 bits of what a line says.
    """

    def __init__(self, intake: Intake, events: Events, identity: Callable[[bytes], int]) -> None:
        self._intake = intake
        self._events = events
        self._identity = identity

    def _add(self, batch: Batch, place: int, event: Event, line: bytes) -> None:
        # Of what the line says, not of what is made of it: a later version may read more of it.
        part = batch.events
        before = len(part.records)
        self._intake.add(part, event.log, self._identity(line))
        if len(part.records) == before:
            raise RefusedLine("invalid")
        batch.places.append(place)
        batch.resolutions.append(event.time.resolution_ns if event.shape.is_own else 0)


class JsonLines(_OfLines):
    """Lines of JSON: our own log, what Cortex wrote before, OTLP/JSON; each by what it looks like.

    Args:
        intake: makes rows of events.
        events: makes events of lines.
        identity: 64 bits of what a line says.
        shapes: those that are wanted; none for OTLP alone.
        otlp: whether OTLP is wanted.
    """

    salt = b""

    def __init__(
        self,
        intake: Intake,
        events: Events,
        identity: Callable[[bytes], int],
        shapes: tuple[Shape, ...],
        *,
        otlp: bool,
    ) -> None:
        super().__init__(intake, events, identity)
        self._shapes = shapes
        self._otlp = otlp

    def take(self, batch: Batch, place: int, content: bytes) -> None:
        """Put the records of a line into ``batch``; see :class:`Reader`."""
        if content.startswith(_OTLP_STARTS):
            self._take_otlp(batch, place, content)
            return
        line = _loaded(content)
        if not _SIGNALS.keys().isdisjoint(line):
            self._take_otlp(batch, place, content)
        elif not self._shapes:
            raise RefusedLine("not_asked")
        else:
            self._add(batch, place, self._events.read(line, self._shapes), _canonical(line))

    def is_half(self, content: bytes) -> bool:
        """JSON that has been cut is none."""
        try:
            _loaded(content)
        except RefusedLine as refused:
            return refused.reason == "not_json"
        return False

    def _take_otlp(self, batch: Batch, place: int, content: bytes) -> None:
        if not self._otlp:
            raise RefusedLine("not_asked")
        line = _loaded(content)
        taken: list[tuple[Part, int]] = []
        try:
            for key, signal in _SIGNALS.items():
                if key in line:
                    parts = self._intake.parts(signal, content, is_json=True)
                    taken += [(part, place) for part in parts]
        except MalformedError:
            raise RefusedLine("not_otlp") from None
        batch.parts += taken


class CsvRows(_OfLines):
    """Rows of a table.

    Args:
        intake: makes rows of events.
        events: makes events of lines.
        identity: 64 bits of what a row says.
        table: how it is read.
    """

    def __init__(
        self, intake: Intake, events: Events, identity: Callable[[bytes], int], table: Table
    ) -> None:
        super().__init__(intake, events, identity)
        self._table = table
        self.salt = table.salt

    def take(self, batch: Batch, place: int, content: bytes) -> None:
        """Put the record of a row into ``batch``; see :class:`Reader`."""
        shapes = (self._table.shape,)
        event = self._events.read(self._table.row(content), shapes, shapes)
        self._add(batch, place, event, content)

    def is_half(self, content: bytes) -> bool:
        """Half a row looks like one; most tables end without a line end."""
        del content
        return False


def _loaded(content: bytes) -> dict[str, Any]:
    try:
        line = orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            line = lenient_json.loads(content)
        except ValueError:
            raise RefusedLine("not_json") from None
    if type(line) is not dict:
        raise RefusedLine("not_object")
    return line


def _canonical(line: dict[str, Any]) -> bytes:
    """Equal bytes for equal lines, with their keys in order."""
    try:
        return orjson.dumps(line, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # nested deeper than it writes, or a larger integer
        return repr(line).encode("utf-8", "backslashreplace")
