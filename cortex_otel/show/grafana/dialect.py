"""A question of the catalogue as a query of Grafana's SQLite plugin: all of that dialect.

What the plugin and Grafana do with the text, and so what is written here:

- Grafana's browser side replaces ``${name:sqlstring}`` by a quoted text; the plugin's backend alone
  replaces ``$__from`` and ``$__to`` (ms, whole seconds). Both work where the browser has a part;
  alerts and the API have the backend alone.
- Times are epoch *seconds*. The catalogue has Unix ns and days since 1970.
- A computed column has the type of its first value: an integer there would cut the decimals of all
  that follow. So every number is made a real.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cortex_otel.query.catalogue import COMMON_PARAMETERS
from cortex_otel.query.runner import EXACT_EVENTS, IS_COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cortex_otel.query.catalogue import Column, Question

__all__ = ["FROM_NS", "TO_NS", "VARIABLES", "answer", "literal", "time_columns"]

FROM_NS = "($__from * 1000000)"
#: Cut at now, which is in the middle of "This week": days to come aren't days without users.
TO_NS = "min($__to * 1000000, (strftime('%s', 'now') + 1) * 1000000000)"
#: Whole weeks, as many as the range has begun: Mondays are compared with Mondays.
_WEEKS_NS = "($__to - $__from + 604799999) / 604800000 * 604800000000000"
_BEFORE = {
    "from_ns": f"($__from * 1000000 - {_WEEKS_NS})",
    "to_ns": f"({TO_NS} - {_WEEKS_NS})",
}

VARIABLES: Mapping[str, str] = {
    "service": "service",
    "user_tier": "tier",
    "user": "user",
    "trace_id": "trace",
}
"""Parameter of a question → variable of the dashboard, where it has another name."""

_COMMENT = re.compile(r"\s*--[^\n]*")
#: What the runner fills in as JSON is a table here: one level of nesting less, and some questions
#: are as deep as SQLite allows.
_OFFSETS = re.compile(
    r"SELECT value ->> 0 AS since, value ->> 1 AS until, value ->> 2 AS offset_ns\s+"
    r"FROM json_each\(:zone_offsets\)"
)
_OFFSETS_OF_THE_STORE = (
    "SELECT since, until, offset_ns FROM main.zone_offsets WHERE time_zone = :time_zone"
)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")


def literal(value: float | str) -> str:
    """``value`` as SQL."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def answer(
    question: Question,
    *,
    given: Mapping[str, float | str] | None = None,
    filters: Iterable[str] = (),
    compared: bool = False,
    previous: bool = False,
    written: bool = False,
) -> str:
    """SQL that answers as :func:`cortex_otel.query.runner.run` would, with columns for Grafana.

    Args:
        question: from the catalogue.
        given: values of its parameters that are fixed.
        filters: its parameters that the dashboard has a variable for; others have their default.
        compared: the answer stands beside that about an earlier time, and both are by one method.
        previous: it is that one: earlier by whole weeks (where clocks change in between, the web
            admin keeps to local times, and this is an hour off).
        written: days and times are texts of the time zone, for sentences and names of columns.
    """
    now = _values(question, given or {}, filters)
    before = now | _BEFORE
    values = before if previous else now
    sql = _filled(question.sql, values)
    if question.exact_sql is not None:
        # Percentiles of events are compared with such, and those of histograms too.
        sql = _either_way(question, sql, values, [now, before] if compared else [now])
    converted = _written if written else _converted
    columns = ", ".join(
        f"{converted(column, now['time_zone'])} AS {column.name}" for column in question.columns
    )
    asked = f"SELECT {columns}\nFROM (\n{sql.strip()}\n) AS answer"
    if previous:
        # What began to be recorded in it would seem to have grown since.
        first = "(SELECT min(hour) FROM rollup_hour) * 3600000000000"
        asked += f"\nWHERE {first} <= {_BEFORE['from_ns']}"
        if any(column.name == "partial" for column in question.columns):
            asked += " AND partial = 0"
    return asked


