"""The job ``logs``: compresses log files that nobody writes to any more, and deletes old ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cortex_otel.locale import N_
from cortex_otel.operate.job import HOURLY, Job, JobError, counted
from cortex_otel.settings.log_file import log_policy
from cortex_otel_exporters.jsonl.upkeep import compress, make_room
from cortex_otel_exporters.sqlite.store import Store

if TYPE_CHECKING:
    from cortex_otel.settings import Settings

__all__ = ["LOGS", "keep_logs"]


def keep_logs(settings: Settings) -> str:
    """Compress and delete, and enter what was deleted into the ledger.

    Raises:
        JobError: a file can't be compressed or deleted.
    """
    policy = log_policy(settings)
    deleted: Counter[tuple[str, str, str]] = Counter()
    try:
        deleted.update(make_room(policy))  # first: compressing needs room
        compressed = compress(policy)
        deleted.update(make_room(policy))
    except OSError as error:
        raise JobError(
            f"a log file can't be compressed or deleted ({error.strerror}): "
            "make room in its directory, or correct its permissions"
        ) from error
    finally:
        _note(settings, deleted)
    by_reason = [f"{count} deleted by {reason}" for (*_, reason), count in sorted(deleted.items())]
    return ", ".join([f"{counted(compressed, 'file', 'files')} compressed", *by_reason])


def _note(settings: Settings, deleted: Counter[tuple[str, str, str]]) -> None:
    if deleted and settings.database.exists():
        store = Store(settings.database)
        store.write([], [], deleted)
        store.close()


def _has_logs(settings: Settings) -> bool:
    # Those that were written before it was switched off grow old, too.
    return settings.log_file or settings.log_directory.is_dir()


LOGS = Job(
    name="logs",
    title=N_("Compress and delete log files"),
    cadence=HOURLY,
    run=keep_logs,
    is_on=_has_logs,
)
