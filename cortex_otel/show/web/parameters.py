"""Validated parameters of requests: unknown names and invalid values are refused.

A response that ignored a filter it didn't understand would be wrong.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from cortex_otel.locale import N_
from cortex_otel.query.ranges import PERIODS, RangeError, parse_moment, period
from cortex_otel.query.zones import Zone, zone
from cortex_otel.semconv import TIERS
from cortex_otel.show.changes import period_before
from cortex_otel.show.pages.declaration import ROW_FILTERS
from cortex_otel.show.web.own_parameters import bad_own, of_pages, with_parameters
from cortex_otel.show.web.problems import ApiError, bad_cursor, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cortex_otel.query.catalogue import Question

__all__ = [
    "FILTERS",
    "MAX_EVENTS",
    "EventsQuery",
    "ExportQuery",
    "LanguageQuery",
    "NewFunnel",
    "PageQuery",
    "PanelQuery",
    "Range",
    "RangeQuery",
    "UsersQuery",
    "bad_parameter",
    "of_list",
    "range_of",
]

#: Filters that only some pages have, by the name of the parameter.
FILTERS = ROW_FILTERS
MAX_EVENTS = 1000
MAX_ROWS = 10_000
_DEFAULT_SINCE = "30d"
_TIER = "^(" + "|".join(TIERS) + ")$"
_BAD_MOMENT = (
    "bad_moment",
    N_("{value} isn't a valid time: use a date like 2026-11-01, or 2026-11-01T10:00"),
)
_BAD_USER = (
    "bad_user",
    N_("{value} isn't a user hash or the beginning of one: use 1 to 64 of 0-9 and a-f"),
)
#: Code and message for a value that can't be used, by its parameter.
_BAD = {
    "since": (
        "bad_since",
        N_("{value} isn't a valid time range: use 24h, 7d, 30d, 2w, last-week, today or all"),
    ),
    "from": _BAD_MOMENT,
    "to": _BAD_MOMENT,
    "service": (
        "bad_service",
        N_("{value} isn't a valid service name: use letters, digits, - and _"),
    ),
    "tier": ("bad_tier", N_("{value} isn't a tier: use {allowed}")),
    "tz": ("bad_time_zone", N_("{value} isn't a time zone: use a name like Asia/Seoul")),
    "user": _BAD_USER,
    "user_id_hash": _BAD_USER,
    "event_type": (
        "bad_event_type",
        N_("{value} isn't an event type: use one like mcp.tool_call or ext.error"),
    ),
    "body": (
        "bad_body",
        N_("the body must be one JSON object: {fields}"),
    ),
    "limit": ("bad_limit", N_("{value} isn't a valid number of rows: use 1 to {most}")),
    "trace_id": ("bad_trace", N_("{value} isn't a trace id: use 32 of 0-9 and a-f")),
}
_BAD_OTHER = ("bad_value", N_("{value} isn't a valid {field}"))

_Text = Annotated[str, Field(max_length=200)]
_Language = Annotated[
    Literal["en", "ko"] | None,
    Field(description="Language of titles and messages; else what the browser prefers."),
]


class _Query(BaseModel):
    """Parameters of a request; an empty one, as a form sends it, counts as not given."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if not _is_empty(value)}
        return given


def _is_empty(value: object) -> bool:
    return value in ("", None, []) or value == [""]


class LanguageQuery(_Query):
    """The language alone."""

    lang: _Language = None


