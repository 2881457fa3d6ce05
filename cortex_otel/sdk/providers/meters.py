"""Meter providers: ours, and how it joins the host's or delegates to it.

A reader collects from one provider. So when the host sets its own, a reader of the store is added
to that, and our instruments record to the host's from then on; what they recorded before, the
writer thread collects from our provider a last time. Any other reader moves to the host's provider
too, and gets what was recorded for it before on a thread that isn't the host's.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

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
from cortex_otel.sdk.providers.slots import METRICS, Delegated, Joint, delegate
from cortex_otel.span.internals import made_by
from cortex_otel.span.metric_internals import (
    boundaries_of,
    callbacks_of,
    collect_and_remove,
    forget_observed,
    instruments_of,
    measure_with,
    receiver_of,
    remove_reader,
    watch_first,
    watch_next,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

__all__ = ["MetricJoint"]

_joints: WeakSet[MetricJoint] = WeakSet()

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
        self,
        make: Callable[[Sequence[MetricReader]], MeterProvider],
        make_reader: Callable[[], MetricReader],
        drop_reader: Callable[[Any], None],
        readers: Sequence[MetricReader],
        on_first: Callable[[], None] = lambda: None,
    ) -> None:
        # Given at construction: the SDK doesn't shut down a reader that is added later.
        super().__init__(lambda: make([make_reader(), *readers]))
        self._make_reader = make_reader
        self._drop_reader = drop_reader
        self._readers = tuple(readers)
        self._on_first = on_first
        #: The host's provider that has our readers, and the reader of the store.
        self._holder: Any = None
        self._reader: MetricReader | None = None
        _joints.add(self)

    @property
    def to_close(self) -> list[Any]:
        """Our provider; and what others gave us readers for, while the host's still has them.

        They collect for the last time as they shut down, which they can't once they are out.
        """
        return super().to_close + ([] if self._holder is None else list(self._readers))

    def _equip_own(self, provider: Any) -> None:
        """Nothing to add: it was made with the readers."""
        self._watch_first(provider)

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
        self._watch_first(provider)

    def _hand_over(self, own: Any, provider: Any) -> None:
        if own.durations is not None:
            own.durations.use_sdk_instrument()
        meters = made_by(own, "_meters")
        own.successor = provider
        own.__class__ = _FormerProvider
        for meter in meters:
            delegate(meter, provider.get_meter, _FormerMeter)
            for instrument in instruments_of(meter):
                _redirect(instrument, meter.successor)
        forget_observed(own)  # the host's observes now

    def leave(self) -> None:
        """Take our part out; the readers beside the store's have been shut down."""
        holder = self._holder
        super().leave()
        if holder is None:
            return
        for other in self._readers:
            try:
                remove_reader(holder, other)
            except Exception as error:  # noqa: BLE001 - at exit, or in the host's own call
                guard.swallowed("providers.metrics.leave", error)

    def _leave(self, provider: Any) -> None:
        if provider is None or provider is not self._holder:
            return
        reader, self._holder, self._reader = self._reader, None, None
        self._drop_reader(reader)
        provider.remove_metric_reader(reader)

    def _watch_first(self, provider: Any) -> None:
        """Have the store woken by the first measurement.

        It collects only while it is awake, and would never hear of a program that has nothing but
        metrics.
        """
        try:
            watch_first(provider, self._tell_of_first)
        except Exception as error:  # noqa: BLE001 - the host's call
            guard.swallowed("providers.metrics.first", error)
            self._tell_of_first()

    def watch_in_child(self) -> None:
        """In a forked child, whose store sleeps: have it woken by the next measurement."""
        provider = self._holder if self._holder is not None else self._own
        if provider is not None and not self._has_left:
            try:
                watch_next(provider, self._tell_of_first)
            except Exception as error:  # noqa: BLE001 - the host's fork
                guard.swallowed("providers.metrics.first", error)

    def _tell_of_first(self) -> None:
        try:
            self._on_first()
        except Exception as error:  # noqa: BLE001 - the host's call
            guard.swallowed("providers.metrics.first", error)


def _release(provider: Any, reader: MetricReader) -> None:
    """Remove ``reader`` from ``provider`` without shutting it down, so that another can have it.

    What was recorded for it is collected here, but not exported: this is the host's thread.
    """
    try:
        counted = collect_and_remove(provider, reader)
        if counted is not None:
            _receive_later(reader, counted)
    except Exception as error:  # noqa: BLE001 - the host's call
        guard.swallowed("providers.metrics.release", error)


def _receive_later(reader: Any, counted: MetricsData) -> None:
    """Hand ``counted`` to ``reader`` on another thread if it exports; other readers drop it."""
    if hasattr(reader, "receive_later"):
        reader.receive_later(counted)
    elif isinstance(reader, PeriodicExportingMetricReader):
        threading.Thread(target=receiver_of(reader), args=(counted,), daemon=True).start()


def _redirect(instrument: Any, meter: Any) -> None:
    """Let ``instrument`` record to an instrument of ``meter`` of the same name and kind."""
    options = {"unit": instrument.unit, "description": instrument.description}
    for kind, create in _OBSERVABLE.items():
        if isinstance(instrument, kind):
            getattr(meter, create)(instrument.name, callbacks=callbacks_of(instrument), **options)
            return
    measure: Any
    if isinstance(instrument, Counter):
        measure = meter.create_counter(instrument.name, **options).add
    elif isinstance(instrument, UpDownCounter):
        measure = meter.create_up_down_counter(instrument.name, **options).add
    elif isinstance(instrument, Histogram):
        advisory = boundaries_of(instrument)
        more = {"explicit_bucket_boundaries_advisory": advisory} if advisory else {}
        measure = meter.create_histogram(instrument.name, **options, **more).record
    else:
        measure = meter.create_gauge(instrument.name, **options).set
    measure_with(instrument, _Redirected(measure))


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


def _after_fork_in_child() -> None:
    for joint in list(_joints):
        joint.watch_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
