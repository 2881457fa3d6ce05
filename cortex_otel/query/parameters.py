"""Parameters of questions: their types, bounds and defaults, and those that every question has.

What a line ``-- parameter: NAME TYPE DEFAULT MEANING`` may say: a TYPE is ``integer``, ``real`` or
``text``; ``integer:1..3650`` has bounds, ``on|on_or_after`` is a closed list of texts, in which
``variant:*`` is open behind, and ``weights`` are shares of an experiment's arms as JSON.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from cortex_otel.locale import N_, texts
from cortex_otel.query.titles import PARAMETER_TITLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["COMMON_PARAMETERS", "LISTS", "Parameter", "declared"]

ParameterType = Literal["integer", "real", "text"]

_PARTS = 4
LISTS = frozenset({"steps", "exclude"})
"""Names of parameters that are lists of steps."""
_SECONDS = "_s"
_PARSERS: dict[str, Callable[[str], int | float | str]] = {
    "integer": int,
    "real": float,
    "text": lambda text: text.strip("'"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a question."""

    name: str
    type: ParameterType
    default: int | float | str | None
    """``None``: the current time."""
    meaning: str
    """In English."""
    choices: tuple[str, ...] = ()
    """Of a closed list of texts: what it can be, beside its default; ``name:*`` is open behind."""
    bounds: tuple[float, float] | None = None
    """Of a number: the least and the most that it can be."""
    is_weights: bool = False
    """A JSON object of objects of numbers, by flag and variant."""

    @property
    def is_list(self) -> bool:
        """Whether it is a list of steps, which people give one by one."""
        return self.name in LISTS

    @property
    def is_span(self) -> bool:
        """Whether it is a time span in seconds, which people write as ``7d``."""
        return self.type == "integer" and self.name.endswith(_SECONDS)

    @property
    def asked_as(self) -> str:
        """What people call it: ``within`` of ``within_s``."""
        return self.name.removesuffix(_SECONDS) if self.is_span else self.name

    @property
    def title(self) -> str:
        """A few words for the label of a control, in English."""
        name = self.asked_as
        return PARAMETER_TITLES.get(name) or name.replace("_", " ").capitalize()

    def allows(self, value: float | str) -> bool:
        """Whether a value of its type may be its value."""
        if not isinstance(value, str):
            return self.bounds is None or self.bounds[0] <= value <= self.bounds[1]
        if self.is_weights:
            return value == self.default or _are_weights(value)
        if not self.choices or value == self.default or value in self.choices:
            return True
        begins = tuple(each[:-1] for each in self.choices if each.endswith("*"))
        return value.startswith(begins) and value not in begins

    @property
    def is_special(self) -> bool:
        """Whether it isn't one of the common parameters."""
        return self.name not in COMMON_PARAMETERS

    def title_in(self, language: str) -> str:
        """The title in ``language`` (``en``, ``ko``), else in English."""
        return texts(language).gettext(self.title)

    def meaning_in(self, language: str) -> str:
        """The meaning in ``language`` (``en``, ``ko``), else in English."""
        return texts(language).gettext(self.meaning)

    def parse(self, text: str) -> int | float | str:
        """``text`` as a value of this parameter's type.

        Raises:
            ValueError: it isn't one.
        """
        return _PARSERS[self.type](text)


COMMON_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        parameter.name: parameter
        for parameter in (
            Parameter("from_ns", "integer", 0, N_("start of the range, Unix ns, inclusive")),
            Parameter("to_ns", "integer", None, N_("end of the range, Unix ns, exclusive")),
            Parameter("service", "text", "", N_("one service; empty for all")),
            Parameter("user_tier", "text", "", N_("one tier; empty for all")),
            Parameter(
                "time_zone", "text", "UTC", N_("time zone of days and weeks, as IANA names it")
            ),
        )
    }
)
"""Parameters that every page passes to every question; a question declares those it uses."""


def declared(line: str) -> Parameter:
    """The parameter that a line of a header declares; of a common one, that is its name.

    Raises:
        ValueError: it isn't NAME TYPE DEFAULT MEANING.
    """
    if line in COMMON_PARAMETERS:
        return COMMON_PARAMETERS[line]
    name, kind, default, meaning = line.split(maxsplit=_PARTS - 1)
    choices = tuple(kind.split("|")) if "|" in kind or kind.endswith("*") else ()
    is_weights = kind == "weights"
    kind = "text" if choices or is_weights else kind
    kind, _, limits = kind.partition(":")
    if kind not in _PARSERS:
        raise ValueError(line)
    least, _, most = limits.partition("..")
    bounds = (float(least), float(most)) if limits else None
    parsed = _PARSERS[kind](default)
    return Parameter(name, kind, parsed, meaning, choices, bounds, is_weights)  # type: ignore[arg-type]


def _are_weights(text: str) -> bool:
    try:
        flags = json.loads(text)
        weights = [weight for variants in flags.values() for weight in variants.values()]
        return all(type(weight) in {int, float} and 0 <= weight < math.inf for weight in weights)
    except (ValueError, AttributeError):
        return False
