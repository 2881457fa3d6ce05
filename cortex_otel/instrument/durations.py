"""The histogram of call durations, counted directly while nobody but our store reads metrics.

The SDK takes 7.5 µs to record a point, most of it to clean and sort attributes that are the same
at each call. :class:`Durations` adds to a bucket instead, and makes the SDK's data of it when the
store collects, so that the rows are those the SDK's own reader would have led to. Where another
metric reader is attached, at start or later, the SDK's instrument is used as ever.
"""

from __future__ import annotations

import math
import os
import time
import weakref
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.metrics import Histogram as Instrument
    from opentelemetry.sdk.metrics.export import MetricReader

    from cortex_otel_exporters.record import MetricPoint

__all__ = ["Durations", "OwnMeterProvider"]

#: Attribute sets beyond this many go to the SDK's instrument, which has a limit of its own.
MAX_SERIES: Final = 1000
_all: weakref.WeakSet[Durations] = weakref.WeakSet()


class OwnMeterProvider(MeterProvider):
    """The SDK's meter provider; says when somebody else begins to read metrics too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.durations: Durations | None = None

    def add_metric_reader(self, metric_reader: MetricReader) -> None:
        """Attach a reader; from now on it sees all that is recorded."""
        super().add_metric_reader(metric_reader)
        if self.durations is not None:
            self.durations.stand_aside()


class Durations:
    """Stands in for one of the SDK's histograms.

    Args:
        instrument: the SDK's, for when somebody else reads metrics too.
        name: of the instrument.
        bounds: upper bounds of its buckets in seconds, ascending.
        convert: makes rows of what was collected.
    """

    def __init__(
        self,
        instrument: Instrument,
        name: str,
        bounds: Sequence[float],
        convert: Callable[[MetricsData], list[MetricPoint]],
    ) -> None:
        self._instrument = instrument
        self._name = name
        self._bounds = tuple(bounds)
        self._convert = convert
        self._is_alone = True
        self.begin_again()
        _all.add(self)

    def begin_again(self) -> None:
        """Forget what was recorded: in a forked child it is the parent's, which stores it."""
        self._lock = native.Lock()
        self._series: dict[frozenset[tuple[str, str]], _Series] = {}
        self._by_object: dict[int, _Series] = {}
        self._since = time.time_ns()

    def stand_aside(self) -> None:
        """Record to the SDK's instrument from now on; what is here goes with the next rows."""
        self._is_alone = False

    def record(self, seconds: float, attributes: Mapping[str, str]) -> None:
        """Add one duration.

        Args:
            seconds: what is negative or no number is refused, as by the SDK.
            attributes: few distinct sets, as of any metric; text only; not changed afterwards.
        """
        if self._is_alone and 0 <= seconds < math.inf:
            with self._lock:
                series = self._by_object.get(id(attributes))
                if series is None or series.attributes is not attributes:
                    series = self._find(attributes)
                if series is not None:
                    series.counts[bisect_left(self._bounds, seconds)] += 1
                    series.total += seconds
                    series.minimum = min(series.minimum, seconds)
                    series.maximum = max(series.maximum, seconds)
                    return
        self._instrument.record(seconds, attributes)

    def _find(self, attributes: Mapping[str, str]) -> _Series | None:
        """The series of ``attributes``; ``None`` if there are too many."""
        key = frozenset(attributes.items())
        series = self._series.get(key)
        if series is None and len(self._series) < MAX_SERIES:
            series = self._series[key] = _Series(attributes, len(self._bounds) + 1)
            # Callers keep their sets: the same object comes again, and need not be hashed.
            self._by_object[id(attributes)] = series
        return series

    def points(self) -> list[MetricPoint]:
        """The rows of what was recorded since the last call."""
        now = time.time_ns()
        with self._lock:
            taken, self._series, self._by_object = self._series, {}, {}
            since, self._since = self._since, now
        if not taken:
            return []
        points = [
            HistogramDataPoint(
                attributes=series.attributes,
                start_time_unix_nano=since,
                time_unix_nano=now,
                count=sum(series.counts),
                sum=series.total,
                bucket_counts=tuple(series.counts),
                explicit_bounds=self._bounds,
                min=series.minimum,
                max=series.maximum,
            )
            for series in taken.values()
        ]
        metric = Metric(self._name, "", "s", Histogram(points, AggregationTemporality.DELTA))
        scope = ScopeMetrics(InstrumentationScope("cortex_otel"), [metric], "")
        return self._convert(MetricsData([ResourceMetrics(Resource.get_empty(), [scope], "")]))


class _Series:
    __slots__ = ("attributes", "counts", "maximum", "minimum", "total")

    def __init__(self, attributes: Mapping[str, str], buckets: int) -> None:
        self.attributes = attributes
        self.counts = [0] * buckets
        self.total = 0.0
        self.minimum, self.maximum = math.inf, -math.inf


def _after_fork_in_child() -> None:
    for durations in list(_all):
        durations.begin_again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
