"""CSV → rows by column: any delimiter, cells with line ends, a mapping of columns to fields."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.operate.importing.shapes import FIELD_OF, FIELDS, Shape
from cortex_otel.operate.importing.sources import Line
from cortex_otel.operate.importing.values import RefusedLine, plain_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["TARGETS", "CsvError", "Table", "rows"]

#: What a column can be.
TARGETS: Final = frozenset(
    {*FIELDS, *(field.name for event in EVENTS.values() for field in event.fields)}
    - {"module", "action", "metadata"}
)
#: A row is what happened at its time; our own export says when each began.
TABLE: Final = Shape("table", frozenset({"time", "event"}), ("event",), "start")
#: The columns of the question ``events``, which is what is exported.
_OWN_COLUMNS: Final = (
    "time", "service", "event_type", "user_tier", "feature", "result", "duration_ms", "error_type",
    "message", "user_id_hash", "session_id", "trace_id", "id",
)  # fmt: skip
OWN_TABLE: Final = Shape(
    "export", frozenset({"time", "service", "event", "tier"}), ("event",), "start", is_own=True
)
_OWN_NAMES: Final = {"message": "error_location", "id": ""}
_CUT: Final = "# cut after "
_DELIMITERS: Final = ",;\t|"
_MAX_LINES, _MAX_BYTES = 256, 1024 * 1024  # of one row


class CsvError(Exception):
    """A table that can't be read as it is asked for.

    Args:
        reason: ``no_csv``, ``no_columns``, ``no_time``, ``no_event`` or ``no_column``.
        what: the column, or those that there are.
    """

    def __init__(self, reason: str, what: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.what = what


class Table:
    """How the rows of a file are read.

    Args:
        header: its first row.
        columns: field by column; others are known by their own names.
        constants: fields that every row has.

    Raises:
        CsvError: it is no CSV, or there is no such column, or none that says when and what.
    """

    def __init__(
        self, header: bytes, columns: Mapping[str, str], constants: Mapping[str, str]
    ) -> None:
        text = header.decode("utf-8", "replace")
        self._delimiter = max(_DELIMITERS, key=text.count)
        try:
            names = [name.strip() for name in self._cells(text)]
        except csv.Error:
            raise CsvError("no_csv") from None
        if not any(names):
            raise CsvError("no_columns")
        for column in columns:
            if column not in names:
                raise CsvError("no_column", f"{column} ({', '.join(names)})")
        self.is_own = tuple(names) == _OWN_COLUMNS and not columns
        self.shape = OWN_TABLE if self.is_own else TABLE
        self._constants = dict(constants)
        self._names = [self._key_of(name, columns, constants) for name in names]
        known = {
            FIELD_OF[plain_key(name)][0]
            for name in (*self._names, *constants)
            if plain_key(name) in FIELD_OF
        }
        for needed, reason in (("time", "no_time"), ("event", "no_event")):
            if needed not in known:
                raise CsvError(reason, ", ".join(names))
        self.salt = repr((names, sorted(columns.items()), sorted(constants.items()))).encode()

    def row(self, content: bytes) -> dict[str, str]:
        """The cells of a row that say something, by field.

        Raises:
            RefusedLine: it has other columns.
        """
        try:
            cells = self._cells(content.decode("utf-8", "replace"))
        except csv.Error:
            raise RefusedLine("not_csv") from None
        if len(cells) != len(self._names):
            is_end = len(cells) == 1 and cells[0].startswith(_CUT)
            raise RefusedLine("cut_export" if is_end else "wrong_cells")
        row = {name: cell for name, cell in zip(self._names, cells, strict=True) if name and cell}
        if self.is_own:
            row = {name: _unquoted(cell) for name, cell in row.items()}
        return row | self._constants

    def _cells(self, text: str) -> list[str]:
        # Line ends within a cell must reach the reader as they are.
        return next(csv.reader([text], delimiter=self._delimiter, strict=True), [])

    def _key_of(self, name: str, columns: Mapping[str, str], constants: Mapping[str, str]) -> str:
        """What a column is read as; ``""``: not at all."""
        if name in columns:
            return columns[name]
        if self.is_own:
            return _OWN_NAMES.get(name, name)
        field = FIELD_OF.get(plain_key(name), (plain_key(name), 0))[0]
        # Who maps a column says that no other is it.
        return "" if field in {*columns.values(), *constants} else name


def rows(lines: Iterable[Line]) -> Iterator[Line]:
    """``lines`` with those joined that are one row: a cell may hold line ends.

    A quote that is never closed costs its own line only.
    """
    waiting: list[Line] = []
    for line in lines:
        waiting.append(line)
        yield from _joined(waiting)
    while waiting:
        yield waiting.pop(0)
        again, waiting = waiting, []
        for line in again:
            waiting.append(line)
            yield from _joined(waiting)


def _joined(waiting: list[Line]) -> Iterator[Line]:
    """The row that ends with the last of ``waiting``, which is taken out of it."""
    content = b"\n".join(one.content for one in waiting) if len(waiting) > 1 else waiting[0].content
    if content.count(b'"') % 2 == 0:
        first, last = waiting[0], waiting[-1]
        yield Line(first.number, content, last.is_whole, first.is_too_long)
        waiting.clear()
    elif len(waiting) >= _MAX_LINES or len(content) > _MAX_BYTES:
        yield waiting[0]
        rest = waiting[1:]
        waiting.clear()
        for line in rest:
            waiting.append(line)
            yield from _joined(waiting)


def _unquoted(cell: str) -> str:
    """A cell without the ``'`` that keeps a spreadsheet from running it."""
    return cell[1:] if cell[:1] == "'" and len(cell) > 1 and not cell[1].isalnum() else cell
