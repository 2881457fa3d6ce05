from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cortex_otel._version import requirement
from cortex_otel.doctor.target import read_command, with_variable

OURS = requirement()
LAUNCHER = "opentelemetry-instrument"


def program(directory, name, text):
    path = directory / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("command", "interpreter", "instead"),
    [
        (
            "uvx mcp-server-git -r .",
            "uvx --from mcp-server-git python",
            f"uvx --with {OURS} --from mcp-server-git {LAUNCHER} mcp-server-git -r .",
        ),
        (
            "uvx tool@1.2 -v",
            "uvx --from tool==1.2 python",
            f"uvx --with {OURS} --from tool==1.2 {LAUNCHER} tool -v",
        ),
        (
            "uv tool run --python 3.12 --from pack tool",
            "uv tool run --python 3.12 --from pack python",
            f"uv tool run --with {OURS} --python 3.12 --from pack {LAUNCHER} tool",
        ),
        (
            "uv run --directory /x server.py --port 1",
            "uv run --directory /x python",
            f"uv run --with {OURS} --directory /x {LAUNCHER} python server.py --port 1",
        ),
        (
            "uv run -m pack.server",
            "uv run python",
            f"uv run --with {OURS} {LAUNCHER} python -m pack.server",
        ),
        (
            "env A=1 uvx tool",
            "env A=1 uvx --from tool python",
            f"env A=1 uvx --with {OURS} --from tool {LAUNCHER} tool",
        ),
    ],
)
def test_what_uv_will_run(command, interpreter, instead):
    target = read_command(command.split())
    assert target.kind == "python"
    assert " ".join(target.interpreter) == interpreter
    assert " ".join(target.instead) == instead
    assert target.instrumented == ()


def test_a_launcher_inside_uvx_is_seen_and_nothing_else_is_advised():
    command = f"uvx --with {OURS} --from pack {LAUNCHER} --traces_exporter none tool"
    target = read_command(command.split())
    manager = f"uvx --with {OURS} --from pack"
    assert " ".join(target.interpreter) == f"{manager} python"
    expected = f"{manager} {LAUNCHER} --traces_exporter none python"
    assert " ".join(target.instrumented) == expected
    assert target.instead == ()


def test_a_launcher_outside_uvx_is_moved_inside():
    target = read_command([LAUNCHER, "uvx", "tool"])
    assert " ".join(target.instrumented) == f"{LAUNCHER} uvx --from tool python"
    assert " ".join(target.instead) == f"uvx --with {OURS} --from tool {LAUNCHER} tool"


@pytest.mark.parametrize("flags", [["-I"], ["-S"], ["-E"], ["-Iu"], ["-X", "dev", "-I"]])
def test_flags_that_keep_the_launcher_out(flags):
    target = read_command([sys.executable, *flags, "-m", "pack"])
    assert target.isolation in ("-I", "-S", "-E")
    assert target.module == "pack"
    assert target.interpreter == (sys.executable, *flags)
    assert not any("I" in word for word in target.instead if word.startswith("-"))


def test_flags_that_do_not():
    for flags in (["-u"], ["-W", "error"], ["-X", "importtime"], ["-s"]):
        assert read_command([sys.executable, *flags, "server.py"]).isolation == ""


@pytest.mark.parametrize(
    "first",
    [
        "#!{python}",
        "#! {python}",
        "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''",
        "#!/usr/bin/env -S {python}",
    ],
)
def test_the_first_lines_of_a_script(tmp_path, first):
    path = program(tmp_path, "tool", first.format(python=sys.executable) + "\n")
    target = read_command([path, "--x"])
    assert (target.kind, target.interpreter) == ("python", (sys.executable,))
    launcher = str(Path(sys.executable).with_name(LAUNCHER))
    assert target.instead == (launcher, path, "--x")


def test_an_isolating_first_line(tmp_path):
    path = program(tmp_path, "tool", f"#!{sys.executable} -I\n")
    target = read_command([path, "--x"])
    assert target.isolation == "-I"
    assert target.instead[1:] == (sys.executable, path, "--x")


def test_what_is_not_python(tmp_path):
    node = program(tmp_path, "tool", "#!/usr/bin/env node\n")
    binary = program(tmp_path, "binary", "\x7fELF")
    not_executable = tmp_path / "text"
    not_executable.write_text("")
    kinds = {
        "npx": "node",
        node: "node",
        binary: "program",
        "docker": "container",
        "bash": "shell",
        "no-such-program": "missing",
        str(not_executable): "unreadable",
    }
    assert {name: read_command([name, "x"]).kind for name in kinds} == kinds
    for empty in (["uvx"], ["uv", "run"], [LAUNCHER], ["env", "A=1"], ["pipx", "run"]):
        assert read_command(empty).kind == "missing"


def test_pipx_run_becomes_uvx():
    target = read_command(["pipx", "run", "--spec", "pack==1", "tool", "-v"])
    wanted = f"uvx --with {OURS} --from pack==1 {LAUNCHER} tool -v"
    assert (target.kind, " ".join(target.instead)) == ("pipx", wanted)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("server --x", "server --x"),
        ("env A=1 H=old server", "env A=1 H=new server"),
        ("env -i server", "env -i H=new server"),
        ("env -u H uvx tool", "env -u H H=new uvx tool"),
        (f"{LAUNCHER} env H=old env -i tool", f"{LAUNCHER} env H=new env -i H=new tool"),
    ],
)
def test_a_variable_that_the_command_cannot_undo(command, expected):
    assert " ".join(with_variable(command.split(), "H", "new")) == expected
