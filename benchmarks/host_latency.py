"""Request latency of an asyncio host that records 1,000 events per second.

A client process sends 1,000 requests per second over a socket. For each, the host does a little
work on its single event loop, records one span, and responds. Latency is measured in microseconds
from the client's write to the arrival of the response. The median shows the cost of a span. The
tail shows how long the exporting thread blocks the event loop by holding the interpreter; other
load on the machine has the same effect, so compare within the table, and with the row *no span*.

Repeat: ``python benchmarks/host_latency.py``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Report, Run, Table, paired_ratio, percentile
from _hosts import LABELS, Host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ALTERNATIVES = ("none", "bare", "naive", "ours")
_RATE = 1000
_CLIENT = "--client"
_STAMP = struct.Struct("<q")


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Blocks of ``seconds`` of requests."""
    host = Host(alternative, options["home"])
    emit = host.span_emitter()
    for _ in range(100):
        emit()
    host.flush()
    while True:
        latencies = _serve(emit, options["seconds"])
        host.flush()
        yield {
            "p50": percentile(latencies, 0.5),
            "p99": percentile(latencies, 0.99),
            "p999": percentile(latencies, 0.999),
            "max": max(latencies),
        }


def _serve(emit: Callable[[], None], seconds: float) -> list[float]:
    here, there = socket.socketpair()
    command = [sys.executable, __file__, _CLIENT, str(there.fileno()), str(seconds)]
    with subprocess.Popen(command, pass_fds=[there.fileno()], stdout=subprocess.PIPE) as client:
        there.close()
        asyncio.run(_answer_all(here, emit))
        assert client.stdout is not None
        return list(json.load(client.stdout))


async def _answer_all(connection: socket.socket, emit: Callable[[], None]) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        while True:
            request = await reader.readexactly(_STAMP.size)
            json.loads(json.dumps({"method": "tools/call", "params": {"query": "needle"}}))
            emit()
            writer.write(request)
    except asyncio.IncompleteReadError:
        writer.close()


def _send_and_measure(connection: socket.socket, seconds: float) -> list[float]:
    count = int(seconds * _RATE)
    latencies: list[float] = []

    def receive() -> None:
        pending = b""
        while len(latencies) < count:
            pending += connection.recv(4096)
            now = time.monotonic_ns()
            while len(pending) >= _STAMP.size:
                latencies.append((now - _STAMP.unpack_from(pending)[0]) / 1000)
                pending = pending[_STAMP.size :]

    receiver = threading.Thread(target=receive)
    receiver.start()
    harness.pace(seconds, 1, _RATE, lambda: connection.sendall(_STAMP.pack(time.monotonic_ns())))
    receiver.join()
    connection.close()
    return latencies


def measure(run: Run) -> Report:
    """All alternatives in turn."""
    blocks, seconds = (1, 0.5) if run.quick else (7, 5.0)
    found = run.interleave(_ALTERNATIVES, blocks, seconds=seconds)
    rows: list[list[Any]] = [
        [
            LABELS[name],
            *(harness.median(found[name], key) for key in ("p50", "p99", "p999", "max")),
            *(paired_ratio(found[name], found["none"], key) for key in ("p50", "p99", "p999")),
        ]
        for name in _ALTERNATIVES
    ]
    columns = ["", "p50 µs", "p99 µs", "p99.9 µs", "worst", "p50 × no span", "p99 ×", "p99.9 ×"]
    title = f"{_RATE:,} requests/s, one span each ({blocks} × {seconds:g} s)"
    return Report([Table(title, columns, rows)])


if __name__ == "__main__":
    if sys.argv[1:2] == [_CLIENT]:
        connected = socket.socket(fileno=int(sys.argv[2]))
        print(json.dumps(_send_and_measure(connected, float(sys.argv[3]))))
        sys.exit()
    harness.main(__doc__, measure, child)
