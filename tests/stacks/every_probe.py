"""Every method of MCP, twice, and everything that may be wrong with a request, in one stack.

``every_probe.py stdio`` and ``http`` start ``every_probe.py serve stdio|http``, ask it by hand, and
print what was answered and what was recorded, as one JSON object. ``memory`` asks a server with
transformed tools, middleware and authorization by the stack's own client, and then calls it in
process. No tool is decorated but those whose name says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import wire_probe
from opentelemetry import trace
from probe import FASTMCP, MCP, FastMCP
from pydantic import AnyUrl
from wire_probe import ToolError, connect

import cortex_otel

IS_MODERN = MCP == 2
SECONDS = 60


# --- A server that has something for every method -------------------------------------------------


def make_server():
    server = FastMCP("every", **({} if FASTMCP or IS_MODERN else {"port": wire_probe._port()}))

    @server.tool()
    def ok(text: str = "x") -> str:
        return text

    @server.tool()
    async def streams(number: int = 1):
        for value in range(number):
            yield value

    @server.tool()
    @cortex_otel.instrument_tool
    async def streams_decorated(number: int = 1):
        for value in range(number):
            yield value

    @server.tool()
    @cortex_otel.instrument_tool
    def yields_decorated(number: int = 1):
        yield from range(number)

    @server.tool()
    def returns_a_coroutine():
        async def later() -> str:
            return "later"

        return later()

    @server.tool()
    def hidden(fail: bool = False) -> str:  # noqa: FBT001, FBT002 - an argument of a tool
        if fail:
            raise LookupError("no")
        return "found"

    @server.prompt()
    def greet(name: str = "you") -> str:
        return f"Say hello to {name}"

    @server.resource("memo://one")
    def memo() -> str:
        return "a memo"

    @server.resource("memo://of/{name}")
    def memo_of(name: str) -> str:
        return f"a memo of {name}"

    hide(server)
    if not IS_MODERN:
        add_handlers(server._mcp_server)
    return server


def hide(server) -> None:
    """Leave ``hidden`` out of the list."""
    if FASTMCP:
        from fastmcp.server.middleware import Middleware

        class Hide(Middleware):
            async def on_list_tools(self, context, call_next):
                return [tool for tool in await call_next(context) if tool.name != "hidden"]

        server.add_middleware(Hide())
        return
    listed = server.list_tools

    async def list_tools():
        return [tool for tool in await listed() if tool.name != "hidden"]

    server.list_tools = list_tools
    if not IS_MODERN:
        server._mcp_server.list_tools()(list_tools)


def add_handlers(low) -> None:
    """What only a low-level server of mcp 1 has."""

    @low.subscribe_resource()
    async def subscribe(uri) -> None: ...

    @low.unsubscribe_resource()
    async def unsubscribe(uri) -> None: ...

    @low.set_logging_level()
    async def set_level(level) -> None: ...

    @low.completion()
    async def complete(ref, argument, context):
        return None


def serve(transport: str) -> None:
    cortex_otel.configure()
    server = make_server()
    if transport == "stdio":
        server.run("stdio", **({"show_banner": False} if FASTMCP else {}))
    elif FASTMCP:
        server.run("http", port=wire_probe._port(), show_banner=False, log_level="error")
    elif IS_MODERN:
        server.run("streamable-http", port=wire_probe._port())
    else:
        server.run("streamable-http")


# --- Clients by hand ------------------------------------------------------------------------------

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "by-hand", "version": "1"},
}
FAIL = {"name": "hidden", "arguments": {"fail": True}}
ARGUMENT = {
    "ref": {"type": "ref/prompt", "name": "greet"},
    "argument": {"name": "name", "value": "x"},
}
METHODS = [
    ("ping", None), ("tools/call", FAIL), ("tools/list", None), ("tools/call", FAIL),
    ("tools/call", {"name": "ok"}), ("prompts/list", None), ("prompts/get", {"name": "greet"}),
    ("resources/list", None), ("resources/templates/list", None),
    ("resources/read", {"uri": "memo://one"}), ("resources/read", {"uri": "memo://of/x"}),
    ("resources/subscribe", {"uri": "memo://one"}), ("resources/unsubscribe", {"uri": "memo://one"}),
    ("completion/complete", ARGUMENT), ("logging/setLevel", {"level": "info"}),
    ("tasks/list", None), ("tasks/get", {"taskId": "t"}), ("tasks/result", {"taskId": "t"}),
    ("tasks/cancel", {"taskId": "t"}), ("server/discover", None), ("own/method", {"a": 1}),
    ("initialize", HELLO),
]  # fmt: skip
WRONG = [
    ("tools/call", {}), ("tools/call", None), ("tools/call", {"name": None}),
    ("tools/call", {"name": 3}), ("tools/call", {"name": ["ok"]}),
    ("tools/call", {"name": "ok", "arguments": "x"}),
    ("tools/call", {"name": "ok", "arguments": 5}), ("prompts/get", {}),
    ("prompts/get", {"name": 3}), ("prompts/get", None),
    ("resources/read", {}), ("resources/read", {"uri": 5}), ("resources/read", None),
    ("logging/setLevel", {"level": "nonsense"}), ("initialize", {"protocolVersion": 5}),
]  # fmt: skip
RUN = [
    ("tools/call", {"name": name})
    for name in (
        "",
        "none",
        "streams",
        "streams_decorated",
        "yields_decorated",
        "returns_a_coroutine",
    )
] + [("tools/call", {"name": "ok", "arguments": {"text": {}}})]


class Asked:
    """Requests with their answers; each has an id of its own."""

    def __init__(self, exchange) -> None:
        self._exchange = exchange
        self.all = []

    def __call__(self, method, params=None):
        identity = f"{len(self.all)}-{method}"
        message = {"jsonrpc": "2.0", "id": identity, "method": method}
        if params is not None:
            message["params"] = params
        answer = self._exchange(message) or {}
        result = answer.get("result") or {}
        self.all.append(
            {
                "id": identity,
                "method": method,
                "params": params,
                "code": answer.get("error", {}).get("code"),
                "is_error": result.get("isError", False),
                "text": str((result.get("content") or [{}])[0].get("text")),
            }
        )


def ask_over_stdio() -> list:
    command = [sys.executable, __file__, "serve", "stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:

        def send(message):
            server.stdin.write(json.dumps(message).encode() + b"\n")
            server.stdin.flush()

        def exchange(message):
            send(message)
            for line in server.stdout:
                answer = json.loads(line)
                if answer.get("id") == message["id"]:
                    return answer
            return sys.exit(f"no answer to {message}")

        ask = Asked(exchange)
        ask("tools/call", {"name": "ok"})  # before the handshake
        ask("initialize", HELLO)
        send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        for method, params in METHODS + WRONG + RUN:
            ask(method, params)
            ask(method, params)
        server.stdin.close()
        server.wait(SECONDS)
    return ask.all


def ask_over_http() -> list:
    with wire_probe.served_over_http(probe=__file__) as url:
        asked = []
        for _ in range(2):
            client = HttpClient(url)
            ask = Asked(client.exchange)
            ask.all = asked
            ask("initialize", HELLO)
            client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
            for method, params in METHODS[:9] + WRONG[:4]:
                ask(method, params)
        if IS_MODERN:
            for _ in range(2):  # no handshake: each request says who asks
                modern = HttpClient(url, is_modern=True)
                ask = Asked(modern.exchange)
                ask.all = asked
                for method in ("server/discover", "tools/list", "resources/list", "prompts/list"):
                    ask(method, {})
                ask("tools/call", {"name": "ok", "arguments": {}})
        return asked


class HttpClient:
    """One client of a streamable-HTTP server."""

    def __init__(self, url: str, *, is_modern: bool = False) -> None:
        self._url = urlsplit(url)
        self._is_modern = is_modern
        self._session = ""

    def exchange(self, message):
        return next((m for m in self.send(message) if m.get("id") == message["id"]), None)

    def send(self, message) -> list:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        if self._is_modern:
            message["params"] = {
                **message["params"],
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientInfo": HELLO["clientInfo"],
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            }
            headers |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": message["method"]}
            if "name" in message["params"]:
                headers["Mcp-Name"] = message["params"]["name"]
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        connection = http.client.HTTPConnection(self._url.netloc, timeout=SECONDS)
        connection.request("POST", self._url.path, json.dumps(message), headers)
        answer = connection.getresponse()
        self._session = answer.getheader("Mcp-Session-Id") or self._session
        body = answer.read().decode()
        connection.close()
        lines = [line.removeprefix("data:") for line in body.splitlines() if line[:5] == "data:"]
        return [json.loads(line) for line in lines or [body] if line.strip()]


# --- What stands around tools, and calls that no client made --------------------------------------


def make_guarded_server():
    server = FastMCP("guarded")

    @server.tool()
    def add(a: int, b: int = 1) -> int:
        return a + b

    @server.tool()
    def crashes() -> int:
        raise LookupError("no")

    @server.tool()
    def breaks_its_promise() -> int:
        return "no number"

    @server.tool()
    @cortex_otel.instrument_tool
    def decorated(a: int = 1) -> int:
        return a

    @server.tool()
    async def calls_wrongly() -> str:
        return str(await call_in_process(server, "add", {"a": "x"}))

    @server.tool()
    def answers_rpc() -> int:
        if IS_MODERN:
            from mcp import MCPError

            raise MCPError(code=-32000, message="limit")
        from mcp import McpError
        from mcp.types import ErrorData

        raise McpError(ErrorData(code=-32000, message="limit"))

    @server.tool()
    async def streams():
        yield 1

    @server.resource("memo://one")
    def memo() -> str:
        return "a memo"

    if FASTMCP:
        add_transformed(server)
        add_middleware(server)
    return server


def add_transformed(server) -> None:
    from fastmcp.tools import Tool
    from fastmcp.tools.tool_transform import ArgTransform, forward

    def base(a: int) -> int:
        return a

    async def passes_on(first: str):
        return await forward(first=first)

    async def fails(first: str):
        raise KeyError("its own")

    parent = Tool.from_function(base, name="base")
    renamed = {"a": ArgTransform(name="first")}
    for name, function in (("renamed", None), ("passes_on", passes_on), ("fails", fails)):
        server.add_tool(
            Tool.from_tool(parent, name=name, transform_args=renamed, transform_fn=function)
        )


def add_middleware(server) -> None:
    from fastmcp import exceptions
    from fastmcp.server.middleware import Middleware

    refusals = {
        "refused": ToolError("no"),
        "invalid": exceptions.ValidationError("no"),
        "breaks": PermissionError("no"),
    }
    if FASTMCP > 2:
        refusals["unauthorized"] = exceptions.AuthorizationError("no")
    if FASTMCP > 3:
        refusals["lacks_scope"] = exceptions.InsufficientScopeError(["admin"])

    class Guard(Middleware):
        async def on_call_tool(self, context, call_next):
            refusal = refusals.get(context.message.name)
            if refusal is not None:
                raise refusal
            return await call_next(context)

    server.add_middleware(Guard())
    for name in refusals:

        def tool() -> int:
            return 1

        server.tool(name=name)(tool)


GUARDED = [
    ("add", {"a": 1}), ("add", {"a": "x"}), ("crashes", {}), ("answers_rpc", {}), ("none", {}),
    ("breaks_its_promise", {}), ("decorated", {}),
    *([("calls_wrongly", {})] if FASTMCP != 2 else []),
]  # fmt: skip
if FASTMCP:
    GUARDED += [
        ("renamed", {"first": 1}),
        ("renamed", {"first": "x"}),
        ("renamed", {}),
        ("renamed", {"other": 1}),
        ("passes_on", {"first": "5"}),
        ("passes_on", {"first": "x"}),
        ("fails", {"first": "x"}),
        ("refused", {}),
        ("invalid", {}),
        ("breaks", {}),
    ]
    GUARDED += [("unauthorized", {})] if FASTMCP > 2 else []
    GUARDED += [("lacks_scope", {})] if FASTMCP > 3 else []
IN_PROCESS = [
    ("add", {"a": 1}), ("add", {"a": "x"}), ("crashes", {}), ("none", {}), ("streams", {}),
    ("decorated", {}),
]  # fmt: skip


def call_in_process(server, name, arguments):
    """As a program calls a tool of its own server; fastmcp 2 has no way but an inner one."""
    if FASTMCP == 2:
        return server._call_tool_mcp(name, arguments)
    return server.call_tool(name, arguments)


FILES = ("open", "import", "os.")
file_work: list[str] = []
"""What of ours touches files on the event loop, once the first client is there."""


def watch_files() -> None:
    """From here on; an audit hook can't be taken back."""
    loop = threading.get_ident()

    def audit(event, arguments):
        if event.startswith(FILES) and threading.get_ident() == loop:
            frame = sys._getframe(1)
            while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
                frame = frame.f_back
            module = frame.f_globals.get("__name__", "") if frame else ""
            if module.startswith("cortex_otel") and not module.endswith("stacks.tools"):
                file_work.append(f"{event} in {module}:{frame.f_lineno}")

    sys.addaudithook(audit)


