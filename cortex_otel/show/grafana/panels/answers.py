"""What the analytics pages draw, with what Grafana has for it.

It has no flow diagram, no funnel and no picture of intervals: flows and intervals are tables, a
funnel is a bar for each step, an answer in words is made by SQL. In a heat map by number (week 0,
1, 2 …) the size of a cohort is a column like those of its periods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import common, stat, table
from grafana_foundation_sdk.models import common as kinds

from cortex_otel.locale import texts
from cortex_otel.show.grafana import dialect
from cortex_otel.show.grafana.panels.parts import (
    BLUE,
    DECIMALS,
    NO_VALUE,
    UNITS,
    PanelBuilder,
    as_matrix,
    bars,
    reduced,
    set_to,
)
from cortex_otel.show.grafana.panels.tables import coloured, matrix
from cortex_otel.show.grafana.targets import Target

if TYPE_CHECKING:
    from cortex_otel.query.catalogue import Column
    from cortex_otel.show.grafana.targets import Drawn

__all__ = ["funnel", "heatmap", "intervals", "sankey", "sentence"]

_TEXT_SIZE: Final = 18


def heatmap(drawn: Drawn) -> PanelBuilder:
    """Rows of x by columns of split, coloured by the first value; NULL isn't complete yet."""
    panel = drawn.panel
    match drawn.column(panel.split).unit:
        case "count":
            return _by_number(drawn)
        case "epoch_day" | "unix_ns":
            return _by_time(drawn)
        case _:
            return matrix(drawn)


def _by_number(drawn: Drawn) -> PanelBuilder:
    """As many columns as there are periods, made by Grafana; before them, the size of each row."""
    panel, (value, *of_row) = drawn.panel, drawn.values
    language = drawn.context.language
    title = dialect.literal(drawn.column(panel.split).title_in(language) + " ")
    sizes = {name: drawn.column(name) for name in of_row}
    # Grafana keeps the order in which columns and rows appear: sizes, then periods; rows as
    # answered, cohorts by time, groups by their size.
    parts = [
        f"SELECT {panel.x}, min(place) AS first_place, {place - len(sizes)} AS at,"
        f" {dialect.literal(column.title_in(language))} AS name, max({name}) AS cell\n"
        f"FROM cells GROUP BY {panel.x}"
        for place, (name, column) in enumerate(sizes.items())
    ]
    parts.append(
        f"SELECT {panel.x}, min(place) OVER (PARTITION BY {panel.x}), {panel.split},"
        f" {title} || CAST(CAST({panel.split} AS integer) AS text), {value}\nFROM cells"
    )
    shown = dialect.in_words(panel.x, language, empty=True)
    sql = (
        "WITH cells AS MATERIALIZED (\nSELECT *, row_number() OVER () AS place FROM (\n"
        f"{drawn.answer(written=True)}\n) AS answered\nLIMIT {panel.limit}\n)\n"
        f"SELECT {shown}, name AS {panel.split}, cell AS {value}\nFROM (\n"
        + "\nUNION ALL\n".join(parts)
        + "\n) AS shown\nORDER BY at, first_place"
    )
    builder = coloured(drawn, Target(sql, []), as_matrix(drawn))
    if drawn.column(value).unit == "ratio":
        builder.decimals(0)
    builder.override_by_field_type(
        "number",
        [
            set_to("custom.minWidth", 60),
            set_to("custom.align", "center"),
            set_to("noValue", NO_VALUE),
        ],
    )
    for column in sizes.values():
        builder.override_by_name(
            column.title_in(language),
            [
                set_to("displayName", column.title_in(language)),
                set_to("unit", UNITS[column.unit]),
                set_to("decimals", DECIMALS.get(column.unit, 1)),
                set_to("noValue", NO_VALUE),
                set_to("custom.cellOptions", {"type": "auto"}),
            ],
        )
    return builder


def _by_time(drawn: Drawn) -> PanelBuilder:
    """Names of columns are texts: Grafana would write a time as a number of milliseconds."""
    panel, value = drawn.panel, drawn.values[0]
    # Grafana keeps the order in which rows and columns appear: columns by time, rows as answered.
    rows = dialect.in_words(panel.x, drawn.context.language, empty=True)
    sql = (
        f"SELECT {rows}, {panel.split}, {value}\nFROM (\n"  # noqa: S608 - names of the catalogue's own columns
        f"SELECT *, min(place) OVER (PARTITION BY {panel.x}) AS first_place FROM (\n"
        f"SELECT *, row_number() OVER () AS place FROM (\n{drawn.answer(written=True)}\n)"
        f" AS answered\nLIMIT {panel.limit}\n) AS numbered\n) AS shown\n"
        f"ORDER BY {panel.split}, first_place"
    )
    return coloured(drawn, Target(sql, []), as_matrix(drawn))


