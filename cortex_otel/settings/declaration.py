"""All settings of all subjects, in one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cortex_otel.settings.declared.alerts import AlertSettings
from cortex_otel.settings.declared.backup import BackupSettings
from cortex_otel.settings.declared.content import ContentSettings
from cortex_otel.settings.declared.field import gather
from cortex_otel.settings.declared.instrumentation import InstrumentationSettings
from cortex_otel.settings.declared.log_file import LogFileSettings
from cortex_otel.settings.declared.recording import RecordingSettings
from cortex_otel.settings.declared.report import ReportSettings
from cortex_otel.settings.declared.retention import RetentionSettings
from cortex_otel.settings.declared.serve import ServeSettings
from cortex_otel.settings.declared.writer import WriterSettings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
@gather
class Settings(
    RecordingSettings,
    ContentSettings,
    InstrumentationSettings,
    WriterSettings,
    ServeSettings,
    LogFileSettings,
    RetentionSettings,
    ReportSettings,
    AlertSettings,
    BackupSettings,
):
    """What the user may decide."""

    @property
    def log_directory(self) -> Path:
        """Where the log files are."""
        return self.log_file_directory or self.home / "logs"
