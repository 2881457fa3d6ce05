"""Erasure: what is known of a user, what is from before a day, or everything; and the proof.

A user's rows go, and their part in sums (:mod:`cortex_otel_exporters.sqlite.erasure`), their lines
in the log files, and what was derived of them. Deleted bytes are overwritten. Afterwards every file
in the home is searched for the user's hash: that it is nowhere is seen, not believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import apsw

from cortex_otel.identity import IdentityResolver
from cortex_otel.operate import ballast, home_files
from cortex_otel.operate.hash_search import holds, is_theirs, search
from cortex_otel.operate.job import JobError
from cortex_otel.operate.turns import Turns
from cortex_otel.process.measures import measures_of
from cortex_otel_exporters.jsonl.files import log_names
from cortex_otel_exporters.jsonl.rewriting import count_lines, delete_before, erase_lines
from cortex_otel_exporters.sqlite import space
from cortex_otel_exporters.sqlite.cut_off import blank_last, cut_off
from cortex_otel_exporters.sqlite.erasure import (
    add_hour,
    blank_last_context,
    counts,
    erase_user,
)
from cortex_otel_exporters.sqlite.expiry import (
    EVENTS,
    METRICS,
    NAMED_METRICS,
    ROLLUPS,
    SESSIONS,
    delete_some,
)
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.orphans import delete_orphans
from cortex_otel_exporters.sqlite.reader import (
    StoreError,
    StoreMissingError,
    open_reader,
    store_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from cortex_otel.settings import Settings

__all__ = [
    "AmbiguousUserError",
    "Erasure",
    "erase_all",
    "erase_before",
    "erase_users",
    "hashes_of",
    "stored",
]

_HEX: Final = frozenset("0123456789abcdef")
_HASH_DIGITS, _MIN_DIGITS = 64, 8
_SECONDS_LOCKED: Final = 30.0
_SECONDS_FOR_READERS: Final = 10.0
_AFTER_ALL_DAYS: Final = "9999-99-99"


class AmbiguousUserError(ValueError):
    """The beginning of a hash is that of several users.

    Args:
        text: as it was given.
        users: how many.
    """

    def __init__(self, text: str, users: int) -> None:
        super().__init__(f"{text!r} is the beginning of {users} hashes: give more digits")
        self.text, self.users = text, users


@dataclass(slots=True)
class Erasure:
    """What was erased."""

    before: Counter[str] = field(default_factory=Counter)
    """Rows: ``users``, ``events``, ``sessions``, ``days``; ``log_lines``, ``files``."""
    after: Counter[str] = field(default_factory=Counter)
    places: list[Path] = field(default_factory=list)
    """Files that hold the hash all the same, or that should be gone."""
    unread: list[Path] = field(default_factory=list)
    """Files that couldn't be searched to their ends: they may hold it."""
    damaged: list[Path] = field(default_factory=list)
    """Log files written anew as far as they could be read; the rest went."""
    locked: list[Path] = field(default_factory=list)
    """Log files that another process kept locked."""
    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Files that couldn't be written anew or deleted, and why."""
    is_in_sums: bool = False
    """Retention had deleted events before: what they added to sums that name nobody stays."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left, as far as that can be seen."""
        return not (self.places or self.unread or self.locked or self.failed)


def hashes_of(settings: Settings, text: str, keys: Iterable[str] = ()) -> tuple[str, ...]:
    """The hashes that a user may have been recorded with.

    Args:
        settings: with the key of hashes.
        text: a user id, a hash, or at least eight of its first digits.
        keys: those that ids were hashed with before.

    Raises:
        AmbiguousUserError: these digits are those of several users.
        StoreError: the database can't be read.
    """
    if len(text) == _HASH_DIGITS and _HEX.issuperset(text.lower()):
        return (text.lower(),)
    keyed = [
        IdentityResolver(each).hash_user(text)
        for each in (settings, *(replace(settings, user_hash_key=key) for key in keys))
    ]
    plain = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    hashes = tuple(dict.fromkeys((*keyed, plain)))
    if len(text) < _MIN_DIGITS or not _HEX.issuperset(text.lower()):
        return hashes
    with contextlib.closing(open_reader(settings.database)) as connection:
        if _user_keys(connection, hashes):
            return hashes
        found = connection.execute(
            "SELECT user_id_hash FROM users WHERE user_id_hash GLOB ?", (f"{text.lower()}*",)
        ).fetchall()
    if len(found) > 1:
        raise AmbiguousUserError(text, len(found))
    return (str(found[0][0]),) if found else hashes


