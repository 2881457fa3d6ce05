"""Sampling that keeps counts unbiased: by event type, whole traces together, errors always.

What is counted once however often it happens (users, sessions, features in use) stays exact: of
each record that isn't kept, its presence is (:mod:`cortex_otel_exporters.presence`).

The decision falls when a trace has ended in this process, because only then is it known whether
it failed. Until then its records wait here (only if a rate below 1 is set; else nothing does).

* A trace with an error or timeout is kept whole, with weight 1.
* Of the others, a record is kept if the trace's place on [0, 1) is below its rate; its weight is
  1 / rate. The place depends on the trace id alone, so records of one rate stay together, in all
  processes of a trace.
* The rate of a record is that of its own event type, and no more than that of the trace's local
  root: a kept child has a kept parent.
"""

from __future__ import annotations

import os
import random
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from cortex_otel.semconv import FAILED_RESULTS
from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel_exporters.record import Record, Sink

    Kept = Callable[[float], None]
    # What was decided: a record, whether it is kept, and whom to tell of its weight.
    Decided = list[tuple[Record, bool, Kept | None]]

__all__ = ["TraceSampler", "place_of"]

# Bounds of what may wait: traces open at once, records of one trace, decisions remembered for
# records that come after their root has ended.
_MAX_TRACES, _MAX_RECORDS, _MAX_REMEMBERED = 1024, 1024, 1024
# Records of all traces under way together: as many as the writer's queue holds.
_MAX_HELD = 32_768
_MASK = (1 << 64) - 1
_samplers: weakref.WeakSet[TraceSampler] = weakref.WeakSet()


class _Decision(NamedTuple):
    failed: bool
    root_rate: float


class _Trace:
    __slots__ = ("open_roots", "records", "root_rate")

    def __init__(self) -> None:
        self.open_roots = 0
        self.root_rate = 1.0
        self.records: list[tuple[Record, Kept | None]] = []


def place_of(trace_id: int) -> float:
    """Place of a trace on [0, 1): uniform even where trace ids are not."""
    mixed = (trace_id ^ (trace_id >> 64)) & _MASK
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = ((mixed ^ (mixed >> shift)) * factor) & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)


class TraceSampler:
    """Holds the records of traces under way, and passes on those that are kept.

    They are passed on without its lock: who is told of one may wait for somebody that ends a span.

    Args:
        rates: share kept by event type, 0 < rate <= 1; ``*`` is for all others.
        sink: where kept records go; of the others it keeps that they were there.
        chance: a uniform number on [0, 1) for records outside any trace.
    """

    def __init__(
        self,
        rates: Mapping[str, float],
        sink: Sink,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._rates = dict(rates)
        self._sink = sink
        self._chance = chance
        self._lock = native.RLock()
        self._open: OrderedDict[int, _Trace] = OrderedDict()
        self._decided: OrderedDict[int, _Decision] = OrderedDict()
        self._held = 0
        _samplers.add(self)
        #: Whether anything is sampled at all; callers skip the sampler if not.
        self.active = any(rate < 1 for rate in self._rates.values())

    def rate(self, event_type: str) -> float:
        """Share kept of an event type."""
        found = self._rates.get(event_type)
        return found if found is not None else self._rates.get("*", 1.0)

    def root_started(self, trace_id: int) -> None:
        """A span without a parent in this process has started."""
        decided: Decided = []
        with self._lock:
            trace = self._open.get(trace_id)
            if trace is None:
                trace = self._open[trace_id] = _Trace()
                if len(self._open) > _MAX_TRACES:
                    self._decide(*self._open.popitem(last=False), decided)
            trace.open_roots += 1
        self._pass_on(decided)

    def submit(self, record: Record, *, is_root: bool = False, kept: Kept | None = None) -> None:
        """Take a record that has ended; it or its weight may change on the way.

        Args:
            record: of a span or log record.
            is_root: whether it has no parent in this process.
            kept: called with the record's weight if it is kept, once that is decided.
        """
        decided: Decided = []
        with self._lock:
            self._take(record, kept, decided, is_root=is_root)
        self._pass_on(decided)

    def flush(self, timeout_millis: float = 1000) -> bool:
        """Decide on every trace still under way: the process is about to end.

        Args:
            timeout_millis: how long to wait for a thread that is inside, in milliseconds.

        Returns:
            ``False`` if it was; what it left to decide on is counted as dropped.
        """
        decided: Decided = []
        if not self._lock.acquire(timeout=max(0.0, timeout_millis / 1000)):
            if self._held:
                self._sink.count_dropped("exit_timeout", self._held)
            return False
        try:
            while self._open:
                self._decide(*self._open.popitem(last=False), decided)
        finally:
            self._lock.release()
        self._pass_on(decided)
        return True

    def begin_again_in_child(self) -> None:
        """In a forked child: what waits is the parent's, which passes it on; so is the lock."""
        self._lock = native.RLock()
        self._open.clear()
        self._held = 0

    # --- under the lock -------------------------------------------------------------------------

    def _take(self, record: Record, kept: Kept | None, decided: Decided, *, is_root: bool) -> None:
        trace = self._open.get(record.trace_id) if record.trace_id else None
        if trace is None:
            self._decide_alone(record, kept, decided, is_root=is_root)
            return
        trace.records.append((record, kept))
        self._held += 1
        if is_root:
            trace.open_roots -= 1
            trace.root_rate = min(trace.root_rate, self.rate(record.series.event_type))
        if trace.open_roots <= 0 or len(trace.records) >= _MAX_RECORDS:
            del self._open[record.trace_id]
            self._decide(record.trace_id, trace, decided)
        while self._held > _MAX_HELD:
            self._decide(*self._open.popitem(last=False), decided)

    def _decide_alone(
        self, record: Record, kept: Kept | None, decided: Decided, *, is_root: bool
    ) -> None:
        decision = self._decided.get(record.trace_id) if record.trace_id else None
        failed = record.series.result in FAILED_RESULTS or bool(decision and decision.failed)
        rate = self.rate(record.series.event_type)
        if decision is not None and not is_root:
            rate = min(rate, decision.root_rate)
        place = place_of(record.trace_id) if record.trace_id else self._chance()
        decided.append((*_weighed(record, 1.0 if failed else rate, place), kept))

    def _decide(self, trace_id: int, trace: _Trace, decided: Decided) -> None:
        failed = any(record.series.result in FAILED_RESULTS for record, _ in trace.records)
        self._decided[trace_id] = _Decision(failed, trace.root_rate)
        if len(self._decided) > _MAX_REMEMBERED:
            self._decided.popitem(last=False)
        self._held -= len(trace.records)
        place = place_of(trace_id)
        for record, kept in trace.records:
            rate = 1.0 if failed else min(trace.root_rate, self.rate(record.series.event_type))
            decided.append((*_weighed(record, rate, place), kept))

    # --- without it -----------------------------------------------------------------------------

    def _pass_on(self, decided: Decided) -> None:
        for record, is_kept, kept in decided:
            if not is_kept:
                self._sink.sample_out(record)
                continue
            self._sink.submit(record)
            if kept is not None:
                kept(record.weight)


def _weighed(record: Record, rate: float, place: float) -> tuple[Record, bool]:
    """``record`` with its weight, and whether it is kept."""
    if place >= rate:
        return record, False
    return (record._replace(weight=record.weight / rate) if rate < 1 else record), True


def _after_fork_in_child() -> None:
    for sampler in list(_samplers):
        sampler.begin_again_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
