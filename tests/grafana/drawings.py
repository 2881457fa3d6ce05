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
from cortex_otel.show.value_labels import COMPOSED, EMPTY, label_of

#: Drawings whose frame has names or cells that the question doesn't have.
MADE_BY_SQL = {"heatmap", "funnel", "sentence"}
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
            return _by_number(panel, records, there)
    names = [panel.x, panel.split, panel.values[0]]
    rows = [
        [worded(name, _written(units[name], record[name], there), empty=True) for name in names[:2]]
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


def _by_number(panel, records, there):
    """A row a cell, sizes before periods: Grafana makes the columns."""
    value, *of_row = panel.values
    units = {column.name: column for column in catalogue()[panel.question].columns}
    lines, cells = {}, []
    for record in records[: panel.limit]:
        key = _written(units[panel.x].unit, record[panel.x], there)
        sizes = lines.setdefault(worded(panel.x, key, empty=True), dict.fromkeys(of_row))
        for name in of_row:
            # The first that is known, as the web has it.
            sizes[name] = record[name] if sizes[name] is None else sizes[name]
        cells.append((record[panel.split], worded(panel.x, key, empty=True), record[value]))
    assert len({cell[:2] for cell in cells}) == len(cells), "two answers in one cell"
    order = list(lines)
    rows = [[key, units[name].title, _plain(lines[key][name])] for name in of_row for key in order]
    title = units[panel.split].title
    rows += [
        [key, f"{title} {number}", _plain(cell)]
        for number, key, cell in sorted(cells, key=lambda each: (each[0], order.index(each[1])))
    ]
    return Made([panel.x, panel.split, value], ["STRING", "STRING", "FLOAT"], rows)


def worded(column, value, *, empty=False):
    """As people read it, in English."""
    if value is None:
        return None
    return (
        EMPTY[column]
        if empty and value == "" and column in EMPTY
        else label_of(column, value, "en")
    )


def in_words(panel, name, value):
    """A value of a frame that the question has, too, where SQL makes it words."""
    of_rows = panel.split and panel.draw in {"matrix", "bars", "ranking", "sankey"}
    named = {panel.x, panel.split} if of_rows else {panel.split}
    is_made = name in COMPOSED or (name in named and panel.draw not in {"table", "intervals"})
    return label_of(name, value, "en") if isinstance(value, str) and is_made else value


def _step(panel, record):
    number = f"{record['step']}. " if "step" in record else ""
    series = worded(panel.split, record.get(panel.split))
    return number + worded(panel.x, record[panel.x]) + (f" · {series}" if series else "")


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
                case "text":
                    text = label_of(name, value, language)
                case _:
                    text = str(_written(unit, value, there=None))
        said = said.replace(f"{{{name}}}", text)
    assert "{" not in said
    return said
