"""A third-party exporter with a bounded queue and a thread of its own.

In place of the SDK's batch processors: those drop without counting, ignore a failed export, and
wait at exit for as long as the exporter takes. Here every record is in the ledger, as sent or as
lost with its reason, and at exit the exporter is waited for until a given time and no longer.

The host never waits: :meth:`Sender.submit` appends and wakes the thread. The thread and its
wake-up queue are made at first use, with whatever is patched by then, since the exporter uses what
the host's libraries use: under gevent the thread is a greenlet that lets others run. It isn't a
:class:`threading.Thread`, whose bookkeeping may be patched while it runs. Wake-ups go through a
``SimpleQueue`` because its ``put`` is re-entrant: a signal handler may shut us down.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import queue
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, detach
from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

from cortex_otel import guard
from cortex_otel.process.metric_copies import points_in
from cortex_otel.span.internals import suppressed
from cortex_otel.span.metric_internals import forget_counted

if TYPE_CHECKING:
    from collections.abc import Callable

    Note = Callable[[str, str, str, int], None]

__all__ = ["MetricSender", "Sender"]

MAX_QUEUED = 8192
BATCH = 512
_SECONDS_BETWEEN_BATCHES = 1.0
_senders: weakref.WeakSet[Sender] = weakref.WeakSet()


class Sender:
    """Spans or log records to one exporter.

    Args:
        make: makes the SDK exporter; called on the thread with the first record. Its faults are
            counted.
        name: its name in the ledger.
        note: adds an entry to the ledger (signal, outcome, reason, number).
        copy: turns what was submitted into what is exported; runs on the thread.
    """

    signal = "event"

    def __init__(
        self,
        make: Callable[[], Any],
        *,
        name: str,
        note: Note,
        copy: Callable[..., Any] = lambda it: it,
    ) -> None:
        self.name = name
        self.takes_raw = False
        self._make = make
        self._exporter: Any = None
        self._note = note
        self._copy = copy
        self._reset()
        _senders.add(self)

    def _reset(self) -> None:
        self._queue: deque[tuple[Any, ...]] = deque()
        # Re-entrant: a signal handler may shut us down while its thread holds the lock.
        self._lock = threading.RLock()
        self._in_flight = 0
        self._is_started = False
        self._thread: int | None = None
        self._wakeups: Any = None
        self._ended: Any = None
        self._is_woken = self._is_urgent = self._closing = self._is_abandoned = False

    # --- on the host's threads ------------------------------------------------------------------

    def submit(self, *item: Any) -> None:
        """Queue the arguments of ``copy``; beyond :data:`MAX_QUEUED`, drop and count them."""
        if self._closing or len(self._queue) >= MAX_QUEUED:
            self._count_lost("closed" if self._closing else "queue_full", 1)
            return
        self._queue.append(item)
        if not self._is_started:
            self._start()
        # Flags are set before the wake-up and cleared before the queue is drained.
        if not self._is_woken:
            self._wake()
        elif not self._is_urgent and len(self._queue) >= BATCH:
            self._is_urgent = True
            self._wake()

    def begin_to_close(self) -> None:
        """Accept nothing more, and send what is queued."""
        self._closing = self._is_urgent = True
        if not self._is_started and self._has_work():
            self._start()
        self._wake()

    def close(self, deadline: float) -> None:
        """Wait until ``deadline`` (of :func:`time.monotonic`) at most; the rest counts as lost."""
        if self._is_abandoned:
            return
        if self._is_started and self._thread != _thread.get_ident():
            with contextlib.suppress(queue.Empty):
                self._ended.get(timeout=max(0.0, deadline - time.monotonic()))
        with self._lock:
            self._is_abandoned = True
            unsent = len(self._queue) + self._in_flight
            self._queue.clear()
            self._in_flight = 0
        if unsent:
            self._count_lost("exit_timeout", unsent)

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        """Wait until nothing is queued or in flight, ``timeout_millis`` at most."""
        deadline = time.monotonic() + timeout_millis / 1000
        while self._has_work():
            if not self._is_started or time.monotonic() >= deadline:
                return False
            self._is_urgent = True
            self._wake()
            time.sleep(0.005)
        return True

    def reset_in_child(self) -> None:
        """Reset in a forked child: the queue and the thread are the parent's."""
        self._reset()

    def _has_work(self) -> bool:
        return bool(self._queue or self._in_flight)

    def _wake(self) -> None:
        self._is_woken = True
        if self._wakeups is not None:
            self._wakeups.put(None)

    def _start(self) -> None:
        with self._lock:
            if self._is_started:
                return
            self._wakeups, self._ended = queue.SimpleQueue(), queue.SimpleQueue()
            self._is_started = True
            try:
                _thread.start_new_thread(self._main, ())
            except RuntimeError:  # at interpreter exit
                self._is_started = False

    # --- on its own thread ----------------------------------------------------------------------

    def _main(self) -> None:
        self._thread, ended = _thread.get_ident(), self._ended
        try:
            self._prepare()
            self._run()
        except Exception as error:  # noqa: BLE001 - the thread's last resort
            guard.swallowed("forward.thread", error)
        ended.put(None)

    def _prepare(self) -> bool:
        """Make the exporter, which may import it; a failure is retried with the next batch."""
        if self._exporter is None:
            try:
                self._exporter = self._make()
            except Exception as error:  # noqa: BLE001 - somebody else's package
                guard.swallowed(f"exporter.{self.name}", error)
        return self._exporter is not None

    def _run(self) -> None:
        while True:
            self._wait(None)
            is_last = self._closing
            while self._queue and not self._is_abandoned:
                self._send_batch()
            if is_last or self._is_abandoned:
                break
        self._end()

    def _wait(self, seconds: float | None) -> None:
        """Sleep until the first record or for ``seconds``, then briefly for those that follow."""
        with contextlib.suppress(queue.Empty):
            self._wakeups.get(timeout=seconds)
            if not (self._is_urgent or self._closing):
                self._wakeups.get(timeout=_SECONDS_BETWEEN_BATCHES)
        with contextlib.suppress(queue.Empty):
            while True:  # pending wake-ups are served now
                self._wakeups.get_nowait()
        self._is_woken = self._is_urgent = False

    def _send_batch(self) -> None:
        with self._lock:
            items = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._in_flight = len(items)
        copies = []
        for item in items:
            try:
                copies.append(self._copy(*item))
            except Exception as error:  # noqa: BLE001 - one bad record never loses its batch
                guard.swallowed("forward.copy", error)
        self._export(copies, len(copies), len(items) - len(copies))

    def _export(self, batch: Any, number: int, invalid: int = 0) -> None:
        lost, reason = self._attempt(batch) if number else (0, "")
        lost = number if lost is None else min(lost, number)
        with self._lock:
            if self._is_abandoned:  # counted already
                return
            self._in_flight = 0
        if invalid:
            self._count_lost("invalid", invalid)
        if lost:
            self._count_lost(reason, lost)
        if number > lost:
            self._note(self.signal, "sent", self.name, number - lost)

    def _attempt(self, batch: Any) -> tuple[int | None, str]:
        """Export ``batch``; how many were lost (``None`` for all) and why."""
        if not self._prepare():
            return None, "fault"
        token = attach(suppressed())
        try:
            result = self._exporter.export(batch)
        except Exception as error:  # noqa: BLE001 - somebody else's package
            guard.swallowed("forward.export", error)
            return None, "fault"
        finally:
            detach(token)
        # Our OTLP exporters report more than the SDK's success or failure.
        last_result = getattr(self._exporter, "cortex_last_result", None)
        lost, reason = last_result() if last_result is not None else (0, "failed")
        return (lost, reason) if result.name == "SUCCESS" else (None, reason)

    def _count_lost(self, reason: str, number: int) -> None:
        self._note(self.signal, "send_failed", f"{self.name} {reason}", number)

    def _end(self) -> None:
        if self._exporter is None:
            return
        try:
            self._exporter.shutdown()
        except Exception as error:  # noqa: BLE001 - somebody else's package
            guard.swallowed("forward.shutdown", error)


