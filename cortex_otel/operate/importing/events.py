"""A line of JSON, or a row of CSV → an event as the receiver's intake takes it."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cortex_otel import semconv as sc
from cortex_otel.instrument import validate
from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.operate.importing.outcomes import put_outcome
from cortex_otel.operate.importing.own_values import feature_of, key_for, put_words
from cortex_otel.operate.importing.shapes import (
    ARGUMENT_CONTAINERS,
    CONTAINERS,
    EVENT_FIELDS,
    EVENT_TYPES,
    FIELD_OF,
    SERVICES,
    SHAPES,
)
from cortex_otel.operate.importing.values import (
    LEVELS,
    TIERS,
    Moment,
    RefusedLine,
    flag,
    moment,
    number,
    plain_key,
    text_of,
    word_of,
)
from cortex_otel.process.data import LogData
from cortex_otel.receive.records import OtlpResource
from cortex_otel_exporters.record import OTHER_EVENT_TYPES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping

    from cortex_otel.instrument.event_type import Field
from cortex_otel.operate.importing.shapes import Shape

__all__ = ["Event", "Events"]

_MAX_KEY_LENGTH: Final = 128
_MAX_TEXT_LENGTH: Final = 65_536
_MAX_SENDERS: Final = 256
_MAX_DURATION_MS: Final = 1e11
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}")
_SERVICE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEX: Final = {"trace_id": re.compile(r"[0-9a-f]{32}"), "span_id": re.compile(r"[0-9a-f]{16}")}
_OF_SENDER: Final = {
    "ide": sc.CORTEX_IDE,
    "extension_version": sc.CORTEX_EXTENSION_VERSION,
    "os": sc.OS_TYPE,
}
_IDS: Final = {
    "session_id": sc.SESSION_ID,
    "project_id": sc.CORTEX_PROJECT_ID,
    "branch_id": sc.CORTEX_BRANCH_ID,
    "tool_name": sc.GEN_AI_TOOL_NAME,
}
_FREE_TEXT: Final = frozenset({validate.text, validate.failure})
_NUMBERS_OF: Final = {
    event.name: {plain_key(field.name): field for field in event.fields}
    for event in EVENTS.values()
}

_OF_LINE: Final = frozenset({"time", "event", "module", "action"})
_MAX_CONTAINERS: Final = 16

_key = lru_cache(4096)(plain_key)


class Event(NamedTuple):
    """An event of a line."""

    log: LogData
    shape: Shape
    time: Moment
    """When it began, as exactly as it was written."""


class Events:
    """Makes events of lines; for one thread.

    Args:
        zone: of times that name none.
    """

    def __init__(self, zone: dt.tzinfo) -> None:
        self._zone = zone
        self._senders: dict[tuple[tuple[str, Any], ...], OtlpResource] = {}
        self.left_out: Counter[str] = Counter()
        """Fields that say something which couldn't be read, by field; their events were taken."""
        self.local_times = 0
        """Times that named no zone."""

    def read(
        self,
        line: Mapping[str, Any],
        wanted: Collection[Shape],
        shapes: tuple[Shape, ...] = SHAPES,
    ) -> Event:
        """The event of a line.

        Args:
            line: an object of JSON, or a row by column.
            wanted: those of ``shapes`` that are imported.
            shapes: those it may have.

        Raises:
            RefusedLine: it is none that we know.
        """
        found, own = _found(line)
        for shape in shapes:
            if found.keys() >= shape.needs:
                break
        else:
            raise RefusedLine("no_time" if "time" not in found else "unknown_shape")
        if shape not in wanted:
            raise RefusedLine("not_asked")
        event_type = _event_type(shape, found)
        at = moment(found["time"], self._zone)
        self.local_times += at.is_local
        attributes = self._attributes(event_type, found, own, shape)
        duration_ms = self._duration_ms(found)
        if duration_ms is not None:
            attributes[sc.CORTEX_EVENT_DURATION_MS] = duration_ms
        # Of a failed call to a tool that there isn't, we write none.
        has_tool = shape.is_own or attributes.get(sc.GEN_AI_TOOL_NAME)
        if event_type == sc.MCP_TOOL_CALL and not has_tool:
            raise RefusedLine("no_tool")
        # The intake takes the time of a record as the end of what it tells.
        lasted = round((duration_ms or 0) * 1e6)
        end = at.unix_ns + (lasted if shape.time_is == "start" else 0)
        log = LogData(
            attributes, event_type, None, end, 0, self._level(found),
            self._id("trace_id", found), self._id("span_id", found), None,
            self._sender(event_type, found, shape),
        )  # fmt: skip
        return Event(log, shape, Moment(end - lasted, at.resolution_ns, at.is_local))

    # --- parts ----------------------------------------------------------------------------------

    def _attributes(
        self,
        event_type: str,
        found: dict[str, Any],
        own: dict[str, Any],
        shape: Shape,
    ) -> dict[str, Any]:
        attributes = {key: value for key, value in own.items() if "." in key}
        for field, key in _IDS.items():
            if (text := text_of(found.get(field))) is not None:
                is_id = shape.is_own and field != "tool_name"
                attributes[key_for(key, text) if is_id else key] = text
        self._identity(found, attributes)
        if not shape.is_own:  # ours has all of it as attributes
            self._typed(event_type, own, attributes)
        parameters = found.get("parameters")
        if isinstance(parameters, dict):
            if shape.is_own:  # attributes, the shape of a tool's parameters among them
                for key, value in parameters.items():
                    if "." in key:
                        attributes.setdefault(key, value)
            elif event_type == sc.MCP_TOOL_CALL:
                attributes |= validate.shape(sc.CORTEX_TOOL_PARAMETERS, parameters)
        _put_feature(event_type, text_of(found.get("feature")), attributes, shape)
        put_outcome(found, attributes, of_error_event=event_type == sc.EXT_ERROR, shape=shape)
        return attributes

    def _identity(self, found: Mapping[str, Any], attributes: dict[str, Any]) -> None:
        for field in ("user_hash", "user_id"):
            text = text_of(found.get(field))
            if text is None and isinstance(found.get(field), dict):
                text = text_of(found[field].get("id"))
            if text is None:
                continue
            # What is a digest already isn't hashed again, whatever its field is called; what is
            # none is hashed, whatever its field is called.
            if _DIGEST.fullmatch(text):
                attributes[sc.USER_HASH] = text.lower()
            else:
                attributes[sc.USER_ID] = text
            break
        if (tier := found.get("tier")) is not None:
            known = TIERS.get(word_of(tier))
            if known is None:
                raise RefusedLine("unknown_tier")
            attributes[sc.CORTEX_USER_TIER] = known

    def _typed(self, event_type: str, own: Mapping[str, Any], attributes: dict[str, Any]) -> None:
        """The fields of the typed event, checked as in process."""
        fields = _NUMBERS_OF.get(event_type)
        if not fields:
            return
        further = EVENT_FIELDS.get(event_type, {})
        for key, value in own.items():
            plain = _key(key)
            field = fields.get(plain)
            if field is None and plain in further:
                field = fields.get(plain_key(further[plain]))
            if field is None or value is None or field.key == sc.CORTEX_RESULT:
                continue
            if field.key in {sc.GEN_AI_TOOL_NAME, sc.CORTEX_TOOL_PARAMETERS}:
                continue  # common ones, read elsewhere
            try:
                read = _read(field, value)
            except validate.RejectedValue:
                self.left_out[field.name] += 1
                continue
            for name, one in read.items():
                attributes.setdefault(name, one)
            if field.also and field.key in attributes:
                attributes.setdefault(field.also, attributes[field.key])

    def _duration_ms(self, found: Mapping[str, Any]) -> float | None:
        for field, factor in (("duration_ms", 1), ("duration_s", 1000)):
            if found.get(field) is not None:
                read = number(found[field])
                if read is not None and 0 <= read * factor <= _MAX_DURATION_MS:
                    return read * factor
                self.left_out["duration"] += 1
                return None
        if found.get("duration") is not None:
            self.left_out["duration"] += 1
        return None

    def _level(self, found: Mapping[str, Any]) -> Any:
        if found.get("level") is None:
            return None
        level = LEVELS.get(word_of(found["level"]))
        if level is None:
            self.left_out["level"] += 1
        return level

    def _id(self, field: str, found: Mapping[str, Any]) -> int:
        text = found.get(field)
        if text in {None, ""} or not isinstance(text, str):
            return 0
        if _HEX[field].fullmatch(text.lower()):
            return int(text, 16)
        self.left_out[field] += 1
        return 0

    def _sender(self, event_type: str, found: Mapping[str, Any], shape: Shape) -> OtlpResource:
        """One for equal ones: what is remembered of them is kept by identity."""
        attributes: dict[str, Any] = {sc.CORTEX_SERVICE: _service(event_type, found, shape)}
        for field, key in _OF_SENDER.items():
            if (text := text_of(found.get(field))) is not None:
                attributes[key] = text[:_MAX_KEY_LENGTH]
        key_of = tuple(attributes.items())
        known = self._senders.get(key_of)
        if known is None:
            if len(self._senders) >= _MAX_SENDERS:
                self._senders.clear()
            known = self._senders[key_of] = OtlpResource(attributes)
        return known


