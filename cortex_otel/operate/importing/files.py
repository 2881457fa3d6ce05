"""Which files, what they hold, and all of them imported."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cortex_otel.operate.importing.contents import content_of
from cortex_otel.operate.importing.csv_rows import Table, rows
from cortex_otel.operate.importing.readers import CsvRows, JsonLines
from cortex_otel.operate.importing.shapes import SHAPES
from cortex_otel.operate.importing.sources import Source, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cortex_otel.operate.importing.importer import Importer
    from cortex_otel.operate.importing.readers import Reader
    from cortex_otel.operate.importing.shapes import Shape
    from cortex_otel.operate.importing.sources import Line

__all__ = ["FORMATS", "FileError", "Given", "Options", "check", "import_all", "logs_below"]

Format = Literal["auto", "log", "cortex", "otlp", "csv"]
#: ``cortex`` is what Cortex wrote before; ``auto`` finds out.
FORMATS: Final[tuple[Format, ...]] = ("auto", "log", "cortex", "otlp", "csv")
_NAMES: Final = re.compile(
    r".*\.(?:jsonl|ndjson|json|log|txt)(?:[.-].*)?", re.IGNORECASE | re.DOTALL
)
_LOOKED_AT: Final = 100  # lines of a sample; a rotated file may begin in the middle of one
_BLANK: Final = b" \t\r\n\0"


class FileError(Exception):
    """A file that can't be imported.

    Args:
        name: of the file.
        reason: as of :class:`SourceError` or :class:`.Content`, or ``not_csv``, ``not_known``.
        what: further words, as of :class:`.Content`.
    """

    def __init__(self, name: str, reason: str, what: str = "") -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason
        self.what = what


class Given(NamedTuple):
    """A file as it was asked for."""

    path: Path | None
    """``None`` for stdin."""
    name: str
    """In messages and in the list of refused lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How files are read."""

    format: Format = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of CSV: field by column."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Of CSV: fields that every row has."""
    only_logs: bool = False
    """Files that aren't JSON lines are left alone, and only regular ones are opened."""


def logs_below(directory: Path) -> list[Given]:
    """The files below ``directory`` that may be logs, by their names, the oldest first."""
    found: list[tuple[int, str, Path]] = []
    for parent, _, names in os.walk(directory):
        for name in names:
            path = Path(parent, name)
            if _NAMES.fullmatch(name):
                with suppress(OSError):
                    status = path.stat()
                    if stat.S_ISREG(status.st_mode):
                        found.append((status.st_mtime_ns, name, path))
    return [Given(path, str(path.relative_to(directory))) for _, _, path in sorted(found)]


def check(given: Sequence[Given], options: Options) -> int:
    """Look into each file, before anything of any is imported.

    Of a directory's logs none is in the way of the others: they aren't looked into.

    Returns:
        Bytes on disk in all of them, as far as that is known.

    Raises:
        FileError: one can't be imported.
        CsvError: one has other columns than those that were asked for.
    """
    size = 0
    for path, name in given:
        if path is None or _is_pipe(path):
            continue  # what can be read only once
        if options.only_logs:
            with suppress(OSError):
                size += path.stat().st_size
            continue
        with _opened(path, name, options) as source:
            size += source.size
            if source.size and _kind(source, options) == "csv":
                lines = rows(source.lines())
                _table(next(lines, None), name, options)
    return size


def import_all(
    importer: Importer,
    given: Sequence[Given],
    options: Options,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Import every file.

    Args:
        importer: where they go.
        given: the files.
        options: how they are read.
        progress: told how many bytes are done, of all files.

    Raises:
        FileError: stdin, or a file that was changed since it was checked.
        CsvError: the same.
        StoppedError: the store can't be written.
    """
    done = 0
    for path, name in given:
        try:
            source = _opened(path, name, options)
        except FileError as error:
            if not options.only_logs:
                raise
            importer.report.troubles.append((name, error.reason))
            continue
        with source:
            if source.is_damaged():
                if not options.only_logs:
                    raise FileError(name, "gzip_damaged")
                importer.report.troubles.append((name, "gzip_damaged"))
                continue
            try:
                reader, lines = _reader(importer, source, options)
            except FileError as error:
                if error.reason != "not_log":
                    raise
                importer.report.other_files += 1
                continue
            base = done
            importer.read(source, reader, lines, lambda read, base=base: progress(base + read))  # type: ignore[misc]
            done = base + source.size


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _opened(path: Path | None, name: str, options: Options) -> Source:
    try:
        return Source(path, name, only_regular=options.only_logs)
    except SourceError as error:
        raise FileError(name, error.reason) from None


def _reader(importer: Importer, source: Source, options: Options) -> tuple[Reader, Iterator[Line]]:
    identity = importer.hash_for().identity
    if _kind(source, options) == "csv":
        lines = rows(source.lines())
        header = next(lines, None)
        if header is None:
            return _json(importer, options), iter(())
        table = _table(header, source.name, options)
        return CsvRows(importer.intake, importer.events, identity, table), lines
    return _json(importer, options), source.lines()


def _json(importer: Importer, options: Options) -> JsonLines:
    shapes: tuple[Shape, ...] = SHAPES
    if options.format in {"log", "cortex"}:
        shapes = tuple(one for one in SHAPES if one.is_own == (options.format == "log"))
    elif options.format == "otlp":
        shapes = ()
    return JsonLines(
        importer.intake,
        importer.events,
        importer.hash_for().identity,
        shapes,
        otlp=options.format in {"auto", "otlp"},
    )


def _table(header: Line | None, name: str, options: Options) -> Table:
    if header is None:
        raise FileError(name, "not_csv")
    return Table(header.content, options.columns, options.constants)


def _kind(source: Source, options: Options) -> Literal["json", "csv"]:
    """What a file holds, by its beginning.

    Raises:
        FileError: nothing that we read.
    """
    if (content := content_of(source.sample)) is not None:
        if options.only_logs:
            raise FileError(source.name, "not_log")
        raise FileError(source.name, *content)
    if options.format == "csv":
        return "csv"
    lines = [line.strip(_BLANK) for line in source.sample.split(b"\n", _LOOKED_AT)]
    lines = [line for line in lines if line]
    if options.format != "auto" or not lines or any(line[:1] in b"{[" for line in lines):
        return "json"
    if options.only_logs:
        raise FileError(source.name, "not_log")
    if (
        options.columns
        or options.constants
        or any(mark in lines[0] for mark in (b",", b";", b"\t"))
    ):
        return "csv"
    raise FileError(source.name, "not_known")
