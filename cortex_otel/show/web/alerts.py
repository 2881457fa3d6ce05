"""What fires now, and the thresholds: read and changed.

Thresholds are kept in ``alerts.toml``. Where messages go to is no part of them: who can open the
admin must not be able to send what is recorded elsewhere, nor to run a program.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from cortex_otel.locale import N_, texts
from cortex_otel.query.alert_rules import FILE_NAME, read_rules, save_rules
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.formats import plain_rows
from cortex_otel.query.runner import run
from cortex_otel.query.toml_file import TomlFileError
from cortex_otel.show.web import parameters, schemas
from cortex_otel.show.web.gate import language_of
from cortex_otel.show.web.problems import ApiError, Json
from cortex_otel.show.web.state import admin_of
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["add_to"]

_TIME_LIMIT_MS = 1000


def _no_flag(value: object) -> object:
    """``value``, unless it is true or false, which would be 1 or 0.

    Raises:
        ValueError: it is.
    """
    if isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - what pydantic takes
    return value


_Float = Annotated[float, BeforeValidator(_no_flag)]
_Int = Annotated[int, BeforeValidator(_no_flag)]


class NewRules(BaseModel):
    """Thresholds to save; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    error_rate: Annotated[_Float | None, Field(description="Share of failed events.")] = None
    response_ms: Annotated[_Float | None, Field(description="Average duration; ms.")] = None
    window_minutes: Annotated[_Int | None, Field(description="That both are of.")] = None
    min_events: Annotated[_Int | None, Field(description="In it; fewer are too few.")] = None
    disk_free_mb: Annotated[_Int | None, Field(description="Less than that is nearly full.")] = None
    rules: Annotated[list[Annotated[str, Field(max_length=64)]] | None, Field(max_length=20)] = None
    services: Annotated[
        list[Annotated[str, Field(max_length=64)]] | None, Field(max_length=100)
    ] = None
    quiet_hours: Annotated[
        str | None, Field(max_length=20, description="Such as 22:00-08:00; empty: never.")
    ] = None


def add_to(router: APIRouter) -> None:
    """Add the routes to that of the API."""
    answer: dict[int | str, dict[str, Any]] = {200: {"model": schemas.Alerts}}
    router.add_api_route("/alerts", _show, methods=["GET"], responses=answer, tags=["alerts"])
    conflict: dict[int | str, dict[str, Any]] = {
        409: {"model": schemas.Error, "description": HTTPStatus.CONFLICT.phrase}
    }
    router.add_api_route(
        "/alerts/rules", _save, methods=["POST"], responses={**answer, **conflict}, tags=["alerts"]
    )


async def _show(request: Request, query: Annotated[parameters.LanguageQuery, Query()]) -> Response:
    """What fires now, and the thresholds."""
    del query  # its language is only used for errors
    return await _answer(request)


async def _save(
    request: Request,
    query: Annotated[parameters.LanguageQuery, Query()],
    rules: Annotated[NewRules, Body()],
) -> Response:
    """Save thresholds; what the environment says can't be changed here. The body is JSON."""
    del query
    settings = admin_of(request).settings
    values = {key: value for key, value in rules.model_dump().items() if value is not None}
    path = _file(settings)
    known = await asyncio.to_thread(read_rules, path, settings)
    for key in values:
        if key in known.from_environment:
            raise ApiError(
                HTTPStatus.CONFLICT, "set_by_environment",
                N_("{field} is set by {variable} where cortex-otel serve was started"),
                field=key, variable=known.from_environment[key],
            )  # fmt: skip
    try:
        await asyncio.to_thread(save_rules, path, values)
    except TomlFileError as error:
        details: dict[str, Any] = dict(error.values)
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "bad_alert_rules", error.message,
            field=details.get("key"), **details,
        ) from None  # fmt: skip
    except OSError as error:
        raise ApiError(
            HTTPStatus.INTERNAL_SERVER_ERROR, "not_saved",
            N_("the file of thresholds can't be written: {reason}"),
            reason=error.strerror or type(error).__name__,
        ) from None  # fmt: skip
    return await _answer(request)


async def _answer(request: Request) -> Response:
    admin = admin_of(request)
    settings = admin.settings
    read = await asyncio.to_thread(read_rules, _file(settings), settings)
    try:
        firing = await admin.readers.ask(partial(_firing, zone=admin.zone), request)
    except StoreError:
        firing = []  # the panels say why; the thresholds are no part of it
    language = language_of(request.headers, request.scope["query_string"])
    return Json(
        {
            "firing": firing,
            "rules": asdict(read.rules),
            "from_environment": read.from_environment,
            "channels": _channels(settings),
            "problems": [_said(each, language) for each in read.problems],
        }
    )


def _firing(connection: apsw.Connection, zone: Zone) -> list[dict[str, Any]]:
    now_ns = time.time_ns()
    asked = run(
        connection,
        catalogue()["alerts"],
        {"from_ns": now_ns, "to_ns": now_ns, "alert_state": "firing"},
        time_limit_ms=_TIME_LIMIT_MS,
        row_limit=20,
    )
    names = [column.name for column in asked.columns]
    return [dict(zip(names, row, strict=True)) for row in plain_rows(asked, zone)]


def _channels(settings: Settings) -> list[str]:
    """Their names, and nothing else of them: the rest is secret."""
    found = {
        "slack": settings.slack_webhook_url,
        "webhook": settings.alert_webhook_url,
        "command": settings.alert_command,
    }
    return [name for name, value in found.items() if value]


def _file(settings: Settings) -> Path:
    return settings.home / FILE_NAME


def _said(error: TomlFileError, language: str) -> str:
    values = {
        name: _said(value, language) if isinstance(value, TomlFileError) else value
        for name, value in error.values.items()
    }
    return texts(language).gettext(error.message, **values)
