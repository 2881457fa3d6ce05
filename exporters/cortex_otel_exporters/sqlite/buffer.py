"""What waits for the store: the queues that a host's threads fill and the writer's thread empties.

The host's side is :meth:`Buffer.submit`: append to a bounded queue, wake the thread if nobody has
yet, return. It never waits for the disk and never raises. What a queue can't hold is dropped and
counted, under the name of the store's trouble if there is one. The thread's side takes batches and
says what became of them.

Safe against signal handlers: the lock is re-entrant, and the thread never waits for it long.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from cortex_otel_exporters.presence import Presences
from cortex_otel_exporters.sqlite.counters import PATIENCE_SECONDS, Counters

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from cortex_otel_exporters.presence import Presence
    from cortex_otel_exporters.record import MetricPoint, Record
    from cortex_otel_exporters.sqlite.batch import LedgerEntry

__all__ = ["BATCH", "Buffer"]

#: Records a transaction. Larger ones are hardly cheaper a record, and others wait for the file.
BATCH = 512
_BEHIND = 2048  # so many are waiting: larger transactions, or a busy host would outrun them
_LARGE_BATCH = 2048
_MAX_METRIC_POINTS = 10_000
# As many users, features and half hours at once; what is sampled out of the same ones is one.
_MAX_PRESENCES = 8192


class Buffer:
    """Two bounded queues, the batch in hand, and the counts of both.

    Args:
        queue_size: records held at most.
        wake: wakes the thread; called by whoever brings something, at most once until
            :meth:`begin_drain`, and once more when a full batch has gathered.
        dropped_late: called after a drop when the buffer has been closed.
    """

    def __init__(
        self, queue_size: int, *, wake: Callable[[], None], dropped_late: Callable[[], None]
    ) -> None:
        self._queue_size = queue_size
        self._wake = wake
        self._dropped_late = dropped_late
        self.begin()

    def begin(self) -> None:
        """Forget everything: in a forked child, what waits is the parent's."""
        self.counters = Counters()
        self.is_closed = self.is_barred = False
        #: Why the store can't be written; ``""`` if it can.
        self.trouble = ""
        #: Whether the thread has been woken, and whether for a full batch, since it last drained.
        self.is_woken = self.is_hurried = False
        self.batch: list[Record] = []
        self.batch_points: list[MetricPoint] = []
        self.batch_presences: list[Presence] = []
        self._presences = Presences(_MAX_PRESENCES)
        self._queue: deque[Record] = deque()
        self._points: deque[MetricPoint] = deque()
        # Both queues are in order, so a flush is a number to wait for in each.
        self._events_in = self._events_done = self._points_in = self._points_done = 0

    def bar(self, reason: str) -> None:
        """Take nothing, for ``reason``: what comes is dropped and counted."""
        self.trouble = reason
        self.is_closed = self.is_barred = True

    # --- the host's side ------------------------------------------------------------------------

    def submit(self, record: Record) -> bool:
        """Take ``record``; ``False`` if the queue was full or the buffer closed (counted)."""
        counters = self.counters
        with counters.lock:
            counters.received["event"] += 1
            if len(self._queue) >= self._queue_size or self.is_closed:
                counters.dropped("event", self._why_full())
                self._tell_if_closed()
                return False
            self._queue.append(record)
            self._events_in += 1
        # The flag is set before the thread is woken and cleared before it drains: a record that
        # finds it set was queued before that drain began, so it is seen.
        if not self.is_woken:
            self._wake()
        elif not self.is_hurried and len(self._queue) >= BATCH:
            self.is_hurried = True
            self._wake()
        return True

    def submit_metrics(self, points: list[MetricPoint]) -> bool:
        """Take metric points; ``False`` if some were dropped (counted)."""
        counters = self.counters
        with counters.lock:
            counters.received["metric"] += len(points)
            room = 0 if self.is_closed else max(0, _MAX_METRIC_POINTS - len(self._points))
            self._points.extend(points[:room])
            self._points_in += min(room, len(points))
            if len(points) > room:
                counters.dropped("metric", self._why_full(), len(points) - room)
                self._tell_if_closed()
        if points and not self.is_woken:
            self._wake()
        return len(points) <= room

    def sample_out(self, record: Record) -> None:
        """Note a record that sampling decided not to keep, and keep that it was there."""
        counters = self.counters
        with counters.lock:
            counters.sampled_out("event", 1)
            if self.is_closed or not self._presences.add(record):
                counters.noted(("presence", "dropped", self._why_full()), 1)
                self._tell_if_closed()
        if not self.is_woken and not self.is_closed:
            self._wake()

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        """Note records that were refused before they became rows, by reason."""
        with self.counters.lock:
            self.counters.received[signal] += number
            self.counters.dropped(signal, reason, number)
            self._tell_if_closed()
        if not self.is_woken and not self.is_closed:
            self._wake()

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        """Enter into the ledger something beside the ends of records."""
        self.counters.noted((signal, outcome, reason), number)
        with self.counters.lock:
            self._tell_if_closed()
        if not self.is_woken and not self.is_closed:
            self._wake()

    def _why_full(self) -> str:
        return self.trouble or ("closed" if self.is_closed else "queue_full")

    def _tell_if_closed(self) -> None:
        if self.is_closed:
            self._dropped_late()

    # --- the thread's side ----------------------------------------------------------------------

    def begin_drain(self) -> None:
        """From here on, what comes wakes the thread again."""
        self.is_woken = self.is_hurried = False

    def fill_batch(self) -> bool:
        """Take the next batch in hand, if none is; ``True`` if there may be more."""
        if not self.batch:
            take = self._queue.popleft
            waiting = len(self._queue)
            most = _LARGE_BATCH if waiting > _BEHIND else BATCH
            self.batch = [take() for _ in range(min(most, waiting))]
        if not self.batch_points:
            take_point = self._points.popleft
            self.batch_points = [take_point() for _ in range(min(BATCH, len(self._points)))]
        if not self.batch_presences and self._presences:
            # As of the counters: a signal handler may have interrupted who holds it.
            lock = self.counters.lock
            if lock.acquire(timeout=PATIENCE_SECONDS):
                try:
                    self.batch_presences = self._presences.take()
                finally:
                    lock.release()
        return len(self.batch) >= BATCH or len(self.batch_points) == BATCH

    def ledger(self) -> Counter[LedgerEntry]:
        """What to enter into the ledger along with the batch in hand."""
        return self.counters.take(lambda: {"event": len(self._queue), "metric": len(self._points)})

    def written(self, ledger: Counter[LedgerEntry], refused: int) -> None:
        """The batch in hand and ``ledger`` are on disk, but for ``refused`` records."""
        stored = len(self.batch) + len(self.batch_points) - refused
        self.counters.entered(ledger, stored, refused)
        self._events_done += len(self.batch)
        self._points_done += len(self.batch_points)
        self.batch, self.batch_points, self.batch_presences = [], [], []

    def take_notes(self, entries: Counter[LedgerEntry]) -> None:
        """Move ``entries`` into the ledger, with the next batch or at the end."""
        # As of the counters: what can't be moved now stays where it is.
        lock = self.counters.lock
        if entries and lock.acquire(timeout=PATIENCE_SECONDS):
            try:
                for entry, number in entries.items():
                    self.counters.noted(entry, number)
                entries.clear()
            finally:
                lock.release()

    @property
    def has_batch(self) -> bool:
        """Whether there is something to write now: a batch, or counts that come with none."""
        return bool(
            self.batch or self.batch_points or self.batch_presences or self.counters.has_news()
        )

    @property
    def has_work(self) -> bool:
        """Whether anything is left to write."""
        return bool(
            self._queue
            or self._points
            or self._presences
            or self.batch
            or self.batch_presences
            or self.counters.has_news()
        )

    @property
    def queued(self) -> int:
        """Records that wait, those in hand included."""
        return len(self._queue) + len(self.batch)

    def state(self) -> dict[str, object]:
        """Counts of what was received and stored, and what waits, as a heartbeat has them."""
        return {**self.counters.summary(), "queued": self.queued}

    def mark(self) -> tuple[int, int]:
        """What was taken so far, for :meth:`has_passed`."""
        return self._events_in, self._points_in

    def has_passed(self, mark: tuple[int, int]) -> bool:
        """Whether all that had been taken at ``mark`` has been written."""
        return self._events_done >= mark[0] and self._points_done >= mark[1]

    def close(self) -> int:
        """Take nothing any more, and count what is left as dropped; how many that are."""
        self.is_closed = True
        events = self.queued
        points = len(self._points) + len(self.batch_points)
        self._queue.clear()
        self._points.clear()
        presences = len(self._presences) + len(self.batch_presences)
        self._presences = Presences(_MAX_PRESENCES)
        self.batch, self.batch_points, self.batch_presences = [], [], []
        reason = self.trouble or "exit_timeout"
        if events:
            self.counters.dropped("event", reason, events)
        if points:
            self.counters.dropped("metric", reason, points)
        if presences:
            self.counters.noted(("presence", "dropped", reason), presences)
        return events + points + presences
