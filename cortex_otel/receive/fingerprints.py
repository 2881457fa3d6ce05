"""What tells two received records apart, as 64 bits of a keyed hash.

Made of what was sent, before redaction: 40 points of one counter differ in labels that aren't kept.
Only the hash is stored, keyed by this installation, so that nothing that was removed can be guessed
from it. Both encodings of a record, and its attributes in any order, have the same.

* A log record: all that is read of it, with its resource and scope.
* A metric point: the same, with name, unit, kind and temporality of its metric. Its buckets and
  quantiles count too, though they aren't all kept.
* A span, and an event with a ``log.record.uid``, has an id. That and its times are enough, and more
  would make two of what comes directly and once more through a Collector, which adds attributes to
  it and to its resource. But an id alone isn't: Zipkin's client and server share theirs, so do the
  two halves of a forked process, which end a span each, and two windows may number their events
  alike. So kind and end count too, and who it is: program, session and user.
"""

from __future__ import annotations

import hashlib
import math
import struct
from typing import TYPE_CHECKING, Any, Final

import orjson

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from cortex_otel.process.data import LogData, ResourceData, SpanData
    from cortex_otel.receive.metric_data import Point

__all__ = ["Fingerprints"]

_PERSON: Final = b"cortex.received"  # other hashes of the same key are of other things
#: What says whose a record is, of the record or of its resource.
_WHO: Final = (
    sc.SERVICE_NAMESPACE, sc.SERVICE_NAME, sc.SERVICE_INSTANCE_ID, sc.CORTEX_SERVICE, sc.SESSION_ID,
    sc.USER_ID, sc.ENDUSER_ID, sc.USER_HASH, sc.CORTEX_PROJECT_ID, sc.CORTEX_BRANCH_ID,
)  # fmt: skip
_LOW: Final = (1 << 64) - 1
_blake2b = hashlib.blake2b
_unpack = struct.Struct(">q").unpack
_pack_place = struct.Struct(">qQQ").pack
_pack_span = struct.Struct(">16sQQQQQB").pack


class Fingerprints:
    """Identities of records.

    Args:
        key: of this installation; the same after a restart, or what is sent again isn't known.
    """

    def __init__(self, key: bytes) -> None:
        # Before the data, not as BLAKE2's own parameter: as safe there, and a block less to hash.
        self._key = hashlib.blake2b(key=key, person=_PERSON, digest_size=32).digest()

    def span(self, span: SpanData) -> int:
        """Of a span."""
        trace_id = span.trace_id
        return self._hash(
            _pack_span(
                _digests(span.resource)[1],
                trace_id >> 64,
                trace_id & _LOW,
                span.span_id,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                span.kind._value_,
            )
        )

    def log(self, log: LogData) -> int:
        """Of a log record as it was sent: before anything was added to its attributes."""
        attributes = log.attributes
        uid = attributes.get(sc.LOG_RECORD_UID)
        if uid is not None:
            who = {key: attributes[key] for key in _WHO if key in attributes}
            identity = _canonical((log.event_name, log.timestamp_unix_nano, uid, who))
            return self._hash(identity + _digests(log.resource)[1])
        trace_id, severity = log.trace_id, log.severity_number
        identity = _canonical(
            (
                log.event_name, log.timestamp_unix_nano, log.observed_timestamp_unix_nano,
                0 if severity is None else severity.value, log.severity_text, trace_id >> 64,
                trace_id & _LOW, log.span_id, log.flags, attributes,
                () if log.body is None else (log.body,),
            )
        )  # fmt: skip
        return self._hash(identity + _of_scope(log.scope) + _digests(log.resource)[0])

    def point(self, point: Point, resource: ResourceData) -> int:
        """Of a metric point."""
        identity = _canonical((point.name, point.unit, *point.identifying))
        return self._hash(identity + _of_scope(point.scope) + _digests(resource)[0])

    def place(self, identity: int, time_unix_nano: int, number: int) -> int:
        """What decides whether a record is sampled, where it isn't its trace.

        Args:
            identity: of the record.
            time_unix_nano: when it came if it brought no time of its own; else 0.
            number: how many equal ones came before it in its request.
        """
        if not time_unix_nano and not number:
            return identity
        return self._hash(_pack_place(identity, time_unix_nano, number))

    def _hash(self, data: bytes) -> int:
        number: int = _unpack(_blake2b(self._key + data, digest_size=8).digest())[0]
        return number


def _of_scope(scope: Any) -> bytes:
    """Of all a :class:`.Scope` says, if there is one; made once for each."""
    if scope is None:
        return _NO_SCOPE
    if scope.digest is None:
        scope.digest = _digest(_canonical((scope.name, scope.version or "", scope.sent_attributes)))
    digest: bytes = scope.digest
    return digest


def _digests(resource: Any) -> tuple[bytes, bytes]:
    """Of all an :class:`.OtlpResource` says, and of what says whose it is; made once for each."""
    if resource.digests is None:
        attributes = resource.attributes
        who = {key: attributes[key] for key in _WHO if key in attributes}
        resource.digests = _digest(_canonical(attributes)), _digest(_canonical(who))
    digests: tuple[bytes, bytes] = resource.digests
    return digests


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _canonical(value: Any) -> bytes:
    """Equal bytes for equal values and for no others, with the keys of mappings in order."""
    try:
        made = orjson.dumps(value, _of_bytes, orjson.OPT_SORT_KEYS)
        # JSON writes what is no number as it writes an empty value, and tells -0 from 0. Neither is
        # in a usual record, so it isn't looked for before.
        if b"null" in made or b"-0.0" in made:
            made = orjson.dumps(_exactly(value), _of_bytes, orjson.OPT_SORT_KEYS)
    except TypeError:  # nothing that a reader makes
        return repr(value).encode("utf-8", "backslashreplace")
    return made


def _exactly(value: Any) -> Any:
    if type(value) is float:
        # What a sender in JavaScript sends again is 0 where it was -0.
        return (value or 0.0) if math.isfinite(value) else orjson.Fragment(repr(value))
    if type(value) in {list, tuple}:
        return [_exactly(one) for one in value]
    if type(value) is dict:
        return {key: _exactly(one) for key, one in value.items()}
    return value


def _of_bytes(value: Any) -> orjson.Fragment:
    if isinstance(value, bytes):
        return orjson.Fragment(f"b{value.hex()}")  # no JSON, so no other value looks like it
    raise TypeError


_NO_SCOPE: Final = _digest(_canonical(("", "", {})))
