"""The JSON endpoints of clients without an OTLP library: one typed event each, or up to 100.

A body is an object, or a list of objects. Its fields are those of the typed event
(:mod:`cortex_otel.instrument.event_types`) and the common ones of :mod:`.declared`. An event that
breaks a rule is refused alone, by its place in the list; a single one, or a list of nothing but
such, is 400. An unknown field is left out, and the answer says so: unlike in OTLP it is a typing
error.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from cortex_otel import semconv as sc
from cortex_otel.instrument import validate
from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.process.data import LogData
from cortex_otel.receive import lenient_json
from cortex_otel.receive.checks import Refusal
from cortex_otel.receive.declared import COMMON, ROUTES
from cortex_otel.receive.records import OtlpResource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cortex_otel.instrument.event_type import EventType, Field
    from cortex_otel.receive.commit import Answer
    from cortex_otel_exporters.sqlite.batch import LedgerEntry

__all__ = [
    "COMMON", "MAX_BYTES", "MAX_EVENTS", "PREFIX", "ROUTES", "Batch", "failure", "ledger", "read",
    "success",
]  # fmt: skip

PREFIX: Final = "/api/telemetry/"
MAX_EVENTS: Final = 100
#: A hundred stack traces.
MAX_BYTES: Final = 8 * 1024 * 1024

MAX_TEXT_LENGTH: Final = 10_000
MAX_STACK_LENGTH: Final = 65_536
MAX_LABEL_LENGTH: Final = 128
_HASH: Final = re.compile("[0-9a-f]{64}")
_OS: Final = re.compile("[A-Za-z0-9_.-]{1,64}")
# An earlier one is in seconds and not in milliseconds, or of a clock that was never set.
FIRST_TIME_MS: Final = 946_684_800_000  # 2000-01-01
LAST_TIME_MS: Final = 4_102_444_800_000  # 2100-01-01
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MAX_SENDERS: Final = 256
_MAX_REPORTED_FIELDS: Final = 10  # unknown fields of one event


class Batch(NamedTuple):
    """What a body held."""

    events: list[LogData]
    places: list[int]
    """Of each event in the list that was sent."""
    errors: list[dict[str, Any]]
    """What was refused: ``index``, ``field``, ``message``."""
    left_out: list[dict[str, Any]]
    """Fields that no event of this kind has, of events that were taken; the same."""


class _WrongError(ValueError):
    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def _label(value: object) -> str:
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= MAX_LABEL_LENGTH
        or not value.isprintable()
    ):
        raise _WrongError(f"must be one line of 1 to {MAX_LABEL_LENGTH} characters")
    return value


def _hash(value: object) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise _WrongError("must be 64 lower-case hexadecimal digits")
    return value


def _os(value: object) -> str:
    if not isinstance(value, str) or not _OS.fullmatch(value):
        raise _WrongError("must be letters, digits and ._-, at most 64")
    return value


def _tier(value: object) -> str:
    if not isinstance(value, str) or value not in sc.TIERS:
        raise _WrongError(f"must be one of {', '.join(sc.TIERS)}")
    return value


#: How a common field is read; as a label if it isn't here.
_READERS: Final[Mapping[str, Callable[[object], str]]] = {
    sc.USER_HASH: _hash,
    sc.CORTEX_USER_TIER: _tier,
    sc.OS_TYPE: _os,
}
_NAMES: Final = frozenset({*COMMON, "time"})

_senders: dict[tuple[tuple[str, Any], ...], OtlpResource] = {}


def read(event_type: str, body: bytes) -> Batch:
    """The events of a request.

    Raises:
        Refusal: 400: it is no JSON, too many events, or not one that can be taken.
    """
    is_strict = True
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        is_strict = False
        sent = _leniently(body)
    is_list = type(sent) is list
    items = sent if is_list else [sent]
    if not 0 < len(items) <= MAX_EVENTS:
        raise Refusal(
            400, f"a list holds 1 to {MAX_EVENTS} events", code="batch_size", records=len(items)
        )
    batch = Batch([], [], [], [])
    for index, item in enumerate(items):
        try:
            batch.events.append(_event(EVENTS[event_type], item))
            batch.places.append(index)
            batch.left_out.extend(_unknown(EVENTS[event_type], item, index))
        except _WrongError as wrong:
            batch.errors.append({"index": index, "field": wrong.field, "message": wrong.message})
    if not batch.events:
        if not is_strict:
            raise _not_json()
        first = batch.errors[0]
        where = f"event {first['index']}: " if is_list else ""
        raise Refusal(
            400,
            where + first["message"],
            code="bad_event",
            field=first["field"],
            records=len(batch.errors),
        )
    return batch


def ledger(batch: Batch) -> Counter[LedgerEntry]:
    """Ledger entries beside the events that were taken."""
    number = len(batch.errors)
    return Counter(
        {
            ("event", "received", ""): number,
            ("event", "dropped", "invalid"): number,
            ("value", "left_out", "unreadable"): len(batch.left_out),
        }
    )


def _leniently(body: bytes) -> Any:
    """What a body means that is no JSON to the letter: half a surrogate pair, a byte order mark."""
    try:
        return lenient_json.loads(body)
    except ValueError:
        raise _not_json() from None


def _not_json() -> Refusal:
    return Refusal(400, "the body isn't JSON", code="not_json")


def success(batch: Batch, answer: Answer) -> bytes:
    """The body of a 200.

    Args:
        batch: what was sent.
        answer: what the store said to it.
    """
    rejected = len(batch.errors) + answer.rejected
    accepted = len(batch.events) - answer.rejected - answer.duplicates
    errors = sorted([*batch.errors, *batch.left_out], key=operator.itemgetter("index"))
    if answer.rejected:
        errors = [*errors, {"index": None, "field": None, "message": answer.message}]
    body: dict[str, Any] = {"accepted": accepted, "rejected": rejected, "errors": errors}
    if answer.duplicates:
        body["duplicates"] = answer.duplicates
    return orjson.dumps(body)


def failure(refusal: Refusal) -> bytes:
    """The body of an error."""
    body = {"code": refusal.code, "message": refusal.message, "field": refusal.field}
    return orjson.dumps({"error": body})


def _event(event: EventType, item: Any) -> LogData:
    if type(item) is not dict:
        raise _WrongError("an event is a JSON object")
    fields = event.by_name
    for field in event.fields:
        if field.required and item.get(field.name) is None:
            raise _WrongError("is needed", field.name)
    attributes: dict[str, Any] = {}
    sender: dict[str, Any] = {sc.CORTEX_SERVICE: event.service}
    for name, value in item.items():
        if value is not None and name != "time" and (name in fields or name in COMMON):
            try:
                _put(name, value, fields, attributes, sender)
            except _WrongError as wrong:
                raise _WrongError(wrong.message, name) from None
    if item.get("time") is None and item.get("id") is not None:
        raise _WrongError("is needed beside an id: an event is known again by both", "time")
    if sc.CORTEX_ERROR_MESSAGE in attributes:  # decides the result unless that is said
        attributes.setdefault(sc.CORTEX_RESULT, "error")
    time_ns = 0 if item.get("time") is None else _time_ns(item["time"])
    if attributes.get(sc.CORTEX_EXTENSION_VERSION) is not None:
        sender.setdefault(sc.CORTEX_EXTENSION_VERSION, attributes[sc.CORTEX_EXTENSION_VERSION])
    return LogData(attributes, event.name, None, time_ns, 0, None, 0, 0, None, _told(sender))


def _unknown(event: EventType, item: Mapping[str, Any], index: int) -> Iterator[dict[str, Any]]:
    known = {*_NAMES, *event.by_name}
    for name in sorted(item.keys() - known)[:_MAX_REPORTED_FIELDS]:
        # The sender's own word goes back to the sender, cut; it is logged nowhere.
        message = f"no such field, left out; there are {', '.join(sorted(known))}"
        yield {"index": index, "field": name[:MAX_LABEL_LENGTH], "message": message}


def _put(
    name: str,
    value: object,
    fields: Mapping[str, Field],
    attributes: dict[str, Any],
    sender: dict[str, Any],
) -> None:
    """Put what a field says into the attributes of the event, of its sender, or of both."""
    if name in fields:
        attributes.update(_read(fields[name], value))
    if name in COMMON:
        common = COMMON[name]
        (sender if common.of_sender else attributes)[common.key] = _READERS.get(common.key, _label)(
            value
        )


def _read(field: Field, value: object) -> dict[str, Any]:
    if field.kind in (validate.text, validate.failure):
        # Hashed by redaction, with the key of this installation.
        return {field.key: _text(value, MAX_TEXT_LENGTH)}
    if field.kind is validate.stack:
        _text(value, MAX_STACK_LENGTH)
    try:
        return dict(field.kind(field.key, value))
    except validate.RejectedValue:
        raise _WrongError("is of the wrong type, or out of range") from None


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise _WrongError(f"must be text of at most {longest} characters")
    return value


def _time_ns(value: object) -> int:
    if type(value) is int and FIRST_TIME_MS <= value < LAST_TIME_MS:
        return value * 1_000_000
    if isinstance(value, str):
        try:
            time = dt.datetime.fromisoformat(value)
            time_ns = (time - _EPOCH) // dt.timedelta(microseconds=1) * 1000
        except (ValueError, TypeError, OverflowError):  # TypeError: without an offset
            time_ns = 0
        if FIRST_TIME_MS <= time_ns // 1_000_000 < LAST_TIME_MS:
            return time_ns
    raise _WrongError(
        "must be ISO 8601 with an offset (2026-11-25T09:00:00Z) or Unix milliseconds", "time"
    )


def _told(sender: dict[str, Any]) -> OtlpResource:
    """One for equal senders: what is remembered of them is kept by identity."""
    key = tuple(sorted(sender.items()))
    found = _senders.get(key)
    if found is None:
        if len(_senders) >= _MAX_SENDERS:
            _senders.clear()
        found = _senders[key] = OtlpResource(sender)
    return found
