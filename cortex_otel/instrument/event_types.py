"""The typed events of Cortex, each as one declaration.

Generated from telemetry/registry by ``make generate``: change it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cortex_otel import semconv as sc
from cortex_otel.instrument.event_type import (
    EventType,
    Field,
    name_error_of_stack,
    savings_rate,
    word_for,
    words_of,
)
from cortex_otel.instrument.validate import boolean, choice, label, real, shape, stack, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EVENTS"]

_count: Final = whole()

TOOL_CALL: Final = EventType(
    name=sc.MCP_TOOL_CALL,
    takes_time=True,
    fields=(
        Field("tool_name", sc.GEN_AI_TOOL_NAME, label, required=True),
        Field("parameters", sc.CORTEX_TOOL_PARAMETERS, shape),
    ),
    feature=words_of(sc.FEATURE_SOURCES[sc.MCP_TOOL_CALL]),
)

BRANCH_CREATE: Final = EventType(
    name=sc.MCP_BRANCH_CREATE,
    takes_time=True,
    fields=(
        Field("topic", sc.CORTEX_BRANCH_TOPIC, text, required=True),
        Field("automatic", sc.CORTEX_BRANCH_AUTOMATIC, boolean, default=False),
    ),
    feature=word_for(sc.FEATURE_WORDS[sc.MCP_BRANCH_CREATE]),
)

SEARCH_CONTEXT: Final = EventType(
    name=sc.MCP_SEARCH_CONTEXT,
    takes_time=True,
    fields=(
        Field("query", sc.CORTEX_SEARCH_QUERY, text, required=True),
        Field("top_k", sc.CORTEX_SEARCH_TOP_K, _count),
        Field("results", sc.CORTEX_SEARCH_RESULTS, _count),
        Field("recall", sc.CORTEX_SEARCH_RECALL, real(0, 1)),
    ),
)

UPDATE_MEMORY: Final = EventType(
    name=sc.MCP_UPDATE_MEMORY,
    takes_time=True,
    fields=(
        Field("file_size_bytes", sc.CORTEX_MEMORY_FILE_SIZE_BYTES, _count),
        Field("token_count", sc.CORTEX_MEMORY_TOKEN_COUNT, _count),
    ),
)

COMPRESS_CONTEXT: Final = EventType(
    name=sc.MCP_COMPRESS_CONTEXT,
    takes_time=True,
    fields=(
        Field("tokens_before", sc.CORTEX_COMPRESS_TOKENS_BEFORE, _count, required=True),
        Field("tokens_after", sc.CORTEX_COMPRESS_TOKENS_AFTER, _count),
    ),
    derive=savings_rate,
)

REFERENCE_SUGGEST: Final = EventType(
    name=sc.MCP_REFERENCE_SUGGEST,
    fields=(
        Field("suggested", sc.CORTEX_REFERENCE_SUGGESTED, _count, required=True),
        Field("accepted", sc.CORTEX_REFERENCE_ACCEPTED, _count, default=0),
    ),
)

ONTOLOGY_CLASSIFY: Final = EventType(
    name=sc.MCP_ONTOLOGY_CLASSIFY,
    takes_time=True,
    fields=(
        Field("category", sc.CORTEX_ONTOLOGY_CATEGORY, label),
        Field("confidence", sc.CORTEX_ONTOLOGY_CONFIDENCE, real(0, 1)),
    ),
    feature=words_of(sc.FEATURE_SOURCES[sc.MCP_ONTOLOGY_CLASSIFY]),
)

INSTALL: Final = EventType(
    name=sc.EXT_INSTALL,
    service="extension",
    fields=(
        Field("ide", sc.CORTEX_IDE, label, required=True),
        Field("version", sc.CORTEX_EXTENSION_VERSION, label),
        Field("ide_version", sc.CORTEX_IDE_VERSION, label),
    ),
    feature=words_of(sc.FEATURE_SOURCES[sc.EXT_INSTALL]),
)

ACTIVATE: Final = EventType(
    name=sc.EXT_ACTIVATE,
    service="extension",
    fields=(
        Field("ide", sc.CORTEX_IDE, label, required=True),
        Field("project_path", sc.CORTEX_PROJECT_PATH, text),
        Field("ide_version", sc.CORTEX_IDE_VERSION, label),
    ),
    feature=words_of(sc.FEATURE_SOURCES[sc.EXT_ACTIVATE]),
)

UI_INTERACTION: Final = EventType(
    name=sc.EXT_UI_INTERACTION,
    service="extension",
    fields=(
        Field("action", sc.CORTEX_UI_ACTION, label, required=True),
        Field("element", sc.CORTEX_UI_ELEMENT, label),
    ),
    feature=words_of(sc.FEATURE_SOURCES[sc.EXT_UI_INTERACTION]),
)

CODE_INSERT: Final = EventType(
    name=sc.EXT_CODE_INSERT,
    service="extension",
    fields=(
        Field("language", sc.CORTEX_CODE_LANGUAGE, label, required=True),
        Field("lines_inserted", sc.CORTEX_CODE_LINES_INSERTED, _count),
        Field("completion_accepted", sc.CORTEX_CODE_COMPLETION_ACCEPTED, boolean),
    ),
    feature=words_of(sc.FEATURE_SOURCES[sc.EXT_CODE_INSERT]),
)

CONTEXT_SWITCH: Final = EventType(
    name=sc.EXT_CONTEXT_SWITCH,
    service="extension",
    fields=(
        Field("from_branch", sc.CORTEX_BRANCH_FROM, text),
        Field("to_branch", sc.CORTEX_BRANCH_TO, text),
        Field("file_path", sc.CORTEX_FILE_PATH, text),
    ),
)

EXTENSION_ERROR: Final = EventType(
    name=sc.EXT_ERROR,
    service="extension",
    result="error",
    fields=(
        Field("error_type", sc.CORTEX_ERROR_TYPE, label, required=True, also=sc.ERROR_TYPE),
        Field("message", sc.CORTEX_ERROR_MESSAGE, text),
        Field("stack", sc.CORTEX_ERROR_LOCATION, stack),
        Field("crash", sc.CORTEX_ERROR_CRASH, boolean, default=False),
        Field("result", sc.CORTEX_RESULT, choice("error", "timeout")),
    ),
    derive=name_error_of_stack,
)

FEATURE_FLAG: Final = EventType(
    name=sc.FEATURE_FLAG_EVALUATION,
    fields=(
        Field("key", sc.FEATURE_FLAG_KEY, label, required=True),
        Field("variant", sc.FEATURE_FLAG_RESULT_VARIANT, label, required=True),
        Field("reason", sc.FEATURE_FLAG_RESULT_REASON, label),
    ),
)

EVENTS: Final[Mapping[str, EventType]] = {
    event.name: event
    for event in (
        TOOL_CALL,
        BRANCH_CREATE,
        SEARCH_CONTEXT,
        UPDATE_MEMORY,
        COMPRESS_CONTEXT,
        REFERENCE_SUGGEST,
        ONTOLOGY_CLASSIFY,
        INSTALL,
        ACTIVATE,
        UI_INTERACTION,
        CODE_INSERT,
        CONTEXT_SWITCH,
        EXTENSION_ERROR,
        FEATURE_FLAG,
    )
}
