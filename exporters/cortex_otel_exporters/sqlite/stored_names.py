"""The names that a store has already: who begins to write to it need not take them for new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

__all__ = ["stored_names"]

#: Names of a kind at most; those of product events before others, and the newest first.
_MAX_NAMES: Final = 2000
_COLUMNS: Final = {
    "service": ("service", "series"),
    "tool": ("tool_name", "series"),
    "feature": ("feature", "series"),
    "span": ("name", "series"),
    "error": ("error_type", "series"),
    "scope": ("scope", "contexts"),
}
# From name to name by the index: a look at every point would take seconds.
_METRICS: Final = (
    "WITH RECURSIVE names (name) AS ("
    "SELECT min(metric_name) FROM telemetry_metrics UNION ALL "
    "SELECT (SELECT min(metric_name) FROM telemetry_metrics WHERE metric_name > name) "
    "FROM names WHERE name IS NOT NULL LIMIT ?) "
    "SELECT name FROM names WHERE name IS NOT NULL"
)


def stored_names(path: Path) -> dict[str, set[str]]:
    """The names in the store at ``path``, by kind; none if it can't be read, or isn't there yet."""
    import apsw  # noqa: PLC0415 - who imports this may never write

    from cortex_otel_exporters.sqlite.reader import StoreError, open_reader  # noqa: PLC0415

    try:
        connection = open_reader(path)
    except (StoreError, OSError):
        return {}
    try:
        return _names(connection)
    except apsw.Error:
        return {}
    finally:
        connection.close()


def _names(connection: apsw.Connection) -> dict[str, set[str]]:
    found = {}
    for kind, (column, table) in _COLUMNS.items():
        first = "max(event_type <> 'span') DESC, " if table == "series" else ""
        found[kind] = {
            str(name)
            for (name,) in connection.execute(
                f"SELECT {column} FROM {table} WHERE {column} NOT IN ('', '_OTHER') "  # noqa: S608
                f"GROUP BY {column} ORDER BY {first}max(rowid) DESC LIMIT ?",
                (_MAX_NAMES,),
            )
        }
    found["metric"] = {str(name) for (name,) in connection.execute(_METRICS, (_MAX_NAMES,))}
    found["route"] = found["event"] = found["span"]
    return found
