from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cortex_otel
from cortex_otel.doctor.findings import mask, problem, secrets_of, shown

CANARY = "canary-5f1e"


@pytest.mark.parametrize(
    "command",
    [
        ["server", "--api-key", CANARY],
        ["server", f"--token={CANARY}"],
        ["server", "--github-auth", CANARY],
        ["env", f"WHATEVER={CANARY}", "server"],
        ["server", f"postgres://user:{CANARY}@db/x"],
        ["server", f"sk-{CANARY * 3}"],
        ["server", "Authorization: Bearer " + CANARY * 2],
    ],
)
def test_no_secret_of_a_command_line_is_shown(command):
    assert CANARY not in shown(command)
    assert "server" in shown(command)


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("/tmp/newcomer/home/x/y", "/tmp/newcomer/home/x/y"),
        ("/srv//home/x/y", "/srv//home/x/y"), ("/srv/a.d/root/y", "/srv/a.d/root/y"),
        ("see /home/alice/y, '/home/bob'", "see ~/y, '~'"),
        ("file:///home/alice/y", "file://~/y"), ("PATH=/home/alice/bin", "PATH=~/bin"),
        ("file%3A%2F%2F%2Fhome%2Falice%2Fy", "file%3A%2F%2F~"), ("/Users/alice/y", "~/y"),
        (r"C:\Users\alice\y", r"~\y"), ("/data/me/y", "~/y"), ("/data/me", "~"),
        ("/data/me2/y", "/data/me2/y"), ("/mnt/data/me/y", "/mnt/data/me/y"),
    ],
)  # fmt: skip
def test_homes_are_masked_where_a_path_starts_and_nowhere_else(monkeypatch, line, masked):
    monkeypatch.setenv("HOME", "/data/me")
    assert mask(line) == masked


def test_what_is_no_secret_is_shown_as_typed():
    command = ["env", "CORTEX_OTEL_TIER=paid", "uvx", "tool@1.2", "--path", "a b"]
    assert shown(command) == "env CORTEX_OTEL_TIER=paid uvx tool@1.2 --path 'a b'"
    assert "x" * 40 not in shown(["env", f"CORTEX_OTEL_HASH_KEY={'x' * 40}"])


def test_a_secret_that_a_server_prints_back_is_removed_before_the_line_is_cut():
    environ = {"MY_PASSWORD": "planted", "PWD": "/some/where", "KEY_FILE": "/tmp"}
    secrets = secrets_of(["server", "--token", CANARY], environ)
    assert secrets == {CANARY, "planted"}
    for padding in range(280, 300):  # the cut falls inside the secret
        output = "-" * padding + CANARY + " planted " + "-" * 400
        line = problem("server_not_started", "it does not start ({detail})", detail=output).as_line(
            secrets
        )
        assert "canary" not in line
        assert "plant" not in line


def test_a_code_has_one_text():
    package = Path(cortex_otel.__file__).parent
    texts = {}
    for path in [*(package / "doctor").rglob("*.py"), package / "commands" / "doctor.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="ok" | "warning" | "problem"),
                    args=[ast.Constant(value=code), text],
                ):
                    texts.setdefault(code, set()).add(ast.unparse(text))
    assert len(texts) > 50
    assert {code: found for code, found in texts.items() if len(found) > 1} == {}
