"""What people ask an ordered question with: steps, window, order; checked, with advice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from cortex_otel.locale import N_
from cortex_otel.query.errors import QueryParameterError
from cortex_otel.semconv import TIERS
from cortex_otel_exporters.record import OTHER_EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "MAX_STEPS",
    "VARIANT",
    "FunnelParameters",
    "Step",
    "event_step",
    "funnel_parameters",
    "parse_steps",
    "step_texts",
]

MAX_STEPS: Final = 6
_MAX_WITHIN_S: Final = 10 * 366 * 86_400
_NS: Final = 10**9
_MAX_LENGTH: Final = 200
_EVENT = re.compile(r"(?P<event_type>[a-z][a-z0-9_]*(\.[a-z0-9_]+)*)(:(?P<feature>\S.*))?")

Order = Literal["ordered", "any", "strict"]
VARIANT: Final = "variant:"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: an event type, perhaps with one feature of it, or a tier that is reached."""

    text: str
    event_type: str = ""
    feature: str | None = None
    """``None``: any."""
    tier: str = ""

    @property
    def rank(self) -> int:
        """Place of the tier among the tiers, from 0; -1 for an event."""
        return TIERS.index(self.tier) if self.tier else -1


@dataclass(frozen=True, slots=True)
class FunnelParameters:
    """A funnel that can be answered."""

    steps: tuple[Step, ...]
    excluded: tuple[Step, ...]
    within_ns: int
    order: Order
    breakdown: str
    """As asked for; ``variant`` for one of a flag."""
    flag: str
    """Of the breakdown ``variant``."""
    from_ns: int
    to_ns: int
    as_of_ns: int
    """0: the end of the range or the newest event, whichever is later."""
    service: str
    user_tier: str


def step_texts(text: str) -> list[str]:
    """The steps in ``text``: a JSON array of texts, or joined by ``' > '``.

    Raises:
        QueryParameterError: it is neither.
    """
    text = text.strip()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise QueryParameterError(
                N_('steps {value!r} isn\'t a JSON array of texts: write ["first", "second"]'),
                value=text[:_MAX_LENGTH],
                parameter="steps",
            )
        return [each.strip() for each in found]
    return [each.strip() for each in text.split(" > ")] if text else []


def parse_steps(text: str) -> tuple[Step, ...]:
    """Each step in ``text``.

    Raises:
        QueryParameterError: one of them can't be understood.
    """
    return tuple(_step(each) for each in step_texts(text))


def event_step(text: str, name: str) -> Step | None:
    """The one event or feature in ``text``; ``None`` if it is empty.

    Args:
        text: as a step of a funnel.
        name: of the parameter, for the error.

    Raises:
        QueryParameterError: it is no event.
    """
    if not text.strip():
        return None
    step = _step(text.strip())
    if step.tier:
        raise QueryParameterError(
            N_(
                "{name}={value!r} is a tier: choose an event type like mcp.tool_call, or leave it "
                "empty for any activity"
            ),
            name=name,
            value=text,
            parameter=name,
        )
    return step


def _step(text: str) -> Step:
    match = _EVENT.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise QueryParameterError(
            N_(
                "{value!r} isn't a step: use an event type (mcp.search_context), a feature of one "
                "(mcp.tool_call:search_context) or a tier (tier:paid)"
            ),
            value=text[:_MAX_LENGTH],
            parameter="steps",
        )
    event_type, feature = match["event_type"], match["feature"]
    if event_type == "tier":
        if feature not in TIERS:
            raise QueryParameterError(
                N_("{value!r} isn't a tier: use {known}"),
                value=text,
                known=", ".join(f"tier:{each}" for each in TIERS),
                parameter="steps",
            )
        return Step(text, tier=feature)
    if event_type in OTHER_EVENT_TYPES:
        raise QueryParameterError(
            N_("{value!r} isn't use of the product: choose another event type"),
            value=text,
            parameter="steps",
        )
    return Step(text, event_type, feature)


def funnel_parameters(values: Mapping[str, Any]) -> FunnelParameters:
    """The values of a funnel's parameters, checked.

    Raises:
        QueryParameterError: they can't be answered; the message says what to change.
    """
    steps, excluded = parse_steps(values["steps"]), parse_steps(values["exclude"])
    within_s, order = values["within_s"], values["order"]
    if not steps:
        raise QueryParameterError(
            N_("a funnel needs steps: name at least one, like mcp.search_context > tier:paid"),
            parameter="steps",
        )
    if len(steps) > MAX_STEPS:
        raise QueryParameterError(
            N_("a funnel has at most {count} steps: leave some out"),
            count=MAX_STEPS,
            parameter="steps",
        )
    if not 0 < within_s <= _MAX_WITHIN_S:
        raise QueryParameterError(
            N_("within_s={value} isn't a window: it is longer than 0 s and at most ten years"),
            value=within_s,
            parameter="within_s",
        )
    _check_tiers(steps, excluded, order)
    _check_events(steps, excluded, order)
    breakdown, flag = _breakdown(values["breakdown"])
    return FunnelParameters(
        steps=steps,
        excluded=excluded,
        within_ns=within_s * _NS,
        order=cast("Order", order),
        breakdown=breakdown,
        flag=flag,
        from_ns=values["from_ns"],
        to_ns=values["to_ns"],
        as_of_ns=values["as_of_ns"],
        service=values["service"],
        user_tier=values["user_tier"],
    )


def _check_tiers(steps: Sequence[Step], excluded: Sequence[Step], order: str) -> None:
    if any(each.tier for each in excluded):
        raise QueryParameterError(
            N_("a tier can't be excluded: exclude event types, like ext.error"),
            parameter="exclude",
        )
    tiers = [each for each in steps if each.tier]
    if tiers and order == "strict":
        raise QueryParameterError(
            N_("a tier isn't an event, so nothing follows it at once: use order=ordered"),
            parameter="order",
        )
    if order == "any":
        return
    for before, after in pairwise(tiers):
        if after.rank <= before.rank:
            raise QueryParameterError(
                N_(
                    "{after} can't follow {before}: tiers are reached upwards, from free to trial, "
                    "paid and enterprise"
                ),
                before=before.text,
                after=after.text,
                parameter="steps",
            )


def _check_events(steps: Sequence[Step], excluded: Sequence[Step], order: str) -> None:
    texts = [each.text for each in steps]
    for each in excluded:
        if each.text in texts:
            raise QueryParameterError(
                N_("{value} is a step and excluded at once: take it out of one of them"),
                value=each.text,
                parameter="exclude",
            )
    if order == "any" and len(set(texts)) < len(texts):
        raise QueryParameterError(
            N_("in any order, a step can't be there twice: name it once, or use order=ordered"),
            parameter="steps",
        )


def _breakdown(text: str) -> tuple[str, str]:
    # The header of the question says what it can be.
    if text.startswith(VARIANT):
        return "variant", text.removeprefix(VARIANT)
    return text, ""
