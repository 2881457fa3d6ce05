"""How long, and how much, the database keeps."""

from __future__ import annotations

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

__all__ = ["RetentionSettings"]


@subject(frozen=True, kw_only=True)
class RetentionSettings:
    """How long, and how much, the database keeps."""

    retention_event_days: int = setting(
        "CORTEX_OTEL_RETENTION_EVENT_DAYS",
        default=90,
        parse=parsers.integer(0, 36_500),
        allowed="0 to 36500; 0 keeps them for ever",
        unit="days",
    )
    """How long events are kept one by one, and points of OpenTelemetry's instruments.
    `cortex-otel serve` deletes older ones every hour, and so does `cortex-otel retain`."""

    retention_rollup_days: int = setting(
        "CORTEX_OTEL_RETENTION_ROLLUP_DAYS",
        default=400,
        parse=parsers.integer(0, 36_500),
        allowed="0 to 36500; 0 keeps them for ever",
        unit="days",
    )
    """How long roll-ups, sessions and users are kept, which answer most questions: never shorter
    than events."""

    max_database_mb: int = setting(
        "CORTEX_OTEL_MAX_DATABASE_MB",
        default=1024,
        parse=parsers.integer(0, 1_000_000),
        allowed="0 to 1000000; 0 is any size",
        unit="MB",
    )
    """How large the database may become, in millions of bytes, without its write-ahead log. Beyond
    that, the oldest events are deleted, whatever their age; then the oldest roll-ups, where those
    take more than half of it. Where nothing else does that, each writing process does, a little at
    a time."""

    @property
    def max_database_bytes(self) -> int:
        """How large the database may become; 0 for any size."""
        return self.max_database_mb * 10**6
