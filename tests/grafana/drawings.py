"""What Grafana's own SQL makes of an answer, told once more from the rows of the question.

Heat maps, funnels and sentences aren't the question's columns: their text and their grids are made
by SQL, since Grafana can't. This says what must come of it, in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from cortex_otel.locale import texts
from cortex_otel.query.catalogue import catalogue

#: Drawings whose frame has names or cells that the question doesn't have.
MADE_BY_SQL = {"heatmap", "funnel", "sentence"}
#: Columns of a heat map by number.
PERIODS = 13
NO_VALUE = "–"


@dataclass(frozen=True)
class Made:
    """Names of the frame's columns, their types where there are values, and its rows."""

    names: list
    types: list
    rows: list


def made_of(panel, records, there, *, language="en"):
    """The frame of ``panel`` over ``records``, whose days are numbers and whose times are ns."""
    units = {column.name: column.unit for column in catalogue()[panel.question].columns}
    match panel.draw:
        case "sentence":
            rows = [[_said(panel, units, record, language)] for record in records[:1]]
            return Made(["said"], ["STRING"], rows)
        case "funnel":
            rows = [
                [_step(panel, record), _plain(record[panel.values[0]])]
                for record in records[: panel.limit]
            ]
            return Made(["reached", panel.values[0]], ["STRING", "FLOAT"], rows)
        case "heatmap" if units[panel.split] == "count":
            return _by_number(panel, units, records, there)
    names = [panel.x, panel.split, panel.values[0]]
    rows = [
        [_written(units[name], record[name], there) for name in names[:2]]
        + [_plain(record[names[2]])]
        for record in records[: panel.limit]
    ]
    if units[panel.split] in {"epoch_day", "unix_ns"}:
        # Columns in the order of time, rows in that of the answer.
        first = {}
        for place, row in enumerate(rows):
            first.setdefault(row[0], place)
        rows.sort(key=lambda row: (row[1], first[row[0]]))
    return Made(names, ["STRING", "STRING", "FLOAT"], rows)


def days_as_numbers(panel, told):
    """Rows of the web's API with days as the runner has them."""
    units = {column.name: column.unit for column in catalogue()[panel.question].columns}
    return [
        {
            name: (date.fromisoformat(value) - date(1970, 1, 1)).days
            if units[name] == "epoch_day" and value is not None
            else value
            for name, value in row.items()
        }
        for row in told
    ]


def _by_number(panel, units, records, there):
    value, *of_row = panel.values
    at = [f"at_{number}" for number in range(PERIODS)]
    lines = {}
    for record in records:
        cells = lines.setdefault(record[panel.x], dict.fromkeys([*of_row, *at]))
        for name in of_row:
            # The first that is known, as the web has it.
            cells[name] = _plain(record[name]) if cells[name] is None else cells[name]
        if record[panel.split] < PERIODS:
            assert cells[f"at_{record[panel.split]}"] is None, "two answers in one cell"
            cells[f"at_{record[panel.split]}"] = _plain(record[value])
    is_day = units[panel.x] == "epoch_day"
    rows = [[_start(key, there) if is_day else key, *lines[key].values()] for key in lines]
    types = ["TIME" if is_day else "STRING", *["FLOAT"] * (len(of_row) + PERIODS)]
    return Made([panel.x, *of_row, *at], types, rows)


def _step(panel, record):
    number = f"{record['step']}. " if "step" in record else ""
    series = record.get(panel.split)
    return number + record[panel.x] + (f" · {series}" if series else "")


def _start(day, there):
    return there.start_of(date(1970, 1, 1) + timedelta(days=day)) / 1e9


def _plain(value):
    return None if value is None else float(value)


def _written(unit, value, there):
    if value is None:
        return None
    match unit:
        case "epoch_day":
            return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
        case "unix_ns":
            return there.iso(value)[:16].replace("T", " ")
    return value


def _rounded(value, decimals):
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _short(value, decimals):
    """At most so many decimals, at least one: as SQLite writes a real."""
    return str(float(_rounded(float(value), decimals)))


def _said(panel, units, record, language):
    said = texts(language).gettext(panel.sentence)
    for name, unit in units.items():
        value = record[name]
        if value is None:
            text = NO_VALUE
        else:
            match unit:
                case "count" | "tokens":
                    text = str(_rounded(float(value), 0))
                case "ratio":
                    text = f"{_short(value * 100, 1)} %"
                case "factor":
                    text = f"×{_short(value, 2)}"
                case "number":
                    text = _short(value, 3)
                case "ms":
                    text = f"{_rounded(float(value), 0)} ms"
                case _:
                    text = str(_written(unit, value, there=None))
        said = said.replace(f"{{{name}}}", text)
    assert "{" not in said
    return said
