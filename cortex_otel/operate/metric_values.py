"""Values of the named metrics: answers of the catalogue, of one period each.

In total, by service, by tier, and by both: what is distinct can't be added up afterwards. Where a
question says that a period isn't whole, or has no answer (a rate of nothing), there is no row; a
count of nobody is 0.
"""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.operate.metric_periods import DAY_NS, HOUR_NS, Periods
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.current_metrics import MAX_SERVICES
from cortex_otel.query.named_metrics import NAMED_METRICS
from cortex_otel.query.runner import run
from cortex_otel.semconv import TIERS
from cortex_otel_exporters.sqlite.named_metrics import Row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import apsw

    from cortex_otel.query.named_metrics import NamedMetric, Period
    from cortex_otel.query.zones import Zone

__all__ = ["REST", "WINDOW_NS", "Values"]

_EPOCH: Final = date(1970, 1, 1)
_TIME_LIMIT_MS: Final = 60_000
#: After each question it rests this many times as long as that took: a third of a core at most.
REST: Final = 2.0

_HOURLY: Final = tuple(metric for metric in NAMED_METRICS if metric.cadence == "hourly")
_DAILY: Final = tuple(metric for metric in NAMED_METRICS if metric.cadence == "daily")
_WEEKLY: Final = tuple(metric for metric in NAMED_METRICS if metric.cadence == "weekly")


def _window_ns() -> int:
    (metric,) = _WEEKLY
    parameters = {each.name: each for each in catalogue()[metric.question].parameters}
    return int(parameters["window_days"].default or 0) * DAY_NS


#: How long after a week the last of its users has had the time to come to pay.
WINDOW_NS: Final = _window_ns()


class Values:
    """Of one store, in one time zone; ranges are of whole periods, in Unix ns.

    Args:
        connection: reads the store.
        zone: whose days and weeks they are.
        rest: how many times as long as a question took it rests afterwards.
    """

    def __init__(self, connection: apsw.Connection, zone: Zone, *, rest: float = REST) -> None:
        self._connection = connection
        self._zone = zone
        self._periods = Periods(zone)
        self._rest = rest
        self.cells, self.services_left_out = _cells(connection)

    def of(self, kind: Period, from_ns: int, to_ns: int, only: Collection[str] = ()) -> list[Row]:
        """Of all periods of a range.

        Args:
            kind: of the periods.
            from_ns: start of the first one.
            to_ns: end of the last one.
            only: names of metrics; all if empty.
        """
        match kind:
            case "hourly":
                return list(self._hours(from_ns, to_ns))
            case "daily":
                rows = list(self._trailing(from_ns, to_ns, only))
                return rows if only else [*rows, *self._days(from_ns, to_ns)]
            case "weekly":
                return list(self._weeks(from_ns, to_ns))

    def _hours(self, from_ns: int, to_ns: int) -> Iterator[Row]:
        recorded = self._connection.execute(
            "SELECT DISTINCT hour FROM rollup_hour WHERE hour >= ? AND hour < ?",
            (from_ns // HOUR_NS, to_ns // HOUR_NS),
        )
        for start in [hour * HOUR_NS for (hour,) in recorded]:
            yield from self._by_cell(start, start + HOUR_NS)

    def _days(self, from_ns: int, to_ns: int) -> Iterator[Row]:
        start = from_ns
        while start < to_ns:
            end = self._periods.shifted("daily", start, 1)
            yield from self._by_cell(start, end)
            start = end

    def _trailing(self, from_ns: int, to_ns: int, only: Collection[str]) -> Iterator[Row]:
        for question, metrics in _by_question(_DAILY, only).items():
            for service, tier in self.cells:
                asked = {"from_ns": from_ns, "to_ns": to_ns, "service": service, "user_tier": tier}
                for answer in self._ask(question, asked):
                    day = self._periods.of("daily", _EPOCH + timedelta(answer["day"]))
                    if not answer["partial"]:
                        yield from _rows(metrics, answer, (*day, service, tier))

    def _weeks(self, from_ns: int, to_ns: int) -> Iterator[Row]:
        (metric,) = _WEEKLY
        parameters = {each.name: each for each in catalogue()[metric.question].parameters}
        range_ = {"from_ns": from_ns, "to_ns": to_ns + WINDOW_NS}
        for service, tier in self.cells:
            if tier and tier not in parameters["from_tier"].choices:
                continue  # who pays at first sight can't come to pay
            asked = {**range_, "service": service, "from_tier": tier}
            for answer in self._ask(metric.question, asked):
                week = self._periods.of("weekly", _EPOCH + timedelta(answer["week"]))
                if week[1] <= to_ns and not answer["pending_users"]:
                    yield from _rows((metric,), answer, (*week, service, tier))

    def _by_cell(self, start: int, end: int) -> Iterator[Row]:
        for question, metrics in _by_question(_HOURLY).items():
            for answer in self._ask(question, {"from_ns": start, "to_ns": end}):
                cell = answer["service"], answer["user_tier"]
                if cell in self.cells:
                    yield from _rows(metrics, answer, (start, end, *cell))

    def _ask(self, name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        question = catalogue()[name]
        if question.accepts("time_zone"):
            parameters = {**parameters, "time_zone": self._zone.name}
        result = run(self._connection, question, parameters, time_limit_ms=_TIME_LIMIT_MS)
        time.sleep(self._rest * result.elapsed_ms / 1000)
        return result.records()


def _cells(connection: apsw.Connection) -> tuple[dict[tuple[str, str], None], int]:
    """Services and tiers with values of their own; how many services have none."""
    segments = list(
        connection.execute(
            "SELECT service, user_tier FROM segments WHERE segment_key IN "
            "(SELECT segment_key FROM series WHERE is_product = 1) ORDER BY segment_key"
        )
    )
    services = list(dict.fromkeys(service for service, _ in segments if service))
    kept = set(services[:MAX_SERVICES])
    found: dict[tuple[str, str], None] = {}
    for service, tier in segments:
        for cell in ((service, tier), (service, ""), ("", tier), ("", "")):
            if cell[0] in kept | {""} and cell[1] in {*TIERS, ""}:
                found[cell] = None
    return found, len(services) - len(kept)


def _by_question(
    metrics: tuple[NamedMetric, ...], only: Collection[str] = ()
) -> Mapping[str, list[NamedMetric]]:
    found: dict[str, list[NamedMetric]] = defaultdict(list)
    for metric in metrics:
        if not only or metric.name in only:
            found[metric.question].append(metric)
    return found


def _rows(
    metrics: Collection[NamedMetric],
    answer: Mapping[str, Any],
    period: tuple[int, int, str, str],
) -> Iterator[Row]:
    for metric in metrics:
        value = answer[metric.column]
        if value is not None:
            of = answer[metric.of] if metric.of else None
            yield Row(metric.name, metric.unit, *period, float(value), of)
