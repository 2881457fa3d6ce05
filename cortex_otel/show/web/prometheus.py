"""``/metrics``: the named metrics and the state of the store, as Prometheus and OpenMetrics text.

A scrape gets an answer whatever the store is like: what is known, and ``cortex_store_readable``. It
doesn't wait in the queue of the readers, who may be busy with somebody's long question.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import apsw
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route

from cortex_otel.query.current_metrics import current_metrics, store_facts
from cortex_otel.query.named_metrics import NAMED_METRICS
from cortex_otel.show.web.state import admin_of
from cortex_otel_exporters.sqlite.reader import StoreError, open_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from prometheus_client import Metric
    from starlette.requests import Request

__all__ = ["PATH", "ROUTES"]

PATH: Final = "/metrics"
_WAIT_MS: Final = 200
_NS: Final = 1e9
_LABELS: Final = ("service", "user_tier")
_OF_PERIOD: Final = {
    "hourly": "Of the last whole hour",
    "daily": "Of the last whole day",
    "weekly": "Of the last week whose users have all had that time",
}


class _Families(Collector):
    """What was read, in the order in which it is shown."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


async def _scrape(request: Request) -> Response:
    families = await asyncio.to_thread(_families, admin_of(request).database)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    encode: Callable[[CollectorRegistry], bytes]
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"content-type": content_type})


def _families(database: Path) -> list[Metric]:
    found = list(_of_files(database))
    try:
        connection = open_reader(database, timeout_ms=_WAIT_MS)
        try:
            found += _of_store(connection)
            is_readable = 1
        finally:
            connection.close()
    except (StoreError, apsw.Error, OSError):
        is_readable = 0
    readable = _gauge("cortex_store_readable", "1 if the database can be read, else 0.")
    readable.add_metric((), is_readable)
    return [readable, *found]


def _of_files(database: Path) -> Iterator[Metric]:
    family = _gauge("cortex_store_size_bytes", "Size of the files of the database.", "file")
    written = _gauge(
        "cortex_store_last_write_timestamp_seconds", "When the database was last written to."
    )
    times = []
    for name, path in (("database", database), ("wal", database.with_name(f"{database.name}-wal"))):
        try:
            status = path.stat()
        except OSError:
            continue
        family.add_metric((name,), status.st_size)
        times.append(status.st_mtime)
    if times:
        written.add_metric((), max(times))
        yield from (family, written)


def _of_store(connection: apsw.Connection) -> list[Metric]:
    families = {
        metric.name: _gauge(
            metric.prometheus,
            f"{metric.about} {_OF_PERIOD[metric.cadence]}; empty labels: all.",
            *_LABELS,
        )
        for metric in NAMED_METRICS
    }
    for current in current_metrics(connection):
        seconds = 1000 if current.metric.unit == "ms" else 1
        families[current.metric.name].add_metric(
            (current.service, current.tier), current.value / seconds
        )
    return [*families.values(), *_of_itself(connection)]


def _of_itself(connection: apsw.Connection) -> Iterator[Metric]:
    facts = store_facts(connection)
    periods = _gauge(
        "cortex_period_end_timestamp_seconds",
        "When the last period ended that named metrics are written of.",
        "period",
    )
    for kind, end_ns in facts.period_ends.items():
        periods.add_metric((kind,), end_ns / _NS)
    ledger = _gauge(
        "cortex_ledger_records",
        "Records by what became of them: received = stored + sampled_out + dropped.",
        "signal",
        "outcome",
        "reason",
    )
    for *labels, records in facts.ledger:
        ledger.add_metric(labels, records)
    succeeded = _gauge(
        "cortex_job_last_success_timestamp_seconds", "When a job last succeeded.", "name"
    )
    failures = _gauge("cortex_job_failures", "How often a job failed since it succeeded.", "name")
    for name, last_success, failed in facts.jobs:
        failures.add_metric((name,), failed)
        if last_success is not None:
            succeeded.add_metric((name,), last_success / _NS)
    last = _gauge("cortex_last_event_timestamp_seconds", "When the latest event began.")
    if facts.last_event_ns is not None:
        last.add_metric((), facts.last_event_ns / _NS)
    left_out = _gauge(
        "cortex_services_in_totals_only", "How many services are beyond those with own values."
    )
    left_out.add_metric((), facts.services_left_out)
    yield from (periods, ledger, succeeded, failures, last, left_out)


def _gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, labels=labels)


ROUTES: Final = [Route(PATH, _scrape)]
