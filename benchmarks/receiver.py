"""The receiver: spans stored per second, CPU and memory.

The real server runs in a process of its own, on loopback, with redaction, roll-ups and duplicate
detection; each request is answered after its commit (``synchronous=FULL``). The client sends
requests that were built in advance, over several connections at once, and waits for each response.
A span has eight attributes, one of them always new, and a user; one in fifty has failed. Client and
server share the machine: with two cores, the client uses most of the second one.

*Phoenix* is Arize Phoenix from PyPI, installed into its own environment (only with ``--phoenix``,
since it takes 1 GB and several minutes). It receives the same requests but responds before it has
stored them, so its time ends when the last span is visible in its database, or at a time limit.

Repeat: ``python benchmarks/receiver.py --phoenix``. ``--phoenix-python``, or ``PHOENIX_PYTHON`` in
the environment, names an interpreter that already has it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
import _otlp
from _harness import Bar, Report, Run, Table, median, percentile

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_TRANSACTIONS = (
    # encoding, spans per request, spans per block, connections, bar
    ("protobuf", 512, 40_960, 4, 30_000),
    ("protobuf gzip", 512, 40_960, 4, 0),
    ("json", 512, 40_960, 4, 15_000),
    ("protobuf", 10, 10_000, 16, 6_000),
    ("json", 10, 10_000, 16, 0),
)
_BAR_RSS_MB = 120.0
_PHOENIX_SPANS = 2_048
_PHOENIX_SECONDS = 60.0
_START_SECONDS = 120.0


class Server:
    """A receiver in a process of its own, and what it has used."""

    def __init__(self, command: list[str], environment: dict[str, str], url: str) -> None:
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**harness.clean_environment(""), **environment},
            start_new_session=True,
        )
        started = time.monotonic()
        while True:
            with contextlib.suppress(urllib.error.HTTPError):
                try:
                    urllib.request.urlopen(url, timeout=5).close()
                except urllib.error.HTTPError:
                    break
                except OSError:
                    if time.monotonic() - started > _START_SECONDS:
                        raise
                    time.sleep(0.1)
                else:
                    break
        self.start_seconds = time.monotonic() - started

    def cpu_seconds(self) -> float:
        """CPU of all its threads since it was started."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        used = fields.rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory now and at its peak, MB of 10^6 bytes."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        sizes = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
        now, peak = (int(sizes[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))
        return now, peak

    def stop(self) -> None:
        """Stop it and the processes it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One block: a load of new spans on a server that keeps running between blocks."""
    if alternative == "phoenix":
        yield from _phoenix(options)
        return
    home, port = Path(options["home"]), _free_port()
    command = [
        sys.executable, "-m", "cortex_otel.cli", "serve", "--only", "receiver",
        "--receiver-port", str(port),
    ]  # fmt: skip
    server = Server(command, {"CORTEX_OTEL_HOME": str(home)}, f"http://127.0.0.1:{port}/")
    try:
        encoding, count = options["encoding"], options["spans"]
        warm = _otlp.bodies(2_000, options["a_request"], encoding)
        _otlp.send_all(port, warm, encoding, connections=2)
        while True:
            made = _otlp.bodies(count, options["a_request"], encoding)
            before, cpu = _count(home / "cortex.db", "events"), server.cpu_seconds()
            sent = _otlp.send_all(port, made, encoding, connections=options["connections"])
            used = server.cpu_seconds() - cpu
            rss, peak = server.memory_mb()
            yield {
                "rate": count / sent.seconds,
                "cpu_us": used / count * 1e6,
                "p50_ms": percentile(sent.latencies_ms, 0.5),
                "p99_ms": percentile(sent.latencies_ms, 0.99),
                "rss_mb": rss,
                "peak_mb": peak,
                "not_200": sum(n for status, n in sent.statuses.items() if status != 200),
                "lost": count - (_count(home / "cortex.db", "events") - before),
            }
    finally:
        server.stop()


def _phoenix(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    port, home = _free_port(), Path(tempfile.mkdtemp(dir=options["home"]))
    environment = {
        "PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(_free_port()),
        "PHOENIX_HOST": "127.0.0.1", "PHOENIX_WORKING_DIR": str(home), "HOME": str(home),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }  # fmt: skip
    command = [options["python"], "-m", "phoenix.server.main", "serve"]
    server = Server(command, environment, f"http://127.0.0.1:{port}/healthz")
    try:
        made = _otlp.bodies(options["spans"], options["a_request"], options["encoding"])
        cpu, started = server.cpu_seconds(), time.perf_counter()
        sent = _otlp.send_all(port, made, options["encoding"], connections=options["connections"])
        stored = 0
        while stored < options["spans"] and time.perf_counter() - started < _PHOENIX_SECONDS:
            time.sleep(0.25)
            stored = _count(home / "phoenix.db", "spans")
        seconds = time.perf_counter() - started
        rss, peak = server.memory_mb()
        yield {
            "rate": stored / seconds,
            "cpu_us": (server.cpu_seconds() - cpu) / max(1, stored) * 1e6,
            "p50_ms": percentile(sent.latencies_ms, 0.5),
            "p99_ms": percentile(sent.latencies_ms, 0.99),
            "rss_mb": rss,
            "peak_mb": peak,
            "not_200": sum(n for status, n in sent.statuses.items() if status != 200),
            "lost": options["spans"] - stored,
            "start_s": server.start_seconds,
        }
    finally:
        server.stop()


def _count(path: Path, table: str) -> int:
    if not path.exists():
        return 0
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.Error:  # it is being made, or written
        return 0
    finally:
        connection.close()


def measure(run: Run) -> Report:
    """Each way of sending; then the very same to Phoenix."""
    blocks = 1 if run.quick else 5
    rows: list[list[Any]] = []
    bars: list[Bar] = []
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for encoding, a_request, spans, connections, limit in _TRANSACTIONS:
        spans = spans // 20 if run.quick else spans  # noqa: PLW2901 - a smoke run
        one = run.interleave(
            ("ours",),
            blocks,
            encoding=encoding,
            a_request=a_request,
            spans=spans,
            connections=connections,
        )["ours"]
        found[encoding, a_request] = one
        rows.append([f"{encoding}, {a_request} per request", *_columns(one)])
        if limit:
            what = f"spans/s stored, {encoding}, {a_request} per request"
            bars.append(Bar(what, median(one, "rate"), limit, "spans/s", at_least=True))
    every = [block for one in found.values() for block in one]
    bars.append(Bar("receiver's peak memory", max(b["peak_mb"] for b in every), _BAR_RSS_MB, "MB"))
    bars.append(Bar("acknowledged spans not stored", sum(b["lost"] for b in every), 0, "spans"))
    columns = ["", "spans/s", "CPU µs", "p50 ms", "p99", "RSS MB", "peak", "not 200", "not stored"]
    note = f"{blocks} blocks each; p50 and p99 are request latencies, commit included"
    tables = [Table("cortex-otel, answered after the commit", columns, rows, note)]
    python = _phoenix_python(run)
    if python is not None:
        tables.append(_beside_phoenix(run, python, columns))
    return Report(tables, bars)


def _beside_phoenix(run: Run, python: str, columns: list[str]) -> Table:
    options = {"encoding": "protobuf", "a_request": 512, "connections": 4, "spans": _PHOENIX_SPANS}
    blocks = 1 if run.quick else 2
    both = run.interleave(("ours", "phoenix"), blocks, fresh=True, python=python, **options)
    rows = [
        [name, *_columns(both[key])]
        for key, name in (("ours", "cortex-otel"), ("phoenix", "Phoenix"))
    ]
    ours, theirs = (median(both[name], "rate") for name in ("ours", "phoenix"))
    note = (
        f"ratio {ours / theirs if theirs else float('inf'):,.0f} ×; Phoenix started in "
        f"{median(both['phoenix'], 'start_s'):.0f} s. It responds before it stores; the wait was "
        f"limited to {_PHOENIX_SECONDS:.0f} s"
    )
    title = f"the same {_PHOENIX_SPANS:,} spans to both, protobuf, 512 per request"
    return Table(title, columns, rows, note)


def _columns(blocks: list[dict[str, Any]]) -> list[Any]:
    return [
        *(median(blocks, key) for key in ("rate", "cpu_us", "p50_ms", "p99_ms", "rss_mb")),
        max(block["peak_mb"] for block in blocks),
        int(sum(block["not_200"] for block in blocks)),
        int(sum(block["lost"] for block in blocks)),
    ]


def _phoenix_python(run: Run) -> str | None:
    """The interpreter that has Phoenix, installed if requested."""
    known = run.options.phoenix_python or os.environ.get("PHOENIX_PYTHON")
    if known:
        return str(known)
    if not run.options.phoenix:
        return None
    place = run.homes / "phoenix"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        raise SystemExit("uv is not installed: pip install uv")
    subprocess.run([uv, "venv", "-q", str(place), "--python", sys.executable], check=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", str(python), "arize-phoenix"], check=True
    )
    return str(python)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--phoenix", action="store_true", help="install Arize Phoenix and compare")
    parser.add_argument("--phoenix-python", metavar="PATH", help="an interpreter that has it")


if __name__ == "__main__":
    harness.main(__doc__, measure, child, arguments=arguments)
