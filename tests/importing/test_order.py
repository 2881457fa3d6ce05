"""Events older than those stored: every number is as if they had come in order."""

from __future__ import annotations

import random

import pytest
from import_kit import call, home, iso, store, text
from store_kit import verify

from cortex_otel.cli import main

ALL = ("--since", "all", "--format", "csv")
FUNNEL = [
    "query", "funnel", *ALL, "--step", "mcp.tool_call:tool-1", "--step", "mcp.tool_call:tool-2",
    "--step", "mcp.compress_context", "--within", "2d",
]  # fmt: skip


def years():
    """Three years of a few users who come back, fail, and pay later."""
    choose = random.Random(3)
    lines = []
    at = 0.0
    for number in range(1500):
        at += choose.choice((5, 200, 1500, 5000, 90_000, 700_000)) * choose.random()
        user = f"user-{choose.randrange(7)}"
        tier = 1 + (at > 2_000_000) + (at > 9_000_000)
        common = {"user_id": user, "tier": tier, "session_id": f"{user}-{int(at // 100_000)}"}
        lines.append(
            call(
                at, tool_name=f"tool-{choose.randrange(5)}", success=choose.random() > 0.2,
                duration_ms=choose.choice((1, 30, 5000, ...)), **common,
            )
            if number % 3
            else {
                "timestamp": iso(at), "event_type": "compress_context", **common,
                "data": {"tokens_before": 1000 + number, "tokens_after": number},
            }
        )  # fmt: skip
    return lines


@pytest.mark.parametrize("order", ["newest half first", "backwards", "shuffled", "in five files"])
def test_any_order(tmp_path, monkeypatch, capsys, order):
    lines = years()
    half = len(lines) // 2
    orders = {
        "newest half first": [lines[half:], lines[:half]],
        "backwards": [lines[::-1]],
        "shuffled": [random.Random(5).sample(lines, len(lines))],
        "in five files": [lines[4::5], lines[1::5], lines[3::5], lines[::5], lines[2::5]],
    }
    found = []
    for name, files in (("in order", [lines]), (order, orders[order])):
        monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / name))
        for number, some in enumerate(files):
            path = tmp_path / f"{name}-{number}.jsonl"
            path.write_text(text(*some))
            assert main(["import", str(path)]) == 0
            # What ordered questions read is made here, and must take what is older afterwards.
            assert main(FUNNEL) == 0
        verify(home() / "cortex.db")
        found.append(store())
    for what, expected in found[0].items():
        assert found[1][what] == expected, what
    questions = (["query", name, *ALL] for name in ("conversion", "retention", "lifecycle", "dau"))
    for question in (FUNNEL, *questions):
        answers = []
        for name in ("in order", order):
            monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / name))
            capsys.readouterr()
            assert main(question) == 0
            answers.append(capsys.readouterr().out)
        assert answers[0] == answers[1]
        assert answers[0].count("\n") > 1
