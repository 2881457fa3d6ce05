"""Tracer providers: ours, and how it joins the host's or delegates to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from opentelemetry.sdk.trace import Tracer, TracerProvider

from cortex_otel.sdk.providers import mirror
from cortex_otel.sdk.providers.sampled import separate, unite
from cortex_otel.sdk.providers.slots import TRACES, Delegated, DelegatingProvider, Joint, delegate
from cortex_otel.span.internals import made_by, remove_span_processor, span_processors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.sampling import Sampler

__all__ = ["TraceJoint"]

#: Attributes in which the SDK's provider, or our patch of it, keeps the tracers it has handed out.
_TRACERS: Final = ("_tracers", "_cached_tracers", "_cortex_tracers")


class TraceJoint(Joint):
    """Traces.

    Args:
        make: our own provider, without processors.
        processors: added to whichever provider is used; ours first.
        sampler: decides what our store records.
    """

    slot = TRACES
    sdk = TracerProvider

    def __init__(
        self,
        make: Callable[[], TracerProvider],
        processors: Sequence[SpanProcessor],
        sampler: Sampler,
    ) -> None:
        super().__init__(make)
        self._processors = tuple(processors)
        self._sampler = sampler
        self._mirror: TracerProvider | None = None

    @property
    def to_close(self) -> list[Any]:
        """Our provider, or the one that mirrors a provider of another implementation."""
        return super().to_close or ([] if self._mirror is None else [self._mirror])

    def _equip_own(self, provider: Any) -> None:
        for processor in self._processors:
            provider.add_span_processor(processor)
        if not any(hasattr(provider, name) for name in _TRACERS):
            _remember_tracers(provider)  # an SDK that keeps no list

    def _equip(self, provider: Any) -> None:
        present = span_processors(provider)
        processors = self._processors
        if self._own is not None:  # also those that others have added to ours
            processors = span_processors(self._own)
        for processor in processors:
            if all(processor is not one for one in present):
                provider.add_span_processor(processor)
        separate(provider, self._processors, self._sampler)

    def _join_foreign(self, provider: Any) -> str:
        watched = mirror.watch(self._patches, provider, self._make_equipped)
        return "mirrored" if watched else "apart"

    def _make_equipped(self) -> TracerProvider:
        provider: TracerProvider = self._make()
        self._equip_own(provider)
        self._mirror = provider
        return provider

    def _hand_over(self, own: Any, provider: Any) -> None:
        tracers = made_by(own, *_TRACERS)
        vars(own).pop("get_tracer", None)
        own.successor, own.parts = provider, self._processors
        own.__class__ = _FormerProvider
        for tracer in tracers:
            delegate(tracer, provider.get_tracer, _FormerTracer)

    def _leave(self, provider: Any) -> None:
        unite(provider)
        remove_span_processor(provider, self._processors[0])


def _remember_tracers(provider: Any) -> None:
    get, provider._cortex_tracers = provider.get_tracer, WeakSet()  # noqa: SLF001 - ours

    def get_tracer(*args: Any, **kwargs: Any) -> Any:
        tracer = get(*args, **kwargs)
        if isinstance(tracer, Tracer):
            provider._cortex_tracers.add(tracer)  # noqa: SLF001 - ours
        return tracer

    provider.get_tracer = get_tracer


class _FormerProvider(TracerProvider, DelegatingProvider):
    """Ours, after the host has set its own."""

    # The SDK's class first, so that `__class__` can be assigned; its own methods don't delegate.
    resource = DelegatingProvider.resource
    force_flush = DelegatingProvider.force_flush
    shutdown = DelegatingProvider.shutdown

    get_tracer = Delegated()

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        self.successor.add_span_processor(span_processor)


class _FormerTracer(Tracer):
    """One of ours, after the host has set its own provider: delegates to the host's."""

    successor: Any

    start_span = Delegated()
    start_as_current_span = Delegated()
