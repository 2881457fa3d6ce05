"""Chooses the tools of a session: planted calls, the typical path, and the rest by frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cortex_otel.demo.product import TOOLS
from cortex_otel.demo.truths import TRUTHS
from cortex_otel.demo.users import happens

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from cortex_otel.demo.users import User

__all__ = ["Choice", "opening", "tools"]

_NAMES, _WEIGHTS = tuple(TOOLS), tuple(tool.weight for tool in TOOLS.values())
_COMPRESSES, _FETCHES = "compress_context", ("search_context", "read_memory")
_GOES_ON = 0.88  # chance of each further step of the typical path


class Choice(NamedTuple):
    """The next tool."""

    tool: str
    error: str = ""
    """The error that the call surely fails with; empty: as such calls do."""


def opening(person: User, choose: random.Random, *, is_first: bool) -> Sequence[Choice]:
    """What a session with the tools begins with.

    Args:
        person: the user.
        choose: the random generator.
        is_first: whether it is the user's first session.
    """
    found: list[Choice] = []
    if happens(TRUTHS.typical_share, choose):
        for each in TRUTHS.typical_path:
            found.append(Choice(each))
            if not happens(_GOES_ON, choose):
                break
    if is_first and person.is_hit:
        found.append(Choice(TRUTHS.costly_tool, TRUTHS.costly_error))
    if is_first and person.discovers:
        found.append(Choice(TRUTHS.retaining_tool))
    return found


def tools(person: User, day: int, choose: random.Random, before: str) -> Iterator[Choice]:
    """What follows, without an end.

    Args:
        person: the user.
        day: the day of the data.
        choose: the random generator.
        before: the tool before; empty at the beginning.
    """
    keeps_away = person.is_new_on(day) and not person.discovers
    while True:
        if before == _COMPRESSES and happens(TRUTHS.fetched_again, choose):
            before = choose.choice(_FETCHES)
        else:
            before = choose.choices(_NAMES, _WEIGHTS)[0]
            if before == TRUTHS.retaining_tool and keeps_away:
                continue
        yield Choice(before)
