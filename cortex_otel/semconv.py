"""Every name that is recorded: attribute keys, event types, metrics, closed vocabularies.

Generated from telemetry/registry by ``make generate``: change it there.

The MCP and GenAI conventions moved to their own repository, and every ``mcp.*`` constant of
``opentelemetry-semantic-conventions`` 0.66b2 is deprecated as moved: hence constants of our own.

Sources:
    * MCP: https://github.com/open-telemetry/semantic-conventions-genai (``docs/mcp``)
    * GenAI: the same repository (``docs/gen-ai``)
    * General: https://opentelemetry.io/docs/specs/semconv/
"""

from __future__ import annotations

from typing import Final

# --- MCP and GenAI -------------------------------------------------------------------------------
MCP_METHOD_NAME: Final = "mcp.method.name"
MCP_PROTOCOL_VERSION: Final = "mcp.protocol.version"
MCP_SESSION_ID: Final = "mcp.session.id"
MCP_RESOURCE_URI: Final = "mcp.resource.uri"
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
GEN_AI_TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
GEN_AI_TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"

# --- General -------------------------------------------------------------------------------------
JSONRPC_REQUEST_ID: Final = "jsonrpc.request.id"
RPC_RESPONSE_STATUS_CODE: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
NETWORK_TRANSPORT: Final = "network.transport"
NETWORK_PROTOCOL_NAME: Final = "network.protocol.name"
NETWORK_PROTOCOL_VERSION: Final = "network.protocol.version"
SESSION_ID: Final = "session.id"
LOG_RECORD_UID: Final = "log.record.uid"
LOG_BODY_LENGTH: Final = "log.body.length"
LOG_BODY_HASH: Final = "log.body.hash"
USER_ID: Final = "user.id"
ENDUSER_ID: Final = "enduser.id"
USER_HASH: Final = "user.hash"
FEATURE_FLAG_KEY: Final = "feature_flag.key"
FEATURE_FLAG_RESULT_VARIANT: Final = "feature_flag.result.variant"
FEATURE_FLAG_RESULT_REASON: Final = "feature_flag.result.reason"
FEATURE_FLAG_PROVIDER_NAME: Final = "feature_flag.provider.name"
FEATURE_FLAG_SET_ID: Final = "feature_flag.set.id"
FEATURE_FLAG_VERSION: Final = "feature_flag.version"
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
HTTP_ROUTE: Final = "http.route"
URL_SCHEME: Final = "url.scheme"
CODE_FUNCTION_NAME: Final = "code.function.name"
CODE_LINE_NUMBER: Final = "code.line.number"
RPC_SYSTEM: Final = "rpc.system"
RPC_SERVICE: Final = "rpc.service"
RPC_METHOD: Final = "rpc.method"
DB_SYSTEM_NAME: Final = "db.system.name"
DB_OPERATION_NAME: Final = "db.operation.name"

# --- Resource attributes -------------------------------------------------------------------------
SERVICE_NAME: Final = "service.name"
SERVICE_NAMESPACE: Final = "service.namespace"
SERVICE_VERSION: Final = "service.version"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
DEPLOYMENT_ENVIRONMENT_NAME: Final = "deployment.environment.name"
TELEMETRY_SDK_NAME: Final = "telemetry.sdk.name"
TELEMETRY_SDK_LANGUAGE: Final = "telemetry.sdk.language"
TELEMETRY_SDK_VERSION: Final = "telemetry.sdk.version"
TELEMETRY_DISTRO_NAME: Final = "telemetry.distro.name"
TELEMETRY_DISTRO_VERSION: Final = "telemetry.distro.version"
OS_TYPE: Final = "os.type"
PROCESS_RUNTIME_NAME: Final = "process.runtime.name"
PROCESS_RUNTIME_VERSION: Final = "process.runtime.version"