class RangeQuery(LanguageQuery):
    """The filters that every question has."""

    since: Annotated[
        str | None,
        Field(
            pattern=rf"^([0-9]{{1,6}}[smhdw]|all|{'|'.join(PERIODS)})$",
            examples=["7d"],
            description="Range up to now: an age (`24h`, `7d`, `30d`, `2w`) or `all`; or a period "
            f"of the calendar in `tz`: {', '.join(f'`{name}`' for name in PERIODS)}. 30d if "
            "left out.",
        ),
    ] = None
    from_: Annotated[
        str | None,
        Field(
            alias="from",
            max_length=40,
            examples=["2026-11-01"],
            description="Start, inclusive: ISO 8601, in `tz` unless it names its offset.",
        ),
    ] = None
    to: Annotated[
        str | None,
        Field(
            max_length=40,
            examples=["2026-11-08T12:00+09:00"],
            description="End, exclusive; the same. Now, if left out.",
        ),
    ] = None
    service: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="One service: `mcp` …")
    ] = None
    tier: Annotated[
        str | None, Field(pattern=_TIER, description=f"One tier: {', '.join(TIERS)}.")
    ] = None
    tz: Annotated[
        str | None,
        Field(
            max_length=64,
            examples=["Asia/Seoul"],
            description="Time zone of days and times (IANA); the setting, else this machine's.",
        ),
    ] = None


_User = Annotated[
    str | None,
    Field(pattern=r"^[0-9a-fA-F]{1,64}$", description="Beginning of a user hash, or all."),
]
_Limit = Annotated[int, Field(ge=1, le=MAX_EVENTS, description=f"Rows at most, to {MAX_EVENTS}.")]
_Cursor = Annotated[
    str | None,
    Field(max_length=400, description="`next` of the previous response: continues after it."),
]


class FilterQuery(RangeQuery):
    """Range, and what the events of it are filtered by."""

    user: _User = None
    event_type: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_.\-]{1,64}$", description="`mcp.tool_call` …")
    ] = None
    error_type: Annotated[
        _Text | None, Field(description="Class of an error; `unknown`: without a class.")
    ] = None
    tool: Annotated[_Text | None, Field(description="Name of a tool.")] = None
    q: Annotated[_Text | None, Field(description="Text that a message contains.")] = None


class _FixedPageQuery(FilterQuery):
    """The filters of a page; which of them it has is in `filters` of its answer."""

    compare: Annotated[
        Literal["0", "1"], Field(description="1: also the rows of the period before.")
    ] = "0"


if TYPE_CHECKING:
    PageQuery = _FixedPageQuery
else:
    # With what only some pages have, as their questions declare it.
    PageQuery = with_parameters("PageQuery", _FixedPageQuery, of_pages().values())


class PanelQuery(PageQuery):
    """The filters of a panel, and where its rows go on."""

    cursor: _Cursor = None


class EventsQuery(FilterQuery):
    """Which events."""

    limit: _Limit = 100
    cursor: _Cursor = None


class UsersQuery(RangeQuery):
    """Which users."""

    user: _User = None
    limit: _Limit = 100
    cursor: _Cursor = None


class _ListQuery(RangeQuery):
    """Range and filters of a question, and how many rows."""

    limit: Annotated[
        int | None, Field(ge=1, le=MAX_ROWS, description="Rows at most; else the question's own.")
    ] = None


