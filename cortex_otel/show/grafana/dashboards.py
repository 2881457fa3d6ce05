"""Grafana dashboards from :data:`cortex_otel.show.pages.PAGES`: classic JSON, schema 42.

``python -m cortex_otel.show.grafana`` writes ``grafana/dashboards/{en,ko}/*.json`` and the alert
rules; both are committed, and ``tests/grafana`` fails where they drift. It needs
``grafana-foundation-sdk``. Setting Grafana up does not: see :mod:`cortex_otel.show.grafana.setup`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import dashboard, dashboardlist
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from cortex_otel.locale import LANGUAGES, texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.sampling import is_sampled
from cortex_otel.show.grafana import alerts, dialect, kept
from cortex_otel.show.grafana.links import filters_of, link_of, uid_of
from cortex_otel.show.grafana.pages import HOME, LIVE, PAGES_OF_GRAFANA, TRACE
from cortex_otel.show.grafana.panels import panel_of, sampling_note, waterfall
from cortex_otel.show.grafana.targets import (
    DATASOURCE_TYPE,
    DATASOURCE_UID,
    Context,
)
from cortex_otel.show.grafana.variables import variable_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cortex_otel.show.pages import Page

__all__ = ["SCHEMA_VERSION", "dashboard_of", "generated", "main"]

SCHEMA_VERSION = 42
_GRAFANA = Path(__file__).parents[3] / "grafana"
_COLUMNS, _HALF, _HEIGHT, _CARDS_HEIGHT, _NOTE_HEIGHT = 24, 12, 9, 4, 3
_TAG, _TAG_OF_DETAIL = "cortex", "cortex-detail"
#: Empty until somebody clicks on a user or trace elsewhere, so not in the list.
_DETAILS = {"user", TRACE.id}

_INTERVALS = ["5s", "10s", "30s", "1m", "5m", "15m", "1h"]
#: An hour with fewer events than this is no incident, however many of them failed.
_MIN_EVENTS = 20
_ERROR_RATE = 0.05


def generated() -> dict[str, str]:
    """Text of every generated file by its path below ``grafana/``."""
    files = {
        f"dashboards/{language}/{uid_of(page)}.json": _text(dashboard_of(page, language))
        for language in LANGUAGES
        for page in PAGES_OF_GRAFANA.values()
    }
    return files | {"provisioning/alerting/rules.yaml": alerts.rules()}


def dashboard_of(page: Page, language: str) -> dict[str, Any]:
    """One dashboard as plain JSON."""
    _ = texts(language).gettext
    every_dashboard = _("Every dashboard of Cortex telemetry.")
    live = page.id == LIVE.id
    intervals = ["1s", *_INTERVALS] if live else _INTERVALS
    builder = (
        dashboard.Dashboard(f"Cortex · {page.title_in(language)}")
        .uid(uid_of(page))
        .description(_(page.about) or every_dashboard)
        .tags([_TAG_OF_DETAIL if page.id in _DETAILS else _TAG])
        .timezone("utc")
        .week_start("monday")
        .editable()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-15m" if live else f"now-{page.since}", "now")
        .timepicker(dashboard.TimePicker().refresh_intervals(intervals))
        .refresh("1s" if live else "1m")
        .link(
            dashboard.DashboardLink(_("Dashboards"))
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([_TAG])
            .icon("external link")
            .tooltip(every_dashboard)
            .as_dropdown(as_dropdown=True)
            .keep_time(keep_time=True)
            .include_vars(include_vars=True)
        )
    )
    for name in filters_of(page):
        builder.with_variable(variable_of(name, page, language))
    if kept.shows_events(page):
        builder.with_variable(kept.variable(language))
    context = Context(page, language, lambda column, to: link_of(page, language, column, to))
    for position, panel in _placed(page):
        builder.with_panel(panel_of(panel, context).grid_pos(position))
    bottom = _bottom(page)
    if not live and any(is_sampled(catalogue()[each.question]) for each in page.panels):
        at = models.GridPos(x=0, y=bottom, w=_COLUMNS, h=_NOTE_HEIGHT)
        builder.with_panel(sampling_note(language).grid_pos(at))
        bottom += _NOTE_HEIGHT
    if page.id == HOME.id:
        builder.with_panel(_list(language, bottom))
    if page.id == TRACE.id:
        below = models.GridPos(x=0, y=bottom, w=_COLUMNS, h=2 * _HEIGHT)
        builder.with_panel(waterfall(context).grid_pos(below))
    plain: dict[str, Any] = json.loads(json.dumps(builder.build(), cls=JSONEncoder))
    # What the SDK has no word for.
    plain["schemaVersion"] = SCHEMA_VERSION
    marks = [kept.mark(language)] if kept.shows_events(page) else []
    plain["annotations"] = {"list": [_incidents(page, language), *marks]}
    for number, panel in enumerate(plain["panels"], 1):
        panel["id"] = number
    return plain


def _placed(page: Page) -> Iterator[tuple[models.GridPos, Any]]:
    """Places from the top left: cards and wide ones in rows of their own, others two a row."""
    x = y = 0
    for place, panel in enumerate(page.panels):
        height = _CARDS_HEIGHT if panel.draw == "cards" else _HEIGHT
        following = page.panels[place + 1 :][:1]
        alone = x == 0 and not any(not _is_wide(each) for each in following)
        width = _COLUMNS if _is_wide(panel) or alone else _HALF
        if x + width > _COLUMNS:
            x, y = 0, y + _HEIGHT
        yield models.GridPos(x=x, y=y, w=width, h=height), panel
        x += width
        if x >= _COLUMNS:
            x, y = 0, y + height


def _is_wide(panel: Any) -> bool:
    return bool(panel.wide or panel.draw == "cards")


def _bottom(page: Page) -> int:
    return max(position.y + position.h for position, _panel in _placed(page))


def _list(language: str, y: int) -> dashboardlist.Panel:
    _ = texts(language).gettext
    return (
        dashboardlist.Panel()
        .title(_("Dashboards"))
        .description(_("Every dashboard of Cortex telemetry."))
        .tags([_TAG])
        .show_search(show_search=True)
        .show_starred(show_starred=False)
        .show_headings(show_headings=False)
        .keep_time(keep_time=True)
        .include_vars(include_vars=True)
        .max_items(30)
        .grid_pos(models.GridPos(x=0, y=y, w=_COLUMNS, h=7))
    )


def _incidents(page: Page, language: str) -> dict[str, Any]:
    """Marks on the axis of time: hours in a row with too many errors are one incident."""
    _ = texts(language).gettext
    hours = dialect.answer(catalogue()["error_rate"], filters=page.filters)
    title = dialect.literal(_("Error spike"))
    text = dialect.literal(_("of the events failed or timed out"))
    sql = (
        "SELECT min(time) AS time, max(time) + 3600 AS timeEnd,"
        f" {title} AS title,"
        f" CAST(round(sum(errors) * 100 / sum(events), 1) AS text) || ' % ' || {text} AS text,"
        " 'cortex,incident' AS tags\nFROM (\n"
        "SELECT *, time - 3600 * row_number() OVER (ORDER BY time) AS run\n"
        f"FROM (\n{hours}\n) AS hours\n"
        f"WHERE error_rate > {_ERROR_RATE} AND events >= {_MIN_EVENTS}\n"
        ") AS bad\nGROUP BY run\nORDER BY 1"
    )
    return {
        "name": _("Incidents"),
        "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "target": {
            "refId": "Anno",
            "queryType": "table",
            "rawQueryText": sql,
            "queryText": sql,
            "timeColumns": ["time", "timeEnd"],
        },
    }


def _text(plain: dict[str, Any]) -> str:
    return json.dumps(plain, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write every file, and remove dashboards of pages that are gone."""
    files = generated()
    for path in _GRAFANA.glob("dashboards/*/*.json"):
        if path.relative_to(_GRAFANA).as_posix() not in files:
            path.unlink()
    for name, text in files.items():
        path = _GRAFANA / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {len(files)} files below grafana/\n")
    return 0
