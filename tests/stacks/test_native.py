"""What MCP libraries tell in spans of their own is told all the same with us beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(600), pytest.mark.matrix]

PROBE = Path(__file__).with_name("native_probe.py")
# Of one run only.
CHANGING = ("mcp.session.id",)


@pytest.fixture(scope="module", params=["mcp2", "fastmcp3", "fastmcp4"])
def both(request, stack_of, tmp_path_factory):
    """The reports of a run without us and of one with us, and the store's bytes."""
    stack, homes = stack_of(request.param), tmp_path_factory.mktemp("native")
    alone, _ = stack.run(homes / "alone", "alone", probe=PROBE)
    beside, _ = stack.run(homes / "beside", "with", probe=PROBE)
    return alone, beside, (homes / "beside" / "cortex.db").read_bytes()


def test_each_span_is_there_with_all_that_it_carries(both):
    alone, beside, _ = both
    told = {span["name"] for span in alone["spans"]}
    # Nobody but us has a span of it: fastmcp 3.
    spans = [
        span for span in beside["spans"] if span["name"] != "initialize" or "initialize" in told
    ]
    assert len(spans) == len(alone["spans"])
    for native, ours in zip(alone["spans"], spans, strict=True):
        assert (ours["name"], ours["kind"]) == (native["name"], native["kind"])
        assert ours["status"] == native["status"]
        assert ours["events"] == native["events"]
        for key, value in native["attributes"].items():
            assert key in ours["attributes"]
            if key not in CHANGING:
                assert ours["attributes"][key] == value, (ours["name"], key)


def test_a_users_own_span_is_as_the_user_made_it(both):
    _, beside, _ = both
    users = [span for span in beside["spans"] if span["scope"] == "user"]
    assert len(users) >= 1
    assert all(span["attributes"] == {"mine": 1} for span in users)


def test_a_call_is_one_row_of_what_we_know(both):
    _, beside, stored = both
    calls = [(row[0], row[4]) for row in beside["rows"] if row[1] == "mcp.tool_call"]
    mounted = [("tools/call sub_echo", "success")]
    if calls[-1][0] == "tools/call":  # mcp 2 mounts nothing: the name is unknown
        mounted = [("tools/call", "error")]
    assert calls == [
        ("tools/call echo", "success"),
        ("tools/call crash", "error"),
        ("tools/call", "error"),
        *mounted,
    ]
    servers = [row for row in beside["rows"] if row[2] == "server"]
    assert {row[5].partition("@")[0] for row in servers} == {"cortex_otel"}
    assert b"planted-secret" not in stored
    assert b"planted://" not in stored
