"""An MCP server on another event loop than asyncio's own: `loop_host.py uvloop|trio end|wait`.

Prints a line when its work is done; with `wait` it then waits for a signal.
"""

from __future__ import annotations

import faulthandler
import sys

import anyio
from mcp import Client
from mcp.server.mcpserver import MCPServer

import cortex_otel

faulthandler.dump_traceback_later(60, exit=True)
LOOP, OPTION = sys.argv[1:3]
cortex_otel.configure(service="mcp")
server = MCPServer("loops")


@server.tool()
@cortex_otel.instrument_tool
async def double(number: int) -> int:
    await anyio.sleep(0.001)
    return 2 * number


@server.tool()
@cortex_otel.instrument_tool
def sync_double(number: int) -> int:
    return 2 * number


@cortex_otel.instrument_tool
async def endless() -> None:
    await anyio.sleep_forever()


async def main() -> None:
    async with Client(server) as client:
        for tool in ("double", "sync_double"):
            for number in range(5):
                await client.call_tool(tool, {"number": number})
    with anyio.move_on_after(0.05):
        await endless()
    sys.stdout.write("done\n")
    sys.stdout.flush()
    if OPTION == "wait":
        await anyio.sleep_forever()


if LOOP == "trio":
    anyio.run(main, backend="trio")
else:
    import uvloop

    uvloop.run(main())
