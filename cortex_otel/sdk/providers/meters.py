"""Meter providers: ours, and how it joins the host's or delegates to it.

A reader collects from one provider. So when the host sets its own, a reader of the store is added
to that, and our instruments record to the host's from then on; what they recorded before, the
writer thread collects from our provider a last time. Any other reader moves to the host's provider
too, and gets what was recorded for it before on a thread that isn't the host's.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    Meter,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from cortex_otel import guard
from cortex_otel.sdk.providers.sampled import fetched
from cortex_otel.sdk.providers.slots import METRICS, Delegated, Joint, delegate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

__all__ = ["MetricJoint"]

_OBSERVABLE: Final = {
    ObservableCounter: "create_observable_counter",
    ObservableGauge: "create_observable_gauge",
    ObservableUpDownCounter: "create_observable_up_down_counter",
}


class MetricJoint(Joint):
    """Metrics.

    Args:
        make: makes our own provider with the given readers.
        make_reader: makes a reader for the store; one for each provider.
        drop_reader: called with a reader of the store that was removed from its provider.
        readers: further readers, added to whichever provider is used.
        on_first: called once for each provider, at its first measurement.
    """

    slot = METRICS
    sdk = MeterProvider

    def __init__(
        self, make: Callable[[Sequence[MetricReader]], MeterProvider],
        make_reader: Callable[[], MetricReader], drop_reader: Callable[[Any], None],
        readers: Sequence[MetricReader], on_first: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        # Given at construction: the SDK doesn't shut down a reader that is added later.
        super().__init__(lambda: make([make_reader(), *readers]))
        self._make_reader = make_reader
        self._drop_reader = drop_reader
        self._readers = tuple(readers)
        self._on_first = on_first
        #: The host's provider that has our readers, and the reader of the store.
        self._holder: Any = None
        self._reader: MetricReader | None = None

    def _equip_own(self, provider: Any) -> None:
        """Nothing to add: it was made with the readers."""
        _call_at_first_measurement(provider, self._on_first)

    def _join(self, provider: Any) -> str:
        if not hasattr(provider, "add_metric_reader") and isinstance(provider, MeterProvider):
            return "apart"  # an SDK before 1.44
        return super()._join(provider)

    def _equip(self, provider: Any) -> None:
        former = self._holder if self._holder is not None else self._own
        for other in self._readers:
            if former is not None:
                _release(former, other)
            provider.add_metric_reader(other)
        self._leave(self._holder)  # the host has replaced it
        self._holder, self._reader = provider, self._make_reader()
        provider.add_metric_reader(self._reader)
        _call_at_first_measurement(provider, self._on_first)

    def _hand_over(self, own: Any, provider: Any) -> None:
        if own.durations is not None:
            own.durations.use_sdk_instrument()
        meters = fetched(own, "_meters")
        own.successor = provider
        own.__class__ = _FormerProvider
        for meter in meters:
            delegate(meter, provider.get_meter, _FormerMeter)
            for instrument in list(meter._instrument_id_instrument.values()):  # noqa: SLF001
                _redirect(instrument, meter.successor)
        consumer = own._measurement_consumer  # noqa: SLF001 - there is no public way
        with consumer._lock:  # noqa: SLF001 - the same
            consumer._async_instruments.clear()  # noqa: SLF001 - the host's provider observes now

    def leave(self) -> None:
        """Remove our part, and shut down the further readers with it."""
        holder = self._holder
        super().leave()
        if holder is not None:
            for other in self._readers:
                holder.remove_metric_reader(other)  # this shuts it down; the provider wouldn't

    def _leave(self, provider: Any) -> None:
        if provider is None or provider is not self._holder:
            return
        reader, self._holder, self._reader = self._reader, None, None
        self._drop_reader(reader)
        provider.remove_metric_reader(reader)


def _call_at_first_measurement(provider: Any, callback: Callable[[], None]) -> None:
    """Call ``callback`` at the first measurement or registration of an observable instrument.

    The writer collects only while it runs, so a program that records nothing but metrics would
    never start it. Only the first measurement pays for this.
    """
    consumer = getattr(provider, "_measurement_consumer", None)
    if consumer is None:
        return
    watched = ("consume_measurement", "register_asynchronous_instrument")

    def first(original: Callable[..., None], *args: Any) -> None:
        for method in watched:
            vars(consumer).pop(method, None)
        original(*args)
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - the host's call
            guard.swallowed("providers.metrics.first", error)

    if getattr(consumer, "_async_instruments", None):
        callback()
        return
    for method in watched:
        setattr(consumer, method, functools.partial(first, getattr(consumer, method)))


def _release(provider: Any, reader: MetricReader) -> None:
    """Remove ``reader`` from ``provider`` without shutting it down, so that another can have it.

    What was recorded for it is collected here, but not exported: this is the host's thread.
    """
    try:
        consumer = provider._measurement_consumer  # noqa: SLF001 - there is no public way
        counted = consumer.collect(reader)
        consumer.remove_metric_reader(reader)
        with provider._all_metric_readers_lock:  # noqa: SLF001 - the same
            provider._all_metric_readers.discard(reader)  # noqa: SLF001 - the same
        provider._metric_readers = tuple(  # noqa: SLF001 - the same
            one for one in provider._metric_readers if one is not reader  # noqa: SLF001 - the same
        )  # fmt: skip
        if counted is not None:
            _receive_later(reader, counted)
    except Exception as error:  # noqa: BLE001 - the host's call
        guard.swallowed("providers.metrics.release", error)


def _receive_later(reader: Any, counted: MetricsData) -> None:
    """Hand ``counted`` to ``reader`` on another thread if it exports; other readers drop it."""
    if hasattr(reader, "receive_later"):
        reader.receive_later(counted)
    elif isinstance(reader, PeriodicExportingMetricReader):
        receive = reader._receive_metrics  # noqa: SLF001 - every reader defines it
        threading.Thread(target=receive, args=(counted,), daemon=True).start()


def _redirect(instrument: Any, meter: Any) -> None:
    """Let ``instrument`` record to an instrument of ``meter`` of the same name and kind."""
    options = {"unit": instrument.unit, "description": instrument.description}
    for kind, create in _OBSERVABLE.items():
        if isinstance(instrument, kind):
            callbacks = list(instrument._callbacks)  # noqa: SLF001 - there is no public way
            getattr(meter, create)(instrument.name, callbacks=callbacks, **options)
            return
    measure: Any
    if isinstance(instrument, Counter):
        measure = meter.create_counter(instrument.name, **options).add
    elif isinstance(instrument, UpDownCounter):
        measure = meter.create_up_down_counter(instrument.name, **options).add
    elif isinstance(instrument, Histogram):
        advisory = instrument._advisory.explicit_bucket_boundaries  # noqa: SLF001 - the same
        buckets = {"explicit_bucket_boundaries_advisory": advisory} if advisory else {}
        measure = meter.create_histogram(instrument.name, **options, **buckets).record
    else:
        measure = meter.create_gauge(instrument.name, **options).set
    instrument._measurement_consumer = _Redirected(measure)  # noqa: SLF001 - the same


class _Redirected:
    """Replaces an instrument's measurement consumer: forwards to another instrument."""

    def __init__(self, measure: Callable[..., None]) -> None:
        self._measure = measure

    def consume_measurement(self, measurement: Any) -> None:
        self._measure(measurement.value, measurement.attributes, measurement.context)


class _FormerProvider(MeterProvider):
    """Ours, after the host has set its own: delegates to that."""

    successor: Any

    get_meter = Delegated()

    def add_metric_reader(self, metric_reader: MetricReader) -> None:
        self.successor.add_metric_reader(metric_reader)


class _FormerMeter(Meter):
    """One of ours, after the host has set its own provider: delegates to the host's."""

    successor: Any

    create_counter = Delegated()
    create_up_down_counter = Delegated()
    create_histogram = Delegated()
    create_gauge = Delegated()
    create_observable_counter = Delegated()
    create_observable_up_down_counter = Delegated()
    create_observable_gauge = Delegated()
