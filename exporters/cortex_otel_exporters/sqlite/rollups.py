"""Roll-ups of one batch, added up in memory and upserted in the batch's own transaction.

Adding in Python first and upserting once a key costs a third of doing it by triggers, and the
pages that read the roll-ups are never stale and never disagree with the events.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cortex_otel_exporters.record import SPAN_EVENT_TYPE
from cortex_otel_exporters.sqlite.inserts import Insert
from cortex_otel_exporters.sqlite.schema import BUCKETS_AN_OCTAVE, LAST_BUCKET

if TYPE_CHECKING:
    import apsw

    from cortex_otel_exporters.record import Record

__all__ = ["FAILED_RESULTS", "Rollups", "duration_bucket"]

_NS_AN_HOUR = 3_600 * 10**9
_NS_A_DAY = 24 * _NS_AN_HOUR
_NS_A_HALF_HOUR = 1_800 * 10**9
_HOURS_A_DAY, _HOURS_A_WEEK = 24, 168
_DAYS_A_BLOCK = 32
_NS_A_US = 1000

#: Results that count as errors. A cancelled call is neither a success nor a failure.
FAILED_RESULTS = frozenset({"error", "timeout"})

_log2 = math.log2


def duration_bucket(duration_nano: int) -> int:
    """Histogram bucket of a duration in nanoseconds; see ``schema.BUCKETS_AN_OCTAVE``."""
    if duration_nano <= 1000:  # noqa: PLR2004 - bucket 0 holds all up to a microsecond
        return 0
    bucket = int(_log2(duration_nano / 1000) * BUCKETS_AN_OCTAVE)
    return min(bucket, LAST_BUCKET)


class Rollups:
    """What one batch adds to every roll-up table."""

    def __init__(self) -> None:
        self._hours: dict[tuple[int, int], list[float]] = {}
        self._durations: dict[tuple[int, int, int, int], float] = {}
        self._user_days: dict[tuple[int, int, int], list[float]] = {}
        self._user_features: dict[tuple[int, int, int, int], float] = {}
        self._user_tiers: dict[tuple[int, str], list[int]] = {}
        self._measures: dict[tuple[int, int, int, str], list[float]] = {}

    def add(self, record: Record, keys: tuple[int, int, int], user_key: int | None) -> None:
        """Count one record under its series, feature and segment keys."""
        time, duration, series, weight = record[0], record[1], record[2], record[9]
        series_key, feature_key, segment_key = keys
        hour = time // _NS_AN_HOUR

        row = self._hours.get((hour, series_key))
        if row is None:
            row = self._hours[hour, series_key] = [0, 0.0, 0.0, 0.0]
        row[0] += 1
        row[1] += weight
        if duration is not None:
            row[2] += weight
            row[3] += float(round(weight * duration / _NS_A_US))
            timed = (hour, feature_key, segment_key, duration_bucket(duration))
            self._durations[timed] = self._durations.get(timed, 0.0) + weight

        if record.measures:
            for name, value in record.measures:
                key = (hour, feature_key, segment_key, name)
                total = self._measures.setdefault(key, [0.0, 0.0])
                total[0] += weight
                total[1] += weight * value

        # Spans of other instrumentations are kept, and stay out of every product count.
        if user_key is not None and series.event_type != SPAN_EVENT_TYPE:
            self._add_user(record, keys, user_key)

    def _add_user(self, record: Record, keys: tuple[int, int, int], user_key: int) -> None:
        time, weight = record.time_unix_nano, record.weight
        _, feature_key, segment_key = keys
        day = time // _NS_A_DAY
        failed = weight if record.series.result in FAILED_RESULTS else 0.0
        bit = 1 << (time // _NS_A_HALF_HOUR % 48)
        row = self._user_days.get((day, user_key, segment_key))
        if row is None:
            self._user_days[day, user_key, segment_key] = [weight, failed, time, time, bit]
        else:
            row[0] += weight
            row[1] += failed
            row[2] = min(row[2], time)
            row[3] = max(row[3], time)
            row[4] = int(row[4]) | bit
        if record.series.feature:
            key = (feature_key, user_key, segment_key, day)
            self._user_features[key] = self._user_features.get(key, 0.0) + weight
        seen = self._user_tiers.get((user_key, record.series.user_tier))
        if seen is None:
            self._user_tiers[user_key, record.series.user_tier] = [time, time]
        else:
            seen[0], seen[1] = min(seen[0], time), max(seen[1], time)

    def write(self, connection: apsw.Connection, *, pause: bool = False) -> None:
        """Upsert everything; the caller's transaction is open. ``pause``: see :class:`Insert`."""
        _HOUR.run(connection, [(*key, *row) for key, row in self._hours.items()], pause=pause)
        _DAY.run(connection, self._series_by_day(), pause=pause)
        durations = [(*key, count) for key, count in self._durations.items()]
        _HOUR_DURATION.run(connection, durations, pause=pause)
        _DAY_DURATION.run(connection, self._durations_by(_HOURS_A_DAY), pause=pause)
        _WEEK_DURATION.run(connection, self._durations_by(_HOURS_A_WEEK), pause=pause)
        _USER_DAY.run(
            connection, [(*key, *row) for key, row in self._user_days.items()], pause=pause
        )
        _USER_TIER.run(
            connection, [(*key, *row) for key, row in self._user_tiers.items()], pause=pause
        )
        used = [
            (*key, day // _DAYS_A_BLOCK, count, 1 << day % _DAYS_A_BLOCK)
            for (*key, day), count in self._user_features.items()
        ]
        _USER_FEATURE_DAYS.run(connection, used, pause=pause)
        _USER_FEATURE.run(connection, [(*key, key[3]) for key in self._user_features], pause=pause)
        _MEASURE.run(connection, [(*key, *row) for key, row in self._measures.items()], pause=pause)

    def _series_by_day(self) -> list[tuple[float, ...]]:
        days: dict[tuple[int, int], list[float]] = {}
        for (hour, series_key), row in self._hours.items():
            key = (hour // _HOURS_A_DAY, series_key)
            known = days.get(key)
            days[key] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]
        return [(*key, *row) for key, row in days.items()]

    def _durations_by(self, hours: int) -> list[tuple[int, int, int, int, float]]:
        added: dict[tuple[int, int, int, int], float] = {}
        for (hour, feature, segment, bucket), count in self._durations.items():
            key = (hour // hours, feature, segment, bucket)
            added[key] = added.get(key, 0.0) + count
        return [(*key, count) for key, count in added.items()]


_ADD_COUNTS = """
ON CONFLICT DO UPDATE SET stored = stored + excluded.stored, events = events + excluded.events,
    timed = timed + excluded.timed, duration_us = duration_us + excluded.duration_us
"""
_HOUR, _DAY = Insert("rollup_hour", 6, _ADD_COUNTS), Insert("rollup_day", 6, _ADD_COUNTS)
_ADD_EVENTS = "ON CONFLICT DO UPDATE SET events = events + excluded.events"
_HOUR_DURATION = Insert("rollup_hour_duration", 5, _ADD_EVENTS)
_DAY_DURATION = Insert("rollup_day_duration", 5, _ADD_EVENTS)
_WEEK_DURATION = Insert("rollup_week_duration", 5, _ADD_EVENTS)
_USER_DAY = Insert("rollup_user_day", 8, """
ON CONFLICT DO UPDATE SET events = events + excluded.events, errors = errors + excluded.errors,
    first_time = min(first_time, excluded.first_time),
    last_time = max(last_time, excluded.last_time),
    half_hours = half_hours | excluded.half_hours
""")  # fmt: skip
_USER_TIER = Insert("user_tiers", 4, """
ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen),
    last_seen = max(last_seen, excluded.last_seen)
""")  # fmt: skip
_USER_FEATURE_DAYS = Insert("rollup_user_feature_days", 6, """
ON CONFLICT DO UPDATE SET events = events + excluded.events, days = days | excluded.days
""")  # fmt: skip
_USER_FEATURE = Insert("rollup_user_feature", 5, """
ON CONFLICT DO UPDATE SET first_day = min(first_day, excluded.first_day),
    last_day = max(last_day, excluded.last_day)
    WHERE excluded.first_day < first_day OR excluded.last_day > last_day
""")  # fmt: skip
_MEASURE = Insert("rollup_measure", 6, """
ON CONFLICT DO UPDATE SET events = events + excluded.events, total = total + excluded.total
""")  # fmt: skip