def time_columns(question: Question) -> list[str]:
    """Names of the columns that the plugin must turn into times."""
    return [each.name for each in question.columns if each.unit in {"unix_ns", "epoch_day"}]


def _values(
    question: Question, given: Mapping[str, float | str], filters: Iterable[str]
) -> dict[str, str]:
    chosen = set(filters)
    values = {"from_ns": FROM_NS, "to_ns": TO_NS}
    known = {**COMMON_PARAMETERS, **{each.name: each for each in question.parameters}}
    for name, parameter in known.items():
        if name in values:
            continue
        variable = f"${{{VARIABLES.get(name, name)}:sqlstring}}"
        if name in given:
            values[name] = literal(given[name])
        elif name not in chosen:
            values[name] = literal(parameter.default if parameter.default is not None else 0)
        elif name == "user":
            # As the web admin reads it: hashes are small letters, what is pasted may not be.
            values[name] = f"lower(trim({variable}))"
        elif parameter.type == "text":
            values[name] = variable
        else:
            # Quoted all the same: what stands in the address bar must stay a value.
            values[name] = f"CAST({variable} AS {parameter.type})"
    return values


def _filled(sql: str, values: Mapping[str, str]) -> str:
    # A comment may name a parameter, and a value with a line break would end the comment.
    plain = _OFFSETS.sub(_OFFSETS_OF_THE_STORE, _COMMENT.sub("", sql))
    return _PARAMETER.sub(lambda found: values[found[1]], plain)


def _either_way(
    question: Question, sql: str, values: Mapping[str, str], periods: Iterable[Mapping[str, str]]
) -> str:
    """From the events where the range holds few, else from the roll-ups, as the runner decides.

    A range that is empty unless it is the events' turn keeps SQLite from sorting millions of them.
    """
    complete = ") AND (".join(
        _filled(IS_COMPLETE, {**period, "limit": str(EXACT_EVENTS)}).strip() for period in periods
    )
    from_ns, to_ns = values["from_ns"], values["to_ns"]
    start = f"(SELECT CASE WHEN is_exact THEN {from_ns} ELSE {to_ns} END FROM way)"  # noqa: S608 - constants above
    exact = _filled(question.exact_sql or "", {**values, "from_ns": start})
    return (
        f"WITH way AS MATERIALIZED (SELECT (({complete})) AS is_exact)\n"  # noqa: S608 - the catalogue's own SQL
        f"SELECT * FROM (\n{sql.strip()}\n) AS hours WHERE NOT (SELECT is_exact FROM way)\n"
        "UNION ALL\n"
        f"SELECT * FROM (\n{exact.strip()}\n) AS events WHERE (SELECT is_exact FROM way)"
    )


def _written(column: Column, zone: str) -> str:
    match column.unit:
        case "epoch_day":
            return f"strftime('%Y-%m-%d', {column.name} * 86400, 'unixepoch')"
        case "unix_ns":
            offset = (
                f"(SELECT z.offset_ns FROM main.zone_offsets z WHERE z.time_zone = {zone}"  # noqa: S608 - as above
                f" AND z.since <= {column.name} AND {column.name} < z.until)"
            )
            seconds = f"({column.name} + {offset}) / 1000000000"
            return f"strftime('%Y-%m-%d %H:%M', {seconds}, 'unixepoch')"
        case _:
            return _converted(column, zone)


def _converted(column: Column, zone: str) -> str:
    match column.unit:
        case "text":
            return column.name
        case "flag":
            return f"CAST({column.name} AS integer)"
        case "unix_ns":
            return f"{column.name} / 1e9"
        case "epoch_day":
            # The instant at which the local day begins.
            midnight = f"{column.name} * 86400000000000 - z.offset_ns"
            return (
                f"(SELECT min(CASE WHEN {midnight} > z.since THEN {midnight} ELSE z.since END)"  # noqa: S608 - as above
                f" FROM main.zone_offsets z WHERE z.time_zone = {zone} AND {midnight} < z.until)"
                " / 1e9"
            )
        case _:
            return f"CAST({column.name} AS double precision)"
