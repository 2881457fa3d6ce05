"""The log file as a writer uses it: lines of the records that were stored, if they can be had.

Nothing here raises or waits for long. What can't be written is counted, and told in the host's log
when it begins and when it is over; the database goes on meanwhile.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from cortex_otel_exporters import host_tasks, native
from cortex_otel_exporters.disk import trouble_of_errno
from cortex_otel_exporters.jsonl.files import Appender
from cortex_otel_exporters.jsonl.line import LEVELS, LineMaker
from cortex_otel_exporters.jsonl.upkeep import make_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel_exporters.jsonl.policy import LogPolicy
    from cortex_otel_exporters.record import Record

__all__ = ["LogFile"]

_SECONDS_BETWEEN_ATTEMPTS: Final = 1.0
# Lines made at a stretch, as rows in `sqlite.batch`: few, so that a host thread that has woken up
# needn't wait for the GIL; all of them in a large batch, or a busy host would outrun the thread.
_PIECE, _MANY = 32, 512
_PAUSE_SECONDS: Final = 0.00005

#: ``(signal, outcome, reason)``, as in the store's ledger.
LedgerEntry = tuple[str, str, str]


class LogFile:
    """Writes the log; for one thread at a time.

    Args:
        policy: what the user decided.
    """

    def __init__(self, policy: LogPolicy) -> None:
        self._policy = policy
        policy.zone()  # read here: the writing thread imports nothing where threads are patched
        self._left_out = frozenset(LEVELS[: LEVELS.index(policy.level)])
        self.begin()

    def begin(self) -> None:
        """Forget everything: in a forked child, what was counted is the parent's."""
        self._lines = LineMaker()
        self._appender = Appender(self._policy.directory, self._policy.max_bytes)
        #: For the store's ledger; whoever enters them takes them out.
        self.counts: Counter[LedgerEntry] = Counter()
        #: Why it can't be written; ``""`` if it can.
        self.trouble = ""
        self._next_attempt = 0.0

    def write(self, records: Sequence[Record]) -> None:
        """Append the lines of ``records``, which are in the database."""
        left_out = self._left_out
        if left_out:
            records = [each for each in records if each.series.level not in left_out]
        if not records:
            return
        if self.trouble and time.monotonic() < self._next_attempt:
            self.counts["log_line", "missed", self.trouble] += len(records)
            return
        try:
            self._append(self._encoded(records))
        except Exception as error:  # noqa: BLE001 - the store's thread goes on, whatever it is
            self._failed(len(records), error)
            return
        if self.trouble:
            host_tasks.warn("the log file is being written again (was: %s)", self.trouble)
            self.trouble = ""

    def _encoded(self, records: Sequence[Record]) -> bytes:
        line = self._lines.line
        parts: list[str] = []
        piece = _PIECE if len(records) <= _MANY else len(records)
        for start in range(0, len(records), piece):
            if start:
                native.sleep(_PAUSE_SECONDS)
            parts += [line(each) for each in records[start : start + piece]]
        return "".join(parts).encode("ascii")

    def _append(self, lines: bytes) -> None:
        # The day of writing, not of the events: those may come late, and a file that was left is
        # not written to again. A clock that is set only means another name.
        done = self._appender.append(lines, self._today())
        if done.was_cut:
            self.counts["log_line", "missed", "half_line"] += 1
        if done.is_new_file:
            self.counts.update(make_room(self._policy))

    def _today(self) -> str:
        return self._policy.day_of(time.time()).isoformat()

    def _failed(self, number: int, error: Exception) -> None:
        trouble = "unavailable"
        if isinstance(error, BlockingIOError):
            trouble = "locked"
        elif isinstance(error, OSError):
            trouble = trouble_of_errno(error.errno)
        self._next_attempt = time.monotonic() + _SECONDS_BETWEEN_ATTEMPTS
        self.counts["log_line", "missed", trouble] += number
        if trouble != self.trouble:
            self.trouble = trouble
            # The text of an OSError holds a path, and so a user's name: its reason does not.
            host_tasks.warn(
                "the log file can't be written now: %s (%s: %s); what it misses is in the database",
                trouble,
                type(error).__name__,
                getattr(error, "strerror", None) or "",
            )
