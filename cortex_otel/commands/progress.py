"""How far long work is: one line on a terminal that rewrites itself, nothing in a pipe."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from cortex_otel.locale import _

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Progress"]

_SECONDS_BETWEEN = 0.1
_SECONDS_UNTIL_SHOWN = 0.5
_SECONDS_UNTIL_ESTIMATED = 3.0
_WIDTH = 24


class Progress:
    """A bar on stderr; a context manager, after which the line is gone.

    Args:
        label: what is being done, translated.
        total: how much there is, in any unit; 0: nobody knows.
    """

    def __init__(self, label: str, total: float = 0) -> None:
        self._label = label
        self._total = total
        self._done = 0.0
        self._is_shown = sys.stderr.isatty()
        self._started = time.monotonic()
        self._next = self._started + _SECONDS_UNTIL_SHOWN

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_shown and time.monotonic() > self._started + _SECONDS_UNTIL_SHOWN:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def to(self, done: float, total: float | None = None) -> None:
        """``done`` of the total are done; cheap enough to be called for each record."""
        self._done = done
        if total is not None:
            self._total = total
        now = time.monotonic()
        if self._is_shown and now >= self._next:
            self._next = now + _SECONDS_BETWEEN
            sys.stderr.write(f"\r{self._line(now)}\x1b[K")
            sys.stderr.flush()

    def add(self, more: float) -> None:
        """As much ``more`` is done."""
        self.to(self._done + more)

    def _line(self, now: float) -> str:
        if not self._total:
            return f"{self._label} {self._done:,.0f}"
        share = min(1.0, self._done / self._total)
        bar = "#" * round(share * _WIDTH)
        line = f"{self._label} [{bar:<{_WIDTH}}] {share:4.0%}"
        spent = now - self._started
        if share and spent > _SECONDS_UNTIL_ESTIMATED:
            line += " " + _("{seconds} s left", seconds=round(spent * (1 - share) / share))
        return line