def _put_feature(
    event_type: str, feature: str | None, attributes: dict[str, Any], shape: Shape
) -> None:
    if shape.is_own and event_type != sc.MCP_TOOL_CALL:
        if feature is not None:
            put_words(event_type, feature, attributes)
        elif feature := feature_of(event_type, attributes):
            attributes[sc.CORTEX_FEATURE] = feature
    elif feature is not None:
        is_tool = event_type == sc.MCP_TOOL_CALL
        attributes.setdefault(sc.GEN_AI_TOOL_NAME if is_tool else sc.CORTEX_FEATURE, feature)


class _Key(NamedTuple):
    """What a key says."""

    field: str
    """Of the common fields; ``""`` if it is none."""
    place: int
    """How early in its row of the table."""
    holds: str
    """What an object under it has: ``fields``, ``arguments``, or nothing of interest."""


@lru_cache(4096)
def _known(key: str) -> _Key:
    plain = plain_key(key)
    field, place = FIELD_OF.get(plain, ("", 0))
    holds = "fields" if plain in CONTAINERS else ""
    return _Key(field, place, holds or ("arguments" if plain in ARGUMENT_CONTAINERS else ""))


def _found(line: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The common fields of a line, and everything it says of the event, by its own keys."""
    found: dict[str, Any] = {}
    places: dict[str, int] = {}
    own: dict[str, Any] = {}
    inner: list[Mapping[str, Any]] = []
    arguments: list[Mapping[str, Any]] = []
    for key, value in line.items():
        if value is None or value == "" or len(key) > _MAX_KEY_LENGTH:
            continue
        field, place, holds = _known(key)
        if holds and type(value) is dict:
            (inner if holds == "fields" else arguments).append(value)
        else:
            own[key] = value
        if field and (field not in found or place < places[field]):
            found[field], places[field] = value, place
    for container in inner:  # grows: one may hold another
        _look_into(container, found, own, inner if len(inner) < _MAX_CONTAINERS else [], arguments)
    for container in arguments:
        for key, value in container.items():
            # A tool may have an argument `user.id`: that isn't who called it.
            if "." not in key:
                own.setdefault(key, value)
    return found, own


def _look_into(
    container: Mapping[str, Any],
    found: dict[str, Any],
    own: dict[str, Any],
    inner: list[Mapping[str, Any]],
    arguments: list[Mapping[str, Any]],
) -> None:
    """What the line itself says wins over what its ``data`` says."""
    for key, value in container.items():
        if value is None or value == "" or len(key) > _MAX_KEY_LENGTH:
            continue
        field, _, holds = _known(key)
        if holds and type(value) is dict:
            (inner if holds == "fields" else arguments).append(value)
        own.setdefault(key, value)
        # When it happened, and what, only the line itself says: `data.type` is of something else.
        if field and field not in _OF_LINE:
            found.setdefault(field, value)


def _event_type(shape: Shape, found: Mapping[str, Any]) -> str:
    words = [found[field] for field in shape.event]
    if not all(isinstance(word, str) and len(word) <= _MAX_KEY_LENGTH for word in words):
        raise RefusedLine("unknown_event")
    name = ".".join(words)
    if shape.is_own and name in OTHER_EVENT_TYPES:
        return name
    event_type = EVENT_TYPES.get(_key(name))
    if event_type is None:
        raise RefusedLine("unknown_event")
    return event_type


def _service(event_type: str, found: Mapping[str, Any], shape: Shape) -> str:
    """Its own word if it is a service; else the one that has such events."""
    claimed = found.get("service")
    if isinstance(claimed, str) and len(claimed) <= _MAX_KEY_LENGTH:
        known = None if shape.is_own else SERVICES.get(_key(claimed))
        if known is not None:
            return known
        if _SERVICE.fullmatch(claimed):
            return claimed
    event = EVENTS.get(event_type)
    return (event.service if event is not None else "") or "mcp"


def _read(field: Field, value: Any) -> dict[str, Any]:
    """What a field of a typed event says; free text is for redaction to hash.

    Raises:
        RejectedValue: it makes no sense.
    """
    if field.kind in _FREE_TEXT:
        if not isinstance(value, str):
            raise validate.RejectedValue
        return {field.key: value[:_MAX_TEXT_LENGTH]}
    if isinstance(value, str) and field.kind not in {validate.label, validate.stack}:
        # Cells of CSV are text.
        read = flag(value) if field.kind is validate.boolean else number(value)
        value = value if read is None else read
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        value = int(value)  # JavaScript's counts, and spreadsheets'
    return dict(field.kind(field.key, value))
