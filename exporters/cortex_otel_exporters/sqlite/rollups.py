"""Roll-ups of one batch, added up in memory and upserted in the batch's own transaction.

Adding in Python first and upserting once per key costs a third of doing it by triggers, and the
roll-ups are never stale and never disagree with the events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cortex_otel_exporters.presence import MAX_SESSION_NS
from cortex_otel_exporters.sqlite.inserts import Insert
from cortex_otel_exporters.sqlite.schema import duration_bucket

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from cortex_otel_exporters.presence import Presence
    from cortex_otel_exporters.sqlite.dimensions import DimensionKeys

__all__ = ["Group", "Rollups", "duration_bucket"]

_HALF_HOURS_A_DAY = 48
_HOURS_A_DAY, _HOURS_A_WEEK = 24, 168
_DAYS_A_BLOCK = 32
_NS_A_US = 1000


class Group:
    """The totals of a batch for one set of dimensions in one half hour.

    A batch has few of these and many events, so everything that depends on the dimensions is
    computed once per group.
    """

    __slots__ = (
        "buckets", "duration_us", "end", "events", "first", "last", "measures", "order", "stored",
        "timed",
    )  # fmt: skip

    def __init__(self, time_ns: int) -> None:
        self.stored = self.order = 0
        self.events = self.timed = self.duration_us = 0.0
        self.first = self.last = self.end = time_ns
        self.buckets: dict[int, float] = {}
        self.measures: dict[str, list[float]] | None = None

    def add(self, order: int, time_ns: int, duration_ns: int | None, weight: float) -> None:
        """Count one event; ``order`` increases from event to event."""
        self.order = order
        self.stored += 1
        self.events += weight
        if time_ns < self.first:
            self.first = time_ns
        elif time_ns > self.last:
            self.last = time_ns
        end = time_ns
        if duration_ns is not None:
            if duration_ns <= MAX_SESSION_NS:
                end += duration_ns
            self.timed += weight
            self.duration_us += round(weight * duration_ns / _NS_A_US)
            bucket = duration_bucket(duration_ns)
            buckets = self.buckets
            buckets[bucket] = buckets.get(bucket, 0.0) + weight
        if end > self.end:  # noqa: PLR1730 - a call of max() takes four times as long
            self.end = end

    def be_present(self, presence: Presence) -> None:
        """Take the times of events that were sampled out: they count nothing."""
        self.first = min(self.first, presence.first_unix_nano)
        self.last = max(self.last, presence.last_unix_nano)
        self.end = max(self.end, presence.end_unix_nano)

    def measure(self, name: str, value: float, weight: float) -> None:
        """Count one measure of an event."""
        if self.measures is None:
            self.measures = {}
        total = self.measures.setdefault(name, [0.0, 0.0])
        total[0] += weight
        total[1] += weight * value


class Rollups:
    """What one batch adds to every roll-up table."""

    def __init__(self) -> None:
        self._hours: dict[tuple[int, int], list[float]] = {}
        self._durations: dict[tuple[int, int, int, int], float] = {}
        self._user_days: dict[tuple[int, int, int], list[float]] = {}
        self._user_asides: dict[tuple[int, int, int], list[float]] = {}
        self._user_features: dict[tuple[int, int, int, int], float] = {}
        self._user_tiers: dict[tuple[int, str], list[int]] = {}
        self._measures: dict[tuple[int, int, int, str], list[float]] = {}

    def add(self, keys: DimensionKeys, half_hour: int, group: Group) -> None:
        """Add the events of one set of dimensions in one half hour since 1970."""
        if group.stored:
            self._add_counts(keys, half_hour // 2, group)
        # Spans of other instrumentations are stored, but not part of any product count.
        if keys.user_key is not None and keys.is_product:
            self._add_user(keys, keys.user_key, half_hour, group)

    def _add_counts(self, keys: DimensionKeys, hour: int, group: Group) -> None:
        series_key, feature_key, segment_key = keys.keys
        row = self._hours.get((hour, series_key))
        if row is None:
            row = self._hours[hour, series_key] = [0, 0.0, 0.0, 0.0]
        row[0] += group.stored
        row[1] += group.events
        row[2] += group.timed
        row[3] += group.duration_us
        for bucket, weight in group.buckets.items():
            timed = (hour, feature_key, segment_key, bucket)
            self._durations[timed] = self._durations.get(timed, 0.0) + weight
        for name, (events, value) in (group.measures or {}).items():
            total = self._measures.setdefault((hour, feature_key, segment_key, name), [0.0, 0.0])
            total[0] += events
            total[1] += value

    def _add_user(self, keys: DimensionKeys, user_key: int, half_hour: int, group: Group) -> None:
        _, feature_key, segment_key = keys.keys
        day, bit = half_hour // _HALF_HOURS_A_DAY, 1 << half_hour % _HALF_HOURS_A_DAY
        failed = group.events if keys.is_failed else 0.0
        active_bit = bit if keys.is_active else 0
        row = self._user_days.get((day, user_key, segment_key))
        if row is None:
            self._user_days[day, user_key, segment_key] = [
                group.events,
                failed,
                group.first,
                group.last,
                active_bit,
            ]
        else:
            row[0] += group.events
            row[1] += failed
            # The times are of active events, as long as there is any.
            if bool(row[4]) == keys.is_active:
                row[2] = min(row[2], group.first)
                row[3] = max(row[3], group.last)
            elif keys.is_active:
                row[2:4] = group.first, group.last
            row[4] = int(row[4]) | active_bit
        if not (keys.is_active and keys.in_error_rate):
            self._add_aside(keys, (day, user_key, segment_key), bit, group)
        if keys.has_feature:
            key = (feature_key, user_key, segment_key, day)
            self._user_features[key] = self._user_features.get(key, 0.0) + group.events
        seen = self._user_tiers.get((user_key, keys.user_tier))
        if seen is None:
            self._user_tiers[user_key, keys.user_tier] = [group.first, group.last]
        else:
            seen[0], seen[1] = min(seen[0], group.first), max(seen[1], group.last)

    def _add_aside(
        self, keys: DimensionKeys, key: tuple[int, int, int], bit: int, group: Group
    ) -> None:
        row = self._user_asides.setdefault(key, [0, 0.0, 0.0])
        if not keys.is_active:
            row[0] = int(row[0]) | bit
        if not keys.in_error_rate:
            row[1] += group.events
            row[2] += group.events if keys.is_failed else 0.0

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
        _USER_ASIDE.run(
            connection, [(*key, *row) for key, row in self._user_asides.items()], pause=pause
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

    def take_back(self, connection: apsw.Connection) -> None:
        """Subtract all counts that name no user; the caller's transaction is open.

        Rows that nothing is left of go. Those by user are the caller's to delete as they are.
        """
        hours: Sequence[tuple[Any, ...]] = [(*key, *row) for key, row in self._hours.items()]
        durations: Sequence[tuple[Any, ...]] = [
            (*key, count) for key, count in self._durations.items()
        ]
        measures: Sequence[tuple[Any, ...]] = [(*key, *row) for key, row in self._measures.items()]
        for insert, columns, rows in (
            (_HOUR, ("hour", "series_key"), hours),
            (_DAY, ("day", "series_key"), self._series_by_day()),
            (_HOUR_DURATION, ("hour", *_OF_DURATION), durations),
            (_DAY_DURATION, ("day", *_OF_DURATION), self._durations_by(_HOURS_A_DAY)),
            (_WEEK_DURATION, ("week", *_OF_DURATION), self._durations_by(_HOURS_A_WEEK)),
            (_MEASURE, ("hour", "feature_key", "segment_key", "measure"), measures),
        ):
            keys = len(columns)
            insert.run(connection, [(*row[:keys], *(-each for each in row[keys:])) for row in rows])
            where = " AND ".join(f"{column} = ?" for column in columns)
            # Weights are at least 1: less than half of one is what adding fractions leaves.
            connection.executemany(
                f"DELETE FROM {insert.table} WHERE {where} AND events < 0.5",  # noqa: S608
                [row[:keys] for row in rows],
            )

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


_OF_DURATION = ("feature_key", "segment_key", "bucket")
_ADD_COUNTS = """
ON CONFLICT DO UPDATE SET stored = stored + excluded.stored, events = events + excluded.events,
    timed = timed + excluded.timed, duration_us = duration_us + excluded.duration_us
