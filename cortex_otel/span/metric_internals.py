"""The same as :mod:`.internals`, of metrics."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics import (
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
)

from cortex_otel.span.internals import part

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

__all__ = [
    "boundaries_of",
    "callbacks_of",
    "collect_and_remove",
    "forget_counted",
    "forget_observed",
    "instruments_of",
    "measure_with",
    "receive_with",
    "receiver_of",
    "remove_reader",
    "watch_first",
    "watch_next",
]

_OBSERVED: Final = (ObservableCounter, ObservableGauge, ObservableUpDownCounter)
_WATCHED: Final = ("consume_measurement", "register_asynchronous_instrument")


def instruments_of(meter: Any) -> list[Any]:
    """The instruments that were got from a meter."""
    return list(part(meter, "_instrument_id_instrument").values())


def forget_observed(provider: Any) -> None:
    """Let a meter provider observe nothing any more."""
    consumer = part(provider, "_measurement_consumer")
    with part(consumer, "_lock"):
        part(consumer, "_async_instruments").clear()


def watch_first(provider: Any, tell: Callable[[], None]) -> None:
    """Call ``tell`` at the first measurement of a provider; at once if something is observed.

    Only the first measurement pays for it. ``tell`` never raises.
    """
    if part(part(provider, "_measurement_consumer"), "_async_instruments"):
        tell()
    else:
        watch_next(provider, tell)


def watch_next(provider: Any, tell: Callable[[], None]) -> None:
    """The same of the next measurement, or the next instrument that is observed."""
    consumer = part(provider, "_measurement_consumer")

    def first(original: Callable[..., None], *args: Any) -> None:
        for method in _WATCHED:
            vars(consumer).pop(method, None)
        original(*args)
        tell()

    for method in _WATCHED:
        setattr(consumer, method, functools.partial(first, part(consumer, method)))


def collect_and_remove(provider: Any, reader: MetricReader) -> MetricsData | None:
    """Take ``reader`` out of a provider without its shutdown, so that another may have it.

    Returns:
        What was counted for it.
    """
    counted: MetricsData | None = part(provider, "_measurement_consumer").collect(reader)
    remove_reader(provider, reader)
    return counted


def remove_reader(provider: Any, reader: MetricReader) -> None:
    """The same, of a reader that has collected for the last time."""
    part(provider, "_measurement_consumer").remove_metric_reader(reader)
    with part(provider, "_all_metric_readers_lock"):
        part(provider, "_all_metric_readers").discard(reader)
    left = tuple(one for one in part(provider, "_metric_readers") if one is not reader)
    provider._metric_readers = left


def receiver_of(reader: MetricReader) -> Callable[..., None]:
    """What a reader does with what was collected."""
    receive: Callable[..., None] = part(reader, "_receive_metrics")
    return receive


def receive_with(reader: Any, receive: Callable[..., None]) -> None:
    """Let ``reader`` do something else with it; the SDK calls it by name."""
    part(reader, "_receive_metrics")
    reader._receive_metrics = receive


def forget_counted(reader: Any) -> None:
    """Forget what was counted for a reader before a fork: that is the parent's.

    Without a collection, for which the SDK may hold a lock that nobody releases in the child. What
    is observed keeps its last value: the next one is reported as the difference to that.
    """
    consumer = getattr(part(reader, "_collect"), "__self__", None)
    storage = part(consumer, "_reader_storages").get(reader)
    if storage is None:
        return
    counted = part(storage, "_instrument_view_instrument_matches")
    for instrument in list(counted):
        if not isinstance(instrument, _OBSERVED):
            del counted[instrument]


def callbacks_of(instrument: Any) -> list[Any]:
    """The callbacks of an instrument that is observed."""
    return list(part(instrument, "_callbacks"))


def boundaries_of(histogram: Any) -> Any:
    """The bucket boundaries that a histogram was made with, or ``None``."""
    return part(part(histogram, "_advisory"), "explicit_bucket_boundaries")


def measure_with(instrument: Any, consumer: Any) -> None:
    """Let an instrument hand its measurements to another consumer."""
    part(instrument, "_measurement_consumer")
    instrument._measurement_consumer = consumer
