"""Logger providers: ours, and how it joins the host's or hands over to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import Logger, LoggerProvider

from cortex_otel.sdk.providers.slots import LOGS, HandedOn, HandsOn, Joint, lead_on
from cortex_otel.span.internals import log_processors, made_by, remove_log_processor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import LogRecordProcessor

__all__ = ["LogJoint"]


class LogJoint(Joint):
    """Logs and log-based events.

    Args:
        make: our own provider, without processors.
        processors: to be put on whichever provider it is; ours first.
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
        there = log_processors(provider)
        # On ours, others may have put some meanwhile.
        wanted = self._processors if self._own is None else log_processors(self._own)
        for processor in wanted:
            if all(processor is not one for one in there):
                provider.add_log_record_processor(processor)

    def _hand_over(self, own: Any, provider: Any) -> None:
        loggers = made_by(own, "_logger_cache", "_active_loggers")
        own.successor, own.parts = provider, self._processors
        own.__class__ = _FormerProvider
        for logger in loggers:
            lead_on(logger, provider.get_logger, _FormerLogger)

    def _leave(self, provider: Any) -> None:
        remove_log_processor(provider, self._processors[0])


class _FormerProvider(LoggerProvider, HandsOn):
    """Ours, after the host has set its own."""

    # The SDK's class first, so that one of its providers can become this; its own don't hand on.
    resource = HandsOn.resource
    force_flush = HandsOn.force_flush
    shutdown = HandsOn.shutdown

    get_logger = HandedOn()

    def add_log_record_processor(self, log_record_processor: LogRecordProcessor) -> None:
        self.successor.add_log_record_processor(log_record_processor)


class _FormerLogger(Logger):
    """One of ours, after the host has set its own provider: hands on to the host's."""

    successor: Any

    emit = HandedOn()

    def enabled(self, **kwargs: Any) -> bool:
        enabled = getattr(self.successor, "enabled", None)
        return enabled is None or bool(enabled(**kwargs))
