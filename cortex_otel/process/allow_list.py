"""Which attribute keys may be kept, and how: data alone, which the redactor goes by.

Generated from telemetry/registry by ``make generate``: change it there.

A key that isn't here is removed with its value. A kind says what a value has to look like and what
becomes of one that doesn't; the reference is ``docs/reference/redaction.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ALLOWED", "ERROR_WORDS", "EVENT_FIELDS", "RESOURCE_ALLOWED", "Kind"]

Kind = Literal[
    "token", "id", "name", "label", "feature", "error_type", "location", "shape",
    "number", "flag", "digest", "text", "user", "content",
]  # fmt: skip

EVENT_FIELDS: Final[Mapping[str, Kind]] = {
    sc.CORTEX_BRANCH_TOPIC: "text",
    sc.CORTEX_BRANCH_AUTOMATIC: "flag",
    sc.CORTEX_SEARCH_QUERY: "text",
    sc.CORTEX_SEARCH_TOP_K: "number",
    sc.CORTEX_SEARCH_RESULTS: "number",
    sc.CORTEX_SEARCH_RECALL: "number",
    sc.CORTEX_MEMORY_FILE_SIZE_BYTES: "number",
    sc.CORTEX_MEMORY_TOKEN_COUNT: "number",
    sc.CORTEX_COMPRESS_TOKENS_BEFORE: "number",
    sc.CORTEX_COMPRESS_TOKENS_AFTER: "number",
    sc.CORTEX_COMPRESS_SAVINGS_RATE: "number",
    sc.CORTEX_REFERENCE_SUGGESTED: "number",
    sc.CORTEX_REFERENCE_ACCEPTED: "number",
    sc.CORTEX_ONTOLOGY_CATEGORY: "token",
    sc.CORTEX_ONTOLOGY_CONFIDENCE: "number",
    sc.CORTEX_PROJECT_PATH: "text",
    sc.CORTEX_UI_ACTION: "token",
    sc.CORTEX_UI_ELEMENT: "token",
    sc.CORTEX_CODE_LANGUAGE: "token",
    sc.CORTEX_CODE_LINES_INSERTED: "number",
    sc.CORTEX_CODE_COMPLETION_ACCEPTED: "flag",
    sc.CORTEX_BRANCH_FROM: "text",
    sc.CORTEX_BRANCH_TO: "text",
    sc.CORTEX_FILE_PATH: "text",
    sc.CORTEX_ERROR_TYPE: "error_type",
    sc.CORTEX_ERROR_MESSAGE: "text",
    sc.CORTEX_ERROR_CRASH: "flag",
}
"""Fields of the typed events."""

ALLOWED: Final[Mapping[str, Kind]] = {
    sc.MCP_METHOD_NAME: "token",
    sc.MCP_PROTOCOL_VERSION: "token",
    sc.MCP_SESSION_ID: "id",
    sc.MCP_RESOURCE_URI: "text",
    sc.GEN_AI_OPERATION_NAME: "token",
    sc.GEN_AI_TOOL_NAME: "name",
    sc.GEN_AI_PROMPT_NAME: "label",
    sc.GEN_AI_TOOL_CALL_ARGUMENTS: "content",
    sc.GEN_AI_TOOL_CALL_RESULT: "content",
    sc.JSONRPC_REQUEST_ID: "id",
    sc.RPC_RESPONSE_STATUS_CODE: "token",
    sc.ERROR_TYPE: "error_type",
    sc.EXCEPTION_MESSAGE: "content",
    sc.NETWORK_TRANSPORT: "token",
    sc.NETWORK_PROTOCOL_NAME: "token",
    sc.NETWORK_PROTOCOL_VERSION: "token",
    sc.SESSION_ID: "id",
    sc.LOG_RECORD_UID: "id",
    sc.USER_ID: "user",
    sc.ENDUSER_ID: "user",
    sc.USER_HASH: "digest",
    sc.FEATURE_FLAG_KEY: "token",
    sc.FEATURE_FLAG_RESULT_VARIANT: "token",
    sc.FEATURE_FLAG_RESULT_REASON: "token",
    sc.FEATURE_FLAG_PROVIDER_NAME: "token",
    sc.FEATURE_FLAG_SET_ID: "token",
    sc.FEATURE_FLAG_VERSION: "token",
    sc.HTTP_REQUEST_METHOD: "token",
    sc.HTTP_RESPONSE_STATUS_CODE: "number",
    sc.HTTP_ROUTE: "label",
    sc.URL_SCHEME: "token",
    sc.CODE_FUNCTION_NAME: "label",
    sc.CODE_LINE_NUMBER: "number",
    sc.RPC_SYSTEM: "token",
    sc.RPC_SERVICE: "token",
    sc.RPC_METHOD: "token",
    sc.DB_SYSTEM_NAME: "token",
    sc.DB_OPERATION_NAME: "token",
    sc.CORTEX_EVENT_TYPE: "token",
    sc.CORTEX_SERVICE: "token",
    sc.CORTEX_USER_TIER: "token",
    sc.CORTEX_PROJECT_ID: "id",
    sc.CORTEX_BRANCH_ID: "id",
    sc.CORTEX_RESULT: "token",
    sc.CORTEX_OUTCOME: "token",
    sc.CORTEX_SOFT_ERROR: "flag",
    sc.CORTEX_CLIENT_NAME: "label",
    sc.CORTEX_CLIENT_VERSION: "token",
    sc.CORTEX_ERROR_LOCATION: "location",
    sc.CORTEX_EXCEPTION_TYPE: "error_type",
    sc.CORTEX_TOOL_PARAMETERS: "shape",
    sc.CORTEX_EVENT_DURATION_MS: "number",
    sc.CORTEX_FEATURE: "feature",
    sc.CORTEX_IDE: "label",
    sc.CORTEX_IDE_VERSION: "token",
    sc.CORTEX_EXTENSION_VERSION: "token",
    **EVENT_FIELDS,
}
"""Every attribute key that may be kept without the operator's asking, and how."""

RESOURCE_ALLOWED: Final[Mapping[str, Kind]] = {
    sc.SERVICE_NAME: "name",
    sc.SERVICE_NAMESPACE: "name",
    sc.SERVICE_VERSION: "token",
    sc.DEPLOYMENT_ENVIRONMENT_NAME: "name",
    sc.TELEMETRY_SDK_NAME: "token",
    sc.TELEMETRY_SDK_LANGUAGE: "token",
    sc.TELEMETRY_SDK_VERSION: "token",
    sc.TELEMETRY_DISTRO_NAME: "token",
    sc.TELEMETRY_DISTRO_VERSION: "token",
    sc.OS_TYPE: "token",
    sc.PROCESS_RUNTIME_NAME: "token",
    sc.PROCESS_RUNTIME_VERSION: "token",
}
"""Every resource attribute that may be kept. Whatever names a host, a process or an owner isn't."""

#: The lower-case values of `error.type` that conventions and standard libraries use; any other
#: lower-case word could be a word of the message.
ERROR_WORDS: Final = frozenset(
    {
        "tool_error",
        "timeout",
        "cancelled",
        "canceled",
        "error",
        "gaierror",
        "herror",
        "name_resolution_error",
        "server_certificate_invalid",
        "connection_error",
        "connection_refused",
        "connection_reset",
        "rate_limited",
        "unauthorized",
        "forbidden",
        "not_found",
        "invalid_params",
        "invalid_request",
        "parse_error",
        "internal_error",
        "method_not_found",
        "not_run",
        "_OTHER",
    }
)
