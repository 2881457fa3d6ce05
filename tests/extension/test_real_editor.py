"""The sample extension in VS Code itself (1.139, as code-server packs it), driven in Chromium.

The stand-in of the other tests was written after VS Code's code. Here is the code: its extension
host, its telemetry logger, its command palette, its settings.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timing

EXTENSION = Path(__file__).parents[2] / "extension"
PALETTE = ".quick-input-widget input"
#: Changes a setting as the settings editor does; the editor doesn't follow the file.
LEVER = """
const vscode = require("vscode");
exports.activate = () =>
  vscode.commands.registerCommand("lever.off", () =>
    vscode.workspace.getConfiguration().update("telemetry.telemetryLevel", "off", true));
"""


def install(extensions: Path, name: str, manifest: dict, code: str) -> None:
    directory = extensions / f"cortex.{name}-0.1.0"
    (directory / "dist").mkdir(parents=True)
    (directory / "package.json").write_text(json.dumps(manifest))
    (directory / "dist" / "extension.js").write_text(code)


@pytest.fixture
def extensions(tool, bundle, tmp_path):
    """The sample, built as its author would, and the lever."""
    built = tmp_path / "sample.js"
    tool(
        "esbuild", "sample/src/extension.ts", "--bundle", "--platform=node", "--format=cjs",
        "--target=node20", "--external:vscode", f"--outfile={built}", "--log-level=warning",
        "--alias:@cortex/telemetry=./dist/index.js",
    )  # fmt: skip
    manifest = json.loads((EXTENSION / "sample" / "package.json").read_text())
    manifest["extensionKind"] = ["workspace"]  # code-server has nothing but a remote side
    directory = tmp_path / "extensions"
    install(directory, "cortex-sample", manifest, built.read_text())
    for texts in (EXTENSION / "sample").glob("package.nls*.json"):
        shutil.copy(texts, directory / "cortex.cortex-sample-0.1.0")
    lever = {
        "name": "lever", "publisher": "cortex", "version": "0.1.0", "main": "dist/extension.js",
        "engines": {"vscode": "^1.100.0"}, "activationEvents": ["onStartupFinished"],
        "contributes": {"commands": [{"command": "lever.off", "title": "Lever: telemetry off"}]},
    }  # fmt: skip
    install(directory, "lever", lever, LEVER)
    return directory


@pytest.fixture
def editor(code_server, extensions, serve, tmp_path):
    """A started editor; its URL."""
    data, workspace = tmp_path / "data", tmp_path / "secret-project"
    (data / "User").mkdir(parents=True)
    workspace.mkdir()
    (data / "User" / "settings.json").write_text(
        json.dumps({
            "telemetry.telemetryLevel": "all",
            "cortex.telemetry.endpoint": serve.url,
            "cortexSample.server": [sys.executable, "-m", "cortex_otel.demo.server"],
            "workbench.startupEditor": "none",
        })
    )  # fmt: skip
    process = subprocess.Popen(
        [
            "node", str(code_server), "--auth", "none", "--bind-addr", "127.0.0.1:0",
            "--user-data-dir", str(data), "--extensions-dir", str(extensions),
            "--disable-update-check", "--disable-workspace-trust", str(workspace),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
             "CORTEX_OTEL_HOME": str(serve.home)},
    )  # fmt: skip
    said = []
    url = None
    for line in process.stdout:
        said.append(line)
        if url := re.search(r"http://127\.0\.0\.1:\d+", line):
            break
    assert url, "".join(said)
    yield f"{url[0]}/?folder={workspace}", data
    # Its children outlive it by hours, in case the browser comes back.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    process.stdout.close()


def rows(home: Path, where: str) -> list[dict]:
    database = home / "cortex.db"
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        made = "SELECT 1 FROM sqlite_master WHERE name = 'telemetry_events'"
        if connection.execute(made).fetchone() is None:
            return []  # it is being made
        return [dict(row) for row in connection.execute(
            f"SELECT * FROM telemetry_events WHERE {where} ORDER BY id"
        )]  # fmt: skip


def wait_for(home: Path, number: int, where: str) -> list[dict]:
    end = time.monotonic() + 60
    while len(found := rows(home, where)) < number:
        assert time.monotonic() < end, f"{len(found)} of {number}: {where}"
        time.sleep(0.1)
    return found


def command(page, title: str) -> None:
    page.keyboard.press("F1")
    page.locator(PALETTE).fill(f">{title}")
    page.locator(".quick-input-list .monaco-list-row", has_text=title).first.click()


def answer(page, text: str) -> None:
    """Fill the box that the command shows: the same element as the palette's, but empty."""
    box = page.locator(PALETTE)
    expect(box).to_be_visible()
    expect(box).to_have_value("")
    box.fill(text)
    box.press("Enter")


@pytest.mark.stacks
def test_a_command_in_vs_code_and_the_tool_call_it_causes_are_one_trace(editor, serve, chromium):
    url, data = editor
    chromium.goto(url)
    (install_event,) = wait_for(serve.home, 1, "event_type = 'ext.install'")
    assert json.loads(install_event["event_data"])["cortex.ide"] == "code-oss"
    wait_for(serve.home, 1, "event_type = 'ext.activate'")

    command(chromium, "Search the project's memory")
    answer(chromium, "budget")
    (click,) = wait_for(serve.home, 1, "event_type = 'ext.ui_interaction'")
    (call,) = wait_for(serve.home, 1, "event_type = 'mcp.tool_call'")
    assert (call["trace_id"], call["parent_span_id"]) == (click["trace_id"], click["span_id"])
    assert (click["feature"], click["result"]) == ("command search", "success")

    # Off: nothing of the extension comes any more, and nothing of it is left.
    command(chromium, "Lever: telemetry off")
    outbox = data / "User" / "globalStorage" / "cortex.cortex-sample" / "cortex-telemetry"
    end = time.monotonic() + 30
    while (outbox / "text-hash.key").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    command(chromium, "Search the project's memory")
    answer(chromium, "roadmap")
    _, alone = wait_for(serve.home, 2, "event_type = 'mcp.tool_call'")
    assert alone["parent_span_id"] is None
    time.sleep(1)  # longer than what is gathered waits
    assert len(rows(serve.home, "service = 'extension'")) == 3
    assert [path for path in outbox.rglob("*") if path.is_file()] == []
    stored = b"".join(path.read_bytes() for path in serve.home.rglob("*") if path.is_file())
    assert b"secret-project" not in stored
