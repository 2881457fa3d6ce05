"""What a declaration of a typed event does: its arguments become attributes, and more follow.

The declarations themselves are generated: :mod:`cortex_otel.instrument.event_types`.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel import guard, semconv
from cortex_otel.instrument.state import state
from cortex_otel.instrument.validate import (
    RejectedValue,
    choice,
    failure,
    real,
    reject,
    reject_unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel.instrument.validate import Attributes, Kind

__all__ = [
    "EventType",
    "Field",
    "name_error_of_stack",
    "savings_rate",
    "unknown_error",
    "word_for",
    "words_of",
]


class Field(NamedTuple):
    """An argument of an event: its name, the attribute it becomes, and what it must be."""

    name: str
    key: str
    kind: Kind
    required: bool = False
    """The event says little without it: a caller is to give it."""
    default: bool | float | str | None = None
    """What its function takes it for where it isn't given."""
    also: str = ""
    """A second key for the same value."""


_TIMED: Final = (
    Field("duration_ms", semconv.CORTEX_EVENT_DURATION_MS, real()),
    Field("result", semconv.CORTEX_RESULT, choice(*semconv.RESULTS)),
    # Last, since an error decides the result unless the caller said how it failed.
    Field("error", semconv.CORTEX_ERROR_MESSAGE, failure),
)


def _nothing(_attributes: Attributes) -> str:
    return ""


def _derive_nothing(_attributes: Attributes) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One event: its type, its fields, and what follows from them."""

    name: str
    fields: tuple[Field, ...]
    takes_time: bool = False
    """It may be used as a ``with`` block, which makes it a span."""
    service: str = ""
    """``cortex.service``; the host's own where empty."""
    result: str = "success"
    feature: Callable[[Attributes], str] = _nothing
    """``cortex.feature`` from the attributes; ``""`` leaves it out."""
    derive: Callable[[Attributes], None] = _derive_nothing
    """Adds attributes that are computed from others."""
    by_name: dict[str, Field] = dataclass_field(init=False, repr=False)

    def __post_init__(self) -> None:
        fields = (*self.fields, *_TIMED) if self.takes_time else self.fields
        object.__setattr__(self, "by_name", {field.name: field for field in fields})

    def read(self, arguments: Mapping[str, object], into: Attributes) -> None:
        """Put the attributes of ``arguments`` ``into`` those of the event.

        ``None`` means not known; what makes no sense is counted and left out.
        """
        for unknown in arguments.keys() - self.by_name.keys():
            reject_unknown(self.name, unknown, self.by_name)
        for name, field in self.by_name.items():
            value = arguments.get(name)
            if value is None:
                continue
            stated = into.get(semconv.CORTEX_RESULT, "success")
            try:
                into.update(field.kind(field.key, value))
            except RejectedValue as rejection:
                reject(self.name, name)
                into.update(rejection.kept)
            except Exception as error:  # noqa: BLE001 - the host's __index__, __fspath__, items …
                reject(self.name, name)
                guard.swallowed(f"events.{self.name}.{name}", error)
            if field.kind is failure and stated != "success":
                into[semconv.CORTEX_RESULT] = stated
            if field.also and field.key in into:
                into[field.also] = into[field.key]

    def complete(self, attributes: Attributes) -> Attributes:
        """Add what every event carries and what follows from its fields; same object."""
        attributes.setdefault(semconv.CORTEX_SERVICE, self.service or state.service or "mcp")
        result = attributes.setdefault(semconv.CORTEX_RESULT, self.result)
        if result in semconv.FAILED_RESULTS:
            attributes.setdefault(semconv.ERROR_TYPE, unknown_error(result))
        self.derive(attributes)
        feature = self.feature(attributes)
        if feature:
            attributes[semconv.CORTEX_FEATURE] = feature
        return attributes


def unknown_error(result: object) -> str:
    """``error.type`` of a failure with this result, where nobody says its class."""
    is_timeout = result == semconv.ERROR_TYPE_TIMEOUT
    return semconv.ERROR_TYPE_TIMEOUT if is_timeout else semconv.ERROR_TYPE_OTHER


def words_of(keys: tuple[str, ...]) -> Callable[[Attributes], str]:
    """A feature that is the words of these attributes."""
    return lambda attributes: " ".join(str(attributes[key]) for key in keys if key in attributes)


def word_for(source: tuple[str, Mapping[bool, str]]) -> Callable[[Attributes], str]:
    """A feature that is one of two words, by an attribute that is true or false."""
    key, words = source
    return lambda attributes: words[bool(attributes[key])] if key in attributes else ""


def savings_rate(attributes: Attributes) -> None:
    """Derive the share of the tokens that a compression saves."""
    before = attributes.get(semconv.CORTEX_COMPRESS_TOKENS_BEFORE)
    after = attributes.get(semconv.CORTEX_COMPRESS_TOKENS_AFTER)
    if isinstance(before, int) and isinstance(after, int) and before:
        attributes[semconv.CORTEX_COMPRESS_SAVINGS_RATE] = 1 - after / before


def name_error_of_stack(attributes: Attributes) -> None:
    """Put the type of an error where its printed stack has none."""
    # A printed stack says its error's type in free text only; the caller said it in so many words.
    place = attributes.get(semconv.CORTEX_ERROR_LOCATION)
    name = attributes.get(semconv.CORTEX_ERROR_TYPE)
    if not (isinstance(place, str) and isinstance(name, str) and name.isidentifier()):
        return
    # An extension of our own has put the name there already.
    if place.partition(" ")[0] == "Exception":
        attributes[semconv.CORTEX_ERROR_LOCATION] = name + place.removeprefix("Exception")
