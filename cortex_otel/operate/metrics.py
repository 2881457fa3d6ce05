"""The job ``metrics``: writes the named metrics when an hour, day or week is over.

Missed periods are filled in by steps of a fraction of a second, with rests in between: a fresh
store of a year takes a few minutes, a third of a core at most, and goes on where it was killed.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

import apsw

from cortex_otel.locale import N_
from cortex_otel.operate.job import Cadence, Job, JobError
from cortex_otel.operate.metric_upkeep import Upkeep
from cortex_otel.operate.metric_values import REST
from cortex_otel.query.current_metrics import MAX_SERVICES
from cortex_otel.query.errors import QueryTimeoutError
from cortex_otel.query.zones import project_zone
from cortex_otel_exporters.sqlite.files import open_for_writing, trouble_of
from cortex_otel_exporters.sqlite.reader import StoreError, open_reader
from cortex_otel_exporters.sqlite.schema import NotOursError, SchemaNewerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cortex_otel.settings import Settings

__all__ = ["JOB", "write_metrics"]

#: Seconds after which a run ends; the next one goes on.
_SECONDS: Final = 240.0
_BUSY_TIMEOUT_MS: Final = 5_000
_ADVICE: Final = {
    "locked": "another process holds the database locked; trying again later",
    "disk_full": "the disk is full: make room",
    "read_only": "the database can't be written: run this as the user that records",
    "corrupt": "the database is damaged: see cortex-otel doctor",
}


def write_metrics(settings: Settings, *, rest: float = REST) -> str:
    """Bring the named metrics up to date, or as far as the time of one run goes.

    Args:
        settings: whose database.
        rest: see :class:`.Values`; 0 where a person waits for it.
    """
    if not settings.database.exists():
        return "nothing is recorded yet"
    deadline = time.monotonic() + _SECONDS
    zone = project_zone(settings.time_zone)
    with _troubles_told(), contextlib.ExitStack() as stack:
        writer = open_for_writing(settings.database, busy_timeout_ms=_BUSY_TIMEOUT_MS)
        stack.callback(writer.close)
        reader = open_reader(settings.database)
        stack.callback(reader.close)
        upkeep = Upkeep(reader, writer, zone, time.time_ns(), rest=rest)
        is_done = True
        for _ in upkeep.steps():
            if time.monotonic() > deadline:
                is_done = False
                break
        summary = f"{upkeep.written} values written"
        if not is_done:
            summary += "; the next run goes on"
        if upkeep.values.services_left_out:
            summary += (
                f"; {upkeep.values.services_left_out} services are in the totals only, "
                f"those after the first {MAX_SERVICES}"
            )
    return summary


@contextlib.contextmanager
def _troubles_told() -> Iterator[None]:
    """What may be mended becomes one line."""
    try:
        yield
    except (StoreError, QueryTimeoutError, NotOursError, SchemaNewerError) as error:
        raise JobError(str(error)) from error
    except (apsw.Error, OSError) as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        raise JobError(_ADVICE.get(trouble, str(error))) from error


JOB: Final = Job(
    name="metrics",
    title=N_("Named metrics"),
    # A minute past the hour: what was recorded in its last seconds is on disk by then.
    cadence=Cadence(minute=1),
    run=write_metrics,
)
