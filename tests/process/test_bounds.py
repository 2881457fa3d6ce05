"""Bounds that only a mutant would move."""

from __future__ import annotations

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk.metrics.export import Buckets

from cortex_otel.instrument.state import state
from cortex_otel.process import metric_copies
from cortex_otel.testing import capture

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
