"""The questions of the analytics pages as routes, and the funnels saved by name.

``/analytics/{question}`` takes what the question declares; nothing is listed here.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request
from starlette.responses import Response

from cortex_otel.locale import N_, texts
from cortex_otel.query.analysis.steps import funnel_parameters
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.ranges import parse_span
from cortex_otel.query.saved_funnels import (
    SavedFunnel,
    SavedFunnelsError,
    delete_funnel,
    read_funnels,
    save_funnel,
)
from cortex_otel.show import pages
from cortex_otel.show.web import answers, parameters, schemas
from cortex_otel.show.web.gate import language_of
from cortex_otel.show.web.own_parameters import bad_own, of_question, with_parameters
from cortex_otel.show.web.problems import ApiError, Json
from cortex_otel.show.web.state import admin_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.query.catalogue import Question
    from cortex_otel.query.saved_funnels import SavedFunnels

__all__ = ["add_to", "questions_of_pages"]

#: What steps can be made of; no panel shows it.
_BESIDE_PAGES = ("seen_steps",)


def questions_of_pages() -> list[Question]:
    """Every question of a page that stands in a group, once each, in their order."""
    names = [
        question.name for page in pages.PAGES.values() if page.group for question in page.questions
    ]
    known = catalogue()
    return [known[name] for name in dict.fromkeys((*names, *_BESIDE_PAGES))]


def add_to(router: APIRouter, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the routes.

    Args:
        router: of the API.
        responses: to a request whose subject isn't there, for the description.
    """
    analytics = APIRouter(prefix="/analytics", tags=["analytics"])
    analytics.add_api_route("/funnels", _list, methods=["GET"], responses=_of(schemas.SavedFunnels))
    analytics.add_api_route(
        "/funnels", _save, methods=["POST"], responses=_of(schemas.SavedFunnels)
    )
    analytics.add_api_route(
        "/funnels/{name:path}",
        _delete,
        methods=["DELETE"],
        responses={**_of(schemas.SavedFunnels), **responses},
    )
    for question in questions_of_pages():
        analytics.add_api_route(
            f"/{question.name}",
            _route_of(question),
            methods=["GET"],
            name=question.name,
            summary=question.title,
            description=question.about,
            responses=_of(schemas.Rows),
        )
    router.include_router(analytics)


def _of(model: type) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model}}


def _route_of(question: Question) -> Callable[..., Any]:
    base = parameters.of_list(question)
    model = with_parameters(f"{question.name}_query", base, of_question(question))

    async def ask(request: Request, query: Any) -> Response:
        zone = admin_of(request).zone
        language = _language(request)
        read = partial(
            answers.records,
            name=question.name,
            query=query,
            default_zone=zone,
            language=language,
            key="rows",
            limit=query.limit or question.limit,
            cursor=getattr(query, "cursor", None),
        )
        return Json(await admin_of(request).readers.ask(read, request))

    # Each has a model of its own, which no annotation in the source can name.
    ask.__annotations__ = {
        "request": Request,
        "query": Annotated[model, Query()],
        "return": Response,
    }
    return ask


async def _list(request: Request, query: Annotated[parameters.LanguageQuery, Query()]) -> Response:
    """Funnels saved by name, and what is wrong with their file, if anything is."""
    del query
    return await _answer(request)


async def _save(
    request: Request,
    query: Annotated[parameters.LanguageQuery, Query()],
    funnel: Annotated[parameters.NewFunnel, Body()],
) -> Response:
    """Save a funnel, in place of one of the same name; its body is JSON."""
    del query
    path = admin_of(request).funnels
    try:
        made = SavedFunnel(
            funnel.name.strip(),
            tuple(funnel.steps),
            funnel.within,
            funnel.order,
            tuple(funnel.exclude),
            funnel.breakdown,
        )
        _check(made)
        await asyncio.to_thread(save_funnel, path, made)
    except SavedFunnelsError as error:
        raise _refused(error) from None
    except OSError as error:
        raise _not_written(error) from None
    return await _answer(request)


async def _delete(
    request: Request,
    name: Annotated[str, Path(max_length=200, description="Of the funnel.")],
    query: Annotated[parameters.LanguageQuery, Query()],
) -> Response:
    """Delete a saved funnel."""
    del query
    try:
        found = await asyncio.to_thread(delete_funnel, admin_of(request).funnels, name)
    except SavedFunnelsError as error:
        raise _refused(error) from None
    except OSError as error:
        raise _not_written(error) from None
    if not found:
        raise ApiError(
            HTTPStatus.NOT_FOUND, "unknown_funnel", N_("no funnel of this name is saved"),
            field="name",
        )  # fmt: skip
    return await _answer(request)


def _check(funnel: SavedFunnel) -> None:
    """Refuse what could not be asked."""
    for own in of_question(catalogue()["funnel"]):
        value = getattr(funnel, own.name, "")
        if own.kind == "choice" and not own.parameter.allows(value):
            raise bad_own(own, value)
    funnel_parameters(
        {
            "steps": json.dumps(funnel.steps),
            "exclude": json.dumps(funnel.exclude),
            "within_s": parse_span(funnel.within),
            "order": funnel.order,
            "breakdown": funnel.breakdown,
            "from_ns": 0,
            "to_ns": 0,
            "as_of_ns": 0,
            "service": "",
            "user_tier": "",
        }
    )


async def _answer(request: Request) -> Response:
    saved = await asyncio.to_thread(read_funnels, admin_of(request).funnels)
    return Json(_written(saved, _language(request)))


def _written(saved: SavedFunnels, language: str) -> dict[str, Any]:
    return {
        "funnels": [
            {
                "name": each.name,
                "steps": each.steps,
                "within": each.within,
                "order": each.order,
                "exclude": each.exclude,
                "breakdown": each.breakdown,
            }
            for each in saved.funnels.values()
        ],
        "problems": [_said(each, language) for each in saved.problems],
    }


def _said(error: SavedFunnelsError, language: str) -> str:
    values = {
        name: _said(value, language) if isinstance(value, SavedFunnelsError) else value
        for name, value in error.values.items()
    }
    return texts(language).gettext(error.message, **values)


def _refused(error: SavedFunnelsError) -> ApiError:
    values: dict[str, Any] = dict(error.values)
    return ApiError(HTTPStatus.BAD_REQUEST, "bad_funnel", error.message, **values)


def _not_written(error: OSError) -> ApiError:
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "not_saved",
        N_("the file of saved funnels can't be written: {reason}"),
        reason=error.strerror or type(error).__name__,
    )


def _language(request: Request) -> str:
    return language_of(request.headers, request.scope["query_string"])
