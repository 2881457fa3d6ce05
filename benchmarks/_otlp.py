"""OTLP requests built in advance, and the client that sends them. None of it runs in the server.

A span resembles those of this product's own client: eight attributes, one of them always new.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Sent", "bodies", "send_all"]

_TOOLS = ("search_context", "update_memory", "branch_create", "reference_suggest", "compress")
_HOUR_NS = 3600 * 10**9


def _spans(count: int, started_ns: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        tool = _TOOLS[number % len(_TOOLS)]
        start = started_ns + number * 50_000
        yield {
            "trace": os.urandom(16), "span": os.urandom(8), "parent": os.urandom(8),
            "name": f"tools/call {tool}", "start": start,
            "end": start + 1_000_000 + number % 977 * 10_000, "failed": number % 50 == 0,
            "attributes": {
                "mcp.method.name": "tools/call", "gen_ai.tool.name": tool,
                "gen_ai.operation.name": "execute_tool", "network.transport": "pipe",
                "mcp.protocol.version": "2025-11-25", "cortex.user.tier": "free",
                "user.hash": f"{number % 200:064x}", "jsonrpc.request.id": str(number),
            },
        }  # fmt: skip


def _resource() -> dict[str, str]:
    return {
        "service.name": "cortex-mcp", "service.version": "1.4.2", "cortex.service": "mcp",
        "service.instance.id": os.urandom(8).hex(), "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry", "os.type": "linux",
    }  # fmt: skip


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def _json_body(spans: list[dict[str, Any]], resource: dict[str, str]) -> bytes:
    rows = [
        {
            "traceId": span["trace"].hex(), "spanId": span["span"].hex(),
            "parentSpanId": span["parent"].hex(), "name": span["name"], "kind": 2, "flags": 257,
            "startTimeUnixNano": str(span["start"]), "endTimeUnixNano": str(span["end"]),
            "attributes": [_text(*pair) for pair in span["attributes"].items()],
            "status": {"code": 2} if span["failed"] else {},
        }
        for span in spans
    ]  # fmt: skip
    resource_message = {"attributes": [_text(*pair) for pair in resource.items()]}
    scopes = [{"scope": {"name": "mcp", "version": "2.3.1"}, "spans": rows}]
    request = {"resourceSpans": [{"resource": resource_message, "scopeSpans": scopes}]}
    return json.dumps(request, separators=(",", ":")).encode()


def _protobuf_body(spans: list[dict[str, Any]], resource: dict[str, str]) -> bytes:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - the client's
        ExportTraceServiceRequest,
    )

    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in resource.items():
        group.resource.attributes.add(key=key).value.string_value = value
    scope = group.scope_spans.add()
    scope.scope.name, scope.scope.version = "mcp", "2.3.1"
    for span in spans:
        one = scope.spans.add(
            trace_id=span["trace"],
            span_id=span["span"],
            parent_span_id=span["parent"],
            name=span["name"],
            kind=2,
            flags=257,
            start_time_unix_nano=span["start"],
            end_time_unix_nano=span["end"],
        )
        for key, value in span["attributes"].items():
            one.attributes.add(key=key).value.string_value = value
        if span["failed"]:
            one.status.code = 2
    return bytes(request.SerializeToString())


def bodies(count: int, a_request: int, encoding: str) -> list[bytes]:
    """Request bodies with ``count`` new spans.

    Args:
        count: spans in all.
        a_request: spans in each.
        encoding: ``protobuf``, ``json`` or ``protobuf gzip``.
    """
    spans = list(_spans(count, time.time_ns() - _HOUR_NS))
    make = _json_body if encoding == "json" else _protobuf_body
    resource = _resource()
    made = [make(spans[at : at + a_request], resource) for at in range(0, count, a_request)]
    return [gzip.compress(body, 6) for body in made] if "gzip" in encoding else made


class Sent:
    """The outcome of the requests of one run."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.latencies_ms: list[float] = []
        self.statuses: dict[int, int] = {}


def send_all(
    port: int, made: list[bytes], encoding: str, *, connections: int, path: str = "/v1/traces"
) -> Sent:
    """Send requests over several connections at once, each after the answer to the one before.

    Args:
        port: of the server, on this machine.
        made: bodies.
        encoding: as of :func:`bodies`.
        connections: threads, with a connection each.
        path: of the signal.
    """
    sent, lock = Sent(), threading.Lock()
    kind = "application/json" if encoding == "json" else "application/x-protobuf"
    more = "content-encoding: gzip\r\n" if "gzip" in encoding else ""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: {kind}\r\n{more}"
    source = iter(made)

    def work() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                with lock:
                    body = next(source, None)
                if body is None:
                    return
                started = time.perf_counter()
                connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
                status = _status(connection)
                took = (time.perf_counter() - started) * 1000
                with lock:
                    sent.latencies_ms.append(took)
                    sent.statuses[status] = sent.statuses.get(status, 0) + 1

    threads = [threading.Thread(target=work) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent.seconds = time.perf_counter() - started
    return sent


def _status(connection: socket.socket) -> int:
    """Status of an answer, after its body has been read."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += connection.recv(65_536)
    return int(head.split(b" ", 2)[1])
