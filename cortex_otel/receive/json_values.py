"""The parts of an OTLP/JSON message: fields by their types, values and attributes.

A field that decides what a record is (time, id, kind, its list of attributes) has to be right, or
the record is refused. One value among many is read as it was meant, or left out and counted:

* An integer that has no place in 64 bits, or has a fraction, is a double.
* A number may be text, with an exponent too; a boolean as well; an enum may be its name.
* What is nested more than a hundred times is left out, as is a value of a wrong type.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.receive.records import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel.receive.records import Losses

__all__ = ["attributes", "double", "enum", "integer", "list_of", "object_of", "text", "value_of"]

_NUMBER: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_NAMED_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_BOOLS: Final = {"true": True, "false": False}
_TWO_TO_31, _TWO_TO_63, _TWO_TO_64 = 1 << 31, 1 << 63, 1 << 64
_DIGITS: Final = 20  # of 64 bits
_DEEPEST: Final = 100  # as protobuf's own


def list_of(parent: Mapping[str, Any], name: str) -> list[Any]:
    """A field that holds a list; empty if it is left out.

    Raises:
        MalformedError: it is something else.
    """
    found = parent.get(name)
    if found is None:
        return []
    if type(found) is not list:
        raise MalformedError(f"{name} isn't a list")
    return found


def object_of(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field that holds a message; empty if it is left out. Raises as :func:`list_of`."""
    found = parent.get(name)
    if found is None:
        return {}
    if type(found) is not dict:
        raise MalformedError(f"{name} isn't an object")
    return found


def text(parent: Mapping[str, Any], name: str) -> str:
    """A field that holds text; ``""`` if it is left out. Raises as :func:`list_of`."""
    found = parent.get(name)
    if found is None:
        return ""
    if type(found) is not str:
        raise MalformedError(f"{name} isn't text")
    return found


def integer(value: Any, name: str, low: int = 0, high: int = _TWO_TO_64) -> int:
    """A 64-bit integer: a number without a fraction, or one as text; 0 if it is left out.

    Raises:
        MalformedError: it is something else, or out of range.
    """
    if value is None:
        return 0
    if type(value) is str and len(value) <= _DIGITS and value.isascii() and value.isdigit():
        value = int(value)  # the usual case
    elif type(value) is not int:
        value = _number(value)
    if type(value) is not int or not low <= value < high:
        raise MalformedError(f"{name} isn't a 64-bit integer")
    return value


def enum(value: Any, name: str, names: Mapping[str, int]) -> int:
    """The number of an enum, which may be given by its name; 0 if it is left out.

    Raises:
        MalformedError: it is neither.
    """
    if value is None:
        return 0
    if type(value) is str and value in names:
        return names[value]
    if type(value) is not int:
        value = _number(value)
    if type(value) is not int or not -_TWO_TO_31 <= value < _TWO_TO_31:
        raise MalformedError(f"{name} is neither a number nor a name of its enum")
    return value


def double(value: Any, name: str) -> float:
    """A double: a number, or one as text.

    Raises:
        MalformedError: it is something else.
    """
    if type(value) is str and value in _NAMED_NUMBERS:
        return _NAMED_NUMBERS[value]
    found = _number(value)
    if found is None:
        raise MalformedError(f"{name} isn't a number")
    return float(found)


def attributes(parent: Mapping[str, Any], losses: Losses) -> dict[str, Any]:
    """The attributes of a message.

    Args:
        parent: the message.
        losses: counts what was left out.

    Raises:
        MalformedError: they are no list.
    """
    found = parent.get("attributes")
    if not found:
        if found is None or type(found) is list:
            return {}
        raise MalformedError("attributes isn't a list")
    if type(found) is not list:
        raise MalformedError("attributes isn't a list")
    read: dict[str, Any] = {}
    for one in found:
        try:
            key, value = one["key"], one["value"]
            # The usual case, in place: a text and nothing else.
            text = value["stringValue"]
            if type(text) is str and type(key) is str and len(value) == 1:
                read[key] = text
                continue
        except (KeyError, TypeError):
            pass
        _pair_into(read, one, losses, 0)
    return read


