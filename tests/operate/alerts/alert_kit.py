"""What tests of alerts have: a receiver of messages, a real ``serve``, a real MCP server."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from patience import PATIENCE, wait_for

HERE = Path(__file__).parent


class Catcher:
    """A local HTTP server that keeps what it is sent, and answers as it is told.

    ``answers`` are taken one by one, then it is ``200 ok``: a status, a tuple of status, body and
    headers, or ``"nothing"``, ``"garbage"``, ``"slow"``, ``"drip"``.
    """

    def __init__(self, *answers):
        self.answers = list(answers)
        self.received = []
        self.accepted = []
        catcher = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                at = time.time()
                catcher.received.append((at, self.path, dict(self.headers), body))
                answer = catcher.answers.pop(0) if catcher.answers else (200, b"ok", {})
                catcher.answer(self, answer, body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/services/T0/B0/{SECRET}"
        self.ended = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler, answer, body):
        if answer == "nothing":
            handler.connection.close()
            return
        if answer == "garbage":
            handler.wfile.write(b"\x00\xff garbage\r\n\r\n")
            handler.connection.close()
            return
        if answer == "slow":
            self.ended.wait(30)
            return
        if answer == "drip":
            with contextlib.suppress(OSError):
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not self.ended.wait(0.2):
                    handler.wfile.write(b"x")
            return
        status, content, headers = (answer, b"", {}) if isinstance(answer, int) else answer
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
        if 200 <= status < 300:
            self.accepted.append(json.loads(body))

    @property
    def texts(self):
        """What was accepted."""
        return [each["text"] for each in list(self.accepted)]

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()


#: Of the address of a webhook: it must be nowhere.
SECRET = "wEbHoOkSeCrEt0123456789"


def surroundings(home, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {
        "CORTEX_OTEL_HOME": str(home), "CORTEX_OTEL_ADMIN_PORT": "0",
        "CORTEX_OTEL_RECEIVER_PORT": "0", "CORTEX_OTEL_TIME_ZONE": "Asia/Seoul",
        "LC_ALL": "C.UTF-8", "CORTEX_OTEL_ALERT_DISK_FREE_MB": "1",
    } | more  # fmt: skip


class Serve:
    """``cortex-otel serve`` over a home."""

    def __init__(self, home, **more):
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cortex_otel.cli", "serve"],
            env=surroundings(home, **more),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in self.process.stdout:
            self.output += line
            if "Ctrl-C" in line:
                break
        else:
            raise AssertionError(self.output)
        self.url = re.search(r"http://\S+token=\S+", self.output)[0]
        wait_for((Path(home) / "alerts.lock").exists)  # it has begun to look

    def stop(self, number=signal.SIGTERM):
        """How long it took, in seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=PATIENCE)
        self.output += rest
        return time.monotonic() - began

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class McpServer:
    """A client of the failing server, which speaks JSON-RPC itself."""

    def __init__(self, home, **more):
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(HERE / "failing_server.py")],
            env=surroundings(home, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.number = 0
        self.request(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        )
        self.send({"method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def request(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            answer = json.loads(self.process.stdout.readline())
            if answer.get("id") == self.number:
                return answer

    def call(self, count=1, **arguments):
        for _ in range(count):
            self.request(
                "tools/call",
                {"name": "search_context", "arguments": {"query": "user@example.com", **arguments}},
            )

    def close(self):
        """End it as a client does."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()
