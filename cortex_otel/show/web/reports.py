"""The weekly reports that are kept: their page, their list, and each as a download."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from cortex_otel._version import to_install
from cortex_otel.locale import N_, texts
from cortex_otel.show.report import shelf
from cortex_otel.show.report.numbers import Numbers
from cortex_otel.show.report.pdf import is_available
from cortex_otel.show.web import parameters, schemas, views
from cortex_otel.show.web.export import disposition
from cortex_otel.show.web.problems import ApiError, Json
from cortex_otel.show.web.state import admin_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.query.zones import Zone

__all__ = ["add_to", "listed", "page_html"]

_LANGUAGES: Final = {"en": N_("English"), "ko": N_("Korean")}

_Name = Annotated[
    str, Path(max_length=64, description="As the list has it: `cortex-report-2026-W47-en.pdf`.")
]


def add_to(router: APIRouter, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the routes.

    Args:
        router: of the API.
        responses: to a request whose subject isn't there, for the description.
    """
    router.add_api_route(
        "/reports", _list, methods=["GET"], tags=["lists"],
        responses={200: {"model": schemas.Reports}}, name="reports",
    )  # fmt: skip
    pdf = {"content": {"application/pdf": {}}, "description": "A file"}
    router.add_api_route(
        "/reports/{name}", _one, methods=["GET"], tags=["export"],
        responses={200: pdf, **responses}, name="report",
    )  # fmt: skip


def page_html(
    reports: list[dict[str, Any]], *, language: str, theme: str, query: Mapping[str, str]
) -> str:
    """The page.

    Args:
        reports: as the API lists them.
        language: ``en`` or ``ko``.
        theme: one of :data:`~cortex_otel.show.web.views.THEMES`.
        query: filters in the URL, kept for the way back.
    """
    gettext = texts(language).gettext
    numbers = Numbers(language)
    return views.shell_html(
        "reports.html",
        language,
        theme,
        query,
        None,
        page="reports",
        title=gettext("Weekly reports"),
        reports=[
            {
                **each,
                "days": numbers.days(*(date.fromisoformat(each[end]) for end in ("from", "to"))),
                "written": each["written"][:16].replace("T", " "),
                "size": f"{each['bytes'] / 1000:,.0f} kB",
                "language_name": gettext(_LANGUAGES[each["language"]]),
            }
            for each in reports
        ],
        hint=gettext(
            "Written on Mondays at 08:00 while cortex-otel serve runs, and by cortex-otel report."
        ),
        needed="" if is_available() else to_install("report"),
    )


async def listed(request: Request) -> list[dict[str, Any]]:
    """Every report, the newest week first."""
    admin = admin_of(request)
    reports = await asyncio.to_thread(shelf.kept, admin.settings.home)
    return [_described(report, admin.zone) for report in reports]


async def _list(request: Request, query: Annotated[parameters.LanguageQuery, Query()]) -> Response:
    """The weekly reports that are kept, the newest week first."""
    del query  # its language is only used for errors
    return Json({"reports": await listed(request)})


async def _one(
    request: Request, name: _Name, query: Annotated[parameters.LanguageQuery, Query()]
) -> Response:
    """A weekly report, as PDF."""
    del query
    report = await asyncio.to_thread(shelf.find, admin_of(request).settings.home, name)
    content = None if report is None else await asyncio.to_thread(_read, report)
    if report is None or content is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND, "unknown_report", N_("there is no such report"), field="name"
        )
    title = report.path.stem
    headers = {
        "content-disposition": disposition(title, title, "pdf"),
        "content-language": report.language,
    }
    return Response(content, headers=headers, media_type="application/pdf")


def _read(report: shelf.KeptReport) -> bytes | None:
    """Its bytes; ``None`` if it has just been deleted, or can't be read."""
    try:
        return report.path.read_bytes()
    except OSError:
        return None


def _described(report: shelf.KeptReport, zone: Zone) -> dict[str, Any]:
    week = report.week
    return {
        "name": report.path.name,
        "week": week.name,
        "from": week.monday.isoformat(),
        "to": (week.next_monday - timedelta(days=1)).isoformat(),
        "language": report.language,
        "bytes": report.size,
        "written": zone.iso(report.written_ns),
        "url": report.address,
    }
