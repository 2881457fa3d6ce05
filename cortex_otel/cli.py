"""The ``cortex-otel`` command.

Exit codes: 0 done, 1 can't be done now (no database yet, unreadable, too slow) or the doctor found
a problem, 2 asked for something that makes no sense, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from cortex_otel.commands import doctor, grafana, query, serve, status, tail
from cortex_otel.commands.console import complain, error_message, needs_packages
from cortex_otel.commands.question_options import add_options, asked_question
from cortex_otel.locale import _
from cortex_otel.query.errors import QueryError, QueryParameterError
from cortex_otel.query.ranges import RangeError
from cortex_otel.semconv import TIERS
from cortex_otel.settings import SettingError, read_environment
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cortex_otel.query.catalogue import Question
    from cortex_otel.settings import Settings

__all__ = ["main"]

_FAILED, _SENSELESS, _INTERRUPTED = 1, 2, 130


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
        code = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. At exit Python flushes once more: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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


def _demo(arguments: argparse.Namespace, settings: Settings) -> int:
    # The demo starts servers: they find the directory in the environment.
    if arguments.home is not None:
        os.environ["CORTEX_OTEL_HOME"] = str(settings.home)
    try:
        from cortex_otel.demo import runner  # noqa: PLC0415 - its packages are an extra
    except ImportError as error:
        complain(needs_packages("cortex-otel demo", "demo", error.name))
        return _FAILED
    return int(runner.main(arguments))


class _Parser(argparse.ArgumentParser):
    """Tells an error in one line."""

    def error(self, message: str) -> NoReturn:
        help_line = _("see {program} --help", program=self.prog)
        self.exit(_SENSELESS, f"{self.prog}: {message} ({help_line})\n")


def _parser(question: Question | None = None) -> argparse.ArgumentParser:
    parser = _Parser(
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
    _add_help(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    command = _command(commands, "status", status.run, _(status.ABOUT))
    _add_json(command)

    command = _command(commands, "tail", tail.run, _(tail.ABOUT))
    command.add_argument(
        "-f", "--follow", action="store_true", help=_("keep showing new events until Ctrl-C")
    )
    command.add_argument(
        "-n",
        "--lines",
        type=_number(0),
        default=10,
        metavar="N",
        help=_("how many of the latest events to show (10)"),
    )
    _add_filters(command)
    command.add_argument("--type", metavar="EVENT_TYPE", help=_("only this event type"))
    command.add_argument(
        "--user", type=str.lower, metavar="PREFIX", help=_("only users whose hash starts with this")
    )
    _add_json(command)

    _add_query(commands, question)

    command = _command(
        commands,
        "doctor",
        doctor.run,
        _("find out what keeps calls from being recorded, and how to fix it"),
    )
    command.epilog = _(
        "examples:\n"
        "  cortex-otel doctor                                     check this installation\n"
        "  cortex-otel doctor -- uvx mcp-server-git               check a server\n"
        "  cortex-otel doctor -- opentelemetry-instrument python server.py\n"
        "\n"
        "The server is started and asked for its tools; no tool is called. Your data isn't\n"
        "touched, and secrets are masked: the report can be pasted into an issue."
    )
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument(
        "target",
        nargs="*",
        metavar="COMMAND",
        help=_("a server's command line, after --; without one, this installation is checked"),
    )
    command.add_argument(
        "--timeout",
        type=_number(1),
        default=30,
        metavar="SECONDS",
        help=_("seconds that the server, or a check, may take to answer (30)"),
    )
    _add_json(command)

    command = _command(
        commands, "serve", serve.run, _("show the web admin, and receive OTLP from the extension")
    )
    command.epilog = _(
        "examples:\n"
        "  cortex-otel serve                        web admin on 8080, OTLP/HTTP on 4318\n"
        "  cortex-otel serve --open                 and open the browser\n"
        "  cortex-otel serve --only receiver        OTLP only\n"
        "  cortex-otel serve --port 0               any free port\n"
        "\n"
        "Both listen on this machine only. Ctrl-C stops them; what was acknowledged is on disk."
    )
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument(
        "--host",
        metavar="ADDRESS",
        help=_("address of the web admin (127.0.0.1); any other needs CORTEX_OTEL_ADMIN_TOKEN"),
    )
    command.add_argument(
        "--port",
        type=_number(0),
        metavar="PORT",
        help=_("port of the web admin (8080); 0 picks a free one"),
    )
    command.add_argument(
        "--receiver-port",
        type=_number(0),
        metavar="PORT",
        help=_("port of OTLP/HTTP (4318); 0 picks a free one"),
    )
    command.add_argument(
        "--only", choices=("admin", "receiver"), help=_("start only one of the two")
    )
    command.add_argument("--open", action="store_true", help=_("open the web admin in the browser"))

    command = _command(commands, "grafana", grafana.run, _("set up Grafana for the database"))
    command.epilog = _(
        "examples:\n"
        "  cortex-otel grafana provision ./provisioning   files for an installed Grafana\n"
        "  cortex-otel grafana push http://127.0.0.1:3000  GRAFANA_TOKEN holds the API token"
    )
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument(
        "action",
        choices=("provision", "push"),
        help=_("provision: write files for an installed Grafana; push: send them over its API"),
    )
    command.add_argument(
        "target", metavar="DIR|URL", help=_("directory for the files, or URL of a running Grafana")
    )
    command.add_argument("--force", action="store_true", help=_("overwrite existing files"))

    command = _command(commands, "demo", _demo, _("run real MCP servers with telemetry on"))
    command.add_argument("--once", action="store_true", help=_("run one round, then exit"))
    command.add_argument(
        "--serve",
        action="store_true",
        help=_("then show it in the web admin, with 90 days of generated users"),
    )
    _add_json(command)
    command.add_argument("--clean", action="store_true", help=_("delete what the demo created"))
    return parser


def _add_query(commands: argparse._SubParsersAction[_Parser], question: Question | None) -> None:
    command = _command(
        commands,
        "query",
        query.run,
        _("ask a question from the catalogue; without a name, list them"),
    )
    command.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help=_("question, e.g. tools; without one they are listed"),
    )
    command.add_argument(
        "--since",
        metavar="TIME",
        help=_(
            "24h, 7d, 2w, all, today, yesterday, this-week, last-week, this-month, last-month, or "
            "a date like 2026-11-01 (default: 30d, or the question's own)"
        ),
    )
    command.add_argument("--until", metavar="TIME", help=_("the same format; default: now"))
    command.add_argument(
        "--tz",
        metavar="ZONE",
        help=_(
            "time zone of days, weeks and dates, e.g. Asia/Seoul (default: "
            "CORTEX_OTEL_TIME_ZONE, or this machine's)"
        ),
    )
    _add_filters(command)
    command.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help=_("table, csv or json")
    )
    command.add_argument(
        "--limit",
        type=_number(1),
        default=1000,
        metavar="N",
        help=_("maximum number of rows (1000)"),
    )
    command.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help=_("any parameter of the question by its name in --show, e.g. window_days=14"),
    )
    command.add_argument(
        "--show",
        action="store_true",
        help=_("show the question's SQL, parameters and columns without running it"),
    )
    if question is None:
        command.epilog = _("cortex-otel query NAME --help lists the options that a question adds.")
    else:
        add_options(command, question)


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    run: Callable[[argparse.Namespace, Settings], int],
    about: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=about, description=about, add_help=False, allow_abbrev=False
    )
    command.set_defaults(run=run)
    command.add_argument(
        "--home", metavar="DIR", help=_("directory of the database, instead of CORTEX_OTEL_HOME")
    )
    _add_help(command)
    return command


def _add_help(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-h", "--help", action="help", help=_("show this help and exit"))


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help=_("print JSON, for programs"))


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", metavar="NAME", help=_("only this service"))
    parser.add_argument("--tier", choices=TIERS, help=_("only this tier"))


def _number(minimum: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = minimum - 1
        # SQLite's integers have 63 bits.
        if not minimum <= number < 1 << 62:
            message = _(
                "{value!r} isn't a whole number of at least {minimum}", value=value, minimum=minimum
            )
            raise argparse.ArgumentTypeError(message)
        return number

    return parse


if __name__ == "__main__":
    sys.exit(main())
