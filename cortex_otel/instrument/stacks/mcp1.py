"""Adapter of mcp 1.x (from 1.10), and of fastmcp 2 and 3, which are built on it.

Every request is handled by ``lowlevel.Server._handle_request`` and answered through its responder.
The exception of a tool is last seen in ``_make_error_result``, which turns it into text. Requests
that never get there are handled by :mod:`.mcp1_session`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cortex_otel import guard
from cortex_otel import semconv as sc
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.outcome import OK, Verdict, judge_error, judge_tool_error
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.stacks.shared import (
    LISTS,
    SessionClock,
    is_served_over_stdio,
    names_in,
    text,
    verdict_of_content,
)
from cortex_otel.instrument.tool_names import ToolNames, tool_names_of

if TYPE_CHECKING:
    from types import ModuleType

    from cortex_otel.instrument.patches import Patches
    from cortex_otel.instrument.request import McpRequest

__all__ = [
    "Answer", "adapt_server", "begin", "clock", "http_sessions", "known_in", "peer_of", "peers",
]  # fmt: skip

# How the stack's message begins if a result doesn't match the tool's output schema.
_OUTPUT_ERROR_PREFIX = "Output validation error"
_SESSION_HEADER, _VERSION_HEADER = "mcp-session-id", "mcp-protocol-version"
_servers: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
#: Shared with :mod:`.mcp1_session`: the client of a session, and the session id of an HTTP
#: connection by the stream that it is read from.
peers: WeakKeyDictionary[Any, Peer] = WeakKeyDictionary()
http_sessions: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
clock = SessionClock()


def adapt_server(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.server.lowlevel.server``, if it is that of mcp 1."""
    server = module.Server
    if patches.replace(server, "_handle_request", _handle_request):
        patches.replace(server, "_make_error_result", _make_error_result)


def _handle_request(original: Any) -> Any:
    async def _handle_request(
        self: Any, message: Any, req: Any, session: Any, *args: Any, **kwargs: Any
    ) -> Any:
        request = _begin(self, message, req, session)
        if request is None:
            return await original(self, message, req, session, *args, **kwargs)
        answer = Answer(message, request, self)
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
            message = args[0] if args else ""
            request.has_run = isinstance(message, str) and message.startswith(_OUTPUT_ERROR_PREFIX)
        return original(self, *args, **kwargs)

    return _make_error_result


def _begin(server: Any, message: Any, req: Any, session: Any) -> McpRequest | None:
    try:
        _servers[session] = server
        _learn_from_cache(server)
        return begin(
            tool_names_of(server), message, req, peer_of(session, message.message_metadata)
        )
    except Exception as error:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.mcp1.begin", error, lost=1)
        return None


def begin(known: ToolNames, message: Any, req: Any, peer: Peer) -> McpRequest | None:
    """Start the telemetry of ``req``, whose responder is ``message``."""
    params = getattr(req, "params", None)
    asked_for = {
        name: value
        for name in ("name", "uri", "arguments")
        if (value := getattr(params, name, None)) is not None
    }
    meta = getattr(message.request_meta, "__pydantic_extra__", None) or {}
    return requests.begin(known, req.method, asked_for, message.request_id, meta, peer)


def known_in(session: Any) -> ToolNames:
    """The names of the server that ``session`` belongs to; empty if that is unknown."""
    server = _servers.get(session)
    return ToolNames() if server is None else tool_names_of(server)


class Answer:
    """Observes the response that a request's responder sends.

    Args:
        message: the responder.
        request: its telemetry.
        server: the server that handles it; ``None`` if the session does.
    """

    def __init__(self, message: Any, request: McpRequest, server: Any = None) -> None:
        self._message = message
        self._request = request
        self._server = server
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

        message.respond = self._respond = respond_and_note

    @property
    def is_given(self) -> bool:
        """Whether the request has been answered."""
        return self._response is not None

    def verdict_of(self, error: BaseException | None) -> Verdict:
        """The verdict on the request, whose handler raised ``error`` or returned."""
        try:
            if self._message.respond is self._respond:  # else fastmcp has wrapped it
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
            if request.has_run:
                return Verdict("crash", sc.ERROR_TYPE_TOOL_ERROR, exception=request.exception)
            return judge_tool_error(request.exception, is_known=request.has_tool is not False)
        request.learn()
        if request.method in LISTS:
            field, method = LISTS[request.method]
            request.known.learn(method, names_in(result, field))
        return verdict_of_content(request, getattr(result, "content", None))


def _learn_from_cache(server: Any) -> None:
    # mcp 1 lists the server's tools whenever it doesn't know one that is called.
    cache = getattr(server, "_tool_cache", None)
    if cache:
        tool_names_of(server).learn(sc.METHOD_TOOLS_CALL, list(cache))


def peer_of(session: Any, metadata: Any, handshake: Any = None) -> Peer:
    """The client of ``session``.

    Args:
        session: the server's session.
        metadata: of the message, if the transport gave any.
        handshake: parameters of ``initialize``, while it is being answered.
    """
    known = peers.get(session)
    if known is not None:
        return known
    http = getattr(metadata, "request_context", None)
    headers = getattr(http, "headers", None) or {}
    client = handshake or session.client_params
    info = client.clientInfo if client is not None else None
    connection = http_sessions.get(session._read_stream)  # noqa: SLF001 - nowhere else
    is_http = http is not None or connection is not None
    peer = Peer(
        "tcp" if is_http else "pipe" if is_served_over_stdio() else "",
        _negotiated(client.protocolVersion if client is not None else headers.get(_VERSION_HEADER)),
        text(headers.get(_SESSION_HEADER)) or connection or "",
        text(getattr(info, "name", "")),
        text(getattr(info, "version", "")),
    )
    if handshake is None and (client is not None or http is not None):  # else not final
        peers[session] = peer
        clock.began(session)
    return peer


def _negotiated(requested: object) -> str:
    module = sys.modules.get("mcp.shared.version")
    versions = [str(version) for version in getattr(module, "SUPPORTED_PROTOCOL_VERSIONS", ())]
    if requested is None or not versions:
        return ""
    return str(requested) if str(requested) in versions else versions[-1]
