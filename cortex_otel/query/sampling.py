"""How far a count of sampled events may be from the true one.

A kept event counts for ``weight`` events, 1 / rate; that of an event which is always kept is 1. By
Horvitz and Thompson, a count N = Σ weight has the variance Σ weight · (weight - 1): at most
N · (w - 1), with w the greatest weight. So one number for a range bounds the error of every count
in it, and nothing has to be read for each.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw

    from cortex_otel.query.catalogue import Question
    from cortex_otel.query.runner import Result

__all__ = [
    "COUNTED",
    "GREATEST_OF_DAYS",
    "cuts_half_hours",
    "greatest_weight",
    "half_width",
    "half_width_of_rate",
    "is_sampled",
    "sampling_of",
]

#: Columns that count events by their weight. Failures are always kept: theirs are exact.
COUNTED: Final = frozenset(
    {
        "accepted", "activations", "branches", "calls", "cancelled", "checks", "code_inserts",
        "completions_accepted", "compressions", "events", "fetched_again", "installs",
        "interactions", "lines_inserted", "n", "rated", "searches", "suggested", "timed",
    }
)  # fmt: skip
#: Means, rates and percentiles of such counts.
_OF_COUNTED: Final = frozenset(
    {
        "accuracy", "avg_ms", "avg_results", "error_rate", "fetched_again_rate", "net_savings_rate",
        "p50_ms", "p95_ms", "p99_ms", "recall", "savings_rate", "tokens_after", "tokens_before",
        "tokens_saved", "tokens_saved_net", "uses_per_user",
    }
)  # fmt: skip
_Z: Final = 1.96
_HOUR_NS: Final = 3_600 * 10**9
_HALF_HOUR_NS: Final = 1_800 * 10**9
_DAY_NS: Final = 24 * _HOUR_NS
#: A longer range is read by day: the weight of a day's kind of events is a mean of its hours.
_BY_HOUR_NS: Final = 8 * _DAY_NS
#: In a longer range, half an hour at its ends is less than a hundredth of it.
_CUT_RANGE_NS: Final = 2 * _DAY_NS

GREATEST_OF_DAYS: Final = """
SELECT max(r.events * 1.0 / r.stored) AS weight
FROM rollup_day r CROSS JOIN series s
WHERE r.day >= :from_day AND r.day <= :to_day
  AND s.series_key = r.series_key AND s.is_product = 1 AND r.stored > 0
"""
_GREATEST_OF_HOURS: Final = (
    GREATEST_OF_DAYS.replace("rollup_day", "rollup_hour")
    .replace("r.day", "r.hour")
    .replace("_day", "_hour")
)


def is_sampled(question: Question) -> bool:
    """Whether an answer depends on how many events were kept."""
    return any(each.name in COUNTED or each.name in _OF_COUNTED for each in question.columns)


def greatest_weight(connection: apsw.Connection, from_ns: int, to_ns: int) -> float:
    """The weight of the product events that are sampled most in a range; 1 if none is.

    As the roll-ups have it: the mean of a kind of events in an hour; in a day, in a long range.
    """
    if to_ns - from_ns <= _BY_HOUR_NS:
        sql, unit, length = _GREATEST_OF_HOURS, "hour", _HOUR_NS
    else:
        sql, unit, length = GREATEST_OF_DAYS, "day", _DAY_NS
    asked = {f"from_{unit}": from_ns // length, f"to_{unit}": (to_ns - 1) // length}
    return max(1.0, float(connection.execute(sql, asked).get or 1))


def half_width(count: float, weight: float) -> float:
    """Half of the 95 % interval of a count of events, with that greatest weight."""
    return _Z * math.sqrt(max(0.0, count) * (weight - 1))


def half_width_of_rate(count: float, weight: float) -> float:
    """Half of the 95 % interval of a rate of ``count`` events, as a ratio; it is at most this.

    The variance of a rate R is R (1 - R) (w - 1) / N where both kinds are sampled, and R times as
    much where those of which it is the rate, as failures, are always kept: at most (w - 1) / 4 N.
    No rate is off by more than 1.
    """
    return min(1.0, _Z / 2 * math.sqrt(max(0.0, weight - 1) / count)) if count > 0 else 1.0


def cuts_half_hours(question: Question, values: Mapping[str, object]) -> bool:
    """Whether a range of at most two days begins or ends within a half hour of users' presence.

    Of those, only who has an event that was kept, or their first or last of the day, is known.
    """
    if "cut_halves AS" not in question.sql and "day_edges AS" not in question.sql:
        return False
    from_ns, to_ns = int(str(values["from_ns"])), int(str(values["to_ns"]))
    is_cut = from_ns % _HALF_HOUR_NS or to_ns % _HALF_HOUR_NS
    return bool(is_cut) and to_ns - from_ns <= _CUT_RANGE_NS


def sampling_of(result: Result) -> dict[str, Any] | None:
    """For machines: the greatest weight, and the largest count with half its 95 % interval.

    ``None`` where nothing in the range is sampled.
    """
    if result.weight <= 1:
        return None
    count = max(
        (
            float(value)
            for index, column in enumerate(result.columns)
            if column.name in COUNTED
            for value in (row[index] for row in result.rows)
            if isinstance(value, (int, float))
        ),
        default=None,
    )
    return {
        "weight": result.weight,
        "count": count,
        "half_width": None if count is None else half_width(count, result.weight),
        "rate_half_width": half_width_of_rate(count, result.weight) if count else None,
        "cuts_half_hours": result.cuts_half_hours,
    }
