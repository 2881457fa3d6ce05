"""Generates the synthetic users: their attributes, when they work, upgrades and churn.

Every choice comes from one seeded generator, so the same seed generates the same users.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

__all__ = ["FLAG", "User", "happens", "make_users", "one_of"]

_T = TypeVar("_T")

#: The experiment some of them are in, and its arms.
FLAG = ("smart-context-v2", ("control", "treatment"))

_BEFORE = 0.55  # share of users who were present before the first day
_TIERS = (("free", 76), ("trial", 10), ("paid", 10), ("enterprise", 4))
_ZONES = ((540, 82), (60, 6), (-300, 12))  # Seoul, Berlin, New York; minutes ahead of UTC
_IDES = (("vscode", 52), ("cursor", 26), ("windsurf", 9), ("vscodium", 7), ("vscode-insiders", 6))
_SYSTEMS = (("darwin", 46), ("windows", 34), ("linux", 20))
_CLIENTS = (("claude-code", 48), ("cursor-vscode", 30), ("windsurf", 8), ("codex-mcp-client", 14))
_TRIAL_DAYS = 14


@dataclass(frozen=True, slots=True)
class User:
    """One user; days count from the first one of the data, and may be negative."""

    user_hash: str
    utc_offset_minutes: int
    activity: float
    """Relative number of sessions per working day."""
    tiers: tuple[tuple[int, str], ...]
    """First day of each tier, in order."""
    present: tuple[tuple[int, int], ...]
    """Ranges of days with the product; a gap is a user who left and returned."""
    uses_mcp: bool
    uses_extension: bool
    tries_only: bool
    """Installed the extension, used it once, never returned."""
    os: str
    ide: str
    client: str
    project: str
    arm: str
    """The arm of the experiment; empty if not in it."""

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


def make_users(count: int, days: int, seed: int, choose: random.Random) -> Sequence[User]:
    """``count`` users of ``days`` days.

    Args:
        count: how many.
        days: length of the data.
        seed: part of their hashes.
        choose: the random generator.
    """
    return [_make_user(f"cortex-otel demo {seed}/{each}", days, choose) for each in range(count)]


def _make_user(name: str, days: int, choose: random.Random) -> User:
    was_present = happens(_BEFORE, choose)
    # An exponent below 1 shifts the uniform distribution to the end: more users join each week.
    joined = -1 if was_present else int(days * choose.random() ** 0.8)
    activity = min(choose.paretovariate(1.25), 25.0)
    tier = one_of(_TIERS, choose)
    mcp_only, both = happens(0.22, choose), happens(0.82, choose)
    uses_extension = not mcp_only
    tries_only = uses_extension and not was_present and happens(0.16, choose)
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
        start = joined + int(choose.expovariate(1 / 12))
        history.append((start, "trial"))
        tier = "trial"
    if tier == "trial":
        end = history[-1][0] + _TRIAL_DAYS
        history.append((end, "paid" if happens(0.38, choose) else "free"))
    elif tier == "free" and happens(min(0.3, 0.035 * activity), choose):
        history.append((joined + 1 + int(choose.expovariate(1 / 18)), "paid"))
    if history[-1][1] == "paid" and happens(0.13, choose):
        quit_day = history[-1][0] + 20 + int(choose.expovariate(1 / 25))
        history.append((quit_day, "free"))
        if happens(0.25, choose):  # and back again: one conversion, not two
            history.append((quit_day + 10 + choose.randrange(15), "paid"))
    return tuple((day, tier) for day, tier in history if day < days)


def _present(
    joined: int, days: int, activity: float, choose: random.Random
) -> tuple[tuple[int, int], ...]:
    end = days + 1
    if not happens(0.46 / activity**0.5, choose):
        return ((joined, end),)
    quit_day = max(joined, 0) + 2 + int(choose.expovariate(1 / 20))
    if quit_day >= days:
        return ((joined, end),)
    return_day = quit_day + 21 + choose.randrange(30)
    if happens(0.2, choose) and return_day < days:
        return ((joined, quit_day), (return_day, end))
    return ((joined, quit_day),)


def one_of(choices: Sequence[tuple[_T, int]], choose: random.Random) -> _T:
    """A random value from pairs of value and weight."""
    return choose.choices([value for value, _ in choices], [weight for _, weight in choices])[0]


def happens(share: float, choose: random.Random) -> bool:
    """``True`` with probability ``share``."""
    return choose.random() < share
