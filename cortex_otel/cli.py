"""The ``cortex-otel`` command.

Exit codes: 0 done, 1 can't be done now (no database yet, unreadable, too slow) or the doctor found
a problem, 2 asked for something that makes no sense, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import sys
from typing import TYPE_CHECKING

from cortex_otel.commands import (
    alerts,
    backup,
    doctor,
    erase,
    grafana,
    import_files,
    jobs,
    migrate,
    query,
    report,
    restore,
    retain,
    rotate_key,
    serve,
    status,
    tail,
)
from cortex_otel.commands.console import complain, error_message, nobody_reads
from cortex_otel.commands.parsing import Parser, add_help
from cortex_otel.commands.question_options import asked_question
from cortex_otel.demo import command as demo
from cortex_otel.locale import _
from cortex_otel.query.errors import QueryError, QueryParameterError
from cortex_otel.query.ranges import RangeError
from cortex_otel.settings import SettingError, read_environment
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cortex_otel.query.catalogue import Question
    from cortex_otel.settings import Settings

__all__ = ["main"]

_FAILED, _SENSELESS, _INTERRUPTED = 1, 2, 130
#: In the order of ``--help``, after those that show what is there.
_MODULES = (
    doctor, serve, report, jobs, alerts, retain, backup, restore, migrate, import_files, erase,
    rotate_key, grafana, demo,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; ``sys.argv`` by default.

    Returns:
        The exit code. ``--help``, ``--version`` and what argparse rejects raise ``SystemExit``.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter shows a ? in its place, in place of a traceback.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        try:
            code = _run(arguments)
        finally:  # after --help, too
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. At exit Python flushes once more: into nothing.
        return nobody_reads()
    return code


def _run(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else list(arguments)
    question = asked_question(given)
    parser = _parser(question)
    parsed, unknown = parser.parse_known_args(given)
    if unknown and question is not None:
        complain(query.no_option(question, unknown[0]))
        return _SENSELESS
    if unknown:
        parser.error(_("unrecognized arguments: {arguments}", arguments=" ".join(unknown)))
    if parsed.command is None:
        parser.print_help()
        return 0
    try:
        overrides = {} if parsed.home is None else {"home": parsed.home}
        if parsed.command == "doctor":  # senseless settings are among what it reports
            read_environment({}, overrides=overrides)
            settings = read_environment(overrides=overrides, warn=lambda _: None)
        else:
            settings = read_environment(overrides=overrides)
        command: Callable[[argparse.Namespace, Settings], int] = parsed.run
        return command(parsed, settings)
    except (SettingError, RangeError, QueryParameterError, query.UsageError) as error:
        complain(error_message(error))
        return _SENSELESS
    except (StoreError, QueryError) as error:
        complain(error_message(error))
        return _FAILED


def _parser(question: Question | None = None) -> argparse.ArgumentParser:
    parser = Parser(
        prog="cortex-otel",
        description=_("Cortex telemetry on this machine: what is recorded, live and in numbers."),
        epilog=_(
            "examples:\n"
            "  cortex-otel status                      is it recording, and what is there\n"
            "  cortex-otel tail -f                     watch events as they come in\n"
            "  cortex-otel query                       list the questions\n"
            "  cortex-otel query tools --since 7d      calls, errors and P95 of each tool\n"
            "  cortex-otel query errors --format csv   the latest errors as CSV\n"
            "  cortex-otel query funnel --help         a funnel of your own steps\n"
            "  cortex-otel doctor -- python server.py  why a server's calls are not recorded\n"
            "  cortex-otel demo --once                 record something and look at it"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    version = f"cortex-otel {importlib.metadata.version('cortex-otel')}"
    parser.add_argument(
        "--version", action="version", version=version, help=_("show the version and exit")
    )
    add_help(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    for module in (status, tail):
        module.add_to(commands)
    query.add_to(commands, question)
    for module in _MODULES:
        module.add_to(commands)

    return parser


if __name__ == "__main__":
    sys.exit(main())
