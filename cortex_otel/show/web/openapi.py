"""The description of the API: OpenAPI, also committed as ``docs/reference/openapi.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from cortex_otel.show.web.api import PREFIX
from cortex_otel.show.web.problems import Json

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

__all__ = ["PATH", "add_to", "described"]

PATH = f"{PREFIX}/openapi.json"
_ABOUT = """\
What the web admin shows, for programs. Every path takes GET, those of saved funnels POST and DELETE
too, and wants the token of the installation: `Authorization: Bearer …`. Unknown parameters are
refused, and repeated ones but steps; every error has one shape.
"""


def add_to(app: FastAPI) -> None:
    """Serve the description of ``app`` at :data:`PATH`."""

    async def description(_: Request) -> Json:
        return Json(described(app))

    app.router.add_route(PATH, description, include_in_schema=False)


def described(app: FastAPI) -> dict[str, Any]:
    """The description, without responses that FastAPI would send and we don't."""
    description = get_openapi(
        title="cortex-otel admin", version="1", description=_ABOUT, routes=app.routes
    )
    for path in description["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(name, None)
    description["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    description["security"] = [{"token": []}]
    return description
