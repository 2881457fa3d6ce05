"""Which questions make a page, and how each is drawn: the one source of both faces.

The web admin (:mod:`cortex_otel.show.web`) and the Grafana dashboards
(:mod:`cortex_otel.show.grafana`) are two renderings of :data:`PAGES`. A new panel is one SQL file in
``query/sql`` and one :class:`Panel` here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PAGES", "Drawing", "Page", "Panel"]

Drawing = Literal["cards", "lines", "bars", "ranking", "pie", "table", "matrix"]
"""``cards``: one row, a big number a column. ``lines`` and ``bars``: over time or a category.
``ranking``: horizontal bars, a row each. ``pie``: shares. ``table``: rows as they are.
``matrix``: a coloured grid of ``x`` by ``split``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One question on a page, and how it is drawn."""

    id: str
    """Unique on its page; letters and ``_``. Part of URLs."""
    question: str
    """Name in the catalogue."""
    draw: Drawing
    titles: Mapping[str, str] = field(default_factory=dict)
    """By language, where the question's own title doesn't fit."""
    x: str = ""
    """Column of the horizontal axis, the category, or the name of a row."""
    values: tuple[str, ...] = ()
    """Columns that are drawn, in this order; of a table, all if empty."""
    split: str = ""
    """Column whose values become series of their own."""
    target: float | None = None
    """A line to reach, in the unit of the values."""
    stacked: bool = False
    since: str = ""
    """A range of its own (``24h``), whatever the page's; empty: the page's."""
    limit: int = 1000
    """Rows shown at most."""
    parameters: Mapping[str, int | float | str] = field(default_factory=dict)
    """Of the question's own parameters, where not the default."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Column → page it leads to (``errors``, ``users``, ``trace``), with the row's value as filter."""
    wide: bool = False
    """Takes the whole width."""
    empty: Mapping[str, str] = field(default_factory=dict)
    """By language: what would fill the panel, said where it has no rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the admin, one dashboard of Grafana."""

    id: str
    titles: Mapping[str, str]
    panels: tuple[Panel, ...]
    filters: tuple[str, ...] = ("service", "user_tier")
    """Beside the time range; parameters of the page's questions."""


PAGES: Mapping[str, Page] = MappingProxyType({})
"""By id, in the order of the navigation."""
