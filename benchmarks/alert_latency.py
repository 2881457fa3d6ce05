"""From what goes wrong in a real MCP server to the message, over ``cortex-otel serve``.

Each round has a home, a ``serve`` and a server of its own. Fifty calls work, then twelve fail: the
time runs from the first failure to the moment at which the webhook has the message. Then the
server is killed (``SIGKILL``), and it runs from there to the message *Service Down*. The webhook is
an HTTP server in the benchmark's process, which answers as Slack does. A round without a message
within a minute counts as a minute.

Repeat: ``python benchmarks/alert_latency.py``; ``--rounds`` makes it fewer.
"""

from __future__ import annotations

import http.server
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Bar, Report, Run, Table, percentile

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

__all__: list[str] = []

_ROUNDS, _QUICK_ROUNDS = 20, 1
_LIMIT_SECONDS, _PATIENCE_SECONDS = 10.0, 60.0
_WORKING, _FAILING = 50, 12
_SERVER = Path(__file__).with_name("_failing_server.py")


class _Webhook:
    """Takes messages as Slack does; ``messages`` are pairs of when, and text."""

    def __init__(self) -> None:
        self.messages: queue.Queue[tuple[float, str]] = queue.Queue()
        messages = self.messages

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                messages.put((time.monotonic(), json.loads(body)["text"]))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def seconds_to(self, text: str, since: float) -> float:
        """How long it took until a message came that begins so; a minute if none did."""
        while (left := since + _PATIENCE_SECONDS - time.monotonic()) > 0:
            try:
                at, told = self.messages.get(timeout=left)
            except queue.Empty:
                break
            if told.startswith(text):
                return at - since
        return _PATIENCE_SECONDS

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Client:
    """An MCP client that speaks JSON-RPC itself."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._number = 0
        self._request(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "bench", "version": "1"},
            },
        )
        self._send({"method": "notifications/initialized"})

    def call(self, times: int, *, fails: bool) -> None:
        for _ in range(times):
            arguments = {"query": "needle", "fails": fails}
            self._request("tools/call", {"name": "search_context", "arguments": arguments})

    def _request(self, method: str, params: dict[str, Any]) -> None:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        while json.loads(self._process.stdout.readline()).get("id") != self._number:
            pass

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._process.stdin.flush()


@contextmanager
def _started(command: Sequence[str], environment: dict[str, str]) -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()


def _round(home: str) -> tuple[float, float]:
    """Seconds from a failure, and from a death, to the message."""
    webhook = _Webhook()
    environment = harness.clean_environment(home) | {
        "CORTEX_OTEL_SLACK_WEBHOOK_URL": webhook.url,
        "CORTEX_OTEL_ADMIN_PORT": "0",
        "CORTEX_OTEL_RECEIVER_PORT": "0",
        "CORTEX_OTEL_ALERT_DISK_FREE_MB": "1",  # nothing else is to be told of
    }
    try:
        with (
            _started(["-P", "-m", "cortex_otel.cli", "serve"], environment) as serve,
            _started(["-P", str(_SERVER)], environment) as server,
        ):
            while b"Ctrl-C" not in serve.stdout.readline():
                if serve.poll() is not None:
                    raise SystemExit(f"cortex-otel serve ended with {serve.returncode}")
            client = _Client(server)
            client.call(_WORKING, fails=False)
            began = time.monotonic()
            client.call(_FAILING, fails=True)
            errors = webhook.seconds_to("[ALERT] MCP Service Error Rate", began)
            began = time.monotonic()
            server.kill()
            return errors, webhook.seconds_to("[ALERT] MCP Service Down", began)
    finally:
        webhook.close()


def measure(run: Run) -> Report:
    """One run of it."""
    rounds = _QUICK_ROUNDS if run.quick else run.options.rounds
    found = [_round(tempfile.mkdtemp(prefix="round-", dir=run.homes)) for _ in range(rounds)]
    kinds = {"error rate": [one for one, _ in found], "service down": [one for _, one in found]}
    table = Table(
        f"seconds to the message, {rounds} rounds",
        ["", f"within {_LIMIT_SECONDS:g} s", "p50", "p90", "longest"],
        [
            [name, sum(one < _LIMIT_SECONDS for one in seconds), percentile(seconds, 0.5),
             percentile(seconds, 0.9), max(seconds)]
            for name, seconds in kinds.items()
        ],
    )  # fmt: skip
    bars = [
        Bar(f"{name} to message, longest of {rounds}, by the limit of {_LIMIT_SECONDS:g} s",
            max(seconds) / _LIMIT_SECONDS, 1.0, "times")
        for name, seconds in kinds.items()
    ]  # fmt: skip
    return Report([table], bars)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="how often each is measured")


if __name__ == "__main__":
    harness.main(__doc__, measure, arguments=_arguments)
