"""The spans of a trace as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import barchart
from grafana_foundation_sdk.models import common as kinds

from cortex_otel.locale import texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show.grafana import dialect
from cortex_otel.show.grafana.panels.parts import BLUE, PanelBuilder, legend, set_to
from cortex_otel.show.grafana.targets import DATASOURCE, Target, column_of

if TYPE_CHECKING:
    from cortex_otel.show.grafana.targets import Context

__all__ = ["waterfall"]


def waterfall(context: Context) -> PanelBuilder:
    """The spans of a trace as bars, each from its start to its end."""
    _ = texts(context.language).gettext
    answer = dialect.answer(catalogue()["trace"], filters=context.page.filters)
    sql = (
        "SELECT name, (time - min(time) OVER ()) * 1000 AS start_ms,"
        f" coalesce(duration_ms, 0.0) AS duration_ms\nFROM (\n{answer}\n) AS spans\n"
        "ORDER BY time\nLIMIT 200"
    )
    return (
        barchart.Panel()
        .title(_("Waterfall"))
        .description(
            _(
                "Each span from its start to its end, in ms since the trace began. An instant has "
                "no length."
            )
        )
        .datasource(DATASOURCE)
        .no_value(_("No such trace in this range: open one by clicking a trace id"))
        .with_target(Target(sql, []))
        .x_field("name")
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .stacking(kinds.StackingMode.NORMAL)
        .legend(legend(shown=False))
        .unit("ms")
        .x_tick_label_max_length(40)
        .override_by_name(
            # Takes the room before the bar, and is not seen.
            "start_ms",
            [
                set_to("displayName", _("starts after")),
                set_to("color", {"mode": "fixed", "fixedColor": "transparent"}),
                set_to("unit", "ms"),
            ],
        )
        .override_by_name(
            "duration_ms",
            [
                set_to(
                    "displayName",
                    column_of(catalogue()["trace"], "duration_ms").title_in(context.language),
                ),
                set_to("color", {"mode": "fixed", "fixedColor": BLUE}),
                set_to("unit", "ms"),
            ],
        )
    )
