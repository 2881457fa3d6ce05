"""A request → rows, what became of each of its records, and ledger entries; for one thread.

Redaction, identity and rows are :class:`cortex_otel.process.convert.Converter`'s. Sampling is
decided for each record by itself: what of a trace is still to come nobody here knows, and a record
that is sent again must meet the same decision. Errors are kept; of the rest, a record is kept by
the place of its trace, as in every process, or outside a trace by its own identity. Equal records
of a request are decided one by one, and so are those that bring no time, by the time they came: by
their identity alone, all of one kind would be kept for ever, or none.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from opentelemetry._logs import SeverityNumber

from cortex_otel import guard
from cortex_otel import semconv as sc
from cortex_otel.identity import IdentityResolver
from cortex_otel.process.data import LogData, SpanData, is_plain
from cortex_otel.process.redact import Redactor
from cortex_otel.process.sample import place_of
from cortex_otel.receive.fingerprints import Fingerprints
from cortex_otel.receive.metric_data import metrics_data
from cortex_otel.receive.otlp_json import JsonReader
from cortex_otel.receive.protobuf import ProtobufReader
from cortex_otel.receive.records import Losses, MalformedError
from cortex_otel.receive.senders import Senders
from cortex_otel.receive.typed import complete
from cortex_otel_exporters.presence import Presences
from cortex_otel_exporters.record import MetricPoint, Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from cortex_otel.receive.metric_data import Point
    from cortex_otel.receive.records import Group
    from cortex_otel.receive.senders import Sender
    from cortex_otel.settings import Settings
    from cortex_otel_exporters.sqlite.batch import LedgerEntry

__all__ = ["MAX_BYTES", "SIGNALS", "Intake", "Part", "TooLargeError", "unpacked"]

#: A request's body at most, before and after decompression; what the protocol recommends.
MAX_BYTES: Final = 64 * 1024 * 1024
# Ids and times don't compress: of real requests a byte becomes 3 to 15. What becomes more than this
# in its first few megabytes is a bomb, and isn't blown up to the limit above.
_HARMLESS_BYTES, _MAX_RATIO = 4 * 1024 * 1024, 100
_GZIP: Final = 16 + zlib.MAX_WBITS
_STEP: Final = 1024 * 1024
#: Records a part at most: what is held as rows at once.
_PART: Final = 4096
_RECEIVED: Final = ("event", "received", "")
_MASK: Final = (1 << 64) - 1
_new_tuple = tuple.__new__  # half the time of `_replace`, once a record
_NONE: Final[Mapping[str, Collection[str]]] = {}

#: By path; what the signal calls the number of refused records in JSON.
SIGNALS: Final = {
    "/v1/traces": ("traces", "rejectedSpans"),
    "/v1/logs": ("logs", "rejectedLogRecords"),
    "/v1/metrics": ("metrics", "rejectedDataPoints"),
}


class TooLargeError(ValueError):
    """Decompressed, the body is larger than is allowed."""


class Part:
    """Some records of a request, or all of them, and what goes into the ledger."""

    __slots__ = ("ledger", "left_out", "points", "presences", "records", "refusals")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.points: list[MetricPoint] = []
        self.presences = Presences(_PART)
        self.ledger: Counter[LedgerEntry] = Counter()
        self.refusals: Counter[str] = Counter()
        """Records that break a rule, by the rule."""
        self.left_out: Counter[str] = Counter()
        """Values that break one; their records are taken without them."""

    def refuse(self, signal: str, reason: str, rule: str, number: int = 1) -> None:
        """Count records that aren't stored, and say to their sender why."""
        self.ledger[signal, "dropped", reason] += number
        self.refusals[rule] += number

    def leave_out(self, values: Counter[str]) -> None:
        """Count values that couldn't be read, by the rule, and say so to their sender."""
        if values:
            self.ledger["value", "left_out", "unreadable"] += values.total()
            self.left_out.update(values)


