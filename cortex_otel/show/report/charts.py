"""Charts as plain data: points, ticks and words for those who can't see them.

``report.typ`` draws them as the admin does (``static/js/draw``): same forms, same colours; a period
that isn't over is dashed or hollow, and every series differs from the others in grey print too.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.locale import texts
from cortex_otel.show.report.numbers import Numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cortex_otel.show.report.facts import Facts, Row

__all__ = ["Chart", "Charts"]

Chart = dict[str, Any]
_Points = list[float | None]

_INTERVALS: Final = 4
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_MIN_TOP: Final = 0.05
_DAYS: Final = 7
_EPOCH: Final = date(1970, 1, 1)
_COHORTS: Final = 8


class Charts:
    """The charts of one report.

    Args:
        facts: what it tells.
        language: ``en`` or ``ko``.
    """

    def __init__(self, facts: Facts, language: str) -> None:
        self._facts = facts
        self._numbers = Numbers(language)
        self._ = texts(language).gettext
        self._monday = facts.week.monday

    def days(self) -> Chart:
        """Active users of each day, over those of the week before."""
        rows = self._facts.answers["days"].rows
        now = self._by_day(rows, "users", 0)
        before = self._by_day(rows, "users", -7)
        series = [
            {"name": self._("The week before"), "points": before, "form": "ghost"},
            {"name": self._("This week"), "points": now, "form": "line"},
        ]
        return self._lines(
            self._("Daily active users"), series, "count", self._open_from(rows),
            empty=not any(now) and not any(before),
        )  # fmt: skip

    def savings(self, target: float) -> Chart:
        """Token savings of each day, and their target."""
        return self._against_target("savings", "savings_rate", self._("Token savings"), target)

    def references(self, target: float) -> Chart:
        """Reference acceptance of each day, and its target."""
        return self._against_target(
            "references", "accuracy", self._("Reference acceptance"), target
        )

    def weeks(self) -> Chart:
        """Active users of each week, by whether they are new, returning or back again."""
        rows = self._facts.answers["weeks"].rows
        names = {
            "returning_users": self._("Returning"),
            "new_users": self._("New"),
            "resurrected_users": self._("Back after a pause"),
        }
        series = [
            {"name": name, "points": [row[column] for row in rows], "form": form}
            for (column, name), form in zip(
                names.items(), ("solid", "second", "hatched"), strict=True
            )
        ]
        highest = max((row["active_users"] for row in rows), default=0)
        return self._bars(
            self._("Active users by week"), rows, series, "count", highest,
            empty=not highest, is_open=lambda row: bool(row["partial"]),
        )  # fmt: skip

    def conversion(self) -> Chart:
        """Conversion by the week in which users began, with its interval."""
        rows = self._facts.answers["conversion"].rows
        series = [
            {
                "name": self._("Came to pay within 30 days"),
                "points": [row["conversion_rate"] for row in rows],
                "form": "solid",
                "low": [row["low"] for row in rows],
                "high": [row["high"] for row in rows],
            }
        ]
        highest = max((row["high"] or 0 for row in rows), default=0)
        chart = self._bars(
            self._("Conversion by starting week"), rows, series, "ratio", highest,
            empty=all(row["conversion_rate"] is None for row in rows),
            is_open=lambda row: row["pending_users"] > 0,
        )  # fmt: skip
        note = self._("With 95 % intervals. Pale: not all of them have had their 30 days.")
        return {**chart, "note": note}

    def cohorts(self) -> Chart:
        """How many of the users who began in a week came back later: a heat map of numbers."""
        rows = self._facts.answers["cohorts"].rows
        curve = {row["period"]: row for row in self._facts.answers["curve"].rows}
        found: dict[int, dict[int, Row]] = {}
        for row in rows:
            found.setdefault(row["cohort"], {})[row["period"]] = row
        periods = range(1, _COHORTS)
        this_week = (self._monday - _EPOCH).days

        def cell(row: Row | None) -> Chart:
            if row is None:
                return {"text": "", "share": None}
            share = row["retention"]
            text = "" if share is None else f"{self._numbers.value(round(share * 100), 'count')}%"
            return {"text": text, "share": share, "open": share is None}

        lines = [
            {
                "name": self._numbers.day(_day(cohort)),
                "size": self._numbers.value(cells[0]["cohort_users"], "count"),
                "cells": [cell(cells.get(period)) for period in periods],
            }
            for cohort, cells in sorted(found.items())
            # The question tells of the day that the range ends with, too: the next week's Monday.
            if cohort <= this_week and cells.get(0, {}).get("cohort_users")
        ]
        everyone = [cell(curve.get(period)) for period in periods]
        return {
            "title": self._("Who came back, by starting week"),
            "first": self._("Began in the week of"),
            "size": self._("Users"),
            "periods": [self._("Week {number}", number=period) for period in periods],
            "all": {"name": self._("All"), "size": "", "cells": everyone},
            "lines": lines,
            "highest": max((row["retention"] or 0 for row in rows if row["period"]), default=0),
            "empty": "" if lines else self._("Nobody began in these weeks."),
        }

    def _against_target(self, name: str, column: str, title: str, target: float) -> Chart:
        rows = self._facts.answers[name].rows
        series = [{"name": title, "points": self._by_day(rows, column, 0), "form": "line"}]
        # The same scale for every week: from none to all.
        chart = self._lines(title, series, "ratio", self._open_from(rows), empty=not rows, least=1)
        text = self._("Target {value}", value=self._numbers.ratio(target))
        chart["target"] = {"at": target, "label": text}
        chart["alt"] += f" {text}."
        return chart

    def _by_day(self, rows: Sequence[Row], column: str, shift: int) -> _Points:
        first = (self._monday - _EPOCH).days + shift
        known = {row["day"]: row[column] for row in rows}
        return [known.get(day) for day in range(first, first + _DAYS)]

    def _open_from(self, rows: Sequence[Row]) -> int:
        """Index of the day that isn't over; all days are, if it is beyond the last."""
        first = (self._monday - _EPOCH).days
        if self._facts.is_over:
            return _DAYS
        return next((row["day"] - first for row in rows if row["partial"]), _DAYS)

    def _lines(
        self,
        title: str,
        series: list[Chart],
        unit: str,
        open_from: int,
        *,
        empty: bool,
        least: float = 0,
    ) -> Chart:
        days = [self._monday + timedelta(days=index) for index in range(_DAYS)]
        labels = [self._numbers.weekday(day) for day in days]
        highest = max((point or 0 for each in series for point in each["points"]), default=0)
        return {
            "title": title,
            "alt": self._described(title, labels, series, unit),
            "labels": labels,
            "series": series,
            "open_from": open_from,
            **self._axis(max(highest, least), unit),
            "target": None,
            "empty": self._("Nothing of this was recorded.") if empty else "",
        }

    def _bars(
        self,
        title: str,
        rows: Sequence[Row],
        series: list[Chart],
        unit: str,
        highest: float,
        *,
        empty: bool,
        is_open: Callable[[Row], bool],
    ) -> Chart:
        labels = [self._numbers.day(_day(row["week"])) for row in rows]
        return {
            "title": title,
            "alt": self._described(title, labels, series, unit),
            "labels": labels,
            "series": series,
            "open": [is_open(row) for row in rows],
            **self._axis(highest, unit),
            "empty": self._("Nothing of this was recorded.") if empty else "",
        }

    def _axis(self, highest: float, unit: str) -> Chart:
        top, step = _scale(highest, unit)
        ticks = [step * index for index in range(round(top / step) + 1)]
        written = self._numbers.ratio if unit == "ratio" else self._numbers.compact
        return {"top": top, "ticks": [{"at": at, "label": written(round(at, 6))} for at in ticks]}

    def _described(self, title: str, labels: list[str], series: list[Chart], unit: str) -> str:
        text = "; ".join(
            "{}: {}".format(
                each["name"],
                ", ".join(
                    f"{label} {self._numbers.value(point, unit)}"
                    for label, point in zip(labels, each["points"], strict=True)
                ),
            )
            for each in series
        )
        return f"{title}. {text}."


def _day(epoch_day: int) -> date:
    return _EPOCH + timedelta(days=epoch_day)


def _scale(highest: float, unit: str) -> tuple[float, float]:
    """The top of an axis and the step of its ticks."""
    highest = max(highest, _MIN_TOP if unit == "ratio" else _INTERVALS)
    size = 10.0 ** math.floor(math.log10(highest / _INTERVALS))
    enough = highest * (1 - 1e-9)
    step = next(each * size for each in _STEPS if each * size * _INTERVALS >= enough)
    if unit == "count":
        step = max(1.0, math.ceil(step))
    return math.ceil(round(highest / step, 9)) * step, step
