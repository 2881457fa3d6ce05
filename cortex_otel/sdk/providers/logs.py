"""Logger providers: ours, and how it joins the host's or delegates to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import Logger, LoggerProvider

from cortex_otel.sdk.providers.slots import LOGS, Delegated, DelegatingProvider, Joint, delegate
from cortex_otel.span.internals import log_processors, made_by, remove_log_processor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import LogRecordProcessor

__all__ = ["LogJoint"]


class LogJoint(Joint):
    """Logs and log-based events.

    Args:
        make: our own provider, without processors.
        processors: added to whichever provider is used; ours first.
    """

    slot = LOGS
    sdk = LoggerProvider

    def __init__(
        self, make: Callable[[], LoggerProvider], processors: Sequence[LogRecordProcessor]
    ) -> None:
        super().__init__(make)
        self._processors = tuple(processors)

    def _equip_own(self, provider: Any) -> None:
        for processor in self._processors:
            provider.add_log_record_processor(processor)

    def _equip(self, provider: Any) -> None:
        present = log_processors(provider)
        # Others may have added some to our own provider meanwhile.
        processors = self._processors if self._own is None else log_processors(self._own)
        for processor in processors:
            if all(processor is not one for one in present):
                provider.add_log_record_processor(processor)

    def _hand_over(self, own: Any, provider: Any) -> None:
        loggers = made_by(own, "_logger_cache", "_active_loggers")
        own.successor, own.parts = provider, self._processors
        own.__class__ = _FormerProvider
        for logger in loggers:
            delegate(logger, provider.get_logger, _FormerLogger)

    def _leave(self, provider: Any) -> None:
        remove_log_processor(provider, self._processors[0])


class _FormerProvider(LoggerProvider, DelegatingProvider):
    """Ours, after the host has set its own."""

    # The SDK's class first, so that `__class__` can be assigned; its own methods don't delegate.
    resource = DelegatingProvider.resource
    force_flush = DelegatingProvider.force_flush
    shutdown = DelegatingProvider.shutdown

    get_logger = Delegated()

    def add_log_record_processor(self, log_record_processor: LogRecordProcessor) -> None:
        self.successor.add_log_record_processor(log_record_processor)


class _FormerLogger(Logger):
    """One of ours, after the host has set its own provider: delegates to the host's."""

    successor: Any

    emit = Delegated()

    def enabled(self, **kwargs: Any) -> bool:
        enabled = getattr(self.successor, "enabled", None)
        return enabled is None or bool(enabled(**kwargs))
