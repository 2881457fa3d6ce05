r"""JSON that orjson refuses, read all the same where it is clear what was meant.

orjson reads nothing of a text that breaks one rule anywhere: a lone surrogate, which JavaScript
makes by cutting a string in two, costs the whole batch. So a text that it refuses is read once
more, slowly, with these rules:

* Half of a surrogate pair, and a byte that is no UTF-8, are U+FFFD.
* ``NaN``, ``Infinity``, and a number too large for a double (infinite then), are numbers.
* A byte order mark, UTF-16, UTF-32 and control characters inside text are read.
* A backslash before what it can't stand before, as in ``C:\Users``, is a backslash.
* What is nested deeper than any value may be is ``null``.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

__all__ = ["loads"]

#: A value of OTLP may be nested a hundred times, and takes three levels of JSON each time.
_DEEPEST: Final = 320
_ABSURD: Final = 1_000_000  # nobody's value: a body of nothing but brackets
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\(["\\/bfnrt]|u[0-9A-Fa-f]{4})?')
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TWO_TO_63, _TWO_TO_64 = 1 << 63, 1 << 64


def loads(body: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is none, by any rule.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode(json.detect_encoding(body), "replace")
    text = _pruned(text)
    try:
        try:
            value = _read(text)
        except json.JSONDecodeError:
            if "\\" not in text:
                raise
            value = _read(_ESCAPE.sub(_escape, text))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return _without_surrogates(value)


def _read(text: str) -> Any:
    return json.loads(text, strict=False, parse_int=_number)


def _escape(found: re.Match[str]) -> str:
    return found[0] if found[1] else "\\" + found[0]


def _pruned(text: str) -> str:
    """``text`` with ``null`` in place of what is nested too deeply."""
    pieces: list[str] = []
    depth = kept_to = start = 0
    for token in _TOKEN.finditer(text):
        at = token.start()
        sign = text[at]
        if sign in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                start = at
            elif depth > _ABSURD:
                raise ValueError("nested too deeply")
        elif sign in "]}":
            if depth == _DEEPEST + 1:
                pieces += (text[kept_to:start], "null")
                kept_to = at + 1
            depth -= 1
    return "".join([*pieces, text[kept_to:]]) if pieces else text


def _number(digits: str) -> int | float:
    """An integer as orjson reads it: what has no place in 64 bits is a double."""
    if len(digits) <= len(str(_TWO_TO_64)):
        value = int(digits)
        if -_TWO_TO_63 <= value < _TWO_TO_64:
            return value
    return float(digits)


def _without_surrogates(value: Any) -> Any:
    if type(value) is str:
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if type(value) is list:
        return [_without_surrogates(one) for one in value]
    if type(value) is dict:
        return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
    return value