# --- Cortex --------------------------------------------------------------------------------------
CORTEX_EVENT_TYPE: Final = "cortex.event.type"
"""Event type of a span; a log-based event has it as its ``event_name``."""
CORTEX_SERVICE: Final = "cortex.service"
"""Service that the record belongs to. A new one is a name: it needs no line here to be kept."""
CORTEX_USER_TIER: Final = "cortex.user.tier"
"""What the user has."""
CORTEX_PROJECT_ID: Final = "cortex.project.id"
"""The project; hashed if it looks like a path."""
CORTEX_BRANCH_ID: Final = "cortex.branch.id"
"""The branch; hashed if it looks like a path."""
CORTEX_RESULT: Final = "cortex.result"
"""How it ended."""
CORTEX_OUTCOME: Final = "cortex.outcome"
"""What became of an MCP request."""
CORTEX_SOFT_ERROR: Final = "cortex.soft_error"
"""True where the text of a result told an error that its ``isError`` did not."""
CORTEX_CLIENT_NAME: Final = "cortex.client.name"
"""Name of the MCP client, as it introduced itself; no convention has a key for it yet."""
CORTEX_CLIENT_VERSION: Final = "cortex.client.version"
"""Its version."""
CORTEX_ERROR_LOCATION: Final = "cortex.error.location"
"""Type, module, function and line of an exception; never its text."""
CORTEX_EXCEPTION_TYPE: Final = "cortex.exception.type"
"""The class the tool raised, where ``error.type`` has the convention's ``tool_error``."""
CORTEX_TOOL_PARAMETERS: Final = "cortex.tool.parameters"
"""Shape of a tool's parameters: ``name:type,…`` with names from its signature; no value."""
CORTEX_EVENT_DURATION_MS: Final = "cortex.event.duration_ms"
"""Duration of a log-based event that was timed by its caller; milliseconds."""
CORTEX_WEIGHT: Final = "cortex.weight"
"""How many records this one stands for, where it was sampled and is sent on to another exporter."""
CORTEX_FEATURE: Final = "cortex.feature"
"""What of the product was used; made of the words of other attributes."""
CORTEX_IDE: Final = "cortex.ide"
"""The editor."""
CORTEX_IDE_VERSION: Final = "cortex.ide.version"
"""Version of the editor."""
CORTEX_EXTENSION_VERSION: Final = "cortex.extension.version"
"""Version of the extension."""

# --- Fields of events ----------------------------------------------------------------------------
CORTEX_BRANCH_TOPIC: Final = "cortex.branch.topic"
"""What the branch is about."""
CORTEX_BRANCH_AUTOMATIC: Final = "cortex.branch.automatic"
"""Cortex made the branch by itself, rather than the user."""
CORTEX_SEARCH_QUERY: Final = "cortex.search.query"
"""What was searched for."""
CORTEX_SEARCH_TOP_K: Final = "cortex.search.top_k"
"""Number of results asked for."""
CORTEX_SEARCH_RESULTS: Final = "cortex.search.results"
"""Number of results found."""
CORTEX_SEARCH_RECALL: Final = "cortex.search.recall"
"""Share of the needles found, 0 to 1; only where a needle-in-a-haystack check ran."""
CORTEX_MEMORY_FILE_SIZE_BYTES: Final = "cortex.memory.file_size_bytes"
"""Size of a memory file after its update."""
CORTEX_MEMORY_TOKEN_COUNT: Final = "cortex.memory.token_count"
"""Its tokens after the update."""
CORTEX_COMPRESS_TOKENS_BEFORE: Final = "cortex.compress.tokens_before"
"""Tokens of the whole context."""
CORTEX_COMPRESS_TOKENS_AFTER: Final = "cortex.compress.tokens_after"
"""Tokens of what is left of it."""
CORTEX_COMPRESS_SAVINGS_RATE: Final = "cortex.compress.savings_rate"
"""``1 - after / before``; negative where the text grew, absent where ``before`` is 0."""
CORTEX_REFERENCE_SUGGESTED: Final = "cortex.reference.suggested"
"""Number of references suggested."""
CORTEX_REFERENCE_ACCEPTED: Final = "cortex.reference.accepted"
"""Number of suggested references accepted."""
CORTEX_ONTOLOGY_CATEGORY: Final = "cortex.ontology.category"
"""Name out of the ontology."""
CORTEX_ONTOLOGY_CONFIDENCE: Final = "cortex.ontology.confidence"
"""How sure the classification is, 0 to 1."""
CORTEX_PROJECT_PATH: Final = "cortex.project.path"
"""Folder of the project."""
CORTEX_UI_ACTION: Final = "cortex.ui.action"
"""What the user did: a name out of the code, never what a user typed."""
CORTEX_UI_ELEMENT: Final = "cortex.ui.element"
"""What it was done to: a name out of the code, never its content."""
CORTEX_CODE_LANGUAGE: Final = "cortex.code.language"
"""Language id of the editor."""
CORTEX_CODE_LINES_INSERTED: Final = "cortex.code.lines_inserted"
"""Number of lines inserted."""
CORTEX_CODE_COMPLETION_ACCEPTED: Final = "cortex.code.completion_accepted"
"""A completion was accepted; absent where none was offered."""
CORTEX_BRANCH_FROM: Final = "cortex.branch.from"
"""Branch that was left."""
CORTEX_BRANCH_TO: Final = "cortex.branch.to"
"""Branch that was gone to."""
CORTEX_FILE_PATH: Final = "cortex.file.path"
"""File that was opened."""
CORTEX_ERROR_TYPE: Final = "cortex.error.type"
"""Class of an error in the extension."""
CORTEX_ERROR_MESSAGE: Final = "cortex.error.message"
"""Text of a failure."""
CORTEX_ERROR_CRASH: Final = "cortex.error.crash"
"""The extension went down."""

