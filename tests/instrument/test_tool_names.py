from __future__ import annotations

import gc

import pytest

from cortex_otel.instrument import sessions
from cortex_otel.instrument.sessions import IDLE_SECONDS, Peer, joined_session
from cortex_otel.instrument.tool_names import MAX_NAMES, ToolNames, tool_names_of
from cortex_otel.process import budget


def test_only_what_was_learned_is_known():
    known = ToolNames()
    known.learn("tools/call", ["search", "search", "", 5, None, "x" * 10_000])
    assert known.has("tools/call", "search")
    assert known.has_any("tools/call")
    assert not known.has("tools/call", "")
    assert not known.has("prompts/get", "search")
    assert not known.has("tools/call", "x" * 10_000)
    assert not known.has_any("prompts/get")


def test_names_are_bounded_and_the_last_ones_are_known():
    known = ToolNames()
    known.learn("tools/call", (f"tool {number}" for number in range(MAX_NAMES + 7)))
    assert known.has("tools/call", f"tool {MAX_NAMES + 6}")
    assert not known.has("tools/call", "tool 6")
    known.learn("tools/call", ["tool 6"])
    assert known.has("tools/call", "tool 6")


def test_made_up_names_do_not_displace_listed_ones():
    known = ToolNames()
    known.learn("tools/call", ["search"])
    for number in range(MAX_NAMES + 7):
        known.answered("tools/call", f"made up {number}")
    known.answered("tools/call", "search")
    assert known.has("tools/call", "search")
    assert known.has("tools/call", f"made up {MAX_NAMES + 6}")
    assert not known.has("tools/call", "made up 6")
    known.learn("tools/call", ["new"])
    assert known.has("tools/call", "new")


def test_listed_names_are_declared_and_answered_ones_are_not():
    known = ToolNames()
    known.learn("tools/call", ["search"])
    known.learn("prompts/get", ["greet"])
    known.learn("resources/read", ["file://x"])
    known.answered("tools/call", "made up")
    assert budget._declared == {"tool": {"search"}, "prompt": {"greet"}}


def test_a_server_is_not_kept_alive():
    class Server:
        pass

    server = Server()
    tool_names_of(server).learn("tools/call", ["a"])
    assert tool_names_of(server).has("tools/call", "a")
    del server
    gc.collect()
    assert not tool_names_of(Server()).has("tools/call", "a")


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(sessions, "_sessions", type(sessions._sessions)())
    now = [1000.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    return now


def test_a_client_that_pauses_begins_another_session(clock):
    peer = Peer("tcp", "2026-07-28", "", "editor", "1")
    first = joined_session(peer)
    clock[0] += IDLE_SECONDS - 1
    assert joined_session(peer) == first
    clock[0] += IDLE_SECONDS - 1
    assert joined_session(peer) == first, "the pause counts from the last request"
    assert joined_session(peer, "a user") != first
    assert joined_session(peer._replace(client_version="2")) != first
    clock[0] += IDLE_SECONDS + 1
    assert joined_session(peer) != first


def test_sessions_are_bounded(clock):
    for number in range(3000):
        joined_session(Peer(client_name=f"client {number}"))
    assert len(sessions._sessions) == sessions._MAX_SESSIONS


def test_a_server_that_can_be_no_key_is_served_without_names():
    class Unhashable:
        __hash__ = None

    assert not tool_names_of(Unhashable()).has_any("tools/call")
    assert not tool_names_of(object.__new__(type("Slots", (), {"__slots__": ()}))).has_any(
        "tools/call"
    )
