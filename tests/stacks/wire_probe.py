"""A server with every way to answer, and clients that ask for all of them, in one stack.

``wire_probe.py serve stdio|http [--telemetry]`` is the server; ``wire_probe.py memory``, ``stdio``
and ``http`` ask everything twice, without telemetry and with it, and print what the client got each
time and what was recorded, as one JSON object. ``mounted`` does so with a server inside another
(fastmcp). No tool is decorated but ``inner`` and ``claims``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from opentelemetry import trace
from probe import FASTMCP, MCP, Context, FastMCP, dump

import cortex_otel

if FASTMCP:
    from fastmcp.exceptions import ToolError
elif MCP == 1:
    from mcp.server.fastmcp.exceptions import ToolError
else:
    from mcp.server.mcpserver.exceptions import ToolError

SECRET = "the secret of the result"
HERE = Path(__file__)


def make_server():
    server = FastMCP("wire", **({} if FASTMCP or MCP == 2 else {"port": _port()}))

    @server.tool()
    def ok(text: str) -> str:
        return text

    @server.tool()
    async def refuses(text: str) -> str:
        raise ToolError(f"not today: {text} {SECRET}")

    @server.tool()
    async def crashes(text: str) -> str:
        raise LookupError(f"{text}: {SECRET}")

    @server.tool()
    def chains(text: str) -> str:
        try:
            return {}[text]
        except KeyError as error:
            raise RuntimeError(f"{text}: {SECRET}") from error

    @server.tool()
    async def own_validation(text: str) -> str:
        from pydantic import TypeAdapter

        return str(TypeAdapter(int).validate_python(text))

    @server.tool()
    def needs_a_number(number: int) -> int:
        return number

    @server.tool()
    async def times_out() -> str:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
        return "never"

    @server.tool()
    def slow(milliseconds: int) -> str:
        time.sleep(milliseconds / 1000)
        return "slept"

    @server.tool()
    async def waits(milliseconds: int) -> str:
        await asyncio.sleep(milliseconds / 1000)
        return "waited"

    @cortex_otel.instrument_tool
    def inner(text: str) -> str:
        return text.upper()

    server.tool()(inner)

    @server.tool()
    async def outer(text: str) -> str:
        return inner(text) + inner(text)

    @server.tool(name="claims")
    @cortex_otel.instrument_tool
    async def of_another_name(text: str) -> str:
        return text

    @server.tool()
    async def over_the_server(text: str, ctx: Context) -> str:
        """Call a tool of the same server in process, and get over its failing."""
        with contextlib.suppress(Exception):
            await server.call_tool("crashes", {"text": text})
        return "got over it"

    @server.tool()
    async def sets_attributes() -> str:
        trace.get_current_span().set_attribute("http.route", "/set/by/the/tool")
        return "set"

    @server.tool()
    async def soft() -> str:
        return f"Error: {SECRET}"

    @server.prompt()
    def greet(name: str) -> str:
        return f"Say hello to {name}"

    @server.resource("memo://one")
    def memo() -> str:
        return "a memo"

    @server.resource("memo://broken")
    def broken() -> str:
        raise ValueError(SECRET)

    return server


#: Method, target and arguments, in this order, one after the other.
ASKED = [
    ("tool", "ok", {"text": "x"}),
    ("tool", "refuses", {"text": "x"}),
    ("tool", "crashes", {"text": "x"}),
    ("tool", "chains", {"text": "x"}),
    ("tool", "own_validation", {"text": "x"}),
    ("tool", "needs_a_number", {"number": "none"}),
    ("tool", "no_such_tool", {}),
    ("tool", "times_out", {}),
    ("tool", "slow", {"milliseconds": 30}),
    ("tool", "outer", {"text": "x"}),
    ("tool", "claims", {"text": "x"}),
    ("tool", "over_the_server", {"text": "x"}),
    ("tool", "sets_attributes", {}),
    ("tool", "soft", {}),
    ("prompt", "greet", {"name": "you"}),
    ("prompt", "no_such_prompt", {}),
    ("resource", "memo://one", {}),
    ("resource", "memo://broken", {}),
    ("resource", "memo://none", {}),
]
AT_ONCE = 50


@contextlib.asynccontextmanager
async def connect(target):
    """A client of this stack; `target` is a server, a command or a URL."""
    if FASTMCP:
        from fastmcp import Client
        from fastmcp.client.transports import StdioTransport

        if isinstance(target, list):
            target = StdioTransport(
                target[0],
                target[1:],
                env=dict(os.environ),
                keep_alive=False,
                **({"log_file": Path(os.environ["PROBE_STDERR"])} if FASTMCP > 2 else {}),
            )
        async with Client(target) as client:
            client.call_tool, client.get_prompt, client.read_resource = (
                client.call_tool_mcp,
                client.get_prompt_mcp,
                client.read_resource_mcp,
            )
            client.list_tools = client.list_tools_mcp
            yield client
        return
    if isinstance(target, list):
        from mcp import StdioServerParameters
        from mcp.client.stdio import stdio_client

        parameters = StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
        log = await asyncio.to_thread(open, os.environ["PROBE_STDERR"], "w")
        target = stdio_client(parameters, errlog=log)
    if MCP == 1:
        from mcp import ClientSession
        from mcp.client.streamable_http import streamablehttp_client
        from mcp.shared.memory import create_connected_server_and_client_session as in_memory

        if isinstance(target, FastMCP):
            async with in_memory(target._mcp_server) as session:
                yield session
            return
        if isinstance(target, str):
            target = streamablehttp_client(target)
        async with target as streams, ClientSession(*streams[:2]) as session:
            await session.initialize()
            yield session
        return
    from mcp import Client

    async with Client(target) as client:
        yield client


def make_mounted_server():
    """A fastmcp server whose tools, prompt and resources are another's, under a prefix."""
    inner = FastMCP("inner")

    @inner.tool()
    def add(a: int, b: int = 1) -> int:
        return a + b

    @inner.tool()
    def crashes() -> int:
        raise LookupError(SECRET)

    @inner.prompt()
    def greet(name: str) -> str:
        return f"hello {name}"

    @inner.resource("memo://one")
    def one() -> str:
        return "one"

    outer = FastMCP("outer")
    with contextlib.suppress(TypeError):
        outer.mount(inner, namespace="sub")
        return outer
    outer.mount(inner, prefix="sub")
    return outer


