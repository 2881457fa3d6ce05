"""``cortex-otel migrate``: what Cortex wrote before, into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain
from cortex_otel.commands.importing import add_common, run_import
from cortex_otel.commands.parsing import add_command
from cortex_otel.locale import _

if TYPE_CHECKING:
    import argparse

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]

_DEFAULT = Path("~/.cortex/logs")


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel migrate``."""
    command = add_command(
        commands,
        "migrate",
        run,
        _("import the logs that Cortex wrote before"),
        examples=_(
            "examples:\n"
            "  cortex-otel migrate --dry-run            what ~/.cortex/logs would bring\n"
            "  cortex-otel migrate                      import it; again, and only news come in\n"
            "  cortex-otel migrate /backup/logs         from elsewhere\n"
            "\n"
            "The logs stay as they are, and may go on being written."
        ),
    )
    command.add_argument(
        "path",
        nargs="?",
        type=Path,
        default=_DEFAULT,
        metavar="PATH",
        help=_("directory with the logs, or one of them (~/.cortex/logs)"),
    )
    add_common(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Import them; exit codes as of :func:`run_import`."""
    from cortex_otel.operate.importing.files import Given, Options, logs_below  # noqa: PLC0415 - an extra

    path: Path = arguments.path.expanduser()
    try:
        is_directory = path.is_dir()
        given = logs_below(path) if is_directory else [Given(path, path.name)]
        if is_directory:
            next(path.iterdir(), None)  # os.walk() passes over what it may not read
    except (OSError, ValueError) as error:
        detail = error.strerror if isinstance(error, OSError) else error
        complain(_("{path} can't be read: {detail}", path=path, detail=detail))
        return 1
    return run_import(arguments, settings, given, Options(only_logs=is_directory))
