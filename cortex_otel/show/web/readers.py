"""Threads that read the store, so that the event loop never waits for SQLite.

Each thread keeps a read-only connection: its page cache makes the next question cheaper. Questions
beyond what the threads can take wait in a short line; beyond that they are refused at once, which
is better than an answer after a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import apsw

from cortex_otel.show.web.problems import busy
from cortex_otel_exporters.sqlite.reader import open_reader, store_error
from cortex_otel_exporters.sqlite.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from starlette.requests import Request

__all__ = ["Readers", "file_identity"]

_Answer = TypeVar("_Answer")

# A page asks about ten questions at once, and a browser sends six of them; SQLite is read by as
# many threads as there are, but more than there are cores only take turns.
_THREADS = 4
_MAX_LINE_LENGTH = 64
_SECONDS_BETWEEN_LOOKS = 0.25
_RETRY_SECONDS = 2


class Readers:
    """A few threads with a connection each.

    Args:
        path: the database.
        threads: how many questions are answered at a time.
        longest_line: how many may wait.
    """

    def __init__(
        self, path: Path, *, threads: int = _THREADS, longest_line: int = _MAX_LINE_LENGTH
    ) -> None:
        self.path = path
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="cortex-otel-read")
        self._longest_line = threads + longest_line
        self._asked = 0
        self._ended = False
        self._jobs: set[_Job[Any]] = set()
        self._local = threading.local()

    async def ask(
        self, question: Callable[[apsw.Connection], _Answer], request: Request | None = None
    ) -> _Answer:
        """What ``question`` finds out on a connection, in another thread.

        Args:
            question: called with a connection to the store of now.
            request: given up when its client goes away.

        Raises:
            ApiError: 503: too many wait.
            StoreError: the database can't be read.
        """
        if self._ended or self._asked >= self._longest_line:
            raise busy(retry_seconds=_RETRY_SECONDS)
        self._asked += 1
        job = _Job(question, self._connection, self.path)
        self._jobs.add(job)
        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads, job.run)
            if request is not None:
                while not (await asyncio.wait({future}, timeout=_SECONDS_BETWEEN_LOOKS))[0]:
                    if await request.is_disconnected():
                        job.give_up()
            return await future
        finally:
            # Also where the task was cancelled: nobody waits any more.
            job.give_up()
            self._jobs.discard(job)
            self._asked -= 1

    def give_up(self) -> None:
        """Answer what is being asked with 503 at once, and all that comes: the server ends."""
        self._ended = True
        for job in tuple(self._jobs):
            job.give_up()

    def close(self) -> None:
        """End the threads; questions that are being answered come to their end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[apsw.Connection]:
        """This thread's connection; a new one where the file at the path is another."""
        identity = file_identity(self.path)
        kept: tuple[tuple[int, int], apsw.Connection] | None = getattr(self._local, "kept", None)
        # A writer of a newer version brings the file up to date while it is open here.
        if kept is not None and (kept[0] != identity or _version(kept[1]) != SCHEMA_VERSION):
            self._local.kept = None
            kept[1].close()
            kept = None
        if kept is not None:
            yield kept[1]
            return
        connection = open_reader(self.path)
        # Where nothing can be written the file is read as it was when it was opened.
        if identity is not None and os.access(self.path.parent, os.W_OK):
            self._local.kept = (identity, connection)
            yield connection
            return
        try:
            yield connection
        finally:
            connection.close()


class _Job(Generic[_Answer]):
    """One question, from the line to its answer."""

    def __init__(
        self,
        question: Callable[[apsw.Connection], _Answer],
        connection: Callable[[], AbstractContextManager[apsw.Connection]],
        path: Path,
    ) -> None:
        self._question = question
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()
        self._running: apsw.Connection | None = None
        self._given_up = False

    def run(self) -> _Answer:
        if self._given_up:
            raise busy(retry_seconds=_RETRY_SECONDS)
        try:
            with self._connection() as connection:
                return self._asked(connection)
        except Exception as error:
            if self._given_up:
                # Whatever SQLite says of being interrupted: in the middle of a view, odd things.
                raise busy(retry_seconds=_RETRY_SECONDS) from error
            if isinstance(error, apsw.Error) and not isinstance(error, apsw.SQLError):
                raise store_error(error, self._path) from error
            raise

    def _asked(self, connection: apsw.Connection) -> _Answer:
        with self._lock:
            self._running = connection
        try:
            return self._question(connection)
        finally:
            with self._lock:
                self._running = None

    def give_up(self) -> None:
        """Stop at once; nothing if it is over."""
        self._given_up = True
        with self._lock:
            if self._running is not None:
                self._running.interrupt()


def _version(connection: apsw.Connection) -> int:
    return int(connection.pragma("user_version"))


def file_identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at ``path``; ``None`` if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
