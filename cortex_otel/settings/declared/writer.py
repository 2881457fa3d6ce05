"""Queue, intervals and deadlines of the instrumented process."""

from __future__ import annotations

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

__all__ = ["WriterSettings"]


@subject(frozen=True, kw_only=True)
class WriterSettings:
    """Queue, intervals and deadlines of the instrumented process."""

    queue_size: int = setting(
        "CORTEX_OTEL_QUEUE_SIZE",
        default=65536,
        parse=parsers.integer(64, 1_000_000),
        allowed="64 to 1000000",
        unit="records",
    )
    """Records held in memory while the database is busy; beyond it they are dropped and counted."""

    flush_interval_ms: int = setting(
        "CORTEX_OTEL_FLUSH_INTERVAL_MS",
        default=250,
        parse=parsers.integer(1, 60_000),
        allowed="1 to 60000",
        unit="ms",
    )
    """Longest time a record waits in memory: the most that a kill -9 can lose."""

    exit_timeout_ms: int = setting(
        "CORTEX_OTEL_EXIT_TIMEOUT_MS",
        default=1000,
        parse=parsers.integer(0, 60_000),
        allowed="0 to 60000",
        unit="ms",
    )
    """Longest delay of an exit for storing what is queued."""

    metrics_interval_ms: int = setting(
        "CORTEX_OTEL_METRICS_INTERVAL_MS",
        default=60_000,
        parse=parsers.integer(100, 86_400_000),
        allowed="100 to 86400000",
        unit="ms",
    )
    """Time between two collections of the OpenTelemetry instruments."""

    identity_ttl_ms: int = setting(
        "CORTEX_OTEL_IDENTITY_TTL_MS",
        default=1000,
        parse=parsers.integer(0, 3_600_000),
        allowed="0 to 3600000",
        unit="ms",
    )
    """How long an answer of the identity provider or licence manager is used."""
