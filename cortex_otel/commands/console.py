"""Terminal output: lines, errors, colours, sizes and ages."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from cortex_otel._version import to_install
from cortex_otel.locale import N_, _
from cortex_otel.query.errors import QueryParameterError, QueryTimeoutError
from cortex_otel.query.ranges import RangeError
from cortex_otel.query.store_errors import described
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "age",
    "colour",
    "complain",
    "error_message",
    "ledger_line",
    "line",
    "needs_packages",
    "nobody_reads",
    "size",
    "waiting",
]

_COLOURS = {"success": "32", "error": "31", "timeout": "33", "cancelled": "2"}
_UNITS = (
    (N_("{count} d"), 86_400),
    (N_("{count} h"), 3_600),
    (N_("{count} min"), 60),
    (N_("{count} s"), 1),
)
_KILO = 1000
_SECONDS_UNTIL_TOLD = 1.0
_CLOSED_PIPE = 128 + 13


def line(content: str = "") -> None:
    """Write one line to stdout; where nobody reads it any more, the command ends."""
    try:
        sys.stdout.write(f"{content}\n")
    except BrokenPipeError:
        raise SystemExit(nobody_reads()) from None  # past who takes it for an error of a file


def nobody_reads() -> int:
    """Let what is still written go into nothing; the exit code, as of SIGPIPE."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _CLOSED_PIPE


def complain(message: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"cortex-otel: {message}\n")


@contextlib.contextmanager
def waiting(message: str) -> Iterator[None]:
    """Say what takes long, on a terminal, after a second; gone again when it is done."""
    if not sys.stderr.isatty():
        yield
        return

    told = threading.Event()

    def tell() -> None:
        told.set()
        sys.stderr.write(f"\r{message}")
        sys.stderr.flush()

    timer = threading.Timer(_SECONDS_UNTIL_TOLD, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if told.is_set():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def colour(result: str, shown: str) -> str:
    """``shown`` in the colour of ``result``, if the terminal supports colours."""
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
    """A duration in its largest whole unit: ``3 min``."""
    seconds = max(0, nanoseconds) // 10**9
    for message, length in _UNITS:
        if seconds >= length:
            return _(message, count=seconds // length)
    return _("{count} s", count=0)


def needs_packages(command: str, extra: str, module: str | None) -> str:
    """What to install if ``command`` lacks packages.

    Args:
        command: the command line.
        extra: the extra of this distribution.
        module: the first module that can't be imported.
    """
    return _(
        "{command} needs more packages: {install} ({module} is missing)",
        command=command,
        install=to_install(extra),
        module=module,
    )


def ledger_line(counts: Mapping[str, object]) -> str:
    """What was received, and what became of it.

    Args:
        counts: ``received``, ``stored``, ``sampled_out`` and ``dropped``.
    """
    return _(
        "{received} received = {stored} stored + {sampled_out} sampled out + {dropped} dropped",
        **counts,
    )


def error_message(error: Exception) -> str:
    """The message of ``error``, in the user's language if it is translated."""
    match error:
        case RangeError() | QueryParameterError():
            return _(error.message, **error.values)
        case QueryTimeoutError():
            return _(
                "{question} took longer than {limit:g} ms: choose a shorter range",
                question=error.question,
                limit=error.time_limit_ms,
            )
        case StoreError():
            return described(error)
    return str(error)
