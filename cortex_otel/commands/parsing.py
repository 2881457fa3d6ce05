"""What every command line has in common: help, errors in one line, filters, numbers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from cortex_otel.locale import _
from cortex_otel.semconv import TIERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.settings import Settings

    Commands = argparse._SubParsersAction["Parser"]  # noqa: SLF001 - what add_subparsers() returns

__all__ = ["Parser", "add_command", "add_filters", "add_help", "add_json", "whole_number"]

_SENSELESS = 2


class Parser(argparse.ArgumentParser):
    """Tells an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit code 2."""
        help_line = _("see {program} --help", program=self.prog)
        self.exit(_SENSELESS, f"{self.prog}: {message} ({help_line})\n")


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace, Settings], int],
    about: str,
    *,
    examples: str = "",
) -> Parser:
    """Add the command ``name``, with ``--home`` and ``--help``.

    Args:
        commands: of ``cortex-otel``.
        name: what is typed.
        run: gets the parsed arguments and the settings, returns the exit code.
        about: one sentence, translated.
        examples: shown below the options as they are, translated.
    """
    command = commands.add_parser(
        name, help=about, description=about, add_help=False, allow_abbrev=False
    )
    command.set_defaults(run=run)
    if examples:
        command.epilog = examples
        command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument(
        "--home", metavar="DIR", help=_("directory of the database, instead of CORTEX_OTEL_HOME")
    )
    add_help(command)
    return command


def add_help(parser: argparse.ArgumentParser) -> None:
    """Add ``--help`` in the user's language."""
    parser.add_argument("-h", "--help", action="help", help=_("show this help and exit"))


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help=_("print JSON, for programs"))


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add ``--service`` and ``--tier``."""
    parser.add_argument("--service", metavar="NAME", help=_("only this service"))
    parser.add_argument("--tier", choices=TIERS, help=_("only this tier"))


def whole_number(minimum: int) -> Callable[[str], int]:
    """A parser of whole numbers from ``minimum`` on."""

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
