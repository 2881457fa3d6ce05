"""Composition of the web admin, which ``cortex-otel serve`` serves."""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from cortex_otel.locale import N_
from cortex_otel.query.errors import QueryError
from cortex_otel.query.saved_funnels import FILE_NAME
from cortex_otel.query.zones import project_zone
from cortex_otel.show.web import api, html, openapi, prometheus, views
from cortex_otel.show.web.analysis_upkeep import AnalysisUpkeep
from cortex_otel.show.web.export import Exports
from cortex_otel.show.web.gate import Gate, language_of
from cortex_otel.show.web.live import Live
from cortex_otel.show.web.parameters import bad_parameter
from cortex_otel.show.web.problems import ApiError, known_problem, not_found, refusal
from cortex_otel.show.web.readers import Readers
from cortex_otel.show.web.state import Admin
from cortex_otel.show.web.tokens import token_of
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from cortex_otel.settings import Settings

__all__ = ["create_app", "create_server"]

_GRACEFUL_SECONDS = 1
#: A browser of ours sends only tiny messages; larger frames are refused.
_MAX_FRAME_BYTES = 4096
#: A browser that doesn't answer one until the next is due is gone, and its connection is closed.
_SECONDS_BETWEEN_PINGS = 15


def create_server(settings: Settings, url: str) -> tuple[uvicorn.Server, str]:
    """The admin as a server that isn't running yet.

    Args:
        settings: database, host, token and time zone.
        url: the URL it will listen on.

    Returns:
        The server, and the path that opens it: it holds the token.
    """
    del url  # requests are answered under any name of this machine
    token = token_of(settings)
    readers = Readers(settings.database)
    config = uvicorn.Config(
        create_app(settings, token, readers),
        http="httptools",
        ws="websockets-sansio",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="error",  # malformed requests are the client's problem
        server_header=False,
        date_header=False,
        ws_max_size=_MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=_SECONDS_BETWEEN_PINGS,
        ws_ping_timeout=_SECONDS_BETWEEN_PINGS,
        timeout_keep_alive=30,  # longer than clients keep connections: none is closed in use
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )
    return _Server(config, readers), f"{html.HOME}?token={token}"


class _Server(uvicorn.Server):
    """Cancels running queries before it waits for clients, so that each gets a response."""

    def __init__(self, config: uvicorn.Config, readers: Readers) -> None:
        super().__init__(config)
        self._readers = readers

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._readers.give_up()
        await super().shutdown(sockets)


def create_app(settings: Settings, token: str, readers: Readers | None = None) -> ASGIApp:
    """The application.

    Args:
        settings: database, host and time zone.
        token: the token that gives access.
        readers: the database's; made here if not given.
    """
    reading = Readers(settings.database) if readers is None else readers
    default_zone = project_zone(settings.time_zone)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        admin = Admin(
            database=settings.database,
            zone=default_zone,
            readers=reading,
            live=Live(settings.database, default_zone),
            exports=Exports(),
            funnels=settings.home / FILE_NAME,
            settings=settings,
        )
        app.state.admin = admin
        upkeep = AnalysisUpkeep(settings.database)
        upkeep.start()
        yield
        upkeep.close()
        admin.live.close()
        admin.readers.close()
        admin.exports.close()

    app = FastAPI(
        title="cortex-otel admin",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.include_router(api.router)
    app.router.routes.extend(html.ROUTES)
    app.router.routes.extend(prometheus.ROUTES)
    openapi.add_to(app)
    for kind in (ApiError, StoreError, QueryError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _on_error)
    return Gate(app, token, settings.admin_host)


async def _on_error(request: Request, error: Exception) -> Response:
    """The response to a request that failed, as JSON or as a page."""
    match error:
        case RequestValidationError():
            known: ApiError | None = bad_parameter(error.errors(), _fields(request))
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            known = ApiError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method",
                N_("this address accepts only {allowed}"),
                allowed=_allowed(error),
                headers={"allow": _allowed(error)},
            )
        case HTTPException():
            known = not_found()
        case _:
            known = known_problem(error)
    if known is None:
        raise error  # a bug of ours: the gate responds
    return _answer(request, known)


def _fields(request: Request) -> list[str]:
    """What the body of this route has, in the order of its model."""
    body = getattr(request.scope.get("route"), "body_field", None)
    model = getattr(getattr(body, "field_info", None), "annotation", None)
    return list(getattr(model, "model_fields", ()))


def _allowed(error: HTTPException) -> str:
    """What the address takes, in a fixed order; the router names those of one of its routes."""
    named = set((error.headers or {}).get("Allow", "GET").split(", "))
    return ", ".join(sorted(named | {"HEAD"} if "GET" in named else named))


def _answer(request: Request, known: ApiError) -> Response:
    language = language_of(request.headers, request.scope["query_string"])
    if request.url.path.startswith(api.PREFIX):
        return refusal(known, language)
    page = views.error_html(known.status, known.code, known.message(language), language)
    return HTMLResponse(page, known.status, known.headers)
