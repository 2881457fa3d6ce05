"""Values and columns as the API returns them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.query.formats import plain

if TYPE_CHECKING:
    from cortex_otel.query.catalogue import Question, Unit
    from cortex_otel.query.runner import Value
    from cortex_otel.query.zones import Zone

__all__ = ["cell", "columns_of"]


def cell(value: Value, unit: Unit, zone: Zone) -> Value:
    """One value: times in ISO 8601 with the offset at that moment, days as dates."""
    if unit == "unix_ns" and isinstance(value, int):
        return zone.iso(value)
    return plain(value, unit)


def columns_of(question: Question, language: str) -> list[dict[str, str]]:
    """Name, unit, title and meaning of each column."""
    return [
        {
            "name": column.name,
            "unit": column.unit,
            "title": column.title_in(language),
            "meaning": column.meaning_in(language),
        }
        for column in question.columns
    ]
