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

from cortex_otel._version import to_install
from cortex_otel.commands import doctor, grafana, query, serve, status, tail
from cortex_otel.commands.console import complain, told
from cortex_otel.messages import text
from cortex_otel.query.ranges import RangeError
from cortex_otel.query.runner import QueryError
from cortex_otel.semconv import TIERS
from cortex_otel.settings import SettingError, read_environment
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    parser = _parser()
    parsed = parser.parse_args(arguments)
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
    except (SettingError, RangeError, query.UsageError) as error:
        complain(told(error))
        return _SENSELESS
    except (StoreError, QueryError) as error:
        complain(told(error))
        return _FAILED


def _demo(arguments: argparse.Namespace, settings: Settings) -> int:
    # The demo starts servers: they find the directory in the environment.
    if arguments.home is not None:
        os.environ["CORTEX_OTEL_HOME"] = str(settings.home)
    try:
        from cortex_otel.demo import runner  # noqa: PLC0415 - its packages are an extra
    except ImportError as error:
        complain(text("demo_missing", module=error.name, install=to_install("demo")))
        return _FAILED
    return int(runner.main(arguments))


class _Parser(argparse.ArgumentParser):
    """Tells an error in one line."""

    def error(self, message: str) -> NoReturn:
        help_line = text("see_help", program=self.prog)
        self.exit(_SENSELESS, f"{self.prog}: {message} ({help_line})\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="cortex-otel",
        description=text("about"),
        epilog=text("examples"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    version = f"cortex-otel {importlib.metadata.version('cortex-otel')}"
    parser.add_argument("--version", action="version", version=version, help=text("help_version"))
    _add_help(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    command = _command(commands, "status", status.run)
    _add_json(command)

    command = _command(commands, "tail", tail.run)
    command.add_argument("-f", "--follow", action="store_true", help=text("help_follow"))
    command.add_argument(
        "-n", "--lines", type=_number(0), default=10, metavar="N", help=text("help_lines")
    )
    _add_filters(command)
    command.add_argument("--type", metavar="EVENT_TYPE", help=text("help_type"))
    command.add_argument("--user", type=str.lower, metavar="PREFIX", help=text("help_user"))
    _add_json(command)

    command = _command(commands, "query", query.run)
    command.add_argument("name", nargs="?", metavar="NAME", help=text("help_name"))
    command.add_argument("--since", metavar="TIME", help=text("help_since"))
    command.add_argument("--until", metavar="TIME", help=text("help_until"))
    _add_filters(command)
    command.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help=text("help_format")
    )
    command.add_argument(
        "--limit", type=_number(1), default=1000, metavar="N", help=text("help_limit")
    )
    command.add_argument("--set", action="append", metavar="NAME=VALUE", help=text("help_set"))
    command.add_argument("--show", action="store_true", help=text("help_show"))

    command = _command(commands, "doctor", doctor.run)
    command.epilog = text("doctor_examples")
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("target", nargs="*", metavar="COMMAND", help=text("help_target"))
    command.add_argument(
        "--timeout", type=_number(1), default=30, metavar="SECONDS", help=text("help_timeout")
    )
    _add_json(command)

    command = _command(commands, "serve", serve.run)
    command.epilog = text("serve_examples")
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("--host", metavar="ADDRESS", help=text("help_host"))
    command.add_argument("--port", type=_number(0), metavar="PORT", help=text("help_port"))
    command.add_argument(
        "--receiver-port", type=_number(0), metavar="PORT", help=text("help_receiver_port")
    )
    command.add_argument("--only", choices=("admin", "receiver"), help=text("help_only"))
    command.add_argument("--open", action="store_true", help=text("help_open"))

    command = _command(commands, "grafana", grafana.run)
    command.epilog = text("grafana_examples")
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("action", choices=("provision", "push"), help=text("help_grafana_action"))
    command.add_argument("target", metavar="DIR|URL", help=text("help_grafana_target"))
    command.add_argument("--force", action="store_true", help=text("help_grafana_force"))

    command = _command(commands, "demo", _demo)
    command.add_argument("--once", action="store_true", help=text("help_once"))
    command.add_argument("--serve", action="store_true", help=text("help_demo_serve"))
    _add_json(command)
    command.add_argument("--clean", action="store_true", help=text("help_clean"))
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    run: Callable[[argparse.Namespace, Settings], int],
) -> argparse.ArgumentParser:
    about = text(f"help_{name}")
    command = commands.add_parser(
        name, help=about, description=about, add_help=False, allow_abbrev=False
    )
    command.set_defaults(run=run)
    command.add_argument("--home", metavar="DIR", help=text("help_home"))
    _add_help(command)
    return command


def _add_help(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-h", "--help", action="help", help=text("help_help"))


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help=text("help_json"))


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", metavar="NAME", help=text("help_service"))
    parser.add_argument("--tier", choices=TIERS, help=text("help_tier"))


def _number(minimum: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = minimum - 1
        # SQLite's integers have 63 bits.
        if not minimum <= number < 1 << 62:
            message = text("bad_number", value=value, minimum=minimum)
            raise argparse.ArgumentTypeError(message)
        return number

    return parse


if __name__ == "__main__":
    sys.exit(main())
