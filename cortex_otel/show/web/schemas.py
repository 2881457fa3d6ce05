"""Models of the API's responses, for its OpenAPI description only, not for validation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cortex_otel.query.catalogue import Unit  # noqa: TC001 - pydantic reads the annotations
from cortex_otel.show.pages import Drawing  # noqa: TC001

__all__ = [
    "Alerts",
    "Error",
    "Errors",
    "Events",
    "PageAnswer",
    "PanelAnswer",
    "Questions",
    "Rows",
    "SavedFunnels",
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
    unit: Unit = Field(
        description="`unix_ns` is given as ISO 8601 with offset, `epoch_day` as a date, "
        "`ratio` from 0 to 1, `factor` as how many times as much, `number` as any number, "
        "`flag` as 0 or 1."
    )
    title: str
    meaning: str


class RangeInfo(BaseModel):
    """The range that was asked about."""

    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from", description="Inclusive; ISO 8601 with offset.")
    to: str = Field(description="Exclusive.")
    time_zone: str = Field(description="Whose days are counted, exactly across clock changes.")


class Sampling(BaseModel):
    """How far counts and rates of sampled events may be from the true ones."""

    weight: float = Field(
        description="What a kept event of the kind that is sampled most counts for. The 95 % "
        "interval of a count N of events is at most N ± 1.96 √(N (weight - 1))."
    )
    count: float | None = Field(description="The largest count of events in the rows.")
    half_width: float | None = Field(description="Half of its 95 % interval.")
    rate_half_width: float | None = Field(
        description="Half of the 95 % interval of a rate of so many events, a ratio: at most "
        "1.96 √((weight - 1) / 4 N)."
    )
    cuts_half_hours: bool = Field(
        description="Of half hours that the range cuts, only users of events that were kept are "
        "counted."
    )


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
    sampling: Sampling | None = Field(description="null: nothing in the range is sampled.")
    kept_from: str | None = Field(
        description="The range begins before what this reads is kept: from when on it is, ISO 8601."
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


class Trend(BaseModel):
    """The rows of a sentence's line."""

    columns: list[Column]
    rows: list[list[_Value]]


class LeadsTo(BaseModel):
    """A page."""

    page: str
    title: str


class PanelAnswer(_Answer):
    """One panel: its rows, and how they are drawn."""

    page: str
    panel: str
    question: str
    title: str
    about: str
    draw: Drawing
    x: str
    values: list[str]
    split: str
    target: float | None
    sentence: str = Field(description="Of a sentence: with `{column}` for the values of the row.")
    trend: Trend | None = Field(description="Of a sentence: its line, drawn by `x` and `values`.")
    leads_to: LeadsTo | None = Field(description="Of a sentence: the page that says more.")
    stacked: bool
    links: dict[str, str]
    wide: bool
    rows: list[list[_Value]]
    previous: Previous | None
    empty: Empty | None
    incomplete: str | None = Field(description="Says that the last period is not over.")
    recorded_from: str | None = Field(
        description="The first hour of which anything is known, ISO 8601: what was before isn't 0."
    )
    kept: str | None = Field(description="Says from when on what this reads is kept.")
    sampled: str | None = Field(description="Says how good numbers of sampled events are.")
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


class Rows(_Answer):
    """The answer to one question."""

    question: str
    rows: list[dict[str, _Value]]


class SavedFunnel(BaseModel):
    """A funnel saved by name."""

    name: str
    steps: list[str]
    within: str
    order: str
    exclude: list[str]
    breakdown: str


class SavedFunnels(BaseModel):
    """All of them."""

    funnels: list[SavedFunnel]
    problems: list[str] = Field(description="What is wrong with their file, if anything is.")


class Alerts(BaseModel):
    """What fires, and what is alerted of."""

    firing: list[dict[str, Any]] = Field(description="Rows of the question `alerts`.")
    rules: dict[str, Any] = Field(description="Thresholds that hold, by their name in alerts.toml.")
    from_environment: dict[str, str] = Field(
        description="Of these, those that can't be changed here, with the variable that says them."
    )
    channels: list[str] = Field(description="That are set: slack, webhook, command.")
    problems: list[str] = Field(description="What is wrong with alerts.toml, if anything is.")


class Trace(BaseModel):
    """Spans and events of one trace, in the order of time."""

    trace_id: str
    spans: list[dict[str, Any]] = Field(description="Rows of `telemetry_events`.")
    truncated: bool


class Report(BaseModel):
    """A weekly report that is kept."""

    name: str
    week: str = Field(description="Of ISO 8601: `2026-W47`.")
    from_: str = Field(alias="from", description="Its Monday.")
    to: str = Field(description="Its Sunday.")
    language: str
    bytes: int
    written: str
    url: str = Field(description="Where the PDF is.")


class Reports(BaseModel):
    """All of them, the newest week first."""

    reports: list[Report]


class Questions(BaseModel):
    """The catalogue, and the pages."""

    questions: list[dict[str, Any]]
    pages: list[dict[str, Any]]