# --- Values of these that code knows by name ------------------------------------------------------
METHOD_TOOLS_CALL: Final = "tools/call"
METHOD_PROMPTS_GET: Final = "prompts/get"
METHOD_RESOURCES_READ: Final = "resources/read"
OPERATION_EXECUTE_TOOL: Final = "execute_tool"
ERROR_TYPE_TOOL_ERROR: Final = "tool_error"
"""A call whose result says ``isError``."""
ERROR_TYPE_TIMEOUT: Final = "timeout"
"""A failure known only to be a time-out."""
ERROR_TYPE_OTHER: Final = "_OTHER"
"""A failure whose class isn't known."""

# --- Closed vocabularies, and what follows from their values --------------------------------------
SERVICES: Final = ("mcp", "extension", "web")
"""Services that are known from the start; any other name is one as well."""
TIERS: Final = ("free", "trial", "paid", "enterprise")
PAYING_TIERS: Final = frozenset({"paid", "enterprise"})
RESULTS: Final = ("success", "error", "timeout", "cancelled")
FAILED_RESULTS: Final = frozenset({"error", "timeout"})
"""Results that count as errors."""
LEVELS_BY_RESULT: Final = {
    "success": "INFO",
    "error": "ERROR",
    "timeout": "ERROR",
    "cancelled": "WARNING",
}
OUTCOMES: Final = (
    "ok",
    "tool_error",
    "validation",
    "unknown_tool",
    "crash",
    "rpc_error",
    "cancelled",
    "transport_closed",
    "timeout",
    "input_required",
)

# --- Metrics --------------------------------------------------------------------------------------
MCP_SERVER_OPERATION_DURATION: Final = "mcp.server.operation.duration"
MCP_SERVER_OPERATION_DURATION_DESCRIPTION: Final = (
    "The duration of the MCP request or notification as observed on the receiver"
)
MCP_SERVER_OPERATION_DURATION_UNIT: Final = "s"
MCP_SERVER_OPERATION_DURATION_BOUNDARIES: Final = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    30,
    60,
    120,
    300,
)
"""Explicit bucket boundaries, in the unit."""
MCP_SERVER_SESSION_DURATION: Final = "mcp.server.session.duration"
MCP_SERVER_SESSION_DURATION_DESCRIPTION: Final = (
    "The duration of the MCP session as observed on the MCP server"
)
MCP_SERVER_SESSION_DURATION_UNIT: Final = "s"
MCP_SERVER_SESSION_DURATION_BOUNDARIES: Final = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    30,
    60,
    120,
    300,
)
"""Explicit bucket boundaries, in the unit."""
TARGETS: Final = {
    "token_savings_rate": 0.7,
    "reference_accuracy": 0.8,
}
"""By named metric of the product, what it is to reach."""

# --- Events ---------------------------------------------------------------------------------------
EXCEPTION_EVENT: Final = "exception"
MCP_TOOL_CALL: Final = "mcp.tool_call"
MCP_BRANCH_CREATE: Final = "mcp.branch_create"
MCP_SEARCH_CONTEXT: Final = "mcp.search_context"
MCP_UPDATE_MEMORY: Final = "mcp.update_memory"
MCP_COMPRESS_CONTEXT: Final = "mcp.compress_context"
MCP_REFERENCE_SUGGEST: Final = "mcp.reference_suggest"
MCP_ONTOLOGY_CLASSIFY: Final = "mcp.ontology_classify"
EXT_INSTALL: Final = "ext.install"
EXT_ACTIVATE: Final = "ext.activate"
EXT_UI_INTERACTION: Final = "ext.ui_interaction"
EXT_CODE_INSERT: Final = "ext.code_insert"
EXT_CONTEXT_SWITCH: Final = "ext.context_switch"
EXT_ERROR: Final = "ext.error"
FEATURE_FLAG_EVALUATION: Final = "feature_flag.evaluation"

