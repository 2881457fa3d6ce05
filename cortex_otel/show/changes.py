"""Whether a number changed, or only seems to: the error that a count or a share has by chance.

Counts are taken as Poisson, rates as binomial, percentiles of histograms as known to within a
bucket. What is sampled has a larger error than this says; what has no known error (a mean, a ratio
of sums) is left without a verdict.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.query.runner import Result, Value

__all__ = ["Change", "change_of", "changes"]

#: Of a normal distribution, 95 % are within this many standard deviations.
_Z = 1.96
#: Rows of a rate's denominator, by the name of the rate; the first that a question has.
_WHOLES: Mapping[str, tuple[str, ...]] = {
    "error_rate": ("events", "calls", "searches"),
    "recall": ("checks",),
}
_NUMBERS = ("timed", "n")
_PERCENTILE = re.compile(r"p(\d\d)_ms")
#: Fewer calls than this beyond a percentile, and it is the chance of a few.
_MIN_BEYOND = 10
_BUCKET = 2 ** (1 / 8)

Test = Literal["poisson", "binomial", "ranks", "bucket"]


@dataclass(frozen=True, slots=True)
class Change:
    """What is known of a change."""

    within_error: bool | None
    """Whether chance alone explains it; ``None`` where nobody can say."""
    test: Test | None
    """By which error: of a Poisson count, a binomial share, too few ranks beyond a percentile, or
    the width of a histogram's bucket."""


def changes(now: Result, before: Result) -> dict[str, Change]:
    """The change of each number of the first row, by column."""
    if not now.rows or not before.rows:
        return {}
    rows = [result.records()[0] for result in (now, before)]
    return {
        column.name: change_of(column.name, column.unit, *rows, exact=now.exact and before.exact)
        for column in now.columns
        if column.unit in {"count", "ratio", "ms"}
    }


def change_of(
    name: str, unit: str, now: Mapping[str, Value], before: Mapping[str, Value], *, exact: bool
) -> Change:
    """The change of one number.

    Args:
        name: the column.
        unit: its unit.
        now: the row.
        before: the row that it is compared with.
        exact: percentiles of both are of the events, not of histograms.
    """
    a, b = _number(now.get(name)), _number(before.get(name))
    if a is None or b is None:
        return Change(None, None)
    if unit == "count":
        return Change(abs(a - b) <= _Z * math.sqrt(a + b), "poisson")
    if percentile := _PERCENTILE.fullmatch(name):
        beyond = 1 - int(percentile[1]) / 100
        sizes = [_first(row, _NUMBERS) for row in (now, before)]
        if any(size is not None and size * beyond < _MIN_BEYOND for size in sizes):
            return Change(within_error=True, test="ranks")
        is_close = max(a, b) <= min(a, b) * _BUCKET
        return Change(None, None) if exact else Change(is_close, "bucket")
    wholes = [_first(row, _WHOLES.get(name, ())) for row in (now, before)]
    if unit == "ratio" and wholes[0] and wholes[1]:
        return Change(_is_chance(a, wholes[0], b, wholes[1]), "binomial")
    return Change(None, None)


def _is_chance(a: float, n: float, b: float, m: float) -> bool:
    pooled = (a * n + b * m) / (n + m)
    return abs(a - b) <= _Z * math.sqrt(max(0.0, pooled * (1 - pooled)) * (1 / n + 1 / m))


def _first(row: Mapping[str, Value], names: tuple[str, ...]) -> float | None:
    return next((_number(row[name]) for name in names if name in row), None)


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
