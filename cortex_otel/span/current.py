"""A span that is current for the duration of a ``with`` block."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import context as context_api
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation import _SPAN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from opentelemetry.trace import Span, Tracer

__all__ = ["CurrentSpan"]

F = TypeVar("F", bound="Callable[..., Any]")


class CurrentSpan:
    """What ``tracer.start_as_current_span(…)`` returns: context manager and decorator.

    Does what the SDK's does, without its two nested generators. So the recorded stack trace of an
    exception begins with the host's own frame, where the SDK's has one of
    ``opentelemetry/trace/__init__.py`` before it.

    Args:
        tracer: starts the span when the block is entered.
        end_on_exit: end the span when the block is left.
        *arguments: all eight of :meth:`opentelemetry.trace.Tracer.start_span`.
    """

    __slots__ = ("_arguments", "_end_on_exit", "_span", "_token", "_tracer")

    def __init__(self, tracer: Tracer, end_on_exit: bool, *arguments: Any) -> None:
        self._tracer = tracer
        self._end_on_exit = end_on_exit
        self._arguments = arguments

    def __enter__(self) -> Span:
        self._span = span = self._tracer.start_span(*self._arguments)
        try:
            self._token = context_api.attach(context_api.set_value(_SPAN_KEY, span))
        except BaseException:
            if self._end_on_exit:
                span.end()
            raise
        return span

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        span = self._span
        try:
            context_api.detach(self._token)
            # Not BaseException: a GeneratorExit isn't an error.
            if isinstance(exc_val, Exception) and span.is_recording():
                record_exception, set_status = self._arguments[-2:]
                if record_exception:
                    span.record_exception(exc_val)
                if set_status:
                    description = f"{type(exc_val).__name__}: {exc_val}"
                    span.set_status(Status(StatusCode.ERROR, description))
        finally:
            if self._end_on_exit:
                span.end()

    def __call__(self, function: F) -> F:
        """Decorate a plain or a coroutine function: a span of its own for each call."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                with self._copy():
                    return await function(*args, **kwargs)

        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with self._copy():
                    return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]  # the same signature

    def _copy(self) -> CurrentSpan:
        return CurrentSpan(self._tracer, self._end_on_exit, *self._arguments)
