"""The one thread that writes what waits in a :class:`~.buffer.Buffer` into SQLite.

It takes what is there, at most a batch of records or a quarter of a second's worth, and writes one
transaction. While the store is in trouble (locked, full, read-only) the batch is kept and tried
again. A :class:`queue.SimpleQueue` wakes it, whose ``put`` may interrupt itself: a signal
handler may emit, too. Where no thread can be started, or after a fork, whoever flushes writes.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

from cortex_otel_exporters import host_tasks, native
from cortex_otel_exporters.sqlite import forks
from cortex_otel_exporters.sqlite.buffer import Buffer
from cortex_otel_exporters.sqlite.heartbeat import Heartbeat
from cortex_otel_exporters.sqlite.metric_sources import MetricSources
from cortex_otel_exporters.sqlite.store import Store
from cortex_otel_exporters.sqlite.trouble_warnings import TroubleWarnings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cortex_otel_exporters.jsonl.log_file import LogFile
    from cortex_otel_exporters.record import MetricPoint

__all__ = ["Writer"]

_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.05, 2.0
_SECONDS_BETWEEN_HEARTBEATS = 5.0
_TURN_SECONDS = 0.001  # between full transactions, so that other writers of the file get theirs
_LAST_ATTEMPT_SECONDS = 0.3  # an attempt at a locked database takes 0.25


class Writer:
    """Stores records in the SQLite file at ``path``, in the background.

    Args:
        path: the database file; made at the first record, not before.
        queue_size: records held in memory at most.
        interval_ms: longest time a record waits before its transaction, in milliseconds.
        metrics_interval_ms: time between two collections of the metric sources.
        max_bytes: of the database, beyond which the oldest events are deleted; 0 for any size.
        describe: what to add to the heartbeat file (``service``, ``faults`` …).
        log_file: gets what has been stored.
    """

    def __init__(
        self,
        path: Path,
        *,
        queue_size: int = 65_536,
        interval_ms: int = 250,
        metrics_interval_ms: int = 60_000,
        max_bytes: int = 0,
        describe: Callable[[], dict[str, object]] = dict,
        log_file: LogFile | None = None,
    ) -> None:
        self.path = path
        self._buffer = buffer = Buffer(queue_size, wake=self._ring, dropped_late=self._beat_late)
        # The host's side, without a call in between: it is on the way of every event.
        self.submit = buffer.submit
        self.submit_metrics = buffer.submit_metrics
        self.sample_out = buffer.sample_out
        self.count_dropped = buffer.count_dropped
        self.note = buffer.note
        self._queue_size = queue_size
        self._interval = interval_ms / 1000
        self._max_bytes = max_bytes
        self._describe = describe
        self._log_file = log_file
        self._metric_sources = MetricSources(metrics_interval_ms)
        #: Held through each use of the database: what a fork and an exit wait for.
        self.store_lock = forks.StoreLock()
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._bell: native.SimpleQueue[None] = native.SimpleQueue()
        self._thread: native.Thread | None = None
        self._store = Store(self.path, max_bytes=self._max_bytes)
        self._waiters: deque[tuple[tuple[int, int], native.Lock]] = deque()
        self._draining = native.Lock()
        self._warnings = TroubleWarnings(self._queue_size)
        self._stopping = self._expects_metrics = False
        self._lost = 0
        self._metric_sources.restart()
        self._heartbeat = Heartbeat(self.path.parent)
        self._last_beat = 0.0
        if not forks.is_sound():
            self._buffer.bar("forked")

    # --- of any thread --------------------------------------------------------------------------

    def add_metric_source(self, source: Callable[[], list[MetricPoint]]) -> None:
        """Collect ``source`` every ``metrics_interval_ms`` and at flushes, on the thread."""
        self._metric_sources.add(source)

    def remove_metric_source(self, source: Callable[[], list[MetricPoint]]) -> None:
        """Ask ``source`` no more."""
        self._metric_sources.remove(source)

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
        if self.is_closed:
            return not (self._lost or self._buffer.is_barred)
        if native.is_patched() and not native.is_own_thread():
            self._collect()
        if self._thread is None and not (self._buffer.has_work or self._expects_metrics):
            return True
        done = native.Lock()
        done.acquire()
        self._waiters.append(waiter := (self._buffer.mark(), done))
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
        if self.is_closed:
            return not (self._lost or self._buffer.is_barred)
        deadline = time.monotonic() + timeout_millis / 1000
        self._stopping = True
        self.store_lock.lets_forks_pass = False  # this may be a signal handler amid one's wait
        if self._thread is not None or self._buffer.has_work or self._expects_metrics:
            self._ring()
            thread = self._thread
            if thread is None or not thread.is_alive():
                self._drain_here(timeout_millis / 1000)
            elif not thread.is_current():
                thread.join(max(0.0, deadline - time.monotonic()))
                if not thread.is_alive() and self._buffer.has_work:
                    # This is a signal handler, and what it interrupted holds the counters.
                    self._drain_here(max(0.0, deadline - time.monotonic()))
        # The attempt under way succeeds or fails before what is left is counted.
        is_settled = self.store_lock.acquire(timeout=_LAST_ATTEMPT_SECONDS)
        try:
            self._lost = self._buffer.close()
        finally:
            if is_settled:
                self.store_lock.release()
        if self._lost:
            host_tasks.warn(
                "%d telemetry records could not be stored before exit (%s)",
                self._lost,
                self.trouble or "too slow",
            )
        # Unless the host crashes, it ends on purpose, and nobody needs to miss it.
        is_crash = isinstance(getattr(sys, "last_value", None), Exception)
        if self._last_beat or self._lost:
            self._heartbeat.write({**self._state(), "ended": not is_crash})
        self._heartbeat.close(remove=not is_crash and not self._buffer.counters.undelivered())
        host_tasks.run_pending()
        return not (self._lost or self._buffer.is_barred)

    def _beat_late(self) -> None:
        """A drop after the end (from the host's own exit handlers): the next process enters it."""
        if self._buffer.is_barred:
            self._warnings.forked()
        self._heartbeat.write({**self._state(), "ended": True})
        self._heartbeat.close(remove=False)

    @property
    def is_closed(self) -> bool:
        """Whether it has been shut down: it takes nothing any more."""
        return self._buffer.is_closed

    @property
    def has_received(self) -> bool:
        """Whether anything was handed over so far: only then there is, or will be, a file."""
        return any(self._buffer.counters.received.values())

    @property
    def trouble(self) -> str:
        """What is wrong with the store; ``""`` if nothing is."""
        return self._buffer.trouble

    def _ring(self) -> None:
        self._buffer.is_woken = True
        if not self._stopping:  # this may be a signal handler, and what it interrupted holds a lock
            host_tasks.run_pending()
        if self._thread is None and not self.is_closed:
            if native.is_patched():
                # Modules are imported under locks that are greenlets', too: not on our thread.
                self._store.prepare()
            with self._buffer.counters.lock:
                if self._thread is None:
                    # Noted first: a signal handler may come by while it starts.
                    self._thread = thread = native.Thread(self._run)
                    try:
                        thread.start()
                    except RuntimeError:  # at interpreter exit, or too many: try again later
                        self._thread = None
                        self._buffer.is_woken = False
                        return
        self._bell.put(None)

    # --- the thread's side ----------------------------------------------------------------------

    def _run(self) -> None:
        retry = _FIRST_RETRY_SECONDS
        while not self.is_closed:
            self._wait(retry)
            self._buffer.begin_drain()
            try:
                with self._draining:
                    self._drain()
            except Exception as error:  # noqa: BLE001 - the thread outlives any fault of its own
                self._note_trouble("unavailable", error)
            # An attempt at a locked database is a wait by itself; backing off would starve.
            is_slow = self.trouble not in {"", "locked"}
            retry = min(retry * 2, _LAST_RETRY_SECONDS) if is_slow else _FIRST_RETRY_SECONDS
            if self._stopping and not self.trouble:
                break
        with self.store_lock:
            self._store.close()

    def _wait(self, retry_seconds: float) -> None:
        hurry = self._stopping or bool(self._waiters)
        if self.trouble:
            self._sleep(_FIRST_RETRY_SECONDS if hurry else retry_seconds)
        elif not hurry:
            with contextlib.suppress(native.Empty):
                # Asleep until the first record, or the next collection of metrics.
                pause = self._metric_sources.seconds_left
                if self._buffer.counters.lags():
                    pause = _FIRST_RETRY_SECONDS
                self._bell.get(timeout=pause)
                if not (self._buffer.is_hurried or self._waiters or self._stopping):
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
        buffer = self._buffer
        collected = not self._metric_sources
        while not buffer.is_closed:
            was_full = buffer.fill_batch()
            has_work = buffer.has_batch
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
                if not has_work or not goes_on or buffer.counters.lags():
                    return

    def _write(self) -> bool:
        """Write the batch in hand; ``False`` if it has to be tried again."""
        buffer = self._buffer
        ledger = buffer.ledger()
        with self.store_lock:
            if buffer.is_closed:  # what is left has been counted
                return False
            outcome = self._store.write(
                buffer.batch, buffer.batch_points, ledger, (), buffer.batch_presences
            )
            if not outcome.trouble:
                batch = buffer.batch
                buffer.written(ledger, outcome.refused)
                # After the commit, so that what the log tells is in the database.
                if self._log_file is not None:
                    self._log_file.write(outcome.stored(batch))
                    buffer.take_notes(self._log_file.counts)
                if not self._stopping:
                    self._store.keep_size(len(batch))
        if outcome.trouble:
            self._note_trouble(outcome.trouble, outcome.error)
            return False
        if buffer.trouble:
            buffer.trouble = ""
            self._warnings.over()
            self._beat(force=True)
        else:
            self._beat()
        return True

    def _metrics_are_due(self) -> bool:
        return bool(self._metric_sources) and (
            self._stopping or bool(self._waiters) or self._metric_sources.seconds_left == 0
        )

    def _collect(self) -> None:
        self._metric_sources.restart()
        # At exit the host waits, so nobody else uses its locks: this thread does it after all, and
        # what was left is not done later, where it could wait for ever.
        if self.is_closed or (not self._stopping and host_tasks.defer(self._collect)):
            return
        for points in self._metric_sources.collect():
            self.submit_metrics(points)

    def _serve_waiters(self) -> None:
        for _ in range(len(self._waiters)):
            with contextlib.suppress(IndexError):
                mark, done = self._waiters.popleft()
                if self._buffer.has_passed(mark):
                    done.release()
                else:
                    self._waiters.append((mark, done))

    def _note_trouble(self, trouble: str, error: Exception | None) -> None:
        self._buffer.trouble = trouble
        self._warnings.met(trouble, error)
        self._beat(force=True)

    def _beat(self, *, force: bool = False) -> None:
        now = time.monotonic()
        due = now - self._last_beat >= _SECONDS_BETWEEN_HEARTBEATS or not self._last_beat
        if (due or force) and not self.is_closed:
            self._last_beat = now
            self._heartbeat.write(self._state())

    def _state(self) -> dict[str, object]:
        state = {**self._buffer.state(), "trouble": self.trouble}
        with contextlib.suppress(Exception):
            state.update(self._describe())
        return state

    # --- forks ----------------------------------------------------------------------------------

    def prepare_to_fork(self, patience_seconds: float = forks.PATIENCE_SECONDS) -> bool:
        """Close the database and keep it closed; ``False`` if that takes too long."""
        held = self.store_lock.acquire_for_fork(patience_seconds)
        while not held and self._store.is_importing:  # else the child could never import it
            held = self.store_lock.acquire_for_fork(patience_seconds)
        if held:
            self._store.close(checkpoint=False)
        return held

    def begin_again_in_child(self) -> None:
        """In a forked child: what waits, the thread and the connection are the parent's."""
        self._store.leak()
        self._heartbeat.forget()
        if self._log_file is not None:
            self._log_file.begin()
        self.store_lock = forks.StoreLock()
        self._buffer.begin()
        self._begin()
