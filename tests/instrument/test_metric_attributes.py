"""Values that clients and tools make up don't displace metric points of the server's own tools."""

from __future__ import annotations

import contextlib

import pytest

from cortex_otel import instrument_tool
from cortex_otel.instrument import metrics, request, request_metrics
from cortex_otel.instrument.outcome import OK, Verdict
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.tool_names import ToolNames
from cortex_otel.process.budget import LIMITS, Budget

# Where the SDK stops telling sets of attributes apart, for as long as the process lives.
SDK = 2000


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    kinds = {kind: Budget(kind) for kind in metrics._budgets}
    monkeypatch.setattr(metrics, "_budgets", kinds)
    monkeypatch.setattr(request_metrics, "_cache", {})


def asked(known, *, verdict=OK, version="2025-06-18"):
    request.begin(known, "tools/call", {"name": "search"}, 1, {}, Peer("pipe", version)).end(
        verdict
    )


def test_made_up_protocol_versions_and_codes(recorded):
    known = ToolNames()
    known.learn("tools/call", ["search"])
    for number in range(SDK + 100):
        asked(known, version=f"made up {number}")
        asked(known, verdict=Verdict("rpc_error", f"Error{number}", code=str(number)))
    known.learn("tools/call", ["new"])
    begun = request.begin(known, "tools/call", {"name": "new"}, 1, {}, Peer("pipe"))
    begun.end(OK)

    points = recorded.points()
    assert len(points) < SDK
    assert "new" in {point.attributes.get("gen_ai.tool.name") for point in points}
    versions = {point.attributes.get("mcp.protocol.version") for point in points}
    assert len(versions) <= LIMITS["protocol"].at_once
    assert "_OTHER" in versions
    assert sum(point.count for point in points) == 2 * (SDK + 100) + 1
    assert len(request_metrics._cache) <= SDK


def test_made_up_classes_of_errors(recorded):
    @instrument_tool
    def tool(number):
        raise type(f"Error{number}", (Exception,), {})

    for number in range(SDK + 100):
        with contextlib.suppress(Exception):
            tool(number)
    points = recorded.points()
    assert len(points) <= LIMITS["error"].at_once
    assert sum(point.count for point in points) == SDK + 100
