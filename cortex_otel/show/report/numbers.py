"""Numbers, durations and days as the web admin writes them (``static/js/format.js``)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from cortex_otel.locale import N_, texts

if TYPE_CHECKING:
    from cortex_otel.query.runner import Value

__all__ = ["NONE", "Numbers"]

NONE: Final = "–"
_MINUS: Final = "\N{MINUS SIGN}"

_KILO: Final = 1000
_MS: Final = (  # below this, in this unit, divided by this
    (_KILO, N_("ms"), 1),
    (120 * _KILO, N_("s"), _KILO),
    (7_200 * _KILO, N_("min"), 60 * _KILO),
    (3 * 86_400 * _KILO, N_("h"), 3_600 * _KILO),
)
_DAY_MS: Final = 86_400 * _KILO
_SMALL_MS: Final = 0.1
_WHOLE_MS: Final = 100
_SMALL_RATIO: Final = 0.001
_MIN_COMPACT: Final = 1000
#: Sizes of large numbers and their letters, which differ by language.
_COMPACT: Final = N_("1e9 B, 1e6 M, 1e3 K")
_MONTHS: Final = (
    N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun"),
    N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec"),
)  # fmt: skip
_WEEKDAYS: Final = (
    N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"),
)  # fmt: skip


class Numbers:
    """Writes numbers in one language.

    Args:
        language: ``en`` or ``ko``.
    """

    def __init__(self, language: str) -> None:
        self._ = texts(language).gettext

    def value(self, raw: Value, unit: str) -> str:
        """Any number of a column with that unit; a dash for none."""
        if not isinstance(raw, (int, float)):
            return NONE
        match unit:
            case "ratio":
                return self.ratio(raw)
            case "ms":
                return self.duration(raw)
            case "epoch_day":
                return self.day(_date(int(raw)))
        return _at_most(raw, 1)

    def ratio(self, raw: float) -> str:
        """A share in percent."""
        percent = Decimal(str(raw)) * 100
        if raw and abs(raw) < _SMALL_RATIO:
            return f"{_significant(percent, 2)}%"
        return f"{_at_most(percent, 1)}%"

    def duration(self, ms: float) -> str:
        """A duration with its unit, to three digits."""
        size = abs(ms)
        if 0 < size < _SMALL_MS:
            return f"{_significant(Decimal(str(ms)) * _KILO, 3)} {self._('µs')}"
        if _WHOLE_MS <= size < _KILO:
            return f"{_at_most(ms, 0)} {self._('ms')}"
        for below, unit, length in _MS:
            if size < below:
                value = Decimal(str(ms)) / length
                is_short = length <= _KILO
                return (
                    f"{_significant(value, 3) if is_short else _at_most(value, 1)} {self._(unit)}"
                )
        return f"{_at_most(Decimal(str(ms)) / _DAY_MS, 1)} {self._('d')}"

    def compact(self, raw: float) -> str:
        """A count for an axis: ``1.2K``."""
        for each in self._(_COMPACT).split(", ") if abs(raw) >= _MIN_COMPACT else ():
            size, letter = each.split(" ")
            if abs(raw) >= float(size):
                return f"{_at_most(Decimal(str(raw)) / Decimal(size), 1)}{letter}"
        return _at_most(raw, 1)

    def day(self, day: date) -> str:
        """A day without its year: ``Nov 16``."""
        month = self._(_MONTHS[day.month - 1])
        return self._("{month} {day}", month=month, day=day.day)

    def days(self, first: date, last: date) -> str:
        """From a day to another: ``Nov 16 – 22, 2026``."""
        month = self._(_MONTHS[first.month - 1])
        values = {"month": month, "day": first.day, "year": first.year}
        other = self._(_MONTHS[last.month - 1])
        until = {"other_month": other, "other_day": last.day, "other_year": last.year}
        if first.year != last.year:
            return self._(
                "{month} {day}, {year} – {other_month} {other_day}, {other_year}", **values, **until
            )
        if first.month != last.month:
            return self._("{month} {day} – {other_month} {other_day}, {year}", **values, **until)
        return self._("{month} {day} – {other_day}, {year}", **values, **until)

    def weekday(self, day: date) -> str:
        """Its name, short: ``Mon``."""
        return self._(_WEEKDAYS[day.weekday()])

    def delta(self, now: Value, before: Value, unit: str) -> tuple[str, int] | None:
        """A change as text and its direction; ``None`` if there is none to tell."""
        if not isinstance(now, (int, float)) or not isinstance(before, (int, float)):
            return None
        if unit == "ratio":
            points = _rounded(Decimal(str(now)) * 100 - Decimal(str(before)) * 100, 1)
            return f"{_signed(points)} {self._('pp')}", _sign(points)
        if before == 0:
            return (f"{_signed(Decimal(0))}%", 0) if now == 0 else None
        percent = (Decimal(str(now)) - Decimal(str(before))) / abs(Decimal(str(before))) * 100
        rounded = _rounded(percent, 1)
        return f"{_signed(rounded)}%", _sign(rounded)


def _date(epoch_day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=epoch_day)


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _plain(value: Decimal) -> str:
    """With thousands apart, without zeros behind, and with a real minus."""
    whole, _, fraction = f"{abs(value):,f}".partition(".")
    fraction = fraction.rstrip("0")
    text = f"{whole}.{fraction}" if fraction else whole
    return f"{_MINUS}{text}" if value < 0 and text != "0" else text


def _at_most(value: float | Decimal, places: int) -> str:
    return _plain(_rounded(Decimal(str(value)), places))


def _significant(value: float | Decimal, digits: int) -> str:
    exact = Decimal(str(value))
    return _plain(_rounded(exact, digits - 1 - exact.adjusted())) if exact else "0"


def _signed(value: Decimal) -> str:
    return f"+{_plain(value)}" if value > 0 else _plain(value)


def _sign(value: Decimal) -> int:
    return (value > 0) - (value < 0)
