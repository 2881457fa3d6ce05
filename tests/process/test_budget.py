"""A budget of names against a simple model, by many orders of use and steps of the clock."""

from __future__ import annotations

import os
import re
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_otel import semconv as sc
from cortex_otel.process import budget
from cortex_otel.process.budget import LIMITS, Budget, Limit, declare, is_declared

DAY = 86_400.0
AT_ONCE, A_DAY = 8, 24


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module", autouse=True)
def small():
    kept = budget.LIMITS
    budget.LIMITS = {**kept, "tool": Limit(AT_ONCE, A_DAY)}
    yield
    budget.LIMITS = kept


STEPS = st.lists(
    st.one_of(
        st.integers(0, 40).map(lambda number: ("use", f"name {number}")),
        st.sampled_from(["given", "declared"]).map(lambda name: ("use", name)),
        st.sampled_from([1.0, 60.0, 3600.0, DAY / A_DAY, DAY]).map(lambda step: ("wait", step)),
    ),
    max_size=200,
)


@settings(max_examples=200, deadline=None, database=None)
@given(STEPS)
def test_a_budget_is_what_it_says(steps):
    clock = Clock()
    made = Budget("tool", {"given"}, clock=clock)
    budget._declared["tool"].add("declared")
    used = []  # what was admitted, in the order of last use
    seen = set()
    paid = 0
    for what, value in steps:
        if what == "wait":
            clock.now += value
            continue
        is_recent = value in used[-AT_ONCE:]
        is_long_gone = value not in used[-2 * AT_ONCE - 2 :]
        earned = (clock.now - Clock.now) * A_DAY / DAY
        admitted = made.admits(value)
        if value in ("given", "declared") or is_recent:
            assert admitted
        if value not in ("given", "declared") and value not in seen and admitted:
            paid += 1
            assert paid <= AT_ONCE + earned + 1e-6, "what the store gains is bounded by the day"
        if admitted:
            seen.add(value)
            used = [name for name in used if name != value] + [value]
        else:
            assert is_long_gone or value not in seen
        assert len(made.known) <= AT_ONCE
        assert len(made._older) <= AT_ONCE
        assert len(made._seen) <= budget._MAX_SEEN
    clock.now += DAY
    assert made.admits("quite a new one"), "after a day there is room again"


def flooded(clock=None):
    made = Budget("tool", clock=clock or Clock())
    admitted = sum(made.admits(f"flood {number}") for number in range(1000))
    assert admitted == AT_ONCE - AT_ONCE // 4
    return made


def test_names_in_use_get_what_a_flood_of_single_ones_leaves():
    made = flooded()
    assert not made.admits("in use")
    assert made.admits("in use")
    assert made.admits("in use")


def test_a_flood_that_comes_again_has_it_all_until_the_clock_goes_on():
    clock = Clock()
    made = flooded(clock)
    for _ in range(2):
        for number in range(1000, 1020):
            made.admits(f"flood {number}")
    assert not any(made.admits("in use") for _ in range(5))
    clock.now += DAY / A_DAY + 1
    assert made.admits("in use")


def test_what_is_in_use_outlives_any_flood():
    clock = Clock()
    made = Budget("tool", clock=clock)
    assert made.admits("in use")
    for number in range(500):
        clock.now += 3600
        made.admits(f"flood {number}")
        assert made.admits("in use")


def test_who_remembers_names_is_told_when_some_are_forgotten():
    turns = []
    clock = Clock()
    made = Budget("tool", on_turn=lambda: turns.append(len(made.known)), clock=clock)
    for number in range(AT_ONCE * 3):
        clock.now += DAY
        assert made.admits(f"name {number}")
    assert turns == [1, 1]


def test_declared_names_are_never_refused_and_are_bounded():
    made = flooded()
    declare("tool", ["search", "my tool!"])
    assert made.admits("search")
    assert made.admits("my tool_"), "as it is stored"
    declare("tool", [None, 5, "x" * 10_000_000])
    assert len(budget._declared["tool"]) == 2
    declare("tool", (f"tool {number}" for number in range(5000)))
    assert len(budget._declared["tool"]) == budget._MAX_DECLARED
    assert made.admits("search")


@pytest.mark.parametrize("kind", ["span", "event"])
def test_the_product_s_events_are_declared(kind):
    assert all(is_declared(kind, name) for name in sc.EVENT_TYPES)


def test_the_product_s_metrics_are_declared():
    names = {value for key, value in vars(sc).items() if re.match(r"MCP_SERVER_\w+_DURATION$", key)}
    assert len(names) == 2
    assert all(is_declared("metric", name) for name in names)


def test_the_product_s_features_and_python_s_errors_are_declared():
    assert is_declared("feature", "automatic")
    assert is_declared("feature", "manual")
    assert is_declared("error", "ValueError")
    assert is_declared("error", "KeyboardInterrupt")
    assert not is_declared("error", "print")


def test_threads_together_get_no_more_than_one_would():
    made = Budget("tool", clock=Clock())
    admitted = []
    start = threading.Barrier(8)

    def use(thread):
        start.wait()
        admitted.extend(made.admits(f"{thread} {number}") for number in range(2000))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == AT_ONCE - AT_ONCE // 4


@pytest.mark.system
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_wait_for_a_lock_of_its_parent():
    made = Budget("tool", clock=Clock())
    held, done = threading.Event(), threading.Event()

    def hold():
        with made._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        is_free = made._lock.acquire(timeout=0)
        os._exit(0 if is_free and made.admits("x") else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_floods_of_all_kinds_together_leave_room_for_combinations():
    kinds = (
        "service",
        "tool",
        "prompt",
        "feature",
        "category",
        "element",
        "language",
        "method",
        "route",
        "span",
        "event",
        "error",
    )
    flooded = sum(LIMITS[kind].at_once for kind in kinds)
    assert LIMITS["series"].at_once - flooded >= 4000


def test_every_kind_comes_back_within_a_few_days():
    assert all(1 <= limit.at_once / limit.a_day <= 4 for limit in LIMITS.values())
