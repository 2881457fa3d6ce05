"""The methods of the protocol, and what each of them asks for."""

from __future__ import annotations

from typing import Final

from cortex_otel import semconv as sc

__all__ = ["ASKED_OF_SERVERS", "METHODS", "OTHER", "SPAN_TARGETS", "TARGETS"]

# A client may send any method; those of the specification become span names.
METHODS: Final = frozenset(
    {
        "initialize", "ping", "server/discover", "tools/list", "tools/call", "prompts/list",
        "prompts/get", "resources/list", "resources/templates/list", "resources/read",
        "resources/subscribe", "resources/unsubscribe", "completion/complete", "logging/setLevel",
        "subscriptions/listen", "tasks/get", "tasks/list", "tasks/result", "tasks/cancel",
        "tasks/update",
    }
)  # fmt: skip
#: What clients ask of servers, and no server of a client.
ASKED_OF_SERVERS: Final = METHODS - {"ping"}
#: Any other, as the conventions say.
OTHER: Final = "_OTHER"

#: Where the name of what is asked for goes, by method.
TARGETS: Final = {
    sc.METHOD_TOOLS_CALL: sc.GEN_AI_TOOL_NAME,
    sc.METHOD_PROMPTS_GET: sc.GEN_AI_PROMPT_NAME,
    sc.METHOD_RESOURCES_READ: sc.MCP_RESOURCE_URI,
}
#: Of these, the ones whose names go into the span's name: resources have too many.
SPAN_TARGETS: Final = frozenset({sc.METHOD_TOOLS_CALL, sc.METHOD_PROMPTS_GET})
