"""Kinds of event fields: what a value must be, and what of it is recorded.

A kind turns a value of the host into attributes that are safe to hand to any processor: free
text leaves here as length and keyed hash only. A value that makes no sense never raises in the
host: it is left out, counted by ``event.field``, in the ledger too, and logged once, without the
value. So is an argument that an event doesn't have.
"""

from __future__ import annotations

import asyncio
import math
import numbers
import operator
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from cortex_otel import guard
from cortex_otel.identity import text_hash
from cortex_otel.instrument.state import state
from cortex_otel.process.exceptions import summarize_exception, summarize_stacktrace
from cortex_otel.semconv import (
    CORTEX_ERROR_LOCATION,
    CORTEX_ERROR_MESSAGE,
    CORTEX_RESULT,
    ERROR_TYPE,
    TEXT_HASH_SUFFIX,
    TEXT_LENGTH_SUFFIX,
)
from cortex_otel_exporters import native

__all__ = [
    "Attributes", "Kind", "RejectedValue", "boolean", "choice", "failure", "label", "miss",
    "outcome_of", "real", "reject", "reject_positional", "reject_type", "reject_unknown",
    "rejected_values", "shape", "stack", "text", "whole",
]  # fmt: skip

Attributes: TypeAlias = dict[str, str | bool | int | float]
Kind: TypeAlias = Callable[[str, object], Attributes]
"""``(attribute key, value) -> attributes``; raises :class:`RejectedValue` on a bad value."""

# Sums of counts stay exact as floats, in JSON and in JavaScript.
_MAXIMUM_COUNT: Final = 2**53 - 1
# What redaction takes for a name and for a shape; it would hash or drop a longer one.
_MAXIMUM_LABEL: Final = 128
_MAXIMUM_SHAPE: Final = 512
# Bounds the cost of hashing on the host's thread.
_MAXIMUM_TEXT: Final = 10_000
_MAXIMUM_PARAMETER_NAME: Final = 64
_MORE: Final = "..."
_PARAMETER_TYPES: Final = (bool, int, float, str, bytes, list, tuple, dict, set)

# What a caller misspelt is code, and helps him find it.
_MAX_UNKNOWN: Final = 50
_UNKNOWN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_ANY_OTHER: Final = "*"

# Re-entrant: a signal handler of the host may record an event.
_lock = native.RLock()
_rejected: Counter[str] = Counter()
_unknown: set[str] = set()


class RejectedValue(ValueError):  # noqa: N818 - names the value, as an error it never leaves us
    """A value that is not recorded.

    Args:
        kept: attributes that are recorded all the same.
    """

    def __init__(self, kept: Attributes | None = None) -> None:
        super().__init__()
        self.kept: Attributes = kept or {}


def reject(event: str, field: str) -> None:
    """Count a value left out of an event, and log event and field the first time."""
    _count(event, field)
    guard.warn_once(
        f"rejected.{event}.{field}",
        "telemetry event %s: bad value for %s left out (logged once)",
        event,
        field,
    )


def reject_unknown(event: str, name: str, known: Iterable[str]) -> None:
    """Count an argument that ``event`` doesn't have, and log its name the first time.

    Args:
        event: the event, which is recorded without it.
        name: as the caller wrote it; ``*`` stands for what doesn't stand in the caller's code, but
            came from data, and for all names beyond the first fifty.
        known: the arguments that there are.
    """
    with _lock:
        is_code = _UNKNOWN.fullmatch(name) is not None and _stands_in_code(name)
        is_new = f"{event}.{name}" not in _unknown
        if not is_code or (is_new and len(_unknown) >= _MAX_UNKNOWN):
            name = _ANY_OTHER
        _unknown.add(f"{event}.{name}")
    _count(event, name)
    guard.warn_once(
        f"unknown.{event}.{name}",
        "telemetry event %s: no argument %s, recorded without it; there are: %s (logged once)",
        event,
        name,
        ", ".join(known),
    )


def _stands_in_code(name: str) -> bool:
    """Whether the caller wrote ``name`` himself: of ``**data`` the keys may be anyone's secret."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way, and a call that failed may take long
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__")):
        frame = frame.f_back
    constants = frame.f_code.co_consts
    return any(name == one or (type(one) is tuple and name in one) for one in constants)


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == "cortex_otel"


def reject_positional(event: str, number: int) -> None:
    """Count arguments without a name, where ``event`` takes none or fewer."""
    _count(event, "positional", number=number)
    guard.warn_once(
        f"positional.{event}",
        "telemetry event %s: positional arguments left out; they are given by name (logged once)",
        event,
    )


def reject_type(known: Iterable[str]) -> None:
    """Count an event of a type that there isn't, and say once which there are.

    Args:
        known: the event types that there are. What was given isn't named: it may be data.
    """
    _count("track_event", "event_type")
    guard.warn_once(
        "track_event.event_type",
        "telemetry client: no such event type, nothing recorded; there are: %s (logged once)",
        ", ".join(known),
    )


def miss(event: str, name: str) -> None:
    """Count an argument that ``event`` needs and the caller didn't give."""
    _count(event, name, outcome="missing")
    guard.warn_once(
        f"missing.{event}.{name}",
        "telemetry event %s: argument %s is missing, recorded without it (logged once)",
        event,
        name,
    )


