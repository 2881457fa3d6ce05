"""Several requests to a transaction, and an answer to each when it is on disk.

One thread takes what waits, makes rows of it and writes one transaction with ``synchronous=FULL``;
what comes meanwhile waits for the next. So ten small requests cost one sync, and a busy sender
isn't answered any later than a lone one. Only after the commit a request is answered 200.

What waits is bounded in bytes and in number; beyond it a request is turned away at once, while it
costs nothing. While the store is in trouble (locked, full, read-only) a request is told so, nothing
of it is stored, and its sender keeps it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel import guard
from cortex_otel.receive.faults import Faults
from cortex_otel.receive.intake import Intake, Part, TooLargeError, unpacked
from cortex_otel.receive.records import MalformedError
from cortex_otel.settings.log_file import log_file
from cortex_otel_exporters.sqlite.duplicates import Delivery
from cortex_otel_exporters.sqlite.store import Store
from cortex_otel_exporters.sqlite.stored_names import stored_names

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping

    from cortex_otel.process.data import LogData
    from cortex_otel.settings import Settings
    from cortex_otel_exporters.jsonl.log_file import LogFile
    from cortex_otel_exporters.sqlite.batch import LedgerEntry

__all__ = ["Answer", "Committer", "Request"]

_logger = logging.getLogger("cortex_otel")

#: Bytes of bodies that wait, or are being received, at most; and how many of them.
MAX_QUEUED_BYTES: Final = 96 * 1024 * 1024
MAX_QUEUED: Final = 2048
# Rows a transaction at most: larger ones are hardly cheaper a row, and hold the lock for longer.
_MAX_ROWS: Final = 4096
_LOCKED_FOR_SECONDS: Final = 2.0
_SECONDS_BETWEEN_WARNINGS: Final = 60.0


class Answer(NamedTuple):
    """What became of a request."""

    status: int = 200
    rejected: int = 0
    """Records that were refused for what they are."""
    message: str = ""
    duplicates: int = 0
    """Records that were stored already, by an earlier request."""


class Request:
    """A body on its way.

    Args:
        signal: ``traces``, ``logs``, ``metrics``.
        body: as it came.
        is_json: OTLP/JSON; else protobuf.
        is_gzip: compressed.
        events: in place of a body: typed events that came otherwise.
        ledger: ledger entries beside them, in the same transaction.
    """

    __slots__ = (
        "answer", "body", "delivery", "events", "future", "is_gzip", "is_json", "ledger", "loop",
        "signal",
    )  # fmt: skip

    def __init__(
        self,
        signal: str,
        body: bytes,
        *,
        is_json: bool = False,
        is_gzip: bool = False,
        events: list[LogData] | None = None,
        ledger: Mapping[LedgerEntry, int] | None = None,
    ) -> None:
        self.signal = signal
        self.body = body
        self.is_json = is_json
        self.is_gzip = is_gzip
        self.events = events
        self.ledger = ledger or {}
        self.answer = Answer()
        self.delivery = Delivery()
        self.loop: asyncio.AbstractEventLoop
        self.future: asyncio.Future[Answer]


class _Batch:
    """One transaction in the making: parts of requests, and the requests that end with it."""

    def __init__(self) -> None:
        self.parts: list[tuple[Request, Part]] = []
        self.ending: list[Request] = []
        self.rows = 0

    def add(self, request: Request, part: Part) -> None:
        self.parts.append((request, part))
        self.rows += len(part.records) + len(part.points)


class Committer:
    """Stores requests; started by :meth:`start`, ended by :meth:`close`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting = self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_warned = -_SECONDS_BETWEEN_WARNINGS
        self._closing = False
        self._faults = Faults()
        self._log_file: LogFile | None = None

    # --- the event loop's side ------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; the database is opened with the first request."""
        guard.report_to(self._faults)
        self._thread = threading.Thread(target=self._run, name="cortex-otel-receiver", daemon=True)
        self._thread.start()

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Answer what waits, and stop."""
        self._closing = True
        self._requests.put(None)
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def reserve(self, size: int) -> bool:
        """Count ``size`` bytes that are being received; ``False`` if there is no room."""
        with self._lock:
            if self._waiting_bytes + size > MAX_QUEUED_BYTES or self._waiting >= MAX_QUEUED:
                return False
            self._waiting_bytes += size
            return True

    def release(self, size: int) -> None:
        """What was reserved has been dealt with."""
        with self._lock:
            self._waiting_bytes -= size

    def count_refused(self, number: int) -> None:
        """Enter events of which none could be taken; with the next transaction."""
        self._faults.count_dropped("invalid", number)

    async def store(self, request: Request, loop: asyncio.AbstractEventLoop) -> Answer:
        """Hand over a request and wait until it is on disk, or refused."""
        request.loop, request.future = loop, loop.create_future()
        with self._lock:
            self._waiting += 1
        try:
            self._requests.put(request)
            return await request.future
        finally:
            with self._lock:
                self._waiting -= 1

    # --- the thread's side ----------------------------------------------------------------------

    def _run(self) -> None:
        intake = Intake(self._settings, stored_names(self._settings.database))
        store = Store(
            self._settings.database,
            synchronous="FULL",
            once=True,
            max_bytes=self._settings.max_database_bytes,
        )
        self._log_file = log_file(self._settings)
        try:
            while (request := self._requests.get()) is not None:
                taken: list[Request] = []
                try:
                    self._take(intake, store, request, taken)
                except Exception as error:  # noqa: BLE001 - the thread outlives any fault of its own
                    for one in taken:  # those that were answered keep their answer
                        one.answer = Answer(503, message="a fault of the receiver")
                    _answer(taken)
                    guard.swallowed("receive.commit", error)
        finally:
            if faults := self._faults.take():
                store.write([], [], faults)
            store.close()

    def _take(self, intake: Intake, store: Store, first: Request, taken: list[Request]) -> None:
        """Store ``first``, and with it what waits."""
        batch = _Batch()
        request: Request | None = first
        while request is not None:
            taken.append(request)
            batch = self._fill(intake, store, batch, request)
            if batch.rows >= _MAX_ROWS:
                break
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                break
            if request is None:  # the end, after this batch
                self._requests.put(None)
        self._write(store, batch)

    def _fill(self, intake: Intake, store: Store, batch: _Batch, request: Request) -> _Batch:
        """Put ``request`` into ``batch``; what is full on the way is written."""
        answer: Answer | None = None
        try:
            for part in _parts(intake, request):
                if batch.rows >= _MAX_ROWS:
                    self._write(store, batch)
                    batch = _Batch()
                    if request.answer.status != Answer().status:
                        return batch  # an earlier part could not be stored: it will come again
                batch.add(request, part)
        except MalformedError as error:
            answer = Answer(400, message=str(error))
        except TooLargeError:
            answer = Answer(413, message="decompressed, the body is too large")
        except Exception as error:  # noqa: BLE001 - bytes nobody foresaw
            guard.swallowed("receive.request", error)
            answer = Answer(400, message="can't be read")
        if answer is None:
            batch.ending.append(request)
        else:
            # All or nothing of what is malformed, but for the parts that are on disk already.
            batch.parts = [(one, part) for one, part in batch.parts if one is not request]
            request.answer = answer
            _answer([request])
        return batch

    def _write(self, store: Store, batch: _Batch) -> None:
        if not batch.parts:
            return
        records = [record for _, part in batch.parts for record in part.records]
        points = [point for _, part in batch.parts for point in part.points]
        ledger = batch.parts[0][1].ledger
        for _, part in batch.parts[1:]:
            ledger.update(part.ledger)
        faults = self._faults.take()
        ledger.update(faults)
        shares = [(one.delivery, len(part.records), len(part.points)) for one, part in batch.parts]
        presences = [one for _, part in batch.parts for one in part.presences.take()]
        outcome = store.write(records, points, ledger, shares, presences)
        deadline = time.monotonic() + _LOCKED_FOR_SECONDS
        while outcome.trouble == "locked" and time.monotonic() < deadline and not self._closing:
            outcome = store.write(records, points, ledger, shares, presences)
        if outcome.trouble:
            self._faults.give_back(faults)
            self._warn(outcome.trouble)
            for request, _ in batch.parts:
                request.answer = Answer(
                    503, message=f"the store can't be written: {outcome.trouble}"
                )
        else:
            refused = {*outcome.refused_records}, {*outcome.refused_points}
            done = [0, 0]
            for request, part in batch.parts:
                rejected = sum(part.refusals.values())
                for which, rows in enumerate((len(part.records), len(part.points))):
                    places = range(done[which], done[which] + rows)
                    late = len(refused[which].intersection(places)) if refused[which] else 0
                    part.refusals["a time, a number or a size is out of range"] += late
                    rejected += late
                    done[which] = places.stop
                request.answer = Answer(
                    200,
                    request.answer.rejected + rejected,
                    _message(part) or request.answer.message,
                    request.delivery.duplicates,
                )
        ended = [one for one, _ in batch.parts if one.answer.status != Answer().status]
        _answer(list(dict.fromkeys([*batch.ending, *ended])))
        if not outcome.trouble:
            store.keep_size(len(records))
        if self._log_file is not None:  # nobody waits for it
            self._log_file.write(outcome.stored(records))
            self._faults.take_notes(self._log_file.counts)

    def _warn(self, trouble: str) -> None:
        now = time.monotonic()
        if now - self._last_warned >= _SECONDS_BETWEEN_WARNINGS:
            self._last_warned = now
            _logger.warning(
                "the receiver can't store (%s): senders are told to try again later", trouble
            )


def _parts(intake: Intake, request: Request) -> Iterator[Part]:
    if request.events is not None:
        part = intake.events(request.events)
        part.ledger.update(request.ledger)
        yield part
        return
    body = unpacked(request.body) if request.is_gzip else request.body
    request.body = b""
    yield from intake.parts(request.signal, body, is_json=request.is_json)


def _message(part: Part) -> str:
    """What its sender learns of a part: the rules that were broken, and how often."""
    broken = [*part.refusals.most_common()]
    broken += [(f"left out: {rule}", count) for rule, count in part.left_out.most_common()]
    return "; ".join(f"{rule} ({count})" for rule, count in broken if count)


def _answer(requests: list[Request]) -> None:
    """Wake the event loop once for all of them."""
    if not requests:
        return

    answers = [(request.future, request.answer) for request in requests]

    def wake() -> None:
        for future, answer in answers:
            if not future.done():  # its client may have gone
                future.set_result(answer)

    try:
        requests[0].loop.call_soon_threadsafe(wake)
    except RuntimeError:  # the loop has ended: nobody waits any more
        return
