"""`instrument_tool` above `@mcp.tool()`, where it can't measure anything."""

from __future__ import annotations

import functools
import types

import pytest

from cortex_otel import instrument_tool
from cortex_otel.instrument import registration


def conversation_tool():
    return "answer"


def fault(*args, **kwargs):
    raise AssertionError


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if "stands above" in record.msg]


def test_above_a_server_that_returns_the_function_warns_once(caplog):
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("order")
    for _ in range(2):
        instrument_tool(server.tool(name="search")(conversation_tool))
    (message,) = warnings_of(caplog)
    assert "tool conversation_tool:" in message
    assert "@mcp.tool() on top" in message


def test_above_a_server_that_makes_an_object_warns_once_and_returns_it(caplog):
    tool = types.SimpleNamespace(name="search", fn=conversation_tool)
    assert instrument_tool(tool) is tool
    assert instrument_tool(name="search")(tool) is tool
    (message,) = warnings_of(caplog)
    assert "tool search:" in message


@pytest.mark.parametrize("decorate", [instrument_tool, instrument_tool(name="search")])
def test_above_it_by_syntax(caplog, decorate):
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("order")

    @decorate
    @server.tool()
    def tool(query: str) -> str:
        return query

    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize("decorate", [instrument_tool, instrument_tool(name="search")])
def test_below_it_there_is_no_warning_and_no_search(caplog, monkeypatch, decorate):
    from mcp.server.mcpserver import MCPServer

    monkeypatch.setattr(registration.gc, "get_referrers", fault)
    server = MCPServer("order")

    @server.tool()
    @decorate
    def tool(query: str) -> str:
        return query

    class Host:
        @decorate
        async def method(self):
            pass

        @decorate
        @classmethod
        def class_method(cls):
            pass

    assert warnings_of(caplog) == []


def test_a_function_with_other_references_gets_no_warning(caplog):
    def tool():
        return None

    held = [{"fn": tool}, functools.partial(tool)] * 10
    instrument_tool(tool)
    assert warnings_of(caplog) == []
    assert held
