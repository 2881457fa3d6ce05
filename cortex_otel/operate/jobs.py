"""Every job, in the order in which those due at the same time are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.operate import retention
from cortex_otel.operate.logs import LOGS

if TYPE_CHECKING:
    from cortex_otel.operate.job import Job

__all__ = ["JOBS"]

JOBS: tuple[Job, ...] = (retention.JOB, LOGS)
