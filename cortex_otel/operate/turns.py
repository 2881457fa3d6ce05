"""Turns of one process among others that write the same database."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import apsw

from cortex_otel.operate import ballast
from cortex_otel_exporters.sqlite import space
from cortex_otel_exporters.sqlite.expiry import Pace
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StoppedError", "Turns"]

_T = TypeVar("_T")

#: Of the write lock: writers poll for it every millisecond or two.
_HOLD_SECONDS: Final = 0.004
#: A writer that waits has had its turn after this.
_MIN_PAUSE_SECONDS: Final = 0.003
#: While others write: so many times as long as the lock was held.
_PAUSES_A_HOLD: Final = 3
#: From 1000 on a writer copies the log to the database, and waits for it: this comes before.
_FRAMES_BETWEEN_CHECKPOINTS: Final = 500
#: A log this long isn't begun again since somebody reads in the middle of it.
_MAX_LOG_BYTES: Final = 64_000_000
_SECONDS_FOR_READERS: Final = 20.0
#: On a full disk others can't write anyway, and would take the room that deleting needs: until so
#: many pages are free, which they can write to.
_HURRIED_HOLD_SECONDS: Final = 1.0
_HURRIED_ROWS, _FIRST_ROWS = 4096, 256
_FREE_PAGES: Final = 4096


class StoppedError(Exception):
    """No more for now; the message says why, in one English line."""


class Turns:
    """Takes a step, then leaves the database to others for a while.

    Args:
        connection: that the steps write through.
        seconds: after which it is enough.
        seconds_locked: how long others may keep the lock.
    """

    def __init__(self, connection: apsw.Connection, seconds: float, seconds_locked: float) -> None:
        self.pace = Pace(_HOLD_SECONDS)
        self._connection = connection
        self._deadline = time.monotonic() + seconds
        self._seconds_locked = seconds_locked
        self._seen = self._version()
        self._frames = 0  # in the log, when this last committed
        self._needs_room = self._is_hurried = False
        # In place of SQLite's own checkpoints.
        connection.set_wal_hook(self._committed)

    def take(self, step: Callable[[], _T]) -> _T:
        """Do ``step``, and pause.

        Raises:
            StoppedError: time is up, or a reader is in the way.
            apsw.BusyError: locked by others for too long.
            apsw.FullError: the disk is full, also for the smallest step.
        """
        locked_until = time.monotonic() + self._seconds_locked
        while True:
            self._look_at_time()
            started = time.monotonic()
            try:
                result = self._in_given_room(step) if self._needs_room else step()
            except apsw.BusyError:
                if time.monotonic() > locked_until:
                    raise
                continue
            except apsw.FullError:
                self._make_room()
                continue
            self._pause(time.monotonic() - started)
            return result

    def pause(self) -> None:
        """Between two reads of some length: log and time are looked at."""
        self._pause(0.0)
        self._look_at_time()

    def _look_at_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise StoppedError("time is up: the next run goes on")

    def _pause(self, held: float) -> None:
        version = self._version()
        others_write, self._seen = version != self._seen, version
        if self._is_hurried and space.free_pages(self._connection) >= _FREE_PAGES:
            self._is_hurried = False
            self.pace.seconds, self.pace.rows = _HOLD_SECONDS, _FIRST_ROWS
        if not self._is_hurried:
            time.sleep(max(_MIN_PAUSE_SECONDS, held * _PAUSES_A_HOLD if others_write else 0.0))
        if self._frames >= _FRAMES_BETWEEN_CHECKPOINTS:
            space.checkpoint(self._connection)
        if space.wal_bytes(self._connection) > _MAX_LOG_BYTES:
            self._wait_for_readers()

    def _wait_for_readers(self) -> None:
        deadline = min(self._deadline, time.monotonic() + _SECONDS_FOR_READERS)
        while space.wal_bytes(self._connection) > _MAX_LOG_BYTES:
            if time.monotonic() > deadline:
                raise StoppedError(
                    "a process has been reading for long, and keeps the write-ahead log from "
                    "being emptied: the next run goes on"
                )
            space.truncate_log(self._connection)
            time.sleep(0.25)

    def _make_room(self) -> None:
        """On a full disk: the log must be written to before anything gets smaller."""
        # What is in it goes to the database; then it is begun again, and needs no more room.
        with contextlib.suppress(apsw.Error):
            space.restart_log(self._connection)
        if ballast.is_there(Path(self._connection.filename)):
            self._needs_room = True
        elif not self.pace.narrow():
            raise apsw.FullError("no room to delete")

    def _in_given_room(self, step: Callable[[], _T]) -> _T:
        """Do ``step`` in the room of the ballast, which nobody else gets: the lock comes first."""
        with transaction(self._connection):
            ballast.release(Path(self._connection.filename))
            self._needs_room, self._is_hurried = False, True
            self.pace.seconds, self.pace.rows = _HURRIED_HOLD_SECONDS, _HURRIED_ROWS
            return step()

    def _committed(self, _connection: apsw.Connection, _name: str, frames: int) -> int:
        self._frames = frames
        return apsw.SQLITE_OK

    def _version(self) -> int:
        return int(self._connection.pragma("data_version"))
