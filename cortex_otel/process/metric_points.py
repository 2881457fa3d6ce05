"""OpenTelemetry metric data → rows of ``telemetry_metrics``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import Gauge, Histogram, MetricsData, Sum

from cortex_otel import semconv as sc
from cortex_otel_exporters.record import MetricPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel.process.names import Names

__all__ = ["metric_points"]


def metric_points(
    data: MetricsData,
    clean: Callable[[Mapping[str, object]], dict[str, object]],
    service: str,
    tier: str,
    names: Names,
) -> list[MetricPoint]:
    """The rows of all data points that say something; empty histograms don't.

    Args:
        data: what a metric reader collected.
        clean: redacts the attributes of a point.
        service: of points that don't say theirs.
        tier: of points that don't say theirs.
        names: redacts and bounds an instrument's name and unit.
    """
    rows: list[MetricPoint] = []
    for resource_metrics in data.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                name = names.of_metric(metric.name)
                for point in metric.data.data_points:
                    attributes = clean(point.attributes or {})
                    values = _values(metric.data, point)
                    if values is None:
                        continue
                    rows.append(
                        MetricPoint(
                            point.time_unix_nano,
                            point.start_time_unix_nano or point.time_unix_nano,
                            name,
                            names.of_unit(metric.unit or ""),
                            values[0],
                            str(attributes.pop(sc.CORTEX_SERVICE, None) or service),
                            str(attributes.pop(sc.CORTEX_USER_TIER, None) or tier),
                            *values[1:],
                            _json(attributes),
                        )
                    )
    return rows


_Values = tuple[str, float, int | None, float | None, float | None, float | None, str]


def _values(data: Any, point: Any) -> _Values | None:
    """Kind, value, observations, sum, minimum, maximum and buckets of a point."""
    if isinstance(data, Sum):
        return "sum", float(point.value), None, None, None, None, ""
    if isinstance(data, Gauge):
        return "gauge", float(point.value), None, None, None, None, ""
    if not point.count:
        return None
    buckets = ""
    if isinstance(data, Histogram):  # exponential ones keep sum, count and extremes only
        buckets = _json(
            {"bounds": list(point.explicit_bounds), "counts": list(point.bucket_counts)}
        )
    mean = point.sum / point.count
    return "histogram", mean, point.count, point.sum, point.min, point.max, buckets


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
