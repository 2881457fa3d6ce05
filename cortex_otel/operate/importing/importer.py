"""Lines → the store, a piece a transaction; what was imported once isn't imported again.

A piece and the note that it was imported are one transaction. So whatever ends the work, what is
stored is whole, and the next run goes on behind it. Between two transactions lines are read for
some ten milliseconds, in which other writers get the lock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from cortex_otel import guard
from cortex_otel.identity import IdentityResolver
from cortex_otel.operate.importing.events import Events
from cortex_otel.operate.importing.pieces import PieceHash, cut
from cortex_otel.operate.importing.readers import Batch
from cortex_otel.operate.importing.report import RefusedLines, Report
from cortex_otel.operate.importing.target import DryRun, StoppedError, Target
from cortex_otel.operate.importing.values import RefusedLine
from cortex_otel.operate.retention import kept_from
from cortex_otel.process.names import OTHER
from cortex_otel.receive.intake import Intake
from cortex_otel_exporters.sqlite.imported import ImportedPiece, likeness
from cortex_otel_exporters.sqlite.stored_names import stored_names

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cortex_otel.operate.importing.readers import Reader
    from cortex_otel.operate.importing.sources import Line, Source
    from cortex_otel.operate.importing.target import Stored
    from cortex_otel.receive.intake import Part
    from cortex_otel.settings import Settings
    from cortex_otel_exporters.record import Record

__all__ = ["Importer", "StoppedError"]

_DUPLICATE: Final = ("event", "dropped", "duplicate")
_FIRST_NS: Final = 946_684_800 * 10**9  # 2000-01-01
_DAY_NS: Final = 86_400 * 10**9


class Importer:
    """Imports files into the store; a context manager, after which :attr:`report` is complete.

    Args:
        settings: database, keys, redaction. Sampling doesn't apply: what is in a file is all
            there is.
        zone: of times that name none.
        dry_run: show what would be imported, and change nothing.
    """

    def __init__(self, settings: Settings, *, zone: dt.tzinfo, dry_run: bool = False) -> None:
        self._stack = contextlib.ExitStack()
        settings = dataclasses.replace(settings, sampling={})
        database = settings.database
        if dry_run and not (settings.home / "text-hash.key").exists():
            # Hashes need a key; what is only tried makes none that stays.
            home = self._stack.enter_context(tempfile.TemporaryDirectory())
            settings = dataclasses.replace(settings, home=Path(home))
        self._key = IdentityResolver(settings).text_key()
        self.intake = Intake(settings, stored_names(database))
        self.events = Events(zone)
        self.report = Report()
        self.refused = RefusedLines(None if dry_run else database.parent)
        self._target = DryRun(database) if dry_run else Target(database)
        self._events_before, self._rollups_before = kept_from(settings, time.time_ns())
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.report.left_out = self.events.left_out
        self.report.local_times = self.events.local_times
        self.report.seconds = time.monotonic() - self._started
        self._target.close()
        self.refused.close()
        self._stack.close()

    def hash_for(self, salt: bytes = b"") -> PieceHash:
        """Hashes of lines that are read in the way that ``salt`` says."""
        return PieceHash(self._key, salt)

    def read(
        self,
        source: Source,
        reader: Reader,
        lines: Iterable[Line],
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Import the lines of a file.

        Args:
            source: the file.
            reader: of its kind of lines.
            lines: of the file.
            progress: told after each piece how many bytes of the file are done.

        Raises:
            StoppedError: the store can't be written; all pieces before are stored.
        """
        self.report.files += 1
        hashes = self.hash_for(reader.salt)
        self._target.begin_file()
        for piece in cut(self._whole(lines, reader)):
            self._take(piece, hashes, reader, source.name)
            self.report.stopped_at = source.name, piece[-1].number
            progress(source.position)
        if source.trouble:
            self.report.troubles.append((source.name, source.trouble))

    # --- pieces ---------------------------------------------------------------------------------

    def _whole(self, lines: Iterable[Line], reader: Reader) -> Iterator[Line]:
        for line in lines:
            if not line.is_whole and not line.is_too_long and reader.is_half(line.content):
                self.report.incomplete += 1
            else:
                yield line

    def _take(self, lines: list[Line], hashes: PieceHash, reader: Reader, file: str) -> None:
        self.report.lines += len(lines)
        while lines:
            known = self._known(lines, hashes)
            if known is None or _says_again(lines, known.lines):
                self._import(lines, hashes, reader, file)
                return
            self._pass_over(lines[: known.lines], known, reader, file)
            lines = lines[known.lines :]

    def _known(self, lines: list[Line], hashes: PieceHash) -> ImportedPiece | None:
        """The longest known piece that ``lines`` begin with."""
        for piece in self._target.pieces_from(hashes.first(lines)):
            if piece.lines <= len(lines) and hashes.lines(lines[: piece.lines]) == piece.digest:
                return piece
        return None

    def _pass_over(
        self, lines: Sequence[Line], known: ImportedPiece, reader: Reader, file: str
    ) -> None:
        """Count a piece that was imported before; only what wasn't taken then is tried again."""
        self.report.records += known.records
        self.report.duplicates += known.records
        if known.refused:
            batch, refused = self._read(lines, known.refused, reader, file)
            if refused != known.refused:
                self._store(batch, known, refused, lines, file)

    def _import(self, lines: list[Line], hashes: PieceHash, reader: Reader, file: str) -> None:
        batch, refused = self._read(lines, range(len(lines)), reader, file)
        for place in refused:
            batch.events.ledger["line", "refused", self._reasons[place]] += 1
        piece = ImportedPiece(hashes.first(lines), len(lines), hashes.lines(lines), 0, ())
        self._store(batch, piece, refused, lines, file)

    def _read(
        self, lines: Sequence[Line], places: Iterable[int], reader: Reader, file: str
    ) -> tuple[Batch, tuple[int, ...]]:
        """The records of the lines at ``places``, and those of them that have none."""
        batch = Batch()
        self._reasons: dict[int, str] = {}
        for place in places:
            line = lines[place]
            if reason := "too_long" if line.is_too_long else _taken(reader, batch, place, line):
                self._reasons[place] = reason
                self.report.refused[reason] += 1
                self.refused.add(file, line.number, reason)
        return batch, tuple(self._reasons)

    def _store(
        self,
        batch: Batch,
        piece: ImportedPiece,
        refused: tuple[int, ...],
        lines: Sequence[Line],
        file: str,
    ) -> None:
        self._drop_recorded(batch)
        parts: list[tuple[Part, list[int]]] = [(batch.events, batch.places)]
        for part, place in batch.parts:
            self._check_times(part, lines[place].number, file)
            parts.append((part, [place] * len(part.records)))
        records = piece.records + sum(
            count
            for part, _ in parts
            for (_, outcome, _), count in part.ledger.items()
            if outcome == "received"
        )
        self.report.records += records - piece.records
        piece = piece._replace(records=records, refused=refused)
        self._target.begin_piece()
        for number, (part, places) in enumerate(parts, 1):
            is_last = number == len(parts)
            if not (part.records or part.points or part.ledger or is_last):
                continue
            stored = self._target.write(part, [piece] if is_last else [])
            self._count(part, stored)
            for at in stored.refused_records:
                self._refuse_record(file, lines[places[at]].number)
            if stored.refused_points:
                self.report.refused["invalid"] += len(stored.refused_points)
        self._target.end_piece()

    # --- records --------------------------------------------------------------------------------

    def _drop_recorded(self, batch: Batch) -> None:
        """Leave out what a log or an export tells of events that are here already."""
        if not any(batch.resolutions):
            return
        records = batch.events.records
        wanted = [
            (record, size) for record, size in zip(records, batch.resolutions, strict=True) if size
        ]
        here = self._target.recorded(wanted)
        if not here:
            return
        kept: list[int] = []
        for at, (record, size) in enumerate(zip(records, batch.resolutions, strict=True)):
            like = next((each for each in _likenesses(record) if size and here[each] > 0), None)
            if like is not None:
                here[like] -= 1
            else:
                kept.append(at)
        dropped = len(records) - len(kept)
        batch.events.ledger[_DUPLICATE] += dropped
        self.report.duplicates += dropped
        batch.events.records = [records[at] for at in kept]
        batch.places = [batch.places[at] for at in kept]

    def _check_times(self, part: Part, number: int, file: str) -> None:
        """Refuse records of OTLP whose times no clock can have meant."""
        last = time.time_ns() + _DAY_NS
        records = [one for one in part.records if _FIRST_NS <= one.time_unix_nano <= last]
        points = [one for one in part.points if _FIRST_NS <= one.time_unix_nano <= last]
        for signal, all_of, kept in (
            ("event", part.records, records), ("metric", part.points, points),
        ):  # fmt: skip
            wrong = len(all_of) - len(kept)
            late = sum(one.time_unix_nano > last for one in all_of) if wrong else 0
            part.ledger[signal, "dropped", "invalid"] += wrong
            for reason, count in (("too_old", wrong - late), ("in_the_future", late)):
                if count:
                    self.report.refused[reason] += count
                    self.refused.add(file, number, reason)
        part.records, part.points = records, points
        for count in part.refusals.values():
            self.report.refused["invalid"] += count
            self.refused.add(file, number, "invalid")

    def _new_times(self, part: Part, stored: Stored) -> list[int]:
        """When the records of a part were that are new, as far as it takes to count old ones."""
        if not stored.imported:
            return []
        if min(first for _, _, first, _ in stored.imported) >= self._events_before:
            return []
        times = sorted(each.time_unix_nano for each in part.records)
        new = sum(number for kind, number, _, _ in stored.imported if kind != "metric")
        return times[len(times) - new :] if new else []

    def _refuse_record(self, file: str, number: int) -> None:
        self.report.refused["invalid"] += 1
        self.refused.add(file, number, "invalid")

    def _count(self, part: Part, stored: Stored) -> None:
        self.report.duplicates += stored.duplicates
        for at in self._new_times(part, stored):
            if at < self._rollups_before:
                self.report.too_old["rollups"] += 1
            elif at < self._events_before:
                self.report.too_old["events"] += 1
        for (signal, outcome, kind), count in part.ledger.items():
            if (signal, outcome) == ("name", "overflowed"):
                self.report.names_over[kind] += count
        for event_type, number, first_ns, last_ns in stored.imported:
            self.report.note_imported(event_type, number, first_ns, last_ns)


def _likenesses(record: Record) -> Iterator[tuple[Any, ...]]:
    """As :func:`likeness`, and with the features it may have been recorded with instead.

    When it was recorded, its own may have been one too many; and of empty words there was none,
    which a log tells as hashes.
    """
    yield likeness(record)
    for feature in (OTHER, "") if record.series.feature else ():
        yield likeness(record._replace(series=record.series._replace(feature=feature)))


def _taken(reader: Reader, batch: Batch, place: int, line: Line) -> str:
    """Why a line isn't taken; ``""`` if it is."""
    try:
        reader.take(batch, place, line.content)
    except RefusedLine as refused:
        return refused.reason
    except Exception as error:  # noqa: BLE001 - a line that breaks a rule nobody foresaw
        guard.swallowed("import.line", error)
        return "invalid"
    return ""


def _says_again(lines: Sequence[Line], known: int) -> bool:
    """Whether a line behind the known ones is equal to one of them: only the store can count it."""
    if known == len(lines):
        return False
    before = {line.content for line in lines[:known]}
    return any(line.content in before for line in lines[known:])
