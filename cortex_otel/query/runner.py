"""Runs a question within a time limit and a row limit."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from cortex_otel.query import analysis, sampling
from cortex_otel.query.catalogue import expanded
from cortex_otel.query.errors import QueryError, QueryParameterError, QueryTimeoutError
from cortex_otel.query.kept import kept_from
from cortex_otel.query.parameter_values import Value, values_of
from cortex_otel.query.seen import check_names
from cortex_otel_exporters.sqlite.reader import store_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cortex_otel.query.catalogue import Column, Question

__all__ = [
    "EXACT_EVENTS",
    "IS_COMPLETE",
    "QueryError",
    "QueryParameterError",
    "QueryTimeoutError",
    "Result",
    "Value",
    "first_kept",
    "run",
    "stream",
]

#: A range with at most this many events is answered from the events themselves, if the question has
#: an exact variant: sorting that many takes about 50 ms.
EXACT_EVENTS = 50_000

_ROWS_PER_PAGE = 5000  # of an export
_STEPS_BETWEEN_CHECKS = 10_000  # of SQLite's virtual machine: about every millisecond

#: Whether a range has at most ``:limit`` events, and all that were ever stored on its UTC days.
#: Without shared expressions: Grafana asks it several times in one query, and SQLite has a limit
#: to how many of them it copies.
IS_COMPLETE = """
SELECT CASE WHEN (
    SELECT count(*) FROM (
        SELECT 1 FROM events WHERE time >= :from_ns AND time < :to_ns LIMIT :limit + 1
    ) AS few
) > :limit THEN 0 ELSE (
    SELECT coalesce(sum(stored), 0) FROM rollup_day
    WHERE day >= :from_ns / 86400000000000 AND day <= (:to_ns - 1) / 86400000000000
) = (
    SELECT count(*) FROM events
    WHERE time >= :from_ns / 86400000000000 * 86400000000000
      AND time < ((:to_ns - 1) / 86400000000000 + 1) * 86400000000000
) END
"""

#: Whether what is left of a range before and after its whole hours was answered from its events.
IS_TO_THE_SECOND = """
WITH
-- with: bounds
SELECT
    (SELECT from_hour * 3600000000000 >= :from_ns FROM bounds)
    AND (
        (SELECT to_hour * 3600000000000 <= :to_ns FROM bounds)
        OR :to_ns > (SELECT max(time) FROM events)
    )
"""


#: The same of its whole UTC days.
IS_TO_THE_SECOND_BY_DAY = """
WITH
-- with: day_edges
SELECT
    (SELECT first_day * 86400000000000 >= :from_ns FROM whole_days)
    AND (
        (SELECT (last_day + 1) * 86400000000000 <= :to_ns FROM whole_days)
        OR :to_ns > (SELECT max(time) FROM events)
    )
