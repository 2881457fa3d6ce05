"""``cortex-otel erase``: deletes a user, what is from before a day, or everything; with proof."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain, line
from cortex_otel.commands.parsing import add_command, add_json
from cortex_otel.commands.progress import Progress
from cortex_otel.locale import N_, _
from cortex_otel.query.ranges import parse_moment
from cortex_otel.query.zones import project_zone

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.operate.erasure import Erasure
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]

_FAILED, _SENSELESS = 1, 2
_WORD = "erase"
_NAMES = {
    "users": N_("Users"),
    "events": N_("Events"),
    "sessions": N_("Sessions"),
    "days": N_("Days with use"),
    "metric_points": N_("Metric points"),
    "log_lines": N_("Lines in log files"),
    "files": N_("Files"),
}


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel erase``."""
    command = add_command(
        commands,
        "erase",
        run,
        _("delete a user's data, everything before a day, or everything"),
        examples=_(
            "examples:\n"
            "  cortex-otel erase --user me@example.org --dry-run   what is known of them\n"
            "  cortex-otel erase --user me@example.org             delete it, and show the proof\n"
            "  cortex-otel erase --before 2026-01-01               all that is older\n"
            "  cortex-otel erase --all                             everything\n"
            "\n"
            "Deleted bytes are overwritten, and every file of the home is searched for the hash\n"
            "afterwards. Servers may run meanwhile. Backups aren't changed."
        ),
    )
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--user",
        metavar="ID|HASH",
        help=_("a user id as the server knows it, its hash, or the first digits of that"),
    )
    what.add_argument(
        "--before", metavar="DATE", help=_("everything from before this day, e.g. 2026-01-01")
    )
    what.add_argument("--all", action="store_true", help=_("the database, logs and reports"))
    command.add_argument(
        "--key-file",
        metavar="FILE",
        action="append",
        default=[],
        help=_("with --user: a key that ids were hashed with before (rotate-key --keep-old)"),
    )
    command.add_argument(
        "--dry-run", action="store_true", help=_("show what would be erased, and delete nothing")
    )
    command.add_argument("--yes", action="store_true", help=_("don't ask"))
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Erase; 1 if that isn't possible now or something is left, 2 if nobody said yes."""
    from cortex_otel.operate.erasure import AmbiguousUserError  # noqa: PLC0415 - needs apsw
    from cortex_otel.operate.job import JobError  # noqa: PLC0415 - not for --help

    if arguments.key_file and arguments.user is None:
        complain(_("--key-file goes with --user"))
        return _SENSELESS
    try:
        if arguments.user is not None:
            return _erase_user(arguments, settings)
        return _erase_more(arguments, settings)
    except AmbiguousUserError as error:
        complain(
            _(
                "{text!r} is the beginning of {users} hashes: give more digits",
                text=error.text,
                users=error.users,
            )
        )
        return _SENSELESS
    except (JobError, OSError) as error:
        complain(str(error))
        return _FAILED


