"""A new event is a declaration: no line of code for any door, the store, a question or a page."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "extension"
PARTS = ("cortex_otel", "exporters", "telemetry", "extension")

DECLARED = """\
groups:
  - id: registry.cortex.page
    type: attribute_group
    display_name: Fields of pages
    brief: Fields of the web application's events.
    annotations: {event_fields: true}
    attributes:
      - id: cortex.page.name
        type: string
        stability: development
        brief: Name of the page in the code.
        examples: [pricing]
        annotations: {privacy: plain, kept_as: token, cardinality: bounded, stored: event_data}
      - id: cortex.page.referrer
        type: string
        stability: development
        brief: Where the user came from.
        examples: [https://example.com/search]
        annotations: {privacy: hashed, kept_as: text, cardinality: unbounded, stored: event_data}
      - id: cortex.page.widgets
        type: int
        stability: development
        brief: Number of widgets shown.
        examples: [3]
        annotations:
          {privacy: plain, kept_as: number, cardinality: unbounded, stored: event_data,
           measure: page_widgets}
      - id: cortex.page.theme
        type:
          members:
            - {id: light, value: light, stability: development}
            - {id: dark, value: dark, stability: development}
        stability: development
        brief: How it looked.
        annotations: {privacy: closed, kept_as: token, cardinality: fixed, stored: event_data}
      - id: cortex.page.scrolled
        type: double
        stability: development
        brief: Share of the page that was seen.
        annotations:
          {privacy: plain, kept_as: number, cardinality: unbounded, stored: event_data,
           minimum: 0, maximum: 1}
  - id: event.web.page_view
    type: event
    name: web.page_view
    stability: development
    brief: A page of the web application was shown.
    annotations:
      service: web
      timing: span
      feature: [cortex.page.name]
      active: true
      in_error_rate: true
      may_be_sampled: true
      doors: [python, facade, json, otlp, typescript]
    attributes:
      - ref: cortex.page.name
        requirement_level: required
        annotations: {field: page}
      - ref: cortex.page.referrer
        annotations: {field: referrer}
      - ref: cortex.page.widgets
        annotations: {field: widgets}
      - ref: cortex.page.theme
        annotations: {field: theme}
      - ref: cortex.page.scrolled
        annotations: {field: scrolled}
"""
FIELDS = {
    "page": "pricing",
    "referrer": "https://example.com/alice",
    "widgets": 3,
    "theme": "dark",
    "scrolled": 0.5,
}

IN_PYTHON = """
import sys

import cortex_otel
from cortex_otel import events
from cortex_otel.instrument.clients import (
    TelemetryClient, TelemetryEvent, get_web_telemetry_client,
)

fields = {fields}
cortex_otel.configure(service="mcp", user_id="alice@example.com")
events.page_view(**fields, duration_ms=12.5)
with events.page_view(page="pricing") as event:
    event.set(**fields)
get_web_telemetry_client().track_page_view(*fields.values())
TelemetryClient(service="web").track_event(TelemetryEvent("web.page_view", **fields))
assert events.rejected_values() == {{}}, events.rejected_values()
assert cortex_otel.force_flush()
assert cortex_otel.__file__.startswith(sys.argv[1])
"""

IN_TYPESCRIPT = """
import type { ExtensionContext } from 'vscode';

import { createTelemetry, type PageView } from '../src/index';
import { contextOf } from './vscode';

const [storage = '', endpoint = ''] = process.argv.slice(2);
const fields: PageView = FIELDS;
const context = contextOf(storage) as unknown as ExtensionContext;
const telemetry = createTelemetry(context, { endpoint, tier: 'free', userId: 'alice@example.com' });
telemetry.pageView(fields);
const shown: number = telemetry.pageView(fields, () => 7);
if (shown !== 7) {
  throw new Error('the result of the work');
}
await telemetry.flush();
process.stdout.write(JSON.stringify(telemetry.status()));
await telemetry.deactivate();
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The project with the declaration in it, and what is generated of that."""
    copy = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PARTS],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "telemetry/registry/page.yaml").write_text(DECLARED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "telemetry.generate", "--root", copy],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return copy


@pytest.fixture
def generated(tree, monkeypatch):
    """Every Python that is started from here on has the generated code."""
    monkeypatch.setenv("PYTHONPATH", f"{tree}{os.pathsep}{tree / 'exporters'}")


def python(*arguments, home):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "CORTEX_OTEL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(home, sql):
    with sqlite3.connect(f"file:{home / 'cortex.db'}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        found = [dict(row) for row in database.execute(sql)]
    database.close()
    return found


def send_otlp(url):
    attributes = {
        "cortex.page.name": {"stringValue": "pricing"},
        "cortex.page.referrer": {"stringValue": FIELDS["referrer"]},
        "cortex.page.widgets": {"intValue": "3"},
        "cortex.page.theme": {"stringValue": "dark"},
        "cortex.page.scrolled": {"doubleValue": 0.5},
        "cortex.event.duration_ms": {"doubleValue": 12.5},
        "user.id": {"stringValue": "alice@example.com"},
    }
    record = {
        "eventName": "web.page_view",
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
    }
    resource = {"attributes": [{"key": "cortex.service", "value": {"stringValue": "web"}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    return httpx.post(f"{url}/v1/logs", json=body)


def send_json(url, **changed):
    body = {**FIELDS, "user_id": "alice@example.com", "duration_ms": 12.5, **changed}
    return httpx.post(f"{url}/api/telemetry/web/page-view", json=body)


def check_rows(found, number):
    assert len(found) == number
    for row in found:
        data = json.loads(row["event_data"])
        assert (row["service"], row["feature"], row["result"]) == ("web", "pricing", "success")
        assert row["user_id_hash"] == found[0]["user_id_hash"] != ""
        kept = {key: value for key, value in data.items() if key.startswith("cortex.page")}
        assert re.fullmatch("[0-9a-f]{16}", kept.pop("cortex.page.referrer.hash"))
        assert kept == {
            "cortex.page.name": "pricing",
            "cortex.page.referrer.length": 25,
            "cortex.page.widgets": 3,
            "cortex.page.theme": "dark",
            "cortex.page.scrolled": 0.5,
        }


def test_it_comes_in_by_every_door_of_python_and_shows(generated, tree, serve_with, tmp_path):
    serve = serve_with(only="")
    script = tmp_path / "record.py"
    script.write_text(IN_PYTHON.format(fields=FIELDS), encoding="utf-8")
    python(script, tree, home=serve.home)
    assert send_json(serve.url).json() == {"accepted": 1, "rejected": 0, "errors": []}
    answer = httpx.post(
        f"{serve.url}/api/telemetry/web/page-view", json={"page": "x", "scrolled": 2}
    )
    assert answer.json()["error"]["field"] == "scrolled"
    assert send_otlp(serve.url).status_code == 200
    found = rows(serve.home, "SELECT * FROM telemetry_events")
    check_rows(found, 6)
    assert sorted(row["duration_ms"] for row in found if row["duration_ms"])[-3:] == [12.5] * 3
    sums = "SELECT sum(events) AS events, sum(total) AS total FROM rollup_measure"
    assert rows(serve.home, f"{sums} WHERE measure = 'page_widgets'") == [
        {"events": 6.0, "total": 18.0}
    ]

    asked = "-m", "cortex_otel.cli", "query", "--format", "json"
    (line,) = json.loads(python(*asked, "events_by_service", home=serve.home))["rows"]
    assert (line["service"], line["event_type"], line["events"]) == ("web", "web.page_view", 6)
    (line,) = json.loads(python(*asked, "features", home=serve.home))["rows"]
    assert (line["feature"], line["users"], line["events"]) == ("pricing", 1, 6)

    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(serve.admin)
        assert page.status_code == 200
        panels = serve.admin.partition("/admin")[0] + "/api/telemetry/panels/overview"
        told = browser.get(f"{panels}/event_types").json()
    columns = [column["name"] for column in told["columns"]]
    (row,) = told["rows"]
    shown = dict(zip(columns, row, strict=True))
    assert (shown["service"], shown["event_type"], shown["events"]) == ("web", "web.page_view", 6)


def test_its_endpoint_describes_itself(generated, serve):
    document = httpx.get(f"{serve.url}/api/telemetry/extension/openapi.json").json()
    body = document["paths"]["/api/telemetry/web/page-view"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]["anyOf"][0]
    assert schema["required"] == ["page"]
    assert schema["properties"]["page"]["type"] == "string"
    assert schema["properties"]["theme"] == {"enum": ["light", "dark", None]}
    assert schema["properties"]["scrolled"] == {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 1,
    }
    assert send_json(serve.url, error="alice's words").json()["accepted"] == 1
    assert send_json(serve.url, error="x", result="timeout").json()["accepted"] == 1
    failed, late = rows(serve.home, "SELECT * FROM telemetry_events ORDER BY id")
    assert (failed["result"], failed["error_type"]) == ("error", "_OTHER")
    assert (late["result"], late["error_type"]) == ("timeout", "timeout")
    assert json.loads(failed["event_data"])["cortex.error.message.length"] == 13
    assert "alice" not in str(failed)


def test_it_comes_in_from_the_typescript_client(generated, tree, tool, serve, tmp_path):
    directory = tree / "extension"
    if not (directory / "node_modules").exists():
        (directory / "node_modules").symlink_to(EXTENSION / "node_modules")
    source = IN_TYPESCRIPT.replace("FIELDS", json.dumps(FIELDS))
    (directory / "test/new_event.ts").write_text(source, encoding="utf-8")
    tool("tsc", "-p", "tsconfig.json", cwd=directory)
    program = tmp_path / "new_event.mjs"
    tool(
        "esbuild",
        "test/new_event.ts",
        "--bundle",
        "--platform=node",
        "--format=esm",
        f"--outfile={program}",
        "--alias:vscode=./test/vscode.ts",
        "--log-level=warning",
        "--banner:js=import{createRequire}from'node:module';"
        "const require=createRequire(import.meta.url);",
        cwd=directory,
    )
    status = json.loads(tool("node", str(program), str(tmp_path / "storage"), serve.url))
    assert (status["sent"], status["rejectedValues"]) == (2, {})
    found = rows(serve.home, "SELECT * FROM telemetry_events ORDER BY duration_ms")
    check_rows(found, 2)
    assert [row["duration_ms"] is None for row in found] == [True, False]


def test_what_is_generated_keeps_to_the_house_s_rules(tree):
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, "check", "--no-cache", "cortex_otel"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
