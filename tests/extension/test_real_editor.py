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
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from patience import PATIENCE, wait_for
from playwright.sync_api import expect

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


def build(tool, entry: str, built: Path, kind: str) -> str:
    """A bundle of an extension, as its author would make it."""
    tool(
        "esbuild",
        entry,
        "--bundle",
        "--platform=node",
        f"--format={kind}",
        "--target=node20",
        "--external:vscode",
        f"--outfile={built}",
        "--log-level=warning",
        f"--alias:@cortex/telemetry=./dist/index.{'mjs' if kind == 'esm' else 'js'}",
    )
    return built.read_text()


@pytest.fixture
def sample(tool, bundle, tmp_path):
    """The sample, installed; its manifest, whose file a test may change."""
    directory = tmp_path / "extensions"
    text = (EXTENSION / "sample" / "package.json").read_text()
    code = build(tool, "sample/src/extension.ts", tmp_path / "sample.js", "cjs")
    install(directory, "cortex-sample", json.loads(text), code)
    for texts in (EXTENSION / "sample").glob("package.nls*.json"):
        shutil.copy(texts, directory / "cortex.cortex-sample-0.1.0")
    return directory / "cortex.cortex-sample-0.1.0" / "package.json"


def manifest_of(name: str, **more) -> dict:
    return {
        "name": name, "publisher": "cortex", "version": "0.1.0", "main": "dist/extension.js",
        "engines": {"vscode": "^1.100.0"}, "activationEvents": ["onStartupFinished"], **more,
    }  # fmt: skip


