import logging
import threading
from collections import Counter

import pytest
from patience import PATIENCE

from cortex_otel import guard
from cortex_otel.identity import IdentityResolver


@pytest.fixture(autouse=True)
def as_in_a_host():
    guard.rethrow_in_tests(enabled=False)
    yield
    guard.report_to(None)


class Ledger:
    def __init__(self):
        self.noted, self.lost = Counter(), 0

    def note(self, signal, outcome, reason, number=1):
        self.noted[signal, outcome, reason] += number

    def count_dropped(self, reason, number=1, signal="event"):
        assert (reason, signal) == ("fault", "event")
        self.lost += number


def test_a_ledger_gets_faults_from_before_and_after():
    guard.swallowed("early", ValueError("x"), lost=2)
    ledger = Ledger()
    guard.report_to(ledger)
    assert ledger.noted == {("fault", "swallowed", "early"): 1}
    guard.swallowed("late", ValueError("x"))
    guard.swallowed("late", ValueError("x"), lost=1)
    assert ledger.noted == {("fault", "swallowed", "early"): 1, ("fault", "swallowed", "late"): 2}
    assert ledger.lost == 3


def test_a_ledger_that_faults_is_not_called_recursively():
    class Faulty(Ledger):
        works = False

        def note(self, *arguments):
            if not self.works:
                guard.swallowed("ledger", ValueError("x"))
                raise OSError
            super().note(*arguments)

    ledger = Faulty()
    guard.report_to(ledger)
    guard.swallowed("here", ValueError("x"), lost=1)
    assert guard.faults() == {"here": 1, "ledger": 1}
    assert (ledger.noted, ledger.lost) == ({}, 0)
    ledger.works = True
    guard.swallowed("here", ValueError("x"))
    assert ledger.noted == {("fault", "swallowed", "here"): 2, ("fault", "swallowed", "ledger"): 1}
    assert ledger.lost == 1


def test_the_places_are_few_whatever_they_are_called():
    ledger = Ledger()
    guard.report_to(ledger)
    for number in range(1000):
        guard.swallowed(f"place {number}", ValueError("x"))
    assert sum(guard.faults().values()) == sum(ledger.noted.values()) == 1000
    assert len(guard.faults()) < 64
    assert len(ledger.noted) == len(guard.faults())


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


def test_a_warning_is_logged_once(caplog):
    with caplog.at_level(logging.WARNING, "cortex_otel"):
        for _ in range(3):
            guard.warn_once("key", "do %s", "this")

    assert caplog.messages == ["do this"]


def test_under_test_a_fault_is_raised():
    guard.rethrow_in_tests(enabled=True)

    with pytest.raises(ValueError, match="x"):
        guard.swallowed("here", ValueError("x"))


@pytest.fixture
def host_logging():
    """A host that has put its own filter and handler on every log line."""
    logger = logging.getLogger("cortex_otel")
    added = []

    def add(filter_):
        logger.addFilter(filter_)
        added.append(filter_)

    yield add
    for filter_ in added:
        logger.removeFilter(filter_)


def test_a_logging_filter_that_raises_does_not_reach_the_host(host_logging):
    def broken(_record):
        raise RuntimeError("the host's filter")

    host_logging(broken)
    guard.swallowed("here", ValueError("x"))
    guard.warn_once("key", "said")
    assert guard.faults() == {"here": 1}


def test_a_fault_while_a_fault_is_counted_does_not_wait_for_itself():
    """A signal handler or finalizer of the host comes in while its own thread holds the lock."""

    def inside():
        with guard._lock:
            guard.swallowed("here", ValueError("x"))
            guard.warn_once("key", "said")

    thread = threading.Thread(target=inside, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert guard.faults() == {"here": 1}


def test_the_name_of_a_class_made_at_run_time_is_not_logged(caplog):
    guard.swallowed("here", type("alice@example.com", (Exception,), {})())
    (line,) = caplog.messages
    assert "alice" not in line


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_belongs_to_the_host_is_not_caught(error, monkeypatch):
    """No `except` of ours around the host's code takes a BaseException."""

    def provider():
        raise error

    who = IdentityResolver()
    who.provider = provider
    with pytest.raises(error):
        who.current()
    who.provider = None
    assert who.current().tier == "free", "and nothing stays locked"
