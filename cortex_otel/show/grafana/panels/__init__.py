"""Panels of :data:`cortex_otel.show.pages.PAGES` as panels of Grafana.

Needs ``grafana-foundation-sdk``, which only who develops has: its output is committed. One function
for each way of drawing, in the modules beside this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.locale import texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show.grafana import kept
from cortex_otel.show.grafana.panels import answers, numbers, over_time, tables
from cortex_otel.show.grafana.panels.parts import DECIMALS, NO_VALUE, UNITS, PanelBuilder, set_to
from cortex_otel.show.grafana.panels.sampling import sampling_note
from cortex_otel.show.grafana.panels.waterfall import waterfall
from cortex_otel.show.grafana.targets import DATASOURCE, Drawn
from cortex_otel.show.value_labels import BY_COLUMN, EMPTY, label_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grafana_foundation_sdk.models import dashboard as models

    from cortex_otel.query.catalogue import Column
    from cortex_otel.show.grafana.targets import Context
    from cortex_otel.show.pages import Panel

__all__ = ["panel_of", "sampling_note", "waterfall"]

_RESULTS = {"success": "green", "error": "red", "timeout": "orange", "cancelled": "text"}
#: A name of the field would take the place of the names of its values, one for all.
_NAMED_BY_ROW = {"funnel", "pie"}


def panel_of(panel: Panel, context: Context) -> PanelBuilder:
    """The builder of ``panel``, without its place.

    Raises:
        KeyError: its question isn't in the catalogue.
    """
    question = catalogue()[panel.question]
    drawn = Drawn(panel, question, context)
    builder: PanelBuilder = _DRAWINGS[panel.draw](drawn)
    language = context.language
    _ = texts(language).gettext
    builder.title(panel.title_in(language))
    about = question.about_in(language)
    if panel.note:
        about += f" {_(panel.note)}"
    if kept.depends_on_events(panel):
        about += f"\n\n${{{kept.VARIABLE}}}"
    builder.description(about)
    builder.datasource(DATASOURCE)
    builder.no_value(_(panel.empty) or _("Nothing recorded in this range with these filters"))
    if panel.since:
        builder.time_from(panel.since)
    for column in question.columns:
        builder.override_by_name(column.name, _column_properties(drawn, column))
    return builder


def _column_properties(drawn: Drawn, column: Column) -> list[models.DynamicConfigValue]:
    by_row = drawn.panel.draw in _NAMED_BY_ROW and column.name in drawn.values
    properties = [] if by_row else [set_to("displayName", column.title_in(drawn.context.language))]
    properties += [
        set_to("description", column.meaning_in(drawn.context.language)),
        set_to("noValue", NO_VALUE),
    ]
    if column.unit in UNITS:
        properties.append(set_to("unit", UNITS[column.unit]))
    if column.unit in DECIMALS:
        properties.append(set_to("decimals", DECIMALS[column.unit]))
    if mappings := _mappings(drawn, column.name):
        properties.append(set_to("mappings", mappings))
    if column.name == "result" and drawn.panel.draw == "table":
        properties.append(set_to("custom.cellOptions", {"type": "color-text"}))
    if links := _links(drawn, column.name):
        properties.append(set_to("links", links))
    return properties


def _mappings(drawn: Drawn, column: str) -> list[dict[str, object]]:
    """What Grafana shows in place of the values of ``column``; in whose colour."""
    language = drawn.context.language
    texts_of = {value: label_of(column, value, language) for value in BY_COLUMN.get(column, {})}
    options: dict[str, dict[str, object]] = {}
    for index, (value, text) in enumerate(texts_of.items()):
        options[value] = {"text": text, "index": index}
        if column == "result":
            options[value]["color"] = _RESULTS[value]
    mappings: list[dict[str, object]] = [{"type": "value", "options": options}] if options else []
    if column == drawn.panel.x and column in EMPTY:
        unknown = {"text": texts(language).gettext(EMPTY[column]), "index": len(options)}
        mappings.append({"type": "special", "options": {"match": "empty", "result": unknown}})
    return mappings


def _links(drawn: Drawn, column: str) -> list[dict[str, object]]:
    panel = drawn.panel
    if panel.draw in {"ranking", "pie", "bars"} and column in drawn.values:
        column = panel.x  # what is clicked there is a number; what it belongs to stands beside it
    to = panel.links.get(column)
    link = drawn.context.link(column, to) if to else None
    return [{"title": link[0], "url": link[1], "targetBlank": False}] if link else []


_DRAWINGS: Mapping[str, Callable[[Drawn], PanelBuilder]] = {
    "bars": over_time.over_time,
    "cards": numbers.cards,
    "funnel": answers.funnel,
    "heatmap": answers.heatmap,
    "intervals": answers.intervals,
    "lines": over_time.over_time,
    "matrix": tables.matrix,
    "pie": numbers.pie,
    "ranking": numbers.ranking,
    "sankey": answers.sankey,
    "sentence": answers.sentence,
    "table": tables.rows,
}
