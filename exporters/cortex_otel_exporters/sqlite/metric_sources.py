"""What asks OpenTelemetry's instruments for their points, every so often."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cortex_otel_exporters import host_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cortex_otel_exporters.record import MetricPoint

__all__ = ["MetricSources"]


class MetricSources:
    """Sources of metric points, and when they are asked next.

    Args:
        interval_ms: time between two collections.
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval = interval_ms / 1000
        self._sources: list[Callable[[], list[MetricPoint]]] = []
        self.restart()

    def __len__(self) -> int:
        return len(self._sources)

    def add(self, source: Callable[[], list[MetricPoint]]) -> None:
        """Ask ``source`` from now on."""
        self._sources.append(source)

    def remove(self, source: Callable[[], list[MetricPoint]]) -> None:
        """Ask ``source`` no more."""
        self._sources = [one for one in self._sources if one != source]

    def restart(self) -> None:
        """Begin an interval now."""
        self._next = time.monotonic() + self._interval

    @property
    def seconds_left(self) -> float | None:
        """How long until the next collection, 0 if it is due; ``None`` without a source."""
        return max(0.0, self._next - time.monotonic()) if self._sources else None

    def collect(self) -> Iterator[list[MetricPoint]]:
        """Points of each source that has any; what one raises is reported, and the next asked."""
        for source in self._sources:
            try:
                points = source()
            except Exception as error:  # noqa: BLE001 - instruments may call the host's code
                host_tasks.warn("collecting metrics failed: %s", type(error).__name__)
                continue
            if points:
                yield points
