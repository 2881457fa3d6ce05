"""Bounds that only a mutant would move; those of sizes are in `test_limits`."""

from __future__ import annotations

import sys

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk.metrics.export import Buckets

from cortex_otel import identity
from cortex_otel.instrument.state import state
from cortex_otel.process import budget, metric_copies, program
from cortex_otel.process.budget import Budget, Limit
from cortex_otel.process.names import Names
from cortex_otel.testing import capture
from cortex_otel_exporters.record import Series

LEVELS = {
    "DEBUG": range(1, 9),
    "INFO": range(9, 13),
    "WARNING": range(13, 17),
    "ERROR": range(17, 21),
    "CRITICAL": range(21, 25),
}


@pytest.mark.parametrize(
    ("severity", "level"), [(number, level) for level, each in LEVELS.items() for number in each]
)
def test_each_severity_number_has_the_level_of_the_specification(severity, level):
    with capture() as recorded:
        state.logger.emit(LogRecord(severity_number=SeverityNumber(severity), body="x"))
    (event,) = recorded.events()
    assert event.series.level == level


def test_added_exponential_buckets_begin_and_end_with_what_was_counted():
    added = metric_copies._buckets(0, (0, Buckets(-1, [2, 0, 0])), (1, Buckets(2, [1, 0, 1])))
    assert (added.offset, list(added.bucket_counts)) == (-1, [2, 0, 1, 1])


def test_exponential_buckets_of_nothing_are_none():
    added = metric_copies._buckets(0, (0, Buckets(3, [0, 0])), (0, Buckets(0, [])))
    assert (added.offset, list(added.bucket_counts)) == (0, [])


def test_the_last_quarter_of_a_budget_is_for_names_that_come_again(monkeypatch):
    monkeypatch.setattr(budget, "LIMITS", {"tool": Limit(8, 24)})
    names = Budget("tool", clock=lambda: 0.0)
    assert [names.admits(f"new {number}") for number in range(8)] == [True] * 6 + [False] * 2
    assert [names.admits(f"new {number}") for number in (6, 7, 8)] == [True, True, False]
    assert not names.admits("new 8")


def test_a_budget_is_earned_to_the_token(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(budget, "LIMITS", {"tool": Limit(4, 4)})
    names = Budget("tool", clock=lambda: now[0])
    assert [names.admits(f"new {number}") for number in range(4)] == [True] * 3 + [False]
    assert names.admits("new 3")  # it comes again, and takes the last one
    assert not names.admits("new 4")
    now[0] += 86_400 / 4 - 1
    assert not names.admits("new 4")
    now[0] += 1
    assert names.admits("new 4")


def test_names_are_forgotten_when_as_many_as_may_be_have_come_since(monkeypatch):
    turns = []
    monkeypatch.setattr(budget, "LIMITS", {"tool": Limit(4, 4)})
    names = Budget("tool", "abcde", on_turn=lambda: turns.append(1), clock=lambda: 0.0)
    for name in "abcd":
        assert names.admits(name)
    assert (len(names.known), turns) == (4, [])
    assert names.admits("e")
    assert (list(names.known), turns) == (["e"], [1])
    assert names.holds("a")


@pytest.mark.parametrize(
    ("kind", "names"),
    [("unit", ("s", "1")), ("service", ("mcp", "extension", "web")), ("error", ("ValueError",))],
)
def test_what_the_product_itself_declares_costs_nothing(kind, names):
    assert all(budget.is_declared(kind, name) for name in names)
    assert not budget.is_declared(kind, "other")


def test_the_session_of_a_process_is_made_once_and_says_what_runs():
    session = program.process_session(str)
    assert session.session_id == session.instance_id == identity.session_id()
    assert session.os == sys.platform
    assert session.runtime.startswith(sys.implementation.name)
    assert program.process_session(str) is session


def test_only_a_call_of_a_tool_is_named_after_it():
    names = Names(str)
    assert names.of_span("tools/call anything", "search", {}) == "tools/call search"
    assert names.of_span("GET", "search", {}) == "GET"
    assert names.of_span("tools/call", "", {}) == "tools/call"


def test_of_combinations_too_many_only_calls_of_known_tools_keep_their_names(monkeypatch):
    monkeypatch.setattr(budget, "LIMITS", {**budget.LIMITS, "series": Limit(1, 1)})
    monkeypatch.setattr(budget, "_declared", {"tool": {"search"}, "prompt": set()})
    names = Names(str)
    series = Series("mcp", "span", "first", "", "", "free", "success", "INFO", "server", "")
    assert names.of_series(series) == series
    call = series._replace(name="tools/call search", tool_name="search", feature="search")
    assert names.of_series(call) == call
    assert names.of_series(call._replace(name="GET")).name == "_OTHER"
    assert names.of_series(call._replace(tool_name="x", feature="x")) == call._replace(
        name="_OTHER", tool_name="_OTHER", feature="_OTHER"
    )


def test_no_more_refused_names_are_remembered_than_may_be(monkeypatch):
    monkeypatch.setattr(budget, "LIMITS", {"tool": Limit(0, 0)})
    monkeypatch.setattr(budget, "_MAX_SEEN", 2)
    names = Budget("tool", clock=lambda: 0.0)
    assert not any(names.admits(name) for name in ("a", "b", "a", "c"))
    assert list(names._seen) == ["a", "c"]


@pytest.mark.parametrize(
    ("arguments", "program_name"),
    [
        (["server.py"], "server"), (["-X", "dev", "server.py"], "server"),
        (["-W", "error", "-u", "/srv/server.py", "-m", "x"], "server"),
        (["-m", "package.server", "other.py"], "package"), (["-m"], ""),
        (["-c", "import server"], ""), ([], ""), (["-u"], ""),
    ],
)  # fmt: skip
def test_the_program_is_what_the_command_line_runs(monkeypatch, arguments, program_name):
    monkeypatch.setattr(sys, "orig_argv", ["python", *arguments])
    assert program._running_program.__wrapped__()[0] == program_name
