"""Secrets in every place of every shape: none is in the store, a report, a list, or on stderr."""

from __future__ import annotations

import gzip
import itertools
import json

import pytest
from canaries import PLACES, SECRETS, TEXTS, Hunt, canary
from import_kit import T0, call, home, own, text

from cortex_otel.operate.importing import shapes

PLANTED: list[tuple[str, str]] = []


def plant(slot, shape):
    PLANTED.append((slot, shape))
    return canary(slot, shape)


TYPED = ("search_context", "branch_created", "ontology_classify", "extension_error",
         "ui_interaction", "code_insert", "context_switch", "activate")  # fmt: skip
FREE_TEXT = ("query", "topic", "message", "stack", "file_path", "from", "to", "project_path",
             "error")  # fmt: skip
#: Names of things: what looks like a name is kept, as with every other way in.
NAMES = {"tool_name", "tool", "toolName", "service", "error_type", "session_id", "project_id",
         "branch_id", "ide", "extension_version", "os", "level", "feature"}  # fmt: skip


def lines():
    """Each field of each shape, by each of its names, holds a secret, alone and in containers."""
    PLANTED.clear()
    at = iter(range(100_000))
    turns = itertools.cycle(TEXTS), itertools.cycle(SECRETS)
    for field, names in shapes.FIELDS.items():
        if field in {"time", "event", "metadata", "module", "action"}:
            continue
        turn = turns[field in NAMES]
        for name in names:
            base = call(next(at), tool_name="search", success=False)
            for shape in itertools.islice(turn, 2):
                yield {**base, name: plant(f"field.{name}", shape)}
            for inside in ("data", "parameters", "output"):
                yield {**base, inside: {name: plant(f"{inside}.{name}", next(turn))}}
    for shape in TEXTS:
        base = call(next(at), success=False)
        secret = plant("message", shape)
        yield {**base, "error": {"type": plant("error.type", shape) if shape in SECRETS else "E",
                                 "message": secret, "stack": plant("stack", shape)}}  # fmt: skip
        yield {**base, "error": secret, "message": secret, "query": secret, "topic": secret}
        yield {**base, secret: 1, "data": {secret: secret, "deep": {"er": [secret, {secret: 1}]}}}
        if shape != "plain":  # an identifier may be the name of a parameter
            yield {**base, "parameters": {secret: secret, "path": secret}, "result": secret}
        yield {**base, "user_id": plant("user", shape), "user_hash": plant("hash", shape)}
        yield {**base, "user": {"id": plant("user.id", shape), "name": secret}}
        yield secret + " no JSON " + secret
        yield [secret]
        yield {**base, "event_type": secret}
        yield {**base, "timestamp": secret}
        yield {**base, "tier": secret}
        yield {"timestamp": T0, "module": secret, "action": secret, "data": secret}
        for event in TYPED:
            typed = dict.fromkeys(FREE_TEXT, secret)
            yield {"timestamp": T0 + next(at), "event": event, "data": typed}
        if shape in SECRETS:
            yield own(1, parameters={"cortex.search.query": secret, secret: secret, "x.y": secret},
                      error=f"ValueError: {secret}", result="error", tool_name=secret,
                      metadata={"project_id": secret, "branch_id": secret})  # fmt: skip


@pytest.fixture(autouse=True)
def key(monkeypatch):
    # Without one the hash of a user id can be guessed, as docs/how-to/privacy.md says.
    monkeypatch.setenv("CORTEX_OTEL_USER_HASH_KEY", "0123456789abcdef" * 2)


def test_no_secret_in_a_line_gets_through(run, logs):
    planted = list(lines())
    (logs / "a.jsonl").write_text(
        "".join(
            (line if isinstance(line, str) else json.dumps(line)).replace("\n", " ") + "\n"
            for line in planted
        ),
        encoding="utf-8", errors="surrogatepass",
    )  # fmt: skip
    said = []
    for command in (
        ("migrate", logs, "--dry-run"),
        ("migrate", logs),
        ("import", logs / "a.jsonl"),
    ):
        report = run(*command)
        said.append(run.said + run.errors)
        said.append(run.plainly(*command) + run.errors)
    assert report["duplicates"] > 500
    assert report["refused"]["unknown_event"] > 0
    hunt = Hunt(home(), {"said": "".join(said).encode()})
    assert not hunt.all_found(PLANTED)[:5]


def test_no_secret_in_a_table_or_in_otlp_gets_through(run, logs):
    PLANTED.clear()
    rows = ["time,event,tool,who,error,note,top_k"]
    for shape in SECRETS:
        cell = plant("cell", shape).replace('"', '""')
        rows.append(f'{T0},tool_call,"{cell}","{cell}","{cell}","{cell}","{cell}"')
        rows.append(f'"{cell}","{cell}"')
    (logs / "a.csv").write_text("\n".join(rows))
    secrets = [plant("otlp", shape) for shape in TEXTS if shape not in PLACES]
    spans = [
        {"traceId": f"{n:032x}", "spanId": f"{n:016x}", "name": secret, "kind": 1,
         "startTimeUnixNano": str(T0 * 10**9), "endTimeUnixNano": str(T0 * 10**9 + 5),
         "status": {"code": 2, "message": secret},
         "attributes": [{"key": key, "value": {"stringValue": secret}}
                        for key in ("user.id", "cortex.search.query", "password", secret)],
         "events": [{"name": "exception", "attributes": [
             {"key": "exception.message", "value": {"stringValue": secret}}]}]}
        for n, secret in enumerate(secrets, 1) if secret.isprintable() and len(secret) > 12
    ]  # fmt: skip
    (logs / "o.json.gz").write_bytes(
        gzip.compress(text({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode())
    )
    run("import", logs / "a.csv", "--map", "who=user_id")
    said = run.said + run.errors
    assert run("import", logs / "o.json.gz")["imported"] == len(spans)
    said += run.said + run.errors
    PLANTED.remove(("otlp", "plain"))  # may be the name of a span
    PLANTED.remove(("otlp", "sentence"))
    PLANTED.remove(("otlp", "user at host"))
    hunt = Hunt(home(), {"said": said.encode()})
    assert not hunt.all_found(PLANTED)[:5]
