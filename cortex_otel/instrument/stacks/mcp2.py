"""mcp 2.x, and fastmcp 4, which stands on it.

Every request goes through ``ServerRunner._on_request``; the exception of a tool is seen as it is
where it is called by name (:mod:`.tools`). What the SDK's own OpenTelemetry middleware tells of a
request stands on our span of it.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from cortex_otel import guard
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.native_spans import is_unread, server_span
from cortex_otel.instrument.outcome import (
    INVALID_PARAMS,
    OK,
    Verdict,
    judge_error,
    judge_tool_error,
)
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.stacks.shared import (
    LISTS,
    SessionClock,
    is_served_over_stdio,
    names_in,
    text,
    verdict_of_content,
)
from cortex_otel.instrument.state import state
from cortex_otel.instrument.tool_names import tool_names_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from cortex_otel.instrument.patches import Patches
    from cortex_otel.instrument.request import McpRequest

__all__ = ["adapt_dispatcher", "adapt_header_check", "adapt_native_spans", "adapt_runner"]

_CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
_PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion"
_INTERNAL_ERROR = -32603
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
    patches.replace(module.OpenTelemetryMiddleware, "__call__", _middleware)


def adapt_dispatcher(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.shared.jsonrpc_dispatcher``, which tells clients of the current trace."""
    if patches.replace(module, "inject_trace_context", _inject_trace_context):
        patches.replace(module.JSONRPCDispatcher, "send_raw_request", _send_request)


def _on_request(original: Any) -> Any:
    async def _on_request(self: Any, dctx: Any, method: str, params: Any) -> Any:
        request = _begin(self, dctx, method, params)
        if request is None:
            return await original(self, dctx, method, params)
        try:
            result = await original(self, dctx, method, params)
        except BaseException as error:
            request.end(_verdict_of_error(request, self, dctx, error))
            raise
        request.end(_verdict_of_result(request, result))
        return result

    return _on_request


def _middleware(original: Any) -> Any:
    # Plain, not a coroutine function: the coroutine of either is what is awaited.
    def call(self: Any, ctx: Any, call_next: Any) -> Any:
        if ctx.request_id is not None and is_unread(ctx.method):
            return call_next(ctx)
        return original(self, ctx, call_next)

    return call


def _native_span(original: Any) -> Any:
    def otel_span(name: str, **kwargs: Any) -> Any:
        return server_span(original, name, **kwargs)

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
        peer = _peer_of(connection, dctx, meta, params if method == "initialize" else {})
        if connection.client_params is not None and _PROTOCOL_VERSION not in meta:
            _clock.began(connection)  # a connection with a handshake lasts; others are one request
        return requests.begin(
            tool_names_of(runner.server), method, params, dctx.request_id, meta, peer
        )
    except Exception as error:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.mcp2.begin", error, lost=1)
        return None


def _verdict_of_error(request: McpRequest, runner: Any, dctx: Any, error: BaseException) -> Verdict:
    try:
        if not isinstance(error, Exception):
            asked = dctx.cancel_requested.is_set()
            return Verdict("cancelled" if asked else "transport_closed")
        code = _code_of(dctx, error)
        inner = request.exception or error
        # Before the handshake nothing is said of tools: the server refuses them all.
        has_tool = request.has_tool if runner.connection.initialize_accepted else None
        return judge_error(code, inner, is_known=has_tool)
    except Exception as fault:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.mcp2.error", fault)
        return Verdict("rpc_error", "_OTHER")


def _code_of(dctx: Any, error: Exception) -> int:
    """The code that the client will see."""
    code = getattr(getattr(error, "error", None), "code", None)
    if isinstance(code, int):
        return code
    if type(error).__name__ == "ValidationError" and type(error).__module__.startswith("pydantic"):
        return INVALID_PARAMS
    is_handshake_era = type(dctx).__module__ == "mcp.shared.jsonrpc_dispatcher"
    return 0 if is_handshake_era else _INTERNAL_ERROR


def _verdict_of_result(request: McpRequest, result: Any) -> Verdict:
    try:
        if not isinstance(result, dict):
            return OK
        if result.get("isError") is True:
            return judge_tool_error(request.exception, is_known=_may_be_known(request))
        request.learn()
        if result.get("resultType") == "input_required":
            request.ask(result.get("requestState"))
            return Verdict("input_required")
        if request.method in LISTS:
            field, method = LISTS[request.method]
            request.known.learn(method, names_in(result, field))
        return verdict_of_content(request, result.get("content"))
    except Exception as fault:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.mcp2.result", fault)
        return OK


def _may_be_known(request: McpRequest) -> bool:
    """A low-level server that was never asked for its tools may have one of that name."""
    return request.is_known or (
        request.exception is None and not request.known.has_any(request.method)
    )


def _peer_of(
    connection: Any, dctx: Any, meta: Mapping[str, Any], handshake: Mapping[str, Any]
) -> Peer:
    http = getattr(dctx.message_metadata, "request_context", None)
    client = connection.client_params
    info: Any = meta.get(_CLIENT_INFO) or handshake.get("clientInfo")
    if isinstance(info, dict):
        name, version = info.get("name"), info.get("version")
    else:
        info = client.client_info if client is not None else None
        name, version = getattr(info, "name", ""), getattr(info, "version", "")
    protocol = meta.get(_PROTOCOL_VERSION) or connection.protocol_version
    if handshake:
        protocol = _negotiated(handshake.get("protocolVersion"))
    return Peer(
        "tcp" if http is not None else "pipe" if is_served_over_stdio() else "",
        text(protocol), text(connection.session_id), text(name), text(version),
    )  # fmt: skip


def _negotiated(requested: object) -> object:
    versions = sys.modules.get("mcp_types.version")
    known = getattr(versions, "HANDSHAKE_PROTOCOL_VERSIONS", ())
    return requested if requested in known else getattr(versions, "LATEST_HANDSHAKE_VERSION", "")
