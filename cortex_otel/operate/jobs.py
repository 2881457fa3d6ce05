"""Every job, in the order in which those due at the same time are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.operate import metrics, retention
from cortex_otel.operate.backup.job import BACKUP
from cortex_otel.operate.logs import LOGS
from cortex_otel.operate.report import REPORT

if TYPE_CHECKING:
    from cortex_otel.operate.job import Job

__all__ = ["JOBS"]

JOBS: tuple[Job, ...] = (metrics.JOB, retention.JOB, LOGS, BACKUP, REPORT)
"""What ``cortex-otel serve`` runs beside its servers."""
