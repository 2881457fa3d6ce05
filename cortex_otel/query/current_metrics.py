"""What a scrape shows: the newest value of each named metric, and what the store knows of itself.

Every statement here is a look-up or reads a small table, however many events there are: monitoring
asks every 15 seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel.query.named_metrics import NAMED_METRICS

if TYPE_CHECKING:
    import apsw

    from cortex_otel.query.named_metrics import NamedMetric

__all__ = ["MAX_SERVICES", "Current", "StoreFacts", "current_metrics", "store_facts"]

#: Services with values of their own, the first that were recorded; all others are in the totals.
MAX_SERVICES: Final = 20
_MAX_ROWS: Final = 200


class Current(NamedTuple):
    """The newest value of a metric for a service and tier; empty: all of them."""

    metric: NamedMetric
    service: str
    tier: str
    value: float


class StoreFacts(NamedTuple):
    """What the store knows of itself."""

    period_ends: dict[str, int]
    """By kind of period, when the last one that is written ended, Unix ns."""
    ledger: list[tuple[str, str, str, int]]
    """Records by signal, outcome and reason."""
    jobs: list[tuple[str, int | None, int]]
    """Jobs with the end of their last success, Unix ns, and how often they failed since."""
    last_event_ns: int | None
    services_left_out: int
    """How many services are in the totals only."""


def current_metrics(connection: apsw.Connection) -> list[Current]:
    """Of the last period that is written; what that had no value for isn't there."""
    return [
        Current(metric, *row)
        for metric in NAMED_METRICS
        for row in connection.execute(_NEWEST, (metric.cadence, metric.name, _MAX_ROWS))
    ]


def store_facts(connection: apsw.Connection) -> StoreFacts:
    """Cheaply: nothing is counted that isn't counted already."""
    ((last_event_ns,),) = connection.execute("SELECT max(time) FROM events")
    ((services,),) = connection.execute(_SERVICES)
    return StoreFacts(
        period_ends=dict(connection.execute("SELECT kind, to_time FROM metric_periods")),
        ledger=list(connection.execute(_LEDGER, (_MAX_ROWS,))),
        jobs=list(connection.execute(_JOBS, (_MAX_ROWS,))),
        last_event_ns=last_event_ns,
        services_left_out=max(0, services - MAX_SERVICES),
    )


_NEWEST: Final = """
SELECT m.service, m.user_tier, m.value
FROM metric_periods p
JOIN telemetry_metrics m ON m.kind = p.kind AND m.timestamp = p.to_time
WHERE m.kind IN ('hourly', 'daily', 'weekly') AND m.kind = ? AND m.metric_name = ?
ORDER BY m.service, m.user_tier LIMIT ?
"""
_SERVICES: Final = """
SELECT count(DISTINCT service) FROM segments
WHERE service <> '' AND segment_key IN (SELECT segment_key FROM series WHERE is_product = 1)
"""
_LEDGER: Final = """
SELECT signal, outcome, reason, sum(records) FROM ledger
WHERE outcome IN ('received', 'stored', 'sampled_out', 'dropped')
GROUP BY signal, outcome, reason ORDER BY signal, outcome, reason LIMIT ?
"""
_JOBS: Final = "SELECT job, last_success, failures FROM jobs ORDER BY job LIMIT ?"
