"""Whether a change is more than chance, against statistics written down once more."""

from __future__ import annotations

import math

import pytest

from cortex_otel.show.changes import Change, change_of

NOBODY = Change(None, None)


def of(name, unit, now, before, *, exact=True):
    return change_of(name, unit, now, before, exact=exact)


@pytest.mark.parametrize(
    ("now", "before", "chance"),
    [
        (100, 100, True), (100, 127, True), (100, 130, False), (0, 3, True), (0, 4, False),
        (0, 0, True), (10_000, 10_300, False), (10_000, 10_270, True),
    ],
)  # fmt: skip
def test_counts_are_poisson(now, before, chance):
    found = of("events", "count", {"events": now}, {"events": before})
    assert found == Change(chance, "poisson")
    # The difference of two Poisson counts has the variance of their sum.
    z = abs(now - before) / math.sqrt(now + before) if now + before else 0
    assert chance is (math.erfc(z / math.sqrt(2)) >= 0.05)


@pytest.mark.parametrize(
    ("now", "before", "chance"),
    [
        ((0.05, 1000), (0.05, 1000), True), ((0.05, 1000), (0.07, 1000), True),
        ((0.05, 1000), (0.08, 1000), False), ((0.05, 100_000), (0.053, 100_000), False),
        ((0.0, 20), (0.1, 20), True), ((0.0, 500), (0.0, 500), True), ((1.0, 9), (1.0, 9), True),
    ],
)  # fmt: skip
def test_rates_are_binomial(now, before, chance):
    rows = [{"error_rate": rate, "events": n} for rate, n in (now, before)]
    assert of("error_rate", "ratio", *rows) == Change(chance, "binomial")
    (p, n), (q, m) = now, before
    pooled = (p * n + q * m) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    z = abs(p - q) / error if error else 0
    assert chance is (math.erfc(z / math.sqrt(2)) >= 0.05)


def test_a_rate_is_of_what_it_counts_alone():
    # 8 % and 5 % of 1,000 differ; of 200 that count in error rates, they may not.
    now, before = ({"error_rate": rate, "events": 1000, "rated": 200} for rate in (0.08, 0.05))
    assert of("error_rate", "ratio", now, before) == Change(within_error=True, test="binomial")


def test_a_percentile_needs_some_beyond_it():
    few, many = {"p95_ms": 10.0, "timed": 199}, {"p95_ms": 30.0, "timed": 200}
    assert of("p95_ms", "ms", few, many) == Change(within_error=True, test="ranks")
    assert of("p95_ms", "ms", many, {**many, "p95_ms": 11.0}) == NOBODY
    # Of histograms: within a bucket nothing is known.
    for other, chance in ((32.0, True), (33.0, False), (27.6, True), (27.0, False)):
        found = of("p95_ms", "ms", many, {**many, "p95_ms": other}, exact=False)
        assert found == Change(chance, "bucket")


def test_what_has_no_known_error_has_no_verdict():
    assert of("avg_ms", "ms", {"avg_ms": 1.0}, {"avg_ms": 9.0}) == NOBODY
    assert of("savings_rate", "ratio", {"savings_rate": 0.1}, {"savings_rate": 0.9}) == NOBODY
    assert of("error_rate", "ratio", {"error_rate": None}, {"error_rate": 0.9}) == NOBODY
    nobody = {"error_rate": 0.0, "events": 0}
    assert of("error_rate", "ratio", nobody, {"error_rate": 0.9, "events": 9}) == NOBODY
