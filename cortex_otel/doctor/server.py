"""Starts the user's server as a client does, lists its tools, and stops it.

It sends only ``initialize`` and ``tools/list``: no tool is called. Telemetry goes to a directory
that is deleted afterwards.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from cortex_otel.doctor.findings import ok, problem, warning
from cortex_otel.doctor.processes import begin, end
from cortex_otel.locale import _, ngettext
from cortex_otel.query.writers import read_writers
from cortex_otel_exporters.sqlite.reader import StoreError, StoreMissingError, open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from cortex_otel.doctor.findings import Finding

__all__ = ["start"]

# The reference client closes stdin, waits this long, and then sends SIGTERM.
_PATIENCE_SECONDS = 2.0
_MAX_EXIT_SECONDS = 10.0
_MAX_LINES = 10_000
_INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "cortex-otel-doctor", "version": "1"},
}


def start(
    command: Sequence[str], *, timeout_seconds: float, expected: bool | None
) -> Iterator[Finding]:
    """Start ``command``, make the handshake, stop it, and check what it recorded.

    Args:
        command: the user's command line.
        timeout_seconds: time limit of each of the two responses.
        expected: whether telemetry is on in this Python, ``None`` if that depends on the server's
            code; decides on the finding if nothing was recorded.
    """
    with tempfile.TemporaryDirectory(prefix="cortex-doctor-") as directory:
        home = Path(directory, "home")
        try:
            server = _Server(command, home, Path(directory, "stderr"))
        except OSError as error:
            yield problem(
                "server_not_started",
                _("the server doesn't start ({detail}): try it yourself"),
                detail=error,
            )
            return
        with server:
            yield from _handshake(server, timeout_seconds)
        yield from _recorded(home, expected=expected)


def _handshake(server: _Server, timeout_seconds: float) -> Iterator[Finding]:
    started = time.monotonic()
    answer = server.ask(1, "initialize", _INITIALIZE, timeout_seconds)
    if answer is None:
        if server.ended:
            yield problem(
                "server_died",
                _(
                    "the server exited (code {code}) before it answered; its last output: "
                    "{detail} — run it yourself to see more"
                ),
                code=server.process.returncode,
                detail=server.last_line(),
            )
        else:
            yield problem(
                "server_silent",
                _(
                    "no answer to initialize over stdio in {seconds} s; its last output: "
                    "{detail} — is it an HTTP server? If not, give it a longer --timeout"
                ),
                seconds=f"{timeout_seconds:g}",
                detail=server.last_line(),
            )
        yield from server.stray_findings()
        return
    took = f"{time.monotonic() - started:.1f}"
    info = _nested(answer, "result", "serverInfo")
    name = f"{info.get('name', '?')} {info.get('version', '')}".strip()
    yield ok(
        "server_answers", _("{name} answered initialize after {seconds} s"), name=name, seconds=took
    )
    server.send("notifications/initialized")
    tools = _nested(server.ask(2, "tools/list", {}, timeout_seconds) or {}, "result").get("tools")
    if isinstance(tools, list):
        yield ok(
            "server_tools",
            ngettext(
                "it offers {count} tool; it was not called",
                "it offers {count} tools; none was called",
                len(tools),
            ),
            count=len(tools),
        )
    else:
        yield warning("server_no_tools", _("it didn't answer tools/list: check that it has tools"))
    seconds = server.close()
    if seconds is None:
        yield problem(
            "server_stays",
            _(
                "it was still running {seconds} s after stdin was closed and had to be "
                "killed; clients do so after 2 s: look for threads that never end"
            ),
            seconds=f"{_MAX_EXIT_SECONDS:g}",
        )
    elif seconds > _PATIENCE_SECONDS:
        yield problem(
            "server_slow_exit",
            _(
                "it took {seconds} s to exit after stdin was closed; clients send SIGTERM "
                "after 2 s: look for exporters and threads that wait at exit"
            ),
            seconds=f"{seconds:.1f}",
        )
    else:
        yield ok(
            "server_exits",
            _("it exited {seconds} s after stdin was closed"),
            seconds=f"{seconds:.1f}",
        )
    yield from server.stray_findings()
    yield from server.complaints()


def _nested(answer: object, *keys: str) -> dict[str, Any]:
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer if isinstance(answer, dict) else {}


def _recorded(home: Path, *, expected: bool | None) -> Iterator[Finding]:
    spans = 0
    try:
        connection = open_reader(home / "cortex.db")
    except StoreMissingError:
        pass
    except StoreError as error:
        yield problem(
            "server_store", _("what the server recorded can't be read: {detail}"), detail=error
        )
        return
    else:
        with contextlib.closing(connection):
            spans = connection.execute("SELECT count(*) FROM telemetry_events").get
            yield from _providers(connection)
    for writer in read_writers(home):
        if writer.trouble or writer.faults:
            detail = writer.trouble or ", ".join(writer.faults)
            yield problem(
                "server_faults",
                _("telemetry failed in the server ({detail}): report it as an issue"),
                detail=detail,
            )
    if spans:
        yield ok(
            "server_recorded",
            ngettext(
                "{count} record of this handshake was stored",
                "{count} records of this handshake were stored",
                spans,
            ),
            count=spans,
        )
    elif expected:
        yield warning(
            "server_recorded_nothing",
            _(
                "recording is on, but this handshake left no record: the server answers "
                "without mcp or fastmcp, so only tools under @instrument_tool are recorded"
            ),
        )
    elif expected is None:
        yield warning(
            "server_maybe_recorded",
            _(
                "no record of this handshake: start it with opentelemetry-instrument or, if "
                "its code calls cortex_otel.configure(), call a tool and then run: "
                "cortex-otel tail"
            ),
        )
    else:
        yield problem(
            "server_not_recorded", _("nothing was recorded: follow the advice in the lines above")
        )


def _providers(connection: apsw.Connection) -> Iterator[Finding]:
    """Which OpenTelemetry providers the server used, and who gets what."""
    query = "SELECT DISTINCT outcome, reason FROM ledger WHERE signal = 'provider' ORDER BY 1, 2"
    signals_by_how: dict[str, list[str]] = {}
    for how, signal in connection.execute(query):
        signals_by_how.setdefault(how, []).append(signal)
    for how, signals in signals_by_how.items():
        named = ", ".join(signals)
        if how == "apart":
            yield warning(
                "provider_apart",
                _(
                    "the server has its own provider for {signal}, which can't be joined: "
                    "what it gets is not in the local store, and what cortex-otel records "
                    "doesn't reach it; use a provider of OpenTelemetry's SDK"
                ),
                signal=named,
            )
        elif how == "mirrored":
            yield ok(
                "provider_mirrored",
                _(
                    "the server has its own provider for {signal}, which isn't from "
                    "OpenTelemetry's SDK; cortex-otel follows its spans: both get everything"
                ),
                signal=named,
            )
        else:
            yield ok(
                "provider_joined",
                _(
                    "the server has its own OpenTelemetry provider for {signal}, and "
                    "cortex-otel has joined it: both get everything"
                ),
                signal=named,
            )
    if not signals_by_how:
        yield ok(
            "provider_own",
            _("the OpenTelemetry providers are cortex-otel's: the server sets none of its own"),
        )


class _Server:
    """A running server and its three streams."""

    def __init__(self, command: Sequence[str], home: Path, stderr: Path) -> None:
        self._stderr = stderr
        with stderr.open("wb") as file:
            self.process = begin(command, home, stdin=subprocess.PIPE, stderr=file)
        self._lines: queue.Queue[bytes | None] = queue.Queue(_MAX_LINES)
        self._stray, self._first_stray = 0, ""
        self.ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)  # also after Ctrl-C: no process outlives the command
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()

    def _read(self) -> None:
        stdout: IO[bytes] | None = self.process.stdout
        with contextlib.suppress(OSError, ValueError):
            for line in stdout or ():
                self._lines.put(line)
        self._lines.put(None)

    def send(self, method: str, number: int | None = None, params: Any = None) -> None:
        """Send a notification, or with a number a request."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if number is not None:
            message |= {"id": number, "params": params}
        with contextlib.suppress(OSError, ValueError):
            assert self.process.stdin is not None  # noqa: S101 - a pipe was requested
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def ask(self, number: int, method: str, params: Any, seconds: float) -> Any:
        """The response to a request; ``None`` if there is none in time."""
        self.send(method, number, params)
        deadline = time.monotonic() + seconds
        while (message := self._next(deadline)) is not None:
            if message.get("id") == number and "method" not in message:
                return message
        return None

    def _next(self, deadline: float) -> dict[str, Any] | None:
        """The next JSON-RPC message; other lines are kept for the report."""
        while not self.ended:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if line is None:
                self.ended = True
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(1)
                break
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                message = None
            if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
                return message
            if line.strip():
                self._stray += 1
                self._first_stray = self._first_stray or line.decode(errors="replace").strip()
            if time.monotonic() > deadline:  # a server that never stops writing
                return None
        return None

    def close(self) -> float | None:
        """Close stdin and wait; seconds until exit, ``None`` if it keeps running."""
        started = time.monotonic()
        with contextlib.suppress(OSError, ValueError):
            assert self.process.stdin is not None  # noqa: S101 - a pipe was requested
            self.process.stdin.close()
        try:
            self.process.wait(_MAX_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        took = time.monotonic() - started
        while self._next(time.monotonic() + 1) is not None:
            pass
        return took

    def stray_findings(self) -> Iterator[Finding]:
        """Findings on lines on stdout that weren't JSON-RPC."""
        if self._stray:
            yield problem(
                "server_stdout",
                ngettext(
                    "{count} line on stdout wasn't JSON-RPC (first: {first}): print to stderr",
                    "{count} lines on stdout weren't JSON-RPC (first: {first}): print to stderr",
                    self._stray,
                ),
                count=self._stray,
                first=self._first_stray,
            )

    def complaints(self) -> Iterator[Finding]:
        """Findings from the messages of cortex-otel and the launcher on stderr."""
        for line in self._stderr_lines():
            if "@instrument_tool stands above" in line:
                yield problem(
                    "server_order",
                    _(
                        "tool {tool}: @instrument_tool is above @mcp.tool(), so the names and "
                        "types of its parameters are not recorded (nor are its calls where no "
                        "MCP server is hooked): put it directly on the function"
                    ),
                    tool=line.partition(":")[0].removeprefix("tool "),
                )
            elif "Error in sitecustomize" in line:
                yield problem(
                    "server_sitecustomize",
                    _(
                        "the launcher could not load in the server's Python: run it inside "
                        "that environment"
                    ),
                )

    def last_line(self) -> str:
        """The last line on stderr."""
        lines = [line for line in self._stderr_lines() if line.strip()]
        return lines[-1].strip() if lines else "-"

    def _stderr_lines(self) -> list[str]:
        with self._stderr.open("rb") as file:
            file.seek(max(0, self._stderr.stat().st_size - (1 << 20)))
            return file.read().decode(errors="replace").splitlines()
