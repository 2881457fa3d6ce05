"""What ``migrate`` and ``import`` have in common: work with progress, and a report of it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain, line, needs_packages
from cortex_otel.commands.progress import Progress
from cortex_otel.locale import N_, _, ngettext
from cortex_otel.query.formats import iso_time, pad, printable
from cortex_otel.query.zones import project_zone, zone

if TYPE_CHECKING:
    import argparse
    from collections import Counter
    from collections.abc import Sequence

    from cortex_otel.commands.parsing import Parser
    from cortex_otel.operate.importing.files import FileError, Given, Options
    from cortex_otel.operate.importing.importer import Importer
    from cortex_otel.operate.importing.report import Report
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["add_common", "run_import"]

_FAILED, _SENSELESS, _INTERRUPTED = 1, 2, 130
_FILE_ERRORS = {
    "missing": N_("{name}: there is no such file"),
    "directory": N_("{name} is a directory: name its files, or use cortex-otel migrate"),
    "no_permission": N_("{name}: no permission to read it"),
    "special": N_("{name} isn't a regular file"),
    "unreadable": N_("{name} can't be read"),
    "store": N_(
        "{name} is a SQLite database, no log: cortex-otel backup and restore bring a store "
        "elsewhere"
    ),
    "encrypted": N_("{name} is encrypted with age, no log: cortex-otel restore opens a backup"),
    "compressed": N_(
        "{name} is compressed, and not with gzip: {what} {name} | cortex-otel import - reads a log"
        " (a backup is for cortex-otel restore)"
    ),
    "archive": N_("{name} is a {what} archive: unpack it, and name the files in it"),
    "document": N_(
        "{name} is JSON over several lines: jq -c . {name} | cortex-otel import - reads it (with "
        "'.[]' instead of . if it is a list)"
    ),
    "not_text": N_("{name} isn't text: JSON lines, OTLP/JSON lines or CSV are needed"),
    "not_known": N_("{name} is neither JSON lines nor OTLP/JSON lines nor CSV"),
    "not_csv": N_("{name} has no header line"),
    "gzip_cut": N_("{name}: the compressed file ends too early; what there was is taken"),
    "gzip_damaged": N_("{name}: the compressed file is damaged; nothing of it is taken"),
}
_CSV_ERRORS = {
    "no_csv": N_("the header line can't be read as CSV: check its quotes and its length"),
    "no_columns": N_("the CSV has no header line with names of columns"),
    "no_column": N_("no such column: {what}"),
    "no_time": N_("no column is the time: say which with --map COLUMN=time (there are {what})"),
    "no_event": N_(
        "no column is the event type: --map COLUMN=event or --set event=TYPE (there are {what})"
    ),
}
_TROUBLES = {
    "disk_full": N_("the disk is full"),
    "read_only": N_("the database or its directory is read-only"),
    "locked": N_("another process keeps the database locked"),
    "corrupt": N_("the database is damaged"),
    "schema_newer": N_("the database was written by a newer cortex-otel"),
    "not_ours": N_("the file isn't a cortex-otel database"),
}
_WIDTH = 12


def add_common(command: Parser) -> None:
    """Add the options that both have."""
    command.add_argument(
        "--dry-run", action="store_true", help=_("show what would be imported, and change nothing")
    )
    command.add_argument(
        "--time-zone",
        metavar="ZONE",
        help=_("of times that name none, e.g. Asia/Seoul; else CORTEX_OTEL_TIME_ZONE"),
    )
    command.add_argument("--json", action="store_true", help=_("print JSON, for programs"))


def run_import(
    arguments: argparse.Namespace, settings: Settings, given: Sequence[Given], options: Options
) -> int:
    """Import the files and report.

    Returns:
        0; 1 if a file or the store can't be used, 2 for senseless options, 130 after Ctrl-C.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - not for --help

    try:
        from cortex_otel.operate.importing import (  # noqa: PLC0415 - an extra
            csv_rows,
            files,
            importer,
        )
    except ImportError as error:
        complain(needs_packages(f"cortex-otel {arguments.command}", "serve", error.name))
        return _FAILED
    try:
        shown = zone(arguments.time_zone) if arguments.time_zone else None
    except ValueError:
        complain(_("{name!r} is no time zone, e.g. Asia/Seoul", name=arguments.time_zone))
        return _SENSELESS
    shown = shown or project_zone(settings.time_zone)
    code = 0
    try:
        size = files.check(given, options)
        with (
            importer.Importer(
                settings, zone=ZoneInfo(shown.name), dry_run=arguments.dry_run
            ) as target,
            Progress(_("Reading"), size) as progress,
        ):
            code = _work(target, given, options, progress)
    except files.FileError as error:
        complain(_file_error(error))
        return _FAILED
    except csv_rows.CsvError as error:
        complain(_(_CSV_ERRORS[error.reason], what=printable(error.what)))
        return _SENSELESS
    if arguments.json:
        told = {**target.report.as_json(), "dry_run": arguments.dry_run, "finished": not code}
        line(json.dumps(told, ensure_ascii=False))
    else:
        _tell(target, shown, dry_run=arguments.dry_run)
        _warn_of_age(target.report, settings)
    return code


