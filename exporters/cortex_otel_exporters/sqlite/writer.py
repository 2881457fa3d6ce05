"""The queue and the one thread that drains it into SQLite.

The host's side is :meth:`Writer.submit`: append to a bounded queue, ring a bell if nobody has
yet, return. It never waits for the disk and never raises. The thread's side takes what is there,
at most :data:`BATCH` records (four times as many when it is far behind) or a quarter of a second's
worth, and writes one transaction. While the store is in trouble (locked, full, read-only) the
batch is kept and tried again; what the queue can't hold meanwhile is dropped and counted under the
name of the trouble.

Both sides are safe against signal handlers and forks: the bell is a :class:`queue.SimpleQueue`,
whose ``put`` may interrupt itself; the lock is re-entrant, and the thread never waits for it long.
Longer than other files because the two sides share one protocol, which is read in one place.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING

from cortex_otel_exporters import host_tasks, native
from cortex_otel_exporters.sqlite import forks
from cortex_otel_exporters.sqlite.counters import Counters
from cortex_otel_exporters.sqlite.heartbeat import Heartbeat
from cortex_otel_exporters.sqlite.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cortex_otel_exporters.record import MetricPoint, Record

__all__ = ["BATCH", "Writer"]

#: Records a transaction. Larger ones are hardly cheaper a record, and others wait for the file.
BATCH = 512
_BEHIND = 2048  # so many are waiting: larger transactions, or a busy host would outrun them
_LARGE_BATCH = 2048
_MAX_METRIC_POINTS = 10_000
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.05, 2.0
_SECONDS_BETWEEN_HEARTBEATS = 5.0
_SECONDS_LOCKED_IS_NO_NEWS = 2.0
_TURN_SECONDS = 0.001  # between full transactions, so that other writers of the file get theirs
_LAST_ATTEMPT_SECONDS = 0.3  # an attempt at a locked database takes 0.25


class Writer:
    """Stores records in the SQLite file at ``path``, in the background.

    Args:
        path: the database file; made at the first record, not before.
        queue_size: records held in memory at most.
        interval_ms: longest time a record waits before its transaction, in milliseconds.
        metrics_interval_ms: time between two collections of the metric sources.
        describe: what to add to the heartbeat file (``service``, ``faults`` …).
    """

    def __init__(
        self,
        path: Path,
        *,
        queue_size: int = 65_536,
        interval_ms: int = 250,
        metrics_interval_ms: int = 60_000,
        describe: Callable[[], dict[str, object]] = dict,
    ) -> None:
        self.path = path
        self._queue_size = queue_size
        self._interval = interval_ms / 1000
        self._metrics_interval = metrics_interval_ms / 1000
        self._describe = describe
        self._metric_sources: list[Callable[[], list[MetricPoint]]] = []
        #: Held through each use of the database: what a fork and an exit wait for.
        self.store_lock = native.Lock()
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._queue: deque[Record] = deque()
        self._points: deque[MetricPoint] = deque()
        self._counters = Counters()
        self._bell: native.SimpleQueue[None] = native.SimpleQueue()
        self._rung = self._hurried = False
        self._thread: native.Thread | None = None
        self._store = Store(self.path)
        self._batch: list[Record] = []
        self._batch_points: list[MetricPoint] = []
        # Both queues are in order, so a flush is a number to wait for in each.
        self._events_in = self._events_done = self._points_in = self._points_done = 0
        self._waiters: deque[tuple[int, int, native.Lock]] = deque()
        self._draining = native.Lock()
        self._trouble, self._trouble_since, self._has_warned = "", 0.0, False
        self._stopping = self._closed = self._expects_metrics = False
        self._lost = 0
        self._next_metrics = time.monotonic() + self._metrics_interval
        self._heartbeat = Heartbeat(self.path.parent)
        self._last_beat = 0.0

    # --- the host's side ------------------------------------------------------------------------

    def submit(self, record: Record) -> bool:
        """Take ``record``; ``False`` if the queue was full or the writer closed (counted)."""
        counters = self._counters
        with counters.lock:
            counters.received["event"] += 1
            if len(self._queue) >= self._queue_size or self._closed:
                counters.dropped("event", self._why_full())
                self._tell_if_closed()
                return False
            self._queue.append(record)
            self._events_in += 1
        # The flag is set before the bell and cleared before the drain: a record that finds it
        # set was queued before that drain began, so it is seen.
        if not self._rung:
            self._ring()
        elif not self._hurried and len(self._queue) >= BATCH:
            self._hurried = True
            self._ring()
        return True

    def submit_metrics(self, points: list[MetricPoint]) -> bool:
        """Take metric points; ``False`` if some were dropped (counted)."""
        counters = self._counters
        with counters.lock:
            counters.received["metric"] += len(points)
            room = 0 if self._closed else max(0, _MAX_METRIC_POINTS - len(self._points))
            self._points.extend(points[:room])
            self._points_in += min(room, len(points))
            if len(points) > room:
                counters.dropped("metric", self._why_full(), len(points) - room)
                self._tell_if_closed()
        if points and not self._rung:
            self._ring()
        return len(points) <= room

    def count_sampled_out(self, number: int = 1, signal: str = "event") -> None:
        """Note records that sampling decided not to keep."""
        self._counters.sampled_out(signal, number)
        if not self._rung and not self._closed:
            self._ring()

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        """Note records that were refused before they became rows, by reason."""
        with self._counters.lock:
            self._counters.received[signal] += number
            self._counters.dropped(signal, reason, number)
            self._tell_if_closed()
        if not self._rung and not self._closed:
            self._ring()

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        """Enter into the ledger something beside the ends of records."""
        self._counters.noted((signal, outcome, reason), number)
        with self._counters.lock:
            self._tell_if_closed()
        if not self._rung and not self._closed:
            self._ring()

    def add_metric_source(self, source: Callable[[], list[MetricPoint]]) -> None:
        """Collect ``source`` every ``metrics_interval_ms`` and at flushes, on the thread."""
        self._metric_sources.append(source)

    def remove_metric_source(self, source: Callable[[], list[MetricPoint]]) -> None:
        """Ask ``source`` no more."""
        self._metric_sources = [one for one in self._metric_sources if one != source]

    def expect_metrics(self) -> None:
        """A source has something to say, be there records or not: see to it that it is asked."""
        self._expects_metrics = True
        if self._thread is None:
            self._ring()

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        """Store what was taken before this call.

        Returns:
            ``True`` only if all of it is on disk, within the time.
        """
        if self._closed:
            return not self._lost
        if native.is_patched() and not native.is_own_thread():
            self._collect()
        if self._thread is None and not (self._has_work() or self._expects_metrics):
            return True
        done = native.Lock()
        done.acquire()
        waiter = (self._events_in, self._points_in, done)
        self._waiters.append(waiter)
        self._ring()
        if self._thread is None:
            self._drain_here(timeout_millis / 1000)  # at interpreter exit no thread can be started
        elif self._thread.is_current():
            timeout_millis = 0  # a finalizer of the host that happened to run here
        flushed = done.acquire(timeout=max(0.0, timeout_millis / 1000))
        if not flushed:
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
        return flushed

    def shutdown(self, timeout_millis: float = 1000) -> bool:
        """Store what is queued, within the time, and stop; idempotent.

        Returns:
            ``True`` if nothing was left. What was left is counted as dropped.
        """
        if self._closed:
            return not self._lost
        deadline = time.monotonic() + timeout_millis / 1000
        self._stopping = True
        if self._thread is not None or self._has_work() or self._expects_metrics:
            self._ring()
            thread = self._thread
            if thread is None or not thread.is_alive():
                self._drain_here(timeout_millis / 1000)
            elif not thread.is_current():
                thread.join(max(0.0, deadline - time.monotonic()))
                if not thread.is_alive() and self._has_work():
                    # This is a signal handler, and what it interrupted holds the counters.
                    self._drain_here(max(0.0, deadline - time.monotonic()))
        # The attempt under way succeeds or fails before what is left is counted.
        is_settled = self.store_lock.acquire(timeout=_LAST_ATTEMPT_SECONDS)
        self._closed = True
        try:
            self._lost = self._count_left()
        finally:
            if is_settled:
                self.store_lock.release()
        if self._last_beat or self._lost:
            self._heartbeat.write(self._state())
        self._heartbeat.close(remove=not self._counters.undelivered())
        host_tasks.run_pending()
        return not self._lost

    def _count_left(self) -> int:
        events = len(self._queue) + len(self._batch)
        points = len(self._points) + len(self._batch_points)
        self._queue.clear()
        self._points.clear()
        self._batch, self._batch_points = [], []
        reason = self._trouble or "exit_timeout"
        if events:
            self._counters.dropped("event", reason, events)
        if points:
            self._counters.dropped("metric", reason, points)
        if events or points:
            host_tasks.warn(
                "%d telemetry records could not be stored before exit (%s)",
                events + points, self._trouble or "too slow",
            )  # fmt: skip
        return events + points

    def _tell_if_closed(self) -> None:
        """A drop after the end (from the host's own exit handlers): the next process enters it."""
        if self._closed:
            self._heartbeat.write(self._state())
            self._heartbeat.close(remove=False)

    @property
    def is_closed(self) -> bool:
        """Whether it has been shut down: it takes nothing any more."""
        return self._closed

    @property
    def has_received(self) -> bool:
        """Whether anything was handed over so far: only then there is, or will be, a file."""
        return any(self._counters.received.values())

    @property
    def trouble(self) -> str:
        """What is wrong with the store; ``""`` if nothing is."""
        return self._trouble

    def _why_full(self) -> str:
        return self._trouble or ("closed" if self._closed else "queue_full")

    def _has_work(self) -> bool:
        return bool(self._queue or self._points or self._batch or self._counters.has_news())

    def _ring(self) -> None:
        self._rung = True
        if not self._stopping:  # this may be a signal handler, and what it interrupted holds a lock
            host_tasks.run_pending()
        if self._thread is None and not self._closed:
            if native.is_patched():
                # Modules are imported under locks that are greenlets', too: not on our thread.
                self._store.prepare()
            with self._counters.lock:
                if self._thread is None:
                    # Noted first: a signal handler may come by while it starts.
                    self._thread = thread = native.Thread(self._run)
                    try:
                        thread.start()
                    except RuntimeError:  # at interpreter exit, or too many: try again later
                        self._thread = None
                        self._rung = False
                        return
        self._bell.put(None)

    # --- the thread's side ----------------------------------------------------------------------

    def _run(self) -> None:
        retry = _FIRST_RETRY_SECONDS
        while not self._closed:
            self._wait(retry)
            self._rung = self._hurried = False
            try:
                with self._draining:
                    self._drain()
            except Exception as error:  # noqa: BLE001 - the thread outlives any fault of its own
                self._note_trouble("unavailable", error)
            # An attempt at a locked database is a wait by itself; backing off would starve.
            is_slow = self._trouble not in {"", "locked"}
            retry = min(retry * 2, _LAST_RETRY_SECONDS) if is_slow else _FIRST_RETRY_SECONDS
            if self._stopping and not self._trouble:
                break
        with self.store_lock:
            self._store.close()

    def _wait(self, retry_seconds: float) -> None:
        hurry = self._stopping or bool(self._waiters)
        if self._trouble:
            self._sleep(_FIRST_RETRY_SECONDS if hurry else retry_seconds)
        elif not hurry:
            with contextlib.suppress(native.Empty):
                # Asleep until the first record, or the next collection of metrics.
                pause = None
                if self._metric_sources:
                    pause = max(0.0, self._next_metrics - time.monotonic())
                if self._counters.lags():
                    pause = _FIRST_RETRY_SECONDS
                self._bell.get(timeout=pause)
                if not (self._hurried or self._waiters or self._stopping):
                    self._bell.get(timeout=self._interval)
            with contextlib.suppress(native.Empty):
                # What has rung is drained now: it must not cut the next wait short.
                while True:
                    self._bell.get_nowait()

    def _sleep(self, seconds: float) -> None:
        """Wait between two attempts; new records don't cut it short, a flush or exit does."""
        deadline = time.monotonic() + seconds
        waiters = len(self._waiters)
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(native.Empty):
                self._bell.get(timeout=left)
            if len(self._waiters) > waiters:
                return
            if self._stopping:
                deadline = min(deadline, time.monotonic() + _FIRST_RETRY_SECONDS)

    def _drain_here(self, timeout_seconds: float) -> None:
        """Drain without the thread, which can't be started, or was just being."""
        if self._draining.acquire(timeout=max(0.0, timeout_seconds)):
            try:
                self._drain()
                with self.store_lock:
                    self._store.close()
            finally:
                self._draining.release()

    def _drain(self) -> None:
        """Write what is there, until the store refuses.

        What comes meanwhile has rung the bell and waits for its turn, so that a steady stream
        isn't written in transactions of one or two; a flush or exit goes on to the end.
        """
        collected = not self._metric_sources
        while not self._closed:
            was_full = self._fill_batch()
            has_work = bool(self._batch or self._batch_points or self._counters.has_news())
            if has_work and not self._write():
                return
            if was_full:
                self._serve_waiters()
                native.sleep(_TURN_SECONDS)
            elif not collected and self._metrics_are_due():
                # After the events: a source may wait for a lock that a signal interrupted.
                collected = True
                self._collect()
            else:
                self._serve_waiters()
                goes_on = bool(self._waiters) or self._stopping
                if not has_work or not goes_on or self._counters.lags():
                    return

    def _fill_batch(self) -> bool:
        """Take the next batch; ``True`` if there may be more."""
        if not self._batch:
            take = self._queue.popleft
            waiting = len(self._queue)
            most = _LARGE_BATCH if waiting > _BEHIND else BATCH
            self._batch = [take() for _ in range(min(most, waiting))]
        if not self._batch_points:
            take_point = self._points.popleft
            self._batch_points = [take_point() for _ in range(min(BATCH, len(self._points)))]
        return len(self._batch) >= BATCH or len(self._batch_points) == BATCH

    def _write(self) -> bool:
        """Write the batch in hand; ``False`` if it has to be tried again."""
        ledger = self._counters.take(
            lambda: {"event": len(self._queue), "metric": len(self._points)}
        )
        with self.store_lock:
            if self._closed:  # what is left has been counted
                return False
            outcome = self._store.write(self._batch, self._batch_points, ledger)
            if not outcome.trouble:
                taken = len(self._batch) + len(self._batch_points)
                self._counters.entered(ledger, taken - outcome.refused, outcome.refused)
                self._events_done += len(self._batch)
                self._points_done += len(self._batch_points)
                self._batch, self._batch_points = [], []
        if outcome.trouble:
            self._note_trouble(outcome.trouble, outcome.error)
            return False
        if self._trouble:
            if self._has_warned:
                host_tasks.warn("telemetry is being recorded again (was: %s)", self._trouble)
            self._trouble = ""
            self._has_warned = False
            self._beat(force=True)
        else:
            self._beat()
        return True

    def _metrics_are_due(self) -> bool:
        return bool(self._metric_sources) and (
            self._stopping or bool(self._waiters) or time.monotonic() >= self._next_metrics
        )

    def _collect(self) -> None:
        self._next_metrics = time.monotonic() + self._metrics_interval
        # At exit the host waits, so nobody else uses its locks: this thread does it after all, and
        # what was left is not done later, where it could wait for ever.
        if self._closed or (not self._stopping and host_tasks.defer(self._collect)):
            return
        for source in self._metric_sources:
            try:
                points = source()
            except Exception as error:  # noqa: BLE001 - instruments may call the host's code
                host_tasks.warn("collecting metrics failed: %s", type(error).__name__)
                continue
            if points:
                self.submit_metrics(points)

    def _serve_waiters(self) -> None:
        for _ in range(len(self._waiters)):
            with contextlib.suppress(IndexError):
                waiter = self._waiters.popleft()
                if self._events_done >= waiter[0] and self._points_done >= waiter[1]:
                    waiter[2].release()
                else:
                    self._waiters.append(waiter)

    def _note_trouble(self, trouble: str, error: Exception | None) -> None:
        now = time.monotonic()
        if trouble != self._trouble:
            self._trouble, self._trouble_since, self._has_warned = trouble, now, False
        # Several busy writers lock each other out for moments: that is no news.
        is_news = trouble != "locked" or now - self._trouble_since >= _SECONDS_LOCKED_IS_NO_NEWS
        if is_news and not self._has_warned:
            self._has_warned = True
            # The text of an OSError holds a path, and so a user's name: its reason does not.
            reason = getattr(error, "strerror", None) or error
            host_tasks.warn(
                "telemetry can't be stored now: %s (%s: %s); up to %d records wait, later ones "
                "are dropped and counted", trouble, type(error).__name__, reason, self._queue_size,
            )  # fmt: skip
        self._beat(force=True)

    def _beat(self, *, force: bool = False) -> None:
        now = time.monotonic()
        due = now - self._last_beat >= _SECONDS_BETWEEN_HEARTBEATS or not self._last_beat
        if (due or force) and not self._closed:
            self._last_beat = now
            self._heartbeat.write(self._state())

    def _state(self) -> dict[str, object]:
        state = self._counters.summary()
        state["queued"] = len(self._queue) + len(self._batch)
        state["trouble"] = self._trouble
        with contextlib.suppress(Exception):
            state.update(self._describe())
        return state

    # --- forks ----------------------------------------------------------------------------------

    def prepare_to_fork(self) -> bool:
        """Close the database and keep it closed; ``False`` if that takes too long."""
        held = self.store_lock.acquire(timeout=1.0)
        if held:
            self._store.close(checkpoint=False)
        return held

    def begin_again_in_child(self) -> None:
        """In a forked child: the queue, the thread and the connection are the parent's."""
        self._store.leak()
        self._heartbeat.forget()
        self.store_lock = native.Lock()
        self._begin()
