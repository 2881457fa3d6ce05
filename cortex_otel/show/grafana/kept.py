"""From when on raw events are kept: what a dashboard says of what retention has deleted.

In the description of each panel that reads events one by one, and as a mark on the axis of time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from cortex_otel.locale import texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show.grafana import dialect
from cortex_otel.show.grafana.targets import DATASOURCE, DATASOURCE_TYPE, DATASOURCE_UID

if TYPE_CHECKING:
    from cortex_otel.show.pages import Page, Panel

__all__ = ["VARIABLE", "depends_on_events", "mark", "shows_events", "variable"]

VARIABLE: Final = "kept"
#: As :func:`cortex_otel.query.kept.kept_from` has it.
_KEPT = "(SELECT max(value) FROM store WHERE key IN ('events_from', 'rollups_from'))"
_SHOWN = f"strftime('%Y-%m-%d %H:%M', {_KEPT} / 1000000000, 'unixepoch')"


def depends_on_events(panel: Panel) -> bool:
    """Whether ``panel`` lacks what retention has deleted."""
    return catalogue()[panel.question].reads_events(panel.parameters)


def shows_events(page: Page) -> bool:
    """Whether any panel of ``page`` does."""
    return any(map(depends_on_events, page.panels))


def variable(language: str) -> Any:
    """The builder of a hidden variable that holds the sentence."""
    _ = texts(language).gettext
    since = dialect.literal(_("Raw events from {since} UTC on")).replace(
        "{since}", f"' || {_SHOWN} || '"
    )
    nothing = _("No raw event has been deleted so far")
    sql = f"SELECT CASE WHEN {_KEPT} > 0 THEN {since} ELSE {dialect.literal(nothing)} END"
    return (
        dashboard.QueryVariable(VARIABLE)
        .label(_("Raw events"))
        .hide(models.VariableHide.HIDE_VARIABLE)
        .query(sql)
        .definition(sql)
        .datasource(DATASOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=False)
        .include_all(include_all=False)
        .current(models.VariableOption(selected=True, text=nothing, value=nothing))
    )


def mark(language: str) -> dict[str, Any]:
    """An annotation: the part of the range whose raw events are deleted."""
    _ = texts(language).gettext
    title = dialect.literal(_("Raw events are deleted"))
    text = dialect.literal(_("Roll-ups still count them; lists and funnels don't have them."))
    sql = (
        f"SELECT {dialect.FROM_NS} / 1e9 AS time,"
        f" min({_KEPT}, {dialect.TO_NS}) / 1e9 AS timeEnd,"
        f" {title} AS title, {text} AS text, 'cortex,kept' AS tags\n"
        f"WHERE {_KEPT} > {dialect.FROM_NS}"
    )
    return {
        "name": _("Raw events"),
        "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
        "enable": True,
        "hide": False,
        "iconColor": "gray",
        "target": {
            "refId": "Anno",
            "queryType": "table",
            "rawQueryText": sql,
            "queryText": sql,
            "timeColumns": ["time", "timeEnd"],
        },
    }
