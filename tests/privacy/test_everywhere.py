"""A host plants canaries wherever OpenTelemetry takes text; none is in anything that is left."""

from __future__ import annotations

import sqlite3

import pytest
from canaries import SECRETS, TEXTS, Hunt, canary, needles

from cortex_otel_exporters.jsonl.policy import LogPolicy
from cortex_otel_exporters.jsonl.upkeep import compress

pytestmark = pytest.mark.system

RESOURCE = [
    ("host.name", "plain"), ("user.name", "plain"), ("process.command_line", "home path"),
    ("process.owner", "e-mail"), ("service.instance.id", "plain"), ("my.own", "openai key"),
    ("service.version", "github key"), ("deployment.environment.name", "home path"),
    ("service.namespace", "ip"),
]  # fmt: skip


@pytest.mark.parametrize("ending", ["exit", "killed"])
def test_no_canary_is_left(host, ending):
    hunt = host.run(
        "plant_everywhere.py",
        canary("argv", "plain"),
        f"--token={canary('argv', 'openai key')}",
        *(["--linger"] if ending == "killed" else []),
        OTEL_RESOURCE_ATTRIBUTES=",".join(f"{key}={canary(key, shape)}" for key, shape in RESOURCE),
        OTEL_SERVICE_NAME=canary("OTEL_SERVICE_NAME", "home path"),
        OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="process,os,host,otel",
        SECRET_TOKEN=canary("environment", "plain"),
    )
    inside = host.planted()
    assert len(inside) > 400, "what was planted was planted"
    assert {shape for _, shape in inside} == set(TEXTS)
    assert (ending == "killed") == (".cortex/telemetry/cortex.db-wal" in hunt.places)
    planted = [
        *inside, *RESOURCE, ("user", "plain"), ("argv", "plain"), ("argv", "openai key"),
        ("OTEL_SERVICE_NAME", "home path"), ("environment", "plain"),
    ]  # fmt: skip
    assert hunt.all_found(planted) == []
    _compress(host.logs)
    archives = Hunt(host.logs, {})
    assert archives.all_found(planted) == []
    assert host.output.stdout == b""

    connection = sqlite3.connect(host.database)
    (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
    ledger = dict(
        connection.execute(
            "SELECT outcome, sum(records) FROM ledger WHERE signal = 'event' GROUP BY 1"
        )
    )
    connection.close()
    assert events > 2000, "the records themselves are there"
    packed = [text for name, text in archives.places.items() if name.startswith("unpacked ")]
    assert len(packed) > 1
    assert sum(text.count(b"\n") for text in packed) == events, "and so are their lines"
    assert ledger["stored"] == ledger["received"] == events


def _compress(logs):
    """As the job does a day later."""
    for path in logs.glob("cortex-*"):
        path.rename(path.with_name(f"cortex-2026-01-01.{path.name.split('.', 1)[1]}"))
    assert compress(LogPolicy(logs)) > 1


@pytest.mark.parametrize("name", ["e-mail", "home path", "mac path", "openai key", "ip"])
def test_a_service_name_that_is_a_secret_is_not_kept(host, name):
    hunt = host.run("call_one_tool.py", OTEL_SERVICE_NAME=canary("service", name))
    assert hunt.found("service", name) == []


def test_user_and_host_names_are_removed_from_what_may_stay(host):
    """A name that would be kept, but for being this machine's user or host."""
    hunt = host.run("call_one_tool.py", canary("user", "plain"), canary("machine", "plain"))
    assert hunt.found("user", "plain") == hunt.found("machine", "plain") == []


# --- The hunt can find ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["plain", "korean", "quotes", "openai key", "ip"])
def test_with_capture_switched_on_the_canary_is_found(host, shape):
    hunt = host.run("call_one_tool.py", "--say", shape, CORTEX_OTEL_CAPTURE_CONTENT="true")
    for slot in ("argument", "result", "message"):
        found = hunt.found(slot, shape)
        assert any("cortex.db" in line for line in found), slot
        assert any(".jsonl" in line for line in found), slot
    assert b"CORTEX_OTEL_CAPTURE_CONTENT IS ON" in host.output.stderr


def test_with_capture_switched_off_it_is_not(host):
    hunt = host.run("call_one_tool.py", "--say", "plain")
    assert [hunt.found(slot, "plain") for slot in ("argument", "result", "message")] == [[]] * 3


def test_an_attribute_that_the_user_allowed_is_found_but_for_its_secrets(host):
    hunt = host.run("call_one_tool.py", "--attribute", CORTEX_OTEL_ALLOW_ATTRIBUTES="host.own.*")
    assert hunt.found("attribute", "plain")
    for shape in SECRETS:
        if shape != "korean":  # text that was asked for: a name in it can't be known
            assert hunt.found("attribute", shape) == []


@pytest.mark.parametrize("shape", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "hex", "base64", "url", "json"])
def test_the_hunt_sees_through_encodings(host, shape, encoding):
    import base64
    import json
    from urllib.parse import quote

    text = canary("x", shape).encode("utf-8", "replace").decode()
    data = {
        "utf-8": text.encode(),
        "utf-16-le": text.encode("utf-16-le"),
        "hex": text.encode().hex().upper().encode(),
        "base64": base64.b64encode(b"." + text.encode()),
        "url": quote(text, safe="").encode(),
        "json": json.dumps(text).encode(),
    }[encoding]
    assert any(needle in data.lower() for needle in needles("x", shape))
    (host.home / "found").write_bytes(b"\0\1" + data)
    assert host.hunt({}).found("x", shape)
    assert host.hunt({"stderr": data}).found("x", shape)
    assert host.hunt({}).found("y", shape) == []