_BETWEEN = {"importlib", "_frozen_importlib", "_frozen_importlib_external", "pathlib", "os", "io",
            "tempfile", "linecache", "traceback", "logging", "shutil", "inspect"}  # fmt: skip


async def ask_in_memory() -> dict:
    """The calls in the order in which their rows begin."""
    server = make_guarded_server()
    by_client, by_program = [], []
    async with connect(server) as client:
        with contextlib.suppress(Exception):
            await client.list_tools()
        cortex_otel.force_flush(10_000)  # with the first record comes what needs files
        watch_files()
        with contextlib.suppress(Exception):  # `none` of the things that are asked for
            await client.get_prompt("none", {})
        for uri in ("memo://one", "memo://none"):
            with contextlib.suppress(Exception):
                await client.read_resource(uri if IS_MODERN else AnyUrl(uri))
        for name, arguments in GUARDED:
            with contextlib.suppress(Exception):  # the rows tell
                await client.call_tool(name, arguments)
            by_client.append([name, arguments])
    tracer = trace.get_tracer("the host")
    for name, arguments in IN_PROCESS:
        for around in (contextlib.nullcontext(), tracer.start_as_current_span("a job")):
            with around, contextlib.suppress(Exception):
                await call_in_process(server, name, arguments)
            by_program.append([name, arguments])
    return {"by_client": by_client, "by_program": by_program, "file_work": file_work.copy()}


def main() -> None:
    match sys.argv[1:]:
        case ["serve", transport, *_]:
            serve(transport)
            return
        case ["stdio"]:
            found = {"asked": ask_over_stdio()}
        case ["http"]:
            found = {"asked": ask_over_http()}
        case ["memory"]:
            cortex_otel.configure()
            found = asyncio.run(ask_in_memory())
            cortex_otel.shutdown(5000)
        case _:
            sys.exit(__doc__)
    json.dump({**found, **wire_probe.stored()}, sys.stdout)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # of coroutines that a stack never awaits
    main()