def stored(settings: Settings, hashes: Iterable[str]) -> Counter[str]:
    """What there is of users, in the database and the log files.

    Raises:
        StoreError: the database can't be read.
    """
    hashes = tuple(hashes)
    found: Counter[str] = Counter()
    with (
        contextlib.suppress(StoreMissingError),
        contextlib.closing(open_reader(settings.database)) as connection,
    ):
        found = counts(connection, _user_keys(connection, hashes))
    found["log_lines"] = count_lines(settings.log_directory, is_theirs(hashes))
    return found


def erase_users(
    settings: Settings,
    hashes: Iterable[str],
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> Erasure:
    """Erase users, and look for their hashes in every file of the home.

    Args:
        settings: where everything is.
        hashes: of the users.
        progress: called with how much is done, and of how much.

    Raises:
        StoreError: the database can't be used.
        JobError: it is locked for long, or there is no room even to delete.
    """
    hashes = tuple(hashes)
    erasure = Erasure(before=stored(settings, hashes))
    if settings.database.exists():
        with _store(settings) as (connection, turns):
            keys = _user_keys(connection, hashes)
            mark = connection.execute("SELECT value FROM store WHERE key = 'events_from'").get
            erasure.is_in_sums = bool(keys and mark)
            total, done = erasure.before["events"], 0
            for key in keys:
                done += erase_user(connection, key, measures_of, turns)
                progress(done, total)
            if keys:
                for _ in delete_orphans(connection, "erased", turns.pace, turns):
                    pass
                turns.take(lambda: blank_last_context(connection))
                _forget_derived(settings)
            _give_back(connection)
            if holds(settings.database, hashes):  # in the gaps of pages, from before
                # It needs room for a copy; without, the file is told as one that holds it.
                with contextlib.suppress(apsw.FullError):
                    connection.execute("VACUUM")
                _empty_log(connection)
    home_files.delete_left_overs(settings)
    erasure.locked, erasure.damaged, erasure.failed = erase_lines(
        settings.log_directory, is_theirs(hashes), _SECONDS_LOCKED
    )
    erasure.after = stored(settings, hashes)
    erasure.places, erasure.unread = search(settings, hashes)
    return erasure


def erase_before(
    settings: Settings,
    before_ns: int,
    day: str,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> Erasure:
    """Erase everything from before a moment: events, sessions, roll-ups, metrics, users, log files.

    Args:
        settings: where everything is.
        before_ns: Unix ns.
        day: the same as the first day that stays, as in the names of log files.
        progress: as in :func:`erase_users`.

    Raises:
        StoreError, JobError: as :func:`erase_users`.
    """
    erasure = Erasure()
    if settings.database.exists():
        with _store(settings) as (connection, turns):
            erasure.before = _all_counts(connection)
            done = 0
            for kind in (EVENTS, METRICS, SESSIONS, *ROLLUPS, NAMED_METRICS):
                while True:
                    deleted = turns.take(
                        lambda: delete_some(connection, kind, before_ns, "erased", turns.pace)  # noqa: B023
                    )
                    if not deleted:
                        break
                    done += deleted
                    progress(done, 0)
            erasure.is_in_sums = not turns.take(
                lambda: cut_off(
                    connection,
                    before_ns,
                    lambda start, end: add_hour(connection, start, end, measures_of),
                )
            )
            for _ in delete_orphans(connection, "erased", turns.pace, turns):
                pass
            turns.take(lambda: blank_last(connection, before_ns))
            turns.take(lambda: blank_last_context(connection))
            _forget_derived(settings)
            _give_back(connection)
            erasure.after = _all_counts(connection)
    home_files.delete_left_overs(settings)
    erasure.before["files"] = len(log_names(settings.log_directory))
    _gone, erasure.locked = delete_before(settings.log_directory, day, _SECONDS_LOCKED)
    erasure.after["files"] = len(log_names(settings.log_directory))
    return erasure


def erase_all(settings: Settings) -> Erasure:
    """Delete all that was recorded, and all that was made of it; see :mod:`.home_files`.

    Servers that run go on in a new database. Settings and keys stay.
    """
    erasure = Erasure(before=_readable_counts(settings))
    started_ns = time.time_ns()
    with contextlib.suppress(OSError):  # a file that is being compressed would come back
        deleted, _locked = delete_before(settings.log_directory, _AFTER_ALL_DAYS, _SECONDS_LOCKED)
        erasure.before["files"] = deleted
    for path in home_files.recorded(settings):
        try:
            home_files.delete(path)
            erasure.before["files"] += 1
        except OSError as error:
            erasure.failed.append((path, error.strerror or type(error).__name__))
    erasure.places = [path for path in home_files.recorded(settings) if _is_older(path, started_ns)]
    erasure.after = _readable_counts(settings)  # what was recorded since
    return erasure


def _is_older(path: Path, than_ns: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return path.lstat().st_mtime_ns < than_ns
    return False


@contextlib.contextmanager
def _store(settings: Settings) -> Iterator[tuple[apsw.Connection, Turns]]:
    if ballast.is_needed(settings.database):
        ballast.release(settings.database)
    try:
        connection = open_for_writing(settings.database, busy_timeout_ms=space.PATIENCE_MS)
    except apsw.Error as error:
        raise store_error(error, settings.database) from error
    with contextlib.closing(connection):
        connection.pragma("secure_delete", True)  # noqa: FBT003 - SQLite's own
        try:
            yield connection, Turns(connection, float("inf"), _SECONDS_LOCKED)
        except apsw.BusyError as error:
            raise JobError("the database is locked by another process: try again later") from error
        except apsw.FullError as error:
            raise JobError(
                "the disk is full: what is erased stays erased, but there is no room for the rest: "
                "free a few megabytes, and run this again"
            ) from error
        except apsw.Error as error:
            raise store_error(error, settings.database) from error


def _user_keys(connection: apsw.Connection, hashes: Iterable[str]) -> list[int]:
    return [
        int(key)
        for (key,) in connection.execute(
            "SELECT user_key FROM users WHERE user_id_hash IN (SELECT value FROM json_each(?))",
            (json.dumps(list(hashes)),),
        )
    ]


def _all_counts(connection: apsw.Connection) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, table in (
        ("users", "users WHERE user_id_hash NOT GLOB 'erased-*'"),
        ("events", "events"),
        ("sessions", "session_parts"),
        ("metric_points", "telemetry_metrics WHERE metric_name <> ''"),
    ):
        found[name] = connection.execute(f"SELECT count(*) FROM {table}").get  # noqa: S608 - our own names
    return found


def _readable_counts(settings: Settings) -> Counter[str]:
    """As :func:`_all_counts`; nothing of a database that is broken or missing."""
    with (
        contextlib.suppress(StoreError, apsw.Error),
        contextlib.closing(open_reader(settings.database)) as connection,
    ):
        return _all_counts(connection)
    return Counter()


def _forget_derived(settings: Settings) -> None:
    """Delete the compact form of the events: it is made again when somebody asks."""
    for path in home_files.derived(settings):
        path.unlink(missing_ok=True)


def _give_back(connection: apsw.Connection) -> None:
    """Give the room of what is erased back to the disk.

    Where that is full, it is used again before the file grows: nothing is left of what was there.
    """
    with contextlib.suppress(apsw.FullError):
        space.give_back(connection, _SECONDS_LOCKED, 0)
    _empty_log(connection)


def _empty_log(connection: apsw.Connection) -> None:
    """Copy what is in the write-ahead log to the database, as soon as nobody reads it."""
    deadline = time.monotonic() + _SECONDS_FOR_READERS
    while True:
        space.truncate_log(connection)
        if not space.wal_bytes(connection) or time.monotonic() > deadline:
            return
        time.sleep(0.1)
