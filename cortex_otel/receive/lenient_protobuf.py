"""Protobuf that its own parser refuses, read all the same where it is clear what was meant.

The parser reads nothing of a request that breaks one rule anywhere: a byte that is no UTF-8, in one
label of one point, costs the whole batch. So a request that it refuses is taken apart, field by
field, as far down as the trouble is, and put together again: text is mended (U+FFFD), values that
are nested too deeply are cut off, and a record that can't be mended is left out and counted.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]

from cortex_otel.receive.records import MalformedError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

__all__ = ["mended", "mended_request"]

_RECORDS: Final = frozenset(
    {
        "Span",
        "LogRecord",
        "NumberDataPoint",
        "HistogramDataPoint",
        "ExponentialHistogramDataPoint",
        "SummaryDataPoint",
    }
)
#: What holds records, or others of these.
_HOLDERS: Final = frozenset(
    {
        "ResourceSpans", "ResourceLogs", "ResourceMetrics", "ScopeSpans", "ScopeLogs",
        "ScopeMetrics", "Metric", "Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary",
    }
)  # fmt: skip
_UNREADABLE: Final = "bytes that are not a protobuf message of this signal"
# The parser goes a hundred messages deep, and a record is in a handful already.
_DEEPEST: Final = 80
_VARINT, _FIXED64, _BYTES, _GROUP, _END_GROUP, _FIXED32 = 0, 1, 2, 3, 4, 5
_MAX_VARINT_BITS: Final = 70  # bits, of ten bytes


class _BrokenError(Exception):
    """From here on it is no message."""


def mended_request(kind: Any, body: bytes, refused: Counter[str]) -> bytes:
    """A request that the parser takes, with all of ``body`` that can be read.

    Args:
        kind: class of the request.
        body: what the parser refused.
        refused: counts the records that are left out, by the rule that they break.

    Raises:
        MalformedError: its outermost fields can't be read, or nothing in them.
    """
    try:
        request = _of_holder(kind.DESCRIPTOR, body, refused)
    except _BrokenError:
        raise MalformedError(_UNREADABLE) from None
    if not any(end > start for _, _, _, start, end in _fields(request)):
        raise MalformedError(_UNREADABLE)
    return request


def mended(kind: Any, raw: bytes) -> bytes:
    """A message that the parser takes: what it refused, mended.

    Raises:
        MalformedError: it can't be.
    """
    # Thoroughly only if need be: most often one text is wrong, and the rest is as it should be.
    for is_thorough in (False, True):
        try:
            made = _walked(kind.DESCRIPTOR, raw, 0, is_thorough=is_thorough)
        except _BrokenError:
            break
        if _is_readable(kind, made):
            return made
    raise MalformedError(_UNREADABLE)


def _of_holder(descriptor: Any, raw: bytes, refused: Counter[str]) -> bytes:
    kept = bytearray()
    try:
        for number, wire, at, start, end in _fields(raw):
            field = descriptor.fields_by_number.get(number)
            content = raw[start:end]
            if field is None or wire != _BYTES:
                kept += raw[at:end]
            elif field.type == FieldDescriptor.TYPE_STRING:
                kept += _field(number, _text(content))
            elif field.type == FieldDescriptor.TYPE_MESSAGE:
                content_or_none = _held(GetMessageClass(field.message_type), content, refused)
                if content_or_none is not None:
                    kept += _field(number, content_or_none)
            else:
                kept += raw[at:end]
    except _BrokenError:
        if descriptor.name not in _HOLDERS:
            raise  # the request itself
        refused[_UNREADABLE] += 1  # what else was in there, nobody can tell
    return bytes(kept)


def _held(kind: Any, raw: bytes, refused: Counter[str]) -> bytes | None:
    """A message within a holder, mended; ``None`` if it is to be left out."""
    if _is_readable(kind, raw):
        return raw
    name = kind.DESCRIPTOR.name
    if name in _HOLDERS:
        return _of_holder(kind.DESCRIPTOR, raw, refused)
    try:
        return mended(kind, raw)
    except MalformedError as error:
        if name in _RECORDS:
            refused[str(error)] += 1
        return None


def _walked(descriptor: Any, raw: bytes, deep: int, *, is_thorough: bool) -> bytes:
    kept = bytearray()
    for number, wire, at, start, end in _fields(raw):
        field = descriptor.fields_by_number.get(number)
        if field is None or wire != _BYTES:
            kept += raw[at:end]
        elif field.type == FieldDescriptor.TYPE_STRING:
            kept += _field(number, _text(raw[start:end]))
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            content = raw[start:end]
            if deep >= _DEEPEST:
                continue
            if is_thorough or not _is_readable(GetMessageClass(field.message_type), content):
                content = _walked(field.message_type, content, deep + 1, is_thorough=is_thorough)
            kept += _field(number, content)
        else:
            kept += raw[at:end]
    return bytes(kept)


def _is_readable(kind: Any, raw: bytes) -> bool:
    try:
        kind.FromString(raw)
    except DecodeError:
        return False
    return True


def _text(content: bytes) -> bytes:
    return content.decode("utf-8", "replace").encode()


def _fields(raw: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Number and wire type of each field, and where it, its content, and its end are."""
    at = 0
    while at < len(raw):
        tag, start = _varint(raw, at)
        number, wire = tag >> 3, tag & 7
        if not number:
            raise _BrokenError
        start, end = _extent(raw, start, number, wire)
        yield number, wire, at, start, end
        at = end


def _extent(raw: bytes, start: int, number: int, wire: int) -> tuple[int, int]:
    """Where the content of a field begins and ends."""
    if wire == _VARINT:
        end = _varint(raw, start)[1]
    elif wire == _BYTES:
        length, start = _varint(raw, start)
        end = start + length
    elif wire in {_FIXED64, _FIXED32}:
        end = start + (8 if wire == _FIXED64 else 4)
    elif wire == _GROUP:
        end = _end_of_group(raw, start, number)
    else:
        raise _BrokenError
    if end > len(raw):
        raise _BrokenError
    return start, end


def _end_of_group(raw: bytes, at: int, number: int) -> int:
    """After the end of a group: a form of old, that nobody sends and parsers skip."""
    open_groups = [number]
    while open_groups:
        tag, at = _varint(raw, at)
        inner, wire = tag >> 3, tag & 7
        if wire == _GROUP:
            open_groups.append(inner)
        elif wire == _END_GROUP:
            if open_groups.pop() != inner:
                raise _BrokenError
        else:
            _, at = _extent(raw, at, inner, wire)
    return at


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(raw) and shift < _MAX_VARINT_BITS:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:  # noqa: PLR2004 - the last
            return value, at
        shift += 7
    raise _BrokenError


def _field(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    made = bytearray()
    while value >= 0x80:  # noqa: PLR2004 - seven bits a byte
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
