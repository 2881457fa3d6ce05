"""Writing to the terminal: lines, errors, colours, sizes and ages."""

from __future__ import annotations

import os
import sys

from cortex_otel.messages import text
from cortex_otel.query.ranges import RangeError
from cortex_otel.query.runner import QueryTimeoutError
from cortex_otel_exporters.sqlite.reader import StoreError

__all__ = ["age", "colour", "complain", "line", "size", "told"]

_COLOURS = {"success": "32", "error": "31", "timeout": "33", "cancelled": "2"}
_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))
_KILO = 1000


def line(content: str = "") -> None:
    """Write one line to stdout."""
    sys.stdout.write(f"{content}\n")


def complain(message: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"cortex-otel: {message}\n")


def colour(result: str, shown: str) -> str:
    """``shown`` in the colour of ``result``, on a terminal that wants colours."""
    code = _COLOURS.get(result)
    if code is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return shown
    return f"\x1b[{code}m{shown}\x1b[0m"


def size(octets: int) -> str:
    """Bytes as people read them: ``1.2 MB``."""
    value, unit = float(octets), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < _KILO or unit == "TB":
            break
        value /= _KILO
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def age(nanoseconds: int) -> str:
    """A length of time in its largest whole unit: ``3 min``."""
    seconds = max(0, nanoseconds) // 10**9
    for key, length in _UNITS:
        if seconds >= length:
            return text(key, count=seconds // length)
    return text("seconds", count=0)


def told(error: Exception) -> str:
    """What ``error`` says, in the user's language where it has a text."""
    match error:
        case RangeError():
            return text(error.key, **error.values)
        case QueryTimeoutError():
            return text("too_slow", question=error.question, limit=error.time_limit_ms)
        case StoreError():
            return text(f"store_{error.reason}", path=error.path, detail=error)
    return str(error)
