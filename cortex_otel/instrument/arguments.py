"""Argument handling of typed events, which never raise, whatever they are given.

An argument that an event doesn't have is left out and counted; the event itself is recorded.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from cortex_otel import guard
from cortex_otel.instrument.state import state
from cortex_otel.instrument.validate import miss, reject, reject_positional, reject_unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.instrument.event_type import EventType

__all__ = ["never_raises"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def never_raises(
    event_type: EventType, nothing: _R
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Make a function of ``event_type`` never raise into the host, keeping its signature.

    Args:
        event_type: the event under which bad calls are counted.
        nothing: what a call returns when telemetry is off or it fails.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            if not state.active:
                return nothing
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - never into the host
                if not _is_argument_mismatch(error):
                    guard.swallowed(f"events.{event_type.name}", error)
                    return nothing
            try:
                fitting = _fitting(event_type, parameters, args, kwargs)
                return function(**fitting)  # type: ignore[call-arg]  # names of its parameters
            except Exception as error:  # noqa: BLE001 - never into the host
                guard.swallowed(f"events.{event_type.name}", error)
                return nothing

        parameters = _parameters_of(function)
        return call

    return decorate


def _is_argument_mismatch(error: Exception) -> bool:
    """Whether ``error`` was raised by the call itself: the arguments don't fit the signature."""
    traceback = error.__traceback__
    return isinstance(error, TypeError) and traceback is not None and traceback.tb_next is None


class _Parameters(NamedTuple):
    positional: tuple[str, ...]
    all: tuple[str, ...]
    needed: frozenset[str]


def _parameters_of(function: Callable[..., object]) -> _Parameters:
    """The parameters of ``function``, none of which is variadic or positional-only."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    defaults = function.__defaults__ or ()
    optional = {*positional[len(positional) - len(defaults) :], *(function.__kwdefaults__ or ())}
    return _Parameters(positional, names, frozenset(names) - optional)


def _fitting(
    event_type: EventType, parameters: _Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments that fit, by name; others are counted, missing ones are ``None``."""
    given: dict[str, Any] = dict(zip(parameters.positional, args, strict=False))
    if len(args) > len(given):
        reject_positional(event_type.name, len(args) - len(given))
    for name, value in kwargs.items():
        if name not in parameters.all:
            reject_unknown(
                event_type.name, name, (known for known in parameters.all if known != "self")
            )
        elif name in given:  # by position already
            reject(event_type.name, name)
        else:
            given[name] = value
    for name in parameters.all:
        if name in parameters.needed and name not in given:
            miss(event_type.name, name)
            given[name] = None
    return given
