"""``cortex-otel backup``: a copy of the database and its log files, on another disk or in S3."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_otel.commands.console import complain, line, needs_packages, size
from cortex_otel.commands.parsing import add_command, add_json
from cortex_otel.commands.progress import Progress
from cortex_otel.commands.set_by_serve import set_by_serve
from cortex_otel.locale import _, ngettext
from cortex_otel.operate.backup.errors import BackupError, BackupSettingsError
from cortex_otel.query.formats import pad, width
from cortex_otel.query.zones import project_zone

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.operate.backup.listing import Copy
    from cortex_otel.settings import Settings

__all__ = ["add_to", "refuse", "require_packages", "run"]

_FAILED, _SENSELESS = 1, 2
_PACKAGES = frozenset({"obstore", "pyrage", "zstandard"})


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel backup``."""
    command = add_command(
        commands,
        "backup",
        run,
        _("back up the database and its log files to another disk or to S3, encrypted"),
        examples=_(
            "examples:\n"
            "  cortex-otel backup --new-key ~/backup.key   a key pair; prints the public key\n"
            "  cortex-otel backup                          back up, and check what arrived\n"
            "  cortex-otel backup --list                   the backups that there are\n"
            "\n"
            "CORTEX_OTEL_BACKUP_TARGET says where to, CORTEX_OTEL_BACKUP_RECIPIENTS for which "
            "public keys.\n"
            "While cortex-otel serve runs and a target is set, it backs up each midnight."
        ),
    )
    what = command.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help=_("list the backups, of any home"))
    what.add_argument(
        "--new-key",
        metavar="FILE",
        help=_("write a new private key to FILE, and print its public key"),
    )
    what.add_argument(
        "--first",
        action="store_true",
        help=_("back up although the target had backups and is empty now"),
    )
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Make a copy, list them, or make a key; returns the exit code."""
    try:
        require_packages()
        if arguments.new_key is not None:
            return _new_key(Path(arguments.new_key).expanduser(), as_json=arguments.json)
        if arguments.list:
            return _list(settings, as_json=arguments.json)
        return _make(arguments, settings)
    except (BackupError, ImportError) as error:
        return refuse("cortex-otel backup", error, settings)


def require_packages() -> None:
    """Raise ``ImportError`` unless the packages are there; only a bucket needs obstore."""
    import pyrage  # noqa: F401, PLC0415 - of the extra
    import zstandard  # noqa: F401, PLC0415 - the same


def refuse(command: str, error: BackupError | ImportError, settings: Settings) -> int:
    """Say what keeps ``command`` from its work; the exit code.

    Raises:
        ImportError: of something else than the packages of the extra.
    """
    if isinstance(error, ImportError):
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise error
        complain(needs_packages(command, "backup", error.name))
        return _FAILED
    message = _(error.message, **error.values)
    if isinstance(error, BackupSettingsError) and settings.backup_target is None:
        message += set_by_serve(settings, lambda serve: "backup" not in serve.off)
    complain(f"{error.about}: {message}" if error.about else message)
    return _SENSELESS if isinstance(error, BackupSettingsError) else _FAILED


def _new_key(path: Path, *, as_json: bool) -> int:
    from cortex_otel.operate.backup.keys import new_key  # noqa: PLC0415 - takes the extra

    public = new_key(path)
    if as_json:
        line(json.dumps({"public_key": public, "file": str(path)}, ensure_ascii=False))
        return 0
    line(public)
    complain(
        _(
            "set CORTEX_OTEL_BACKUP_RECIPIENTS to it, and move {path} to a safe place off this "
            "machine: without it no backup can be opened",
            path=path,
        )
    )
    return 0


def _make(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.operate.backup.making import (  # noqa: PLC0415 - takes the extra
        STEPS,
        make_copy,
    )

    with contextlib.ExitStack() as shown:
        bars: dict[str, Progress] = {}

        def on_progress(step: str, done: int, total: int) -> None:
            if step not in bars:
                shown.close()
                bars[step] = shown.enter_context(Progress(_(STEPS[step])))
            bars[step].to(done, total)

        made = make_copy(settings, is_first=arguments.first, on_progress=on_progress)
    manifest = made.manifest
    if arguments.json:
        facts = {
            "name": manifest.name,
            "target": made.target,
            "encryption": manifest.encryption,
            "events": manifest.events,
            "logs": manifest.logs,
            "stored_bytes": manifest.stored_bytes,
            "opened": made.was_opened,
            "deleted": made.deleted,
        }
        line(json.dumps(facts, ensure_ascii=False))
        return 0
    line(
        _(
            "{name}: {events} events, {logs} log files, {size} in {target}",
            name=manifest.name,
            events=f"{manifest.events:,}",
            logs=manifest.logs,
            size=size(manifest.stored_bytes),
            target=made.target,
        )
    )
    if made.was_opened:
        line(_("Read back, opened, and its database checked."))
    else:
        line(_("Read back and compared; only its private key can open it."))
    if made.deleted:
        line(
            ngettext(
                "{count} older backup deleted (CORTEX_OTEL_BACKUP_KEEP).",
                "{count} older backups deleted (CORTEX_OTEL_BACKUP_KEEP).",
                made.deleted,
                count=made.deleted,
            )
        )
    if manifest.encryption == "none":
        complain(
            _(
                "this backup isn't encrypted: who can read {target} can read it; set "
                "CORTEX_OTEL_BACKUP_RECIPIENTS",
                target=made.target,
            )
        )
    return 0


def _list(settings: Settings, *, as_json: bool) -> int:
    from cortex_otel.operate.backup.listing import list_copies  # noqa: PLC0415 - takes the extra
    from cortex_otel.operate.backup.series import read_series  # noqa: PLC0415 - the same
    from cortex_otel.operate.backup.target import open_target  # noqa: PLC0415 - the same

    target = open_target(settings)
    own = read_series(settings.home).name
    copies = list_copies(target)
    if as_json:
        line(json.dumps([_facts(copy, own) for copy in copies], ensure_ascii=False, indent=2))
        return 0
    if not copies:
        line(_("No backups in {target} yet.", target=target.label))
        return 0
    zone = project_zone(settings.time_zone)
    rows = [(_("NAME"), _("CREATED"), _("SIZE"), _("EVENTS"), _("ENCRYPTED"), "")]
    for copy in copies:
        created = zone.iso(copy.name.created_s * 10**9)[:19].replace("T", " ")
        manifest = copy.manifest
        facts = (
            (size(manifest.stored_bytes), f"{manifest.events:,}", manifest.encryption)
            if manifest is not None
            else ("", "", "")
        )
        rows.append((str(copy.name), created, *facts, "; ".join(_remarks(copy, own))))
    for shown in _aligned(rows):
        line(shown)
    return 0


def _remarks(copy: Copy, own: str) -> Iterator[str]:
    if not copy.is_whole:
        yield _("not whole")
    if copy.name.series != own:
        yield _("of another home")


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widest = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(pad(*cell) for cell in zip(row, widest, strict=True)).rstrip()


def _facts(copy: Copy, own: str) -> dict[str, Any]:
    manifest = copy.manifest
    return {
        "name": str(copy.name),
        "created_s": copy.name.created_s,
        "is_whole": copy.is_whole,
        "is_of_this_home": copy.name.series == own,
        "stored_bytes": manifest and manifest.stored_bytes,
        "events": manifest and manifest.events,
        "schema": manifest and manifest.schema,
        "encryption": manifest and manifest.encryption,
    }
