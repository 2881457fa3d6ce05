"""The reports that are kept: files in ``reports/`` of the home, known by their names alone."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cortex_otel.locale import LANGUAGES
from cortex_otel.query.ranges import RangeError
from cortex_otel.show.report.weeks import Week, parse_week

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["API_PATH", "PAGE_PATH", "KeptReport", "file_name", "find", "folder", "kept", "newest"]

PAGE_PATH: Final = "/admin/telemetry/reports"
"""Where the web admin lists them."""
API_PATH: Final = "/api/telemetry/reports"
"""Where it has them: this, and below it each by its name."""
_NAME: Final = re.compile(
    rf"cortex-report-(?P<week>[0-9]{{4}}-W[0-9]{{2}})-(?P<language>{'|'.join(LANGUAGES)})\.pdf"
)


@dataclass(frozen=True, slots=True)
class KeptReport:
    """One file."""

    week: Week
    language: str
    path: Path
    size: int
    """Bytes."""
    written_ns: int
    """Unix ns."""

    @property
    def address(self) -> str:
        """Its path in the web admin, for a link."""
        return f"{API_PATH}/{self.path.name}"


def folder(home: Path) -> Path:
    """The directory that they are in, whether it is there or not."""
    return home / "reports"


def file_name(week: Week, language: str) -> str:
    """The name of a report."""
    return f"cortex-report-{week.name}-{language}.pdf"


def kept(home: Path) -> list[KeptReport]:
    """Every report, the newest week first."""
    try:
        names = sorted(path.name for path in folder(home).iterdir())
    except OSError:
        return []
    found = [report for name in names if (report := find(home, name)) is not None]
    return sorted(found, key=lambda report: report.week, reverse=True)


def find(home: Path, name: str) -> KeptReport | None:
    """The report of that name; ``None`` for whatever isn't one, such as a path or a link."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    path = folder(home) / name
    try:
        week, status = parse_week(match["week"]), path.lstat()
    except (RangeError, OSError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return KeptReport(week, match["language"], path, status.st_size, status.st_mtime_ns)


def newest(home: Path, language: str | None = None) -> KeptReport | None:
    """The report of the latest week; in ``language``, if one is."""
    reports = kept(home)
    fitting = [report for report in reports if report.language == language]
    return next(iter(fitting or reports), None)
