"""A real mcp 2 server over stdio: what its native spans say, and what is kept of it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest
from canaries import PLACES, SECRETS, TEXTS, canary
from patience import PATIENCE

pytest.importorskip("mcp.server.mcpserver")

pytestmark = pytest.mark.system

HOW = ["return", "crash", "tool_error", "timeout", "group"]
TOOLS = ["decorated", "decorated_later", "undecorated"]


class Client:
    """Speaks JSON-RPC itself: a client library would refuse to send what is sent here."""

    def __init__(self, host) -> None:
        path = host.code / "server.py"
        path.write_text((host.here / "server.py").read_text(encoding="utf-8"), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(path)],
            env=host.environment,
            cwd=host.code,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.received = 0
        self.request(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": canary("client", "plain"), "version": "1"},
            },
        )
        self.send({"method": "notifications/initialized"})

    def send(self, message) -> None:
        line = json.dumps({"jsonrpc": "2.0", **message}) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def request(self, method, params, number=None):
        self.received += 1
        number = self.received if number is None else number
        self.send({"id": number, "method": method, "params": params})
        while True:
            answer = json.loads(self.process.stdout.readline())
            if answer.get("id") == number:
                return answer

    def call(self, tool, arguments, number=None, **more):
        return self.request("tools/call", {"name": tool, "arguments": arguments, **more}, number)

    def close(self):
        _, stderr = self.process.communicate(timeout=PATIENCE)
        return stderr


@pytest.fixture
def session(host):
    client = Client(host)
    yield client
    client.process.kill()
    client.process.wait()
    for pipe in (client.process.stdin, client.process.stdout, client.process.stderr):
        pipe.close()


def sendable(text):
    return text.encode("utf-8", "replace").decode()


def test_no_canary_of_a_client_is_left(host, session):
    planted = []

    def plant(slot, shape):
        planted.append((slot, shape))
        return sendable(canary(slot, shape))

    answered = 0
    for shape in TEXTS:
        for tool in TOOLS:
            for how in HOW:
                text = plant(f"{tool} {how}", shape)
                answer = session.call(tool, {"how": how, "text": text})
                answered += json.dumps(text)[1:-1] in json.dumps(answer)
        session.call("counts", {"number": plant("invalid argument", shape)})
        session.call("decorated", {plant("unknown argument", shape): 1, "how": [], "text": None})
        session.request("resources/read", {"uri": f"memo://{plant('resource', shape)}"})
        session.request("prompts/get", {"name": "greet", "arguments": {"name": plant("p", shape)}})
        session.request(
            "custom/method", {"name": plant("name of an unknown method", shape), "x": shape}
        )
        meta = {
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "tracestate": f"vendor={plant('tracestate', shape)}",
            "baggage": f"user={plant('baggage', shape)}",
            plant("meta", shape): plant("meta", shape),
        }
        session.call("undecorated", {"how": "return", "text": "x"}, _meta=meta)
    for shape in [*SECRETS, *PLACES]:
        session.call(plant("unknown tool", shape), {})
        session.request("prompts/get", {"name": plant("unknown prompt", shape)})
        session.request(plant("unknown method", shape), {})
        session.call(
            "undecorated", {"how": "return", "text": "x"}, number=plant("request id", shape)
        )
    assert answered > 100, "the canaries did go through the tools, and came back"

    hunt = host.hunt({"stderr": session.close()})
    assert hunt.all_found([*planted, ("user", "plain")]) == []
    assert hunt.found("client", "plain"), "a client's name is kept, if it looks like a name"

    connection = sqlite3.connect(host.database)
    rows = dict(
        connection.execute(
            "SELECT tool_name || ' ' || result, count(*) FROM telemetry_events"
            " WHERE event_type = 'mcp.tool_call' GROUP BY 1"
        )
    )
    names = {name for (name,) in connection.execute("SELECT DISTINCT name FROM series")}
    connection.close()
    shapes = len(TEXTS)
    for tool in TOOLS:
        assert rows[f"{tool} success"] >= shapes
        assert rows[f"{tool} error"] + rows.get(f"{tool} timeout", 0) >= 4 * shapes
    assert {"tools/call decorated", "tools/call undecorated", "resources/read"} <= names
    assert "prompts/get greet" in names