def _file_error(error: FileError) -> str:
    name = printable(error.name)
    if error.reason == "not_text" and error.what:
        return _(
            "{name} is {what}: JSON lines, OTLP/JSON lines or CSV are needed",
            name=name,
            what=_(error.what),
        )
    return _(_FILE_ERRORS[error.reason], name=name, what=error.what)


def _work(target: Importer, given: Sequence[Given], options: Options, progress: Progress) -> int:
    from cortex_otel.operate.importing import files, importer  # noqa: PLC0415 - needs apsw

    try:
        files.import_all(target, given, options, progress.to)
    except KeyboardInterrupt:
        _stopped(target.report, _("stopped"))
        return _INTERRUPTED
    except importer.StoppedError as error:
        trouble = _TROUBLES.get(error.trouble, N_("the database can't be written"))
        _stopped(target.report, _(trouble))
        return _FAILED
    return 0


def _stopped(report: Report, why: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    name, number = report.stopped_at
    if not number:
        complain(_("{why}; nothing was imported", why=why))
        return
    complain(
        _(
            "{why}; all up to line {number} of {name} is stored, "
            "and the same command goes on there",
            why=why,
            number=number,
            name=printable(name),
        )
    )


def _tell(target: Importer, shown: Zone, *, dry_run: bool) -> None:
    report = target.report
    files = ngettext("{count} file", "{count} files", report.files, count=report.files)
    lines = ngettext("{count} line", "{count} lines", report.lines, count=f"{report.lines:,}")
    _row(_("Read"), f"{files}, {lines}")
    if report.other_files:
        _row("", _("other files, left alone: {count}", count=report.other_files))
    _row(_("To import") if dry_run else _("Imported"), f"{report.imported:,}")
    if report.imported:
        first, last = iso_time(report.first_ns, shown), iso_time(report.last_ns, shown)
        _row("", _("from {first} to {last}", first=first[:19], last=last[:19]))
    for event_type, count in report.by_type.most_common():
        _row("", f"{event_type} {count:,}")
    _row(_("Duplicates"), f"{report.duplicates:,}")
    _tell_refused(target)
    _tell_remarks(report, shown)
    for name, reason in report.troubles:
        complain(_(_FILE_ERRORS[reason], name=printable(name)))


def _warn_of_age(report: Report, settings: Settings) -> None:
    """Say what retention will take of it, and how to keep it."""
    events, nothing = report.too_old["events"], report.too_old["rollups"]
    if events:
        complain(
            _(
                "{count} are older than {days} days: retention deletes them, and keeps their "
                "counts. To keep them, set CORTEX_OTEL_RETENTION_EVENT_DAYS (0: for ever) "
                "before its next run",
                count=f"{events:,}",
                days=settings.retention_event_days,
            )
        )
    if nothing:
        complain(
            _(
                "{count} are older than {days} days: retention deletes them and their counts. To "
                "keep the counts, set CORTEX_OTEL_RETENTION_ROLLUP_DAYS (0: for ever) before "
                "its next run",
                count=f"{nothing:,}",
                days=max(settings.retention_rollup_days, settings.retention_event_days),
            )
        )


def _tell_refused(target: Importer) -> None:
    from cortex_otel.operate.importing.report import REASONS  # noqa: PLC0415 - an extra

    refused = target.report.refused
    _row(_("Refused"), f"{refused.total():,}")
    for reason, count in refused.most_common():
        _row("", f"{_(REASONS[reason])}: {count:,}")
    if target.refused.path is not None:
        _row("", _("which lines: {path}", path=target.refused.path))


def _tell_remarks(report: Report, shown: Zone) -> None:
    """What a reader may want to look into."""
    if report.incomplete:
        _row(_("Left"), _("last lines that aren't whole yet: {count}", count=report.incomplete))
    if report.left_out:
        _row(_("Left out"), _("values that can't be read: {told}", told=_told(report.left_out)))
    if report.names_over:
        _row(_("As _OTHER"), _("names beyond their limits: {told}", told=_told(report.names_over)))
    if report.local_times:
        local = f"{report.local_times:,}"
        _row(_("Times"), _("without a zone, read as {zone}: {count}", zone=shown.name, count=local))


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())


def _row(label: str, value: str) -> None:
    line(f"{pad(label, _WIDTH)}{value}")
