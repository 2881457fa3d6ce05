"""What a page and a panel declare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cortex_otel.locale import texts
from cortex_otel.query.catalogue import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.query.catalogue import Parameter, Question

__all__ = ["ROW_FILTERS", "Drawing", "Page", "Panel"]

ROW_FILTERS = ("user", "event_type", "error_type", "tool", "q")
"""Filters of single rows, which only some pages have (:attr:`Page.filters`)."""

Drawing = Literal[
    "cards", "lines", "bars", "ranking", "pie", "table", "matrix", "heatmap", "funnel", "sankey",
    "intervals", "sentence",
]  # fmt: skip
"""``cards``: one row, a big number a column. ``lines`` and ``bars``: over time or a category.
``ranking``: horizontal bars, a row each. ``pie``: shares. ``table``: rows as they are.
``matrix``: a coloured grid of ``x`` by ``split``, both of the same kind.

``heatmap``: rows of ``x`` by columns of ``split``, coloured by the first value; null is hatched:
not complete. Further values belong to the whole row, such as the size of its cohort, and stand
before it; a second question ``trend`` is a row of all of them, by ``split`` and the first value.
``funnel``: the steps ``x`` by the first value, with a series for each ``split``.
``sankey``: flows from ``x`` to ``split``, as wide as the first value; nodes are called
``step:event``.
``intervals``: a point and its confidence interval for each ``x``; values are the estimate, its
lower and its upper end; further ones are numbers beside it, and ``target`` is the line of no
effect.
``sentence``: one row, told in words: ``sentence``, and a line of the second question ``trend``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One question on a page, and how it is drawn."""

    id: str
    """Unique on its page; letters and ``_``. Part of URLs."""
    question: str
    """Name in the catalogue."""
    draw: Drawing
    title: str = ""
    """In English, where the question's own title doesn't fit."""
    x: str = ""
    """Column of the horizontal axis, the category, or the name of a row."""
    values: tuple[str, ...] = ()
    """Columns that are drawn, in this order; of a table, all if empty."""
    split: str = ""
    """Column whose values become series of their own."""
    target: float | None = None
    """A line to reach, in the unit of the values."""
    stacked: bool = False
    sentence: str = ""
    """Of a ``sentence``: English text with ``{column}`` for the row's values."""
    trend: str = ""
    """Of a ``sentence``: the question whose rows are its sparkline, by ``x`` and ``values``. Of a
    ``heatmap``: that whose rows are its first row, of all others together, by ``split`` and the
    first value."""
    leads_to: str = ""
    """Of a ``sentence``: the page that says more."""
    since: str = ""
    """A range of its own (``24h``), whatever the page's; empty: the page's."""
    limit: int = 1000
    """Rows shown at most."""
    parameters: Mapping[str, int | float | str] = field(default_factory=dict)
    """Fixed for this panel, by the question's parameter: whatever a filter of the page says."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Column → page it leads to (a page's id, or ``trace``), with the row's value as filter."""
    wide: bool = False
    """Takes the whole width."""
    note: str = ""
    """What must be known to read it, in English; shown below the drawing."""
    empty: str = ""
    """What would fill the panel, in English; shown where it has no rows."""

    def title_in(self, language: str) -> str:
        """The title in ``language`` (``en``, ``ko``): its own, else the question's."""
        if self.title:
            return texts(language).gettext(self.title)
        return catalogue()[self.question].title_in(language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the admin, one dashboard of Grafana."""

    id: str
    title: str
    """In English."""
    panels: tuple[Panel, ...]
    group: str = ""
    """Heading in the navigation that it stands under, in English; empty: before the groups. A page
    of a group is for asking: what only its questions take, such as the steps of a funnel, are
    controls above its panels (:attr:`controls`)."""
    about: str = ""
    """What it is for, in English, where a dashboard says so."""
    since: str = "30d"
    """The range that it opens with, an age."""
    filters: tuple[str, ...] = ("service", "user_tier")
    """Beside the time range; parameters of the page's questions."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """What its panels ask, once each."""
        names = [panel.question for panel in self.panels]
        return tuple(catalogue()[name] for name in dict.fromkeys(names))

    @property
    def controls(self) -> tuple[Parameter, ...]:
        """Parameters of its questions alone that the reader sets here."""
        found = {
            each.name: each
            for panel in self.panels
            for each in catalogue()[panel.question].settable
            if each.name not in panel.parameters
            and each.name not in ROW_FILTERS
            and (self.group or each.name in self.filters)
        }
        return tuple(found.values())

    def title_in(self, language: str) -> str:
        """The title in ``language`` (``en``, ``ko``)."""
        return texts(language).gettext(self.title)

    def group_in(self, language: str) -> str:
        """The heading it stands under in ``language`` (``en``, ``ko``); empty if there is none."""
        return texts(language).gettext(self.group) if self.group else ""
