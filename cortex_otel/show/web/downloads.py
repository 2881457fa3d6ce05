"""Requests for exports: which question, under which file name, in which thread."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

from cortex_otel.locale import N_
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import first_kept, stream
from cortex_otel.show.web import export
from cortex_otel.show.web.gate import IS_HEAD
from cortex_otel.show.web.panels import (
    find_page,
    find_panel,
    from_the_first_record,
    refuse_foreign_filters,
    values_of,
)
from cortex_otel.show.web.parameters import range_of
from cortex_otel.show.web.problems import ApiError
from cortex_otel.show.web.state import admin_of
from cortex_otel.show.web.values import columns_of
from cortex_otel_exporters.sqlite.reader import open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import apsw
    from starlette.requests import Request

    from cortex_otel.query.catalogue import Question
    from cortex_otel.query.runner import Value
    from cortex_otel.query.zones import Zone
    from cortex_otel.show.web.parameters import ExportQuery, Range

__all__ = ["download"]

_KEPT_FROM = "cortex-kept-from"
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


class _Selection(NamedTuple):
    question: Question
    parameters: Mapping[str, Value]
    name: str
    title: str
    time_range: Range


async def download(request: Request, query: ExportQuery, kind: str, language: str) -> Response:
    """Start a download; raises if the store can't be read. For HEAD only the headers.

    Raises:
        ApiError: 400, 404; 503: too many exports are running.
        StoreError: the database can't be read.
    """
    admin = admin_of(request)
    selection = _selected(query, admin.zone, language)
    headers = {"content-disposition": export.disposition(selection.name, selection.title, kind)}
    # A line of CSV that isn't a row breaks what reads it.
    if kept_from := await admin.readers.ask(lambda each: _kept_from(each, selection, query)):
        headers[_KEPT_FROM] = kept_from
    if IS_HEAD in request.scope:  # the file itself may take seconds to make
        answer = Response(None, HTTPStatus.OK, headers, _TYPES[kind])
        del answer.headers["content-length"]  # unknown before the file is made
        return answer
    return await admin.exports.begin(
        lambda: _chunks(admin.database, selection, query, kind, language), _TYPES[kind], headers
    )


def _selected(query: ExportQuery, default_zone: Zone, language: str) -> _Selection:
    if (query.page is None) != (query.panel is None):
        field = "panel" if query.panel is None else "page"
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "export_of_what",
            N_("export a panel (page and panel) or the events (neither)"),
            field=field,
        )
    if query.page is None or query.panel is None:
        question = catalogue()["events"]
        title, name, own = question.title_in(language), "events", ""
        parameters: Mapping[str, Value] = {}
    else:
        page = find_page(query.page)
        panel = find_panel(page, query.panel)
        refuse_foreign_filters(page, query)
        question = catalogue()[panel.question]
        title = panel.title_in(language)
        name, own, parameters = f"{page.id}-{panel.id}", panel.since, panel.parameters
    time_range = range_of(query, default_zone, own=own)
    day = time_range.zone.iso(time_range.to_ns - 1)[:10]
    return _Selection(question, parameters, f"cortex-{name}-{day}", f"{title} {day}", time_range)


def _kept_from(
    connection: apsw.Connection, selection: _Selection, query: ExportQuery
) -> str | None:
    """From when on what is exported is kept; ``None`` if that is all of the range."""
    time_range = from_the_first_record(connection, selection.time_range)
    parameters = values_of(selection.question, query, time_range, selection.parameters)
    kept_from_ns = first_kept(connection, selection.question, parameters)
    return None if kept_from_ns is None else time_range.zone.iso(kept_from_ns)


def _chunks(
    database: Path, selection: _Selection, query: ExportQuery, kind: str, language: str
) -> Iterator[bytes]:
    """Read and encode; runs in one thread at a time, but not always the same one."""
    connection = open_reader(database)
    try:
        time_range = from_the_first_record(connection, selection.time_range)
        parameters = values_of(selection.question, query, time_range, selection.parameters)
        rows = stream(connection, selection.question, parameters)
        columns, max_bytes = selection.question.columns, query.max_mb * 10**6
        if kind == "csv":
            yield from export.as_csv(columns, rows, time_range.zone, max_bytes)
        else:
            head = {
                "question": selection.question.name,
                "title": selection.title,
                "range": time_range.info(),
                "kept_from": _kept_from(connection, selection, query),
                "columns": columns_of(selection.question, language),
            }
            yield from export.as_json(head, columns, rows, time_range.zone, max_bytes)
    finally:
        connection.close()
