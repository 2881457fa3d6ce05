"""The weekly report: written on Mondays, kept for as many weeks as set.

A report is one file in ``reports/`` of the home (0600), in place at once or not at all. Whoever
wants to tell of it asks :func:`cortex_otel.show.report.shelf.newest` for its address in the admin.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cortex_otel._version import to_install
from cortex_otel.locale import LANGUAGES, N_, language
from cortex_otel.operate.job import Cadence, Job, JobError, counted
from cortex_otel.query.errors import QueryError
from cortex_otel.query.zones import project_zone
from cortex_otel.show.report import pdf, shelf
from cortex_otel.show.report.content import content
from cortex_otel.show.report.facts import WeekBeforeError, gather, steps
from cortex_otel.show.report.weeks import last_week
from cortex_otel_exporters.disk import write_whole
from cortex_otel_exporters.sqlite.reader import StoreError, StoreMissingError, open_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.settings import Settings
    from cortex_otel.show.report.weeks import Week

__all__ = ["REPORT", "made", "steps"]

_MONDAY, _HOUR = 0, 8


def made(
    settings: Settings, week: Week, language: str, got_on: Callable[[], None] = lambda: None
) -> bytes:
    """The PDF of a week.

    Args:
        settings: database and time zone.
        week: which.
        language: ``en`` or ``ko``.
        got_on: called :func:`~cortex_otel.show.report.facts.steps` times.

    Raises:
        ImportError: Typst isn't installed.
        RangeError: the week hasn't begun, or was over before anything was recorded.
        QueryError, StoreError: it couldn't be read.
    """
    connection = open_reader(settings.database)
    try:
        facts = gather(connection, week, project_zone(settings.time_zone), time.time_ns(), got_on)
    finally:
        connection.close()
    return pdf.typeset(content(facts, language))


def _run(settings: Settings) -> str:
    """Write the report of the last week that is over."""
    if not pdf.is_available():
        # Nobody has asked for it: it is on by default, and no failure to be told of.
        return f"not written: it needs more packages ({to_install('report')})"
    week = last_week(time.time_ns(), project_zone(settings.time_zone))
    folder = shelf.folder(settings.home)
    wanted = _languages(settings)
    try:
        for each in wanted:
            pages = made(settings, week, each)
            folder.mkdir(mode=0o700, exist_ok=True)
            write_whole(folder / shelf.file_name(week, each), pages)
    except StoreMissingError:
        return "nothing is recorded yet: no report"
    except WeekBeforeError:
        return f"nothing was recorded by the end of {week.name}: no report"
    except (StoreError, QueryError) as error:
        raise JobError(f"the report of {week.name} couldn't be made: {error}") from error
    except OSError as error:
        raise JobError(f"{folder} can't be written to: {error.strerror}") from error
    gone = _prune(settings)
    old = counted(gone, "old report", "old reports")
    return f"{week.name} written ({', '.join(wanted)}), {old} deleted"


def _languages(settings: Settings) -> tuple[str, ...]:
    if settings.report_language == "both":
        return LANGUAGES
    return (settings.report_language or language(),)


def _prune(settings: Settings) -> int:
    """Delete what is older than the last weeks that are kept."""
    reports = shelf.kept(settings.home)
    weeks = sorted({report.week for report in reports}, reverse=True)
    kept = set(weeks[: settings.report_weeks])
    old = [report.path for report in reports if report.week not in kept]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


REPORT: Final = Job(
    name="report",
    title=N_("Weekly report"),
    cadence=Cadence(weekday=_MONDAY, hour=_HOUR),
    run=_run,
    is_on=lambda settings: settings.report,
)
"""On Mondays at 08:00, of the week before."""
