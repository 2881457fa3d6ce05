"""What several drawings are made of: units, colours, legends, overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from grafana_foundation_sdk.builders import bargauge, common, dashboard
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.show.grafana.targets import Drawn, Target

__all__ = [
    "BLUE",
    "DECIMALS",
    "GREEN",
    "NO_VALUE",
    "UNITS",
    "PanelBuilder",
    "as_matrix",
    "bars",
    "fixed",
    "legend",
    "named_values",
    "reduced",
    "set_to",
]

#: The panel builders of the SDK have these methods in common, and no type that says so.
PanelBuilder: TypeAlias = Any
UNITS: Final[Mapping[str, str]] = {
    "count": "locale", "ratio": "percentunit", "factor": "prefix:×", "number": "none",
    "ms": "ms", "tokens": "short", "flag": "bool_yes_no",
    "unix_ns": "time:YYYY-MM-DD HH:mm:ss", "epoch_day": "time:YYYY-MM-DD",
}  # fmt: skip
DECIMALS: Final[Mapping[str, int]] = {
    "count": 0,
    "ratio": 1,
    "factor": 2,
    "number": 3,
    "ms": 1,
    "tokens": 0,
}
#: In place of a missing value: else each NULL would show what the panel says where it is empty.
NO_VALUE: Final = "–"
GREEN: Final = "green"
BLUE: Final = "blue"


def set_to(name: str, value: object) -> models.DynamicConfigValue:
    """One property of an override."""
    return models.DynamicConfigValue(name, value)


def as_matrix(drawn: Drawn) -> models.DataTransformerConfig:
    """Rows of x by columns of split, made by Grafana of one row a cell."""
    return models.DataTransformerConfig(
        "groupingToMatrix",
        options={
            "rowField": drawn.panel.x,
            "columnField": drawn.panel.split,
            "valueField": drawn.values[0],
            "emptyValue": "null",
        },
    )


def named_values(drawn: Drawn) -> Target:
    """The first value of each x, for a panel that names each value by the text beside it."""
    # One text and one number: then Grafana names each value by the text beside it.
    return drawn.target((drawn.panel.x, drawn.values[0]), f"LIMIT {drawn.panel.limit}")


def bars(target: Target) -> PanelBuilder:
    """A horizontal bar for each row, named by the text beside its number."""
    return (
        bargauge.Panel()
        .with_target(target)
        .reduce_options(reduced(values=True))
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .display_mode(kinds.BarGaugeDisplayMode.BASIC)
        .name_placement(kinds.BarGaugeNamePlacement.LEFT)
        .legend(legend(shown=False))
        .color_scheme(fixed(BLUE))
        .min(0)
    )


def reduced(*, values: bool, fields: str = "") -> common.ReduceDataOptions:
    """Which values a panel of big numbers or bars shows."""
    # No fields: the numbers.
    return common.ReduceDataOptions().values(values).calcs(["lastNotNull"]).fields(fields)


def legend(*, shown: bool) -> common.VizLegendOptions:
    """A legend below, or none."""
    return (
        common.VizLegendOptions()
        .display_mode(kinds.LegendDisplayMode.LIST)
        .placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(shown)
        .calcs([])
    )


def fixed(colour: str) -> dashboard.FieldColor:
    """One colour for all."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(colour)
