"""What a panel asks the datasource, and where it stands.

Every target is a *table*, also of a chart over time. The plugin's ``time series`` turns text
columns into labels, but answers an empty range with an error; Grafana's own transformation does the
same work and shows what the panel says where it is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as kinds

from cortex_otel.show.grafana import dialect

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.query.catalogue import Column, Question
    from cortex_otel.show.pages import Page, Panel

__all__ = [
    "DATASOURCE",
    "DATASOURCE_TYPE",
    "DATASOURCE_UID",
    "Context",
    "Drawn",
    "Target",
    "column_of",
]

DATASOURCE_TYPE, DATASOURCE_UID = "frser-sqlite-datasource", "cortex-sqlite"
DATASOURCE = kinds.DataSourceRef(DATASOURCE_TYPE, DATASOURCE_UID)


def column_of(question: Question, name: str) -> Column:
    """The question's column of that name."""
    return next(each for each in question.columns if each.name == name)


class Target(Dataquery, Builder[Dataquery]):
    """A query of the SQLite plugin, which the SDK has no builder for."""

    def __init__(self, sql: str, time_columns: list[str]) -> None:
        self.sql, self.time_columns = sql, time_columns

    def build(self) -> Dataquery:
        """Itself."""
        return self

    def to_json(self) -> dict[str, object]:
        """``queryText`` is what alerts and the API run, ``rawQueryText`` what the browser does."""
        return {
            "refId": "A",
            "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
            "queryType": "table",
            "rawQueryText": self.sql,
            "queryText": self.sql,
            "timeColumns": self.time_columns,
        }


@dataclass(frozen=True, slots=True)
class Context:
    """Where a panel stands."""

    page: Page
    language: str
    link: Callable[[str, str], tuple[str, str] | None]
    """Column and the page it leads to → title and URL; or none."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel, its question, and what both say about how it is drawn."""

    panel: Panel
    question: Question
    context: Context

    def column(self, name: str) -> Column:
        """The question's column of that name."""
        return column_of(self.question, name)

    @property
    def values(self) -> tuple[str, ...]:
        """Columns that are drawn: as told, else all that are numbers."""
        if self.panel.values:
            return self.panel.values
        drawn = {"count", "ratio", "factor", "number", "ms", "tokens"}
        return tuple(each.name for each in self.question.columns if each.unit in drawn)

    @property
    def over_time(self) -> bool:
        """Whether the horizontal axis is time."""
        return bool(self.panel.x) and self.column(self.panel.x).unit in {"unix_ns", "epoch_day"}

    @property
    def has_partial(self) -> bool:
        """Whether rows say that their period is not over."""
        return any(each.name == "partial" for each in self.question.columns)

    def answer(
        self, *, compared: bool = False, previous: bool = False, written: bool = False
    ) -> str:
        """The whole answer, beside or of the period that it is compared with.

        Args:
            compared: beside it.
            previous: of it.
            written: with days and times as texts.
        """
        # Some stop by themselves at so many rows, which is quicker than being cut.
        limit = {"row_limit": self.panel.limit} if self.question.accepts("row_limit") else {}
        return dialect.answer(
            self.question,
            given={**limit, **self.panel.parameters},
            filters=(
                *self.context.page.filters,
                "time_zone",
                *(each.name for each in self.context.page.controls),
            ),
            compared=compared,
            previous=previous,
            written=written,
        )

    def worded(self, *columns: str) -> tuple[str, ...]:
        """``columns`` with texts for people in place of the values of closed lists."""
        return tuple(dialect.in_words(each, self.context.language) for each in columns)

    def target(self, columns: tuple[str, ...], tail: str = "") -> Target:
        """The answer's ``columns``, each as it is or as ``expression AS name``."""
        sql = f"SELECT {', '.join(columns)}\nFROM (\n{self.answer()}\n) AS shown"
        times = [name for name in dialect.time_columns(self.question) if name in columns]
        return Target(f"{sql}\n{tail}".rstrip(), times)
