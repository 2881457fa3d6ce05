"""Names that a store has already, so that a new writer doesn't count them as new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

__all__ = ["stored_names"]

#: Limit per kind; names of product events first, then the newest.
_MAX_NAMES: Final = 2000
_COLUMNS: Final = {
    "service": ("service", "series"),
    "tool": ("tool_name", "series"),
    "feature": ("feature", "series"),
    "span": ("name", "series"),
    "error": ("error_type", "series"),
    "scope": ("scope", "contexts"),
}
# Skips from name to name in the index: reading every point would take seconds.
_METRICS: Final = (
    "WITH RECURSIVE names (name) AS ("
    "SELECT min(metric_name) FROM telemetry_metrics UNION ALL "
    "SELECT (SELECT min(metric_name) FROM telemetry_metrics WHERE metric_name > name) "
    "FROM names WHERE name IS NOT NULL LIMIT ?) "
    "SELECT name FROM names WHERE name IS NOT NULL"
)


def stored_names(path: Path) -> dict[str, set[str]]:
    """The names in the store at ``path``, by kind; none if it can't be read, or isn't there yet."""
    import apsw  # noqa: PLC0415 - importers may never need it

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
    names = {}
    for kind, (column, table) in _COLUMNS.items():
        first = "max(event_type <> 'span') DESC, " if table == "series" else ""
        names[kind] = {
            str(name)
            for (name,) in connection.execute(
                f"SELECT {column} FROM {table} WHERE {column} NOT IN ('', '_OTHER') "  # noqa: S608
                f"GROUP BY {column} ORDER BY {first}max(rowid) DESC LIMIT ?",
                (_MAX_NAMES,),
            )
        }
    names["metric"] = {str(name) for (name,) in connection.execute(_METRICS, (_MAX_NAMES,))}
    names["route"] = names["event"] = names["span"]
    return names
