"""The users of the made-up population: who they are, when they work, and what becomes of them.

Every choice comes from one seeded generator, so the same seed makes the same people.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

__all__ = ["FLAG", "User", "happens", "one_of", "people"]

_T = TypeVar("_T")

#: The experiment some of them are in, and its arms.
FLAG = ("smart-context-v2", ("control", "treatment"))

_BEFORE = 0.55  # of the people were there before the first day
_TIERS = (("free", 76), ("trial", 10), ("paid", 10), ("enterprise", 4))
_ZONES = ((540, 82), (60, 6), (-300, 12))  # Seoul, Berlin, New York; minutes ahead of UTC
_IDES = (("vscode", 52), ("cursor", 26), ("windsurf", 9), ("vscodium", 7), ("vscode-insiders", 6))
_SYSTEMS = (("darwin", 46), ("windows", 34), ("linux", 20))
_CLIENTS = (("claude-code", 48), ("cursor-vscode", 30), ("windsurf", 8), ("codex-mcp-client", 14))
_TRIAL_DAYS = 14


@dataclass(frozen=True, slots=True)
class User:
    """One user; days count from the first one of the population, and may lie before it."""

    user_hash: str
    utc_offset_minutes: int
    activity: float
    """Relative number of sittings a working day."""
    tiers: tuple[tuple[int, str], ...]
    """From which day in which tier, in order."""
    present: tuple[tuple[int, int], ...]
    """Stretches of days with the product; a gap is a user who left and came back."""
    uses_mcp: bool
    uses_extension: bool
    tries_only: bool
    """Installed the extension, looked at it once, never came back."""
    os: str
    ide: str
    client: str
    project: str
    arm: str
    """Of the experiment; empty if not in it."""

    @property
    def joined(self) -> int:
        """The first day."""
        return self.present[0][0]

    def tier_on(self, day: int) -> str:
        """The tier on a day."""
        tier = self.tiers[0][1]
        for since, later in self.tiers:
            if since <= day:
                tier = later
        return tier

    def is_present(self, day: int) -> bool:
        """Whether they use the product at all around that day."""
        return any(first <= day < last for first, last in self.present)


def people(count: int, days: int, seed: int, choose: random.Random) -> Sequence[User]:
    """``count`` users of ``days`` days.

    Args:
        count: how many.
        days: length of the time in which they are seen.
        seed: what their hashes are made of.
        choose: the source of all chance.
    """
    return [_person(f"cortex-otel demo {seed}/{each}", days, choose) for each in range(count)]


def _person(name: str, days: int, choose: random.Random) -> User:
    there_before = happens(_BEFORE, choose)
    # A power below 1 bends the even spread towards the end: each week more join.
    joined = -1 if there_before else int(days * choose.random() ** 0.8)
    activity = min(choose.paretovariate(1.25), 25.0)
    tier = one_of(_TIERS, choose)
    mcp_only, both = happens(0.22, choose), happens(0.82, choose)
    uses_extension = not mcp_only
    tries_only = uses_extension and not there_before and happens(0.16, choose)
    return User(
        user_hash=hashlib.sha256(name.encode()).hexdigest(),
        utc_offset_minutes=one_of(_ZONES, choose),
        activity=activity,
        tiers=_tiers(tier, max(joined, 0), days, activity, choose),
        present=((joined, joined + 1),) if tries_only else _present(joined, days, activity, choose),
        uses_mcp=not tries_only and (mcp_only or both),
        uses_extension=uses_extension,
        tries_only=tries_only,
        os=one_of(_SYSTEMS, choose),
        ide=one_of(_IDES, choose),
        client=one_of(_CLIENTS, choose),
        project=f"project-{choose.randrange(10**6):06d}",
        arm=choose.choice(FLAG[1]) if happens(0.5, choose) else "",
    )


def _tiers(
    tier: str, joined: int, days: int, activity: float, choose: random.Random
) -> tuple[tuple[int, str], ...]:
    history = [(joined, tier)]
    if tier == "free" and happens(0.2, choose):
        began = joined + int(choose.expovariate(1 / 12))
        history.append((began, "trial"))
        tier = "trial"
    if tier == "trial":
        ended = history[-1][0] + _TRIAL_DAYS
        history.append((ended, "paid" if happens(0.38, choose) else "free"))
    elif tier == "free" and happens(min(0.3, 0.035 * activity), choose):
        history.append((joined + 1 + int(choose.expovariate(1 / 18)), "paid"))
    if history[-1][1] == "paid" and happens(0.13, choose):
        left = history[-1][0] + 20 + int(choose.expovariate(1 / 25))
        history.append((left, "free"))
        if happens(0.25, choose):  # and back again: one conversion, not two
            history.append((left + 10 + choose.randrange(15), "paid"))
    return tuple((day, tier) for day, tier in history if day < days)


def _present(
    joined: int, days: int, activity: float, choose: random.Random
) -> tuple[tuple[int, int], ...]:
    end = days + 1
    if not happens(0.46 / activity**0.5, choose):
        return ((joined, end),)
    left = max(joined, 0) + 2 + int(choose.expovariate(1 / 20))
    if left >= days:
        return ((joined, end),)
    back = left + 21 + choose.randrange(30)
    if happens(0.2, choose) and back < days:
        return ((joined, left), (back, end))
    return ((joined, left),)


def one_of(choices: Sequence[tuple[_T, int]], choose: random.Random) -> _T:
    """A value out of pairs of value and weight."""
    return choose.choices([value for value, _ in choices], [weight for _, weight in choices])[0]


def happens(share: float, choose: random.Random) -> bool:
    """Whether something does that happens in a share of the cases."""
    return choose.random() < share
