"""Retention: what is old goes, and what is too much, while others go on writing.

By age: events, and points of OpenTelemetry's instruments, after 90 days; roll-ups, sessions and
users after 400. By size: while the database is larger than allowed, the oldest hour of events; and
where all else takes more than half of that, its oldest day. Then rows of dimension tables that
nothing refers to any more; then free pages go back to the disk. Named metrics expire by themselves.

Each step is a transaction of a few milliseconds (:mod:`cortex_otel_exporters.sqlite.expiry`); after
it others get their turn. So it can be cut off at any moment, and two of them may run at once.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import apsw

from cortex_otel.locale import N_
from cortex_otel.operate import ballast, clock
from cortex_otel.operate.job import HOURLY, Job, JobError
from cortex_otel.operate.turns import StoppedError, Turns
from cortex_otel_exporters.sqlite import space
from cortex_otel_exporters.sqlite.expiry import (
    EVENTS,
    METRICS,
    NS_A_DAY,
    ROLLUPS,
    SESSIONS,
    delete_some,
)
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.orphans import delete_orphans
from cortex_otel_exporters.sqlite.reader import StoreError, open_reader, store_error
from cortex_otel_exporters.sqlite.size_cap import oldest_hour_end
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cortex_otel.settings import Settings
    from cortex_otel_exporters.sqlite.expiry import Kind

__all__ = ["JOB", "Outcome", "Plan", "kept_from", "plan", "retain"]

_TIME_LIMIT_SECONDS: Final = 600.0
#: Of a run as a job: it is cut off after the time limit.
_SECONDS_A_RUN: Final = 540.0
_SECONDS_LOCKED: Final = 30.0
#: When the database is larger than allowed, it is made so much smaller that this isn't soon again.
_ENOUGH: Final = 0.9
#: What isn't raw may take this share; its latest days stay, whatever they take.
_NOT_RAW: Final = 0.5
_DAYS_THAT_STAY: Final = 35
_RAW_TABLES: Final = (
    "events", "events_by_time", "received_events", "telemetry_metrics",
    "telemetry_metrics_by_name", "telemetry_metrics_received",
)  # fmt: skip
#: Free pages that stay for what is written next: a hundredth, or 256 kB.
_FREE_SHARE, _FREE_PAGES = 100, 64
_LEDGER_DAYS: Final = 400
_NO_ROOM: Final = "the disk is full, and there is no room even to delete: free a few megabytes"
#: One day in place of many, so that sums over all days stay what they are.
_FOLD: Final = """
INSERT INTO ledger
SELECT 0, signal, outcome, reason, sum(records) FROM ledger
WHERE day > 0 AND day < ? GROUP BY signal, outcome, reason
ON CONFLICT DO UPDATE SET records = records + excluded.records
"""
_FOLDED: Final = "DELETE FROM ledger WHERE day > 0 AND day < ?"


@dataclass(slots=True)
class Outcome:
    """What a run did."""

    deleted: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Rows by signal, as in the ledger, and reason: ``age`` or ``size``."""
    bytes_before: int = 0
    """Length of the database file."""
    bytes_after: int = 0
    notes: list[str] = field(default_factory=list)
    """What a person should know, in English."""

    def __str__(self) -> str:
        counts = ", ".join(
            f"{count:,} {signal} rows by {reason}"
            for (signal, reason), count in sorted(self.deleted.items())
        )
        megabytes = f"{self.bytes_before / 1e6:.1f} → {self.bytes_after / 1e6:.1f} MB"
        return "; ".join([f"{counts or 'nothing'} deleted, {megabytes}", *self.notes])


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do now."""

    events_before: int
    """Unix ns: events before go by age; 0: none."""
    rollups_before: int
    """The same for roll-ups, sessions, users."""
    events: int
    """How many go by age."""
    sessions: int
    too_much: int
    """Bytes beyond what is allowed, before anything goes."""
    bytes: int
    """Of the database that are in use."""
    frees: int
    """Bytes, roughly: by age and by size."""
    behind_ns: int
    """How far the time that things grow old by is behind the clock."""


def retain(
    settings: Settings,
    *,
    trust_clock: bool = False,
    seconds: float = float("inf"),
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> Outcome:
    """Delete what is due.

    Args:
        settings: say what is.
        trust_clock: though it seems to have jumped ahead.
        seconds: after which it stops; the next run goes on.
        progress: called with how much is done, and of how much.

    Raises:
        StoreError: there is no database, or it can't be used.
        JobError: it is locked for long, or there is no room even to delete.
    """
    database = settings.database
    with contextlib.closing(_opened(database)) as connection:
        turns = Turns(connection, seconds, _SECONDS_LOCKED)
        run = _Run(connection, settings, turns, progress)
        try:
            run.all(trust_clock=trust_clock)
        except StoppedError as stopped:
            run.outcome.notes.append(str(stopped))
        except apsw.FullError as error:
            raise JobError(_NO_ROOM) from error
        except apsw.BusyError as error:
            raise JobError("the database is locked by another process: try again later") from error
        except apsw.Error as error:
            raise store_error(error, database) from error
        space.truncate_log(connection)
        run.outcome.bytes_after = database.stat().st_size
    ballast.keep(database)
    return run.outcome


def plan(settings: Settings, *, trust_clock: bool = False) -> Plan:
    """What :func:`retain` would do now; changes nothing.

    Raises:
        StoreError: there is no database, or it can't be read.
    """
    with contextlib.closing(open_reader(settings.database)) as connection:
        return _plan(connection, settings, time.time_ns(), trust_clock=trust_clock)


def _opened(database: Path) -> apsw.Connection:
    """A connection for writing; a database that isn't there isn't made.

    Raises:
        StoreError: there is none, or it can't be used.
        JobError: the disk is full.
    """
    while True:
        try:
            return _open(database)
        except StoreError as error:
            if error.reason != "full":
                raise
            if not ballast.release(database):
                raise JobError(_NO_ROOM) from error


def _open(database: Path) -> apsw.Connection:
    try:
        open_reader(database).close()
    except StoreError as error:
        if error.reason != "older":
            raise
    try:
        return open_for_writing(database, busy_timeout_ms=space.PATIENCE_MS)
    except apsw.Error as error:
        raise store_error(error, database) from error


def kept_from(settings: Settings, now_ns: int) -> tuple[int, int]:
    """From when on events, and roll-ups, are kept for their age, Unix ns; 0: all of them."""
    events_days, rollup_days = settings.retention_event_days, settings.retention_rollup_days
    if rollup_days:
        rollup_days = max(rollup_days, events_days) if events_days else 0
    return (
        (now_ns // NS_A_DAY - events_days) * NS_A_DAY if events_days else 0,
        (now_ns // NS_A_DAY - rollup_days) * NS_A_DAY if rollup_days else 0,
    )


def _plan(
    connection: apsw.Connection, settings: Settings, clock_ns: int, *, trust_clock: bool
) -> Plan:
    now = clock_ns if trust_clock else clock.trusted_time(connection, clock_ns)
    events_before, rollups_before = kept_from(settings, now)
    events = connection.execute("SELECT count(*) FROM events WHERE time < ?", (events_before,)).get
    sessions = connection.execute(
        "SELECT count(*) FROM session_parts WHERE end_time < ?", (rollups_before,)
    ).get
    used = space.used_bytes(connection)
    kept = connection.execute("SELECT count(*) FROM events").get
    by_age = space.raw_bytes(connection) * events // max(1, kept)
    cap = settings.max_database_bytes
    left = used - by_age
    by_size = left - int(cap * _ENOUGH) if cap and left > cap else 0
    free = space.free_pages(connection) * int(connection.pragma("page_size"))
    return Plan(
        events_before,
        rollups_before,
        events,
        sessions,
        max(0, used - cap) if cap else 0,
        used,
        by_age + by_size + free,
        clock_ns - now,
    )


class _Run:
    """One run."""

    def __init__(
        self,
        connection: apsw.Connection,
        settings: Settings,
        turns: Turns,
        progress: Callable[[float, float], None],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._turns = turns
        self._progress = progress
        self._done, self._total = 0.0, 0.0
        self.outcome = Outcome(bytes_before=settings.database.stat().st_size)

    def all(self, *, trust_clock: bool) -> None:
        connection, now = self._connection, time.time_ns()
        due = _plan(connection, self._settings, now, trust_clock=trust_clock)
        self._total = max(1.0, due.events + due.too_much / space.BYTES_AN_EVENT)
        self._turns.take(lambda: self._note_clock(now - due.behind_ns, now))
        if due.behind_ns:
            self.outcome.notes.append(
                f"the clock is {due.behind_ns // NS_A_DAY} days ahead of when this ran or anything "
                "was recorded: retention catches up by a day a run (at once with --trust-clock)"
            )
        if due.events_before:
            self._delete(EVENTS, due.events_before, "age")
            self._delete(METRICS, due.events_before, "age")
        if due.rollups_before:
            self._delete_rollups(due.rollups_before, "age")
            self._turns.take(lambda: self._fold_ledger(now))
        self._keep_size()
        if self.outcome.deleted:
            for number in delete_orphans(connection, "age", self._turns.pace, self._turns):
                self.outcome.deleted["dimension", "age"] += number
        self._give_back()

    def _note_clock(self, now: int, clock_ns: int) -> int:
        with transaction(self._connection):
            clock.keep(self._connection, now, clock_ns)
        return 0

    def _delete(self, kind: Kind, before_ns: int, reason: str) -> None:
        """Delete all of ``kind`` from before ``before_ns``."""
        connection, pace = self._connection, self._turns.pace
        while deleted := self._turns.take(
            lambda: delete_some(connection, kind, before_ns, reason, pace)
        ):
            self.outcome.deleted[kind.signal, reason] += deleted
            if kind is EVENTS:
                self._done += deleted
                self._progress(min(self._done, self._total), self._total)

    def _delete_rollups(self, before_ns: int, reason: str) -> None:
        for kind in (SESSIONS, *ROLLUPS):
            self._delete(kind, before_ns, reason)

    def _fold_ledger(self, now: int) -> int:
        day = now // NS_A_DAY - _LEDGER_DAYS
        found = "SELECT EXISTS (SELECT 1 FROM ledger WHERE day > 0 AND day < ?)"
        if self._connection.execute(found, (day,)).get:
            with transaction(self._connection):
                self._connection.execute(_FOLD, (day,))
                self._connection.execute(_FOLDED, (day,))
        return 0

    def _keep_size(self) -> None:
        cap, connection = self._settings.max_database_bytes, self._connection
        if not cap or space.used_bytes(connection) <= cap:
            return
        raw = space.size_of_tables(connection, _RAW_TABLES)
        self._shorten_rollups(space.used_bytes(connection) - raw - int(cap * _NOT_RAW))
        while space.used_bytes(connection) > cap * _ENOUGH:
            before = oldest_hour_end(connection, self._turns.pace.rows)
            if not before:
                break
            self._delete(EVENTS, before, "size")
            self._delete(METRICS, before, "size")
        if space.used_bytes(connection) > cap:
            used = space.used_bytes(connection) / 1e6
            self.outcome.notes.append(
                f"{used:.0f} MB are left, more than CORTEX_OTEL_MAX_DATABASE_MB="
                f"{self._settings.max_database_mb}: the latest hour, roll-ups of "
                f"{_DAYS_THAT_STAY} days and names stay; allow more"
            )

    def _shorten_rollups(self, excess: int) -> None:
        """Delete the oldest days until about ``excess`` bytes less are in use."""
        connection = self._connection
        target = space.used_bytes(connection) - excess
        while space.used_bytes(connection) > target:
            first, last = connection.execute("SELECT min(day), max(day) FROM rollup_day").get
            if first is None or first >= last - _DAYS_THAT_STAY:
                return
            # A tenth of what may go at once: some tables are read whole to find a day's rows.
            day = min(last - _DAYS_THAT_STAY, first + 1 + (last - first) // 10)
            self._delete(EVENTS, day * NS_A_DAY, "size")
            self._delete_rollups(day * NS_A_DAY, "size")

    def _give_back(self) -> None:
        pages = int(self._connection.pragma("page_count")) - space.free_pages(self._connection)
        leave = max(_FREE_PAGES, pages // _FREE_SHARE)
        seconds = self._turns.pace.seconds
        while self._turns.take(lambda: space.give_back(self._connection, seconds, leave)):
            pass


def _job(settings: Settings) -> str:
    if not settings.database.exists():
        return "nothing is recorded yet"
    return str(retain(settings, seconds=_SECONDS_A_RUN))


JOB: Final = Job(
    name="retention",
    title=N_("Deletion of old data"),
    cadence=HOURLY,
    frees_space=True,
    run=_job,
    time_limit=_TIME_LIMIT_SECONDS,
)
