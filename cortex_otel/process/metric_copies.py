"""Metric data rebuilt from redacted parts, for exporters beside ours.

Once attributes are gone, several points of an instrument may have the same ones. Whoever receives
them would take them for one stream that contradicts itself, so they become one point here: sums
and histograms add up, of gauges the latest stands. The same for scopes and instruments that have
become equal: OpenTelemetry's encoder keeps one of equal scopes and loses the rest.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import (
    ExponentialHistogram,
    Gauge,
    Histogram,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from cortex_otel.process.names import Names

__all__ = ["merged", "points_in"]

#: One stream of an instrument: what must be equal for points to be added.
_Stream = tuple[Any, ...]


def points_in(data: MetricsData) -> int:
    """How many data points ``data`` has."""
    return sum(
        len(metric.data.data_points)
        for of_resource in data.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    )


def merged(
    data: MetricsData,
    *,
    resource: Callable[[Resource | None], Resource],
    scope: Callable[[InstrumentationScope | None], InstrumentationScope | None],
    names: Names,
    attributes: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> MetricsData:
    """A copy of ``data`` made of redacted parts only.

    Args:
        data: what a metric reader collected.
        resource: makes the safe copy of a resource.
        scope: makes the safe copy of a scope.
        names: redacts the names and units of instruments.
        attributes: redacts the attributes of a point.
    """
    resources: dict[Resource, dict[InstrumentationScope | None, dict[_Stream, dict[str, Any]]]] = {}
    for of_resource in data.resource_metrics:
        scopes = resources.setdefault(resource(of_resource.resource), {})
        for of_scope in of_resource.scope_metrics:
            streams = scopes.setdefault(scope(of_scope.scope), {})
            for metric in of_scope.metrics:
                stream = _stream(metric, names)
                if stream is not None:
                    _add(streams.setdefault(stream, {}), metric, attributes)
    return MetricsData(
        [
            ResourceMetrics(
                of_resource,
                [
                    ScopeMetrics(
                        of_scope,  # type: ignore[arg-type]
                        [_metric(stream, list(points.values())) for stream, points in made.items()],
                        of_scope.schema_url or "" if of_scope is not None else "",
                    )
                    for of_scope, made in scopes.items()
                ],
                of_resource.schema_url,
            )
            for of_resource, scopes in resources.items()
        ]
    )


def _stream(metric: Metric, names: Names) -> _Stream | None:
    data = metric.data
    if not isinstance(data, (Sum, Gauge, Histogram, ExponentialHistogram)):
        return None
    return (
        names.of_metric(metric.name),
        names.of_unit(metric.unit or ""),
        type(data),
        getattr(data, "aggregation_temporality", None),
        getattr(data, "is_monotonic", None),
    )


def _metric(stream: _Stream, points: list[Any]) -> Metric:
    name, unit, kind, temporality, is_monotonic = stream
    if kind is Gauge:
        data: Any = Gauge(points)
    elif kind is Sum:
        data = Sum(points, temporality, is_monotonic)
    else:
        data = kind(points, temporality)
    return Metric(name, "", unit, data)


def _add(
    points: dict[str, Any],
    metric: Metric,
    attributes: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> None:
    for point in metric.data.data_points:
        clean = attributes(point.attributes or {})
        # Buckets of other bounds can't be added; they stay a point of their own.
        key = repr((sorted(clean.items()), getattr(point, "explicit_bounds", None)))
        copy: Any = replace(point, attributes=clean, exemplars=[])
        if isinstance(point, NumberDataPoint):
            copy = replace(copy, value=_number(point.value))
        points[key] = _sum(points[key], copy, metric.data) if key in points else copy


def _sum(one: Any, other: Any, data: Any) -> Any:
    span = {
        "start_time_unix_nano": min(one.start_time_unix_nano or 0, other.start_time_unix_nano or 0),
        "time_unix_nano": max(one.time_unix_nano, other.time_unix_nano),
    }
    if isinstance(data, Gauge):
        return other if other.time_unix_nano >= one.time_unix_nano else one
    if isinstance(data, Sum):
        return replace(one, value=_number(one.value + other.value), **span)
    totals = {
        "count": one.count + other.count,
        "sum": one.sum + other.sum,
        # An empty one has infinities there.
        "min": min(one.min, other.min),
        "max": max(one.max, other.max),
        **span,
    }
    if isinstance(data, Histogram):
        counts = [a + b for a, b in zip(one.bucket_counts, other.bucket_counts, strict=True)]
        return replace(one, bucket_counts=counts, **totals)
    scale = min(one.scale, other.scale)
    return replace(
        one,
        scale=scale,
        zero_count=one.zero_count + other.zero_count,
        positive=_buckets(scale, (one.scale, one.positive), (other.scale, other.positive)),
        negative=_buckets(scale, (one.scale, one.negative), (other.scale, other.negative)),
        **totals,
    )


def _number(value: float) -> int | float:
    """``value`` as a protocol can carry it: one that it can't would fail the whole batch."""
    if isinstance(value, int) and -(2**63) <= int.__int__(value) < 2**63:
        return int.__int__(value)
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _buckets(scale: int, *sides: tuple[int, Any]) -> Any:
    """Buckets of several exponential histograms, added at the coarsest scale.

    One step down in scale makes one bucket of two: index ``i`` becomes ``i >> 1``.
    https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
    """
    counts: dict[int, int] = {}
    for own, buckets in sides:
        for place, count in enumerate(buckets.bucket_counts, buckets.offset):
            if count:
                index = place >> (own - scale)
                counts[index] = counts.get(index, 0) + count
    if not counts:
        return replace(sides[0][1], offset=0, bucket_counts=[])
    first, last = reduce(min, counts), reduce(max, counts)
    filled = [counts.get(index, 0) for index in range(first, last + 1)]
    return replace(sides[0][1], offset=first, bucket_counts=filled)
