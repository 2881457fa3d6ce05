"""What the user decided about the log file."""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

__all__ = ["LogPolicy"]


class LogPolicy(NamedTuple):
    """Where the log is, what goes into it, and for how long it is kept."""

    directory: Path
    level: str = "INFO"
    """The lowest level that is written."""
    max_bytes: int = 100 * 10**6
    """Of a file; then the next is begun."""
    plain_days: int = 0
    """How long a file stays uncompressed after nobody writes to it any more."""
    days: int = 90
    """How long a file is kept."""
    max_total_bytes: int = 10**9
    """Of all files; beyond it the oldest are deleted."""
    time_zone: str | None = None
    """Whose midnight ends a file; this machine's by default."""

    def zone(self) -> tzinfo | None:
        """The zone; ``None`` for this machine's."""
        if self.time_zone is None:
            return None
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - few set it

        return ZoneInfo(self.time_zone)

    def day_of(self, unix_seconds: float) -> date:
        """The calendar day of a moment."""
        zone = self.zone()
        if zone is None:
            return date(*time.localtime(unix_seconds)[:3])
        return datetime.fromtimestamp(unix_seconds, zone).date()
