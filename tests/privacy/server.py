"""An mcp 2 server with native spans: a decorated tool and an undecorated one, both talkative."""

from __future__ import annotations

import logging
import sys

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

import cortex_otel

cortex_otel.configure(service="mcp")
# What mcp and the OpenTelemetry API log of a failure or of a senseless baggage is the server's
# affair: it would be there without us.
for name in ("mcp", "opentelemetry"):
    logging.getLogger(name).setLevel(logging.CRITICAL + 1)
mcp = MCPServer("canary-server")


def behave(how: str, text: str) -> str:
    if how == "crash":
        raise ValueError(text) from KeyError(text)
    if how == "tool_error":
        raise ToolError(text)
    if how == "timeout":
        raise TimeoutError(text)
    if how == "group":
        raise ExceptionGroup(text, [ValueError(text)])
    return text


@mcp.tool()
@cortex_otel.instrument_tool
def decorated(how: str, text: str, context: Context) -> str:
    return behave(how, text)


@mcp.tool()
@cortex_otel.instrument_tool
async def decorated_later(how: str, text: str) -> dict[str, list[str]]:
    return {"said": [behave(how, text)]}


@mcp.tool()
def undecorated(how: str, text: str) -> str:
    return behave(how, text)


@mcp.tool()
def counts(number: int) -> int:
    return number


@mcp.resource("memo://{name}")
def memo(name: str) -> str:
    return name


@mcp.prompt()
def greet(name: str) -> str:
    return name


sys.stderr.write("ready\n")
mcp.run()
