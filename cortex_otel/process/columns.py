"""Where an attribute of a record is kept: data alone, for :mod:`.convert`.

Generated from telemetry/registry by ``make generate``: change it there.

What isn't here goes into ``event_data``, with its event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMN", "CONTEXT", "ID", "ID_KEYS", "PLACES", "SESSION_KEYS"]

COLUMN: Final = 1
CONTEXT: Final = 2
ID: Final = 3
SESSION_KEYS: Final = frozenset({sc.MCP_SESSION_ID, sc.SESSION_ID})
#: Ids that were no identifiers come hashed, under a key of their own, for the same column.
ID_KEYS: Final[Mapping[str, str]] = {
    key + suffix: key
    for key in (sc.CORTEX_PROJECT_ID, sc.CORTEX_BRANCH_ID, *SESSION_KEYS)
    for suffix in ("", sc.TEXT_HASH_SUFFIX)
}
_COLUMNS: Final = (
    sc.GEN_AI_TOOL_NAME,
    sc.ERROR_TYPE,
    sc.USER_HASH,
    sc.CORTEX_EVENT_TYPE,
    sc.CORTEX_SERVICE,
    sc.CORTEX_USER_TIER,
    sc.CORTEX_RESULT,
    sc.CORTEX_ERROR_LOCATION,
    sc.CORTEX_EXCEPTION_TYPE,
    sc.CORTEX_EVENT_DURATION_MS,
    sc.CORTEX_FEATURE,
)
#: Few distinct values: kept once a combination, not once an event.
_CONTEXTS: Final = (
    sc.MCP_METHOD_NAME,
    sc.MCP_PROTOCOL_VERSION,
    sc.GEN_AI_OPERATION_NAME,
    sc.NETWORK_TRANSPORT,
    sc.NETWORK_PROTOCOL_NAME,
    sc.NETWORK_PROTOCOL_VERSION,
    sc.HTTP_REQUEST_METHOD,
    sc.HTTP_RESPONSE_STATUS_CODE,
    sc.HTTP_ROUTE,
    sc.URL_SCHEME,
    sc.CODE_FUNCTION_NAME,
    sc.CODE_LINE_NUMBER,
    sc.RPC_SYSTEM,
    sc.RPC_SERVICE,
    sc.RPC_METHOD,
    sc.DB_SYSTEM_NAME,
    sc.CORTEX_OUTCOME,
    sc.CORTEX_CLIENT_NAME,
    sc.CORTEX_CLIENT_VERSION,
    sc.CORTEX_TOOL_PARAMETERS,
    sc.CORTEX_IDE,
    sc.CORTEX_IDE_VERSION,
    sc.CORTEX_EXTENSION_VERSION,
)
PLACES: Final[Mapping[str, int]] = {
    **dict.fromkeys(_COLUMNS, COLUMN),
    **dict.fromkeys(ID_KEYS, ID),
    **dict.fromkeys(_CONTEXTS, CONTEXT),
}
