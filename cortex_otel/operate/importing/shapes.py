"""The table of what Cortex wrote before: shapes of lines, names of fields, names of events.

To take a further shape, add a row. Case and separators of names don't matter: ``tool_name`` also
stands for ``toolName`` and ``Tool-Name``. What has no row is not taken: a line of no shape or with
an unknown event is refused, a field that isn't here is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel import semconv as sc
from cortex_otel.operate.importing.values import plain_key

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ARGUMENT_CONTAINERS", "CONTAINERS", "EVENT_FIELDS", "EVENT_TYPES", "FIELDS", "FIELD_OF",
    "SERVICES", "SHAPES", "Shape",
]  # fmt: skip


class Shape(NamedTuple):
    """One kind of line."""

    name: str
    needs: frozenset[str]
    """Fields of :data:`FIELDS` that each line of it has; the first shape whose are there is it."""
    event: tuple[str, ...]
    """Fields whose values, joined by a dot, are looked up in :data:`EVENT_NAMES`."""
    time_is: str
    """``start`` or ``end`` of what took time: a logger writes its line when all is over."""
    is_own: bool = False
    """Written by cortex-otel: it may tell of what this very store has recorded."""


SHAPES: Final = (
    Shape(
        "log",
        frozenset({"time", "service", "event", "tier", "metadata"}),
        ("event",),
        "start",
        is_own=True,
    ),
    Shape("alpha", frozenset({"time", "module", "action"}), ("module", "action"), "end"),
    Shape("alpha_event", frozenset({"time", "module", "event"}), ("module", "event"), "end"),
    Shape("telemetry", frozenset({"time", "event"}), ("event",), "end"),
)

#: What a field is called, by what it means; of several that a line has, the first counts.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("timestamp", "time", "ts", "datetime", "created_at", "logged_at"),
    "event": ("event_type", "event_name", "event", "type"),
    "module": ("module", "log_module"),
    "action": ("action", "operation", "function", "func"),
    "metadata": ("metadata",),
    "service": ("service", "service_name", "source"),
    "tier": ("user_tier", "tier", "license_tier", "licence_tier", "plan"),
    "user_hash": ("user_id_hash", "user_hash", "hashed_user_id"),
    "user_id": ("user_id", "user", "uid"),
    "session_id": ("session_id", "session", "sid"),
    "tool_name": ("tool_name", "tool", "mcp_tool"),
    "result": ("result", "status", "outcome"),
    "success": ("success", "succeeded", "ok", "is_success"),
    "failed": ("failed", "is_error", "has_error"),
    "duration_ms": ("duration_ms", "latency_ms", "elapsed_ms", "response_time_ms",
                    "execution_time_ms", "processing_time_ms", "took_ms", "duration_millis"),
    "duration_s": ("duration_s", "duration_sec", "duration_seconds", "latency_s",
                   "latency_seconds", "elapsed_s", "elapsed_seconds", "execution_time_s"),
    # In a unit that nobody tells: counted, and left out.
    "duration": ("duration", "latency", "elapsed", "response_time", "execution_time"),
    "error": ("error", "exception", "err", "error_message", "error_msg"),
    "error_type": ("error_type", "exception_type", "error_class", "exc_type", "error_name"),
    "stack": ("stack", "stack_trace", "traceback", "exc_info"),
    "level": ("level", "severity", "levelname", "log_level"),
    "project_id": ("project_id", "project"),
    "branch_id": ("branch_id", "branch"),
    "parameters": ("parameters", "params", "arguments", "args", "input"),
    "ide": ("ide", "ide_name", "editor"),
    "extension_version": ("extension_version", "ext_version"),
    "os": ("os", "os_type", "platform"),
    "trace_id": ("trace_id",),
    "span_id": ("span_id",),
    "error_location": ("error_location",),
    "feature": ("feature",),
}  # fmt: skip

#: Objects whose fields are as good as the line's own.
CONTAINERS: Final = frozenset(
    map(
        plain_key,
        ("data", "payload", "properties", "attributes", "event_data", "metadata", "meta",
         "context", "details", "extra", "fields"),
    )
)  # fmt: skip
#: Objects that say what an event was about, but not whose it was: a tool's own arguments.
ARGUMENT_CONTAINERS: Final = frozenset(
    map(
        plain_key,
        ("parameters", "params", "arguments", "args", "input", "output", "result", "response"),
    )
)

#: What an event was called, by what it is now.
EVENT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    sc.MCP_TOOL_CALL: (
        "tool_call", "tool_called", "call_tool", "tools/call", "tool_invoked", "tool_invocation",
        "tool_executed", "tool_execution", "tool_use", "mcp.tool", "mcp_server.tool_call",
        "general.tool_call", "server.tool_call",
    ),
    sc.MCP_BRANCH_CREATE: (
        "branch_create", "branch_created", "create_branch",
        "branch_manager.create", "branch_manager.create_branch", "branch_decision.create",
        "branch_decision.branch_created", "memory_manager.create_branch",
    ),
    sc.MCP_SEARCH_CONTEXT: (
        "search_context", "context_search", "context_searched", "rag_search",
        "rag_engine.search", "rag_engine.search_context", "rag_search.search",
        "rag_search.search_context",
    ),
    sc.MCP_UPDATE_MEMORY: (
        "update_memory", "memory_update", "memory_updated",
        "memory_manager.update", "memory_manager.update_memory", "memory.update_memory",
    ),
    sc.MCP_COMPRESS_CONTEXT: (
        "compress_context", "context_compress", "context_compressed", "context_compression",
        "smart_context.compress", "smart_context.compress_context", "smart_context.compressed",
        "context_manager.compress",
    ),
    sc.MCP_REFERENCE_SUGGEST: (
        "reference_suggest", "reference_suggested", "suggest_references", "suggest_reference",
        "reference_history.suggest", "reference_history.suggest_references",
        "reference_history.suggested",
    ),
    sc.MCP_ONTOLOGY_CLASSIFY: (
        "ontology_classify", "ontology_classified", "classify", "classify_ontology",
        "ontology_engine.classify",
    ),
    sc.EXT_INSTALL: ("install", "extension_install", "extension_installed"),
    sc.EXT_ACTIVATE: (
        "activate", "extension_activate", "extension_activated",
    ),
    sc.EXT_UI_INTERACTION: ("ui_interaction", "extension.ui_interaction"),
    sc.EXT_CODE_INSERT: (
        "code_insert", "code_inserted", "insert_code", "extension.code_insert",
    ),
    sc.EXT_CONTEXT_SWITCH: (
        "context_switch", "context_switched", "switch_context", "extension.context_switch",
    ),
    sc.EXT_ERROR: ("extension_error", "ext_error"),
}  # fmt: skip

#: Further names of the fields of typed events (their own are those of ``instrument.events``).
EVENT_FIELD_NAMES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    sc.MCP_BRANCH_CREATE: {
        "topic": ("branch_topic",),
        "automatic": ("auto", "is_auto", "is_automatic", "auto_created"),
    },
    sc.MCP_SEARCH_CONTEXT: {
        "query": ("search_query",),
        "top_k": ("k",),
        "results": ("num_results", "result_count", "results_count", "results_found", "hits"),
    },
    sc.MCP_UPDATE_MEMORY: {
        "file_size_bytes": ("file_size", "size_bytes"),
        "token_count": ("tokens", "num_tokens"),
    },
    sc.MCP_COMPRESS_CONTEXT: {
        "tokens_before": ("before_tokens", "original_tokens", "token_count_before"),
        "tokens_after": ("after_tokens", "compressed_tokens", "token_count_after"),
    },
    sc.MCP_REFERENCE_SUGGEST: {
        "suggested": ("suggestions", "suggestion_count", "num_suggestions", "suggested_count"),
        "accepted": ("accepted_count", "num_accepted"),
    },
    sc.EXT_INSTALL: {"version": ("extension_version",)},
    sc.EXT_UI_INTERACTION: {"element": ("element_id", "target"), "action": ("ui_action",)},
    sc.EXT_CODE_INSERT: {
        "language": ("lang", "language_id"),
        "lines_inserted": ("lines", "line_count", "num_lines"),
        "completion_accepted": ("accepted",),
    },
    sc.EXT_CONTEXT_SWITCH: {"from_branch": ("from",), "to_branch": ("to",), "file_path": ("file",)},
    sc.EXT_ERROR: {"message": ("error", "error_message")},
}

#: What a service was called.
SERVICE_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "mcp": ("mcp", "mcp_server", "cortex_mcp", "cortex_mcp_server", "server"),
    "extension": ("extension", "ext", "vscode_extension", "cortex_extension", "vscode"),
    "web": ("web",),
}


def _by_name(table: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {plain_key(name): meaning for meaning, names in table.items() for name in names}


#: By a key as :func:`plain_key` has it: which field it is, and how early in its row.
FIELD_OF: Final[Mapping[str, tuple[str, int]]] = {
    plain_key(name): (field, place)
    for field, names in FIELDS.items()
    for place, name in enumerate(names)
}
#: By an event's name as :func:`plain_key` has it.
EVENT_TYPES: Final[Mapping[str, str]] = {
    **_by_name(EVENT_NAMES),
    **{plain_key(name): name for name in sc.EVENT_TYPES},
}
SERVICES: Final[Mapping[str, str]] = _by_name(SERVICE_NAMES)
#: By event type and key, the argument of the typed event.
EVENT_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    event: _by_name(names) for event, names in EVENT_FIELD_NAMES.items()
}
