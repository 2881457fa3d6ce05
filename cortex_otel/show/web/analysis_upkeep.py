"""Keeps the compact form of the analysis engine up to date while the web admin runs.

So a funnel doesn't wait for what was recorded since the last one. Whoever asks brings it up to date
all the same; this only does so earlier, in a thread of its own, and for a small part of a core.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final

import apsw

from cortex_otel.query import analysis
from cortex_otel_exporters.sqlite.reader import StoreError, data_version, open_reader

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AnalysisUpkeep"]

_SECONDS_BETWEEN: Final = 1.0
#: It rests this many times as long as it worked: a twentieth of a core at most, however many events
#: there are.
_REST: Final = 20
#: After a minute without a question its memory, nine bytes an event and more, is given back.
_SECONDS_KEPT: Final = 60.0


class AnalysisUpkeep:
    """The thread.

    Args:
        path: the store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cortex-otel-analysis", daemon=True)

    def start(self) -> None:
        """Begin, unless numpy isn't installed."""
        if analysis.is_available():
            self._thread.start()

    def close(self) -> None:
        """End; a step under way is finished."""
        self._end.set()

    def _run(self) -> None:
        rest = _SECONDS_BETWEEN
        while not self._end.wait(rest):
            started = time.thread_time()
            # No store yet, or one that is locked or being replaced: the next turn tells.
            with contextlib.suppress(StoreError, apsw.Error, OSError):
                self._follow()
            rest = max(_SECONDS_BETWEEN, _REST * (time.thread_time() - started))

    def _follow(self) -> None:
        """Bring the form up to date at each commit, until the store is another one."""
        connection = open_reader(self._path)
        try:
            seen, rest = -1, 0.0
            file = self._path.stat().st_ino
            while not self._end.wait(rest) and self._path.stat().st_ino == file:
                started = time.thread_time()
                version = data_version(connection)
                if version != seen:
                    analysis.bring_up(connection)
                    seen = version
                analysis.forget_unused(_SECONDS_KEPT)
                rest = max(_SECONDS_BETWEEN, _REST * (time.thread_time() - started))
        finally:
            connection.close()
