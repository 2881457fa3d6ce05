"""The API's response for one panel: the rows of its question, and how they are drawn.

The shape is the contract with the browser, and documented in ``docs/reference/api.md``.
"""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from cortex_otel.locale import N_, texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.formats import plain_rows
from cortex_otel.query.runner import Result, Value, run
from cortex_otel.query.sampling import sampling_of
from cortex_otel.show import pages
from cortex_otel.show.changes import compared
from cortex_otel.show.sampling_note import sampling_note
from cortex_otel.show.web.limits import incomplete, kept
from cortex_otel.show.web.own_parameters import OwnParameter, of_pages, of_question
from cortex_otel.show.web.parameters import FILTERS, Range, range_of
from cortex_otel.show.web.problems import ApiError, bad_cursor, shown
from cortex_otel.show.web.values import columns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw

    from cortex_otel.query.catalogue import Question
    from cortex_otel.query.zones import Zone
    from cortex_otel.show.pages import Page, Panel
    from cortex_otel.show.web.parameters import PageQuery, RangeQuery

__all__ = [
    "TIME_LIMIT_MS",
    "answer",
    "cursor_after",
    "cursor_values",
    "find_page",
    "find_panel",
    "refuse_foreign_filters",
    "values_of",
]

TIME_LIMIT_MS = 5000
_HOUR_NS = 3_600 * 10**9
_MAX_CURSOR_LENGTH = 400
_BIGGEST = 2**63
_MEASURED = frozenset({"count", "ratio", "factor", "number", "ms", "tokens"})
_TYPES: Mapping[str, type] = {"integer": int, "text": str, "real": float}


def find_page(name: str) -> Page:
    """The page ``name``.

    Raises:
        ApiError: 404.
    """
    if name not in pages.PAGES:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "unknown_page",
            N_("there is no page {value}"),
            field="page",
            value=shown(name),
        )
    return pages.PAGES[name]


def find_panel(page: Page, name: str) -> Panel:
    """The panel ``name`` of ``page``.

    Raises:
        ApiError: 404.
    """
    for panel in page.panels:
        if panel.id == name:
            return panel
    raise ApiError(
        HTTPStatus.NOT_FOUND,
        "unknown_panel",
        N_("the page {page} has no panel {value}"),
        field="panel",
        value=shown(name),
        page=page.id,
    )


def refuse_foreign_filters(page: Page, query: PageQuery) -> None:
    """Check that ``page`` has every filter that is set.

    Raises:
        ApiError: 400.
    """
    known = {*page.filters, *(OwnParameter(each).name for each in page.controls)}
    for name in (*FILTERS, *of_pages()):
        of_subject = page.id == "user" and name == "user"
        if getattr(query, name, None) is not None and name not in known and not of_subject:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "not_of_this_page",
                N_("the page {page} has no filter {field}"),
                field=name,
                page=page.id,
            )


