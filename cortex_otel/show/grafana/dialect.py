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

from cortex_otel.query.catalogue import COMMON_PARAMETERS, expanded
from cortex_otel.query.runner import EXACT_EVENTS, IS_COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cortex_otel.query.catalogue import Column, Question

__all__ = ["FROM_NS", "TO_NS", "VARIABLES", "answer", "literal", "time_columns"]

FROM_NS = "($__from * 1000000)"
TO_NS = "($__to * 1000000)"
#: As long as the range, and ending where it begins.
_PREVIOUS_FROM_NS = "(2 * $__from * 1000000 - $__to * 1000000)"

VARIABLES: Mapping[str, str] = {
    "service": "service",
    "user_tier": "tier",
    "utc_offset_minutes": "utc_offset",
    "user": "user",
    "trace_id": "trace",
}
"""Parameter of a question → variable of the dashboard, where it has another name."""

_COMMENT = re.compile(r"\s*--[^\n]*")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")


def literal(value: float | str) -> str:
    """``value`` as SQL."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def answer(
    question: Question,
    *,
    given: Mapping[str, float | str] | None = None,
    filters: Iterable[str] = (),
    previous: bool = False,
) -> str:
    """SQL that answers as :func:`cortex_otel.query.runner.run` would, with columns for Grafana.

    Args:
        question: from the catalogue.
        given: values of its parameters that are fixed.
        filters: its parameters that the dashboard has a variable for; others have their default.
        previous: ask about the time before the range, as long as the range is.
    """
    values = _values(question, given or {}, filters)
    if previous:
        values |= {"from_ns": _PREVIOUS_FROM_NS, "to_ns": FROM_NS}
    sql = _filled(question.sql, values)
    if question.exact_sql is not None:
        sql = _either_way(question, sql, values)
    columns = ", ".join(
        f"{_converted(column, values)} AS {column.name}" for column in question.columns
    )
    return f"SELECT {columns}\nFROM (\n{sql.strip()}\n) AS answer"


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
    return _PARAMETER.sub(lambda found: values[found[1]], _COMMENT.sub("", sql))


def _either_way(question: Question, sql: str, values: Mapping[str, str]) -> str:
    """From the events where the range holds few, else from the roll-ups, as the runner decides.

    A range that is empty unless it is the events' turn keeps SQLite from sorting millions of them.
    """
    complete = _filled(expanded("grafana", IS_COMPLETE), {**values, "limit": str(EXACT_EVENTS)})
    from_ns, to_ns = values["from_ns"], values["to_ns"]
    start = f"(SELECT CASE WHEN is_exact THEN {from_ns} ELSE {to_ns} END FROM way)"  # noqa: S608 - constants above
    exact = _filled(question.exact_sql or "", {**values, "from_ns": start})
    return (
        f"WITH way AS MATERIALIZED (SELECT ({complete.strip()}) AS is_exact)\n"  # noqa: S608 - the catalogue's own SQL
        f"SELECT * FROM (\n{sql.strip()}\n) AS hours WHERE NOT (SELECT is_exact FROM way)\n"
        "UNION ALL\n"
        f"SELECT * FROM (\n{exact.strip()}\n) AS events WHERE (SELECT is_exact FROM way)"
    )


def _converted(column: Column, values: Mapping[str, str]) -> str:
    match column.unit:
        case "text":
            return column.name
        case "flag":
            return f"CAST({column.name} AS integer)"
        case "unix_ns":
            return f"{column.name} / 1e9"
        case "epoch_day":
            # The instant at which the local day begins.
            return f"{column.name} * 86400 - {values['utc_offset_minutes']} * 60"
        case _:
            return f"CAST({column.name} AS double precision)"
