"""Results as an aligned table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cortex_otel.query.sampling import sampling_of
from cortex_otel.query.zones import UTC_ZONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cortex_otel.query.catalogue import Unit
    from cortex_otel.query.runner import Result, Value
    from cortex_otel.query.zones import Zone

__all__ = [
    "as_csv",
    "as_json",
    "as_table",
    "harmless",
    "iso_time",
    "json_line",
    "pad",
    "plain",
    "plain_rows",
    "printable",
    "width",
]

#: Starts of text that a spreadsheet takes for a formula, also after spaces and line ends.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_RIGHT_ALIGNED = frozenset({"count", "ratio", "factor", "number", "ms", "tokens", "flag"})
_MAX_CELL_LENGTH = 60

#: Below it a p-value says no more.
_LEAST = 0.001
#: Milliseconds, name, and from how many of it on it is used.
_UNITS = ((86_400_000, "d", 3), (3_600_000, "h", 2), (60_000, "min", 2), (1000, "s", 1))


def width(text: str) -> int:
    """Terminal columns of ``text``; Korean letters take two."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """``text`` padded with spaces to ``columns``, on its left if ``right``-aligned."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def printable(text: str) -> str:
    """``text`` safe for a terminal: control and format characters become ``?``."""
    return "".join(
        "?" if unicodedata.category(letter) in {"Cc", "Cf", "Cs"} else letter for letter in text
    )


def iso_time(unix_ns: int, zone: Zone = UTC_ZONE) -> str:
    """ISO 8601 with milliseconds and the offset of that moment."""
    return zone.iso(unix_ns)


def plain(value: Value, unit: Unit, zone: Zone = UTC_ZONE) -> Value:
    """A value for machines: times and days in ISO 8601, whole numbers without a fraction."""
    match value, unit:
        case int(), "unix_ns":
            return iso_time(value, zone)
        case int(), "epoch_day":
            return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
        case float(), "count" | "tokens" if value.is_integer():
            return int(value)
        case _:
            return value


def as_json(result: Result, from_ns: int, to_ns: int, zone: Zone = UTC_ZONE) -> dict[str, object]:
    """The result as a JSON object; times in ISO 8601, in ``zone``."""
    return {
        "question": result.question.name,
        "from": iso_time(from_ns, zone),
        "to": iso_time(to_ns, zone),
        "time_zone": zone.name,
        "exact": result.exact,
        "widened": result.widened,
        "kept_from": result.kept_from_ns and iso_time(result.kept_from_ns, zone),
        "sampling": sampling_of(result),
        "truncated": result.truncated,
        "elapsed_ms": round(result.elapsed_ms, 1),
        "columns": [{"name": column.name, "unit": column.unit} for column in result.columns],
        "rows": [dict(zip(_names(result), row, strict=True)) for row in plain_rows(result, zone)],
    }


def as_csv(result: Result, zone: Zone = UTC_ZONE) -> str:
    """The result as CSV with a header line; no text is a formula in a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_names(result))
    writer.writerows([harmless(value) for value in row] for row in plain_rows(result, zone))
    return text.getvalue()


def as_table(
    result: Result, zone: Zone = UTC_ZONE, label: Callable[[str, str], str] | None = None
) -> str:
    """The result as lines with aligned columns; missing values are empty.

    Args:
        result: what to show.
        zone: of times.
        label: column and text → what people read in its place.
    """
    units = [column.unit for column in result.columns]

    def worded(name: str, value: Value) -> Value:
        return label(name, value) if label and isinstance(value, str) else value

    cells = [
        [
            _shown(worded(column.name, value), column.unit, zone)
            for value, column in zip(row, result.columns, strict=True)
        ]
        for row in result.rows
    ]
    # Durations are shown in their own units.
    names = [
        column.name.removesuffix("_ms") if column.unit == "ms" else column.name
        for column in result.columns
    ]
    lines = [names, *cells]
    widths = [max(width(line[index]) for line in lines) for index in range(len(units))]
    rule = ["-" * columns for columns in widths]
    return "\n".join(
        "  ".join(
            pad(cell, columns, right=unit in _RIGHT_ALIGNED)
            for cell, columns, unit in zip(line, widths, units, strict=True)
        ).rstrip()
        for line in (lines[0], rule, *cells)
    )


def json_line(value: object) -> str:
    """``value`` as JSON on one line, with unescaped letters."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _names(result: Result) -> list[str]:
    return [column.name for column in result.columns]


def plain_rows(result: Result, zone: Zone) -> Iterable[list[Value]]:
    """The rows, with each value as :func:`plain` gives it."""
    units = [column.unit for column in result.columns]
    for row in result.rows:
        yield [plain(value, unit, zone) for value, unit in zip(row, units, strict=True)]


def harmless(value: Value) -> Value:
    """``value`` for a CSV cell: text that a spreadsheet would run is quoted with ``'``."""
    if isinstance(value, str) and value.lstrip(" \u00a0").startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _shown(value: Value, unit: Unit, zone: Zone) -> str:  # noqa: PLR0911 - one per unit
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        match unit:
            case "ratio":
                return f"{value * 100:.1f} %"
            case "number" if 0 < value < _LEAST:
                return f"< {_LEAST}"
            case "factor" | "number":
                return f"{value:.3g}{'x' if unit == 'factor' else ''}"
            case "ms":
                return _duration(value)
            case "count" | "tokens":
                return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
            case "flag":
                return "*" if value else ""
            case "unix_ns":
                return iso_time(int(value), zone)[:19].replace("T", " ")
    text = printable(str(plain(value, unit, zone)))
    return text if len(text) <= _MAX_CELL_LENGTH else f"{text[: _MAX_CELL_LENGTH - 1]}…"


def _duration(ms: float) -> str:
    """As people read it, with its unit: as in the web admin."""
    size, unit = next((each for each in _UNITS if abs(ms) >= each[0] * each[2]), (1, "ms", 0))[:2]
    value = ms / size
    if abs(value) >= 100:  # noqa: PLR2004 - three digits before the point are enough
        return f"{value:,.0f} {unit}"
    # Three significant digits; six decimals are nanoseconds.
    return f"{float(f'{value:.3g}'):.6f}".rstrip("0").rstrip(".") + f" {unit}"
