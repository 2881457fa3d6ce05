from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

CODE = ("cortex_otel", "exporters")
IN_A_HOST = ("instrument", "process", "sdk", "span")
MAX_LINES = 400


def test_imports_keep_to_their_contracts(root):
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    checked = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_what_runs_in_a_host_waits_and_locks_by_its_own_means_alone(tracked, root):
    # Everything else may be a greenlet's: see the module `native`.
    rooms = ("exporters/", *(f"cortex_otel/{room}/" for room in IN_A_HOST))
    modules = {"cortex_otel/guard.py", "cortex_otel/identity.py"}
    foreign = re.compile(
        r"^\s*(import|from) (threading|_thread|queue|_queue|concurrent|multiprocessing|select)\b"
        r"|\btime\.sleep\(|^from time import .*\bsleep\b",
        re.MULTILINE,
    )
    # Those run exporters of other people, whose libraries wait as the host's do.
    foreign_exporters = "cortex_otel/sdk/extra_exporters/"
    found = []
    for path in tracked:
        name = path.relative_to(root).as_posix()
        if name.startswith(foreign_exporters):
            continue
        is_ours = name.endswith(".py") and (name.startswith(rooms) or name in modules)
        if is_ours and path.name != "native.py":
            found += [f"{name}: {use[0].strip()}" for use in foreign.finditer(path.read_text())]
    assert found == [
        # Multiprocessing's own finalizers, in a child that it has forked.
        "cortex_otel/sdk/lifecycle.py: from multiprocessing",
        # For a reader of the host's, whose exporter runs as the host's libraries do.
        "cortex_otel/sdk/providers/meters.py: import threading",
    ]


def test_a_long_file_says_why_it_is_long(tracked, root):
    silent = []
    for path in tracked:
        name = path.relative_to(root).as_posix()
        if path.suffix == ".py" and name.startswith(CODE):
            source = path.read_text(encoding="utf-8")
            told = (ast.get_docstring(ast.parse(source)) or "").lower()
            if len(source.splitlines()) > MAX_LINES and "longer than" not in told:
                silent.append(name)
    assert silent == []


def test_no_event_is_changed_after_it_was_stored(tracked, root):
    """Answers to ordered questions read a copy that is kept up from the newest key: it would not
    see a change of what is there. What arrives late is a row of its own, and a deletion is seen."""
    changed = [
        path.relative_to(root).as_posix()
        for path in tracked
        if path.relative_to(root).as_posix().startswith(CODE) and path.suffix in {".py", ".sql"}
        if re.search(r"UPDATE\s+(OR\s+\w+\s+)?events\b", path.read_text(encoding="utf-8"))
    ]
    assert changed == []


def test_every_ignored_rule_has_its_reason_on_its_line(root):
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    section = re.search(
        r"^\[tool\.ruff\.lint\]$(.*?)^\[tool\.mypy\]", text, re.DOTALL | re.MULTILINE
    )
    assert section is not None
    ignored = [line for line in section[1].splitlines() if re.search(r'"[A-Z]+[0-9]*"', line)]
    ignored = [line for line in ignored if not line.startswith("select")]
    assert len(ignored) > 10
    assert [line for line in ignored if not re.search(r"# \S+", line)] == []


def test_no_file_names_a_developers_machine_or_a_registry(tracked, root):
    words = [rf"{re.escape(str(root))}\b"]
    if len(Path.home().parts) > 2:  # /root and / are words of the tests' own canaries
        words.append(rf"{re.escape(str(Path.home()))}\b")
    # Spelled in halves, so that this file isn't found.
    hosts = [("pypi", "org"), ("files.pythonhosted", "org"), ("registry.npmjs", "org")]
    words += [re.escape(".".join(halves)) for halves in hosts]
    words += ["index-" + "url", "extra-" + "index", "find-" + "links"]
    wanted = re.compile("|".join(words))
    found = []
    for path in tracked:
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1):
            if wanted.search(line.replace("--no-emit-index-" + "url", "")):
                found.append(f"{path.relative_to(root)}:{number}")
    assert found == []


def test_what_is_generated_on_the_way_is_not_committed(tracked, root):
    names = [path.relative_to(root).as_posix() for path in tracked]
    left = re.compile(r"(^|/)(__pycache__|\.venv|\.stacks|dist|\.hypothesis)/|\.(db|whl|pyc)$")
    assert [name for name in names if left.search(name)] == []
