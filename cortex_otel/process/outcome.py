"""The outcome of a span or log record: error, result, level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import StatusCode

from cortex_otel import semconv as sc
from cortex_otel.process.exceptions import ErrorSummary, summarize_exception, summarize_stacktrace
from cortex_otel.process.names import OTHER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.process.data import LogData, SpanData

__all__ = ["LEVELS", "log_error", "plain_text", "result_of", "span_error"]

#: By severity number; what has none is INFO.
LEVELS: Final = {
    **dict.fromkeys(range(1, 9), "DEBUG"),
    **dict.fromkeys(range(9, 13), "INFO"),
    **dict.fromkeys(range(13, 17), "WARNING"),
    **dict.fromkeys(range(17, 21), "ERROR"),
    **dict.fromkeys(range(21, 25), "CRITICAL"),
}
_TIMEOUTS: Final = frozenset({"TimeoutError", "asyncio.exceptions.TimeoutError", "timeout"})
_CANCELLATIONS: Final = frozenset(
    {"CancelledError", "asyncio.exceptions.CancelledError", "asyncio.CancelledError", "cancelled"}
)
_NO_ERROR: Final = ErrorSummary("", "", ())


def span_error(span: SpanData, columns: Mapping[str, Any]) -> ErrorSummary:
    """What went wrong, from our own attributes or from a native exception event.

    An exception that was recorded on a span without an error was handled: it is none.
    """
    error_type = columns.get(sc.ERROR_TYPE, "")
    if not error_type and span.status is not StatusCode.ERROR:
        return _NO_ERROR
    summary = _NO_ERROR
    for event in span.events:
        if event.name == sc.EXCEPTION_EVENT and event.attributes:
            summary = summarize_stacktrace(
                plain_text(event.attributes.get(sc.EXCEPTION_TYPE)),
                plain_text(event.attributes.get(sc.EXCEPTION_STACKTRACE)),
            )
    raised = columns.get(sc.CORTEX_EXCEPTION_TYPE)
    return summary._replace(error_type=raised or summary.error_type or error_type or OTHER)


def log_error(log: LogData, columns: Mapping[str, Any]) -> ErrorSummary:
    """What went wrong, from the exception that was logged or the attributes."""
    if log.exception is not None:
        return summarize_exception(log.exception)
    attributes = log.attributes
    if sc.EXCEPTION_TYPE in attributes:
        return summarize_stacktrace(
            plain_text(attributes[sc.EXCEPTION_TYPE]),
            plain_text(attributes.get(sc.EXCEPTION_STACKTRACE)),
        )
    error_type = columns.get(sc.CORTEX_EXCEPTION_TYPE) or columns.get(sc.ERROR_TYPE) or ""
    return _NO_ERROR._replace(error_type=error_type) if error_type else _NO_ERROR


def result_of(columns: Mapping[str, Any], error: ErrorSummary, status: StatusCode | None) -> str:
    """``success``, ``error`` …: as the record has it, or by its error."""
    result = columns.get(sc.CORTEX_RESULT)
    if result in sc.LEVELS_BY_RESULT:
        return str(result)
    if not error.error_type:
        return "error" if status is StatusCode.ERROR else "success"
    if error.error_type in _TIMEOUTS:
        return "timeout"
    return "cancelled" if error.error_type in _CANCELLATIONS else "error"


def plain_text(value: object) -> str:
    """``value`` if it is text, without running a method that the host may have given it."""
    return str.__str__(value) if isinstance(value, str) else ""
