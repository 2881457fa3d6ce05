"""An exporter of somebody else's, with a bounded queue before it and a thread of its own.

In place of the SDK's batch processors: those drop without counting, ignore a failed export, and
wait at exit for as long as the exporter likes. Here every record ends in the ledger, as sent or as
lost with its reason, and at exit it is waited for until a given moment and no longer.

The host's side never waits: :meth:`Sender.submit` appends and rings. Thread and bell are made when
they are first needed, of what is there then, since the exporter uses what the host's libraries use:
where gevent has patched them, the thread is a greenlet that lets others run. :mod:`threading` knows
nothing of it, since its bookkeeping may be patched while it runs. The bell is a queue, whose
``put`` may interrupt itself: a signal handler may end us.
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
        make: of an SDK exporter, called on the thread when the first record is there; whatever it
            does is its affair, but for its time and faults.
        name: what the ledger calls it.
        note: enters into the ledger (signal, outcome, reason, number).
        copy: makes what is exported of what was submitted; runs on the thread.
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
        self._begin()
        _senders.add(self)

    def _begin(self) -> None:
        self._queue: deque[tuple[Any, ...]] = deque()
        # Re-entrant: a signal handler may end us while its own thread is inside.
        self._lock = threading.RLock()
        self._in_hand = 0
        self._is_started = False
        self._thread: int | None = None
        self._bell: Any = None
        self._ended: Any = None
        self._rung = self._hurried = self._closing = self._given_up = False

    # --- the host's side ------------------------------------------------------------------------

    def submit(self, *item: Any) -> None:
        """Take what ``copy`` takes; beyond :data:`MAX_QUEUED` it is dropped and counted."""
        if self._closing or len(self._queue) >= MAX_QUEUED:
            self._lose("closed" if self._closing else "queue_full", 1)
            return
        self._queue.append(item)
        if not self._is_started:
            self._start()
        # Flags are set before the bell and cleared before the queue is drained.
        if not self._rung:
            self._ring()
        elif not self._hurried and len(self._queue) >= BATCH:
            self._hurried = True
            self._ring()

    def begin_to_close(self) -> None:
        """Take nothing more, and send what is there."""
        self._closing = self._hurried = True
        if not self._is_started and self._has_work():
            self._start()
        self._ring()

    def close(self, deadline: float) -> None:
        """Wait for it until ``deadline`` (of :func:`time.monotonic`); the rest counts as lost."""
        if self._given_up:
            return
        if self._is_started and self._thread != _thread.get_ident():
            with contextlib.suppress(queue.Empty):
                self._ended.get(timeout=max(0.0, deadline - time.monotonic()))
        with self._lock:
            self._given_up = True
            left = len(self._queue) + self._in_hand
            self._queue.clear()
            self._in_hand = 0
        if left:
            self._lose("exit_timeout", left)

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        """Wait until nothing is queued or under way, so long at most."""
        deadline = time.monotonic() + timeout_millis / 1000
        while self._has_work():
            if not self._is_started or time.monotonic() >= deadline:
                return False
            self._hurried = True
            self._ring()
            time.sleep(0.005)
        return True

    def begin_again_in_child(self) -> None:
        """In a forked child: the queue and the thread are the parent's."""
        self._begin()

    def _has_work(self) -> bool:
        return bool(self._queue or self._in_hand)

    def _ring(self) -> None:
        self._rung = True
        if self._bell is not None:
            self._bell.put(None)

    def _start(self) -> None:
        with self._lock:
            if self._is_started:
                return
            self._bell, self._ended = queue.SimpleQueue(), queue.SimpleQueue()
            self._is_started = True
            try:
                _thread.start_new_thread(self._main, ())
            except RuntimeError:  # at interpreter exit
                self._is_started = False

    # --- the thread's side ----------------------------------------------------------------------

    def _main(self) -> None:
        self._thread, ended = _thread.get_ident(), self._ended
        try:
            self._prepare()
            self._run()
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it
            guard.swallowed("forward.thread", error)
        ended.put(None)

    def _prepare(self) -> bool:
        """Have an exporter, which may have to be imported; what fails is tried again."""
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
            while self._queue and not self._given_up:
                self._send_batch()
            if is_last or self._given_up:
                break
        self._end()

    def _wait(self, seconds: float | None) -> None:
        """Asleep until the first record, or for so long; then a moment for what comes with it."""
        with contextlib.suppress(queue.Empty):
            self._bell.get(timeout=seconds)
            if not (self._hurried or self._closing):
                self._bell.get(timeout=_SECONDS_BETWEEN_BATCHES)
        with contextlib.suppress(queue.Empty):
            while True:  # what has rung is sent now
                self._bell.get_nowait()
        self._rung = self._hurried = False

    def _send_batch(self) -> None:
        with self._lock:
            items = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._in_hand = len(items)
        copies = []
        for item in items:
            try:
                copies.append(self._copy(*item))
            except Exception as error:  # noqa: BLE001 - one bad record never takes its batch
                guard.swallowed("forward.copy", error)
        self._export(copies, len(copies), len(items) - len(copies))

    def _export(self, batch: Any, number: int, invalid: int = 0) -> None:
        lost, reason = self._attempt(batch) if number else (0, "")
        lost = number if lost is None else min(lost, number)
        with self._lock:
            if self._given_up:  # counted already
                return
            self._in_hand = 0
        if invalid:
            self._lose("invalid", invalid)
        if lost:
            self._lose(reason, lost)
        if number > lost:
            self._note(self.signal, "sent", self.name, number - lost)

    def _attempt(self, batch: Any) -> tuple[int | None, str]:
        """How many were lost (``None`` for all) and why."""
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
        # Ours knows more than the SDK's yes or no.
        told = getattr(self._exporter, "cortex_told", None)
        lost, reason = told() if told is not None else (0, "failed")
        return (lost, reason) if result.name == "SUCCESS" else (None, reason)

    def _lose(self, reason: str, number: int) -> None:
        self._note(self.signal, "send_failed", f"{self.name} {reason}", number)

    def _end(self) -> None:
        if self._exporter is None:
            return
        try:
            self._exporter.shutdown()
        except Exception as error:  # noqa: BLE001 - somebody else's package
            guard.swallowed("forward.shutdown", error)


