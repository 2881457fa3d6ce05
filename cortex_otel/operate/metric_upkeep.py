"""What is to be written of the named metrics: what is missing, and what late events changed.

How many events each UTC day has is kept, and costs one look at the roll-ups by day: a day that has
more of them than when it was written is written again, with all periods that depend on it, however
long ago it is. What is missing is filled in from the newest to the oldest. Values whose roll-ups
are deleted stay as they are.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from cortex_otel.operate.metric_periods import DAY_NS, Periods
from cortex_otel.operate.metric_values import REST, WINDOW_NS, Values
from cortex_otel.query.named_metrics import NAMED_METRICS, PERIODS
from cortex_otel_exporters.sqlite.named_metrics import (
    Extent,
    Written,
    end_at,
    expire,
    extents,
    forget_zone,
    known_days,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from cortex_otel.query.named_metrics import Period
    from cortex_otel.query.zones import Zone

__all__ = ["KEPT_DAYS", "RECENT_DAYS", "Upkeep"]

#: How long each kind is kept: hours as long as roll-ups, days and weeks for ten years.
KEPT_DAYS: Final[dict[Period, int]] = {"hourly": 400, "daily": 3_650, "weekly": 3_650}
#: The last UTC days, which are written again in any case: what was sampled out adds users, but no
#: event that could be counted.
RECENT_DAYS: Final = 3
#: Rows of one transaction, at most: it holds the lock for some 10 ms.
_ROWS_AT_ONCE: Final = 2_000
_MAX_AT_ONCE: Final[dict[Period, int]] = {"hourly": 24, "daily": 28, "weekly": 52}
#: What depends on days before its own, too, and on how many.
_TRAILING: Final = {"mau": 29}


class Upkeep:
    """Brings the named metrics of one store up to date.

    Args:
        reader: reads the store.
        writer: writes to it.
        zone: the project's.
        now_ns: the time that it is.
        rest: see :class:`.Values`.
    """

    def __init__(
        self,
        reader: apsw.Connection,
        writer: apsw.Connection,
        zone: Zone,
        now_ns: int,
        *,
        rest: float = REST,
    ) -> None:
        self._writer = writer
        self._now_ns = now_ns
        self._periods = Periods(zone)
        self.values = Values(reader, zone, rest=rest)
        # Before anything is computed: what comes meanwhile is seen as more the next time.
        self._counted: dict[int, int] = dict(
            reader.execute("SELECT day, sum(stored) FROM rollup_day GROUP BY day")
        )
        self._known = known_days(writer)
        self._last_end = {
            "hourly": self._periods.start("hourly", now_ns),
            "daily": self._periods.start("daily", now_ns),
            "weekly": self._periods.start("weekly", now_ns - WINDOW_NS),
        }
        self.written = 0
        """Values, so far."""

    def steps(self) -> Iterator[None]:
        """All there is to do, one short transaction a step; after each the store is consistent."""
        if not self._counted or not self.values.cells:
            return
        forget_zone(self._writer, self._periods.zone.name)
        for kind in PERIODS:
            names = [metric.name for metric in NAMED_METRICS]
            end_at(self._writer, kind, names, self._last_end[kind])
        yield from self._correct()
        for kind in PERIODS:
            yield from self._go_on(kind)
        for kind in reversed(PERIODS):  # hours are most of the work
            yield from self._fill_in(kind)
        for kind in PERIODS:
            yield from self._expire(kind)

    def _correct(self) -> Iterator[None]:
        """Write again what depends on days that have more events by now, the newest first."""
        recent = self._now_ns // DAY_NS - RECENT_DAYS
        changed = sorted(
            (
                day
                for day, count in self._counted.items()
                if count > self._known.get(day, 0) or day > recent
            ),
            reverse=True,
        )
        while changed:
            few = [day for day in changed if day > changed[0] - _MAX_AT_ONCE["daily"]]
            changed = changed[len(few) :]
            yield from self._write_again(few)
        # Some were deleted: what comes to those that are left is news. But not on the oldest day,
        # which is being deleted.
        fewer = {
            day: self._counted.get(day, 0)
            for day, count in self._known.items()
            if self._counted.get(day, 0) < count and day != min(self._counted)
        }
        yield from self._note(fewer)

    def _write_again(self, days: list[int]) -> Iterator[None]:
        for day in days:
            yield from self._again("hourly", day * DAY_NS, (day + 1) * DAY_NS)
        from_ns = self._periods.start("daily", min(days) * DAY_NS)
        to_ns = self._periods.first("daily", (max(days) + 1) * DAY_NS)
        yield from self._again("daily", from_ns, to_ns)
        for name, after in _TRAILING.items():
            until = self._periods.shifted("daily", to_ns, after)
            yield from self._again("daily", to_ns, until, (name,))
        # Who is first seen earlier leaves a later week, and who paid earlier may be in time.
        since = self._periods.start("weekly", from_ns - WINDOW_NS)
        yield from self._again("weekly", since, self._last_end["weekly"])
        yield from self._note({day: self._counted[day] for day in days})

    def _again(
        self, kind: Period, from_ns: int, to_ns: int, only: tuple[str, ...] = ()
    ) -> Iterator[None]:
        """Write again what of a range was written."""
        extent = self._extent(kind)
        start, to_ns = max(from_ns, extent.from_ns), min(to_ns, extent.to_ns)
        while start < to_ns:
            end = min(self._periods.shifted(kind, start, self._at_once(kind)), to_ns)
            yield from self._write(kind, start, end, only=only)
            start = end

    def _go_on(self, kind: Period) -> Iterator[None]:
        """From what is written up to now."""
        while (extent := self._extent(kind)).to_ns < self._last_end[kind]:
            end = self._periods.shifted(kind, extent.to_ns, self._at_once(kind))
            end = min(end, self._last_end[kind])
            yield from self._write(kind, extent.to_ns, end, extent._replace(to_ns=end))

    def _fill_in(self, kind: Period) -> Iterator[None]:
        """From what is written back to the first event, or as far as values are kept."""
        oldest = self._periods.first(kind, self._now_ns - KEPT_DAYS[kind] * DAY_NS)
        oldest = max(oldest, self._first_whole(kind))
        while (extent := self._extent(kind)).from_ns > oldest:
            start = self._periods.shifted(kind, extent.from_ns, -self._at_once(kind))
            start = max(start, oldest)
            yield from self._write(kind, start, extent.from_ns, extent._replace(from_ns=start))

    def _expire(self, kind: Period) -> Iterator[None]:
        before_ns = self._now_ns - KEPT_DAYS[kind] * DAY_NS
        for metric in NAMED_METRICS:
            while expire(self._writer, kind, metric.name, before_ns):
                yield

    def _extent(self, kind: Period) -> Extent:
        """How far it is written; nothing, up to now, if it isn't yet."""
        last_end = self._last_end[kind]
        nothing = Extent(self._periods.zone.name, last_end, last_end)
        return extents(self._writer).get(kind, nothing)

    def _first_whole(self, kind: Period) -> int:
        """The start of the first period whose roll-ups are all there."""
        first_day = min(self._counted)
        if self._is_cut:
            return self._periods.first(kind, (first_day + 1) * DAY_NS)
        return self._periods.start(kind, first_day * DAY_NS)

    @cached_property
    def _is_cut(self) -> bool:
        """Whether the oldest days were deleted, and the oldest that is left perhaps in part."""
        first_day = min(self._counted)
        was = self._known.get(first_day, 0)
        return was > self._counted[first_day] or any(day < first_day for day in self._known)

    def _at_once(self, kind: Period) -> int:
        """How many periods one transaction writes."""
        rows = len(self.values.cells) * sum(kind in metric.periods for metric in NAMED_METRICS)
        return max(1, min(_MAX_AT_ONCE[kind], _ROWS_AT_ONCE // rows))

    def _write(
        self,
        kind: Period,
        from_ns: int,
        to_ns: int,
        extent: Extent | None = None,
        only: tuple[str, ...] = (),
    ) -> Iterator[None]:
        names = only or [each.name for each in NAMED_METRICS if kind in each.periods]
        since = dict.fromkeys(names, from_ns)
        if self._is_cut:
            whole = self._first_whole(kind)
            for name in names:
                kept_until = self._periods.shifted(kind, whole, _TRAILING.get(name, 0))
                since[name] = max(from_ns, kept_until)
        rows = [
            row
            for row in self.values.of(kind, from_ns, to_ns, only)
            if row.start_ns >= since[row.metric]
        ]
        self.written += len(rows)
        replaced = {name: (start, to_ns) for name, start in since.items() if start < to_ns}
        write(self._writer, Written(kind=kind, replaced=replaced, rows=rows, extent=extent))
        yield

    def _note(self, days: dict[int, int]) -> Iterator[None]:
        if days:
            write(self._writer, Written(kind="daily", replaced={}, rows=(), days=days))
            yield