@pytest.fixture
def start_editor(code_server, tmp_path):
    """Start an editor with the extensions in `tmp_path / "extensions"`; gives its URL.

    The settings are files that are there before it starts: a user's, a remote machine's (what
    `devcontainer.json` writes) and a repository's, in `.vscode` or, for `several` folders, in a
    `.code-workspace` file.
    """
    processes = []

    def start(
        *, user: dict, machine=None, repository=None, several=False, options=(), env=None
    ) -> str:
        data, workspace = tmp_path / "data", tmp_path / "secret-project"
        for path, settings in (
            (data / "User", user), (data / "Machine", machine), (workspace / ".vscode", repository),
        ):  # fmt: skip
            path.mkdir(parents=True)
            (path / "settings.json").write_text(json.dumps(settings or {}))
        query = f"folder={workspace}"
        if several:
            folders = [{"path": name} for name in ("secret-project", "other-project")]
            (tmp_path / "other-project").mkdir()
            workspace = tmp_path / "several.code-workspace"
            workspace.write_text(json.dumps({"folders": folders, "settings": repository}))
            query = f"workspace={workspace}"
        process = subprocess.Popen(
            [
                "node", str(code_server), "--auth", "none", "--bind-addr", "127.0.0.1:0",
                "--user-data-dir", str(data), "--extensions-dir", str(tmp_path / "extensions"),
                "--disable-update-check", *options, str(workspace),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={**os.environ, **(env or {}),
                 "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
        processes.append(process)
        said = []
        url = None
        for line in process.stdout:
            said.append(line)
            if url := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        assert url, "".join(said)
        return f"{url[0]}/?{query}"

    yield start
    for process in processes:
        # Its children outlive it by hours, in case the browser comes back.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE)
        process.stdout.close()


@pytest.fixture
def editor(sample, start_editor, serve, tmp_path):
    """A started editor with the sample and the lever; its URL, and its data."""
    title = {"command": "lever.off", "title": "Lever: telemetry off"}
    manifest = manifest_of("lever", contributes={"commands": [title]})
    install(tmp_path / "extensions", "lever", manifest, LEVER)
    user = {
        "telemetry.telemetryLevel": "all",
        "cortex.telemetry.endpoint": serve.url,
        "cortexSample.server": [sys.executable, "-m", "cortex_otel.demo.server"],
        "workbench.startupEditor": "none",
    }
    url = start_editor(
        user=user, options=["--disable-workspace-trust"], env={"CORTEX_OTEL_HOME": str(serve.home)}
    )
    return url, tmp_path / "data"


def rows(home: Path, where: str) -> list[dict]:
    database = home / "cortex.db"
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        made = "SELECT 1 FROM sqlite_master WHERE name = 'telemetry_events'"
        if connection.execute(made).fetchone() is None:
            return []  # it is being made
        return [
            dict(row)
            for row in connection.execute(
                f"SELECT * FROM telemetry_events WHERE {where} ORDER BY id"
            )
        ]


def wait_for_rows(home: Path, number: int, where: str) -> list[dict]:
    def found():
        return found if len(found := rows(home, where)) >= number else None

    return wait_for(found, pause=0.1)


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
    (install_event,) = wait_for_rows(serve.home, 1, "event_type = 'ext.install'")
    assert json.loads(install_event["event_data"])["cortex.ide"] == "code-oss"
    wait_for_rows(serve.home, 1, "event_type = 'ext.activate'")

    command(chromium, "Search the project's memory")
    answer(chromium, "budget")
    (click,) = wait_for_rows(serve.home, 1, "event_type = 'ext.ui_interaction'")
    (call,) = wait_for_rows(serve.home, 1, "event_type = 'mcp.tool_call'")
    assert (call["trace_id"], call["parent_span_id"]) == (click["trace_id"], click["span_id"])
    assert (click["feature"], click["result"]) == ("command search", "success")

    # Off: nothing of the extension comes any more, and nothing of it is left.
    command(chromium, "Lever: telemetry off")
    outbox = data / "User" / "globalStorage" / "cortex.cortex-sample" / "cortex-telemetry"
    wait_for(lambda: not (outbox / "text-hash.key").exists(), pause=0.1)
    command(chromium, "Search the project's memory")
    answer(chromium, "roadmap")
    _, alone = wait_for_rows(serve.home, 2, "event_type = 'mcp.tool_call'")
    assert alone["parent_span_id"] is None
    time.sleep(1)  # longer than what is gathered waits
    assert len(rows(serve.home, "service = 'extension'")) == 3
    assert [path for path in outbox.rglob("*") if path.is_file()] == []
    stored = b"".join(path.read_bytes() for path in serve.home.rglob("*") if path.is_file())
    assert b"secret-project" not in stored


def level_of(word) -> str:
    return {None: "all", True: "all", False: "off"}.get(word, word)


@pytest.fixture
def thief():
    """The URL of somebody whom nothing may be sent to."""
    listening = socket.create_server(("127.0.0.1", 0))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.settimeout(0)
    with listening, pytest.raises(BlockingIOError):
        listening.accept()


def wait_for_file(path: Path) -> dict:
    failed = path.with_name("failed.json")

    def is_written():
        assert not failed.exists(), failed.read_text()
        return path.exists()

    wait_for(is_written, 2 * PATIENCE, pause=0.1)
    return json.loads(path.read_text())


@pytest.mark.stacks
@pytest.mark.parametrize(
    ("is_trusted", "several"), [(True, False), (True, True), (False, False)],
    ids=["folder", "folders", "untrusted"],
)  # fmt: skip
def test_a_repository_neither_switches_telemetry_on_nor_says_where_it_goes(  # noqa: PLR0917
    tool, sample, start_editor, serve, thief, chromium, tmp_path, is_trusted, several
):
    if is_trusted:
        # An author who left the scope out: then the editor itself lets a repository set them.
        text = sample.read_text()
        assert text.count('"scope": "application"') == 3
        sample.write_text(text.replace('"scope": "application"', '"scope": "window"'))
    probes = {
        f"probe.{name}": {"default": name != "machineAlone", "scope": scope}
        for name, scope in (
            ("application", "application"), ("window", "window"), ("resource", "resource"),
            ("machineAlone", "window"), ("machineAgainstOff", "window"), ("machineOff", "window"),
        )
    }  # fmt: skip
    manifest = manifest_of(
        "probe",
        type="module",
        contributes={"configuration": {"properties": probes}},
        capabilities={"untrustedWorkspaces": {"supported": True}},
    )
    code = build(tool, "test/probe.ts", tmp_path / "probe.mjs", "esm")
    install(tmp_path / "extensions", "probe", manifest, code)
    user = {
        "telemetry.telemetryLevel": "all", "workbench.startupEditor": "none",
        "security.workspace.trust.startupPrompt": "never",
        "cortex.telemetry.enabled": False, "cortex.telemetry.endpoint": serve.url,
        "probe.machineAgainstOff": False,
    }  # fmt: skip
    elsewhere = {"cortex.telemetry.endpoint": thief}
    machine = elsewhere | {
        "probe.machineAlone": True,
        "probe.machineAgainstOff": True,
        "probe.machineOff": False,
    }
    repository = elsewhere | {"cortex.telemetry.enabled": True, "probe.application": True}
    results = tmp_path / "results"
    results.mkdir()
    chromium.goto(
        start_editor(
            user=user,
            machine=machine,
            repository=repository,
            several=several,
            options=["--disable-workspace-trust"] if is_trusted else [],
            env={"PROBE_RESULTS": str(results)},
        )
    )

    told = wait_for_file(results / "combinations.json")
    assert told["trusted"] is is_trusted
    assert told["refused"] == ["probe.application"]  # by the editor itself
    assert set(told["machine"].values()) == {"off"}
    assert len(told["levels"]) == 48
    order = ["off", "error", "all"]
    for one in told["levels"]:
        says = None if one["setting"] == "probe.application" else one.get("repository")
        stricter = min(level_of(one.get("user")), level_of(says), key=order.index)
        assert (one["level"], one["faults"]) == (stricter, 0), one

    # The first comes while the user's setting says off, the second when it doesn't any more.
    assert wait_for_file(results / "sample.json") == {"effective": is_trusted}
    wait_for_rows(serve.home, 1, "event_type = 'ext.code_insert'")
    recorded = rows(serve.home, "service = 'extension'")
    assert [json.loads(one["event_data"])["cortex.code.language"] for one in recorded] == [
        "while_on"
    ]
