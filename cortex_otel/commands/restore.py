"""``cortex-otel restore``: a copy of ``cortex-otel backup``, back into the home or beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.commands.backup import refuse, require_packages
from cortex_otel.commands.console import line
from cortex_otel.commands.parsing import add_command, add_json
from cortex_otel.commands.progress import Progress
from cortex_otel.locale import _
from cortex_otel.operate.backup.errors import BackupError

if TYPE_CHECKING:
    import argparse

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel restore``."""
    command = add_command(
        commands,
        "restore",
        run,
        _("restore a backup; nothing is overwritten"),
        examples=_(
            "examples:\n"
            "  cortex-otel restore --identity ~/backup.key               the latest one, into the "
            "home\n"
            "  cortex-otel restore NAME --to DIR --identity ~/backup.key beside it, into a new "
            "directory\n"
            "\n"
            "CORTEX_OTEL_BACKUP_TARGET says where from; cortex-otel backup --list shows the names."
        ),
    )
    command.add_argument(
        "backup",
        metavar="NAME",
        nargs="?",
        default="latest",
        help=_("a backup, or latest (default)"),
    )
    command.add_argument(
        "--to", metavar="DIR", help=_("restore into this directory, which must be empty or new")
    )
    command.add_argument(
        "--identity", metavar="FILE", help=_("private key that opens it, of age or SSH")
    )
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Restore; returns the exit code."""
    try:
        require_packages()
        from cortex_otel.operate.backup.restoring import restore  # noqa: PLC0415 - takes the extra

        with Progress(_("Restoring")) as progress:
            restored = restore(
                settings,
                arguments.backup,
                destination=_path(arguments.to),
                identity=_path(arguments.identity),
                on_progress=progress.to,
            )
    except (BackupError, ImportError) as error:
        return refuse("cortex-otel restore", error, settings)
    manifest = restored.manifest
    if arguments.json:
        facts = {
            "name": manifest.name,
            "database": str(restored.database),
            "events": manifest.events,
            "logs": restored.logs,
            "logs_kept": restored.logs_kept,
        }
        line(json.dumps(facts, ensure_ascii=False))
        return 0
    line(
        _(
            "{name} is in {path}: {events} events, {logs} log files",
            name=manifest.name,
            path=restored.database,
            events=f"{manifest.events:,}",
            logs=restored.logs,
        )
    )
    if restored.logs_kept:
        line(
            _(
                "{count} log files were there already, and stayed as they were.",
                count=restored.logs_kept,
            )
        )
    line(
        _(
            "No backup has keys: put back your copy of user-hash.key, or set the same "
            "CORTEX_OTEL_USER_HASH_KEY as before; without the one that you had, users of before "
            "count as new ones."
        )
    )
    return 0


def _path(given: str | None) -> Path | None:
    return None if given is None else Path(given).expanduser().absolute()