def values_of(
    question: Question,
    query: RangeQuery,
    time_range: Range,
    more: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """Parameters of ``question`` for the filters of ``query``; others are left out."""
    values: dict[str, Value] = {
        "from_ns": time_range.from_ns,
        "to_ns": time_range.to_ns,
        "service": query.service or "",
        "user_tier": query.tier or "",
        "time_zone": time_range.zone.name,
        **(more or {}),
    }
    for name in FILTERS:
        value = getattr(query, name, None)
        if value is not None and name not in (more or {}) and question.accepts(name):
            values[name] = value.lower() if name == "user" else value
    for own in of_question(question):
        value = getattr(query, own.name, None)
        if value is not None and own.parameter.name not in (more or {}):
            values[own.parameter.name] = own.value(value)
    return values


def answer(
    connection: apsw.Connection,
    page: Page,
    panel: Panel,
    query: PageQuery,
    *,
    default_zone: Zone,
    language: str,
    cursor: str | None = None,
    time_limit_ms: float | None = None,
) -> dict[str, Any]:
    """Run the question of ``panel`` and return its rows and how they are drawn.

    Args:
        connection: to the store.
        page: the panel's page.
        panel: the panel.
        query: the filters, checked.
        default_zone: used if the filters name none.
        language: ``en`` or ``ko``.
        cursor: ``next`` of the previous response.
        time_limit_ms: time limit in milliseconds; :data:`TIME_LIMIT_MS` if left out.

    Raises:
        ApiError: the filters are invalid.
        QueryError, StoreError: from the runner.
    """
    question = catalogue()[panel.question]
    time_range = from_the_first_record(connection, range_of(query, default_zone, own=panel.since))
    more: dict[str, Value] = dict(panel.parameters)
    if cursor is not None:
        more |= cursor_values(question, cursor)
    values = values_of(question, query, time_range, more)
    limit_ms = TIME_LIMIT_MS if time_limit_ms is None else time_limit_ms
    result = run(connection, question, values, time_limit_ms=limit_ms, row_limit=panel.limit)
    previous = None
    before = time_range.before() if query.compare == "1" else None
    if before is not None:
        result, previous = _compared(connection, result, values, before, panel)
    return {
        "page": page.id,
        "panel": panel.id,
        "question": question.name,
        "title": panel.title_in(language),
        "about": question.about_in(language),
        "draw": panel.draw,
        "x": panel.x,
        "values": panel.values,
        "split": panel.split,
        "target": panel.target,
        "sentence": texts(language).gettext(panel.sentence),
        "trend": _trend(connection, panel, query, time_range, language),
        "leads_to": _leads_to(panel, language),
        "stacked": panel.stacked,
        "links": dict(panel.links),
        "wide": panel.wide,
        "range": time_range.info(),
        "columns": columns_of(question, language),
        "rows": rows_of(result, time_range.zone),
        "previous": previous,
        "exact": result.exact,
        "widened": result.widened,
        "kept_from": result.kept_from_ns and time_range.zone.iso(result.kept_from_ns),
        "truncated": result.truncated,
        "next": cursor_after(result),
        "elapsed_ms": round(result.elapsed_ms, 2),
        "empty": _empty(
            connection, panel, result, query=query, time_range=time_range, language=language
        ),
        "incomplete": incomplete(result, language),
        "sampling": sampling_of(result),
        "sampled": sampling_note(result, language),
        "recorded_from": _recorded_from(connection, time_range.zone),
        "kept": kept(result, time_range.zone, language),
        "unfiltered": [
            name for name in page.filters
            if name not in of_pages()
            and _is_set(query, name) and (name in panel.parameters or not question.accepts(name))
        ],
    }  # fmt: skip


def _recorded_from(connection: apsw.Connection, zone: Zone) -> str | None:
    """The start of the first hour of which anything is known."""
    hour = connection.execute("SELECT min(hour) FROM rollup_hour").get
    return None if hour is None else zone.iso(hour * _HOUR_NS)


def rows_of(result: Result, zone: Zone) -> list[list[Value]]:
    """Rows with values as the API returns them."""
    return list(plain_rows(result, zone))


def cursor_after(result: Result) -> str | None:
    """The cursor of the rows after those of ``result``; ``None`` if there are none."""
    question = result.question
    if not result.truncated or not result.rows or not question.cursor:
        return None
    last = dict(zip([column.name for column in result.columns], result.rows[-1], strict=True))
    content = orjson.dumps([question.name, *(last[column] for column in question.cursor)])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def cursor_values(question: Question, cursor: str) -> dict[str, Value]:
    """The parameters of ``question`` in a cursor of :func:`cursor_after`.

    Raises:
        ApiError: 400: it is another question's, or invalid.
    """
    refused = bad_cursor()
    if not question.cursor or len(cursor) > _MAX_CURSOR_LENGTH or not cursor.isascii():
        raise refused
    try:
        content = orjson.loads(base64.b64decode(f"{cursor}===", altchars=b"-_"))
    except ValueError:
        raise refused from None
    types = {parameter.name: parameter.type for parameter in question.parameters}
    expected = [_TYPES[types[parameter]] for parameter in question.cursor.values()]
    if not isinstance(content, list) or content[:1] != [question.name]:
        raise refused
    keys = content[1:]
    if [type(key) for key in keys] != expected:
        raise refused
    if any(isinstance(key, int) and abs(key) >= _BIGGEST for key in keys):
        raise refused
    return dict(zip(question.cursor.values(), keys, strict=True))


def from_the_first_record(connection: apsw.Connection, time_range: Range) -> Range:
    """Let a range of all time begin with the first hour that has records; others are unchanged."""
    if not time_range.is_all:
        return time_range
    hour = connection.execute("SELECT min(hour) FROM rollup_hour").get
    if hour is None or hour * _HOUR_NS >= time_range.to_ns:
        return time_range
    return Range(
        hour * _HOUR_NS, time_range.to_ns, time_range.zone, time_range.reaches_now, is_all=True
    )


def _is_set(query: PageQuery, name: str) -> bool:
    return bool(getattr(query, "tier" if name == "user_tier" else name, None))


def _trend(
    connection: apsw.Connection, panel: Panel, query: PageQuery, time_range: Range, language: str
) -> dict[str, Any] | None:
    """The line of a sentence."""
    if not panel.trend:
        return None
    question = catalogue()[panel.trend]
    fixed = {name: value for name, value in panel.parameters.items() if question.accepts(name)}
    values = values_of(question, query, time_range, fixed)
    result = run(connection, question, values, time_limit_ms=TIME_LIMIT_MS, row_limit=panel.limit)
    return {"columns": columns_of(question, language), "rows": rows_of(result, time_range.zone)}


def _leads_to(panel: Panel, language: str) -> dict[str, str] | None:
    page = pages.PAGES.get(panel.leads_to)
    return {"page": page.id, "title": page.title_in(language)} if page else None


def _compared(
    connection: apsw.Connection,
    result: Result,
    values: dict[str, Value],
    before: Range,
    panel: Panel,
) -> tuple[Result, dict[str, Any]]:
    """``result``, by the same method as that of the period before; and what is said of that."""
    is_cards = panel.draw == "cards"
    found = compared(
        connection, result, values, (before.from_ns, before.to_ns),
        time_limit_ms=TIME_LIMIT_MS, row_limit=panel.limit, is_one_row=is_cards,
    )  # fmt: skip
    info = before.info()
    return found.now, {
        "from": info["from"],
        "to": info["to"],
        "rows": rows_of(found.before, before.zone) if found.before else [],
        "changes": {
            name: {"within_error": change.within_error, "test": change.test}
            for name, change in (found.changes if is_cards else {}).items()
        },
    }


def _empty(
    connection: apsw.Connection,
    panel: Panel,
    result: Result,
    *,
    query: PageQuery,
    time_range: Range,
    language: str,
) -> dict[str, str] | None:
    """Why there is nothing to draw, and what would fill it; ``None`` if there is something."""
    measured = [index for index, column in enumerate(result.columns) if column.unit in _MEASURED]
    if panel.draw == "cards":
        # Always one row: it is empty if nothing was counted.
        if any(row[index] for row in result.rows for index in measured):
            return None
    elif panel.draw == "sentence":
        # Nobody is an answer; that nothing is known isn't.
        if any(row[index] is not None for row in result.rows for index in measured):
            return None
    elif result.rows:
        return None
    last = connection.execute(
        "SELECT max(last_time) FROM rollup_user_day"
        " WHERE day = (SELECT max(day) FROM rollup_user_day)"
    ).get
    last = last or connection.execute("SELECT max(time) FROM events").get
    _ = texts(language).gettext
    hint = _(panel.empty)
    if last is None:
        reason, message = "empty_store", _("Nothing is recorded yet")
        hint = hint or _(
            "This fills up as soon as an instrumented server or the extension is used."
        )
    elif any(_is_set(query, name) for name in ("service", "tier", *FILTERS)):
        reason, message = "empty_filtered", _("Nothing here matches the filters")
        hint = _("Without the filters there may be more.")
    elif not _has_records(connection, time_range):
        reason, message = "empty_range_of", _("Nothing was recorded in this range")
        latest = time_range.zone.iso(last)[:16].replace("T", " ")
        hint = _("The latest record is from {last}: choose a longer range.", last=latest)
    else:
        # Other panels have data: only this kind is missing.
        reason, message = "empty_kind", _("Nothing of this kind was recorded in this range")
        if panel.draw == "sentence" and hint:
            # An answer that can't be given yet says so itself.
            message, hint = hint, ""
    return {"reason": reason, "message": message, "hint": hint}


def _has_records(connection: apsw.Connection, time_range: Range) -> bool:
    found = "SELECT 1 FROM rollup_hour WHERE hour >= ? AND hour <= ? LIMIT 1"
    hours = (time_range.from_ns // _HOUR_NS, (time_range.to_ns - 1) // _HOUR_NS)
    return connection.execute(found, hours).get is not None
