"""Servers mounted into others (fastmcp): a request is of the server that the client spoke to."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(600), pytest.mark.matrix]


@pytest.fixture(params=["fastmcp2", "fastmcp3", "fastmcp4"])
def found(request, ahead):
    return ahead(request.param, "wire-mounted")[0]


def test_a_request_to_a_mounted_server_is_one_row_under_the_name_the_client_uses(found):
    assert found["seen"] == found["plain"]
    servers = [row for row in found["events"] if row["kind"] == "server"]
    of_interest = [
        (row["name"], row["result"], row["event_data"]["cortex.outcome"])
        for row in servers
        if row["event_data"]["mcp.method.name"] in ("tools/call", "prompts/get", "resources/read")
    ]
    assert of_interest == [
        ("tools/call sub_add", "success", "ok"),
        ("tools/call sub_crashes", "error", "crash"),
        ("tools/call", "error", "unknown_tool"),
        ("prompts/get sub_greet", "success", "ok"),
        ("resources/read", "success", "ok"),
    ]
    # What fastmcp itself tells of the mounted one stands inside, and counts as no call.
    calls = [row for row in found["events"] if row["event_type"] == "mcp.tool_call"]
    assert [row["tool_name"] for row in calls] == ["sub_add", "sub_crashes", None]
    spans = {row["span_id"]: row for row in found["events"]}
    delegates = [row for row in found["events"] if row["name"].startswith("delegate")]
    for row in delegates:
        assert spans[row["parent_span_id"]]["kind"] == "server"
