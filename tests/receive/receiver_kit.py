"""What the tests of the receiver share: the real server, in a process of its own, and requests."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import apsw
import httpx
from patience import PATIENCE, wait_for

from cortex_otel_exporters.sqlite.schema import APPLICATION_ID

NOW = time.time_ns() - 3600 * 10**9
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


class Server:
    """``cortex-otel serve --only receiver`` on a free port."""

    def __init__(self, home: Path, port: int = 0, **environment: str) -> None:
        self.home = home
        self.database = home / "cortex.db"
        # Not beside the home, whose disk may be full.
        self.errors = Path(tempfile.mkdtemp(prefix="receiver-")) / "stderr"
        self._process = None
        self._environment = environment
        self.port = port
        self.start()

    def start(self) -> None:
        """Start it, on the port it had before if it had one."""
        with self.errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cortex_otel.cli", "serve", "--only", "receiver",
                 "--receiver-port", str(self.port)],
                stdout=subprocess.PIPE, stderr=errors, text=True,
                env={**os.environ, "CORTEX_OTEL_HOME": str(self.home), **self._environment},
            )  # fmt: skip
        for line in self._process.stdout:
            if "http://" in line:
                self.port = int(line.rsplit(":", 1)[1])
            if "Ctrl" in line:
                break
        else:
            self.kill()
            raise RuntimeError(self.errors.read_text())
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            wait_for(self._listens)
        except BaseException:
            self.kill()
            raise

    def _listens(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/", timeout=PATIENCE).status_code in {401, 404}
        return False

    @property
    def pid(self) -> int:
        return self._process.pid

    def post(self, path, content, **headers):
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        return httpx.post(f"{self.url}{path}", content=content, headers=headers, timeout=PATIENCE)

    def traces(self, *spans, resource=None):
        """Send spans as JSON."""
        return self.post("/v1/traces", json.dumps(request(*spans, resource=resource)), **JSON)

    def logs(self, *logs, resource=None):
        """Send log records as JSON."""
        body = {
            "resourceLogs": [
                {"resource": resource_of(resource), "scopeLogs": [{"logRecords": list(logs)}]}
            ]
        }
        return self.post("/v1/logs", json.dumps(body), **JSON)

    def kill(self) -> None:
        """As the kernel does."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def stop(self) -> int:
        """As Ctrl-C does; how long it took, in seconds."""
        started = time.monotonic()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE)
        self._process.stdout.close()
        return time.monotonic() - started

    def memory_mb(self) -> float:
        """Resident memory, MB of 10^6 bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError

    def cpu_seconds(self) -> float:
        """CPU time of all its threads until now, to a hundredth."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def rows(self, sql="SELECT * FROM telemetry_events ORDER BY id", *values):
        """Rows as dictionaries."""
        connection = apsw.Connection(str(self.database), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(int(PATIENCE * 1000))
            cursor = connection.execute(sql, values)
            names = [column[0] for column in cursor.get_description()] if cursor else []
            return [dict(zip(names, row, strict=True)) for row in cursor]
        except apsw.ExecutionCompleteError:
            return []
        finally:
            connection.close()

    def ledger(self):
        """``{"signal|outcome|reason": records}``."""
        rows = self.rows(
            "SELECT signal, outcome, reason, sum(records) n FROM ledger GROUP BY 1,2,3"
        )
        return {"|".join((row["signal"], row["outcome"], row["reason"])): row["n"] for row in rows}

    def errors_said(self) -> str:
        """Its stderr."""
        return self.errors.read_text()


def attributes(given):
    """``{"a": "b", "n": 1}`` as OTLP/JSON."""
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": key, "value": {kinds[type(value)]: value} if type(value) in kinds else value}
        for key, value in given.items()
    ]


def resource_of(given):
    return {"attributes": attributes({"service.name": "shop"} if given is None else given)}


def span(number=1, /, *, told=None, **changes):
    """A span as OTLP/JSON; ``told`` are its attributes."""
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "work",
        "kind": 1,
        "startTimeUnixNano": str(NOW + number),
        "endTimeUnixNano": str(NOW + number + 5_000_000),
        "attributes": attributes(told or {}),
        **changes,
    }


def log(number=1, /, *, told=None, **changes):
    """A typed event as OTLP/JSON."""
    return {
        "timeUnixNano": str(NOW + number),
        "eventName": "ext.ui_interaction",
        "attributes": attributes(
            {"cortex.ui.action": "click", "cortex.ui.element": "open"} if told is None else told
        ),
        **changes,
    }


def request(*spans, resource=None):
    scopes = [{"scope": {"name": "lib", "version": "1.2"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": resource_of(resource), "scopeSpans": scopes}]}


def protobuf_of(body):
    """A trace request of :func:`request`, as protobuf."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    made = ExportTraceServiceRequest()
    for group in body["resourceSpans"]:
        one = made.resource_spans.add()
        _put(one.resource.attributes, group["resource"]["attributes"])
        for scope in group["scopeSpans"]:
            inner = one.scope_spans.add()
            inner.scope.name, inner.scope.version = (
                scope["scope"]["name"],
                scope["scope"]["version"],
            )
            for told in scope["spans"]:
                a_span = inner.spans.add(
                    trace_id=bytes.fromhex(told["traceId"]),
                    span_id=bytes.fromhex(told["spanId"]),
                    name=told["name"],
                    kind=told["kind"],
                    start_time_unix_nano=int(told["startTimeUnixNano"]),
                    end_time_unix_nano=int(told["endTimeUnixNano"]),
                )
                _put(a_span.attributes, told["attributes"])
    return made.SerializeToString()


def _put(target, given):
    fields = {
        "stringValue": "string_value",
        "intValue": "int_value",
        "boolValue": "bool_value",
        "doubleValue": "double_value",
    }
    for one in given:
        ((kind, value),) = one["value"].items()
        setattr(target.add(key=one["key"]).value, fields[kind], value)


def of_bytes(number, content):
    """A field of protobuf that holds bytes, text or a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number):
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def raw_span(number, more=b"", **changes):
    """A span as protobuf, and ``more`` bytes in it."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    parsed = ExportTraceServiceRequest.FromString(protobuf_of(request(span(number, **changes))))
    return parsed.resource_spans[0].scope_spans[0].spans[0].SerializeToString() + more


def raw(port, data, *, wait=PATIENCE):
    """What the server answers to bytes, until it closes or ``wait`` seconds are over."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        connection.sendall(data)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while piece := connection.recv(65_536):
                answer += piece
    return answer


def next_answer(connection):
    """One answer off a connection that stays open: its status."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(1)
        assert piece, "closed"
        head += piece
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while length:
        length -= len(connection.recv(length))
    return int(head.split(b" ", 2)[1])


def is_ours(path):
    """Whether a database is whole, and one of ours."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        assert connection.pragma("application_id") == APPLICATION_ID
        return connection.pragma("integrity_check") == "ok"
    finally:
        connection.close()
