"""mcp 1.x (from 1.10), and fastmcp 2 and 3, which stand on it.

Every request is handled by ``lowlevel.Server._handle_request`` and answered through its responder.
The exception of a tool is seen last in ``_make_error_result``, which turns it into text.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cortex_otel import guard
from cortex_otel import semconv as sc
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.outcome import OK, Verdict, judge_error, judge_tool_error
from cortex_otel.instrument.registry import known_of
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.stacks.shared import (
    LISTS,
    SessionClock,
    is_served_over_stdio,
    soft_error,
    text,
)

if TYPE_CHECKING:
    from types import ModuleType

    from cortex_otel.instrument.patches import Patches
    from cortex_otel.instrument.request import McpRequest

__all__ = ["adapt_server", "adapt_session"]

_SESSION_HEADER, _VERSION_HEADER = "mcp-session-id", "mcp-protocol-version"
_peers: WeakKeyDictionary[Any, Peer] = WeakKeyDictionary()
_clock = SessionClock()


def adapt_server(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.server.lowlevel.server``, if it is that of mcp 1."""
    server = module.Server
    if patches.replace(server, "_handle_request", _handle_request):
        patches.replace(server, "_make_error_result", _make_error_result)


def adapt_session(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.server.session``: a session that ends has lasted."""
    if hasattr(module.ServerSession, "_received_request"):
        patches.replace(module.ServerSession, "__aexit__", _leave_session)


def _handle_request(original: Any) -> Any:
    async def _handle_request(
        self: Any, message: Any, req: Any, session: Any, *args: Any, **kwargs: Any
    ) -> Any:
        request = _begin(self, message, req, session)
        if request is None:
            return await original(self, message, req, session, *args, **kwargs)
        answer = _Answer(self, message, request)
        try:
            result = await original(self, message, req, session, *args, **kwargs)
        except BaseException as error:
            request.end(answer.verdict_of(error))
            raise
        request.end(answer.verdict_of(None))
        return result

    return _handle_request


def _make_error_result(original: Any) -> Any:
    def _make_error_result(self: Any, *args: Any, **kwargs: Any) -> Any:
        request = requests.current()
        if request is not None:
            request.exception = sys.exception()
        return original(self, *args, **kwargs)

    return _make_error_result


def _leave_session(original: Any) -> Any:
    async def leave(self: Any, *args: Any) -> Any:
        _clock.ended(self, _peers.pop(self, None))
        return await original(self, *args)

    return leave


def _begin(server: Any, message: Any, req: Any, session: Any) -> McpRequest | None:
    try:
        peer = _peer_of(message, session)
        params = getattr(req, "params", None)
        wanted = {
            name: value for name in ("name", "uri", "arguments")
            if (value := getattr(params, name, None)) is not None
        }  # fmt: skip
        meta = getattr(message.request_meta, "__pydantic_extra__", None) or {}
        _learn_from_cache(server)
        return requests.begin(known_of(server), req.method, wanted, message.request_id, meta, peer)
    except Exception as error:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.mcp1.begin", error)
        return None


class _Answer:
    """Listens at a request's responder."""

    def __init__(self, server: Any, message: Any, request: McpRequest) -> None:
        self._server = server
        self._message = message
        self._request = request
        self._response: Any = None
        self._undelivered = False
        respond = message.respond

        async def respond_and_note(response: Any) -> None:
            self._response = response
            try:
                await respond(response)
            except BaseException:
                self._undelivered = True
                raise

        message.respond = respond_and_note

    def verdict_of(self, error: BaseException | None) -> Verdict:
        """What became of the request, that was left with or without an exception."""
        try:
            del self._message.respond  # the responder's own again
            _learn_from_cache(self._server)
            if error is not None and not isinstance(error, Exception):
                return Verdict("cancelled" if self._message.cancelled else "transport_closed")
            if self._response is None:
                if error is not None:
                    return judge_error(None, error, is_known=self._request.has_tool)
                return Verdict("cancelled")
            verdict = self._judge()
        except Exception as fault:  # noqa: BLE001 - the host's request
            guard.swallowed("mcp_server.mcp1.answer", fault)
            return OK
        return Verdict("transport_closed") if self._undelivered else verdict

    def _judge(self) -> Verdict:
        request, response = self._request, self._response
        result = getattr(response, "root", None)
        if result is None:  # ErrorData
            return judge_error(response.code, request.exception, is_known=request.has_tool)
        if getattr(result, "isError", False):
            return judge_tool_error(request.exception, is_known=request.has_tool is not False)
        if request.method in LISTS:
            field, method = LISTS[request.method]
            known_of(self._server).learn(method, (one.name for one in getattr(result, field)))
        else:
            request.learn()
        content = getattr(result, "content", None)
        return soft_error(getattr(content[0], "text", None) if content else None) or OK


def _learn_from_cache(server: Any) -> None:
    # mcp 1 asks the server for its tools whenever it doesn't know one that is called.
    cache = getattr(server, "_tool_cache", None)
    if cache:
        known_of(server).learn(sc.METHOD_TOOLS_CALL, list(cache))


def _peer_of(message: Any, session: Any) -> Peer:
    found = _peers.get(session)
    if found is not None:
        return found
    http = getattr(message.message_metadata, "request_context", None)
    headers = getattr(http, "headers", None) or {}
    client = session.client_params
    info = client.clientInfo if client is not None else None
    peer = Peer(
        "tcp" if http is not None else "pipe" if is_served_over_stdio() else "",
        _negotiated(client.protocolVersion if client is not None else headers.get(_VERSION_HEADER)),
        text(headers.get(_SESSION_HEADER)),
        text(getattr(info, "name", "")),
        text(getattr(info, "version", "")),
    )
    if client is not None or http is not None:  # before the handshake nothing is final
        _peers[session] = peer
        _clock.began(session)
    return peer


def _negotiated(requested: object) -> str:
    module = sys.modules.get("mcp.shared.version")
    versions = [str(version) for version in getattr(module, "SUPPORTED_PROTOCOL_VERSIONS", ())]
    if requested is None or not versions:
        return ""
    return str(requested) if str(requested) in versions else versions[-1]
