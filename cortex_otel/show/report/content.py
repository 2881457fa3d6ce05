"""What a report says, in one language: texts and numbers ready to be set, as plain data.

Everything that comes from the store passes :func:`~cortex_otel.show.report.letters.legible`, and
the template takes it as strings, which Typst doesn't read as markup.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from cortex_otel._version import __version__
from cortex_otel.locale import N_, texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.semconv import TARGETS
from cortex_otel.show.pages import PAGES
from cortex_otel.show.report.charts import Charts
from cortex_otel.show.report.facts import ASKED
from cortex_otel.show.report.letters import legible
from cortex_otel.show.report.numbers import NONE, Numbers
from cortex_otel.show.report.tables import Tables
from cortex_otel.show.sampling_note import count_note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.show.report.facts import Answer, Facts, Row

__all__ = ["content"]

_Part = dict[str, Any]

#: Cards, and whether more is better (1), worse (-1) or neither (0), as static/js/meaning.js has it.
_CARDS: Final = (
    ("people", "dau", 1), ("people", "wau", 1), ("people", "mau", 1), ("people", "stickiness", 0),
    ("totals", "events", 0), ("totals", "error_rate", -1), ("totals", "p95_ms", -1),
    ("totals", "sessions", 1),
)  # fmt: skip
#: Where the column's own title could mean the calls of the tools alone.
_TITLES: Final = {"p95_ms": N_("P95 of all events")}
_TARGET_CARDS: Final = (
    ("savings_rate", "token_savings_rate"),
    ("accuracy", "reference_accuracy"),
)
_TONES: Final = {1: "good", 0: "", -1: "bad"}
_ARROWS: Final = {1: "▲", 0: "=", -1: "▼"}
_PLACEHOLDER: Final = re.compile(r"(\{\w+\})")
_EPOCH: Final = date(1970, 1, 1)


def content(facts: Facts, language: str) -> dict[str, Any]:
    """The whole report, as JSON has it.

    Args:
        facts: from :func:`~cortex_otel.show.report.facts.gather`.
        language: ``en`` or ``ko``.
    """
    return _Writer(facts, language).content()


class _Writer:
    def __init__(self, facts: Facts, language: str) -> None:
        self._facts = facts
        self._language = language
        self._numbers = Numbers(language)
        self._texts = texts(language)
        self._ = self._texts.gettext
        self._monday = (facts.week.monday - _EPOCH).days

    def content(self) -> dict[str, Any]:
        """See :func:`content`."""
        facts, charts = self._facts, Charts(self._facts, self._language)
        tables = Tables(facts, self._language)
        title = self._("Weekly report")
        last = facts.week.next_monday - timedelta(days=1)
        days = self._numbers.days(facts.week.monday, last)
        written = facts.zone.day_of(facts.to_ns)
        savings, accuracy = (self._target(*each) for each in _TARGET_CARDS)
        return {
            "language": self._language,
            "date": [written.year, written.month, written.day],
            "document_title": f"Cortex · {title} · {facts.week.name}",
            "description": f"{title}, {days}, {facts.zone.name}",
            "title": title,
            "week": facts.week.name,
            "days": days,
            "zone": facts.zone.name,
            "notes": self._notes(),
            "answers": {
                "title": self._("The week in five sentences"),
                "sentences": self._sentences(),
            },
            "use": {"title": self._("Use"), "charts": [charts.days(), charts.weeks()]},
            "cards": [self._card(*each) for each in _CARDS],
            "quality": {
                "title": self._("Tool calls"),
                "tables": [tables.changed(), tables.slowest()],
            },
            "is_empty": facts.is_empty,
            "trouble": self._("Failures and incidents"),
            "failures": tables.failures(),
            "targets": {
                "title": self._("Targets"),
                "items": [
                    {**savings, "chart": charts.savings(TARGETS["token_savings_rate"])},
                    {**accuracy, "chart": charts.references(TARGETS["reference_accuracy"])},
                ],
            },
            "growth": {
                "title": self._("Conversion and cohorts"),
                "said": self._conversion(),
                "chart": charts.conversion(),
                "cohorts": charts.cohorts(),
            },
            "incidents": tables.incidents(),
            "foot": f"cortex-otel {__version__}",
            "explained": self._explained(),
            "page": self._("Page {number} of {total}"),
        }

    def _notes(self) -> list[str]:
        """What a reader must know before the numbers."""
        facts, found = self._facts, []
        if not facts.is_over:
            moment = facts.zone.iso(facts.to_ns)[11:16]
            day = facts.zone.day_of(facts.to_ns)
            until = f"{self._numbers.weekday(day)} {self._numbers.day(day)} {moment}"
            found.append(
                self._("This week isn't over: its numbers are as of {moment}.", moment=until)
            )
        if facts.is_empty:
            found.append(self._("Nothing was recorded in this week."))
        elif facts.answers["totals"].before is None:
            found.append(
                self._("The week before wasn't recorded as a whole: nothing is compared with it.")
            )
        if any(answer.is_widened for answer in facts.answers.values()):
            found.append(
                self._(
                    "Events at an end of the week aren't kept any more: whole hours are counted."
                )
            )
        sampling = facts.answers["totals"].sampling
        if sampling is not None and sampling["count"]:
            found.append(count_note(sampling, self._language) + ".")
        return found

    def _explained(self) -> str:
        """What comparisons mean, once for all."""
        return self._(
            "Days are those of {zone}. ▲ ▼ compare with the week before; ≈ is within what chance "
            "alone explains (95 %). Every number is that of the web admin for the same range.",
            zone=self._facts.zone.name,
        )

    # --- sentences ---

    def _sentences(self) -> list[list[_Part]]:
        if self._facts.is_empty:
            return []
        return [self._top(), self._failing(), self._latency(), self._converting(), self._leaving()]

    def _top(self) -> list[_Part]:
        wau = self._facts.answers["people"].row.get("wau") or 0
        row = dict(self._facts.answers["top_feature"].row)
        if not self._is_of_this_week(row):
            return self._of_the_overview("top_feature", "top_feature")
        row |= {"feature": _feature(str(row["feature"])), "wau": wau}
        text = self._texts.ngettext(
            "{wau} user was active. Most used: {feature}, by {share_of_active} ({users}).",
            "{wau} users were active. Most used: {feature}, by {share_of_active} ({users}).",
            round(wau),
        )
        return self._said(text, row, "top_feature", wau="count")

    def _failing(self) -> list[_Part]:
        row = self._facts.answers["failing"].row
        if not row:
            return [{"text": self._("Nothing failed.")}]
        text = self._(
            "Most failures were in {place}: {errors}, or {error_rate} of all that was done there. "
            "Users who met one: {users}."
        )
        return self._said(text, row, "failing")

    def _latency(self) -> list[_Part]:
        row = self._facts.answers["latency"].row
        if not self._is_of_this_week(row):
            return self._of_the_overview("latency", "latency")
        if row["p95_before_ms"] is None:
            return self._said(
                self._("95 % of the tool calls took at most {p95_ms}."), row, "latency"
            )
        text = self._(
            "95 % of the tool calls took at most {p95_ms}; in the week before, {p95_before_ms}."
        )
        return self._said(text, row, "latency")

    def _converting(self) -> list[_Part]:
        row = self._facts.answers["converting"].row
        if not row:
            return self._of_the_overview("conversion", "converting")
        text = self._(
            "First payments: {paid_users}. Of those who began unpaid in the week of {week}, "
            "{conversion_rate} came to pay within 30 days ({converted_users} of {eligible_users})."
        )
        return self._said(text, row, "converting")

    def _leaving(self) -> list[_Part]:
        row = self._facts.answers["leaving"].row
        if not self._is_of_this_week(row):
            return self._of_the_overview("left", "leaving")
        text = self._(
            "Active in the week before, and not in this one: {dormant_users} of {active_before} "
            "users. New: {new_users}."
        )
        return self._said(text, row, "leaving")

    def _is_of_this_week(self, row: Row) -> bool:
        return bool(row) and row["week"] == self._monday

    def _of_the_overview(self, panel_id: str, name: str) -> list[_Part]:
        """In the words of the page, which name the week: of one that isn't over, the last whole."""
        panel = next(panel for panel in PAGES["overview"].panels if panel.id == panel_id)
        row = dict(self._facts.answers[name].row)
        if not row:
            return [{"text": self._(panel.empty)}]
        if "feature" in row:
            row["feature"] = _feature(str(row["feature"]))
        return self._said(self._(panel.sentence), row, name)

    def _said(self, text: str, row: Row, name: str, **units: str) -> list[_Part]:
        """``text`` with the row's values in its placeholders, marked as such."""
        known = {each.name: each.unit for each in catalogue()[ASKED[name].question].columns}
        parts: list[_Part] = []
        for piece in _PLACEHOLDER.split(text):
            column = piece[1:-1] if _PLACEHOLDER.fullmatch(piece) else ""
            if not column:
                parts.append({"text": piece})
                continue
            unit, raw = {**known, **units}[column], row[column]
            shown = legible(str(raw)) if unit == "text" else self._numbers.value(raw, unit)
            parts.append({"text": shown, "is_value": True})
        return [part for part in parts if part["text"]]

    # --- cards ---

    def _card(self, name: str, column: str, better: int) -> dict[str, Any]:
        return self._number(self._facts.answers[name], ASKED[name].question, column, better)

    def _number(self, answer: Answer, question: str, column: str, better: int) -> dict[str, Any]:
        """A big number with its change."""
        declared = next(each for each in catalogue()[question].columns if each.name == column)
        now = answer.row.get(column)
        before = answer.before[0].get(column) if answer.before else None
        change = self._numbers.delta(now, before, declared.unit)
        said: dict[str, str] = {"change": "", "tone": "", "before": ""}
        if change is not None:
            text, direction = change
            known = answer.changes.get(column)
            is_chance = bool(known and known.within_error and direction)
            said = {
                "change": f"{'≈' if is_chance else _ARROWS[direction]} {text}",
                "tone": "" if is_chance else _TONES[direction * better],
                "before": self._(
                    "before: {value}", value=self._numbers.value(before, declared.unit)
                ),
            }
        elif now is not None:
            said["before"] = self._("no earlier data")
        return {
            "title": self._(_TITLES[column])
            if column in _TITLES
            else declared.title_in(self._language),
            "value": self._numbers.value(now, declared.unit) if now is not None else NONE,
            **said,
        }

    def _target(self, column: str, metric: str) -> dict[str, Any]:
        """A number beside its target."""
        target = TARGETS[metric]
        number = self._number(self._facts.answers["mcp"], ASKED["mcp"].question, column, 1)
        reached = self._facts.answers["mcp"].row.get(column)
        said = self._numbers.ratio(target)
        if reached is None:
            verdict, tone = self._("Target {value}", value=said), ""
        elif reached >= target:
            verdict, tone = self._("Target {value}: reached", value=said), "good"
        else:
            verdict, tone = self._("Target {value}: not reached", value=said), "bad"
        return {**number, "verdict": verdict, "verdict_tone": tone}

    def _conversion(self) -> list[_Part]:
        row: Mapping[str, Any] = self._facts.answers["conversion_total"].row
        if not row or row["conversion_rate"] is None:
            return [{"text": self._(_empty_conversion())}]
        text = self._(
            "Of {eligible_users} users who began unpaid in these 13 weeks, 30 days or more ago, "
            "{converted_users} came to pay: {conversion_rate} (95 % interval {low} to {high})."
            " Never active, having only installed the extension, say: {idle_users} of them."
            " Still within their 30 days: {pending_users}."
        )
        return self._said(text, dict(row), "conversion_total")


def _feature(feature: str) -> str:
    """A feature without its event type, which says little to a reader."""
    event_type, _colon, name = feature.partition(":")
    return name or event_type


def _empty_conversion() -> str:
    return next(panel.empty for panel in PAGES["overview"].panels if panel.id == "conversion")
