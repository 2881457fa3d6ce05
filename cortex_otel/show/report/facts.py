"""Asks the catalogue what a report tells: rows of its questions, all of one state of the store.

Range, zone and comparison are those of a page that is opened with the week as its range, so a
number is the same there: ``?from=2026-11-16&to=2026-11-23&compare=1``. What pages show over longer
ranges of their own (28 days, 90 days, 84 days) ends with the week here, from a Monday on.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.locale import N_
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.ranges import RangeError
from cortex_otel.query.runner import run
from cortex_otel.query.sampling import sampling_of
from cortex_otel.show.changes import compared, period_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import apsw

    from cortex_otel.query.runner import Value
    from cortex_otel.query.zones import Zone
    from cortex_otel.show.changes import Change
    from cortex_otel.show.report.weeks import Week

__all__ = ["ASKED", "Answer", "Facts", "Row", "WeekBeforeError", "gather", "steps"]

_HOUR_NS = 3_600 * 10**9

Row = dict[str, Any]

#: Nobody waits for a report as for a page.
_TIME_LIMIT_MS: Final = 60_000
#: Failures are listed with the class of error that most of them have.
PLACES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question of the report."""

    question: str
    weeks: int = 1
    """Its range: so many weeks up to the end of the week."""
    is_compared: bool = False
    """With the week before; ``is_one_row`` where it has only one."""
    is_one_row: bool = False
    parameters: Mapping[str, Value] = field(default_factory=dict)


ASKED: Final[Mapping[str, Asked]] = {
    "top_feature": Asked(question="answer_top_feature", weeks=4),
    "failing": Asked(question="answer_failing"),
    "latency": Asked(question="answer_latency", weeks=4),
    "converting": Asked(
        question="answer_conversion", weeks=13, parameters={"window_days": 30, "from_tier": ""}
    ),
    "leaving": Asked(question="answer_left", weeks=4),
    "people": Asked(question="active_users", is_compared=True, is_one_row=True),
    "totals": Asked(question="overview", is_compared=True, is_one_row=True),
    "days": Asked(question="dau", weeks=2),
    "weeks": Asked(question="lifecycle", weeks=12),
    "tools": Asked(question="tool_calls", is_compared=True),
    "places": Asked(question="error_places", is_compared=True),
    "mcp": Asked(question="mcp_summary", is_compared=True, is_one_row=True),
    "savings": Asked(question="token_savings"),
    "references": Asked(question="reference_accuracy"),
    "conversion": Asked(
        question="conversion", weeks=13, parameters={"window_days": 30, "from_tier": ""}
    ),
    "conversion_total": Asked(
        question="conversion_total", weeks=13, parameters={"window_days": 30, "from_tier": ""}
    ),
    "cohorts": Asked(question="retention", weeks=8),
    "curve": Asked(question="retention_curve", weeks=8),
    "incidents": Asked(question="incidents"),
}
"""By the name under which the content looks for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a question, and those of the week before."""

    rows: tuple[Row, ...]
    before: tuple[Row, ...] | None = None
    """``None``: nothing to compare with."""
    changes: Mapping[str, Change] = field(default_factory=dict)
    """Of one row, by column."""
    is_exact: bool = True
    """Percentiles of both weeks are of the events."""
    is_widened: bool = False
    sampling: Mapping[str, Any] | None = None
    """As :func:`cortex_otel.query.sampling.sampling_of` has it; ``None``: counts are exact."""

    @property
    def row(self) -> Row:
        """The only row; empty if there is none."""
        return self.rows[0] if self.rows else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a report tells."""

    week: Week
    zone: Zone
    from_ns: int
    to_ns: int
    """The end of the week; now, if it isn't over."""
    is_over: bool
    answers: Mapping[str, Answer]
    causes: tuple[Row, ...]
    """The commonest error of each of the worst ``answers["places"]``."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was recorded in the week."""
        return not self.answers["totals"].row.get("events")


class WeekBeforeError(RangeError):
    """A week that was over before anything was recorded."""


def steps() -> int:
    """How often :func:`gather` tells that it got on."""
    return len(ASKED) + 1


def gather(
    connection: apsw.Connection,
    week: Week,
    zone: Zone,
    now_ns: int,
    got_on: Callable[[], None] = lambda: None,
) -> Facts:
    """Ask everything.

    Args:
        connection: to the store.
        week: which.
        zone: the project's.
        now_ns: the time that it is; a week that isn't over ends here.
        got_on: called :func:`steps` times.

    Raises:
        RangeError: the week hasn't begun, or was over before anything was recorded.
        QueryError, StoreError: from the runner.
    """
    from_ns, end_ns = week.start(zone), week.end(zone)
    if from_ns >= now_ns:
        raise RangeError(
            N_("{week} hasn't begun: a report is of this week or an earlier one"), week=week.name
        )
    first_hour = connection.execute("SELECT min(hour) FROM rollup_hour").get
    if first_hour is not None and end_ns <= first_hour * _HOUR_NS:
        raise WeekBeforeError(
            N_("nothing was recorded before {day}: a report of {week} would be empty"),
            day=zone.day_of(first_hour * _HOUR_NS).isoformat(), week=week.name,
        )  # fmt: skip
    to_ns = min(end_ns, now_ns)
    answers: dict[str, Answer] = {}
    with _snapshot(connection):
        for name, asked in ASKED.items():
            start_ns = week.start(zone, 1 - asked.weeks)
            answers[name] = _answered(connection, asked, start_ns, to_ns, zone)
            got_on()
        causes = tuple(
            _cause(connection, place, from_ns, to_ns, zone)
            for place in answers["places"].rows[:PLACES]
        )
        got_on()
    return Facts(
        week=week,
        zone=zone,
        from_ns=from_ns,
        to_ns=to_ns,
        is_over=to_ns == end_ns,
        answers=answers,
        causes=causes,
    )


@contextmanager
def _snapshot(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _answered(
    connection: apsw.Connection, asked: Asked, from_ns: int, to_ns: int, zone: Zone
) -> Answer:
    question = catalogue()[asked.question]
    values: dict[str, Value] = {
        "from_ns": from_ns, "to_ns": to_ns, "time_zone": zone.name, **asked.parameters,
    }  # fmt: skip
    result = run(connection, question, values, time_limit_ms=_TIME_LIMIT_MS)
    before = period_before(from_ns, to_ns, zone) if asked.is_compared else None
    if before is None:
        return Answer(
            tuple(result.records()),
            is_exact=result.exact,
            is_widened=result.widened,
            sampling=sampling_of(result),
        )
    found = compared(
        connection, result, values, before,
        time_limit_ms=_TIME_LIMIT_MS, is_one_row=asked.is_one_row,
    )  # fmt: skip
    return Answer(
        tuple(found.now.records()),
        None if found.before is None else tuple(found.before.records()),
        found.changes if asked.is_one_row else {},
        found.now.exact and (found.before is None or found.before.exact),
        found.now.widened,
        sampling_of(found.now),
    )


def _cause(connection: apsw.Connection, place: Row, from_ns: int, to_ns: int, zone: Zone) -> Row:
    """The commonest class of error of a place, as ``error_types`` counts them."""
    values: dict[str, Value] = {
        "from_ns": from_ns, "to_ns": to_ns, "time_zone": zone.name,
        "event_type": place["event_type"], "tool": place["tool_name"] or "",
    }  # fmt: skip
    result = run(
        connection, catalogue()["error_types"], values, time_limit_ms=_TIME_LIMIT_MS, row_limit=1
    )
    return result.records()[0] if result.rows else {}
