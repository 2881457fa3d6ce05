"""The typed events of Cortex as they come over OTLP: completed and checked as in process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cortex_otel import semconv as sc
from cortex_otel.instrument.event_type import unknown_error
from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.instrument.validate import RejectedValue
from cortex_otel.process.allow_list import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel.instrument.event_type import EventType
    from cortex_otel.instrument.validate import Kind

__all__ = ["complete"]

# Numbers are summed: they must be what the typed function would have taken. Text is redaction's.
_NUMBERS: Final[Mapping[str, Mapping[str, Kind]]] = {
    name: {
        field.key: field.kind
        for field in event.by_name.values()
        if ALLOWED.get(field.key) in {"number", "flag"}
    }
    for name, event in EVENTS.items()
}


def complete(
    name: str,
    attributes: Mapping[str, Any],
    of_resource: Mapping[str, Any],
    count_removed: Callable[[int], None],
) -> dict[str, Any]:
    """The attributes of a typed event, with what follows from them; a new mapping.

    Args:
        name: its event type, one of ``EVENTS``.
        attributes: as they were sent.
        of_resource: fields of events that a client says once, for all of them (IDE, version).
        count_removed: called with how many numbers made no sense and were left out.
    """
    event = EVENTS[name]
    values = _checked(event, attributes, count_removed)
    for field in event.fields:
        if field.key in of_resource:
            values.setdefault(field.key, of_resource[field.key])
        if field.also and field.key in values:
            values.setdefault(field.also, values[field.key])
    if event.result != "success":
        values.setdefault(sc.CORTEX_RESULT, event.result)
    result = values.get(sc.CORTEX_RESULT)
    if isinstance(result, str) and result in sc.FAILED_RESULTS and sc.EXCEPTION_TYPE not in values:
        values.setdefault(sc.ERROR_TYPE, unknown_error(result))
    event.derive(values)
    feature = event.feature(values)
    if feature and sc.CORTEX_FEATURE not in values:
        values[sc.CORTEX_FEATURE] = feature
    return values


def _checked(
    event: EventType, attributes: Mapping[str, Any], count_removed: Callable[[int], None]
) -> dict[str, Any]:
    values = dict(attributes)
    for key, kind in _NUMBERS[event.name].items():
        if key in values:
            try:
                kind(key, values[key])
            except RejectedValue:
                del values[key]
                count_removed(1)
    return values
