"""Panels of :data:`cortex_otel.show.pages.PAGES` as panels of Grafana.

Needs ``grafana-foundation-sdk``, which only who develops has: its output is committed.
Longer than other files by one function for each way of drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    piechart,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import piechart as pie_kinds

from cortex_otel.locale import texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show.grafana import dialect
from cortex_otel.show.grafana.links import AROUND
from cortex_otel.show.grafana.targets import DATASOURCE, Drawn, Target, column_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel.query.catalogue import Column
    from cortex_otel.show.grafana.targets import Context
    from cortex_otel.show.pages import Panel

__all__ = ["panel_of", "waterfall"]

_UNITS = {
    "count": "locale", "ratio": "percentunit", "ms": "ms", "tokens": "short", "flag": "bool_yes_no",
    "unix_ns": "time:YYYY-MM-DD HH:mm:ss", "epoch_day": "time:YYYY-MM-DD",
}  # fmt: skip
_DECIMALS = {"count": 0, "ratio": 1, "ms": 1, "tokens": 0}
#: In place of a missing value: else each NULL would show what the panel says where it is empty.
_NO_VALUE = "–"
_RESULTS = {"success": "green", "error": "red", "timeout": "orange", "cancelled": "text"}
_GREEN, _BLUE = "green", "blue"

#: The panel builders of the SDK have these methods in common, and no type that says so.
_PanelBuilder: TypeAlias = Any


def panel_of(panel: Panel, context: Context) -> _PanelBuilder:
    """The builder of ``panel``, without its place.

    Raises:
        KeyError: its question isn't in the catalogue.
    """
    question = catalogue()[panel.question]
    drawn = Drawn(panel, question, context)
    builder: _PanelBuilder = _DRAWINGS[panel.draw](drawn)
    language = context.language
    _ = texts(language).gettext
    builder.title(panel.title_in(language))
    builder.description(question.about_in(language))
    builder.datasource(DATASOURCE)
    builder.no_value(_(panel.empty) or _("Nothing recorded in this range with these filters"))
    if panel.since:
        builder.time_from(panel.since)
    for column in question.columns:
        builder.override_by_name(column.name, _column_properties(drawn, column))
    return builder


def _column_properties(drawn: Drawn, column: Column) -> list[models.DynamicConfigValue]:
    properties = [
        _set("displayName", column.title_in(drawn.context.language)),
        _set("description", column.meaning_in(drawn.context.language)),
        _set("noValue", _NO_VALUE),
    ]
    if column.unit in _UNITS:
        properties.append(_set("unit", _UNITS[column.unit]))
    if column.unit in _DECIMALS:
        properties.append(_set("decimals", _DECIMALS[column.unit]))
    if column.name == "result" and drawn.panel.draw == "table":
        colours = {
            name: {"color": colour, "index": place}
            for place, (name, colour) in enumerate(_RESULTS.items())
        }
        properties.append(_set("mappings", [{"type": "value", "options": colours}]))
        properties.append(_set("custom.cellOptions", {"type": "color-text"}))
    if links := _links(drawn, column.name):
        properties.append(_set("links", links))
    return properties


def _links(drawn: Drawn, column: str) -> list[dict[str, object]]:
    panel = drawn.panel
    if panel.draw in {"ranking", "pie", "bars"} and column in drawn.values:
        column = panel.x  # what is clicked there is a number; what it belongs to stands beside it
    to = panel.links.get(column)
    link = drawn.context.link(column, to) if to else None
    return [{"title": link[0], "url": link[1], "targetBlank": False}] if link else []


def _set(name: str, value: object) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(name, value)


def _cards(drawn: Drawn) -> _PanelBuilder:
    # Two rows: Grafana shows the last, and by how much it differs from the first. Of a time that
    # would be nonsense, so it has no first.
    times = [name for name in dialect.time_columns(drawn.question) if name in drawn.values]
    columns = ", ".join(drawn.values)
    before = ", ".join(f"NULL AS {name}" if name in times else name for name in drawn.values)
    earlier = drawn.answer(compared=True, previous=True)
    sql = (
        f"SELECT {columns}\nFROM (\n"  # noqa: S608 - names of the catalogue's own columns
        f"SELECT 0 AS period, {before} FROM (\n{earlier}\n) AS before\n"
        f"UNION ALL\nSELECT 1, {columns} FROM (\n{drawn.answer(compared=True)}\n) AS now\n"
        ") AS periods\nORDER BY period"
    )
    return (
        stat.Panel()
        .with_target(Target(sql, times))
        .reduce_options(_reduced(values=False, fields="/.*/"))
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .text_mode(kinds.BigValueTextMode.VALUE_AND_NAME)
        .color_mode(kinds.BigValueColorMode.VALUE)
        .color_scheme(_fixed("text"))
        .show_percent_change(show_percent_change=True)
        # Neutral: whether more is better differs from card to card.
        .percent_change_color_mode(kinds.PercentChangeColorMode.SAME_AS_VALUE)
        .wide_layout(wide_layout=True)
    )


def _over_time(drawn: Drawn) -> _PanelBuilder:
    if not drawn.over_time:
        return _by_category(drawn)
    panel = drawn.panel
    builder = (
        timeseries.Panel()
        .legend(_legend(shown=len(drawn.values) > 1 or bool(panel.split)))
        .tooltip(
            common.VizTooltipOptions()
            .mode(kinds.TooltipDisplayMode.MULTI)
            .sort(kinds.SortOrder.DESCENDING)
        )
        .line_width(2)
        .show_points(kinds.VisibilityMode.AUTO)
        .span_nulls(span_nulls=False)
        .axis_soft_min(0)
        .unit(_UNITS[drawn.column(drawn.values[0]).unit])
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
        drawn.target((panel.x, panel.split, *drawn.values), f"ORDER BY {panel.x}, {panel.split}")
    )
    builder.with_transformation(
        models.DataTransformerConfig("prepareTimeSeries", options={"format": "multi"})
    )
    builder.override_by_field_type("number", [_set("displayName", name)])


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
                _set("displayName", title),
                _set("description", _("The period isn't over, or not all of it was recorded.")),
                _set("noValue", _NO_VALUE),
                _set("unit", _UNITS[column.unit]),
                _set("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}),
                _set("custom.fillOpacity", 0 if drawn.panel.draw == "lines" else 15),
                _set("color", {"mode": "fixed", "fixedColor": "text"}),
            ],
        )
    builder.with_target(drawn.target(tuple(columns), f"ORDER BY {drawn.panel.x}"))


def _draw_target(builder: timeseries.Panel, target: float) -> None:
    builder.thresholds(
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(None, _BLUE), models.Threshold(target, _GREEN)])
    )
    builder.thresholds_style(
        common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
    )
    if target <= 1:
        builder.axis_soft_max(1)


def _by_category(drawn: Drawn) -> _PanelBuilder:
    panel = drawn.panel
    horizontal = panel.draw == "ranking"
    builder = (
        barchart.Panel()
        .legend(_legend(shown=len(drawn.values) > 1 or bool(panel.split)))
        .orientation(
            kinds.VizOrientation.HORIZONTAL if horizontal else kinds.VizOrientation.VERTICAL
        )
        .x_tick_label_max_length(40)
        .unit(_UNITS[drawn.column(drawn.values[0]).unit])
        .stacking(kinds.StackingMode.NORMAL if panel.stacked else kinds.StackingMode.NONE)
    )
    if panel.split:
        builder.with_target(
            drawn.target((panel.x, panel.split, drawn.values[0]), f"LIMIT {panel.limit}")
        )
        builder.with_transformation(_as_matrix(drawn))
        return builder
    return builder.x_field(panel.x).with_target(
        drawn.target((panel.x, *drawn.values), f"LIMIT {panel.limit}")
    )


def _ranking(drawn: Drawn) -> _PanelBuilder:
    if len(drawn.values) > 1 or drawn.panel.split:
        return _by_category(drawn)
    return (
        bargauge.Panel()
        .with_target(_named_values(drawn))
        .reduce_options(_reduced(values=True))
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .display_mode(kinds.BarGaugeDisplayMode.BASIC)
        .name_placement(kinds.BarGaugeNamePlacement.LEFT)
        .legend(_legend(shown=False))
        .color_scheme(_fixed(_BLUE))
        .min(0)
    )


def _pie(drawn: Drawn) -> _PanelBuilder:
    return (
        piechart.Panel()
        .with_target(_named_values(drawn))
        .reduce_options(_reduced(values=True))
        .pie_type(pie_kinds.PieChartType.DONUT)
        .legend(
            piechart.PieChartLegendOptions()
            .display_mode(kinds.LegendDisplayMode.TABLE)
            .placement(kinds.LegendPlacement.RIGHT)
            .show_legend(show_legend=True)
            .calcs([])
            .values([pie_kinds.PieChartLegendValues.VALUE, pie_kinds.PieChartLegendValues.PERCENT])
        )
    )


def _named_values(drawn: Drawn) -> Target:
    # One text and one number: then Grafana names each value by the text beside it.
    return drawn.target((drawn.panel.x, drawn.values[0]), f"LIMIT {drawn.panel.limit}")


def _table(drawn: Drawn) -> _PanelBuilder:
    columns = drawn.panel.values or tuple(each.name for each in drawn.question.columns)
    builder = (
        table.Panel()
        .show_header(show_header=True)
        .cell_height(kinds.TableCellHeight.SM)
        .filterable(filterable=True)
    )
    if "trace" in drawn.panel.links.values():
        for name, hours in zip(AROUND, (-1, 1), strict=True):
            # As text: a number would be written with separators. In ms, as an address has it.
            columns += (f"CAST(CAST((time + {hours} * 3600) * 1000 AS bigint) AS text) AS {name}",)
            # The name until Grafana 12.2, and the one after it.
            hidden = {"viz": True, "legend": False, "tooltip": False}
            properties = [_set("custom.hidden", value=True), _set("custom.hideFrom", hidden)]
            builder.override_by_name(name, [*properties, _set("displayName", name)])
    return builder.with_target(drawn.target(columns, f"LIMIT {drawn.panel.limit}"))


def _matrix(drawn: Drawn) -> _PanelBuilder:
    panel, value = drawn.panel, drawn.values[0]
    unit = drawn.column(value).unit
    builder = (
        table.Panel()
        .with_target(drawn.target((panel.x, panel.split, value), f"LIMIT {panel.limit}"))
        .with_transformation(_as_matrix(drawn))
        .show_header(show_header=True)
        .cell_height(kinds.TableCellHeight.SM)
        .unit(_UNITS[unit])
        .min(0)
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BLUES))
        .override_by_field_type(
            "number",
            [
                _set("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
                _set("noValue", _NO_VALUE),
            ],
        )
    )
    return builder.max(1) if unit == "ratio" else builder


def waterfall(context: Context) -> _PanelBuilder:
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
        .legend(_legend(shown=False))
        .unit("ms")
        .x_tick_label_max_length(40)
        .override_by_name(
            # Takes the room before the bar, and is not seen.
            "start_ms",
            [
                _set("displayName", _("starts after")),
                _set("color", {"mode": "fixed", "fixedColor": "transparent"}),
                _set("unit", "ms"),
            ],
        )
        .override_by_name(
            "duration_ms",
            [
                _set(
                    "displayName",
                    column_of(catalogue()["trace"], "duration_ms").title_in(context.language),
                ),
                _set("color", {"mode": "fixed", "fixedColor": _BLUE}),
                _set("unit", "ms"),
            ],
        )
    )


def _as_matrix(drawn: Drawn) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(
        "groupingToMatrix",
        options={
            "rowField": drawn.panel.x,
            "columnField": drawn.panel.split,
            "valueField": drawn.values[0],
            "emptyValue": "null",
        },
    )


def _reduced(*, values: bool, fields: str = "") -> common.ReduceDataOptions:
    # No fields: the numbers.
    return common.ReduceDataOptions().values(values).calcs(["lastNotNull"]).fields(fields)


def _legend(*, shown: bool) -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(kinds.LegendDisplayMode.LIST)
        .placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(shown)
        .calcs([])
    )


def _fixed(colour: str) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(colour)


_DRAWINGS: Mapping[str, Callable[[Drawn], _PanelBuilder]] = {
    "cards": _cards,
    "lines": _over_time,
    "bars": _over_time,
    "ranking": _ranking,
    "pie": _pie,
    "table": _table,
    "matrix": _matrix,
}