class Intake:
    """Makes rows of requests. Everything it remembers is bounded.

    Args:
        settings: redaction, sampling, services.
        given: by kind, names that cost no sender anything: those in the store already.
    """

    def __init__(self, settings: Settings, given: Mapping[str, Collection[str]] = _NONE) -> None:
        # Not the process's own resolver: its user is nobody's who sends.
        resolver = IdentityResolver(settings)
        redactor = Redactor(
            hash_text=resolver.hash_text,
            hash_user=resolver.hash_user,
            allow=settings.allow_attributes,
            capture_content=settings.capture_content,
        )
        self.senders = Senders(
            redactor,
            resolver.hash_text,
            settings.receiver_services,
            self._count_removed,
            count_overflowed=self._count_overflowed,
            given=given,
        )
        self._overflowed: Counter[LedgerEntry] = Counter()
        self.attributes_removed = 0
        self._rates = dict(settings.sampling)
        self._samples = any(rate < 1 for rate in self._rates.values())
        self._protobuf, self._json = ProtobufReader(), JsonReader()
        self._fingerprints = Fingerprints(resolver.text_key())
        self._equals: Counter[int] = Counter()
        """Of the request at hand: how many records of an identity came, where that decides."""

    def parts(self, signal: str, body: bytes, *, is_json: bool) -> Iterator[Part]:
        """The records of a request, a part at a time; at least one part.

        Args:
            signal: ``traces``, ``logs`` or ``metrics``.
            body: decompressed.
            is_json: OTLP/JSON; else protobuf.

        Raises:
            MalformedError: the request can't be read; while the parts are walked.
        """
        reader: Any = self._json if is_json else self._protobuf
        groups: Iterable[Group] = getattr(reader, signal)(body)
        self._overflowed.clear()  # of a request that turned out malformed
        self._equals.clear()
        take = self._take_point if signal == "metrics" else self._take_record
        part = Part()
        losses = reader.losses = Losses()  # those of a malformed request are of no interest
        for group in groups:
            sender = self.senders.of(group.resource)
            for item in group.items:
                take(part, sender, item)
                if self._overflowed:
                    self._note_overflowed(part)
                most = max(len(part.records), len(part.points), len(part.presences))
                if most >= _PART:
                    yield part
                    part = Part()
        kind = "metric" if signal == "metrics" else "event"
        for rule, count in losses.refused.items():
            part.ledger[kind, "received", ""] += count
            part.refuse(kind, "invalid", rule, count)
        part.leave_out(losses.left_out)
        yield part

    def events(self, logs: Iterable[LogData]) -> Part:
        """The records of events that didn't come as OTLP, at most a few hundred."""
        part = Part()
        self._equals.clear()
        for log in logs:
            self.add(part, log)
        return part

    def add(self, part: Part, log: LogData, identity: int | None = None) -> None:
        """Put the record of an event into ``part``.

        Args:
            part: where it goes.
            log: the event; its resource says whose it is.
            identity: what tells it from others, where more is known than it says.
        """
        self._take_record(part, self.senders.of(log.resource), log, identity)
        self._note_overflowed(part)

    def _take_record(
        self,
        part: Part,
        sender: Sender,
        item: SpanData | LogData | str,
        identity: int | None = None,
    ) -> None:
        ledger = part.ledger
        ledger[_RECEIVED] += 1
        if sender.refused:
            part.refuse("event", "refused_service", "senders of this service are refused here")
            return
        try:
            # The identity is of what was sent, not of what is added to it.
            if type(item) is SpanData:
                identity = self._fingerprints.span(item)
                record = sender.converter.span(self._completed_span(item, sender), identity)
            elif type(item) is LogData:
                if identity is None:
                    identity = self._fingerprints.log(item)
                record = sender.converter.log(self._completed_log(item, sender), identity)
            else:
                part.refuse("event", "invalid", str(item))
                return
        except Exception as error:  # noqa: BLE001 - a record that breaks a rule nobody foresaw
            part.refuse("event", "invalid", "it can't be stored")
            guard.swallowed("receive.record", error)
            return
        if self._samples:
            rate = self._rate(record)
            if rate < 1:
                if place_of(record.trace_id or self._place(item, record, identity)) >= rate:
                    ledger["event", "sampled_out", ""] += 1
                    part.presences.add(record)
                    return
                record = record._replace(weight=1 / rate)
        part.records.append(record)

    def _take_point(self, part: Part, sender: Sender, item: Point | str) -> None:
        part.ledger["metric", "received", ""] += 1
        if sender.refused:
            part.refuse("metric", "refused_service", "senders of this service are refused here")
        elif isinstance(item, str):
            part.refuse("metric", "invalid", item)
        else:
            try:
                identity = self._fingerprints.point(item, sender.resource)
                rows = sender.converter.metrics(metrics_data([item]))
            except Exception as error:  # noqa: BLE001 - as of a record
                part.refuse("metric", "invalid", "it can't be stored")
                guard.swallowed("receive.point", error)
                return
            part.points += [_new_tuple(MetricPoint, (*row[:-1], identity)) for row in rows]

    def _completed_span(self, span: SpanData, sender: Sender) -> SpanData:
        attributes = span.attributes
        if sc.CORTEX_EVENT_TYPE not in attributes:
            return span
        attributes = self._completed(attributes[sc.CORTEX_EVENT_TYPE], attributes, sender)
        return span._replace(attributes=attributes, is_plain=is_plain(attributes))

    def _completed_log(self, log: LogData, sender: Sender) -> LogData:
        attributes = self._completed(log.event_name, log.attributes, sender)
        severity = log.severity_number or _severity(attributes)
        if attributes is log.attributes and severity is log.severity_number:
            return log
        # What `_replace` does, in a third of its time.
        return _new_tuple(LogData, (attributes, *log[1:5], severity, *log[6:]))

    def _completed(
        self, name: object, attributes: Mapping[str, Any], sender: Sender
    ) -> Mapping[str, Any]:
        if isinstance(name, str) and name in sc.EVENT_TYPES:
            return complete(name, attributes, sender.fields, self._count_removed)
        return attributes

    def _place(self, item: SpanData | LogData, record: Record, identity: int) -> int:
        number = came = 0
        if type(item) is LogData:
            if sc.LOG_RECORD_UID not in record.event_data:  # with one, equals are one record
                number = self._equals[identity]
                self._equals[identity] += 1
            if not item.timestamp_unix_nano and not item.observed_timestamp_unix_nano:
                came = record.time_unix_nano
        return self._fingerprints.place(identity, came, number) & _MASK

    def _rate(self, record: Record) -> float:
        if record.series.result in sc.FAILED_RESULTS:
            return 1.0
        rate = self._rates.get(record.series.event_type)
        return rate if rate is not None else self._rates.get("*", 1.0)

    def _count_removed(self, number: int) -> None:
        self.attributes_removed += number

    def _count_overflowed(self, kind: str) -> None:
        self._overflowed["name", "overflowed", kind] += 1

    def _note_overflowed(self, part: Part) -> None:
        """Tell the ledger of names that were beyond their budgets; with the part that has them."""
        part.ledger.update(self._overflowed)
        self._overflowed.clear()