def _count(event: str, field: str, *, outcome: str = "refused", number: int = 1) -> None:
    name = f"{event}.{field}"
    with _lock:
        _rejected[name] += number
    if state.sink is not None:
        state.sink.note("argument", outcome, name, number)


def rejected_values() -> dict[str, int]:
    """Values left out of events so far, and needed ones not given, by ``event.argument``.

    Arguments given without a name, where it takes one, count as ``event.positional``.
    """
    with _lock:
        return dict(_rejected)


def whole(minimum: int = 0, maximum: int = _MAXIMUM_COUNT) -> Kind:
    """Integers from ``minimum`` to ``maximum``; a boolean is none."""

    def read(key: str, value: object) -> Attributes:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise RejectedValue
        number = operator.index(value)
        if not minimum <= number <= maximum:
            raise RejectedValue
        return {key: number}

    return read


def real(minimum: float = 0.0, maximum: float = math.inf) -> Kind:
    """Finite numbers from ``minimum`` to ``maximum``; a boolean is none."""

    def read(key: str, value: object) -> Attributes:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise RejectedValue
        try:
            number = float(value)
        except OverflowError:
            raise RejectedValue from None
        if not math.isfinite(number) or not minimum <= number <= maximum:
            raise RejectedValue
        return {key: number}

    return read


def choice(*allowed: str) -> Kind:
    """One of a few words."""

    def read(key: str, value: object) -> Attributes:
        if not isinstance(value, str) or value not in allowed:
            raise RejectedValue
        return {key: str.__str__(value)}

    return read


def boolean(key: str, value: object) -> Attributes:
    """``True`` or ``False``; nothing that is merely truthy."""
    if not isinstance(value, bool):
        raise RejectedValue
    return {key: value}


def label(key: str, value: object) -> Attributes:
    """A name out of the program's vocabulary, recorded as it is: one line, 1 to 128 characters."""
    if not isinstance(value, str):
        raise RejectedValue
    name = str.__str__(value)
    if not 0 < len(name) <= _MAXIMUM_LABEL or not name.isprintable():
        raise RejectedValue
    return {key: name}


def text(key: str, value: object) -> Attributes:
    """Free text or a path: its length in characters and its keyed hash.

    Of more than 10,000 characters only the first 10,000 are hashed, and the value is counted as
    rejected, since equal hashes then no longer mean equal texts.
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise RejectedValue
    length = len(value)
    attributes: Attributes = {
        key + TEXT_LENGTH_SUFFIX: length,
        key + TEXT_HASH_SUFFIX: text_hash(str.__str__(value)[:_MAXIMUM_TEXT]),
    }
    if length > _MAXIMUM_TEXT:
        raise RejectedValue(kept=attributes)
    return attributes


def shape(key: str, value: object) -> Attributes:
    """Parameters of a call as ``name:type,…``: no value, ``*`` for a name that is no identifier."""
    if not isinstance(value, Mapping):
        raise RejectedValue
    parts: list[str] = []
    room = _MAXIMUM_SHAPE - len(_MORE)
    for name, item in value.items():
        known = (
            isinstance(name, str) and name.isidentifier() and len(name) <= _MAXIMUM_PARAMETER_NAME
        )
        part = f"{name if known else '*'}:{_type_name(item)}"
        room -= len(part) + 1
        if room < 0:
            parts.append(_MORE)
            break
        parts.append(part)
    return {key: ",".join(parts)}


def _type_name(value: object) -> str:
    if value is None:
        return "null"
    # A class of the host's own could be named after anything.
    return next((kind.__name__ for kind in _PARAMETER_TYPES if isinstance(value, kind)), "object")


def stack(key: str, value: object) -> Attributes:
    """A printed stack of Python or JavaScript: file names, functions and lines; no word else."""
    if not isinstance(value, str):
        raise RejectedValue
    return {key: summarize_stacktrace("", value).message}


def failure(_key: str, value: object) -> Attributes:
    """What failed: an exception as type and place, a message as length and hash."""
    if isinstance(value, BaseException):
        outcome = outcome_of(value)
        if outcome == "cancelled":
            return {CORTEX_RESULT: outcome}
        summary = summarize_exception(value)
        return {
            CORTEX_RESULT: outcome,
            ERROR_TYPE: summary.error_type,
            CORTEX_ERROR_LOCATION: summary.message,
        }
    try:
        attributes = text(CORTEX_ERROR_MESSAGE, value)
    except RejectedValue as rejection:
        if rejection.kept:
            rejection.kept[CORTEX_RESULT] = "error"
        raise
    return {CORTEX_RESULT: "error", **attributes}


def outcome_of(error: BaseException) -> str:
    """``timeout``, ``error``, or ``cancelled`` for what stops work from outside."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception):
        return "cancelled"
    return "error"
