"""Whether a service may be above its thresholds, from the roll-ups of two hours alone.

The catalogue's answer for the last minutes reads each event in them, which at a thousand a second
is much. What was committed in these minutes is the difference between two readings of the roll-ups,
a few rows each: nearly the same, but for events that come late. Only what is more than half of a
threshold here is worth the question.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw

    from cortex_otel.query.alert_rules import AlertRules

__all__ = ["Glance"]

_HOUR_NS: Final = 3600 * 10**9
_SHARE: Final = 0.5
_SECONDS_BETWEEN_KEPT: Final = 5.0
_TOTALS: Final = """
SELECT
    h.hour, s.service,
    sum(h.events * s.in_error_rate), sum(h.events * s.in_error_rate * s.is_failed),
    sum(h.timed), sum(h.duration_us) / 1000.0
FROM rollup_hour h JOIN series s ON s.series_key = h.series_key
WHERE h.hour >= ? AND s.is_product = 1
GROUP BY h.hour, s.service
"""

_Totals = dict[tuple[int, str], tuple[float, float, float, float]]


class Glance:
    """Readings of the last minutes."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, _Totals]] = deque()

    def suspects(
        self, connection: apsw.Connection, rules: AlertRules, now_ns: int, now: float
    ) -> set[tuple[str, str]] | None:
        """Rule and service of what may be wrong; ``None`` if it hasn't been looked for long enough.

        Args:
            connection: a reader.
            rules: thresholds.
            now_ns: Unix ns.
            now: the same by the monotonic clock, in seconds.

        Raises:
            apsw.Error: it can't be read.
        """
        rows = connection.execute(_TOTALS, (now_ns // _HOUR_NS - 1,))
        totals: _Totals = {
            (hour, service): (rated, failed, timed, spent)
            for hour, service, rated, failed, timed, spent in rows
        }
        since = now - rules.window_minutes * 60
        while len(self._kept) > 1 and self._kept[1][0] <= since:
            self._kept.popleft()
        if not self._kept or now - self._kept[-1][0] >= _SECONDS_BETWEEN_KEPT:
            self._kept.append((now, totals))
        first, before = self._kept[0]
        return None if first > since else set(_above(_gained(totals, before), rules))

    def forget(self) -> None:
        """Begin anew: the file is another one."""
        self._kept.clear()


def _gained(totals: _Totals, before: _Totals) -> dict[str, list[float]]:
    """What came in between, by service."""
    gained: dict[str, list[float]] = {}
    for key, numbers in totals.items():
        sums = gained.setdefault(key[1], [0.0] * 4)
        for place, (now, then) in enumerate(zip(numbers, before.get(key, (0.0,) * 4), strict=True)):
            sums[place] += now - then
    return gained


def _above(gained: Mapping[str, list[float]], rules: AlertRules) -> list[tuple[str, str]]:
    least = rules.min_events * _SHARE
    found = []
    for service, (rated, failed, timed, spent_ms) in gained.items():
        if rated >= least and failed > rated * rules.error_rate * _SHARE:
            found.append(("error_rate", service))
        if timed >= least and spent_ms > timed * rules.response_ms * _SHARE:
            found.append(("response_time", service))
    return found
