"""Faults of telemetry never reach the tool, and are counted."""

from __future__ import annotations

import logging
import types

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import Span

from cortex_otel import identity, instrument_tool
from cortex_otel.instrument import call as call_module
from cortex_otel.instrument.state import state


class Refusal(Exception):
    pass


def current_span():
    return trace.get_current_span()


def is_nothing(span):
    return span is trace.INVALID_SPAN


def conversation_tool():
    return "answer"


async def coroutine(query):
    return [query]


def generator(query):
    yield query


async def async_generator(query):
    yield query


class Fault(Exception):
    pass


def fault(*args, **kwargs):
    raise Fault("telemetry broke")


async def drive(kind):
    """Call an instrumented tool of `kind` to its end, and one that raises."""
    if kind == "sync":
        assert instrument_tool(conversation_tool)() == "answer"

        def fails():
            raise Refusal

        with pytest.raises(Refusal):
            instrument_tool(fails)()
    elif kind == "async":
        assert await instrument_tool(coroutine)("a") == ["a"]

        async def fails():
            raise Refusal

        with pytest.raises(Refusal):
            await instrument_tool(fails)()
    elif kind == "generator":
        assert list(instrument_tool(generator)("a")) == ["a"]

        def fails():
            yield 1
            raise Refusal

        with pytest.raises(Refusal):
            list(instrument_tool(fails)())
    else:
        assert [item async for item in instrument_tool(async_generator)("a")] == ["a"]

        async def fails():
            yield 1
            raise Refusal

        with pytest.raises(Refusal):
            async for _ in instrument_tool(fails)():
                pass


@pytest.mark.parametrize("kind", ["sync", "async", "generator", "async generator"])
@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("start_span", "start"),
        ("identity", "start"),
        ("shape", "start"),
        ("attach", "start"),
        ("end", "end"),
        ("set_status", "end"),
        ("set_attributes", "end"),
        ("summary", "end"),
        ("metric", "end"),
    ],
)
async def test_a_fault_never_reaches_the_host_and_is_counted(
    faults_are_swallowed, monkeypatch, kind, place, where
):
    match place:
        case "start_span":
            monkeypatch.setattr(state, "tracer", types.SimpleNamespace(start_span=fault))
        case "identity":
            monkeypatch.setattr(identity, "current", fault)
        case "shape":
            monkeypatch.setattr(call_module.ToolInfo, "shape", fault)
        case "attach":
            monkeypatch.setattr(call_module.context_api, "attach", fault)
        case "summary":
            monkeypatch.setattr(call_module, "summarize_exception", fault)
        case "metric":
            monkeypatch.setattr(state, "operation_duration", types.SimpleNamespace(record=fault))
        case _:
            monkeypatch.setattr(Span, place, fault)
    await drive(kind)
    assert is_nothing(current_span())
    faults = faults_are_swallowed()
    assert faults
    assert all(key.startswith("instrument_tool.") for key in faults)
    assert faults[f"instrument_tool.{where}"] == (
        1 if place in ("summary", "set_status", "set_attributes") else 2
    )


def test_a_fault_is_logged_by_type_and_place_only(faults_are_swallowed, monkeypatch, caplog):
    monkeypatch.setattr(Span, "end", fault)
    tool = instrument_tool(conversation_tool)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            tool()
    (record,) = caplog.records
    assert "instrument_tool.end: Fault" in record.getMessage()
    assert "telemetry broke" not in record.getMessage()
    assert faults_are_swallowed() == {"instrument_tool.end": 5}


def test_a_provider_that_raises_is_counted_and_the_call_recorded(recorded, faults_are_swallowed):
    identity.set_identity_provider(fault)
    try:
        assert instrument_tool(conversation_tool)() == "answer"
    finally:
        identity.set_identity_provider(None)
    assert recorded.span().attributes["cortex.user.tier"] == "free"
    assert faults_are_swallowed() == {"identity.provider": 1}
