"""Real MCP servers and the receiver write at once: each line is valid, and is a row."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest
from log_kit import assert_equal_rows, lines
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from patience import PATIENCE, UNHURRIED
from receiver_kit import JSON, Server, log, span
from store_kit import ledger

from cortex_otel.cli import main

pytestmark = pytest.mark.system

SERVER = """
import asyncio
import sys

from mcp.server.mcpserver import MCPServer

import cortex_otel
from cortex_otel import events

cortex_otel.configure(service="mcp", user_id="user-" + sys.argv[1], tier="paid")
server = MCPServer("notes")


@server.tool()
@cortex_otel.instrument_tool
def search(query: str, top_k: int = 3) -> str:
    events.search_context(query=query, top_k=top_k, results=2)
    return query


@server.tool()
def fail(how: str) -> str:
    raise {"timeout": TimeoutError, "crash": ValueError}[how](how)


@server.tool()
async def compress() -> int:
    with events.compress_context(tokens_before=100, tokens_after=30):
        await asyncio.sleep(0.001)
    return 70


server.run()
"""


async def use(environment, script, user):
    """A client's session with a server of its own."""
    server = StdioServerParameters(
        command=sys.executable, args=[str(script), user], env=environment
    )
    with (script.parent / f"stderr-{user}").open("w") as errors:
        async with (
            stdio_client(server, errlog=errors) as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            await session.list_tools()
            for number in range(10):
                await session.call_tool("search", {"query": f"한글 {number}"})
                await session.call_tool("fail", {"how": "timeout" if number % 2 else "crash"})
                await session.call_tool("compress", {})
            await session.call_tool("search", {"query": ["wrong"]})
            await session.call_tool("nothing", {})


async def record_all(home, directory, receiver):
    script = directory / "server.py"
    script.write_text(SERVER, encoding="utf-8")
    environment = {
        **os.environ, **UNHURRIED, **SETTINGS, "CORTEX_OTEL_HOME": str(home),
    }  # fmt: skip
    sampled = environment | {"CORTEX_OTEL_SAMPLING": "*=0.2"}
    sessions = asyncio.gather(
        use(environment, script, "a"), use(environment, script, "b"), use(sampled, script, "c")
    )
    for number in range(1, 60, 6):
        spans = [span(number + more, told={"http.route": "/x"}) for more in range(6)]
        assert (await asyncio.to_thread(receiver.traces, *spans)).status_code == 200
        # Sent again, with one more: that alone is a line.
        again = [*spans, span(1000 + number, status={"code": 2})]
        assert (await asyncio.to_thread(receiver.traces, *again)).status_code == 200
        logged = [log(number), log(number), log(number + 1, severityNumber=5)]
        assert (await asyncio.to_thread(receiver.logs, *logged)).status_code == 200
        typed = json.dumps({"ide": "vscode", "message": "x", "error_type": "TypeError"})
        error = "/api/telemetry/extension/error"
        told = await asyncio.to_thread(receiver.post, error, typed, **JSON)
        assert told.status_code < 300, told.text
    await sessions


SETTINGS = {
    "CORTEX_OTEL_LOG_FILE": "true",
    "CORTEX_OTEL_LOG_FILE_LEVEL": "debug",
    "CORTEX_OTEL_TIME_ZONE": "Asia/Seoul",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    for name in list(os.environ):
        if name.startswith(("CORTEX_OTEL_", "OTEL_")):
            os.environ.pop(name)
    directory = tmp_path_factory.mktemp("real")
    receiver = Server(directory / "home", **SETTINGS)
    try:
        asyncio.run(record_all(directory / "home", directory, receiver))
    finally:
        receiver.stop()
    for errors in directory.glob("stderr-*"):
        assert "log file" not in errors.read_text()
    return directory / "home"


def test_each_line_is_valid_and_a_row_field_by_field(home, logs):
    total = assert_equal_rows(logs, home / "cortex.db")
    found = lines(logs)
    assert total == len(found) > 200
    assert {line["service"] for line in found} >= {"mcp", "extension"}
    assert {line["level"] for line in found} >= {"DEBUG", "INFO", "ERROR"}
    assert {line["result"] for line in found} >= {"success", "error", "timeout"}
    calls = [line for line in found if line["event_type"] == "mcp.tool_call"]
    assert len({line["user_id_hash"] for line in calls}) == 3
    assert {line["user_tier"] for line in calls} == {"paid"}
    assert {line["tool_name"] for line in calls} >= {"search", "fail", "compress"}
    text = json.dumps(found, ensure_ascii=False)
    assert "한글" not in text
    assert "wrong" not in text
    told = ledger(home / "cortex.db")
    assert told["sampled_out"] > 10
    assert told["dropped|duplicate"] == 60
    assert told["stored"] == total


def test_jq_reads_it(logs):
    paths = sorted(logs.glob("cortex-*.jsonl"))
    for path in paths:
        assert re.fullmatch(r"cortex-\d{4}-\d\d-\d\d\.001\.jsonl", path.name)
    program = shutil.which("jq")
    if program is None:
        assert os.environ.get("CORTEX_REQUIRE_ALL") != "1", "jq is missing"
        pytest.skip("jq isn't installed: apt-get install jq")
    events = (
        '.event_type == "mcp.compress_context" and .parameters["cortex.compress.tokens_before"]'
    )
    said = subprocess.run(
        [program, "-r", f"select({events} == 100) | .result", *paths],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert len(said.stdout.splitlines()) >= 20
    assert set(said.stdout.splitlines()) == {"success"}


def test_tail_shows_the_same_of_file_and_database(home, capsys):
    def tail(*more):
        assert main(["tail", "--home", str(home), "-n", "1000", *more]) == 0
        return sorted(capsys.readouterr().out.splitlines())

    assert len(tail()) > 200
    for more in ([], ["--type", "mcp.tool_call"], ["--tier", "free"], ["--service", "extension"]):
        assert tail(*more) == tail("--file", *more) != [], more
    user = json.loads(tail("--json", "--type", "mcp.tool_call")[0])["user_id_hash"]
    assert tail("--user", user[:6]) == tail("--user", user[:6], "--file") != []
    assert tail("--user", "nobody", "--file") == []


def test_what_the_doctor_sends_is_in_no_log(tmp_path, monkeypatch):
    from cortex_otel.doctor import processes, round_trip

    logs = tmp_path / "logs"
    monkeypatch.setenv("CORTEX_OTEL_LOG_FILE", "true")
    monkeypatch.setenv("CORTEX_OTEL_LOG_FILE_DIRECTORY", str(logs))
    assert {each.level for each in round_trip.round_trip(timeout_seconds=PATIENCE)} == {"ok"}
    code = (
        "import cortex_otel; cortex_otel.configure(); cortex_otel.events.search_context(query='q')"
    )
    process = processes.begin(
        [sys.executable, "-c", code], tmp_path / "home", stdin=subprocess.DEVNULL, stderr=None
    )
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
    assert (tmp_path / "home" / "cortex.db").exists()
    assert not logs.exists()


@pytest.mark.parametrize("switch", ["false", "true"])
def test_off_nothing_of_it_is_imported(tmp_path, switch):
    code = """
    import os, sys
    import cortex_otel
    cortex_otel.configure()
    cortex_otel.events.search_context(query="q")
    assert cortex_otel.force_flush(60_000)
    print([name for name in sys.modules if ".jsonl" in name or name == "gzip"])
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
        env={**os.environ, "CORTEX_OTEL_HOME": str(tmp_path), "CORTEX_OTEL_LOG_FILE": switch},
    )  # fmt: skip
    assert (said.stdout == "[]\n") == (switch == "false"), said.stdout
    assert "gzip" not in said.stdout
    assert (tmp_path / "logs").exists() == (switch == "true")


def test_status_tells_of_a_log_that_is_not_written(tmp_path, capsys):
    (tmp_path / "logs").write_text("in the way")
    code = """
    import sys, time
    from pathlib import Path
    import cortex_otel
    cortex_otel.configure()
    told = ""
    while "log_file:unavailable" not in told:  # with the next heartbeat
        cortex_otel.events.search_context(query="q")
        cortex_otel.force_flush(60_000)
        (heartbeat,) = Path(sys.argv[1], "writers").glob("*.json")
        told = heartbeat.read_text()
        time.sleep(0.05)
    print("ready", flush=True)
    input()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "CORTEX_OTEL_HOME": str(tmp_path), "CORTEX_OTEL_LOG_FILE": "true"},
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "ready\n"
        assert main(["status", "--home", str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert "the log file isn't written: it can't be opened" in said
        _, errors = process.communicate("\n", timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    assert errors.count("the log file can't be written now: unavailable") == 1
    assert str(tmp_path) not in errors
    main(["status", "--home", str(tmp_path)])
    assert "Missing in the log file" in capsys.readouterr().out
