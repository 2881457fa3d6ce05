"""Validation of records before they become rows, so that none can break its batch or a view.

Done before anything is counted or created for the record: a refused one leaves no trace. The text
of dimensions is validated once per distinct value, when its key is created.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cortex_otel_exporters.presence import Presence
    from cortex_otel_exporters.record import MetricPoint, Record

__all__ = [
    "check_json_object", "check_point", "check_presence", "check_record", "check_texts", "shape",
]  # fmt: skip

_TWO_TO_63, _TWO_TO_64, _TWO_TO_128 = 1 << 63, 1 << 64, 1 << 128
_MAX_CHARACTERS = 16_384
_MAX_WEIGHT = 1e9
_MAX_MEASURE = 1e18  # the sum of these times weights stays finite
# SQLite's JSON functions fail at 1000 levels, and then so does every query of the view.
_MAX_DEPTH, _MANY_BRACKETS = 100, 100
# Made once: `json.dumps` with arguments makes an encoder per call.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def check_record(record: Record) -> tuple[tuple[str, ...], str] | None:
    """Check that the numbers and free values of ``record`` can be stored.

    Returns:
        Keys of ``event_data``, and its values as a JSON array; ``None`` if it is empty.

    Raises:
        Exception: they can't; the type has no meaning.
    """
    (
        time_ns,
        duration,
        _,
        _,
        _,
        _,
        trace_id,
        span_id,
        parent_span_id,
        weight,
        message,
        data,
        measures,
        _,
    ) = record
    if type(time_ns) is not int or not 0 < time_ns < _TWO_TO_63:
        raise ValueError("time out of range")
    if duration is not None and (
        type(duration) is not int or not 0 <= duration < _TWO_TO_63 - time_ns
    ):
        raise ValueError("duration out of range")
    if not isinstance(weight, (float, int)) or not 0 < weight < _MAX_WEIGHT:
        raise ValueError("weight out of range")
    if not (
        type(trace_id) is type(span_id) is type(parent_span_id) is int
        and 0 <= trace_id < _TWO_TO_128
        and 0 <= span_id < _TWO_TO_64
        and 0 <= parent_span_id < _TWO_TO_64
    ):
        raise ValueError("id out of range")
    if message:
        check_texts((message,))
    if measures:
        for name, value in measures:
            check_texts((name,))
            if not isinstance(value, (float, int)) or not abs(value) <= _MAX_MEASURE:
                raise ValueError("measure out of range")
    return _keys_and_values(data) if data else None


def check_presence(presence: Presence) -> None:
    """Check that the times of ``presence`` can be stored.

    Raises:
        Exception: they can't.
    """
    times = presence[3:]
    if not all(type(at) is int for at in times) or not 0 < times[0] <= times[1] <= times[2]:
        raise ValueError("time out of range")
    if times[2] >= _TWO_TO_63:
        raise ValueError("time out of range")


def check_point(point: MetricPoint) -> None:
    """Check that ``point`` can be stored.

    Raises:
        Exception: it can't.
    """
    check_texts((point.name, point.unit, point.kind, point.service, point.user_tier, point.buckets))
    check_json_object(point.attributes)
    for time_ns in (point.time_unix_nano, point.start_time_unix_nano):
        if type(time_ns) is not int or not 0 <= time_ns < _TWO_TO_63:
            raise ValueError("time out of range")
    if not math.isfinite(point.value):
        raise ValueError("value is not finite")
    for value in (point.sum, point.minimum, point.maximum):
        if value is not None and not math.isfinite(value):
            raise ValueError("value is not finite")
    if point.observations is not None and type(point.observations) is not int:
        raise ValueError("observations are not a number")


def check_texts(values: Iterable[object]) -> None:
    """Check that each of ``values`` is text of limited length that UTF-8 can encode.

    Raises:
        ValueError: one is not.
    """
    for value in values:
        if not isinstance(value, str) or len(value) > _MAX_CHARACTERS:
            raise ValueError("not text, or too long")
        if not value.isascii():
            value.encode()


def check_json_object(text: str) -> None:
    """Check that ``text`` is a JSON object: views merge it, and fail for everybody if it isn't.

    Raises:
        ValueError: it is not.
    """
    check_texts((text,))
    if text == "{}":
        return
    value = json.loads(text, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - all refusals are ValueErrors
    _check_depth(value, text)


def shape(keys: tuple[str, ...]) -> str:
    """The JSON array of the keys of ``event_data``.

    Raises:
        ValueError: a key isn't text, or they are too long.
    """
    if not all(isinstance(key, str) for key in keys):
        raise ValueError("a key of event_data is not text")
    return _checked(_encode(list(keys)))


def _keys_and_values(data: Mapping[str, object]) -> tuple[tuple[str, ...], str]:
    if not isinstance(data, Mapping):
        raise ValueError("event_data is not a mapping")  # noqa: TRY004 - the same
    values = list(data.values())
    text = _array_of_plain(values)
    if text is None:
        text = _encode(values)
        _check_depth(values, text)
    return tuple(data), _checked(text)


def _array_of_plain(values: list[Any]) -> str | None:
    """``_encode(values)`` in a third of the time; ``None`` if a value isn't plain.

    Exact types: a subclass may run the host's code, and ``True`` is an ``int``.
    """
    parts: list[str] = []
    for value in values:
        kind = type(value)
        if kind is str:
            parts.append(encode_basestring(value))
        elif kind is int:
            parts.append(repr(value))
        elif kind is bool:
            parts.append("true" if value else "false")
        else:
            return None
    return f"[{','.join(parts)}]"


def _checked(text: str) -> str:
    if len(text) > _MAX_CHARACTERS:
        raise ValueError("event_data is too long")
    if not text.isascii():
        text.encode()
    return text


def _check_depth(value: object, text: str) -> None:
    if text.count("[") + text.count("{") > _MANY_BRACKETS:
        _descend(value, _MAX_DEPTH)


def _descend(value: object, left: int) -> None:
    if not left:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            _descend(part, left - 1)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