MOUNTED = [
    ("tool", "sub_add", {"a": 1}),
    ("tool", "sub_crashes", {}),
    ("tool", "sub_none", {}),
    ("prompt", "sub_greet", {"name": "x"}),
    ("resource", "memo://sub/one", {}),
]


async def ask_all(target, asked=ASKED, at_once=AT_ONCE) -> list[str]:
    """What the client got: each answer or error, as text."""
    got = []
    async with connect(target) as client:
        got.append(dump(await client.list_tools()))
        for kind, name, arguments in asked:
            got.append(await _ask(client, kind, name, arguments))
        many = [_ask(client, "tool", "ok", {"text": str(n)}) for n in range(at_once)]
        got += await asyncio.gather(*many)
    return got


async def _ask(client, kind, name, arguments) -> str:
    try:
        if kind == "tool":
            return dump(await client.call_tool(name, arguments))
        if kind == "prompt":
            return dump(await client.get_prompt(name, arguments))
        from pydantic import AnyUrl

        answer = await client.read_resource(name if MCP != 1 else AnyUrl(name))
        return dump(answer)
    except Exception as error:  # noqa: BLE001 - what the client tells is the answer
        return f"{type(error).__name__}: {error}"


def stored() -> dict:
    path = Path(os.environ["CORTEX_OTEL_HOME"]) / "cortex.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        events = connection.execute(
            "SELECT * FROM telemetry_events WHERE kind <> 'client' ORDER BY timestamp, id"
        ).fetchall()
        points = connection.execute(
            "SELECT metric_name, attributes, count FROM telemetry_metrics ORDER BY id"
        ).fetchall()
        noted = connection.execute(
            "SELECT signal, outcome, reason FROM ledger "
            "WHERE outcome NOT IN ('received', 'stored', 'sampled_out')"
        ).fetchall()
    return {
        "noted": [list(row) for row in noted],
        "events": [{**dict(row), "event_data": json.loads(row["event_data"])} for row in events],
        "points": [{**dict(row), "attributes": json.loads(row["attributes"])} for row in points],
    }


def _port() -> int:
    return int(os.environ.get("PROBE_PORT", "8000"))


def serve(transport: str, *, telemetry: bool) -> None:
    if telemetry:
        cortex_otel.configure(soft_errors="Error:,Fehler")
    server = make_server()
    if transport == "stdio":
        server.run("stdio", **({"show_banner": False} if FASTMCP else {}))
    elif FASTMCP:
        server.run("http", port=_port(), show_banner=False, log_level="error")
    elif MCP == 1:
        server.run("streamable-http")
    else:
        server.run("streamable-http", port=_port())


@contextlib.contextmanager
def served_over_http(*options: str, probe: Path | str = HERE):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(probe), "serve", "http", *options]
    environment = {**os.environ, "PROBE_PORT": str(port)}
    log = Path(os.environ["PROBE_STDERR"]).open("a")  # noqa: SIM115 - the server's
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(2400):  # two minutes
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)
        log.close()


def main() -> None:
    match sys.argv[1:]:
        case ["serve", transport, *options]:
            serve(transport, telemetry="--telemetry" in options)
            return
        case ["memory"]:
            plain = asyncio.run(ask_all(make_server()))
            cortex_otel.configure(soft_errors="Error:,Fehler")
            seen = asyncio.run(ask_all(make_server()))
            cortex_otel.shutdown(5000)
        case ["mounted"]:
            plain = asyncio.run(ask_all(make_mounted_server(), MOUNTED, 0))
            cortex_otel.configure()
            seen = asyncio.run(ask_all(make_mounted_server(), MOUNTED, 0))
            cortex_otel.shutdown(5000)
        case ["stdio"]:
            command = [sys.executable, str(HERE), "serve", "stdio"]
            plain = asyncio.run(ask_all(command))
            seen = asyncio.run(ask_all([*command, "--telemetry"]))
        case ["http"]:
            with served_over_http() as url:
                plain = asyncio.run(ask_all(url))
            with served_over_http("--telemetry") as url:
                seen = asyncio.run(ask_all(url))
        case _:
            sys.exit(__doc__)
    json.dump({"plain": plain, "seen": seen, **stored()}, sys.stdout)


if __name__ == "__main__":
    main()
