"""Big numbers, rankings and shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import piechart, stat
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import piechart as pie_kinds

from cortex_otel.show.grafana import dialect
from cortex_otel.show.grafana.panels.over_time import by_category
from cortex_otel.show.grafana.panels.parts import (
    PanelBuilder,
    bars,
    fixed,
    named_values,
    reduced,
)
from cortex_otel.show.grafana.targets import Target

if TYPE_CHECKING:
    from cortex_otel.show.grafana.targets import Drawn

__all__ = ["cards", "pie", "ranking"]


def cards(drawn: Drawn) -> PanelBuilder:
    """One row as big numbers, each with its change."""
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
        .reduce_options(reduced(values=False, fields="/.*/"))
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .text_mode(kinds.BigValueTextMode.VALUE_AND_NAME)
        .color_mode(kinds.BigValueColorMode.VALUE)
        .color_scheme(fixed("text"))
        .show_percent_change(show_percent_change=True)
        # Neutral: whether more is better differs from card to card.
        .percent_change_color_mode(kinds.PercentChangeColorMode.SAME_AS_VALUE)
        .wide_layout(wide_layout=True)
    )


def ranking(drawn: Drawn) -> PanelBuilder:
    """Horizontal bars."""
    if len(drawn.values) > 1 or drawn.panel.split:
        return by_category(drawn)
    return bars(named_values(drawn))


def pie(drawn: Drawn) -> PanelBuilder:
    """Shares of a whole."""
    return (
        piechart.Panel()
        .with_target(named_values(drawn))
        .reduce_options(reduced(values=True))
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
