"""``cortex-otel report``: one week as a PDF."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain, line, needs_packages
from cortex_otel.commands.parsing import add_command
from cortex_otel.commands.progress import Progress
from cortex_otel.locale import LANGUAGES, _, language
from cortex_otel.query.zones import project_zone

if TYPE_CHECKING:
    import argparse

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel report``."""
    command = add_command(
        commands,
        "report",
        run,
        _("write the weekly report, a PDF of one or two pages"),
        examples=_(
            "examples:\n"
            "  cortex-otel report                            of the last week that is over\n"
            "  cortex-otel report --week 2026-W47 --open     of that week, and show it\n"
            "  cortex-otel report --lang ko --out week.pdf   in Korean, into that file"
        ),
    )
    command.add_argument(
        "--week",
        metavar="WEEK",
        help=_("a week of ISO 8601, Monday to Sunday, like 2026-W47 (default: the last whole one)"),
    )
    command.add_argument(
        "--lang", choices=LANGUAGES, help=_("language of the report (default: yours)")
    )
    command.add_argument(
        "--out", metavar="FILE", help=_("write it there, instead of reports/ beside the database")
    )
    command.add_argument("--open", action="store_true", help=_("open it when it is written"))


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write the report; 1 if that can't be done now, 2 if the week makes no sense."""
    # Imported here: only this command needs it.
    from cortex_otel.operate.report import made, steps  # noqa: PLC0415
    from cortex_otel.show.report import shelf  # noqa: PLC0415
    from cortex_otel.show.report.weeks import last_week, parse_week  # noqa: PLC0415
    from cortex_otel_exporters.disk import write_whole  # noqa: PLC0415

    zone = project_zone(settings.time_zone)
    week = parse_week(arguments.week) if arguments.week else last_week(time.time_ns(), zone)
    chosen = arguments.lang or language()
    try:
        with Progress(_("Weekly report"), steps()) as progress:
            pages = made(settings, week, chosen, lambda: progress.add(1))
    except ImportError as error:
        complain(needs_packages("cortex-otel report", "report", error.name))
        return 1
    path = shelf.folder(settings.home) / shelf.file_name(week, chosen)
    try:
        if arguments.out:
            path = Path(arguments.out).expanduser().resolve()
        else:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, pages)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        complain(_("{path} can't be written: {reason}", path=arguments.out or path, reason=reason))
        return 1
    line(str(path))
    if arguments.open:
        webbrowser.open(path.as_uri())
    return 0
