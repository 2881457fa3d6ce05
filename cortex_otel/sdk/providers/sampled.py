"""The host's sampling is kept as it is: what its sampler drops is recorded for our store only.

Our store counts every call, and weights what it samples. If the host sends every hundredth trace to
its own backend, the store would lose the other ninety-nine too. So a span that the host's sampler
drops is still recorded, without the sampled flag, and passed to our processors only, including
those given to us in code: what the host exports and propagates doesn't change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SynchronousMultiSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import TraceState

from cortex_otel import guard
from cortex_otel.span.internals import MissingPartError, made_by, multi_span_processor, part
from cortex_otel.span.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import SpanProcessor

__all__ = ["separate", "unite"]


class _HostDropped(TraceState):
    """Trace state that marks a span which the host's sampler dropped; its entries are unchanged."""


class _JoinedSampler(Sampler):
    def __init__(self, theirs: Sampler, ours: Sampler) -> None:
        self.theirs = theirs
        #: ``None`` after :func:`unite`: tracers of an SDK that doesn't list them keep this sampler.
        self.ours: Sampler | None = ours

    def should_sample(
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        *more: Any,
        **named: Any,
    ) -> SamplingResult:
        arguments = (parent_context, trace_id, name, kind, attributes, *more)
        result = self.theirs.should_sample(*arguments, **named)
        state = result.trace_state
        if result.decision is Decision.DROP and self.ours is not None:
            ours = self.ours.should_sample(*arguments, **named)
            if ours.decision.is_recording():  # type: ignore[no-untyped-call]
                marked = _HostDropped(list((state or TraceState()).items()))
                return SamplingResult(Decision.RECORD_ONLY, attributes, marked)
        elif isinstance(state, _HostDropped):  # its parent's
            result.trace_state = TraceState(list(state.items()))
        return result

    def get_description(self) -> str:
        """That of the host's sampler."""
        return self.theirs.get_description()


class _Separated:
    """An SDK multi-processor that hides spans dropped by the host's sampler from its processors."""

    _cortex_part: tuple[SpanProcessor, ...] = ()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if _is_host_dropped(span):
            for one in self._cortex_part:
                one.on_start(span, parent_context)
        else:
            super().on_start(span, parent_context)  # type: ignore[misc]

    def _on_ending(self, span: Any) -> None:
        if _is_host_dropped(span):
            for one in self._cortex_part:
                one._on_ending(span)  # noqa: SLF001 - the SDK's own name for it
        else:
            super()._on_ending(span)  # type: ignore[misc]

    def on_end(self, span: Any) -> None:
        if _is_host_dropped(span):
            for one in self._cortex_part:
                one.on_end(span)
        else:
            super().on_end(span)  # type: ignore[misc]


class _Synchronous(_Separated, SynchronousMultiSpanProcessor):
    pass


class _Concurrent(_Separated, ConcurrentMultiSpanProcessor):
    pass


_SEPARATED: dict[type, type] = {
    SynchronousMultiSpanProcessor: _Synchronous,
    ConcurrentMultiSpanProcessor: _Concurrent,
}


def _is_host_dropped(span: Any) -> bool:
    context = span.context
    return type(context.trace_state) is _HostDropped and not context.trace_flags.sampled


def separate(provider: Any, ours: Sequence[SpanProcessor], sampler: Sampler) -> None:
    """Let ``provider``, an SDK's, record what its sampler drops, for ``ours`` only.

    Args:
        provider: the host's.
        ours: our processors, which ``provider`` already has.
        sampler: decides which of the spans that the host's drops are recorded for ours.
    """
    multi = multi_span_processor(provider)
    theirs = provider.sampler
    separated = _SEPARATED.get(type(multi))
    if separated is None or theirs is ALWAYS_ON or isinstance(theirs, _JoinedSampler):
        return
    for one in ours:
        part(one, "_on_ending")  # by which the SDK calls what stands before the end of a span
    multi._cortex_part = tuple(ours)  # noqa: SLF001 - the same
    multi.__class__ = separated
    _replace_sampler(provider, theirs, _JoinedSampler(theirs, sampler))


def unite(provider: Any) -> None:
    """Undo :func:`separate`."""
    sampler = provider.sampler
    if isinstance(sampler, _JoinedSampler):
        sampler.ours = None
        _replace_sampler(provider, sampler, sampler.theirs)
    multi = multi_span_processor(provider)
    for plain, separated in _SEPARATED.items():
        if multi.__class__ is separated:
            vars(multi).pop("_cortex_part", None)
            multi.__class__ = plain


def _replace_sampler(provider: Any, old: Sampler, new: Sampler) -> None:
    provider.sampler = new
    try:
        tracers = made_by(provider, "_tracers", "_cached_tracers")
    except MissingPartError as error:  # then those that were got before keep the old one
        if not is_older():
            guard.swallowed("providers.traces.sampler", error)
        return
    for tracer in tracers:
        if getattr(tracer, "sampler", None) is old:
            tracer.sampler = new