def funnel(drawn: Drawn) -> PanelBuilder:
    """A bar for each step, and for each value of the split within it."""
    panel = drawn.panel
    names = {each.name for each in drawn.question.columns}
    step = "CAST(CAST(step AS integer) AS text) || '. ' || " if "step" in names else ""
    split = panel.split and (
        f" || CASE WHEN {panel.split} <> '' THEN ' · ' || {panel.split} ELSE '' END"
    )
    worded = drawn.worded(*filter(None, (panel.x, panel.split)))
    sql = (
        f"SELECT {step}{panel.x}{split} AS reached, {drawn.values[0]}\nFROM (\n"  # noqa: S608 - names of the catalogue's own columns
        f"SELECT {', '.join(worded)}{', step' if step else ''}, {drawn.values[0]} FROM (\n"
        f"{drawn.answer()}\n) AS answered\n) AS shown\nLIMIT {panel.limit}"
    )
    return bars(Target(sql, []))


def sankey(drawn: Drawn) -> PanelBuilder:
    """The flows, a row each, with a bar as long as the flow is large."""
    panel, value = drawn.panel, drawn.values[0]
    builder = (
        table.Panel()
        .with_target(
            drawn.target(
                (*drawn.worded(panel.x, panel.split), *drawn.values), f"LIMIT {panel.limit}"
            )
        )
        .show_header(show_header=True)
        .cell_height(kinds.TableCellHeight.SM)
        .filterable(filterable=True)
    )
    return builder.override_by_name(
        value,
        [
            set_to("custom.cellOptions", {"type": "gauge", "mode": "basic"}),
            set_to("noValue", NO_VALUE),
            set_to("color", {"mode": "fixed", "fixedColor": BLUE}),
            set_to("min", 0),
        ],
    )


def intervals(drawn: Drawn) -> PanelBuilder:
    """Each estimate with the ends of its interval, as numbers."""
    panel = drawn.panel
    split = (panel.split,) if panel.split else ()
    return (
        table.Panel()
        .with_target(drawn.target((panel.x, *split, *drawn.values), f"LIMIT {panel.limit}"))
        .show_header(show_header=True)
        .cell_height(kinds.TableCellHeight.SM)
    )


def sentence(drawn: Drawn) -> PanelBuilder:
    """An answer in words, put together by SQL."""
    text = texts(drawn.context.language).gettext(drawn.panel.sentence)
    said = _said(text, drawn)
    sql = f"SELECT {said} AS said\nFROM (\n{drawn.answer(written=True)}\n) AS shown\nLIMIT 1"
    return (
        stat.Panel()
        .with_target(Target(sql, []))
        .reduce_options(reduced(values=True, fields="/^said$/"))
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .text_mode(kinds.BigValueTextMode.VALUE)
        .color_mode(kinds.BigValueColorMode.NONE)
        .text(common.VizTextDisplayOptions().value_size(_TEXT_SIZE))
        .wide_layout(wide_layout=True)
    )


def _said(text: str, drawn: Drawn) -> str:
    """``text`` as an expression, with each ``{column}`` as people read its value."""
    columns = {each.name: each for each in drawn.question.columns}
    parts: list[str] = []
    rest = text
    while (start := rest.find("{")) >= 0 and (end := rest.find("}", start)) >= 0:
        name = rest[start + 1 : end]
        parts.append(dialect.literal(rest[:start]))
        worded, *_as = drawn.worded(name)[0].rsplit(" AS ", 1)
        written = _written(columns[name]) if worded == name else worded
        parts.append(f"coalesce({written}, '{NO_VALUE}')")
        rest = rest[end + 1 :]
    parts.append(dialect.literal(rest))
    return " || ".join(part for part in parts if part != "''")


def _written(column: Column) -> str:
    form = _FORMS.get(column.unit, "CAST({name} AS text)")
    return form.format(name=column.name)


#: SQL that writes a value of a unit for people.
_FORMS: Final = {
    "count": "CAST(CAST(round({name}) AS integer) AS text)",
    "tokens": "CAST(CAST(round({name}) AS integer) AS text)",
    "ratio": "CAST(round({name} * 100, 1) AS text) || ' %'",
    "factor": "'×' || CAST(round({name}, 2) AS text)",
    "number": "CAST(round({name}, 3) AS text)",
    "ms": "CAST(CAST(round({name}) AS integer) AS text) || ' ms'",
}
