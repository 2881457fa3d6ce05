"""What tells two received records apart, as 64 bits of a keyed hash.

Made of what was sent, before redaction: 40 points of one counter differ in labels that aren't kept.
Only the hash is stored, keyed by this installation, so that nothing that was removed can be guessed
from it. Both encodings of a record, and its attributes in any order, have the same.

* A log record: all that is read of it, with its resource and scope.
* A metric point: the same, with name, unit and kind of its metric.
* A span, and an event with a ``log.record.uid``, has an id. That and its times are enough, and more
  would make two of what comes directly and once more through a Collector, which adds attributes to
  it and to its resource. But an id alone isn't: Zipkin's client and server share theirs, so do the
  two halves of a forked process, which end a span each, and two windows may number their events
  alike. So kind and end count too, and who it is: program, session and user.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any, Final

import orjson

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from cortex_otel.receive.metric_data import Point
    from cortex_otel.receive.records import OtlpLog, OtlpSpan, Told

__all__ = ["Fingerprints"]

_PERSON: Final = b"cortex.received"  # other hashes of the same key are of other things
_NO_SCOPE: Final = ("", "")
#: What says whose a record is, of the record or of its resource.
_WHO: Final = (
    "service.namespace", sc.SERVICE_NAME, sc.SERVICE_INSTANCE_ID, sc.CORTEX_SERVICE, sc.SESSION_ID,
    sc.USER_ID, sc.ENDUSER_ID, sc.USER_HASH, sc.CORTEX_PROJECT_ID, sc.CORTEX_BRANCH_ID,
)  # fmt: skip
_LOW: Final = (1 << 64) - 1
_blake2b = hashlib.blake2b
_pack_span = struct.Struct(">16sQQQQQB").pack


class Fingerprints:
    """Identities of records.

    Args:
        key: of this installation; the same after a restart, or what is sent again isn't known.
    """

    def __init__(self, key: bytes) -> None:
        # Before the data, not as BLAKE2's own parameter: as safe there, and a block less to hash.
        self._key = hashlib.blake2b(key=key, person=_PERSON, digest_size=32).digest()

    def span(self, span: OtlpSpan) -> int:
        """Of a span."""
        trace_id = span.trace_id
        return self._hash(
            _pack_span(
                _digests(span.resource)[1], trace_id >> 64, trace_id & _LOW, span.span_id,
                span.start_time, span.end_time, span.kind._value_,
            )
        )  # fmt: skip

    def log(self, log: OtlpLog) -> int:
        """Of a log record as it was sent: before anything was added to its attributes."""
        attributes = log.attributes
        uid = attributes.get(sc.LOG_RECORD_UID)
        if uid is not None:
            who = [attributes.get(key) for key in _WHO]
            told = _canonical((log.event_name, log.timestamp, uid, who))
            return self._hash(told + _digests(log.resource)[1])
        trace_id = log.trace_id
        told = _canonical(
            (
                log.event_name, log.timestamp, log.observed_timestamp, log.severity_number,
                log.severity_text, trace_id >> 64, trace_id & _LOW, log.span_id, log.body,
                attributes, _scope(log.instrumentation_scope),
            )
        )  # fmt: skip
        return self._hash(told + _digests(log.resource)[0])

    def point(self, point: Point, told: Told) -> int:
        """Of a metric point."""
        return self._hash(_canonical((point.name, point.unit, *point.told)) + _digests(told)[0])

    def _hash(self, data: bytes) -> int:
        digest = _blake2b(self._key + data, digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


def _scope(scope: InstrumentationScope | None) -> tuple[str, str | None]:
    return (scope.name, scope.version) if scope is not None else _NO_SCOPE


def _digests(told: Told) -> tuple[bytes, bytes]:
    """Of all a resource says, and of what says whose it is; made once for each."""
    if told.digests is None:
        who = [told.attributes.get(key) for key in _WHO]
        told.digests = _digest(_canonical(told.attributes)), _digest(_canonical(who))
    return told.digests


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _canonical(value: Any) -> bytes:
    """Equal bytes for equal values, with the keys of mappings in order."""
    try:
        return orjson.dumps(value, _of_bytes, orjson.OPT_SORT_KEYS)
    except TypeError:  # nothing that a reader makes
        return repr(value).encode("utf-8", "backslashreplace")


def _of_bytes(value: Any) -> list[str]:
    if isinstance(value, bytes):
        return ["bytes", value.hex()]
    raise TypeError
