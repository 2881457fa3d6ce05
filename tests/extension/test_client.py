"""The client's own tests, its types, its size, and what it must have in common with Python."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest

from cortex_otel import semconv
from cortex_otel.identity import IdentityResolver
from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.process.allow_list import EVENT_FIELDS
from cortex_otel.process.exceptions import summarize_stacktrace
from cortex_otel.settings import Settings

EXTENSION = Path(__file__).parents[2] / "extension"
SOURCE = EXTENSION / "src"
SAMPLE = EXTENSION / "sample"
LARGEST_BUNDLE = 80_000
_CONSTANT = re.compile(
    r"^export const ([A-Z_]+) = (?:'([^']*)'|\[([^\]]*)\] as const);", re.MULTILINE
)


@pytest.mark.system
def test_its_own_tests(attempt, bundle):
    told = json.loads(attempt("vitest", "run", "--reporter=json", timeout=200).stdout)
    failed = [
        f"{each['fullName']}: {' '.join(each['failureMessages'])[:1000]}"
        for suite in told["testResults"]
        for each in (
            *suite["assertionResults"],
            {**suite, "fullName": suite["name"], "failureMessages": [suite["message"]]},
        )
        if each["status"] == "failed"
    ]
    assert not failed, "\n".join(failed)
    assert told["success"]
    assert told["numPassedTests"] > 100


@pytest.mark.system
def test_types(tool):
    tool("tsc", "-p", "tsconfig.json")


@pytest.mark.system
def test_the_sample_has_the_types_that_an_author_gets(tool, bundle, tmp_path):
    """Against the declarations in `dist`, not against the sources."""
    tool("node", "types.mjs")
    declarations = EXTENSION / "dist/index.d.ts"
    assert "tuning" not in declarations.read_text().lower()
    configuration = json.loads((SAMPLE / "tsconfig.json").read_text())
    configuration["compilerOptions"] |= {
        "paths": {"@cortex/telemetry": [str(declarations)]},
        "typeRoots": [str(EXTENSION / "node_modules/@types")],
    }
    configuration["include"] = [str(SAMPLE / "src")]
    (tmp_path / "tsconfig.json").write_text(json.dumps(configuration))
    tool("tsc", "-p", str(tmp_path / "tsconfig.json"))


@pytest.mark.system
def test_bundle_is_small_and_needs_nothing_but_the_editor(bundle):
    text = bundle.read_text()
    assert 30_000 < bundle.stat().st_size <= LARGEST_BUNDLE
    required = set(re.findall(r"""\brequire\(["']([^"']+)["']\)""", text))
    assert "vscode" in required
    builtin = {name for name in required if name.startswith("node:")} | {"perf_hooks", "crypto"}
    assert required <= builtin | {"vscode", "util"}
    assert str(EXTENSION.parent) not in text
    licences = bundle.with_name("THIRD-PARTY.txt").read_text()
    for name in ("api", "core", "otlp-transformer", "resources", "sdk-logs", "sdk-trace"):
        assert re.search(rf"^@opentelemetry/{name} [\d.]+ \(Apache-2.0\)$", licences, re.MULTILINE)


def test_the_lock_names_no_registry_and_pins_every_package():
    lock = json.loads((EXTENSION / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages
    assert all("resolved" not in each and each["integrity"] for each in packages.values())
    manifest = json.loads((EXTENSION / "package.json").read_text())
    assert all(re.fullmatch(r"[\d.]+", version) for version in manifest["devDependencies"].values())
    # npm takes the 2.x line where Node is too old for the 3.x line, and says nothing.
    assert packages["node_modules/@opentelemetry/sdk-trace"]["version"].startswith("3.")


def test_names_are_those_of_python():
    constants = _CONSTANT.findall((SOURCE / "semconv.ts").read_text())
    assert len(constants) > 40
    for name, value, members in constants:
        if name == "EVENT_METHODS":
            continue
        expected = getattr(semconv, name)
        assert (value or tuple(re.findall(r"'([^']+)'", members))) == expected, name


def test_each_event_of_the_extension_has_the_fields_that_python_knows():
    source = (SOURCE / "events.ts").read_text()
    constants = _CONSTANT.findall((SOURCE / "semconv.ts").read_text())
    keys = {name: value for name, value, _ in constants}
    declared = {
        keys[name]: {keys[key] for key in re.findall(r"key: sc\.([A-Z_]+)", body)}
        for name, body in re.findall(
            r"EventType = \{\n  name: sc\.([A-Z_]+),\n(.*?)\n\};", source, re.DOTALL
        )
    }
    ours = {name: event for name, event in EVENTS.items() if event.service == "extension"}
    assert declared.keys() == ours.keys()
    for name, event in ours.items():
        assert declared[name] == {field.key for field in event.fields}, name
    assert {key for key in EVENT_FIELDS if key in str(declared)}


USERS = (
    "alice", "a@example.com", "홍길동", "", " ", "x" * 10_000, "\U0001f600", "\ud800", "a\udfffb",
    "Ä" + "A\u0308", "0", "null", "\0",
)  # fmt: skip


@pytest.mark.system
@pytest.mark.parametrize("key", ["", "a key", "열쇠", "k" * 200])
def test_user_hash_is_that_of_python(drive, key):
    settings = dataclasses.replace(Settings(), user_hash_key=key or None)
    resolver = IdentityResolver(settings)
    told = drive("hash", [[user, key] for user in USERS])
    assert told == [resolver.hash_user(user) for user in USERS]
    # Neither side may have been changed together with the other.
    alice = hmac.new(key.encode(), b"alice", "sha256") if key else hashlib.sha256(b"alice")
    assert told[0] == alice.hexdigest()


STACKS = (
    "TypeError: no\n    at activate (/home/alice/dist/extension.js:10:5)\n    at next (a.js:1:1)",
    "Error: x\n    at async Promise.all (index 0)\n    at async run (file:///srv/a%20b/x.mjs:7:9)",
    "Error: x\n    at C:\\Users\\alice\\ext\\out.js:3:7",
    "Error: x\n    at new Thing (node:internal/x:1:2)\n    at Object.<anonymous> (x.ts:3:4)",
    "Error: x\n    at Foo.bar [as baz] (x.cjs:30:4)",
    "Error: x\n    at alice@example.com (x.js:1:2)",
    "Error: x\n    at 홍길동 (비밀.js:1:2)",
    "Error: x\n    at f (sk-0123456789abcdef0123.js:1:2)",
    "RangeError: x\n\tat Timeout._onTimeout (/srv/ext/dist/extension.js:22:50)\n\tat f (y.js:1:2)",
    "no stack at all",
    "",
    "Error: x\n    at eval (eval at f (x.js:1:2), <anonymous>:3:4)",
)


@pytest.mark.system
def test_a_stack_becomes_the_line_that_python_makes_of_it(drive):
    told = drive("stack", list(STACKS))
    assert told == [summarize_stacktrace("", text).message for text in STACKS]


def test_texts_of_the_sample_in_both_languages():
    manifest = (SAMPLE / "package.json").read_text()
    english = json.loads((SAMPLE / "package.nls.json").read_text())
    korean = json.loads((SAMPLE / "package.nls.ko.json").read_text())
    assert english.keys() == korean.keys() == set(re.findall(r'"%([^%"]+)%"', manifest))
    assert all(re.search("[가-힣]", text) for text in korean.values())
    setting = json.loads(manifest)["contributes"]["configuration"]["properties"]
    assert set(setting["cortex.telemetry.enabled"]["tags"]) == {"telemetry", "usesOnlineServices"}


def test_no_setting_of_the_sample_can_be_set_by_a_repository():
    manifest = json.loads((SAMPLE / "package.json").read_text())
    settings = manifest["contributes"]["configuration"]["properties"]
    # Not `machine`: a repository's devcontainer.json writes the settings of that.
    assert {each["scope"] for each in settings.values()} == {"application"}
    restricted = manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    assert set(restricted) == settings.keys()
    guide = (EXTENSION.parent / "docs/how-to/extension.md").read_text()
    shown = re.search(r"```json\n(.*?)```", guide, re.DOTALL)[1]
    assert json.loads(f"{{{shown}}}").items() <= settings.items()
