"""Real calls while the pages are served: every few seconds, for live views, and an incident.

They run on their own thread, since the main one serves, and are reconciled like those of a round.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from mcp import Client

    from cortex_otel.demo.reconciliation import Server
    from cortex_otel.demo.scenario import Call

__all__ = ["Caller"]

_SECONDS_BETWEEN = (1.5, 4.0)
_SECONDS_A_CALL = 30.0
# Both servers end in less than one; a machine may do much else.
_SECONDS_TO_END = 10.0


class Caller:
    """Calls servers until it is stopped.

    Args:
        servers: their calls are repeated in random order; each is one process.
        failing: all its calls are made once, one after the other, at the beginning.
        directory: their working directory.
    """

    def __init__(self, servers: Sequence[Server], failing: Server, directory: Path) -> None:
        self._servers, self._failing, self._directory = servers, failing, directory
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cortex-otel-demo", daemon=True)
        self.failure = ""
        """Why it ended before it was stopped; one line."""
        self.failing_since_ns = 0
        """When the first of the calls that fail was made; Unix ns, 0 before."""

    def start(self) -> None:
        """Start; returns at once."""
        self._thread.start()

    def stop(self) -> bool:
        """Stop the calls and the servers; a running call is finished first.

        Returns:
            Whether they ended in time, or were never started.
        """
        if self._thread.ident is None:
            return True
        self._ready.wait(_SECONDS_TO_END)
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_SECONDS_TO_END)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._call_all())
        except Exception as error:  # noqa: BLE001 - the pages are served anyway
            cause: BaseException = error
            while isinstance(cause, BaseExceptionGroup):
                cause = cause.exceptions[0]
            self.failure = f"{type(cause).__name__}: {cause}"
        finally:
            self._ready.set()

    async def _call_all(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await asyncio.gather(
            self._fail(self._failing, self._stop),
            *(self._call(server, self._stop) for server in self._servers),
        )

    async def _call(self, server: Server, stop: asyncio.Event) -> None:
        choose = random.Random()  # noqa: S311 - not for secrets
        async with self._client(server) as client:
            while not stop.is_set():
                await _make(choose.choice(server.calls), client, server)
                await _wait(stop, choose.uniform(*_SECONDS_BETWEEN))

    async def _fail(self, server: Server, stop: asyncio.Event) -> None:
        async with self._client(server) as client:
            self.failing_since_ns = time.time_ns()
            for call in server.calls:
                if not stop.is_set():
                    await _make(call, client, server)
            # A client that leaves gives its server two seconds to store what is still queued.
            await stop.wait()

    @contextlib.asynccontextmanager
    async def _client(self, server: Server) -> AsyncIterator[Client]:
        from mcp import Client, StdioServerParameters  # noqa: PLC0415 - an extra
        from mcp.client.stdio import stdio_client  # noqa: PLC0415 - the same

        command, *options = server.command
        parameters = StdioServerParameters(
            command=command, args=options, env=server.environment, cwd=self._directory
        )
        with Path(os.devnull).open("w", encoding="utf-8") as stderr:  # noqa: ASYNC230 - never blocks
            async with Client(
                stdio_client(parameters, errlog=stderr), read_timeout_seconds=_SECONDS_A_CALL
            ) as client:
                yield client


async def _make(call: Call, client: Client, server: Server) -> None:
    from mcp import MCPError  # noqa: PLC0415 - an extra

    server.called += 1
    try:
        answer = await client.call_tool(call.tool, dict(call.arguments))
        server.failed += bool(answer.is_error)
    except MCPError:
        server.failed += 1


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
