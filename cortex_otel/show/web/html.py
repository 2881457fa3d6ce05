"""The routes of the HTML pages, which the browser fills from the API."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route, WebSocketRoute

from cortex_otel.show import pages
from cortex_otel.show.report.shelf import PAGE_PATH
from cortex_otel.show.web import reports, views
from cortex_otel.show.web.gate import language_of
from cortex_otel.show.web.problems import known_problem, not_found
from cortex_otel.show.web.state import admin_of
from cortex_otel.show.web.static_files import static_file
from cortex_otel_exporters.sqlite.reader import StoreError, open_reader

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

__all__ = ["HOME", "ROUTES"]

_SHORT_WAIT_MS = 200

HOME = "/admin/telemetry/overview"
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_TRACE = re.compile(r"[0-9a-fA-F]{32}")


async def _page(request: Request) -> Response:
    name = request.path_params["page"]
    if name not in pages.PAGES or name == "user":
        raise not_found()
    return await _shown(request, name, "")


async def _user(request: Request) -> Response:
    user = request.path_params["user"]
    if not _HASH.fullmatch(user):
        raise not_found()
    return await _shown(request, "user", user.lower())


async def _shown(request: Request, name: str, subject: str) -> Response:
    language, theme = _preferences(request)
    problem = await _problem(request, language)
    html = views.page_html(
        pages.PAGES[name],
        language=language,
        theme=theme,
        query=dict(request.query_params),
        problem=problem,
        subject=subject,
    )
    return HTMLResponse(html, problem.status if problem else HTTPStatus.OK)


async def _trace(request: Request) -> Response:
    trace_id = request.path_params["trace_id"]
    if not _TRACE.fullmatch(trace_id):
        raise not_found()
    language, theme = _preferences(request)
    problem = await _problem(request, language)
    html = views.trace_html(
        trace_id.lower(),
        language=language,
        theme=theme,
        query=dict(request.query_params),
        problem=problem,
    )
    return HTMLResponse(html, problem.status if problem else HTTPStatus.OK)


async def _reports(request: Request) -> Response:
    language, theme = _preferences(request)
    html = reports.page_html(
        await reports.listed(request),
        language=language,
        theme=theme,
        query=dict(request.query_params),
    )
    return HTMLResponse(html)


async def _home(request: Request) -> Response:
    query = request.scope["query_string"].decode("latin-1")
    return RedirectResponse(f"{HOME}?{query}" if query else HOME, HTTPStatus.TEMPORARY_REDIRECT)


async def _live(socket: WebSocket) -> None:
    await admin_of(socket).live.serve(socket)


async def _problem(request: Request, language: str) -> views.Problem | None:
    """What is wrong with the store; the page is still shown, and fills once it is readable."""
    try:
        # Not in the queue of the readers: a page is served at once, however busy they are.
        await asyncio.to_thread(_check_readable, admin_of(request).database)
    except StoreError as error:
        if (known := known_problem(error)) is None:
            raise
        return views.Problem(
            known.status, known.code, known.message(language), known.hint(language)
        )
    return None


def _check_readable(database: Path) -> None:
    open_reader(database, timeout_ms=_SHORT_WAIT_MS).close()


def _preferences(request: Request) -> tuple[str, str]:
    return (
        language_of(request.headers, request.scope["query_string"]),
        views.chosen_theme(request.cookies.get(views.THEME_COOKIE)),
    )


ROUTES = [
    Route("/", _home),
    Route("/admin", _home),
    Route("/admin/telemetry", _home),
    Route("/admin/telemetry/users/{user}", _user),
    Route("/admin/telemetry/traces/{trace_id}", _trace),
    Route(PAGE_PATH, _reports),
    Route("/admin/telemetry/{page}", _page),
    WebSocketRoute("/admin/telemetry/live", _live),
    Route("/static/{version}/{path:path}", static_file),
]
