"""How each job stands, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cortex_otel.operate.announcement import announced
from cortex_otel.operate.jobs import JOBS
from cortex_otel.operate.leases import JobRow, Leases
from cortex_otel.operate.switches import is_on, switches
from cortex_otel.query.zones import UTC_ZONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel.operate.announcement import Announced
    from cortex_otel.operate.job import Job
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["JobState", "job_states", "unplanned"]


@dataclass(frozen=True, slots=True)
class JobState:
    """A job, and its row in the table ``jobs``; an empty one if it has never been planned."""

    job: Job
    row: JobRow
    switched_off_by: tuple[str, ...] | None
    """``None``: it is on. Else the environment variables that decide it."""
    is_running: bool
    is_overdue: bool
    """A whole run was missed: the one after the one that is due is due, too."""

    @property
    def has_failed(self) -> bool:
        """Whether its last run didn't work, and it is to be tried again."""
        return self.switched_off_by is None and self.row.failures > 0

    @property
    def took_ns(self) -> int | None:
        """How long the last run took; ``None`` if it is running, or there was none."""
        if self.row.last_start is None or self.row.last_end is None:
            return None
        return self.row.last_end - self.row.last_start


def job_states(
    settings: Settings, now_ns: int, zone: Zone, jobs: Sequence[Job] = JOBS
) -> list[JobState]:
    """All jobs, in their order.

    Args:
        settings: they say which are on, unless a ``serve`` that runs them says otherwise.
        now_ns: the time, Unix ns.
        zone: the project's.
        jobs: which.

    Raises:
        StoreError: there is no database, or it can't be read.
    """
    rows = Leases(settings.database).read()
    serve = announced(settings.home)
    return [_state(job, rows.get(job.name), settings, serve, now_ns, zone) for job in jobs]


def _state(  # noqa: PLR0917 - one of two calls in one place
    job: Job,
    row: JobRow | None,
    settings: Settings,
    serve: Announced | None,
    now_ns: int,
    zone: Zone,
) -> JobState:
    row = row or JobRow(job.name)
    switched_off_by = None if is_on(job, settings) else switches(job, settings)
    if serve is not None and serve.runs_jobs:  # it has an environment of its own
        switched_off_by = serve.off.get(job.name)
    on = switched_off_by is None
    is_running = row.holder is not None and not row.lease_has_ended(now_ns)
    is_due = on and not is_running and row.next_run is not None
    return JobState(
        job=job,
        row=row,
        switched_off_by=switched_off_by,
        is_running=is_running,
        is_overdue=is_due and job.cadence.next_after(row.next_run or 0, zone) <= now_ns,
    )


def unplanned(settings: Settings, jobs: Sequence[Job] = JOBS) -> list[JobState]:
    """The same where there is no database yet."""
    serve = announced(settings.home)
    return [_state(job, None, settings, serve, 0, UTC_ZONE) for job in jobs]