class MetricSender(Sender):
    """Metrics to one exporter, collected every so often and at the end.

    Args:
        make: of an SDK metric exporter.
        name: what the ledger calls it.
        note: enters into the ledger.
        copy: makes the exported data of what was collected.
        interval_ms: time between two collections.
        preferred: temporality and aggregation that the exporter asks for.
        starts_now: begin to collect; else with :meth:`start`, a flush or the end.
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
        """Begin to collect, if that isn't under way."""
        if not self._is_started and not self._closing:
            self._start()

    def begin_to_close(self) -> None:
        """Collect for the last time, and send it."""
        self.start()
        super().begin_to_close()

    def take(self, data: MetricsData) -> None:
        """Copy and export what was collected; on the thread."""
        try:
            copy = self._copy(data)
            number = points_in(copy)
        except Exception as error:  # noqa: BLE001 - the thread goes on
            guard.swallowed("forward.copy", error)
            self._lose("invalid", 1)
            return
        if number:
            with self._lock:
                self._in_hand = number
            self._export(copy, number)

    def take_later(self, data: MetricsData) -> None:
        """Let the thread take what was collected elsewhere."""
        self._queue.append((data,))
        self._hurried = True
        self.start()
        self._ring()

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        """Collect and send, so long at most; after the end there is nothing to wait for."""
        self.start()
        if not self._closing:
            self._next = 0.0
        return super().force_flush(timeout_millis)

    def begin_again_in_child(self) -> None:
        """In a forked child: a thread of its own, and only what is counted from now on."""
        super().begin_again_in_child()
        try:
            forget_counted(self.reader)
        except Exception as error:  # noqa: BLE001 - the host's fork
            guard.swallowed("forward.fork", error)
        self._next = time.monotonic() + self._interval
        if self._starts_now:
            self._start()

    def _has_work(self) -> bool:
        # Once it closes it collects anyway; a flush at the same time asks for no more.
        return super()._has_work() or not (self._next or self._closing)

    def _run(self) -> None:
        while not self._given_up:
            self._wait(max(0.0, self._next - time.monotonic()))
            is_last = self._closing
            while self._queue and not self._given_up:
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
    """Collects when the sender's thread asks."""

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
        """Take what somebody collected who must not wait for its export."""
        self._sender.take_later(metrics_data)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Collect and send, on the sender's thread, so long at most."""
        return self._sender.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Collect for the last time, within the time."""
        self._sender.begin_to_close()
        self._sender.close(time.monotonic() + min(timeout_millis, 1000) / 1000)


def _after_fork_in_child() -> None:
    for sender in list(_senders):
        sender.begin_again_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
