"""Lines and bars over time, and bars by category."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import barchart, common, dashboard, timeseries
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

from cortex_otel.locale import texts
from cortex_otel.show.grafana.panels.parts import (
    BLUE,
    GREEN,
    NO_VALUE,
    UNITS,
    PanelBuilder,
    as_matrix,
    legend,
    set_to,
)

if TYPE_CHECKING:
    from cortex_otel.show.grafana.targets import Drawn

__all__ = ["by_category", "over_time"]


def over_time(drawn: Drawn) -> PanelBuilder:
    """Lines or bars over time; by category where x is none."""
    if not drawn.over_time:
        return by_category(drawn)
    panel = drawn.panel
    builder = (
        timeseries.Panel()
        .legend(legend(shown=len(drawn.values) > 1 or bool(panel.split)))
        .tooltip(
            common.VizTooltipOptions()
            .mode(kinds.TooltipDisplayMode.MULTI)
            .sort(kinds.SortOrder.DESCENDING)
        )
        .line_width(2)
        .show_points(kinds.VisibilityMode.AUTO)
        .span_nulls(span_nulls=False)
        .axis_soft_min(0)
        .unit(UNITS[drawn.column(drawn.values[0]).unit])
    )
    if panel.draw == "bars":
        builder.draw_style(kinds.GraphDrawStyle.BARS).fill_opacity(60).line_width(1)
    else:
        builder.draw_style(kinds.GraphDrawStyle.LINE).fill_opacity(8)
    if panel.stacked:
        builder.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
    if panel.target is not None:
        _draw_target(builder, panel.target)
    if panel.split:
        name = f"${{__field.labels.{panel.split}}}"
        _split_over_time(
            drawn, builder, name if len(drawn.values) == 1 else f"{name} ${{__field.name}}"
        )
    elif drawn.has_partial:
        _mark_partial(drawn, builder)
    else:
        builder.with_target(drawn.target((panel.x, *drawn.values), f"ORDER BY {panel.x}"))
    return builder


def _split_over_time(drawn: Drawn, builder: timeseries.Panel, name: str) -> None:
    panel = drawn.panel
    builder.with_target(
        drawn.target(
            (panel.x, *drawn.worded(panel.split), *drawn.values),
            f"ORDER BY {panel.x}, {panel.split}",
        )
    )
    builder.with_transformation(
        models.DataTransformerConfig("prepareTimeSeries", options={"format": "multi"})
    )
    builder.override_by_field_type(
        "number", [set_to("displayName", name), set_to("noValue", NO_VALUE)]
    )


def _mark_partial(drawn: Drawn, builder: timeseries.Panel) -> None:
    """What isn't over yet is a dashed line, or a pale bar, of its own: never a fall."""
    _ = texts(drawn.context.language).gettext
    is_partial = "partial = 1"
    if drawn.panel.draw == "lines":
        # Their whole neighbours belong to the dashed line too, so that the two meet.
        for side in ("lead", "lag"):
            is_partial += f" OR {side}(partial) OVER (ORDER BY {drawn.panel.x}) = 1"
    columns = [drawn.panel.x]
    for value in drawn.values:
        columns += [
            f"CASE WHEN partial = 0 THEN {value} END AS {value}",
            f"CASE WHEN {is_partial} THEN {value} END AS {value}_partial",
        ]
        column = drawn.column(value)
        title = column.title_in(drawn.context.language) + " (" + _("in progress") + ")"
        builder.override_by_name(
            f"{value}_partial",
            [
                set_to("displayName", title),
                set_to("description", _("The period isn't over, or not all of it was recorded.")),
                set_to("noValue", NO_VALUE),
                set_to("unit", UNITS[column.unit]),
                set_to("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}),
                set_to("custom.fillOpacity", 0 if drawn.panel.draw == "lines" else 15),
                set_to("color", {"mode": "fixed", "fixedColor": "text"}),
            ],
        )
    builder.with_target(drawn.target(tuple(columns), f"ORDER BY {drawn.panel.x}"))


def _draw_target(builder: timeseries.Panel, target: float) -> None:
    builder.thresholds(
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(None, BLUE), models.Threshold(target, GREEN)])
    )
    builder.thresholds_style(
        common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
    )
    if target <= 1:
        builder.axis_soft_max(1)


def by_category(drawn: Drawn) -> PanelBuilder:
    """A bar, or a group of them, for each x."""
    panel = drawn.panel
    horizontal = panel.draw == "ranking"
    builder = (
        barchart.Panel()
        .legend(legend(shown=len(drawn.values) > 1 or bool(panel.split)))
        .orientation(
            kinds.VizOrientation.HORIZONTAL if horizontal else kinds.VizOrientation.VERTICAL
        )
        .x_tick_label_max_length(40)
        .unit(UNITS[drawn.column(drawn.values[0]).unit])
        .stacking(kinds.StackingMode.NORMAL if panel.stacked else kinds.StackingMode.NONE)
    )
    if panel.split:
        builder.with_target(
            drawn.target(
                (*drawn.worded(panel.x, panel.split), drawn.values[0]), f"LIMIT {panel.limit}"
            )
        )
        builder.with_transformation(as_matrix(drawn))
        return builder
    return builder.x_field(panel.x).with_target(
        drawn.target((panel.x, *drawn.values), f"LIMIT {panel.limit}")
    )
