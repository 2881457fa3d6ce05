"""Run by the Python of another MCP stack's environment; prints one JSON object.

``probe.py memory`` and ``probe.py stdio COMMAND …`` compare and count; ``probe.py serve
[--decorated]`` is the server; ``probe.py order`` puts the decorator where it doesn't belong.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator  # noqa: TC003 - the stacks evaluate annotations
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

CONTENT = "the secret of the result"


def _version(distribution: str) -> int:
    try:
        return int(importlib.metadata.version(distribution).split(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return 0


FASTMCP, MCP = _version("fastmcp"), _version("mcp")
if FASTMCP:
    from fastmcp import Context, FastMCP
elif MCP == 1:
    from mcp.server.fastmcp import Context, FastMCP
else:
    from mcp.server.mcpserver import Context
    from mcp.server.mcpserver import MCPServer as FastMCP


class Point(BaseModel):
    x: int = Field(description="To the right")
    y: float = 0.0


class Found(BaseModel):
    items: list[str]
    total: int


def make_server(decorate, named):
    """The server, its tools decorated by `decorate`; a tool of another name by `named(name)`."""
    server = FastMCP("probe")

    @server.tool()
    @decorate
    def add(a: int, b: int = 2) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    @decorate
    async def search(
        query: Annotated[str, Field(description="What to look for", max_length=99)],
        top_k: int = 5,
    ) -> Found:
        """Search the context.

        Args:
            query: words
        """
        await asyncio.sleep(0)
        return Found(items=[query, CONTENT][:top_k], total=2)

    # fastmcp 2 loses the default of a keyword-only parameter where another is Annotated, and
    # finds it again under a decorator: so it has a tool of its own.
    @server.tool()
    @decorate
    async def find(query: str, *, exact: bool = False) -> list[str]:
        """Have a keyword-only parameter."""
        return [query] * (2 if exact else 1)

    @server.tool()
    @decorate
    def shift(point: Point, by: int = 1) -> Point:
        """Take and return a model."""
        return Point(x=point.x + by, y=point.y)

    @server.tool()
    @decorate
    async def with_context(query: str, ctx: Context) -> str:
        """Be given the request's context."""
        return f"{query} {type(ctx).__name__} {bool(ctx.request_id)}"

    @server.tool()
    @decorate
    def sync_with_context(ctx: Context, query: str = "x") -> dict[str, int]:
        """Be given the context in a worker thread."""
        return {type(ctx).__name__: len(query)}

    @server.tool()
    @decorate
    def fails(text: str) -> str:
        """Raise."""
        raise ValueError(f"{text}: {CONTENT}")

    @server.tool()
    @decorate
    async def fails_later(text: str) -> str:
        """Raise."""
        await asyncio.sleep(0)
        raise LookupError(f"{text}: {CONTENT}")

    @server.tool()
    @decorate
    async def times_out() -> str:
        """Take too long."""
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
        return "never"

    @server.tool(name="renamed")
    @named("renamed")
    def other_name(values: list[int]) -> list[int]:
        """Sort."""
        return sorted(values)

    class Shop:
        @decorate
        def buy(self, item: str) -> str:
            """Be a method."""
            return f"{type(self).__name__} {item}"

        @decorate
        async def buy_later(self, item: str) -> str:
            """Be an async method."""
            return f"{type(self).__name__} {item}"

        @decorate
        @classmethod
        def open_shop(cls, number: int) -> str:
            """Be a class method."""
            return f"{cls.__name__} {number}"

        @staticmethod
        @decorate
        def close_shop(number: int) -> str:
            """Be a static method."""
            return str(number)

    shop = Shop()
    for method in (shop.buy, shop.buy_later, Shop.open_shop, Shop.close_shop):
        server.tool()(method)

    with contextlib.suppress(Exception):  # not every stack takes one

        @server.tool()
        @decorate
        async def stream(number: int) -> AsyncIterator[int]:
            """Be an async generator."""
            for value in range(number):
                yield value

    return server


CALLS = [
    ("add", {"a": 1}),
    ("add", {"a": 1, "b": 40}),
    ("search", {"query": "needle"}),
    ("find", {"query": "needle", "exact": True}),
    ("shift", {"point": {"x": 1, "y": 2.5}, "by": 3}),
    ("with_context", {"query": "q"}),
    ("sync_with_context", {}),
    ("fails", {"text": "boom"}),
    ("fails_later", {"text": "boom"}),
    ("times_out", {}),
    ("renamed", {"values": [3, 1, 2]}),
    ("buy", {"item": "tea"}),
    ("buy_later", {"item": "tea"}),
    ("open_shop", {"number": 1}),
    ("close_shop", {"number": 2}),
]
REFUSED = [("shift", {"point": {"x": "not a number"}}), ("no_such_tool", {})]