def _erase_user(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.operate import erasure  # noqa: PLC0415 - needs apsw

    text = arguments.user.strip()
    if not text:
        complain(_("--user is empty: give a user id or a hash"))
        return _SENSELESS
    try:
        keys = [_key_of(file) for file in arguments.key_file]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else _("it holds no key")
        complain(_("--key-file: {reason}", reason=reason))
        return _SENSELESS
    hashes = erasure.hashes_of(settings, text, keys)
    found = erasure.stored(settings, hashes)
    if not any(found.values()):
        complain(
            _(
                "nothing is stored of this user: check the id, or give the hash as the pages show "
                "it. What was recorded with a key from before rotate-key is found with "
                "--key-file OLD_KEY"
            )
        )
        return _FAILED
    if arguments.dry_run:
        _show(erasure.Erasure(before=found, after=found), arguments, is_done=False)
        return 0
    if not _is_confirmed(arguments, _described(found)):
        return _SENSELESS
    with Progress(_("Erasing")) as progress:
        done = erasure.erase_users(settings, hashes, progress.to)
    _show(done, arguments, is_done=True)
    if not arguments.json:
        for message in _proof(done, hashes):
            line(message)
    return 0 if done.is_whole and not any(done.after.values()) else _FAILED


def _key_of(file: str) -> str:
    key = Path(file).expanduser().read_bytes().strip().decode("utf-8")
    if not key:
        raise ValueError
    return key


def _erase_more(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.operate import erasure  # noqa: PLC0415 - needs apsw

    zone = project_zone(settings.time_zone)
    before_ns = 0
    if not arguments.all:
        now = time.time_ns()
        before_ns = parse_moment(arguments.before, now, zone)
        if before_ns > now:
            complain(_("--before {date} is in the future", date=arguments.before))
            return _SENSELESS
    if arguments.dry_run:
        line(
            _("Everything in {home} would be erased; settings and keys stay.", home=settings.home)
            if arguments.all
            else _("Everything from before {moment} would be erased.", moment=zone.iso(before_ns))
        )
        return 0
    what = _("everything in {home}", home=settings.home) if arguments.all else arguments.before
    if not _is_confirmed(arguments, what):
        return _SENSELESS
    if arguments.all:
        done = erasure.erase_all(settings)
    else:
        day = str(zone.day_of(before_ns))
        with Progress(_("Erasing")) as progress:
            done = erasure.erase_before(settings, before_ns, day, progress.to)
    _show(done, arguments, is_done=True)
    if done.is_in_sums and not arguments.json:
        line(
            _(
                "Events from then on had been deleted for their age: of a day or month that "
                "{date} cuts, users keep the share of counts that its days or half hours tell.",
                date=arguments.before,
            )
        )
    if done.places and not arguments.json:
        line(_("Still there: {places}", places=_listed(done.places)))
    return 0 if done.is_whole else _FAILED


def _is_confirmed(arguments: argparse.Namespace, what: str) -> bool:
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        complain(_("there is no terminal to ask on: add --yes to erase without confirmation"))
        return False
    sys.stderr.write(
        _("This can't be undone: {what}. Type {word} to go on: ", what=what, word=_WORD)
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() == _WORD:
        return True
    complain(_("nothing was erased"))
    return False


def _described(found: dict[str, int]) -> str:
    return ", ".join(f"{_(_NAMES[name])} {count:,}" for name, count in found.items() if count)


def _show(done: Erasure, arguments: argparse.Namespace, *, is_done: bool) -> None:
    if arguments.json:
        facts = {
            "erased_at": datetime.now(UTC).isoformat(timespec="seconds") if is_done else None,
            "before": dict(done.before),
            "after": dict(done.after),
            "still_in": [str(path) for path in done.places],
            "in_sums": done.is_in_sums,
            "not_searched": [str(path) for path in done.unread],
            "damaged": [str(path) for path in done.damaged],
            "locked": [str(path) for path in done.locked],
            "failed": [{"file": str(path), "reason": why} for path, why in done.failed],
        }
        line(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for name, title in _NAMES.items():
        if name not in done.before and name not in done.after:
            continue
        before, after = done.before[name], done.after[name]
        if is_done:
            line(
                _("{name}: {before} before, {after} now", name=_(title), before=before, after=after)
            )
        else:
            line(f"{_(title)}: {before:,}")
    for message in _troubles(done):
        complain(message)


def _troubles(done: Erasure) -> Iterator[str]:
    for path in done.locked:
        yield _("{path} is locked by another process: run this again", path=path)
    for path, why in done.failed:
        yield _(
            "{path} can't be written or deleted ({reason}): mend that, and run this again",
            path=path,
            reason=why,
        )
    for path in done.damaged:
        yield _("{path} was damaged: what couldn't be read of it was deleted", path=path)
    for path in done.unread:
        yield _(
            "{path} can't be read to its end, and may hold the hash: delete it, or run this again "
            "as somebody who may read it",
            path=path,
        )


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _proof(done: Erasure, hashes: tuple[str, ...]) -> Iterator[str]:
    shown = ", ".join(hashes)
    if done.places:
        yield _("The hash is still in: {places}", places=_listed(done.places))
    elif not done.unread:
        yield _("No file holds the hash any more: {hashes}", hashes=shown)
    if done.is_in_sums:
        yield _("What events deleted earlier had added to sums stays: sums name nobody.")
    yield _("Earlier backups still hold it until they expire.")
