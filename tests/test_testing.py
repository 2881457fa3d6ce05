from __future__ import annotations

import pytest
from opentelemetry import trace

import cortex_otel
from cortex_otel import SettingError, events, identity, instrument_tool
from cortex_otel.instrument.state import state
from cortex_otel.testing import BEGIN_NS, SESSION, capture


@instrument_tool
def search_context(query: str, top_k: int = 5) -> list[str]:
    events.search_context(query=query, top_k=top_k, results=1)
    return [query]


@instrument_tool
def broken() -> None:
    raise ValueError("secret 4711")


def test_what_would_have_been_stored_is_there_and_the_same_each_time():
    def once():
        with capture(tier="paid", user_id="kim@example.com") as recorded:
            assert search_context("needle") == ["needle"]
        return recorded.events()

    first = once()
    assert once() == first
    event, call = first
    assert (event.series.event_type, call.series.event_type) == (
        "mcp.search_context",
        "mcp.tool_call",
    )
    assert (call.series.tool_name, call.series.result, call.series.user_tier) == (
        "search_context",
        "success",
        "paid",
    )
    assert (call.trace_id, call.span_id, event.span_id, call.session) == (1, 1, 1, SESSION)
    assert [each.time_unix_nano for each in first] == [BEGIN_NS, BEGIN_NS + 1_000_000]
    assert call.user_id_hash == identity.IdentityResolver().hash_user("kim@example.com")
    assert "needle" not in repr(first)


def test_errors_are_kept_without_their_text():
    with capture() as recorded, pytest.raises(ValueError, match="secret"):
        broken()
    (event,) = recorded.events("mcp.tool_call")
    assert (event.series.result, event.series.error_type) == ("error", "ValueError")
    assert "4711" not in repr(event)
    (point,) = [each for each in recorded.metrics() if "operation" in each.name]
    assert point.observations == 1


def test_sampling_is_real():
    with capture(sampling="mcp.tool_call=0.5") as recorded:
        for _ in range(400):
            search_context("needle")
    stored = recorded.events("mcp.tool_call")
    assert len(stored) + recorded.sampled_out / 2 == 400
    assert {event.weight for event in stored} == {2.0}


def test_it_leaves_everything_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "telemetry"))
    resolver, providers = identity._resolver, trace.get_tracer_provider()
    before = {name: getattr(state, name) for name in state.__slots__}
    with capture(), capture(service="web") as inner:
        search_context("needle")
    assert {event.series.service for event in inner.events()} == {"web"}
    assert {name: getattr(state, name) for name in state.__slots__} == before
    assert (identity._resolver, trace.get_tracer_provider()) == (resolver, providers)
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_setting_raises():
    with pytest.raises(SettingError, match="tier"), capture(tier="gold"):
        pass
    assert cortex_otel.force_flush()