class NewFunnel(BaseModel):
    """A funnel to save."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=80)]
    steps: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=20)]
    within: Annotated[str, Field(max_length=10)] = "7d"
    order: Annotated[str, Field(max_length=20)] = "ordered"
    exclude: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=20)] = []
    breakdown: Annotated[str, Field(max_length=200)] = ""


class ExportQuery(PageQuery):
    """What is exported: a panel (`page` and `panel`), else events."""

    page: Annotated[_Text | None, Field(description="Page of the panel.")] = None
    panel: Annotated[_Text | None, Field(description="A panel; without one: events.")] = None
    max_mb: Annotated[
        int, Field(ge=1, le=1000, description="Where the export is cut; megabytes.")
    ] = 9


@dataclass(frozen=True, slots=True)
class Range:
    """The time range of a question."""

    from_ns: int
    to_ns: int
    zone: Zone
    reaches_now: bool
    is_all: bool = False

    def before(self) -> Range | None:
        """The period that it is compared with; ``None`` for all time."""
        found = None if self.is_all else period_before(self.from_ns, self.to_ns, self.zone)
        return Range(*found, self.zone, reaches_now=False) if found else None

    def info(self) -> dict[str, object]:
        """The range as the API returns it (``RangeInfo``)."""
        return {
            "from": self.zone.iso(self.from_ns),
            "to": self.zone.iso(self.to_ns),
            "time_zone": self.zone.name,
        }


def of_list(question: Question) -> type[RangeQuery]:
    """The model of a request for the rows of ``question``, without what only it has."""
    names = [name for name in ROW_FILTERS if question.accepts(name)]
    known = {**FilterQuery.model_fields, "cursor": PanelQuery.model_fields["cursor"]}
    fields: dict[str, Any] = {
        name: (known[name].annotation, known[name])
        for name in (*names, *(["cursor"] if question.cursor else []))
    }
    made: type[RangeQuery] = create_model(
        f"{question.name}_filters", __base__=_ListQuery, __doc__=_ListQuery.__doc__, **fields
    )
    return made


def range_of(query: RangeQuery, default_zone: Zone, *, own: str = "") -> Range:
    """The time range of ``query``.

    Args:
        query: validated by its model.
        default_zone: used if it names none.
        own: a panel's own range, which overrides that of the query, e.g. ``24h``.

    Raises:
        ApiError: 400, with the parameter.
    """
    chosen = default_zone
    if query.tz:
        try:
            chosen = zone(query.tz)
        except ValueError:
            raise _bad("tz", query.tz) from None
    now_ns = time.time_ns()
    if query.since and (query.from_ or query.to):
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "both_ranges",
            N_("use since, or from and to, but not both"),
            field="since",
        )
    from_ns = None if query.from_ is None else _moment(chosen, "from", query.from_)
    # Cut at now: future days would be shown as days without events.
    to_ns = now_ns if query.to is None else min(now_ns, _moment(chosen, "to", query.to))
    since = own or query.since or _DEFAULT_SINCE
    if own or from_ns is None:
        base = now_ns if own or query.to is None else to_ns
        to_ns = now_ns if own else to_ns
        try:
            from_ns = parse_moment(since, base, chosen)
            if since in PERIODS:
                to_ns = min(to_ns, period(since, base, chosen)[1])
        except RangeError:  # its form was validated; the model and this must not drift apart
            raise _bad("since", since) from None
    if from_ns >= to_ns:
        field = "from" if query.from_ else "to" if query.to else "since"
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "empty_range",
            N_("the range is empty: from must be before to, and not in the future"),
            field=field,
        )
    return Range(
        from_ns,
        to_ns,
        chosen,
        reaches_now=to_ns >= now_ns,
        is_all=since == "all" and query.from_ is None,
    )


def bad_parameter(errors: Iterable[Any], fields: Iterable[str] = ()) -> ApiError:
    """The first of pydantic's errors, as an error of the API.

    Args:
        errors: as FastAPI collects them.
        fields: of the body that the route takes, for one that isn't an object.
    """
    error = next(iter(errors))
    # Of one in a list, what is wrong is the list.
    field = next((part for part in error["loc"][1:] if isinstance(part, str)), "body")
    if error["type"] == "extra_forbidden":
        return ApiError(
            HTTPStatus.BAD_REQUEST,
            "unknown_parameter",
            N_("unknown parameter {field!r}"),
            field=field[:64],
        )
    if error["type"] == "missing" and field != "body":
        return ApiError(HTTPStatus.BAD_REQUEST, "missing", N_("{field} is missing"), field=field)
    if field == "cursor":
        return bad_cursor()
    return _bad(field, error.get("input"), ", ".join(fields))


def _moment(chosen: Zone, field: str, text: str) -> int:
    try:
        return chosen.moment(text)
    except ValueError:
        raise _bad(field, text) from None


def _bad(field: str, value: object, fields: str = "") -> ApiError:
    if own := of_pages().get(field):
        return bad_own(own, value)
    code, message = _BAD.get(field, _BAD_OTHER)
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        code,
        message,
        field=field,
        value=shown(value),
        allowed=", ".join(TIERS),
        most=MAX_EVENTS,
        fields=fields,
    )
