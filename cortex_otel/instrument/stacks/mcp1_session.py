"""Adapter of mcp 1.x: requests that a session answers itself, before the server sees them.

``initialize``; requests before it; and those that the protocol's model rejects: an unknown method,
parameters that are missing or of the wrong type. For all that are rejected the client sees
``-32602``.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, get_args
from weakref import WeakSet, ref

from cortex_otel import guard
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.outcome import INVALID_PARAMS, Verdict
from cortex_otel.instrument.stacks import mcp1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    from cortex_otel.instrument.patches import Patches
    from cortex_otel.instrument.request import McpRequest

__all__ = ["adapt_http", "adapt_session"]

_HANDSHAKE = "initialize"
_seen: WeakSet[Any] = WeakSet()


def adapt_session(patches: Patches, module: ModuleType) -> None:
    """Hook a module with sessions of a server: ``mcp.server.session``, and fastmcp's own."""
    for name in ("ServerSession", "MiddlewareServerSession"):
        session = getattr(module, name, None)
        is_its_own = getattr(session, "__module__", "") == module.__name__
        if not is_its_own or "_received_request" not in vars(session):
            continue
        patches.replace(session, "_received_request", _received_request)
        if name == "ServerSession":
            patches.replace(session, "__aenter__", _enter_session)
            patches.replace(session, "__aexit__", _leave_session)


def adapt_http(patches: Patches, module: ModuleType) -> None:
    """Hook ``mcp.server.streamable_http``: a session's id isn't in the request that begins it."""
    patches.replace(module.StreamableHTTPServerTransport, "connect", _connect)


def _enter_session(original: Any) -> Any:
    async def enter(self: Any) -> Any:
        # On the instance: on the class it would apply to every client in the process too.
        self._receive_request_type = _Reader(self, self._receive_request_type)
        return await original(self)

    return enter


def _leave_session(original: Any) -> Any:
    async def leave(self: Any, *args: Any) -> Any:
        mcp1.clock.ended(self, mcp1.peers.pop(self, None))
        return await original(self, *args)

    return leave


class _Reader:
    """Replaces a session's request type, to observe requests that it rejects."""

    def __init__(self, session: Any, original: Any) -> None:
        self._session = ref(session)
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def model_validate(self, message: Any, *args: Any, **kwargs: Any) -> Any:
        """Validate as the type does; record the request if it is rejected."""
        try:
            return self._original.model_validate(message, *args, **kwargs)
        except Exception:
            _refused(self._session(), self._original, message)
            raise


def _refused(session: Any, request_type: Any, message: Any) -> None:
    """Record a request that the session rejects without processing it."""
    try:
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        meta = params.get("_meta")
        method = str(message.get("method"))
        request = requests.begin(
            mcp1.known_in(session),
            method,
            params,
            message.get("id"),
            meta if isinstance(meta, dict) else {},
            mcp1.peer_of(session, None),
        )
        if request is not None:
            request.end(_refusal("validation" if method in _methods(request_type) else "rpc_error"))
    except Exception as error:  # noqa: BLE001 - the host's session
        guard.swallowed("mcp_server.mcp1.refused", error, lost=1)


def _refusal(outcome: str) -> Verdict:
    code = str(INVALID_PARAMS)
    return Verdict(outcome, code, code, is_clients_fault=True)


@functools.cache
def _methods(request_type: Any) -> frozenset[str]:
    """The methods of this protocol version; one of another isn't rejected for its params."""
    union = request_type.model_fields["root"].annotation
    return frozenset(
        method
        for one in get_args(union)
        for method in get_args(one.model_fields["method"].annotation)
    )


def _received_request(original: Any) -> Any:
    async def _received_request(self: Any, responder: Any) -> Any:
        req = getattr(responder.request, "root", None)
        if getattr(req, "method", None) != _HANDSHAKE:
            try:
                return await original(self, responder)
            except Exception:  # before the handshake
                if _is_first(responder) and (request := _begin(self, responder, req)) is not None:
                    request.end(_refusal("rpc_error"))
                raise
        request = _begin(self, responder, req) if _is_first(responder) else None
        if request is None:
            return await original(self, responder)
        answer = mcp1.Answer(responder, request)
        try:
            result = await original(self, responder)
        except BaseException as error:
            is_refused = isinstance(error, Exception) and not answer.is_given
            request.end(_refusal("rpc_error") if is_refused else answer.verdict_of(error))
            raise
        request.end(answer.verdict_of(None))
        return result

    return _received_request


def _is_first(responder: Any) -> bool:
    """Whether it isn't recorded yet: fastmcp's method calls the inherited one, also hooked."""
    if responder in _seen:
        return False
    _seen.add(responder)
    return True


def _begin(session: Any, responder: Any, req: Any) -> McpRequest | None:
    try:
        handshake = req.params if req.method == _HANDSHAKE else None
        peer = mcp1.peer_of(session, responder.message_metadata, handshake)
        return mcp1.begin(mcp1.known_in(session), responder, req, peer)
    except Exception as error:  # noqa: BLE001 - the host's session
        guard.swallowed("mcp_server.mcp1.begin", error, lost=1)
        return None


def _connect(original: Any) -> Any:
    @contextlib.asynccontextmanager
    async def connect(self: Any) -> AsyncIterator[Any]:
        async with original(self) as streams:
            with contextlib.suppress(Exception):  # another version
                mcp1.http_sessions[streams[0]] = self.mcp_session_id or ""
            yield streams

    return connect
