"""The trace context that a server sends to its client, read from the bytes that it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.system

SERVER = """
import cortex_otel
cortex_otel.configure()
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("asking")

@server.tool()
async def ask(ctx: Context) -> str:
    return str(len((await ctx.session.list_roots()).roots))

server.run("stdio")
"""
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"roots": {}},
    "clientInfo": {"name": "test", "version": "1"},
}
CARRIED = {
    "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
    "tracestate": "vendor=7",
    "baggage": "customer=42",
}


@pytest.fixture
def asked(tmp_path):
    """What the server asks its client for, as it stands on the wire; and the store's rows."""

    def ask(**environment: str):
        with subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "CORTEX_OTEL_HOME": str(tmp_path / "home"), **environment},
        ) as server:

            def send(**message):
                server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
                server.stdin.flush()

            send(id=1, method="initialize", params=HELLO)
            server.stdout.readline()
            send(method="notifications/initialized")
            params = {"name": "ask", "arguments": {}, "_meta": CARRIED}
            send(id=2, method="tools/call", params=params)
            line = server.stdout.readline()
            request = json.loads(line)
            assert request["method"] == "roots/list"
            send(id=request["id"], result={"roots": [{"uri": "file:///x"}]})
            answer = json.loads(server.stdout.readline())
            assert answer["result"]["content"][0]["text"] == "1"
            server.stdin.close()
        return line

    return ask


def test_a_request_to_the_client_carries_the_librarys_trace_context(asked):
    line = asked()
    assert "ab" * 16 in line
    assert "traceparent" in line


def test_the_switch_keeps_trace_state_and_baggage_out(asked):
    line = asked(CORTEX_OTEL_TRACE_CONTEXT_TO_CLIENTS="false")
    for word in (*CARRIED, "ab" * 16, "vendor", "customer"):
        assert word not in line
