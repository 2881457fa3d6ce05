"""Records what exporters send over the wire: every byte, and what can be read from them."""

from __future__ import annotations

import gzip
import http.server
import re
import socket
import threading

_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_GZIP = b"\x1f\x8b"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Tap:
    """A TCP proxy on a port of its own that keeps what clients send.

    Args:
        port: of the server behind it, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self._sent: list[bytearray] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            sent = bytearray()
            with self._lock:
                self._sent.append(sent)
                self._sockets += [client, server]
            for pair in ((client, server, sent), (server, client, None)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source, target, sent) -> None:
        try:
            while data := source.recv(65536):
                if sent is not None:
                    sent += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._listener.close()
        for one in self._sockets:
            one.close()

    def places(self) -> dict[str, bytes]:
        """The bytes as they were sent, and what of them was packed or in pieces, whole."""
        with self._lock:
            streams = [bytes(one) for one in self._sent]
        whole = []
        for stream in streams:
            if stream.startswith(_HTTP2):
                whole += _http2_data(stream)
            else:
                packed = [one for one in _http1_bodies(stream) if one[:2] == _GZIP]
                whole += map(gzip.decompress, packed)
        return {"wire": b"\n".join(streams), "unpacked": b"\n".join(whole)}


def _http1_bodies(stream: bytes) -> list[bytes]:
    bodies = []
    while (end := stream.find(b"\r\n\r\n")) >= 0:
        length = _LENGTH.search(stream[: end + 2])
        after = end + 4 + (int(length[1]) if length else 0)
        bodies.append(stream[end + 4 : after])
        stream = stream[after:]
    return bodies


def _http2_data(stream: bytes) -> list[bytes]:
    """The messages of each HTTP/2 stream of a connection: gRPC's, without their 5-byte heads."""
    data: dict[int, bytearray] = {}
    at = len(_HTTP2)
    while at + 9 <= len(stream):
        length = int.from_bytes(stream[at : at + 3], "big")
        kind, identifier = stream[at + 3], int.from_bytes(stream[at + 5 : at + 9], "big")
        if kind == 0:
            data.setdefault(identifier, bytearray()).extend(stream[at + 9 : at + 9 + length])
        at += 9 + length
    return [bytes(one[5:]) for one in data.values()]


class Server:
    """Accepts OTLP/HTTP like a Collector, and responds as configured.

    Args:
        status: of every answer.
        body: of every answer.
    """

    def __init__(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        #: Path, headers and body of each request.
        self.taken = taken = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                content = self.rfile.read(int(self.headers["content-length"]))
                taken.append((self.path, dict(self.headers), content))
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
