"""``cortex-otel rotate-key``: a new key of user hashes from now on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain, line
from cortex_otel.commands.parsing import add_command
from cortex_otel.identity import USER_HASH_KEY_FILE
from cortex_otel.locale import _

if TYPE_CHECKING:
    import argparse

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]

_FAILED, _SENSELESS = 1, 2


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel rotate-key``."""
    command = add_command(
        commands,
        "rotate-key",
        run,
        _("hash user ids with a new key from now on"),
        examples=_(
            "examples:\n"
            "  cortex-otel rotate-key --keep-old old.key   the old key goes to this file\n"
            "  cortex-otel rotate-key --forget-old         nobody can join old and new hashes any "
            "more\n"
            "\n"
            "Everybody is a new user from then on: users and cohorts count them twice.\n"
            "Servers that run use the old key until they are started again."
        ),
    )
    old = command.add_mutually_exclusive_group(required=True)
    old.add_argument(
        "--keep-old", metavar="FILE", help=_("write the old key to this file, which must be new")
    )
    old.add_argument("--forget-old", action="store_true", help=_("delete the old key"))


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Rotate; 1 if the key is not ours to change or can't be written."""
    from cortex_otel.operate.hash_key import (  # noqa: PLC0415 - not for --help
        KeyInEnvironmentError,
        new_key,
        rotate,
    )
    from cortex_otel.query.writers import read_writers  # noqa: PLC0415 - the same

    try:
        had_key = rotate(settings, Path(arguments.keep_old) if arguments.keep_old else None)
    except KeyInEnvironmentError:
        complain(
            _(
                "the key is that of CORTEX_OTEL_USER_HASH_KEY: set it to a new one where that is "
                "set, for instance to {key}",
                key=new_key(),
            )
        )
        return _FAILED
    except FileExistsError as error:
        complain(_("{path} exists: give a file that doesn't", path=error.filename))
        return _SENSELESS
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return _FAILED
    line(_("User ids are hashed with a new key from now on."))
    line(
        _(
            "No backup has it: keep a copy of {path} elsewhere, or users count as new ones after "
            "a restore.",
            path=settings.home / USER_HASH_KEY_FILE,
        )
    )
    if not had_key:
        line(
            _(
                "There was no key before: what was recorded until now can be found by whoever "
                "guesses an id (cortex-otel erase deletes it)."
            )
        )
    elif arguments.keep_old:
        line(_("The old key is in {path}.", path=arguments.keep_old))
    running = [each for each in read_writers(settings.home) if each.alive]
    if running:
        complain(
            _(
                "{count} running servers use the old key until they are started again: {pids}",
                count=len(running),
                pids=", ".join(str(each.pid) for each in running),
            )
        )
    sys.stdout.flush()
    return 0