"""

#: What the SQL of a question has that reads events before and after whole days, hours, half hours.
_EDGES = (
    ("day_edges AS", IS_TO_THE_SECOND_BY_DAY),
    ("\nedges AS", IS_TO_THE_SECOND),
    ("span_edges AS", IS_TO_THE_SECOND),
    ("cut_halves AS", IS_TO_THE_SECOND),
)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a question."""

    question: Question
    rows: tuple[tuple[Value, ...], ...]
    truncated: bool
    """There were more rows than the limit."""
    exact: bool
    """Percentiles are those of the events; otherwise they are read off histograms, right to within
    a bucket of 9 %. Counts are of exactly the range either way."""
    elapsed_ms: float
    widened: bool = False
    """The events at an end of the range aren't kept any more: all of that hour (or half hour, or
    UTC day, where the question counts users) was counted."""
    kept_from_ns: int | None = None
    """The range begins before what the question reads is kept: from when on it is, Unix ns. That is
    when events were last deleted if it reads them one by one, else roll-ups."""
    reads_events: bool = False
    """It reads events one by one, all over the range."""
    weight: float = 1.0
    """Above 1, events of the range are sampled: see :mod:`.sampling`."""
    cuts_half_hours: bool = False
    """And users of the half hours that the range cuts are those of the events kept."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Names, units and meanings, in the order of a row's values."""
        return self.question.columns

    def records(self) -> list[dict[str, Value]]:
        """The rows as dictionaries by column name."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def run(
    connection: apsw.Connection,
    question: Question,
    parameters: Mapping[str, Value] | None = None,
    *,
    time_limit_ms: float = 5000,
    row_limit: int | None = None,
    from_events: bool | None = None,
) -> Result:
    """Run ``question``.

    Args:
        connection: from :func:`cortex_otel_exporters.sqlite.reader.open_reader`.
        question: from the catalogue.
        parameters: by name; missing ones have their default. Every question accepts the common
            parameters, whether its result depends on them or not.
        time_limit_ms: time limit in milliseconds.
        row_limit: maximum number of rows; beyond, the result is truncated. The question's own
            limit if not given.
        from_events: ``False``: take percentiles from histograms, so that they can be compared with
            those of a range that has too many events for anything else.

    Raises:
        QueryParameterError: an unknown parameter, or a value of the wrong type.
        QueryTimeoutError: it took too long.
        StoreError: the database can't be read.
    """
    if row_limit is None:
        row_limit = question.limit
    # One row more than the limit shows whether there are more.
    bound = {"row_limit": row_limit + 1} if question.accepts("row_limit") else {}
    values = values_of(question, {**bound, **(parameters or {})})
    _prepare(connection, question, values, time_limit_ms)
    started = time.monotonic()
    with _snapshot(connection, question, time_limit_ms):
        exact = from_events is not False and _is_exact(connection, question, values)
        widened = not exact and _is_widened(connection, question, values)
        kept_from_ns = _kept_from(connection, question, values)
        weight = _weight(connection, question, values)
        cursor = _cursor(connection, question, values, exact=exact)
        rows = tuple(row for row, _ in zip(cursor, range(row_limit + 1), strict=False))
        if isinstance(cursor, apsw.Cursor):
            cursor.close(True)  # noqa: FBT003 - discards the rest
    return Result(
        question=question,
        rows=rows[:row_limit],
        truncated=len(rows) > row_limit,
        exact=exact,
        elapsed_ms=(time.monotonic() - started) * 1000,
        widened=widened,
        kept_from_ns=kept_from_ns,
        reads_events=question.reads_events(values),
        weight=weight,
        cuts_half_hours=weight > 1 and sampling.cuts_half_hours(question, values),
    )


def stream(
    connection: apsw.Connection,
    question: Question,
    parameters: Mapping[str, Value] | None = None,
    *,
    time_limit_ms: float = 300_000,
) -> Iterator[tuple[Value, ...]]:
    """The rows of ``question`` one by one, in constant memory, from one snapshot of the store.

    Args:
        connection: as in :func:`run`; in use until the last row, or until this is closed.
        question: as in :func:`run`.
        parameters: as in :func:`run`.
        time_limit_ms: time limit from the first row to the last one, in milliseconds.

    Raises:
        QueryParameterError, QueryTimeoutError, StoreError: as :func:`run` does.
    """
    values = values_of(question, parameters or {})
    _prepare(connection, question, values, time_limit_ms)
    with _snapshot(connection, question, time_limit_ms):
        if question.accepts("row_limit"):
            yield from _in_pages(connection, question, values)
        else:
            exact = _is_exact(connection, question, values)
            yield from _cursor(connection, question, values, exact=exact)


def first_kept(
    connection: apsw.Connection, question: Question, parameters: Mapping[str, Value]
) -> int | None:
    """From when on what ``question`` reads is kept, Unix ns; ``None`` if the range begins later.

    Args:
        connection: as in :func:`run`.
        question: as in :func:`run`.
        parameters: as in :func:`run`.

    Raises:
        QueryParameterError: as :func:`run` does.
    """
    return _kept_from(connection, question, values_of(question, parameters))


def _prepare(
    connection: apsw.Connection,
    question: Question,
    values: Mapping[str, Value],
    time_limit_ms: float,
) -> None:
    """Refuse what makes no sense, and bring the compact form up to date.

    Raises:
        QueryParameterError: says what to change.
        QueryTimeoutError: the store is too large or too slow to look names up in time.
        StoreError: the database can't be read.
    """
    with _snapshot(connection, question, time_limit_ms):
        analysis.check(connection, question.engine, values)
        check_names(connection, question, values)
    try:
        analysis.prepare(connection, question.engine)  # not in the time of the question
    except apsw.Error as error:
        raise store_error(error, connection.filename) from error


@contextmanager
def _snapshot(
    connection: apsw.Connection, question: Question, time_limit_ms: float
) -> Iterator[None]:
    """One state of the store, for the choice of SQL and the query; within a time limit.

    Raises:
        QueryTimeoutError: it took too long.
        StoreError: the database can't be read.
    """
    deadline = time.monotonic() + time_limit_ms / 1000
    handler = object()
    connection.set_progress_handler(
        lambda: time.monotonic() > deadline, _STEPS_BETWEEN_CHECKS, id=handler
    )
    own_transaction = not connection.in_transaction
    try:
        if own_transaction:
            connection.execute("BEGIN")
        yield
    except apsw.InterruptError:
        raise QueryTimeoutError(question.name, time_limit_ms) from None
    except apsw.SQLError:
        raise  # a bug in a SQL file, not a problem of the store
    except apsw.Error as error:
        raise store_error(error, connection.filename) from error
    finally:
        connection.set_progress_handler(None, id=handler)
        if own_transaction and connection.in_transaction:
            connection.execute("ROLLBACK")


def _cursor(
    connection: apsw.Connection, question: Question, values: Mapping[str, Value], *, exact: bool
) -> Iterable[tuple[Value, ...]]:
    """The rows, from the engine if it has them, else from the SQL."""
    answered = analysis.answer(connection, question.engine, values)
    if answered is not None:
        return answered
    sql = question.exact_sql if exact and question.exact_sql else question.sql
    return connection.execute(sql, values)


def _in_pages(
    connection: apsw.Connection, question: Question, values: Mapping[str, Value]
) -> Iterator[tuple[Value, ...]]:
    # A single query would sort all rows before the first: memory proportional to their number.
    names = [column.name for column in question.columns]
    values = {**values, "row_limit": _ROWS_PER_PAGE}
    while True:
        rows = list(connection.execute(question.sql, values))
        yield from rows
        if len(rows) < _ROWS_PER_PAGE:
            return
        last = dict(zip(names, rows[-1], strict=True))
        values |= {parameter: last[column] for column, parameter in question.cursor.items()}


def _is_exact(connection: apsw.Connection, question: Question, values: Mapping[str, Value]) -> bool:
    return question.exact_sql is not None and _events_are_complete(connection, values)


def _events_are_complete(connection: apsw.Connection, values: Mapping[str, Value]) -> bool:
    # Retention deletes events and keeps roll-ups: events are complete only if both agree.
    values = {**values, "limit": EXACT_EVENTS}
    return bool(connection.execute(IS_COMPLETE, values).get)


def _is_widened(
    connection: apsw.Connection, question: Question, values: Mapping[str, Value]
) -> bool:
    checks = {check for expression, check in _EDGES if expression in question.sql}
    return not all(connection.execute(expanded("runner", check), values).get for check in checks)


def _weight(connection: apsw.Connection, question: Question, values: Mapping[str, Value]) -> float:
    if not (question.accepts("from_ns") and question.accepts("to_ns")):
        return 1.0
    if not (sampling.is_sampled(question) or sampling.cuts_half_hours(question, values)):
        return 1.0
    from_ns, to_ns = int(values["from_ns"] or 0), int(values["to_ns"] or 0)
    return sampling.greatest_weight(connection, from_ns, to_ns)


def _kept_from(
    connection: apsw.Connection, question: Question, values: Mapping[str, Value]
) -> int | None:
    if not question.accepts("from_ns"):
        return None
    events, rollups = kept_from(connection)
    if not question.reads_events(values):
        return rollups if int(values["from_ns"] or 0) < rollups else None
    from_ns = 0 if question.reads_before else int(values["from_ns"] or 0)
    return events if from_ns < events else None
