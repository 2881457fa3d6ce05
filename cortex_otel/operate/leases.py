"""The table ``jobs``: when each job is due, who runs it, and what came of it.

A holder has a lease on a job while it runs it, and writes under its own name alone: one that was
stopped, and wakes up when another has taken over, changes nothing. Each statement opens the
database anew, so that one that was deleted or replaced is never written to. Times are Unix ns.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import (
    StoreError,
    StoreMissingError,
    StoreUnreadableError,
    open_reader,
    store_error,
)
from cortex_otel_exporters.sqlite.schema import NotOursError, SchemaNewerError
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cortex_otel.operate.job import Job
    from cortex_otel.query.zones import Zone

__all__ = [
    "FIRST_RETRY_SECONDS",
    "LAST_RETRY_SECONDS",
    "LEASE_SECONDS",
    "RENEWAL_SECONDS",
    "JobRow",
    "Leases",
    "new_holder",
    "one_line",
    "process_of",
    "retry_at",
]

#: How long a lease is good for, and how often it is renewed.
LEASE_SECONDS = 60.0
RENEWAL_SECONDS = 15.0
#: From when somebody looks at the clock to when they read a lease, which is renewed in between.
_SLACK_SECONDS = 5.0
#: Between a failed run and the next, and what that grows to, by doubling.
FIRST_RETRY_SECONDS = 60.0
LAST_RETRY_SECONDS = 3600.0
_JITTER = 0.2
_MAX_DETAIL = 500


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row of the table ``jobs``."""

    job: str
    next_run: int | None = None
    """``None``: it is switched off."""
    holder: str | None = None
    lease_until: int | None = None
    last_start: int | None = None
    last_end: int | None = None
    """``None`` while it runs."""
    last_success: int | None = None
    outcome: str | None = None
    """Of the last run that ended."""
    detail: str | None = None
    """What came of it or, of one that is switched off, why it is."""
    failures: int = 0

    def lease_has_ended(self, now_ns: int) -> bool:
        """Whether the clock says that its holder is dead.

        A lease that goes further than any is given was given by a clock that has been set back.
        """
        until = self.lease_until or 0
        latest = now_ns + _ns(LEASE_SECONDS + _SLACK_SECONDS)
        return self.holder is not None and not now_ns < until <= latest


def new_holder(kind: str) -> str:
    """A name that no other run has.

    Args:
        kind: ``serve`` or ``command``, for people.
    """
    return f"{kind}:{os.getpid()}:{secrets.token_hex(8)}"


def process_of(holder: str) -> tuple[str, str]:
    """The kind and process id in a holder's name."""
    kind, _, rest = holder.partition(":")
    return kind, rest.partition(":")[0]


def retry_at(job: Job, failures: int, now_ns: int, zone: Zone) -> int:
    """When a job that has failed so often in a row is tried again, at the latest when it is due."""
    seconds = min(FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 32), LAST_RETRY_SECONDS)
    # Several machines that lost the same server don't come back to it at the same moment.
    seconds *= 1 + _JITTER * (secrets.randbelow(2001) / 1000 - 1)
    return min(now_ns + _ns(seconds), job.cadence.next_after(now_ns, zone))


