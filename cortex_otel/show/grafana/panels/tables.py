"""Tables, coloured or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard, table
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

from cortex_otel.show.grafana.links import AROUND
from cortex_otel.show.grafana.panels.parts import (
    NO_VALUE,
    UNITS,
    PanelBuilder,
    as_matrix,
    set_to,
)
from cortex_otel.show.value_labels import COMPOSED

if TYPE_CHECKING:
    from cortex_otel.show.grafana.targets import Drawn, Target

__all__ = ["coloured", "matrix", "rows"]


def rows(drawn: Drawn) -> PanelBuilder:
    """The rows as they are."""
    columns = drawn.panel.values or tuple(each.name for each in drawn.question.columns)
    # Values of one part are mapped, and keep what links and filters need.
    composed = [name for name in columns if name in COMPOSED]
    columns = tuple(drawn.worded(name)[0] if name in composed else name for name in columns)
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
            properties = [set_to("custom.hidden", value=True), set_to("custom.hideFrom", hidden)]
            builder.override_by_name(name, [*properties, set_to("displayName", name)])
    return builder.with_target(drawn.target(columns, f"LIMIT {drawn.panel.limit}"))


def matrix(drawn: Drawn) -> PanelBuilder:
    """Rows of split by columns of x, both of the same kind."""
    columns = (*drawn.worded(drawn.panel.x, drawn.panel.split), drawn.values[0])
    return coloured(drawn, drawn.target(columns, f"LIMIT {drawn.panel.limit}"), as_matrix(drawn))


def coloured(drawn: Drawn, target: Target, pivot: models.DataTransformerConfig) -> PanelBuilder:
    """A grid made by ``pivot`` of what ``target`` answers, coloured by its numbers."""
    unit = drawn.column(drawn.values[0]).unit
    builder = (
        table.Panel()
        .with_target(target)
        .with_transformation(pivot)
        .show_header(show_header=True)
        .cell_height(kinds.TableCellHeight.SM)
        .unit(UNITS[unit])
        .min(0)
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BLUES))
        .override_by_field_type(
            "number",
            [
                set_to("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
                set_to("noValue", NO_VALUE),
            ],
        )
    )
    return builder.max(1) if unit == "ratio" else builder
