"""Intervals and tests, computed from what they mean and not by the formulas of the SQL."""

from __future__ import annotations

import math
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)


def wilson(hits, trials):
    """The interval as what it is: the rates that a score test would not reject."""
    rate = hits / trials

    def rejects(candidate):
        return abs(rate - candidate) > Z * math.sqrt(candidate * (1 - candidate) / trials)

    def edge(inside, outside):
        for _ in range(100):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if rejects(middle) else (middle, outside)
        return inside

    return edge(rate, 0.0), edge(rate, 1.0)


def newcombe(hits, trials, control_hits, control_trials):
    """The interval of a difference: from the ends of both, as if they were independent."""
    rate, control = hits / trials, control_hits / control_trials
    (low, high), (control_low, control_high) = (
        wilson(hits, trials), wilson(control_hits, control_trials)
    )  # fmt: skip
    return (
        rate - control - math.hypot(rate - low, control_high - control),
        rate - control + math.hypot(high - rate, control - control_low),
    )


def two_proportions(hits, trials, control_hits, control_trials):
    """p of the pooled test, two-sided."""
    pooled = (hits + control_hits) / (trials + control_trials)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / trials + 1 / control_trials))
    if not deviation:
        return 1.0
    z = (hits / trials - control_hits / control_trials) / deviation
    return 2 * NormalDist().cdf(-abs(z))


def chi_square_tail(statistic, freedom):
    """How likely a sum of ``freedom`` squares is to be larger; the density, summed up by steps."""

    def density(x):
        log = (freedom / 2 - 1) * math.log(x) - x / 2 - math.lgamma(freedom / 2)
        return math.exp(log - freedom / 2 * math.log(2))

    if freedom == 1:
        return math.erfc(math.sqrt(statistic / 2))
    steps, end = 20_000, max(statistic, freedom) + 80.0
    width = (end - statistic) / steps
    middles = (statistic + (number + 0.5) * width for number in range(steps))
    return math.fsum(density(x) for x in middles) * width


def benjamini_hochberg(values):
    """Corrected p in the order of ``values``."""
    corrected = {}
    least = 1.0
    for rank, place in sorted(
        enumerate(sorted(range(len(values)), key=lambda each: values[each]), 1), reverse=True
    ):
        least = min(least, values[place] * len(values) / rank)
        corrected[place] = least
    return [corrected[place] for place in range(len(values))]


def mantel_haenszel(tables):
    """Ratio and difference of risks over strata, each with its interval.

    ``tables``: exposed with the outcome, exposed, others with the outcome, others. The formulas of
    Greenland and Robins (1985) and Sato (1989), as K. J. Rothman's textbook writes them.
    """
    tables = [table for table in tables if table[1] + table[3]]
    size = [n1 + n0 for _, n1, _, n0 in tables]
    top = sum(a * n0 / n for (a, n1, c, n0), n in zip(tables, size, strict=True))
    bottom = sum(c * n1 / n for (a, n1, c, n0), n in zip(tables, size, strict=True))
    weight = sum(n1 * n0 / n for (a, n1, c, n0), n in zip(tables, size, strict=True))
    ratio = (top / bottom if bottom else None, None, None)
    if top and bottom:
        spread = sum(
            ((a + c) * n1 * n0 - a * c * n) / n**2
            for (a, n1, c, n0), n in zip(tables, size, strict=True)
        )
        half = math.exp(Z * math.sqrt(spread / top / bottom))
        ratio = (ratio[0], ratio[0] / half, ratio[0] * half)
    if not weight:
        return ratio, (None, None, None)
    difference = (top - bottom) / weight
    p = sum(
        (n1**2 * c - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / n**2
        for (a, n1, c, n0), n in zip(tables, size, strict=True)
    )
    q = sum(
        (a * (n0 - c) + c * (n1 - a)) / (2 * n)
        for (a, n1, c, n0), n in zip(tables, size, strict=True)
    )
    half = Z * math.sqrt((difference * p + q) / weight**2)
    return ratio, (difference, difference - half, difference + half)
