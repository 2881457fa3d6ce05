"""What the settings say of the log file, as its exporter takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cortex_otel.settings.declaration import Settings
    from cortex_otel_exporters.jsonl.log_file import LogFile
    from cortex_otel_exporters.jsonl.policy import LogPolicy

__all__ = ["log_file", "log_policy"]

_MB = 10**6
_MIN_FILES = 4  # of a full log: deleting the oldest then costs at most a quarter of it


def log_policy(settings: Settings) -> LogPolicy:
    """Where the log is, what goes into it, and for how long it is kept."""
    from cortex_otel_exporters.jsonl.policy import LogPolicy  # noqa: PLC0415 - off by default

    max_total_bytes = settings.log_file_max_mb * _MB
    return LogPolicy(
        directory=settings.log_directory,
        level=settings.log_file_level.upper(),
        max_bytes=min(settings.log_file_rotate_mb * _MB, max_total_bytes // _MIN_FILES),
        plain_days=settings.log_file_plain_days,
        days=settings.log_file_days,
        max_total_bytes=max_total_bytes,
        time_zone=settings.time_zone,
    )


def log_file(settings: Settings) -> LogFile | None:
    """The log file; ``None`` if it is off, and then nothing of it is imported."""
    if not settings.log_file:
        return None
    from cortex_otel_exporters.jsonl.log_file import LogFile  # noqa: PLC0415 - off by default

    return LogFile(log_policy(settings))
