"""The routes of the admin API, under ``/api/telemetry``."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from cortex_otel.locale import N_
from cortex_otel.query.parameters import LISTS
from cortex_otel.show.web import (
    alerts,
    analytics,
    answers,
    downloads,
    parameters,
    reports,
    schemas,
)
from cortex_otel.show.web.gate import language_of
from cortex_otel.show.web.panels import answer, find_page, find_panel, refuse_foreign_filters
from cortex_otel.show.web.problems import ApiError, Json
from cortex_otel.show.web.state import admin_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

__all__ = ["PREFIX", "router"]

PREFIX = "/api/telemetry"
_MAX_TOOLS = 1000

_Answer = TypeVar("_Answer")
_Name = Annotated[str, Path(max_length=64, description="As `questions` lists them.")]
_UserHash = Annotated[
    str, Path(pattern="^[0-9a-fA-F]{64}$", description="All 64 hex digits of it.")
]
_TraceId = Annotated[str, Path(pattern="^[0-9a-fA-F]{32}$", description="32 hex digits.")]


async def _once(request: Request) -> None:
    """Refuse a parameter that is given twice: which value is meant is unclear."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if names.count(name) > 1 and name not in LISTS:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "repeated_parameter",
                N_("{field} is given more than once"),
                field=name[:64],
            )


router = APIRouter(
    prefix=PREFIX,
    dependencies=[Depends(_once)],
    responses={
        status: {"model": schemas.Error, "description": HTTPStatus(status).phrase}
        for status in (400, 401, 403, 503, 504)
    },
)
_not_found: dict[int | str, dict[str, Any]] = {
    404: {"model": schemas.Error, "description": HTTPStatus.NOT_FOUND.phrase}
}


def _of(model: type) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model}}


@router.get("/overview", responses=_of(schemas.PageAnswer), tags=["pages"])
async def overview(request: Request, query: Annotated[parameters.PageQuery, Query()]) -> Response:
    """Active users, errors, durations, tiers, services: every panel of the overview."""
    return await _page(request, "overview", query)


@router.get("/mcp/summary", responses=_of(schemas.PageAnswer), tags=["pages"])
async def mcp_summary(
    request: Request, query: Annotated[parameters.PageQuery, Query()]
) -> Response:
    """Every panel of the MCP page."""
    return await _page(request, "mcp", query)


@router.get("/mcp/tools", responses=_of(schemas.Tools), tags=["lists"])
async def mcp_tools(request: Request, query: Annotated[parameters.RangeQuery, Query()]) -> Response:
    """Calls, errors and durations of each tool."""
    return await _records(request, "tool_calls", query, key="tools", limit=_MAX_TOOLS)


@router.get("/extension/summary", responses=_of(schemas.PageAnswer), tags=["pages"])
async def extension_summary(
    request: Request, query: Annotated[parameters.PageQuery, Query()]
) -> Response:
    """Every panel of the extension page."""
    return await _page(request, "extension", query)


@router.get("/users", responses=_of(schemas.Users), tags=["lists"])
async def users(request: Request, query: Annotated[parameters.UsersQuery, Query()]) -> Response:
    """Users by the beginning of their hash, last active first."""
    return await _records(
        request, "users", query, key="users", limit=query.limit, cursor=query.cursor
    )


@router.get(
    "/users/{user_id_hash}", responses={**_of(schemas.PageAnswer), **_not_found}, tags=["pages"]
)
async def user(
    request: Request, user_id_hash: _UserHash, query: Annotated[parameters.PageQuery, Query()]
) -> Response:
    """Totals, tools, sessions and timeline of one user."""

    def read(connection: apsw.Connection) -> dict[str, Any]:
        answers.require_user(connection, user_id_hash)
        filters = query.model_copy(update={"user": user_id_hash})
        page = find_page("user")
        refuse_foreign_filters(page, filters)
        return answers.whole_page(
            connection, page, filters, admin_of(request).zone, _language(request)
        )

    return Json(await _ask(request, read))


@router.get("/errors", responses=_of(schemas.Errors), tags=["lists"])
async def errors(request: Request, query: Annotated[parameters.EventsQuery, Query()]) -> Response:
    """Errors one by one, newest first."""
    return await _records(
        request, "errors", query, key="errors", limit=query.limit, cursor=query.cursor
    )