@contextlib.asynccontextmanager
async def connect(target):
    """Ways to list and call, of this stack's own client; `target` is a server or a command."""
    if FASTMCP:
        from fastmcp import Client
        from fastmcp.client.transports import StdioTransport

        if isinstance(target, list):
            target = StdioTransport(
                target[0],
                target[1:],
                env=dict(os.environ),
                keep_alive=False,
                **(
                    {"log_file": Path(os.environ["PROBE_STDERR"])}
                    if "PROBE_STDERR" in os.environ
                    else {}
                ),
            )
        async with Client(target) as client:
            yield client.list_tools_mcp, client.call_tool_mcp
        return
    if isinstance(target, list):
        from mcp import StdioServerParameters
        from mcp.client.stdio import stdio_client

        parameters = StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
        log = await asyncio.to_thread(open, os.environ["PROBE_STDERR"], "w")
        target = stdio_client(parameters, errlog=log)
    if MCP == 1:
        from mcp import ClientSession
        from mcp.shared.memory import (
            create_connected_server_and_client_session as in_memory,
        )

        if isinstance(target, FastMCP):
            async with in_memory(target._mcp_server) as session:
                yield session.list_tools, session.call_tool
        else:
            async with target as streams, ClientSession(*streams) as session:
                await session.initialize()
                yield session.list_tools, session.call_tool
        return
    from mcp import Client

    async with Client(target) as client:
        yield client.list_tools, client.call_tool


def dump(model) -> str:
    """The bytes that would go over the wire."""
    return model.model_dump_json(by_alias=True)


async def call_all(target, calls):
    """What is listed, and what each call answered or raised, as text."""
    answers = []
    async with connect(target) as (list_tools, call_tool):
        listed = dump(await list_tools())
        for name, arguments in calls:
            try:
                answers.append(dump(await call_tool(name, arguments)))
            except Exception as error:  # noqa: BLE001 - what the client tells is the answer
                answers.append(f"{type(error).__name__}: {error}")
    return {"listed": listed, "answers": answers}


def stored():
    """What is in the database: the calls in the order of their start, and the metric points."""
    path = Path(os.environ["CORTEX_OTEL_HOME"]) / "cortex.db"
    if not path.exists():
        return {"calls": [], "points": {}, "other": []}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        columns = "tool_name, kind, name, result, error_type, scope, event_data"
        calls = connection.execute(
            f"SELECT {columns} FROM telemetry_events WHERE event_type = 'mcp.tool_call' "
            "ORDER BY timestamp"
        ).fetchall()
        other = connection.execute(
            "SELECT name, kind, scope FROM telemetry_events WHERE event_type <> 'mcp.tool_call'"
        ).fetchall()
        points = connection.execute(
            "SELECT attributes ->> '$.\"gen_ai.tool.name\"' AS tool, sum(count) AS calls "
            "FROM telemetry_metrics WHERE metric_name = 'mcp.server.operation.duration' GROUP BY 1"
        ).fetchall()
    return {
        "calls": [dict(row) for row in calls],
        "other": [dict(row) for row in other],
        "points": {row["tool"]: row["calls"] for row in points},
    }


async def memory():
    """Plain, then decorated: both in memory."""
    import cortex_otel

    def nothing(function):
        return function

    plain = await call_all(make_server(nothing, lambda _name: nothing), CALLS + REFUSED)
    decorated = make_server(
        cortex_otel.instrument_tool, lambda name: cortex_otel.instrument_tool(name=name)
    )
    off = await call_all(decorated, CALLS + REFUSED)  # not configured yet
    cortex_otel.configure(service="mcp", tier="paid")
    on = await call_all(decorated, CALLS + REFUSED)
    cortex_otel.shutdown(5000)
    return {"plain": plain, "off": off, "on": on, **stored()}


def order():
    """The decorator above `@server.tool()`, on a function and with arguments."""
    import cortex_otel

    server = FastMCP("probe")
    cortex_otel.configure()

    @cortex_otel.instrument_tool
    @server.tool()
    def above(a: int) -> int:
        return a

    @server.tool()
    @cortex_otel.instrument_tool
    def below(a: int) -> int:
        return a

    answers = asyncio.run(call_all(server, [("above", {"a": 1}), ("below", {"a": 1})]))["answers"]
    cortex_otel.shutdown(5000)
    return {"answers": answers, **stored()}


def serve(*, decorated: bool) -> None:
    """On stdio."""
    decorate, named = (lambda function: function), (lambda _name: lambda function: function)
    if decorated:
        import cortex_otel

        cortex_otel.configure()
        decorate = cortex_otel.instrument_tool
        named = lambda name: cortex_otel.instrument_tool(name=name)  # noqa: E731
    server = make_server(decorate, named)
    server.run("stdio", **({"show_banner": False} if FASTMCP else {}))


def main() -> None:
    """See the module."""
    match sys.argv[1:]:
        case ["serve", *options]:
            serve(decorated="--decorated" in options)
            return
        case ["memory"]:
            found = asyncio.run(memory())
        case ["stdio", *command]:
            found = asyncio.run(call_all(command, CALLS + REFUSED))
            found |= stored()
        case ["order"]:
            found = order()
        case _:
            sys.exit(__doc__)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
