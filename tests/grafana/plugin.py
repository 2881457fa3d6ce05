"""What Grafana 12.4 and frser-sqlite-datasource 4.0.3 do with a query, written down once more.

Neither can run here. This follows their sources: the browser replaces variables, the plugin's
backend replaces ``$__from`` and ``$__to`` and its macro, asks SQLite with the options of the
datasource, and gives each column one type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import apsw

#: The value of a variable that stands on "All".
ALL = object()
OPTIONS = "mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)"

_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
_MACRO = re.compile(r"\$__([_a-zA-Z0-9]+)\(([^)]*)\)")


def in_the_browser(sql, variables, all_values):
    """Variables as ``sqlstring`` writes them; a custom "All" is taken as it is, unquoted."""

    def written(found):
        name, form = found.groups()
        assert form == "sqlstring", f"{found[0]} would be written without quotes"
        value = variables[name]
        return all_values[name] if value is ALL else "'" + value.replace("'", "''") + "'"

    return _VARIABLE.sub(written, sql)


def in_the_backend(sql, from_ns, to_ns):
    sql = sql.replace("$__from", str(from_ns // 10**9 * 1000))
    sql = sql.replace("$__to", str(to_ns // 10**9 * 1000))

    def macro(found):
        assert found[1] == "unixEpochGroupSeconds", f"the plugin has no macro {found[1]}"
        column, seconds, *fill = (part.strip() for part in found[2].split(","))
        assert fill in ([], ["NULL"])
        return f"cast(({column} / {int(seconds)}) as int) * {int(seconds)}"

    return _MACRO.sub(macro, sql)


@dataclass
class Frame:
    names: list
    types: list
    """TIME, INTEGER, FLOAT, STRING, or UNKNOWN where there is no value at all."""
    rows: list


class Plugin:
    """The datasource over one database."""

    def __init__(self, path):
        # Not "file:" + path: Python's and the plugin's way to open differ, the options don't.
        uri = f"file:{path}?mode=ro"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        self.connection = apsw.Connection(uri, flags=flags)
        self.connection.pragma("query_only", 1)
        self.connection.set_busy_timeout(5000)

    def query(self, target, from_ns, to_ns):
        """As the backend does: ``queryText`` alone counts."""
        sql = in_the_backend(target["queryText"], from_ns, to_ns)
        assert "$" not in sql, f"nobody replaces {sql[sql.index('$') :][:30]}"
        cursor = self.connection.cursor()
        declared = []
        cursor.exec_trace = lambda cursor, _sql, _bindings: bool(
            declared.append(cursor.get_description()) or True
        )
        raw = list(cursor.execute(sql))
        names = [name for name, _ in declared[0]]
        types = [_type(name, kind, target["timeColumns"]) for name, kind in declared[0]]
        for place, kind in enumerate(types):
            if kind == "UNKNOWN":
                types[place] = _type_of_first([row[place] for row in raw])
        rows = [
            [_value(kind, value) for kind, value in zip(types, row, strict=True)] for row in raw
        ]
        frame = Frame(names, types, rows)
        frame.raw = raw
        return frame

    def close(self):
        self.connection.close()


def shown_of(plain, place, variables, over, span):
    """The frame of one panel, its variables set as in the browser."""
    (target,) = plain["panels"][place]["targets"]
    return asked(plain, target, variables, over, span)


def asked(plain, target, variables, over, span):
    known = plain["templating"]["list"]
    all_values = {each["name"]: each.get("allValue") for each in known}
    standing = {
        each["name"]: ALL if each["current"]["value"] == "$__all" else each["current"]["value"]
        for each in known
    }
    values = {**standing, **{name: value for name, value in variables.items() if name in standing}}
    sql = in_the_browser(target["rawQueryText"], values, all_values)
    return over.query({**target, "queryText": sql}, *span)


def _type(name, declared, time_columns):
    if name in time_columns:
        return "TIME"
    match (declared or "").upper():
        case "INTEGER" | "INT":
            return "INTEGER"
        case "REAL" | "NUMERIC" | "DOUBLE" | "FLOAT":
            return "FLOAT"
        case "NULL" | "TEXT" | "BLOB":
            return "STRING"
    return "UNKNOWN"


def _type_of_first(values):
    for value in values:
        match value:
            case int():
                return "INTEGER"
            case float():
                return "FLOAT"
            case str() | bytes():
                return "STRING"
    return "UNKNOWN"


def _value(kind, value):
    match kind, value:
        case _, None:
            return None
        case "INTEGER", float():
            return int(value)  # the decimals are gone
        case "FLOAT", int():
            return float(value)
        case (("INTEGER" | "FLOAT" | "TIME"), str()):
            raise AssertionError(f"{value!r} would become NULL")
        case "STRING", (int() | float()):
            raise AssertionError(f"{value!r} would become text")
    return value
