"""What came of an import, and the list of the lines that weren't taken."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.locale import N_
from cortex_otel_exporters.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["REASONS", "RefusedLines", "Report"]

#: Why a line isn't taken.
REASONS: Final[Mapping[str, str]] = {
    "not_json": N_("it isn't JSON"),
    "not_object": N_("it isn't a JSON object"),
    "not_csv": N_("it can't be read as CSV"),
    "wrong_cells": N_("it has more or fewer cells than the header"),
    "cut_export": N_("the export was cut here: there was more"),
    "too_long": N_("it is longer than 16 MiB"),
    "not_asked": N_("it isn't of the format that was asked for"),
    "unknown_shape": N_("no known shape"),
    "unknown_event": N_("an unknown event"),
    "unknown_tier": N_("an unknown tier"),
    "unknown_result": N_("an unknown result"),
    "no_time": N_("no time"),
    "unreadable_time": N_("a time that can't be read"),
    "too_old": N_("a time before 2000"),
    "in_the_future": N_("a time in the future"),
    "no_tool": N_("a tool call without its tool"),
    "not_otlp": N_("it can't be read as OTLP"),
    "invalid": N_("a value that can't be stored"),
}

#: A list that goes on for longer says nothing more.
_MAX_LISTED: Final = 100_000
FILE_NAME: Final = "refused-lines.tsv"


@dataclass(slots=True, kw_only=True)
class Report:
    """Counts of one run."""

    files: int = 0
    other_files: int = 0
    """Files that are no logs, and were left alone."""
    lines: int = 0
    """That weren't blank."""
    records: int = 0
    """Events, spans and metric points in them."""
    imported: int = 0
    duplicates: int = 0
    """Records that are in the store already, or have been."""
    refused: Counter[str] = field(default_factory=Counter)
    """Lines, and records of OTLP, by a reason of :data:`REASONS`."""
    incomplete: int = 0
    """Last lines that aren't whole yet: left for the next run."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Values that couldn't be read, by field; their records were taken."""
    names_over: Counter[str] = field(default_factory=Counter)
    """Names stored as ``_OTHER``, by kind."""
    local_times: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    """Imported records by event type."""
    first_ns: int = 0
    last_ns: int = 0
    too_old: Counter[str] = field(default_factory=Counter)
    """Records that retention deletes: ``events`` whose roll-ups stay, ``rollups`` of which nothing
    does."""
    troubles: list[tuple[str, str]] = field(default_factory=list)
    """Files that couldn't be read to their ends, and why."""
    stopped_at: tuple[str, int] = ("", 0)
    """File and line up to which all is stored."""
    seconds: float = 0.0

    def note_imported(self, event_type: str, number: int, first_ns: int, last_ns: int) -> None:
        """Count imported records."""
        self.imported += number
        self.by_type[event_type] += number
        self.first_ns = min(self.first_ns or first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "files": self.files,
            "other_files": self.other_files,
            "lines": self.lines,
            "records": self.records,
            "imported": self.imported,
            "duplicates": self.duplicates,
            "refused": dict(self.refused),
            "incomplete_lines": self.incomplete,
            "values_left_out": dict(self.left_out),
            "names_over_budget": dict(self.names_over),
            "times_without_zone": self.local_times,
            "by_type": dict(self.by_type),
            "first_unix_ns": self.first_ns or None,
            "last_unix_ns": self.last_ns or None,
            "older_than_retention": dict(self.too_old),
            "unreadable": [{"file": name, "reason": why} for name, why in self.troubles],
            "seconds": round(self.seconds, 3),
        }


class RefusedLines:
    """A file that lists refused lines by file, number and reason, and nothing that they say.

    It replaces that of the run before when it is closed; without a refused line there is none.

    Args:
        directory: where it is kept; ``None`` keeps none.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._lines: list[str] = []
        self._count = 0
        self.path: Path | None = None

    def add(self, file: str, number: int, reason: str) -> None:
        """List a line."""
        self._count += 1
        if self._directory is not None and self._count <= _MAX_LISTED:
            name = "".join(letter if letter.isprintable() else "?" for letter in file)
            self._lines.append(f"{name}\t{number}\t{reason}\n")

    def close(self) -> None:
        """Write it; a directory that can't be written to has no list."""
        if self._directory is None:
            return
        path = self._directory / FILE_NAME
        with contextlib.suppress(OSError):
            if not self._count:
                path.unlink(missing_ok=True)
                return
            if self._count > _MAX_LISTED:
                self._lines.append(f"…\t\tand {self._count - _MAX_LISTED} more\n")
            text = "".join(("file\tline\treason\n", *self._lines))
            write_whole(path, text.encode("utf-8", "replace"))
            self.path = path
