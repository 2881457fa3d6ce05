"""A pool of threads that read the store, so that the event loop never waits for SQLite.

Each thread keeps a read-only connection: its page cache makes the next query cheaper. Further
queries wait in a short queue; beyond that they are refused at once, which is better than a
response after a minute.
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
from cortex_otel_exporters.disk import identity_of
from cortex_otel_exporters.sqlite.reader import open_reader, store_error
from cortex_otel_exporters.sqlite.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from starlette.requests import Request

__all__ = ["Readers"]

_Answer = TypeVar("_Answer")

# A page asks about ten questions at once, and a browser sends six of them; SQLite is read by as
# many threads as there are, but more than there are cores only take turns.
_THREADS = 4
_MAX_WAITING = 64
_SECONDS_BETWEEN_LOOKS = 0.25
_RETRY_SECONDS = 2


class Readers:
    """A few threads with a connection each.

    Args:
        path: the database.
        threads: how many queries run at a time.
        max_waiting: how many more may wait.
    """

    def __init__(
        self, path: Path, *, threads: int = _THREADS, max_waiting: int = _MAX_WAITING
    ) -> None:
        self.path = path
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="cortex-otel-read")
        self._max_pending = threads + max_waiting
        self._pending = 0
        self._ended = False
        self._jobs: set[_Job[Any]] = set()
        self._own = _Own()

    async def ask(
        self, question: Callable[[apsw.Connection], _Answer], request: Request | None = None
    ) -> _Answer:
        """Run ``question`` on a connection, in another thread, and return its result.

        Args:
            question: called with a connection to the current store file.
            request: the query is cancelled when this request's client disconnects.

        Raises:
            ApiError: 503: too many are waiting.
            StoreError: the database can't be read.
        """
        if self._ended or self._pending >= self._max_pending:
            raise busy(retry_seconds=_RETRY_SECONDS)
        self._pending += 1
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
            # Also if the task was cancelled: nobody waits for the result.
            job.give_up()
            self._jobs.discard(job)
            self._pending -= 1

    def give_up(self) -> None:
        """Cancel all queries and refuse new ones with 503: the server is shutting down."""
        self._ended = True
        for job in tuple(self._jobs):
            job.give_up()

    def close(self) -> None:
        """Stop the threads; running queries finish."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[apsw.Connection]:
        """This thread's connection; a new one if the file at the path was replaced."""
        identity = identity_of(self.path)
        own = self._own
        # A writer of a newer version may migrate the file while it is open here.
        if own.connection is not None and (
            own.file != identity or _version(own.connection) != SCHEMA_VERSION
        ):
            own.connection.close()
            own.connection = None
        if own.connection is not None:
            yield own.connection
            return
        connection = open_reader(self.path)
        # In a read-only directory the file is read as it was when it was opened: don't keep it.
        if identity is not None and os.access(self.path.parent, os.W_OK):
            own.file, own.connection = identity, connection
            yield connection
            return
        try:
            yield connection
        finally:
            connection.close()


class _Own(threading.local):
    """What each thread has for itself."""

    file: tuple[int, int] | None = None
    """Device and inode of the file that the connection is to."""
    connection: apsw.Connection | None = None


class _Job(Generic[_Answer]):
    """One query, from the queue to its result."""

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
                return self._query(connection)
        except Exception as error:
            if self._given_up:
                # Whatever SQLite raises when interrupted: inside a view, unrelated errors.
                raise busy(retry_seconds=_RETRY_SECONDS) from error
            if isinstance(error, apsw.Error) and not isinstance(error, apsw.SQLError):
                raise store_error(error, self._path) from error
            raise

    def _query(self, connection: apsw.Connection) -> _Answer:
        with self._lock:
            self._running = connection
        try:
            return self._question(connection)
        finally:
            with self._lock:
                self._running = None

    def give_up(self) -> None:
        """Stop at once, if it is still running."""
        self._given_up = True
        with self._lock:
            if self._running is not None:
                self._running.interrupt()


def _version(connection: apsw.Connection) -> int:
    return int(connection.pragma("user_version"))