@router.get("/events", responses=_of(schemas.Events), tags=["lists"])
async def events(request: Request, query: Annotated[parameters.EventsQuery, Query()]) -> Response:
    """Product events one by one, newest first."""
    return await _records(
        request, "events", query, key="events", limit=query.limit, cursor=query.cursor
    )


@router.get("/traces/{trace_id}", responses={**_of(schemas.Trace), **_not_found}, tags=["lists"])
async def trace(
    request: Request, trace_id: _TraceId, query: Annotated[parameters.LanguageQuery, Query()]
) -> Response:
    """The spans and events of one trace, in the order of time."""
    del query  # its language is only used for errors
    zone = admin_of(request).zone
    return Json(await _ask(request, partial(answers.trace, trace_id=trace_id, zone=zone)))


@router.get(
    "/panels/{page}/{panel}", responses={**_of(schemas.PanelAnswer), **_not_found}, tags=["pages"]
)
async def panel_of_page(
    request: Request, page: _Name, panel: _Name, query: Annotated[parameters.PanelQuery, Query()]
) -> Response:
    """One panel: its rows, and how they are drawn."""
    asked_page = find_page(page)
    asked_panel = find_panel(asked_page, panel)
    refuse_foreign_filters(asked_page, query)
    return Json(
        await _ask(
            request,
            lambda connection: answer(
                connection,
                asked_page,
                asked_panel,
                query,
                default_zone=admin_of(request).zone,
                language=_language(request),
                cursor=query.cursor,
            ),
        )
    )


@router.get("/questions", responses=_of(schemas.Questions), tags=["lists"])
async def questions(
    request: Request, query: Annotated[parameters.LanguageQuery, Query()]
) -> Response:
    """Every question with its columns, and every page with its panels."""
    del query  # `_language` also considers the browser's preference
    return Json(answers.known_questions(_language(request)))


_KEPT_FROM = {
    "Cortex-Kept-From": {
        "description": "From when on what is exported is kept, if the range begins before.",
        "schema": {"type": "string", "format": "date-time"},
    }
}


@router.get(
    "/export/csv", tags=["export"],
    responses={
        200: {"content": {"text/csv": {}}, "description": "A file", "headers": _KEPT_FROM},
        **_not_found,
    },
)  # fmt: skip
async def export_csv(
    request: Request, query: Annotated[parameters.ExportQuery, Query()]
) -> Response:
    """A panel, or events, as CSV for spreadsheets; its last line says if it was cut."""
    return await downloads.download(request, query, "csv", _language(request))


@router.get(
    "/export/json", tags=["export"],
    responses={
        200: {"content": {"application/json": {}}, "description": "A file", "headers": _KEPT_FROM},
        **_not_found,
    },
)  # fmt: skip
async def export_json(
    request: Request, query: Annotated[parameters.ExportQuery, Query()]
) -> Response:
    """A panel, or events, as one JSON object; `truncated` says if it was cut."""
    return await downloads.download(request, query, "json", _language(request))


analytics.add_to(router, _not_found)
reports.add_to(router, _not_found)
alerts.add_to(router)


async def _page(request: Request, name: str, query: parameters.PageQuery) -> Response:
    page = find_page(name)
    refuse_foreign_filters(page, query)
    zone, language = admin_of(request).zone, _language(request)
    return Json(
        await _ask(
            request,
            lambda connection: answers.whole_page(connection, page, query, zone, language),
        )
    )


async def _records(
    request: Request,
    question: str,
    query: parameters.RangeQuery,
    *,
    key: str,
    limit: int,
    cursor: str | None = None,
) -> Response:
    zone, language = admin_of(request).zone, _language(request)
    return Json(
        await _ask(
            request,
            lambda connection: answers.records(
                connection, question, query, zone, language, key=key, limit=limit, cursor=cursor
            ),
        )
    )


async def _ask(request: Request, question: Callable[[apsw.Connection], _Answer]) -> _Answer:
    return await admin_of(request).readers.ask(question, request)


def _language(request: Request) -> str:
    return language_of(request.headers, request.scope["query_string"])
