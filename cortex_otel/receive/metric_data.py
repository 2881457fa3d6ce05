"""A metric point as it came over OTLP → the SDK's own data, which ``process`` makes rows of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cortex_otel.receive.records import Scope

__all__ = ["Point", "metrics_data", "point_of"]

_NO_RECORDED_VALUE: Final = 1
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE  # not kept: a row is a point, as it came
_NUMBERS: Final = frozenset({"gauge", "sum"})
_RESOURCE: Final = Resource({})
_SCOPE: Final = InstrumentationScope("")


class _WithoutBuckets(NamedTuple):
    """Exponential histograms and summaries: sum, count and extremes are kept."""

    data_points: list[HistogramDataPoint]


class Point(NamedTuple):
    """One data point, with its metric."""

    name: str
    unit: str
    data: Any
    identifying: tuple[Any, ...]
    """What tells it from other points of the metric: kind, attributes, numbers."""
    scope: Scope | None = None


def point_of(  # noqa: PLR0917 - what there is of a point
    name: str,
    unit: str,
    kind: str,
    attributes: dict[str, Any],
    numbers: dict[str, Any],
    scope: Scope | None = None,
) -> Point | str:
    """A point of a metric; text says why it can't be one.

    Args:
        name: of the metric.
        unit: of the metric.
        kind: ``gauge``, ``sum``, ``histogram``, ``exponential_histogram`` or ``summary``.
        attributes: of the point.
        numbers: ``time``, ``start`` (Unix ns), ``flags``, ``value``, ``count``, ``sum``, ``min``,
            ``max``, ``bounds``, ``counts``; those that were sent. Others only tell it apart.
        scope: the instrumentation scope.
    """
    if rule := _broken_rule(name, kind, numbers):
        return rule
    identifying = (kind, attributes, numbers)
    time_ns, start_ns = numbers["time"], numbers["start"]
    if kind in _NUMBERS:
        points = [NumberDataPoint(attributes, start_ns, time_ns, numbers["value"])]
        data = Gauge(points) if kind == "gauge" else Sum(points, _CUMULATIVE, is_monotonic=False)
        return Point(name, unit, data, identifying, scope)
    extremes: list[Any] = [numbers.get(field) for field in ("min", "max")]  # the SDK's are None too
    one = HistogramDataPoint(
        attributes,
        start_ns,
        time_ns,
        numbers["count"],
        numbers["sum"],
        numbers.get("counts", []),
        numbers.get("bounds", []),
        *extremes,
    )
    if kind == "histogram":
        return Point(name, unit, Histogram([one], _CUMULATIVE), identifying, scope)
    return Point(name, unit, _WithoutBuckets([one]), identifying, scope)


def _broken_rule(name: str, kind: str, numbers: dict[str, Any]) -> str:
    """What the point lacks; ``""`` if nothing."""
    if not name or not numbers["time"]:
        return "a metric point without name or time"
    if numbers["flags"] & _NO_RECORDED_VALUE:
        return "a metric point without a recorded value"
    needed = ("value",) if kind in _NUMBERS else ("count", "sum")
    for field in needed:
        # A histogram without observations says nothing; one without its sum has no mean.
        if field not in numbers or (field == "count" and not numbers[field]):
            return f"a metric point without its {field}"
    bounds, counts = numbers.get("bounds", []), numbers.get("counts", [])
    if counts and len(counts) != len(bounds) + 1:
        return "a histogram point whose buckets don't fit its bounds"
    if not all(map(math.isfinite, bounds)):
        return "a histogram point with a bound that is not a number"
    return ""


def metrics_data(points: Iterable[Point]) -> MetricsData:
    """``points`` as the SDK would hand them to an exporter."""
    metrics = [Metric(point.name, "", point.unit, point.data) for point in points]
    scopes = [ScopeMetrics(_SCOPE, metrics, "")]
    return MetricsData([ResourceMetrics(_RESOURCE, scopes, "")])
