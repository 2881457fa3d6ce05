"""The receiver: routes and status codes. OTLP/HTTP 1.11, and the plain JSON endpoints.

An ASGI application without a framework: there are ten routes, and a framework would double start
and memory. 200 means stored.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson
import uvicorn

from cortex_otel import guard
from cortex_otel.receive import answers, plain
from cortex_otel.receive.checks import (
    JSON,
    PROTOBUF,
    Refusal,
    Rules,
    content_length,
    content_type,
    is_gzip,
    too_large,
)
from cortex_otel.receive.commit import Answer, Committer, Request
from cortex_otel.receive.intake import MAX_BYTES, SIGNALS
from cortex_otel.receive.openapi import PATH as OPENAPI_PATH
from cortex_otel.receive.openapi import description
from cortex_otel.receive.protocol import PatientProtocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cortex_otel.settings import Settings

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

__all__ = ["Receiver", "create_server"]

#: From the first to the last byte of a body.
BODY_SECONDS: Final = 30.0
_GRACEFUL_SECONDS: Final = 3
_OTLP_TYPES: Final = (PROTOBUF, JSON)
_RETRY: Final = {"retry-after": str(answers.RETRY_AFTER_SECONDS)}
_OVERLOADED: Final = "too much is waiting to be stored: try again later"


def create_server(settings: Settings, url: str) -> uvicorn.Server:
    """The receiver as a server that isn't running yet.

    Args:
        settings: database, token, services, redaction and sampling.
        url: what it will listen on.
    """
    config = uvicorn.Config(
        Receiver(settings, url),
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="error",  # a request that is no HTTP is its sender's trouble
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        backlog=128,
    )
    return uvicorn.Server(config)


class Receiver:
    """The application."""

    def __init__(self, settings: Settings, url: str = "http://127.0.0.1:4318") -> None:
        self._rules = Rules(settings)
        self._committer = Committer(settings)
        self._description = orjson.dumps(
            description(url, needs_token=settings.receiver_token is not None)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._committer.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._committer.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        path = scope["path"]
        is_plain = path.startswith(plain.PREFIX)
        kind = JSON if is_plain else _answer_type(headers)
        try:
            status, body, more = await self._answered(scope["method"], path, headers, receive)
        except Refusal as refusal:
            if refusal.records:
                self._committer.count_refused(refusal.records)
            status, more = refusal.status, dict(refusal.headers)
            if is_plain:
                body = plain.failure(refusal)
            else:
                body = answers.failure(status, refusal.message, kind)
        except _GoneError:
            return
        except Exception as error:  # noqa: BLE001 - never a stack trace to a stranger
            guard.swallowed("receive.http", error)
            status, more = 500, {}
            body = answers.failure(status, "a fault of the receiver", kind)
        fields = {"content-type": kind, "content-length": str(len(body)), **more}
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(key.encode(), value.encode()) for key, value in fields.items()],
            }
        )
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )

    async def _answered(
        self, method: str, path: str, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes, dict[str, str]]:
        self._rules.check(headers)
        if path == OPENAPI_PATH:
            _allow(method, "GET", "HEAD")
            return 200, self._description, {}
        if path in SIGNALS:
            _allow(method, "POST")
            return await self._otlp(path, headers, receive)
        if path in plain.ROUTES:
            _allow(method, "POST")
            return await self._plain(path, headers, receive)
        raise Refusal(
            404,
            f"no such path: OTLP/HTTP is taken at {', '.join(SIGNALS)}; {OPENAPI_PATH} "
            "tells the rest",
            code="not_found",
        )

    async def _otlp(
        self, path: str, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes, dict[str, str]]:
        kind = content_type(headers, _OTLP_TYPES)
        compressed = is_gzip(headers)
        signal, rejected_field = SIGNALS[path]
        body = await self._body(headers, receive, MAX_BYTES)
        try:
            request = Request(signal, body, is_json=kind == JSON, is_gzip=compressed)
            size, body = len(body), b""
            answer = await self._stored(request)
        finally:
            self._committer.release(size)
        return 200, answers.success(answer, kind, rejected_field), {}

    async def _plain(
        self, path: str, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes, dict[str, str]]:
        content_type(headers, (JSON,))
        if is_gzip(headers):
            raise Refusal(415, "the body must not be compressed", code="content_encoding")
        body = await self._body(headers, receive, plain.MAX_BYTES)
        try:
            batch = plain.read(plain.ROUTES[path].event_type, body)
            answer = Answer()
            if batch.events:
                answer = await self._stored(
                    Request("logs", b"", events=batch.events, ledger=plain.ledger(batch))
                )
        finally:
            self._committer.release(len(body))
        return 200, plain.success(batch, answer), {}

    async def _stored(self, request: Request) -> Answer:
        answer = await self._committer.store(request, asyncio.get_running_loop())
        if answer.status == 503:  # noqa: PLR2004 - HTTP
            raise Refusal(503, answer.message, headers=_RETRY, code="unavailable")
        if answer.status != 200:  # noqa: PLR2004 - HTTP
            raise Refusal(answer.status, answer.message, code="bad_body")
        return answer

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
        """The body, counted as waiting until it is released.

        Raises:
            Refusal: 408, 413 or 503.
        """
        content_length(headers, most)
        held = _Held(self._committer, most)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while held.add(await receive()):
                    pass
        except TimeoutError:
            self._committer.release(held.size)
            raise Refusal(
                408, "the body came too slowly", headers={"connection": "close"}, code="too_slow"
            ) from None
        except BaseException:
            self._committer.release(held.size)
            raise
        return b"".join(held.pieces)


class _Held:
    """The pieces of a body as they come, counted as waiting."""

    def __init__(self, committer: Committer, most: int) -> None:
        self._committer = committer
        self._most = most
        self.pieces: list[bytes] = []
        self.size = 0

    def add(self, message: Mapping[str, Any]) -> bool:
        """Take a piece; whether there is more to come."""
        if message["type"] == "http.disconnect":
            raise _GoneError
        piece = message.get("body", b"")
        if self.size + len(piece) > self._most:
            raise too_large(self._most)
        if not self._committer.reserve(len(piece)):
            raise Refusal(503, _OVERLOADED, headers=_RETRY, code="overloaded")
        self.size += len(piece)
        self.pieces.append(piece)
        return bool(message.get("more_body", False))


class _GoneError(Exception):
    """The client went away in the middle of its request: nobody is there to be answered."""


def _allow(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise Refusal(
            405,
            f"only {' and '.join(allowed)}",
            headers={"allow": ", ".join(allowed)},
            code="method",
        )


def _answer_type(headers: Mapping[bytes, bytes]) -> str:
    """Content type of an answer: the request's, or JSON where that is none of ours."""
    content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return PROTOBUF if content_type == PROTOBUF.encode() else JSON
