"""Runs the jobs when they are due, in ``cortex-otel serve``.

One thread, which sleeps until the next job is due, and one job at a time, in a process of its own;
beside it one that only reads, and may wait for another machine for hours, with a thread for that.
Several ``serve`` on a database share the work: a job runs where its lease was got first.

Clocks can't be trusted: machines sleep, and clocks are set forward and back. A run that is further
away than the cadence allows is brought nearer, so none is out of reach; one that was missed, or a
thousand of them, is caught up once. A lease is only taken from its holder after this thread has
seen it unrenewed for a while.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from cortex_otel.operate import ballast, leases
from cortex_otel.operate.jobs import JOBS
from cortex_otel.operate.supervisor import supervise
from cortex_otel.operate.switches import is_on, switches
from cortex_otel.query.zones import project_zone
from cortex_otel_exporters.sqlite.reader import StoreError, StoreMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cortex_otel.operate.job import Job
    from cortex_otel.operate.leases import JobRow
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["Scheduler"]

_log = logging.getLogger(__name__)

#: `serve` answers its first requests before the first job takes a core.
SETTLE_SECONDS = 10.0
#: Of a new database: the first job, and each after it.
FIRST_RUN_SECONDS = 15.0
SPREAD_SECONDS = 20.0
#: How soon a clock that was set, or a database that was replaced, is noticed.
LOOK_SECONDS = 60.0
#: How long a lease whose time is over is watched before it is taken.
CONFIRM_SECONDS = 20.0
#: A clock that is put right by less is not set back: what it shows twice isn't done twice.
_SMALL_STEP_NS = 600 * 10**9
#: On a full disk: from one attempt to make room to the next.
RESCUE_SECONDS = 600.0
_STOP_SECONDS = 0.5
_PAUSE_SECONDS = 0.5


def _latest(row: JobRow, now_ns: int) -> int:
    """Now, or the start of the last run if a clock that went too fast has shown it."""
    start = row.last_start or 0
    return start if now_ns < start <= now_ns + _SMALL_STEP_NS else now_ns


class Scheduler:
    """A :class:`~cortex_otel.operate.running.Background` that runs the jobs.

    Args:
        settings: of ``serve``, with which the jobs run as well.
        jobs: in the order in which those due at the same time are run.
        now_ns: the wall clock, Unix ns.
        monotonic: a clock that nobody sets, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Sequence[Job] = JOBS,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._now_ns = now_ns
        self._monotonic = monotonic
        self._leases = leases.Leases(settings.database)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble = ""
        self._next_rescue = 0.0
        self._beside: list[threading.Thread] = []
        #: Of leases whose time is over: the job, as it was seen first, and when.
        self._doubtful: dict[str, tuple[JobRow, float]] = {}

    def start(self) -> None:
        """Begin in a while."""
        self._thread = threading.Thread(target=self._run, name="cortex-otel-jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End within half a second, with the job that runs; its lease is free then."""
        deadline = time.monotonic() + _STOP_SECONDS
        self._stopped.set()
        for thread in (self._thread, *self._beside):
            if thread is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        seconds = SETTLE_SECONDS
        while not self._stopped.wait(seconds):
            try:
                self._see_to_room()
                seconds = self.look()
                self._trouble = ""
            except StoreMissingError:
                seconds = LOOK_SECONDS  # nothing has been recorded yet
            except Exception as error:  # noqa: BLE001 - whatever it is, it may be mended
                self._tell(error)
                seconds = LOOK_SECONDS

    def _see_to_room(self) -> None:
        """Keep some room for when the disk is full; if it is, use that to make more."""
        database = self._settings.database
        if not ballast.is_needed(database):
            self._next_rescue = 0.0
            ballast.keep(database)
            return
        if self._monotonic() < self._next_rescue:
            return
        self._next_rescue = self._monotonic() + LOOK_SECONDS  # if no lease can be written
        ballast.give_some(database)  # else not even a lease can be written
        _log.warning("the disk is full: what is old or too much is deleted now")
        for job in self._jobs:
            if job.frees_space and is_on(job, self._settings):
                self._run_job(job, self._now_ns(), due=False)
        self._next_rescue = self._monotonic() + RESCUE_SECONDS
        ballast.keep(database)

    def look(self) -> float:
        """Run the first job that is due, if one is, and put right what is wrong in the table.

        Returns:
            Seconds until there may be more to do.

        Raises:
            StoreError: the table can't be read or written.
        """
        now_ns, zone = self._now_ns(), project_zone(self._settings.time_zone)
        rows = self._leases.read(upgrade=True)
        found = [rows.get(job.name) for job in self._jobs]
        wanted = [self._planned(index, row, now_ns, zone) for index, row in enumerate(found)]
        if changes := [each for each in zip(found, wanted, strict=True) if each[0] != each[1]]:
            self._leases.schedule(changes)
            rows = self._leases.read()
        for job in self._jobs:
            row = rows.get(job.name)
            if row is None or row.holder is None:
                self._doubtful.pop(job.name, None)
            if row is None:
                continue
            # Of one that no serve has planned, too: it was off here, and run by a command.
            if row.holder is not None and self._is_dead(row, now_ns):
                self._take_from_the_dead(job, row, now_ns, zone)
                return 0.0
            is_due = row.next_run is not None and row.next_run <= now_ns
            if row.holder is None and is_due and self._run_job(job, now_ns):
                return 0.0
        return self._seconds_until_next(rows, now_ns)

    def _planned(self, index: int, row: JobRow | None, now_ns: int, zone: Zone) -> JobRow:
        """The row of a job as it should be: on or off as the settings say, and never out of reach.

        Args:
            index: of the job.
            row: as it is; ``None`` if the job is new here.
            now_ns: the time.
            zone: the project's.
        """
        job = self._jobs[index]
        soon = now_ns
        if row is None:
            soon += int((FIRST_RUN_SECONDS + index * SPREAD_SECONDS) * 1e9)
            row = leases.JobRow(job.name)
        if row.holder is not None:
            return row
        if not is_on(job, self._settings):
            why = f"off: set {', '.join(switches(job, self._settings))}"
            return replace(row, next_run=None, failures=0, detail=why)
        last = job.cadence.next_after(_latest(row, now_ns), zone)
        if row.next_run is not None:
            return replace(row, next_run=min(row.next_run, last))
        # New, or switched on. The first result comes soon, that of a week with its day. What a
        # `serve` of other settings keeps switching off runs no more often for that, and no less.
        if row.last_start is not None:
            soon = job.cadence.next_after(row.last_start, zone)
        elif job.cadence.weekday is not None:
            soon = last
        return replace(row, next_run=min(soon, last), detail=None)

    def _is_dead(self, row: JobRow, now_ns: int) -> bool:
        """Whether nobody renews a lease any more."""
        if not row.lease_has_ended(now_ns):
            self._doubtful.pop(row.job, None)
            return False
        seen, since = self._doubtful.setdefault(row.job, (row, self._monotonic()))
        if (seen.holder, seen.lease_until) != (row.holder, row.lease_until):
            self._doubtful[row.job] = row, self._monotonic()
            return False
        return self._monotonic() - since >= CONFIRM_SECONDS

    def _take_from_the_dead(self, job: Job, row: JobRow, now_ns: int, zone: Zone) -> None:
        self._doubtful.pop(job.name, None)
        self._leases.end(
            job,
            row.holder or "",
            "vanished",
            "its process was killed, or the machine stopped",
            now_ns=now_ns,
            zone=zone,
            lease_until=row.lease_until,
        )

    def _run_job(self, job: Job, now_ns: int, *, due: bool = True) -> bool:
        """Run it unless somebody else does; whether it ran."""
        holder = leases.new_holder("serve")
        if not self._leases.claim(job.name, holder, now_ns, due=due):
            return False
        if job.runs_beside:
            thread = threading.Thread(
                target=self._see_through,
                args=(job, holder),
                name=f"cortex-otel-jobs-{job.name}",
                daemon=True,
            )
            self._beside = [each for each in self._beside if each.is_alive()] + [thread]
            thread.start()
        else:
            self._see_through(job, holder)
        return True

    def _see_through(self, job: Job, holder: str) -> None:
        end = supervise(job, self._settings, holder, self._stopped, is_heard=False)
        if end.outcome in {"failed", "timed_out"}:
            _log.warning("job %s: %s (cortex-otel jobs)", job.name, end.detail)

    def _seconds_until_next(self, rows: dict[str, JobRow], now_ns: int) -> float:
        if self._doubtful:
            return min(CONFIRM_SECONDS / 4, LOOK_SECONDS)
        names = {job.name for job in self._jobs}
        times = [
            at
            for row in rows.values()
            if row.job in names
            if (at := row.next_run if row.holder is None else row.lease_until) is not None
        ]
        return min([LOOK_SECONDS, *(max(_PAUSE_SECONDS, (at - now_ns) / 1e9) for at in times)])

    def _tell(self, error: Exception) -> None:
        """Log what is wrong, once until it changes."""
        trouble = str(error) if isinstance(error, StoreError) else repr(error)
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("no jobs are run: %s", trouble)