EVENT_TYPES: Final = frozenset(
    {
        MCP_TOOL_CALL,
        MCP_BRANCH_CREATE,
        MCP_SEARCH_CONTEXT,
        MCP_UPDATE_MEMORY,
        MCP_COMPRESS_CONTEXT,
        MCP_REFERENCE_SUGGEST,
        MCP_ONTOLOGY_CLASSIFY,
        EXT_INSTALL,
        EXT_ACTIVATE,
        EXT_UI_INTERACTION,
        EXT_CODE_INSERT,
        EXT_CONTEXT_SWITCH,
        EXT_ERROR,
        FEATURE_FLAG_EVALUATION,
    }
)
ACTIVE_EVENT_TYPES: Final = frozenset(
    {
        MCP_TOOL_CALL,
        MCP_BRANCH_CREATE,
        MCP_SEARCH_CONTEXT,
        MCP_UPDATE_MEMORY,
        MCP_COMPRESS_CONTEXT,
        MCP_REFERENCE_SUGGEST,
        MCP_ONTOLOGY_CLASSIFY,
        EXT_ACTIVATE,
        EXT_UI_INTERACTION,
        EXT_CODE_INSERT,
        EXT_CONTEXT_SWITCH,
    }
)
"""Events that make their user an active one."""
ERROR_RATE_EVENT_TYPES: Final = frozenset(
    {
        MCP_TOOL_CALL,
        MCP_BRANCH_CREATE,
        MCP_SEARCH_CONTEXT,
        MCP_UPDATE_MEMORY,
        MCP_COMPRESS_CONTEXT,
        MCP_REFERENCE_SUGGEST,
        MCP_ONTOLOGY_CLASSIFY,
        EXT_ACTIVATE,
        EXT_UI_INTERACTION,
        EXT_CODE_INSERT,
        EXT_CONTEXT_SWITCH,
        EXT_ERROR,
    }
)
"""Events that count in error rates, those that succeeded too."""
UNSAMPLED_EVENT_TYPES: Final = frozenset({EXT_INSTALL, EXT_ERROR, FEATURE_FLAG_EVALUATION})
"""Events that sampling may not thin."""

FEATURE_SOURCES: Final = {
    MCP_TOOL_CALL: (GEN_AI_TOOL_NAME,),
    MCP_ONTOLOGY_CLASSIFY: (CORTEX_ONTOLOGY_CATEGORY,),
    EXT_INSTALL: (CORTEX_IDE,),
    EXT_ACTIVATE: (CORTEX_IDE,),
    EXT_UI_INTERACTION: (CORTEX_UI_ACTION, CORTEX_UI_ELEMENT),
    EXT_CODE_INSERT: (CORTEX_CODE_LANGUAGE,),
}
"""By event type, the attributes whose words are ``cortex.feature``."""
FEATURE_WORDS: Final = {
    MCP_BRANCH_CREATE: (CORTEX_BRANCH_AUTOMATIC, {True: "automatic", False: "manual"}),
}
"""By event type, the attribute that decides ``cortex.feature``, and the word by its value."""
FEATURE_BUDGETS: Final = {
    MCP_ONTOLOGY_CLASSIFY: "category",
    EXT_UI_INTERACTION: "element",
    EXT_CODE_INSERT: "language",
}
"""By event type, the budget of names that its features have to themselves."""

TEXT_LENGTH_SUFFIX: Final = ".length"
"""Added to a key of :data:`FREE_TEXT`: number of characters."""
TEXT_HASH_SUFFIX: Final = ".hash"
"""Added to a key of :data:`FREE_TEXT`: 16 hex digits, keyed by the installation."""
FREE_TEXT: Final = frozenset(
    {
        CORTEX_BRANCH_TOPIC,
        CORTEX_SEARCH_QUERY,
        CORTEX_PROJECT_PATH,
        CORTEX_BRANCH_FROM,
        CORTEX_BRANCH_TO,
        CORTEX_FILE_PATH,
        CORTEX_ERROR_MESSAGE,
    }
)
"""Keys never recorded as they are: typed events carry ``<key>.length`` and ``<key>.hash``."""

MEASURES: Final = {
    CORTEX_SEARCH_RESULTS: "results",
    CORTEX_SEARCH_RECALL: "recall",
    CORTEX_MEMORY_FILE_SIZE_BYTES: "memory_bytes",
    CORTEX_MEMORY_TOKEN_COUNT: "memory_tokens",
    CORTEX_COMPRESS_TOKENS_BEFORE: "tokens_before",
    CORTEX_COMPRESS_TOKENS_AFTER: "tokens_after",
    CORTEX_REFERENCE_SUGGESTED: "suggested",
    CORTEX_REFERENCE_ACCEPTED: "accepted",
    CORTEX_CODE_LINES_INSERTED: "lines_inserted",
    CORTEX_CODE_COMPLETION_ACCEPTED: "completions_accepted",
}
"""What roll-ups sum, by measure name; a boolean counts as 0 or 1."""
PAIRED_MEASURES: Final = {
    "tokens_before": "tokens_after",
    "tokens_after": "tokens_before",
    "suggested": "accepted",
    "accepted": "suggested",
}
"""Measures that say something only beside another of the same event: one alone is not summed."""
