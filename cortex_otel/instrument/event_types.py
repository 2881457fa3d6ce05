"""The typed events of Cortex, each as one declaration (SPEC §1).

A new event is a new :class:`EventType` here and a function with the same argument names in
:mod:`cortex_otel.instrument.events`; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Final

from cortex_otel import guard, semconv
from cortex_otel.instrument.state import state
from cortex_otel.instrument.validate import (
    ERROR_TYPE_OTHER,
    RejectedValue,
    boolean,
    choice,
    failure,
    label,
    real,
    reject,
    reject_unknown,
    shape,
    stack,
    text,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel.instrument.validate import Attributes, Kind

__all__ = ["EVENTS", "EventType", "Field"]

_EXTENSION: Final = "extension"


@dataclass(frozen=True, slots=True)
class Field:
    """An argument of an event: its name, the attribute it becomes, and what it must be."""

    name: str
    key: str
    kind: Kind
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
        attributes[semconv.CORTEX_SERVICE] = self.service or state.service or "mcp"
        result = attributes.setdefault(semconv.CORTEX_RESULT, self.result)
        if result in ("error", "timeout"):
            unknown = "timeout" if result == "timeout" else ERROR_TYPE_OTHER
            attributes.setdefault(semconv.ERROR_TYPE, unknown)
        self.derive(attributes)
        feature = self.feature(attributes)
        if feature:
            attributes[semconv.CORTEX_FEATURE] = feature
        return attributes


def _words_of(event_type: str) -> Callable[[Attributes], str]:
    keys = semconv.FEATURE_SOURCES[event_type]
    return lambda attributes: " ".join(str(attributes[key]) for key in keys if key in attributes)


def _branch_feature(attributes: Attributes) -> str:
    automatic = attributes.get(semconv.CORTEX_BRANCH_AUTOMATIC)
    return "" if automatic is None else semconv.BRANCH_FEATURES[bool(automatic)]


def _savings_rate(attributes: Attributes) -> None:
    before = attributes.get(semconv.CORTEX_COMPRESS_TOKENS_BEFORE)
    after = attributes.get(semconv.CORTEX_COMPRESS_TOKENS_AFTER)
    if isinstance(before, int) and isinstance(after, int) and before:
        attributes[semconv.CORTEX_COMPRESS_SAVINGS_RATE] = 1 - after / before


def _name_error_of_stack(attributes: Attributes) -> None:
    # A printed stack says its error's type in free text only; the caller said it in so many words.
    place = attributes.get(semconv.CORTEX_ERROR_LOCATION)
    name = attributes.get(semconv.CORTEX_ERROR_TYPE)
    if not (isinstance(place, str) and isinstance(name, str) and name.isidentifier()):
        return
    # An extension of our own has put the name there already.
    if place.partition(" ")[0] == "Exception":
        attributes[semconv.CORTEX_ERROR_LOCATION] = name + place.removeprefix("Exception")


_count: Final = whole()
_share: Final = real(0, 1)

TOOL_CALL: Final = EventType(
    name=semconv.MCP_TOOL_CALL,
    takes_time=True,
    fields=(
        Field("tool_name", semconv.GEN_AI_TOOL_NAME, label),
        Field("parameters", semconv.CORTEX_TOOL_PARAMETERS, shape),
    ),
    feature=_words_of(semconv.MCP_TOOL_CALL),
)
BRANCH_CREATE: Final = EventType(
    name=semconv.MCP_BRANCH_CREATE,
    takes_time=True,
    fields=(
        Field("topic", semconv.CORTEX_BRANCH_TOPIC, text),
        Field("automatic", semconv.CORTEX_BRANCH_AUTOMATIC, boolean),
    ),
    feature=_branch_feature,
)
SEARCH_CONTEXT: Final = EventType(
    name=semconv.MCP_SEARCH_CONTEXT,
    takes_time=True,
    fields=(
        Field("query", semconv.CORTEX_SEARCH_QUERY, text),
        Field("top_k", semconv.CORTEX_SEARCH_TOP_K, _count),
        Field("results", semconv.CORTEX_SEARCH_RESULTS, _count),
        Field("recall", semconv.CORTEX_SEARCH_RECALL, _share),
    ),
)
UPDATE_MEMORY: Final = EventType(
    name=semconv.MCP_UPDATE_MEMORY,
    takes_time=True,
    fields=(
        Field("file_size_bytes", semconv.CORTEX_MEMORY_FILE_SIZE_BYTES, _count),
        Field("token_count", semconv.CORTEX_MEMORY_TOKEN_COUNT, _count),
    ),
)
COMPRESS_CONTEXT: Final = EventType(
    name=semconv.MCP_COMPRESS_CONTEXT,
    takes_time=True,
    fields=(
        Field("tokens_before", semconv.CORTEX_COMPRESS_TOKENS_BEFORE, _count),
        Field("tokens_after", semconv.CORTEX_COMPRESS_TOKENS_AFTER, _count),
    ),
    derive=_savings_rate,
)
REFERENCE_SUGGEST: Final = EventType(
    name=semconv.MCP_REFERENCE_SUGGEST,
    fields=(
        Field("suggested", semconv.CORTEX_REFERENCE_SUGGESTED, _count),
        Field("accepted", semconv.CORTEX_REFERENCE_ACCEPTED, _count),
    ),
)
ONTOLOGY_CLASSIFY: Final = EventType(
    name=semconv.MCP_ONTOLOGY_CLASSIFY,
    takes_time=True,
    fields=(
        Field("category", semconv.CORTEX_ONTOLOGY_CATEGORY, label),
        Field("confidence", semconv.CORTEX_ONTOLOGY_CONFIDENCE, _share),
    ),
    feature=_words_of(semconv.MCP_ONTOLOGY_CLASSIFY),
)
INSTALL: Final = EventType(
    name=semconv.EXT_INSTALL,
    service=_EXTENSION,
    fields=(
        Field("ide", semconv.CORTEX_IDE, label),
        Field("version", semconv.CORTEX_EXTENSION_VERSION, label),
    ),
    feature=_words_of(semconv.EXT_INSTALL),
)
ACTIVATE: Final = EventType(
    name=semconv.EXT_ACTIVATE,
    service=_EXTENSION,
    fields=(
        Field("ide", semconv.CORTEX_IDE, label),
        Field("project_path", semconv.CORTEX_PROJECT_PATH, text),
    ),
    feature=_words_of(semconv.EXT_ACTIVATE),
)
UI_INTERACTION: Final = EventType(
    name=semconv.EXT_UI_INTERACTION,
    service=_EXTENSION,
    fields=(
        Field("action", semconv.CORTEX_UI_ACTION, label),
        Field("element", semconv.CORTEX_UI_ELEMENT, label),
    ),
    feature=_words_of(semconv.EXT_UI_INTERACTION),
)
CODE_INSERT: Final = EventType(
    name=semconv.EXT_CODE_INSERT,
    service=_EXTENSION,
    fields=(
        Field("language", semconv.CORTEX_CODE_LANGUAGE, label),
        Field("lines_inserted", semconv.CORTEX_CODE_LINES_INSERTED, _count),
        Field("completion_accepted", semconv.CORTEX_CODE_COMPLETION_ACCEPTED, boolean),
    ),
    feature=_words_of(semconv.EXT_CODE_INSERT),
)
CONTEXT_SWITCH: Final = EventType(
    name=semconv.EXT_CONTEXT_SWITCH,
    service=_EXTENSION,
    fields=(
        Field("from_branch", semconv.CORTEX_BRANCH_FROM, text),
        Field("to_branch", semconv.CORTEX_BRANCH_TO, text),
        Field("file_path", semconv.CORTEX_FILE_PATH, text),
    ),
)
EXTENSION_ERROR: Final = EventType(
    name=semconv.EXT_ERROR,
    service=_EXTENSION,
    result="error",
    derive=_name_error_of_stack,
    fields=(
        Field("error_type", semconv.CORTEX_ERROR_TYPE, label, also=semconv.ERROR_TYPE),
        Field("message", semconv.CORTEX_ERROR_MESSAGE, text),
        Field("stack", semconv.CORTEX_ERROR_LOCATION, stack),
        Field("crash", semconv.CORTEX_ERROR_CRASH, boolean),
        Field("result", semconv.CORTEX_RESULT, choice("error", "timeout")),
    ),
)
FEATURE_FLAG: Final = EventType(
    name=semconv.FEATURE_FLAG_EVALUATION,
    fields=(
        Field("key", semconv.FEATURE_FLAG_KEY, label),
        Field("variant", semconv.FEATURE_FLAG_RESULT_VARIANT, label),
        Field("reason", semconv.FEATURE_FLAG_RESULT_REASON, label),
    ),
)

EVENTS: Final[Mapping[str, EventType]] = {
    event.name: event
    for event in (
        TOOL_CALL, BRANCH_CREATE, SEARCH_CONTEXT, UPDATE_MEMORY, COMPRESS_CONTEXT,
        REFERENCE_SUGGEST, ONTOLOGY_CLASSIFY, INSTALL, ACTIVATE, UI_INTERACTION, CODE_INSERT,
        CONTEXT_SWITCH, EXTENSION_ERROR, FEATURE_FLAG,
    )
}  # fmt: skip