def _severity(attributes: Mapping[str, Any]) -> SeverityNumber:
    """Of a record that says none: as of an event in process."""
    if attributes.get(sc.CORTEX_ERROR_CRASH) is True:
        return SeverityNumber.FATAL
    result = attributes.get(sc.CORTEX_RESULT)
    has_failed = isinstance(result, str) and result in sc.FAILED_RESULTS
    return SeverityNumber.ERROR if has_failed else SeverityNumber.INFO


def unpacked(body: bytes, most: int = MAX_BYTES) -> bytes:
    """A gzip body, decompressed.

    Args:
        body: as it came; may be several gzip members.
        most: bytes allowed.

    Raises:
        MalformedError: it is no gzip, or ends too early.
        TooLargeError: it is larger, or a bomb. Until then at most 4 MiB were made of a bomb.
    """
    pieces: list[bytes] = []
    size = 0
    member = zlib.decompressobj(_GZIP)
    for start in range(0, len(body), _STEP):
        rest = body[start : start + _STEP]
        while rest:
            if member.eof:
                member = zlib.decompressobj(_GZIP)
            pieces.append(_inflated(member, rest))
            size += len(pieces[-1])
            rest = member.unused_data if member.eof else member.unconsumed_tail
            eaten = min(start + _STEP, len(body)) - len(rest)
            if size > most or (size > _HARMLESS_BYTES and size > _MAX_RATIO * eaten):
                raise TooLargeError
    if body and not member.eof:
        raise MalformedError("gzip that ends too early")
    return b"".join(pieces)


def _inflated(member: Any, rest: bytes) -> bytes:
    try:
        return bytes(member.decompress(rest, _STEP))
    except zlib.error:
        raise MalformedError("not gzip") from None
