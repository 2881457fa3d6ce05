"""Columns as the API returns them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cortex_otel.query.catalogue import Question

__all__ = ["columns_of"]


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
