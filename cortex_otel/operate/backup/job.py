"""The job ``backup``: a copy each midnight, where a target is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel._version import to_install
from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import BackupError
from cortex_otel.operate.job import DAILY, Job, JobError, counted
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from cortex_otel.settings import Settings

__all__ = ["BACKUP"]

_TIME_LIMIT = 4 * 3600.0  # a gigabyte over a slow line; a request that hangs ends by itself


def _run(settings: Settings) -> str:
    try:
        import obstore  # noqa: F401, PLC0415 - of the extra
        import pyrage  # noqa: F401, PLC0415 - the same
        import zstandard  # noqa: F401, PLC0415 - the same
    except ImportError as error:
        raise JobError(
            f"backup needs more packages: {to_install('backup')} ({error.name} is missing)"
        ) from None
    from cortex_otel.operate.backup.making import make_copy  # noqa: PLC0415 - takes the packages

    try:
        made = make_copy(settings)
    except (BackupError, StoreError) as error:
        # It is shown where more people look than on this machine's terminal.
        raise JobError(str(error).replace(str(settings.home), "CORTEX_OTEL_HOME")) from error
    manifest = made.manifest
    encrypted = "encrypted" if manifest.encryption == "age" else "not encrypted"
    return (
        f"{manifest.name}: {counted(manifest.events, 'event', 'events')}, "
        f"{manifest.stored_bytes} bytes, {encrypted}, "
        f"{counted(made.deleted, 'older backup', 'older backups')} deleted"
    )


BACKUP = Job(
    name="backup",
    title=N_("Backup"),
    cadence=DAILY,
    run=_run,
    is_on=lambda settings: settings.backup_target is not None,
    time_limit=_TIME_LIMIT,
    runs_beside=True,  # a slow target must not keep the database from being kept in bounds
)
