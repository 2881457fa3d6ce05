"""The methods of the MCP protocol, and the attributes of their targets."""

from __future__ import annotations

from typing import Final

from cortex_otel import semconv as sc

__all__ = ["CLIENT_METHODS", "METHODS", "OTHER", "SPAN_TARGETS", "TARGETS"]

# A client may send any method; only those of the specification become span names.
METHODS: Final = frozenset(
    {
        "initialize", "ping", "server/discover", "tools/list", "tools/call", "prompts/list",
        "prompts/get", "resources/list", "resources/templates/list", "resources/read",
        "resources/subscribe", "resources/unsubscribe", "completion/complete", "logging/setLevel",
        "subscriptions/listen", "tasks/get", "tasks/list", "tasks/result", "tasks/cancel",
        "tasks/update",
    }
)  # fmt: skip
#: Methods that only clients send.
CLIENT_METHODS: Final = METHODS - {"ping"}
#: Any other method, as the conventions name it.
OTHER: Final = "_OTHER"

#: The attribute for the target (tool, prompt or resource), by method.
TARGETS: Final = {
    sc.METHOD_TOOLS_CALL: sc.GEN_AI_TOOL_NAME,
    sc.METHOD_PROMPTS_GET: sc.GEN_AI_PROMPT_NAME,
    sc.METHOD_RESOURCES_READ: sc.MCP_RESOURCE_URI,
}
#: Methods whose target is part of the span's name; resources have too many.
SPAN_TARGETS: Final = frozenset({sc.METHOD_TOOLS_CALL, sc.METHOD_PROMPTS_GET})
