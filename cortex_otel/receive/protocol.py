"""uvicorn's HTTP protocol, with an end to patience: slow, silent and endless clients.

uvicorn waits for ever for the first request of a connection, and for the rest of its head; and a
head may be of any size. Bodies are the application's to watch (:mod:`.app`).
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from asyncio import TimerHandle

__all__ = ["PatientProtocol"]

#: Until the head of a request is there, counted from its first byte or the connection's start.
HEAD_SECONDS: Final = 10.0
HEAD_BYTES: Final = 64 * 1024
#: Connections at once; few programs of one machine send.
MAX_CONNECTIONS: Final = 256


def _response(status: str, code: int, message: str, more: str = "") -> bytes:
    body = f'{{"code":{code},"message":"{message}"}}'
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}"
    ).encode("ascii")


_TOO_MANY: Final = _response(
    "503 Service Unavailable", 14, "too many connections", "retry-after: 1\r\n"
)
_TOO_SLOW: Final = _response("408 Request Timeout", 4, "the head of the request came too slowly")
_HEAD_TOO_LARGE: Final = _response(
    "431 Request Header Fields Too Large", 3, "the head of the request is too large"
)
_NOT_HTTP: Final = _response("400 Bad Request", 3, "this is not HTTP")


class PatientProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first head; send away whoever is one too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._end(_TOO_MANY)
            return
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._end, _TOO_SLOW)
        # asyncio does so only where the listening socket was made with the protocol's number. Else
        # each answer, written in two pieces, waits 40 ms for an acknowledgement of the first.
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; of a head only so much."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._deadline = self.loop.call_later(HEAD_SECONDS, self._end, _TOO_SLOW)
        super().data_received(data)
        # Data that holds a whole head has left this state; it may be a body's by now.
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self._end(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._head_is_there()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next byte is of a next head."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What isn't HTTP is answered in the form of all other errors."""
        del msg
        self._end(_NOT_HTTP)

    def _head_is_there(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, response: bytes) -> None:
        self._head_is_there()
        if not self.transport.is_closing():
            self.transport.write(response)
            self.transport.close()
