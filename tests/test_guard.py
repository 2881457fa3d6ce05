import logging

import pytest

from cortex_otel import guard


@pytest.fixture(autouse=True)
def as_in_a_host():
    guard.rethrow_in_tests(enabled=False)


def test_a_fault_is_counted_by_place():
    for _ in range(3):
        guard.swallowed("here", ValueError("x"))
    guard.swallowed("there", ValueError("x"))

    assert guard.faults() == {"here": 3, "there": 1}


def test_it_is_logged_once_a_minute_without_its_text(caplog):
    with caplog.at_level(logging.WARNING, "cortex_otel"):
        for _ in range(5):
            guard.swallowed("here", ValueError("alice@example.com"))

    (line,) = caplog.messages
    assert "ValueError" in line
    assert "here" in line
    assert "alice" not in line


def test_a_warning_is_said_once(caplog):
    with caplog.at_level(logging.WARNING, "cortex_otel"):
        for _ in range(3):
            guard.warn_once("key", "do %s", "this")

    assert caplog.messages == ["do this"]


def test_under_test_a_fault_is_raised():
    guard.rethrow_in_tests(enabled=True)

    with pytest.raises(ValueError, match="x"):
        guard.swallowed("here", ValueError("x"))
