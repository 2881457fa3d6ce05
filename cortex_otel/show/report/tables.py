"""Tables as plain data: what changed most, what fails, what is slow, what was alarming."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cortex_otel.locale import texts
from cortex_otel.show.changes import change_of
from cortex_otel.show.report.facts import PLACES
from cortex_otel.show.report.letters import legible
from cortex_otel.show.report.numbers import NONE, Numbers
from cortex_otel.show.value_labels import label_of

if TYPE_CHECKING:
    from cortex_otel.show.report.facts import Facts, Row

__all__ = ["Table", "Tables"]

Table = dict[str, Any]
_Cell = dict[str, str]

_ROWS: Final = 5
_MIN_TIMED: Final = 20
"""Calls of which a percentile says something."""
_MAX_INCIDENTS: Final = 6
#: Of the values of alerts, by rule; others have none to show.
_UNITS: Final = {"error_rate": "ratio", "response_time": "ms"}


class Tables:
    """The tables of one report.

    Args:
        facts: what it tells.
        language: ``en`` or ``ko``.
    """

    def __init__(self, facts: Facts, language: str) -> None:
        self._facts = facts
        self._numbers = Numbers(language)
        self._language = language
        self._ = texts(language).gettext

    def changed(self) -> Table:
        """Tools whose calls changed most, beyond chance."""
        answer = self._facts.answers["tools"]
        before = {row["tool_name"]: row for row in answer.before or ()}
        now = {row["tool_name"]: row for row in answer.rows}
        found = []
        for name in dict.fromkeys([*now, *before]):
            a, b = ({"calls": 0} | rows.get(name, {}) for rows in (now, before))
            if change_of("calls", "count", a, b, exact=True).within_error is False:
                found.append((abs(a["calls"] - b["calls"]), name, a["calls"], b["calls"]))
        found.sort(key=lambda each: (-each[0], each[1]))
        rows = [
            [
                _name(name),
                self._number(calls, "count"),
                self._number(earlier, "count"),
                self._change(calls, earlier),
            ]
            for _, name, calls, earlier in found[:_ROWS]
        ]
        if answer.before is None:
            empty = self._("The week before wasn't recorded as a whole.")
        else:
            empty = self._("No tool was called more or less often beyond chance.")
        return self._table(
            self._("Tools with the largest change"),
            [self._("Tool"), self._("Calls"), self._("Week before"), self._("Change")],
            rows,
            empty,
        )

    def slowest(self) -> Table:
        """Tools with the highest P95."""
        answer = self._facts.answers["tools"]
        before = {row["tool_name"]: row for row in answer.before or ()}
        timed = [row for row in answer.rows if (row["n"] or 0) >= _MIN_TIMED]
        timed.sort(key=lambda row: (-row["p95_ms"], row["tool_name"]))
        rows = [
            [
                _name(row["tool_name"]),
                self._number(row["p95_ms"], "ms"),
                self._number(before.get(row["tool_name"], {}).get("p95_ms"), "ms"),
                self._number(row["n"], "count"),
            ]
            for row in timed[:_ROWS]
        ]
        return self._table(
            self._("Slowest tools"),
            [self._("Tool"), "P95", self._("Week before"), "n"],
            rows,
            self._("No tool was called {count} times.", count=_MIN_TIMED),
            note=self._("95 % of the calls took at most P95; tools with {count} calls or more.",
                        count=_MIN_TIMED),
        )  # fmt: skip

    def failures(self) -> Table:
        """Where most fails, and by which class of error."""
        answer = self._facts.answers["places"]
        before = {_place(row): row for row in answer.before or ()}
        worst = zip(answer.rows[:PLACES], self._facts.causes, strict=True)
        nothing = 0 if answer.before is not None else None
        rows = [
            [
                _name(row["tool_name"] or row["event_type"]),
                self._number(row["errors"], "count"),
                self._number(before.get(_place(row), {}).get("errors", nothing), "count"),
                self._number(row["error_rate"], "ratio"),
                self._cause(cause),
            ]
            for row, cause in worst
        ]
        return self._table(
            self._("Worst failures"),
            [
                self._("Where"), self._("Failures"), self._("Week before"),
                self._("Share that failed"), self._("Most often"),
            ],
            rows,
            self._("Nothing failed."),
            words=(0, 4),
        )  # fmt: skip

    def incidents(self) -> Table:
        """Alerts that were firing in the week."""
        found = self._facts.answers["incidents"].rows
        rows = [self._incident(row) for row in found[:_MAX_INCIDENTS]]
        more = len(found) - len(rows)
        return self._table(
            self._("Incidents"),
            [self._("Fired"), self._("Over"), self._("What"), self._("Worst"), self._("Limit")],
            rows,
            self._("None recorded. Alerts are evaluated while cortex-otel serve runs."),
            note=self._("{count} more", count=more) if more else "",
            words=(0, 1, 2),
        )

    def _incident(self, row: Row) -> list[_Cell]:
        unit = _UNITS.get(row["rule"], "")
        what = legible(label_of("rule", str(row["rule"]), self._language))
        if row["subject"]:
            what = f"{what}: {legible(str(row['subject']))}"
        return [
            {"text": self._moment(row["fired"])},
            {"text": self._moment(row["resolved"]) if row["resolved"] else self._("not yet")},
            {"text": what},
            {"text": self._numbers.value(row["value"], unit) if unit else NONE},
            {"text": self._numbers.value(row["threshold"], unit) if unit else NONE},
        ]

    def _moment(self, at_ns: int) -> str:
        zone = self._facts.zone
        day = zone.day_of(at_ns)
        clock = zone.iso(at_ns)[11:16]
        return f"{self._numbers.weekday(day)} {self._numbers.day(day)} {clock}"

    def _cause(self, cause: Row) -> _Cell:
        if not cause:
            return {"text": NONE}
        name = legible(label_of("error_type", str(cause["error_type"]), self._language))
        return {"text": f"{name} ({self._numbers.value(cause['share'], 'ratio')})"}

    def _change(self, now: float, before: float) -> _Cell:
        change = self._numbers.delta(now, before, "count")
        if change is None:
            return {"text": self._("new")}
        return {"text": f"{'▲' if change[1] > 0 else '▼'} {change[0]}"}

    def _number(self, value: float | None, unit: str) -> _Cell:
        return {"text": self._numbers.value(value, unit)}

    def _table(
        self,
        title: str,
        columns: list[str],
        rows: list[list[_Cell]],
        empty: str,
        *,
        note: str = "",
        words: tuple[int, ...] = (0,),
    ) -> Table:
        return {
            "title": title,
            "columns": [
                {"title": name, "is_word": index in words} for index, name in enumerate(columns)
            ],
            "rows": rows,
            "note": note if rows else "",
            "empty": "" if rows else empty,
        }


def _name(name: str) -> _Cell:
    return {"text": legible(name) or NONE, "kind": "name"}


def _place(row: Row) -> tuple[str, str]:
    return row["event_type"], row["tool_name"] or ""
