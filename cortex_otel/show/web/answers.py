"""Responses of the API other than single panels: whole pages, lists, traces."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import apsw

from cortex_otel.locale import N_
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.errors import QueryError, QueryParameterError, QueryTimeoutError
from cortex_otel.query.events import trace_events
from cortex_otel.query.runner import run
from cortex_otel.query.sampling import sampling_of
from cortex_otel.show import pages
from cortex_otel.show.web.panels import (
    TIME_LIMIT_MS,
    answer,
    cursor_after,
    cursor_values,
    from_the_first_record,
    rows_of,
    values_of,
)
from cortex_otel.show.web.parameters import range_of
from cortex_otel.show.web.problems import ApiError, known_problem
from cortex_otel.show.web.values import columns_of

if TYPE_CHECKING:
    from cortex_otel.query.runner import Value
    from cortex_otel.query.zones import Zone
    from cortex_otel.show.pages import Page
    from cortex_otel.show.web.parameters import PageQuery, RangeQuery

__all__ = ["known_questions", "records", "require_user", "trace", "whole_page"]

#: For all panels of a page together.
_PAGE_LIMIT_MS = 15_000
_MIN_MS = 50
_MAX_SPANS = 5000
_STEPS_BETWEEN_CHECKS = 10_000


def whole_page(
    connection: apsw.Connection, page: Page, query: PageQuery, default_zone: Zone, language: str
) -> dict[str, Any]:
    """Every panel of ``page``, read from one snapshot of the store.

    A panel that takes too long is replaced by an ``error``; the others are returned.
    """
    panels: dict[str, Any] = {}
    time_range = range_of(query, default_zone)
    end = time.monotonic() + _PAGE_LIMIT_MS / 1000
    connection.execute("BEGIN")
    try:
        time_range = from_the_first_record(connection, time_range)
        for panel in page.panels:
            started = time.monotonic()
            allowed_ms = min(TIME_LIMIT_MS, max(_MIN_MS, (end - started) * 1000))
            try:
                panels[panel.id] = answer(
                    connection,
                    page,
                    panel,
                    query,
                    default_zone=default_zone,
                    language=language,
                    time_limit_ms=allowed_ms,
                )
            except QueryTimeoutError as error:
                if time.monotonic() < started + allowed_ms / 1000:
                    raise  # it was interrupted: the client has gone
                panels[panel.id] = _problem(error, language)
            except QueryParameterError as error:
                panels[panel.id] = _problem(error, language)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return {
        "page": page.id,
        "title": page.title_in(language),
        "range": time_range.info(),
        "panels": panels,
    }


def records(
    connection: apsw.Connection,
    name: str,
    query: RangeQuery,
    default_zone: Zone,
    language: str,
    *,
    key: str,
    limit: int,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The rows of the question ``name`` as objects under ``key``.

    Raises:
        ApiError: filters or cursor are invalid.
        QueryError, StoreError: from the runner.
    """
    question = catalogue()[name]
    time_range = from_the_first_record(connection, range_of(query, default_zone))
    more: dict[str, Value] = {} if cursor is None else cursor_values(question, cursor)
    result = run(
        connection,
        question,
        values_of(question, query, time_range, more),
        time_limit_ms=TIME_LIMIT_MS,
        row_limit=limit,
    )
    names = [column.name for column in result.columns]
    return {
        "question": name,
        "range": time_range.info(),
        "columns": columns_of(question, language),
        key: [dict(zip(names, row, strict=True)) for row in rows_of(result, time_range.zone)],
        "next": cursor_after(result),
        "truncated": result.truncated,
        "exact": result.exact,
        "widened": result.widened,
        "sampling": sampling_of(result),
        "kept_from": result.kept_from_ns and time_range.zone.iso(result.kept_from_ns),
        "elapsed_ms": round(result.elapsed_ms, 2),
    }


def require_user(connection: apsw.Connection, user: str) -> None:
    """Check that there is a user with this hash.

    Raises:
        ApiError: 404.
    """
    known = "SELECT 1 FROM users WHERE user_id_hash = ?"
    if connection.execute(known, (user.lower(),)).get is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "unknown_user",
            N_("no user with this hash is stored here"),
            field="user",
        )


def trace(connection: apsw.Connection, trace_id: str, zone: Zone) -> dict[str, Any]:
    """The spans and events of a trace, in the order of time.

    Raises:
        ApiError: 404.
        QueryTimeoutError, StoreError: it couldn't be read.
    """
    end = time.monotonic() + TIME_LIMIT_MS / 1000
    handler = object()
    connection.set_progress_handler(
        lambda: time.monotonic() > end, _STEPS_BETWEEN_CHECKS, id=handler
    )
    try:
        rows = trace_events(connection, trace_id, _MAX_SPANS + 1)
    except apsw.InterruptError:
        raise QueryTimeoutError("trace", TIME_LIMIT_MS) from None
    finally:
        connection.set_progress_handler(None, id=handler)
    if not rows:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "unknown_trace",
            N_("no span or event of this trace is stored here"),
            field="trace_id",
        )
    return {
        "trace_id": trace_id.lower(),
        "spans": [
            {**row, "timestamp": zone.iso_micros(cast("int", row["timestamp"]))}
            for row in rows[:_MAX_SPANS]
        ],
        "truncated": len(rows) > _MAX_SPANS,
    }


def known_questions(language: str) -> dict[str, Any]:
    """Every question with its parameters and columns, and every page with its panels."""
    return {
        "questions": [
            {
                "name": question.name,
                "title": question.title_in(language),
                "about": question.about_in(language),
                "since": question.since,
                "parameters": [
                    {"name": each.name, "type": each.type, "meaning": each.meaning_in(language)}
                    for each in question.parameters
                ],
                "columns": columns_of(question, language),
            }
            for question in catalogue().values()
        ],
        "pages": [
            {
                "page": page.id,
                "title": page.title_in(language),
                "filters": ["tier" if each == "user_tier" else each for each in page.filters],
                "panels": [
                    {"panel": panel.id, "question": panel.question, "draw": panel.draw}
                    for panel in page.panels
                ],
            }
            for page in pages.PAGES.values()
        ],
    }


def _problem(error: QueryError, language: str) -> dict[str, Any]:
    known = known_problem(error)
    return known.body(language) if known else {}
