"""mcp 2.x, and fastmcp 4, which stands on it.

Every request goes through ``ServerRunner._on_request``. ``MCPServer.call_tool`` is the last to see
the exception of a tool as it is, and knows the tools. What the SDK's own OpenTelemetry middleware
tells of a request stands on our span of it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from cortex_otel import guard
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.native import server_span
from cortex_otel.instrument.outcome import OK, Verdict, judge_error, judge_tool_error
from cortex_otel.instrument.registry import Known, known_of
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.stacks.shared import (
    LISTS,
    SessionClock,
    is_served_over_stdio,
    soft_error,
    text,
)
from cortex_otel.instrument.state import state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from cortex_otel.instrument.patches import Patches
    from cortex_otel.instrument.request import McpRequest

__all__ = [
    "adapt_dispatcher",
    "adapt_header_check",
    "adapt_high_level",
    "adapt_native_spans",
    "adapt_runner",
]

_CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
_PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion"
_INVALID_PARAMS = -32602
_clock = SessionClock()
_keep_trace_context: ContextVar[bool] = ContextVar("cortex_otel_keep_trace", default=False)


def adapt_runner(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.server.runner``."""
    patches.replace(module.ServerRunner, "_on_request", _on_request)
    patches.replace(module, "aclose_shielded", _close_connection)


def adapt_header_check(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.server._streamable_http_modern``, which lists the tools to check a header."""
    patches.replace(module, "_tool_input_schema", _ask_itself)


def adapt_native_spans(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.server._otel``: no second span of a request that has one."""
    patches.replace(module, "otel_span", _native_span)


def adapt_dispatcher(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.shared.jsonrpc_dispatcher``, which tells clients of the current trace."""
    if patches.replace(module, "inject_trace_context", _inject_trace_context):
        patches.replace(module.JSONRPCDispatcher, "send_raw_request", _send_request)


def adapt_high_level(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.server.mcpserver.server``."""
    patches.replace(module.MCPServer, "call_tool", _call_tool)


def _on_request(original: Any) -> Any:
    async def _on_request(self: Any, dctx: Any, method: str, params: Any) -> Any:
        request = _begin(self, dctx, method, params)
        if request is None:
            return await original(self, dctx, method, params)
        try:
            result = await original(self, dctx, method, params)
        except BaseException as error:
            request.end(_verdict_of_error(request, dctx, error))
            raise
        request.end(_verdict_of_result(request.known, request, result))
        return result

    return _on_request


def _native_span(original: Any) -> Any:
    def otel_span(name: str, **kwargs: Any) -> Any:
        return server_span(original(name, **kwargs), name, **kwargs)

    return otel_span


def _send_request(original: Any) -> Any:
    async def send_raw_request(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if state.trace_context_to_clients or method in requests.ASKED_OF_SERVERS:
            return await original(self, method, *args, **kwargs)
        token = _keep_trace_context.set(True)
        try:
            return await original(self, method, *args, **kwargs)
        finally:
            _keep_trace_context.reset(token)

    return send_raw_request


def _inject_trace_context(original: Any) -> Any:
    def inject_trace_context(meta: dict[str, Any]) -> None:
        if not _keep_trace_context.get():
            original(meta)

    return inject_trace_context


def _ask_itself(original: Any) -> Any:
    async def ask(*args: Any, **kwargs: Any) -> Any:
        token = requests.asks_itself.set(True)
        try:
            return await original(*args, **kwargs)
        finally:
            requests.asks_itself.reset(token)

    return ask


def _call_tool(original: Any) -> Any:
    async def call_tool(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        request = requests.current()
        if request is None:
            return await original(self, name, *args, **kwargs)
        try:
            if name == request.target and self._tool_manager.get_tool(name) is not None:
                request.learn()
        except Exception as error:  # noqa: BLE001 - the host's request
            guard.swallowed("mcp_server.mcp2.registry", error)
        try:
            result = await original(self, name, *args, **kwargs)
        except Exception as error:
            request.exception = error
            raise
        request.exception = None  # of a tool that this one called, and that it got over
        return result

    return call_tool


def _close_connection(original: Any) -> Any:
    async def aclose_shielded(connection: Any) -> Any:
        _clock.ended(connection, None)
        return await original(connection)

    return aclose_shielded


def _begin(runner: Any, dctx: Any, method: str, params: Any) -> McpRequest | None:
    try:
        params = params if isinstance(params, dict) else {}
        meta = params.get("_meta")
        meta = meta if isinstance(meta, dict) else {}
        connection = runner.connection
        peer = _peer_of(connection, dctx, meta)
        if connection.client_params is not None and _PROTOCOL_VERSION not in meta:
            _clock.began(connection)  # a connection with a handshake lasts; others are one request
        return requests.begin(known_of(runner.server), method, params, dctx.request_id, meta, peer)
    except Exception as error:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.mcp2.begin", error)
        return None


def _verdict_of_error(request: McpRequest, dctx: Any, error: BaseException) -> Verdict:
    try:
        if not isinstance(error, Exception):
            asked = dctx.cancel_requested.is_set()
            return Verdict("cancelled" if asked else "transport_closed")
        code = getattr(getattr(error, "error", None), "code", None)
        if code is None and type(error).__name__ == "ValidationError":
            code = _INVALID_PARAMS  # what the SDK answers
        inner = request.exception or error
        return judge_error(
            code if isinstance(code, int) else None, inner, is_known=request.has_tool
        )
    except Exception as fault:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.mcp2.error", fault)
        return Verdict("rpc_error", "_OTHER")


def _verdict_of_result(known: Known, request: McpRequest, result: Any) -> Verdict:
    try:
        if not isinstance(result, dict):
            return OK
        if result.get("isError") is True:
            return judge_tool_error(request.exception, is_known=_may_be_known(known, request))
        if result.get("resultType") == "input_required":
            request.learn()
            request.ask(result.get("requestState"))
            return Verdict("input_required")
        if request.method in LISTS:
            field, method = LISTS[request.method]
            known.learn(method, (one.get("name") for one in result.get(field, ())))
        else:
            request.learn()
        content = result.get("content")
        first = content[0] if isinstance(content, list) and content else {}
        return soft_error(first.get("text")) or OK
    except Exception as fault:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.mcp2.result", fault)
        return OK


def _may_be_known(known: Known, request: McpRequest) -> bool:
    """A low-level server that was never asked for its tools may have one of that name."""
    return bool(request.is_known) or (
        request.exception is None and not known.has_any(request.method)
    )


def _peer_of(connection: Any, dctx: Any, meta: Mapping[str, Any]) -> Peer:
    http = getattr(dctx.message_metadata, "request_context", None)
    client = connection.client_params
    info: Any = meta.get(_CLIENT_INFO)
    if isinstance(info, dict):
        name, version = info.get("name"), info.get("version")
    else:
        info = client.client_info if client is not None else None
        name, version = getattr(info, "name", ""), getattr(info, "version", "")
    protocol = meta.get(_PROTOCOL_VERSION) or connection.protocol_version
    return Peer(
        "tcp" if http is not None else "pipe" if is_served_over_stdio() else "",
        text(protocol), text(connection.session_id), text(name), text(version),
    )  # fmt: skip
