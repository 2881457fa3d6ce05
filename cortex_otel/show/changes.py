"""What changed since the period before, or only seems to: the error of counts and shares by chance.

Counts are taken as Poisson, rates as binomial, percentiles of histograms as known to within a
bucket. What is sampled has a larger error than this says; what has no known error (a mean, a ratio
of sums) is left without a verdict.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cortex_otel.query.runner import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw

    from cortex_otel.query.runner import Result, Value
    from cortex_otel.query.zones import Zone

__all__ = ["Change", "Comparison", "change_of", "changes", "compared", "period_before"]

#: Of a normal distribution, 95 % are within this many standard deviations.
_Z = 1.96
#: Rows of a rate's denominator, by the name of the rate; the first that a question has.
_WHOLES: Mapping[str, tuple[str, ...]] = {
    "error_rate": ("rated", "calls", "searches", "events"),
    "recall": ("checks",),
}
_NUMBERS = ("timed", "n")
_PERCENTILE = re.compile(r"p(\d\d)_ms")
#: Fewer calls than this beyond a percentile, and it is the chance of a few.
_MIN_BEYOND = 10
_BUCKET = 2 ** (1 / 8)
_HOUR_NS = 3_600 * 10**9
_MINUTE_NS = 60 * 10**9
_WEEK_NS = 7 * 24 * _HOUR_NS

Test = Literal["poisson", "binomial", "ranks", "bucket"]


@dataclass(frozen=True, slots=True)
class Change:
    """What is known of a change."""

    within_error: bool | None
    """Whether chance alone explains it; ``None`` where nobody can say."""
    test: Test | None
    """By which error: of a Poisson count, a binomial share, too few ranks beyond a percentile, or
    the width of a histogram's bucket."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A result beside that of the period before."""

    now: Result
    """By the same method as the other."""
    before: Result | None
    """``None``: not all of that period was recorded."""

    @property
    def changes(self) -> dict[str, Change]:
        """The change of each number of the first row, by column."""
        return changes(self.now, self.before) if self.before else {}


def period_before(from_ns: int, to_ns: int, zone: Zone) -> tuple[int, int] | None:
    """The period that a range is compared with, in Unix ns; ``None`` before 1970.

    Earlier by whole weeks, as few as it has, so that Mondays are compared with Mondays; by the same
    local times, so that a clock change doesn't shift them, nor makes a week longer than one.
    """
    clocks_ns = (zone.offset_minutes(to_ns) - zone.offset_minutes(from_ns)) * _MINUTE_NS
    weeks = -(-(to_ns - from_ns + clocks_ns) // _WEEK_NS)
    if from_ns < (weeks + 1) * _WEEK_NS:
        return None
    start, end = (zone.earlier(each, 7 * weeks) for each in (from_ns, to_ns))
    return start, min(end, from_ns)


def compared(
    connection: apsw.Connection,
    result: Result,
    values: Mapping[str, Value],
    before: tuple[int, int],
    *,
    time_limit_ms: float,
    row_limit: int | None = None,
    is_one_row: bool,
) -> Comparison:
    """``result`` and the same question about the period before.

    Args:
        connection: to the store.
        result: of the period itself.
        values: its parameters.
        before: start and end of the period before, Unix ns.
        time_limit_ms: as of :func:`~cortex_otel.query.runner.run`.
        row_limit: as there.
        is_one_row: numbers of a row are compared; one that is partial isn't.

    Raises:
        QueryError, StoreError: from the runner.
    """
    if not _is_recorded(connection, before[0]):
        return Comparison(result, None)

    def again(time_range: Mapping[str, Value], *, from_events: bool | None) -> Result:
        return run(
            connection, result.question, {**values, **time_range},
            time_limit_ms=time_limit_ms, row_limit=row_limit, from_events=from_events,
        )  # fmt: skip

    then = {"from_ns": before[0], "to_ns": before[1]}
    previous = again(then, from_events=None)
    # Percentiles of events and those of histograms differ by more than many changes.
    if previous.exact and not result.exact:
        previous = again(then, from_events=False)
    elif result.exact and not previous.exact:
        result = again({}, from_events=False)
    if is_one_row and any(row.get("partial") for row in previous.records()):
        return Comparison(result, None)
    return Comparison(result, previous)


def _is_recorded(connection: apsw.Connection, from_ns: int) -> bool:
    """Whether all of a period was recorded: what began in it would seem to have grown since."""
    first = connection.execute("SELECT min(hour) FROM rollup_hour").get
    return first is not None and first * _HOUR_NS <= from_ns


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
