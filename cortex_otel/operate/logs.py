"""The job ``logs``: compresses log files that nobody writes to any more, and deletes old ones."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from cortex_otel.locale import N_
from cortex_otel.operate.job import HOURLY, Job, JobError, counted
from cortex_otel.settings.log_file import log_policy
from cortex_otel_exporters.jsonl.upkeep import compress, make_room
from cortex_otel_exporters.sqlite.heartbeat import Heartbeat
from cortex_otel_exporters.sqlite.store import Store

if TYPE_CHECKING:
    from cortex_otel.settings import Settings

__all__ = ["LOGS", "keep_logs"]

#: The store itself waits for a quarter of a second at a time.
_SECONDS_LOCKED: Final = 10.0


def keep_logs(settings: Settings) -> str:
    """Compress and delete, and enter what was deleted into the ledger.

    Raises:
        JobError: a file can't be compressed or deleted.
    """
    policy = log_policy(settings)
    deleted: Counter[tuple[str, str, str]] = Counter()
    try:
        make_room(policy, deleted)  # first: compressing needs room
        compressed = compress(policy)
        make_room(policy, deleted)
    except OSError as error:
        raise JobError(
            f"a log file can't be compressed or deleted ({error.strerror}): "
            "make room in its directory, or correct its permissions"
        ) from error
    finally:
        trouble = _note(settings, deleted)
    by_reason = [f"{count} deleted by {reason}" for (*_, reason), count in sorted(deleted.items())]
    if trouble:
        by_reason.append(f"to be entered into the ledger later (the database: {trouble})")
    return ", ".join([f"{counted(compressed, 'file', 'files')} compressed", *by_reason])


def _note(settings: Settings, deleted: Counter[tuple[str, str, str]]) -> str:
    """Enter what was deleted; the store's trouble if whoever opens it next has to."""
    if not deleted or not settings.database.exists():
        return ""
    deadline = time.monotonic() + _SECONDS_LOCKED
    store = Store(settings.database)
    while True:
        trouble = store.write([], [], deleted).trouble
        if trouble != "locked" or time.monotonic() > deadline:
            break
    store.close()
    if trouble:
        left = Heartbeat(settings.database.parent)
        counts = {"|".join(entry): count for entry, count in deleted.items()}
        left.write({"service": "logs", "ended": True, "unrecorded": counts})
        left.forget()  # so it is nobody's: whoever opens the database next enters them
    return trouble


def _has_logs(settings: Settings) -> bool:
    # Those that were written before it was switched off grow old, too.
    return settings.log_file or settings.log_directory.is_dir()


LOGS = Job(
    name="logs",
    title=N_("Compress and delete log files"),
    cadence=HOURLY,
    frees_space=True,
    run=keep_logs,
    is_on=_has_logs,
)
