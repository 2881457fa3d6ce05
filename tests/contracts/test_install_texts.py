"""What is told about installing works today: no package index has cortex-otel, or its client."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cortex_otel import _version

ROOT = Path(__file__).parents[2]
#: A command that fetches by name, and the name as it stands there: no path, no URL.
FETCHES = re.compile(
    r"""(?:\bpip[\w"', -]*?install|\buv\s+(?:pip\s+install|add|tool\s+install)|--with|--spec"""
    r"""|\bpipx\s+(?:install|run)|\buvx|\b(?:npm|pnpm|yarn|bun)\s+(?:install|i|add))\b[^\n`|;가-힣]*?"""
    r"""(?<![\w./@:-])(?<!--reinstall-package )"""
    r"""(?:cortex-otel(?!@|\s*@)(?:\[[\w,]+\])?|@cortex/telemetry)(?=["'\s`,)]|$)"""
)

#: An extra, by the bare name: whoever reads it types it behind ``pip install``.
BARE_EXTRA = re.compile(r"(?<![\w./@:-])cortex-otel\[[\w,]+\](?!\s*@)")


def files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git work tree")
    for name in listed.stdout.split("\n"):
        path = ROOT / name
        if path == Path(__file__) or "vendor" in path.parts or not path.is_file():
            continue
        if path.suffix in {".md", ".py", ".sh", ".ts", ".json", ".yml", ".yaml", ".toml", ""}:
            yield path


@pytest.mark.system
def test_nothing_is_told_to_be_fetched_from_an_index():
    told = []
    for path in files():
        text = path.read_text(encoding="utf-8", errors="replace")
        told += [(path.relative_to(ROOT), found[0]) for found in FETCHES.finditer(text)]
    assert told == []


@pytest.mark.system
def test_no_extra_is_named_bare_in_a_text_or_a_message():
    told = []
    for path in files():
        if path.name != "pyproject.toml":  # there it is a name that tools read
            text = path.read_text(encoding="utf-8", errors="replace")
            told += [(path.relative_to(ROOT), found[0]) for found in BARE_EXTRA.finditer(text)]
    assert told == []


@pytest.mark.parametrize(
    ("text", "is_bare"),
    [
        ("needs more packages: pip install\n'cortex-otel[otlp]'", True),
        ("it needs the extra ``cortex-otel[demo]``", True), ('"cortex-otel[a,b]"', True),
        ("pip install './cortex-otel[serve]'", False),
        ("cortex-otel[serve]@git+https://example.org/r.git", False),
    ],
)  # fmt: skip
def test_a_bare_extra_would_be_seen(text, is_bare):
    assert (BARE_EXTRA.search(text) is not None) is is_bare


@pytest.mark.parametrize(
    "command",
    [
        "pip install cortex-otel", "pip install 'cortex-otel[serve]'", "pip install -U cortex-otel",
        'pip install "mcp>=2" cortex-otel', "uvx --with cortex-otel tool", "uv add cortex-otel",
        "npm install @cortex/telemetry", '"-m", "pip", "install", "cortex-otel"',
    ],
)  # fmt: skip
def test_it_would_be_seen(command):
    assert FETCHES.search(f"$ {command}\n")


@pytest.mark.parametrize(
    ("recorded", "wanted"),
    [
        ('{"url": "file:///home/me/x", "dir_info": {"editable": true}}', "@file:///home/me/x"),
        ('{"url": "file:///x/c-1-py3-none-any.whl", "archive_info": {}}', "@file:///x/c-1-py3-none-any.whl"),
        (
            '{"url": "https://example.org/r.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}',
            "@git+https://example.org/r.git@ab12",
        ),
        (None, ""),
        ("not json", ""),
    ],
)  # fmt: skip
def test_an_extra_comes_from_where_this_installation_did(monkeypatch, recorded, wanted):
    class Distribution:
        @staticmethod
        def read_text(name):
            assert name == "direct_url.json"
            return recorded

    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Distribution)
    assert _version.requirement() == f"cortex-otel{wanted}"
    assert _version.requirement("serve") == f"cortex-otel[serve]{wanted}"
    assert _version.to_install("serve").startswith("pip install ")


@pytest.mark.system
def test_pip_takes_what_is_told(tmp_path):
    """Resolved for real; what it depends on was tried by whoever made this environment."""
    requirement = _version.requirement()
    if "@" not in requirement:
        pytest.skip("installed from an index")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed",
         "--no-build-isolation", "--quiet", "--disable-pip-version-check", requirement],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
