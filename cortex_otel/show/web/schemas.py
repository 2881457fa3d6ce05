"""Models of the API's responses, for its OpenAPI description only, not for validation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Error",
    "Errors",
    "Events",
    "PageAnswer",
    "PanelAnswer",
    "Questions",
    "Tools",
    "Trace",
    "Users",
]  # fmt: skip

_Value = int | float | str | None


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str = Field(description="For programs; stable.", examples=["bad_since"])
    message: str = Field(description="For people, in the language asked for.")
    field: str | None = Field(description="The parameter it is about.", examples=["since"])
    hint: str | None = Field(None, description="A second sentence.")


class Error(BaseModel):
    """Every error has this shape."""

    error: ErrorDetail


class Column(BaseModel):
    """One column of the rows."""

    name: str
    unit: Literal["text", "count", "ratio", "ms", "tokens", "unix_ns", "epoch_day", "flag"] = Field(
        description="`unix_ns` is given as ISO 8601 with offset, `epoch_day` as a date, "
        "`ratio` from 0 to 1, `flag` as 0 or 1."
    )
    title: str
    meaning: str


class RangeInfo(BaseModel):
    """The range that was asked about."""

    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from", description="Inclusive; ISO 8601 with offset.")
    to: str = Field(description="Exclusive.")
    time_zone: str = Field(description="Whose days are counted, exactly across clock changes.")


class _Answer(BaseModel):
    range: RangeInfo
    columns: list[Column]
    next: str | None = Field(description="`cursor` of the rows after these; null: there are none.")
    truncated: bool = Field(description="There are more rows than these.")
    exact: bool = Field(
        description="Percentiles are those of the events; else they are read off histograms, right "
        "to within a bucket of 9 %."
    )
    widened: bool = Field(
        description="The events at an end of the range are deleted: all of that hour was counted "
        "(the half hour or the UTC day, where users are)."
    )
    elapsed_ms: float = Field(description="In the store.")


class Change(BaseModel):
    """Whether a number changed by more than chance."""

    within_error: bool | None = Field(description="Chance alone explains it; null: nobody can say.")
    test: Literal["poisson", "binomial", "ranks", "bucket"] | None = Field(
        description="By which error: of a count, of a rate, of too few durations for a percentile, "
        "of a histogram's bucket."
    )


class Previous(BaseModel):
    """An earlier period of the same length, by whole weeks: Mondays are compared with Mondays."""

    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from")
    to: str
    rows: list[list[_Value]] = Field(description="Empty if not all of it was recorded.")
    changes: dict[str, Change] = Field(description="Of a panel of cards: by column.")


class Empty(BaseModel):
    """Why there are no rows."""

    reason: Literal["empty_store", "empty_range_of", "empty_kind", "empty_filtered"]
    message: str
    hint: str


class PanelAnswer(_Answer):
    """One panel: its rows, and how they are drawn."""

    page: str
    panel: str
    question: str
    title: str
    about: str
    draw: Literal["cards", "lines", "bars", "ranking", "pie", "table", "matrix"]
    x: str
    values: list[str]
    split: str
    target: float | None
    stacked: bool
    links: dict[str, str]
    wide: bool
    rows: list[list[_Value]]
    previous: Previous | None
    empty: Empty | None
    incomplete: str | None = Field(description="Says that the last period is not over.")
    unfiltered: list[str] = Field(description="Filters that are set and don't count here.")


class PageAnswer(BaseModel):
    """All panels of a page, of one state of the store."""

    page: str
    title: str
    range: RangeInfo
    panels: dict[str, PanelAnswer | Error]


class Tools(_Answer):
    """Calls by tool."""

    tools: list[dict[str, _Value]]


class Users(_Answer):
    """Users, last active first."""

    users: list[dict[str, _Value]]


class Errors(_Answer):
    """Errors, newest first."""

    errors: list[dict[str, _Value]]


class Events(_Answer):
    """Events, newest first."""

    events: list[dict[str, _Value]]


class Trace(BaseModel):
    """Spans and events of one trace, in the order of time."""

    trace_id: str
    spans: list[dict[str, Any]] = Field(description="Rows of `telemetry_events`.")
    truncated: bool


class Questions(BaseModel):
    """The catalogue, and the pages."""

    questions: list[dict[str, Any]]
    pages: list[dict[str, Any]]