"""
_HOUR, _DAY = Insert("rollup_hour", 6, _ADD_COUNTS), Insert("rollup_day", 6, _ADD_COUNTS)
_ADD_EVENTS = "ON CONFLICT DO UPDATE SET events = events + excluded.events"
_HOUR_DURATION = Insert("rollup_hour_duration", 5, _ADD_EVENTS)
_DAY_DURATION = Insert("rollup_day_duration", 5, _ADD_EVENTS)
_WEEK_DURATION = Insert("rollup_week_duration", 5, _ADD_EVENTS)
_USER_DAY = Insert(
    "rollup_user_day",
    8,
    """
ON CONFLICT DO UPDATE SET events = events + excluded.events, errors = errors + excluded.errors,
    first_time = CASE WHEN (half_hours = 0) = (excluded.half_hours = 0)
                      THEN min(first_time, excluded.first_time)
                      WHEN half_hours = 0 THEN excluded.first_time ELSE first_time END,
    last_time = CASE WHEN (half_hours = 0) = (excluded.half_hours = 0)
                     THEN max(last_time, excluded.last_time)
                     WHEN half_hours = 0 THEN excluded.last_time ELSE last_time END,
    half_hours = half_hours | excluded.half_hours
""",
)
_USER_ASIDE = Insert(
    "rollup_user_aside",
    6,
    """
ON CONFLICT DO UPDATE SET half_hours = half_hours | excluded.half_hours,
    unrated = unrated + excluded.unrated, unrated_errors = unrated_errors + excluded.unrated_errors
""",
)
_USER_TIER = Insert(
    "user_tiers",
    4,
    """
ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen),
    last_seen = max(last_seen, excluded.last_seen)
""",
)
_USER_FEATURE_DAYS = Insert(
    "rollup_user_feature_days",
    6,
    """
ON CONFLICT DO UPDATE SET events = events + excluded.events, days = days | excluded.days
""",
)
_USER_FEATURE = Insert(
    "rollup_user_feature",
    5,
    """
ON CONFLICT DO UPDATE SET first_day = min(first_day, excluded.first_day),
    last_day = max(last_day, excluded.last_day)
    WHERE excluded.first_day < first_day OR excluded.last_day > last_day
""",
)
_MEASURE = Insert(
    "rollup_measure",
    6,
    """
ON CONFLICT DO UPDATE SET events = events + excluded.events, total = total + excluded.total
""",
)
