"""The life of an alert: it fires late enough, ends late enough, and never twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_otel.operate.alerts.observations import _measured
from cortex_otel.operate.alerts.states import TIMES, Level, Observation, advance

THRESHOLD = 0.05
LEVELS = st.sampled_from(Level)
STEPS = st.lists(
    st.tuples(st.floats(0.1, 20), st.floats(0, 0.1) | st.none(), st.integers(0, 30)), max_size=80
)


def rate(value, events=100):
    return _measured("error_rate", "mcp", value, events, THRESHOLD, 10, {})


def run(observations):
    """Each step as (moment, observation, alert before, alert after)."""
    alert, now = None, 0.0
    for seconds, seen in observations:
        now += seconds
        before, alert = alert, advance(alert, seen, round(now * 1e9), now)
        yield now, seen, before, alert
        if alert is not None and alert.state == "resolved":
            alert = None


@given(STEPS)
def test_whatever_is_measured_it_fires_and_ends_late_enough_and_once(steps):
    history = list(run([(seconds, rate(value, events)) for seconds, value, events in steps]))
    state = None
    above_since = below_since = None
    for now, seen, before, after in history:
        if seen.level is Level.BREACHED:
            above_since = now if above_since is None else above_since
        else:
            above_since = None
        if seen.level is Level.CLEAR:
            below_since = now if below_since is None else below_since
        else:
            below_since = None
        is_firing = after is not None and after.state == "firing"
        if is_firing and state != "firing":
            assert above_since is not None
            assert now - above_since >= TIMES["error_rate"].pending
            assert seen.value > THRESHOLD
            assert after.value == seen.value
        if state == "firing" and not is_firing:
            assert after.state == "resolved"
            assert now - below_since >= TIMES["error_rate"].clear
            assert seen.value is None or seen.value <= THRESHOLD * 0.8
        if seen.level is Level.BETWEEN and before is not None and before.state == "firing":
            assert is_firing
        state = "firing" if is_firing else None


@given(st.lists(st.tuples(st.floats(0.2, 3), LEVELS), max_size=60))
def test_the_worst_is_kept_and_the_first_value_stays(steps):
    value = 0.0
    seen = []
    for seconds, level in steps:
        value += 1
        seen.append((seconds, Observation(rule="disk", subject="", level=level, value=value)))
    fired = None
    for _now, one, _before, after in run(seen):
        if after is not None and after.state == "firing":
            fired = one.value if fired is None else fired
            assert after.value == fired
            assert after.worst == fired  # of free space the least is the worst
        else:
            fired = None


def test_a_value_that_swings_around_the_threshold_fires_once():
    swinging = [(1.0, rate(0.051 if step % 2 else 0.049)) for step in range(600)]
    states = [after.state for *_, after in run(swinging) if after]
    assert "firing" not in states  # never above for long enough
    swinging = [(1.0, rate(0.06)) for _ in range(5)] + [
        (1.0, rate(0.051 if step % 2 else 0.041)) for step in range(600)
    ]
    fired = [after for *_, before, after in run(swinging)
             if after and after.state == "firing" and before.state == "pending"]  # fmt: skip
    assert len(fired) == 1
    assert not [after for *_, after in run(swinging) if after and after.state == "resolved"]


@pytest.mark.parametrize(
    ("value", "events", "level"),
    [
        (0.051, 10, Level.BREACHED),
        (0.05, 10_000, Level.BETWEEN),
        (0.051, 9, Level.BETWEEN),
        (1.0, 9, Level.BETWEEN),
        (0.0401, 100, Level.BETWEEN),
        (0.04, 100, Level.CLEAR),
        (0.0, 1, Level.CLEAR),
        (None, 0, Level.CLEAR),
    ],
)
def test_above_below_and_between(value, events, level):
    assert rate(value, events).level is level


def test_what_fires_within_ten_seconds_doesnt_wait_for_long():
    # A commit, two evaluations, grouping and Slack take the rest.
    assert all(times.pending <= 4 for times in TIMES.values())