class MetricSender(Sender):
    """Metrics to one exporter, collected at an interval and at the end.

    Args:
        make: makes the SDK metric exporter.
        name: its name in the ledger.
        note: adds an entry to the ledger.
        copy: turns what was collected into what is exported.
        interval_ms: time between two collections.
        preferred: temporality and aggregation that the exporter prefers.
        starts_now: start to collect now; else with :meth:`start`, a flush or the end.
    """

    signal = "metric"

    def __init__(
        self,
        make: Callable[[], Any],
        *,
        name: str,
        note: Note,
        copy: Callable[..., Any],
        interval_ms: float,
        preferred: tuple[Any, Any],
        starts_now: bool = True,
    ) -> None:
        self.reader = _Reader(preferred, self)
        self._starts_now = starts_now
        self._interval = interval_ms / 1000
        self._next = time.monotonic() + self._interval
        super().__init__(make, name=name, note=note, copy=copy)
        if starts_now:
            self._start()

    def start(self) -> None:
        """Start to collect, if not started yet."""
        if not self._is_started and not self._closing:
            self._start()

    def begin_to_close(self) -> None:
        """Collect a last time, and send it."""
        self.start()
        super().begin_to_close()

    def take(self, data: MetricsData) -> None:
        """Copy and export what was collected; runs on the thread."""
        try:
            copy = self._copy(data)
            number = points_in(copy)
        except Exception as error:  # noqa: BLE001 - the thread goes on
            guard.swallowed("forward.copy", error)
            self._count_lost("invalid", 1)
            return
        if number:
            with self._lock:
                self._in_flight = number
            self._export(copy, number)

    def take_later(self, data: MetricsData) -> None:
        """Let the thread export what was collected elsewhere."""
        self._queue.append((data,))
        self._is_urgent = True
        self.start()
        self._wake()

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        """Collect and send, within ``timeout_millis``; once closed, nothing is waited for."""
        self.start()
        if not self._closing:
            self._next = 0.0
        return super().force_flush(timeout_millis)

    def reset_in_child(self) -> None:
        """In a forked child: a thread of its own, and only what is counted from now on."""
        super().reset_in_child()
        try:
            forget_counted(self.reader)
        except Exception as error:  # noqa: BLE001 - the host's fork
            guard.swallowed("forward.fork", error)
        self._next = time.monotonic() + self._interval
        if self._starts_now:
            self._start()

    def _has_work(self) -> bool:
        # When closing it collects anyway, so a flush at the same time needn't ask for it.
        return super()._has_work() or not (self._next or self._closing)

    def _run(self) -> None:
        while not self._is_abandoned:
            self._wait(max(0.0, self._next - time.monotonic()))
            is_last = self._closing
            while self._queue and not self._is_abandoned:
                self.take(*self._queue.popleft())
            if is_last or time.monotonic() >= self._next:
                try:
                    self.reader.collect()
                except Exception as error:  # noqa: BLE001 - instruments may call the host's code
                    guard.swallowed("forward.collect", error)
                self._next = time.monotonic() + self._interval
            if is_last:
                break
        self._end()


class _Reader(MetricReader):
    """Collects when the sender's thread calls it."""

    def __init__(self, preferred: tuple[Any, Any], sender: MetricSender) -> None:
        temporality, aggregation = preferred
        super().__init__(preferred_temporality=temporality, preferred_aggregation=aggregation)
        self._sender = sender

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any
    ) -> None:
        del timeout_millis
        self._sender.take(metrics_data)

    def receive_later(self, metrics_data: MetricsData) -> None:
        """Export what was collected on a thread that must not wait for the export."""
        self._sender.take_later(metrics_data)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Collect and send on the sender's thread, within ``timeout_millis``."""
        return self._sender.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Collect a last time, within ``timeout_millis`` and a second."""
        self._sender.begin_to_close()
        self._sender.close(time.monotonic() + min(timeout_millis, 1000) / 1000)


def _after_fork_in_child() -> None:
    for sender in list(_senders):
        sender.reset_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
