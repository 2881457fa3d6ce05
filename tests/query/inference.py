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