class Leases:
    """The table ``jobs`` of a database.

    Args:
        database: its file, which need not exist.
        busy_timeout_ms: how long a statement waits for another process's lock.
    """

    def __init__(self, database: Path, *, busy_timeout_ms: int = 2000) -> None:
        self._database = database
        self._busy_timeout_ms = busy_timeout_ms

    def read(self, *, upgrade: bool = False) -> dict[str, JobRow]:
        """All rows by job.

        Args:
            upgrade: bring a database of an older version up to date.

        Raises:
            StoreError: there is no database, or it can't be read.
        """
        try:
            connection = open_reader(self._database, timeout_ms=self._busy_timeout_ms)
        except StoreError as error:
            if error.reason != "older" or not upgrade:
                raise
            with self._writing():
                pass
            connection = open_reader(self._database, timeout_ms=self._busy_timeout_ms)
        try:
            return {row[0]: JobRow(*row) for row in connection.execute(_READ)}
        except apsw.Error as error:
            raise store_error(error, self._database) from error
        finally:
            connection.close()

    def schedule(self, changes: Iterable[tuple[JobRow | None, JobRow]]) -> None:
        """Change when jobs are due.

        Args:
            changes: the row as it was read, and as it is to be; a row that somebody else has
                changed meanwhile stays.

        Raises:
            StoreError: the database can't be written.
        """
        with self._writing() as connection:
            for old, new in changes:
                if old is None:
                    connection.execute(_INSERT, (new.job, new.next_run, new.detail))
                else:
                    values = (new.next_run, new.failures, new.detail)
                    seen = (old.job, old.next_run, old.failures)
                    connection.execute(_RESCHEDULE, values + seen)

    def claim(
        self, job: str, holder: str, now_ns: int, *, due: bool = False, force: bool = False
    ) -> bool:
        """Take the lease, if nobody has it.

        Args:
            job: its name.
            holder: by :func:`new_holder`.
            now_ns: the time.
            due: only if the job is due.
            force: also if somebody has it.

        Raises:
            StoreError: the database can't be written.
        """
        with self._writing() as connection:
            connection.execute(_INSERT, (job, now_ns, None))
            connection.execute(
                _CLAIM,
                {"job": job, "holder": holder, "now": now_ns, "due": due, "force": force}
                | {"until": now_ns + _ns(LEASE_SECONDS)},
            )
            return bool(connection.changes())

    def renew(self, job: str, holder: str, now_ns: int) -> bool:
        """Keep the lease; false if it was lost, or the database is another.

        Raises:
            StoreError: the database can't be written, which loses no lease.
        """
        try:
            with self._writing() as connection:
                connection.execute(_RENEW, (now_ns + _ns(LEASE_SECONDS), job, holder))
                return bool(connection.changes())
        except StoreMissingError:
            return False

    def end(
        self,
        job: Job,
        holder: str,
        outcome: str,
        detail: str,
        *,
        now_ns: int,
        zone: Zone,
        lease_until: int | None = None,
    ) -> bool:
        """Write down how a run ended, and give the lease back; false if it was lost before.

        Args:
            job: what was run.
            holder: who ran it.
            outcome: ``done``, ``failed``, ``timed_out``, ``interrupted`` (somebody ended it: due at
                once) or ``vanished`` (nobody knows: noted as interrupted, and counts as a failure).
            detail: one English line.
            now_ns: the time.
            zone: the project's.
            lease_until: only if the lease still goes to there.

        Raises:
            StoreError: the database can't be written.
        """
        with self._writing() as connection:
            found = connection.execute(_HELD, (job.name, holder)).fetchone()
            if found is None or lease_until not in (None, found[2]):
                return False
            start, failures = found[0] or now_ns, int(found[1])
            end, success = max(now_ns, start), None
            match outcome:
                case "done":
                    # After the start: what came in since then is the next run's.
                    next_run, failures, success = job.cadence.next_after(start, zone), 0, end
                case "interrupted":
                    next_run = now_ns
                case _:
                    failures += 1
                    next_run = retry_at(job, failures, now_ns, zone)
            noted = "interrupted" if outcome == "vanished" else outcome
            connection.execute(
                _END,
                (next_run, end, success, noted, one_line(detail), failures, job.name, holder),
            )
            return True

    @contextlib.contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        """A transaction on the file that is there now; none is made."""
        connection = None
        try:
            if not self._database.exists():
                raise StoreMissingError(self._database)
            connection = open_for_writing(self._database, busy_timeout_ms=self._busy_timeout_ms)
            with transaction(connection):
                yield connection
        except apsw.Error as error:
            raise store_error(error, self._database) from error
        except (NotOursError, SchemaNewerError, OSError) as error:
            open_reader(self._database).close()  # says it better
            raise StoreUnreadableError(self._database, "unreadable", str(error)) from error
        finally:
            if connection is not None:
                connection.close()


def one_line(text: str) -> str:
    """``text`` as a row's detail."""
    return " ".join(text.split())[:_MAX_DETAIL]


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


_READ = """
SELECT job, next_run, holder, lease_until, last_start, last_end, last_success, outcome, detail,
    failures
FROM jobs
"""
_INSERT = "INSERT OR IGNORE INTO jobs (job, next_run, detail) VALUES (?, ?, ?)"
_RESCHEDULE = """
UPDATE jobs SET next_run = ?, failures = ?, detail = ?
WHERE job = ? AND next_run IS ? AND failures = ? AND holder IS NULL
"""
_CLAIM = """
UPDATE jobs SET holder = :holder, lease_until = :until, last_start = :now, last_end = NULL
WHERE job = :job AND (holder IS NULL OR :force) AND (next_run <= :now OR NOT :due)
"""
_RENEW = "UPDATE jobs SET lease_until = ? WHERE job = ? AND holder = ?"
_HELD = "SELECT last_start, failures, lease_until FROM jobs WHERE job = ? AND holder = ?"
_END = """
UPDATE jobs SET next_run = ?, holder = NULL, lease_until = NULL, last_end = ?,
    last_success = coalesce(?, last_success), outcome = ?, detail = ?, failures = ?
WHERE job = ? AND holder = ?
"""
