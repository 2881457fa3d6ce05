"""The log file: whether, where, how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LogFileSettings"]


@subject(frozen=True, kw_only=True)
class LogFileSettings:
    """The log file: whether, where, how much of it."""

    log_file: bool = setting(
        "CORTEX_OTEL_LOG_FILE",
        default=False,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Write each stored record to a log file as well, one JSON object a line. A new file begins at
    midnight in `CORTEX_OTEL_TIME_ZONE`."""

    log_file_directory: Path | None = setting(
        "CORTEX_OTEL_LOG_FILE_DIRECTORY",
        default=None,
        parse=parsers.directory,
        allowed="a directory",
    )
    """Directory of the log files; `logs` in `CORTEX_OTEL_HOME` by default. Made with mode 0700, the
    files with 0600."""

    log_file_level: str = setting(
        "CORTEX_OTEL_LOG_FILE_LEVEL",
        default="info",
        parse=parsers.choice("debug", "info", "warning", "error", "critical"),
        allowed="one of debug, info, warning, error, critical",
    )
    """Lowest level that is written to the log file; `debug` is for development."""

    log_file_rotate_mb: int = setting(
        "CORTEX_OTEL_LOG_FILE_ROTATE_MB",
        default=100,
        parse=parsers.integer(1, 100_000),
        allowed="1 to 100000",
        unit="MB",
    )
    """Size at which the next log file of a day begins; at most a quarter of
    `CORTEX_OTEL_LOG_FILE_MAX_MB`."""

    log_file_plain_days: int = setting(
        "CORTEX_OTEL_LOG_FILE_PLAIN_DAYS",
        default=0,
        parse=parsers.integer(0, 36_500),
        allowed="0 to 36500",
        unit="days",
    )
    """How long a log file that is no longer written to stays plain, before `cortex-otel serve`
    compresses it. 0 is at once."""

    log_file_days: int = setting(
        "CORTEX_OTEL_LOG_FILE_DAYS",
        default=90,
        parse=parsers.integer(1, 36_500),
        allowed="1 to 36500",
        unit="days",
    )
    """Age at which a log file is deleted."""

    log_file_max_mb: int = setting(
        "CORTEX_OTEL_LOG_FILE_MAX_MB",
        default=1024,
        parse=parsers.integer(4, 10_000_000),
        allowed="4 to 10000000",
        unit="MB",
    )
    """Size of all log files together; beyond it the oldest are deleted, whatever their age."""