def _pair_into(read: dict[str, Any], one: Any, losses: Losses, deep: int) -> None:
    if one is None:
        return
    if type(one) is not dict:
        losses.left_out["an attribute isn't an object"] += 1
        return
    key = one.get("key", "")
    if type(key) is not str:
        losses.left_out["the key of an attribute isn't text"] += 1
        return
    read[key] = value_of(one.get("value"), losses, deep)


def value_of(value: Any, losses: Losses, deep: int = 0) -> Any:
    """An ``AnyValue``; ``None`` if it is empty, or nothing that can be read.

    Args:
        value: as it was sent.
        losses: counts what was left out.
        deep: how many lists and mappings it is in.
    """
    if value is None:
        return None
    if type(value) is not dict:
        losses.left_out["a value isn't an object"] += 1
        return None
    if deep >= _DEEPEST:
        losses.left_out["a value is nested too deeply"] += 1
        return None
    for name, read in _READERS.items():
        found = value.get(name)
        if found is not None:
            try:
                return read(found, losses, deep + 1)
            except MalformedError as error:
                losses.left_out[str(error)] += 1
                return None
    return None


def _number(value: Any) -> int | float | None:
    """A number, or one as text; an integer if it has no fraction. ``None`` for anything else."""
    if type(value) is str:
        if not _NUMBER.fullmatch(value):
            return None
        try:
            value = int(value)
        except ValueError:
            value = float(value)
    if type(value) is float and value.is_integer() and abs(value) < _TWO_TO_64:
        value = int(value)
    if type(value) is int:
        return value if -_TWO_TO_63 <= value < _TWO_TO_64 else _real(value)
    return value if type(value) is float else None


def _real(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _string(value: Any, _losses: Losses, _deep: int) -> str:
    if type(value) is str:
        return value
    if type(value) in {int, float}:
        return str(value)
    raise MalformedError("stringValue isn't text")


def _int(value: Any, _losses: Losses, _deep: int) -> int | float:
    found = _number(value)
    if found is None:
        raise MalformedError("intValue isn't a number")
    return found if found < _TWO_TO_63 else float(found)


def _double(value: Any, _losses: Losses, _deep: int) -> float:
    return double(value, "doubleValue")


def _bool(value: Any, _losses: Losses, _deep: int) -> bool:
    if type(value) is str:
        value = _BOOLS.get(value)
    if type(value) is not bool:
        raise MalformedError("boolValue isn't true or false")
    return value


def _bytes(value: Any, _losses: Losses, _deep: int) -> bytes:
    if type(value) is not str:
        raise MalformedError("bytesValue isn't text")
    is_for_urls = "-" in value or "_" in value
    try:
        return base64.b64decode(
            value + "=" * (-len(value) % 4), altchars=b"-_" if is_for_urls else None, validate=True
        )
    except (binascii.Error, ValueError):
        raise MalformedError("bytesValue isn't base64") from None


def _array(value: Any, losses: Losses, deep: int) -> list[Any]:
    if type(value) is not dict:
        raise MalformedError("arrayValue isn't an object")
    return [value_of(one, losses, deep) for one in list_of(value, "values")]


def _mapping(value: Any, losses: Losses, deep: int) -> dict[str, Any]:
    if type(value) is not dict:
        raise MalformedError("kvlistValue isn't an object")
    read: dict[str, Any] = {}
    for one in list_of(value, "values"):
        _pair_into(read, one, losses, deep)
    return read


_READERS: Final[dict[str, Callable[[Any, Losses, int], Any]]] = {
    "stringValue": _string,
    "intValue": _int,
    "doubleValue": _double,
    "boolValue": _bool,
    "arrayValue": _array,
    "kvlistValue": _mapping,
    "bytesValue": _bytes,
}
