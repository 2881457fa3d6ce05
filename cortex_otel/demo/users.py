"""Generates the synthetic users: their attributes, when they work, upgrades and churn.

Every choice comes from one seeded generator, so the same seed generates the same users. The chances
that a page is to find are in :mod:`.truths`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cortex_otel.demo.truths import TRUTHS
from cortex_otel.semconv import PAYING_TIERS

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

__all__ = ["User", "happens", "make_users", "make_visitors", "one_of"]

_T = TypeVar("_T")

_BEFORE = 0.42  # share of users who used the product before the first day
_TIERS = (("free", 72), ("trial", 14), ("paid", 10), ("enterprise", 4))
_ZONES = ((540, 82), (60, 6), (-300, 12))  # Seoul, Berlin, New York; minutes ahead of UTC
_IDES = (("vscode", 52), ("cursor", 26), ("windsurf", 9), ("vscodium", 7), ("vscode-insiders", 6))
_SYSTEMS = (("darwin", 46), ("windows", 34), ("linux", 20))
_CLIENTS = (("claude-code", 48), ("cursor-vscode", 30), ("windsurf", 8), ("codex-mcp-client", 14))
_TRIAL_DAYS = 14
_FIRST_WEEK = 7
_REGULAR = 1.0  # activity of somebody who is there most weeks


@dataclass(frozen=True, slots=True)
class User:
    """One user; days count from the first one of the data."""

    user_hash: str
    utc_offset_minutes: int
    activity: float
    """Relative number of sessions per working day; the median is 1."""
    tiers: tuple[tuple[int, str], ...]
    """First day of each tier, in order."""
    present: tuple[tuple[int, int], ...]
    """Ranges of days with the product; a gap is a user who left and returned."""
    certain: frozenset[int]
    """Days on which they work, whatever chance says: of arrival, return, a new tier."""
    installs: bool
    """Installed the extension on the first day."""
    uses_mcp: bool
    uses_extension: bool
    tries_only: bool
    """Installed the extension, opened it once at most, never returned."""
    discovers: bool
    """Uses the retaining tool in the first session."""
    is_hit: bool
    """Meets the costly error in the first session."""
    os: str
    ide: str
    client: str
    project: str
    variants: tuple[tuple[str, str], ...]
    """Flag and variant of each experiment they are in."""
    switches: bool
    """Sees the other variant after the first week."""

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

    def variants_on(self, day: int) -> Sequence[tuple[str, str]]:
        """Flag and variant of each experiment on a day."""
        if not self.switches or day < self.joined + _FIRST_WEEK:
            return self.variants
        one, other = TRUTHS.variants
        return [(flag, other if variant == one else one) for flag, variant in self.variants]

    def is_new_on(self, day: int) -> bool:
        """Whether that day is in the user's first week, with the day after it."""
        return day <= self.joined + _FIRST_WEEK


def make_users(count: int, days: int, seed: int, choose: random.Random) -> Sequence[User]:
    """``count`` users of ``days`` days.

    Args:
        count: how many.
        days: length of the data.
        seed: part of their hashes.
        choose: the random generator.
    """
    return [_make_user(f"cortex-otel demo {seed}/{each}", days, choose) for each in range(count)]


def make_visitors(count: int, days: int, seed: int, choose: random.Random) -> Sequence[User]:
    """``count`` users whom a launch brings: they install the extension, and never open it.

    An experiment on conversion needs thousands of users, and most of those who install something
    are like these.

    Args:
        count: how many.
        days: length of the data; the launch is in its second quarter, so that what they do within
            two weeks or a month is over.
        seed: part of their hashes.
        choose: the random generator.
    """
    return [
        _make_visitor(f"cortex-otel demo {seed}/visitor {each}", days, choose)
        for each in range(count)
    ]


def _make_visitor(name: str, days: int, choose: random.Random) -> User:
    day = min(days // 4 + int(choose.expovariate(8 / days)), days - 1)
    return User(
        user_hash=hashlib.sha256(name.encode()).hexdigest(),
        utc_offset_minutes=one_of(_ZONES, choose),
        activity=0.0,
        tiers=((day, "free"),),
        present=((day, day + 1),),
        certain=frozenset({day}),
        installs=True,
        uses_mcp=False,
        uses_extension=True,
        tries_only=True,
        discovers=False,
        is_hit=False,
        os=one_of(_SYSTEMS, choose),
        ide=one_of(_IDES, choose),
        client="",
        project="",
        variants=_variants(1.0, choose),
        switches=False,
    )


def _variants(share: float, choose: random.Random) -> tuple[tuple[str, str], ...]:
    """A variant of each experiment, for ``share`` of the users."""
    return tuple(
        (flag, choose.choice(TRUTHS.variants))
        for flag in (TRUTHS.winning_flag, TRUTHS.neutral_flag)
        if happens(share, choose)
    )


def _make_user(name: str, days: int, choose: random.Random) -> User:
    is_new = not happens(_BEFORE, choose)
    # An exponent below 1 shifts the uniform distribution to the end: more users join each week.
    joined = int(days * choose.random() ** 0.8) if is_new else 1 + int(choose.expovariate(1 / 2))
    joined = min(joined, days - 1)
    activity = min(choose.lognormvariate(0, 0.8), 6.0)
    tier = one_of(_TIERS, choose)
    mcp_only, both = happens(0.22, choose), happens(0.86, choose)
    uses_extension = not mcp_only
    tries_only = uses_extension and is_new and happens(0.08, choose)
    uses_mcp = not tries_only and (mcp_only or both)
    # Drawn independently of each other and, but for the error, of activity: what differs between
    # those who have it and those who don't is what it causes.
    discovers = uses_mcp and happens(TRUTHS.retaining_share, choose)
    is_hit = uses_mcp and happens(min(TRUTHS.costly_share * activity**0.5, 0.5), choose)
    variants = _variants(TRUTHS.in_experiment, choose)
    wins = (TRUTHS.winning_flag, TRUTHS.winning_variant) in variants
    chance = TRUTHS.upgrades * activity**0.3
    chance *= TRUTHS.winning_upgrades if wins else 1
    chance *= TRUTHS.costly_upgrades if is_hit else 1
    upgrades = not tries_only and happens(min(chance, 0.7), choose)
    tiers = _tiers(tier, joined, days, choose, upgrades=upgrades)
    stays = TRUTHS.retaining_stays if discovers else TRUTHS.stays * activity**0.15
    stays *= TRUTHS.costly_stays if is_hit else 1
    silent = activity > _REGULAR and happens(TRUTHS.falls_silent, choose)
    present = _present(joined, days, tiers, choose, stays=happens(stays, choose), silent=silent)
    if tries_only:
        present = ((joined, joined + 1),)
    starts = {day for day, _ in (*tiers, *present)}
    return User(
        user_hash=hashlib.sha256(name.encode()).hexdigest(),
        utc_offset_minutes=one_of(_ZONES, choose),
        activity=activity,
        tiers=tiers,
        present=present,
        certain=frozenset(starts),
        installs=is_new and uses_extension,
        uses_mcp=uses_mcp,
        uses_extension=uses_extension,
        tries_only=tries_only,
        discovers=discovers,
        is_hit=is_hit,
        os=one_of(_SYSTEMS, choose),
        ide=one_of(_IDES, choose),
        client=one_of(_CLIENTS, choose),
        project=f"project-{choose.randrange(10**6):06d}",
        variants=variants,
        switches=happens(TRUTHS.switches, choose),
    )


def _tiers(
    tier: str, joined: int, days: int, choose: random.Random, *, upgrades: bool
) -> tuple[tuple[int, str], ...]:
    history = [(joined, tier)]
    by_trial = happens(0.45 if upgrades else 0.12, choose)
    if tier == "free" and by_trial:
        history.append((joined + 1 + int(choose.expovariate(1 / 4)), "trial"))
    if history[-1][1] == "trial":
        end = history[-1][0] + _TRIAL_DAYS
        if upgrades:  # most don't wait for the end
            end -= choose.randrange(_TRIAL_DAYS - 2)
        history.append((end, "paid" if upgrades else "free"))
    elif tier == "free" and upgrades:
        history.append((joined + 1 + int(choose.expovariate(1 / 7)), "paid"))
    if history[-1][1] == "paid" and happens(TRUTHS.quits_paying, choose):
        quit_day = history[-1][0] + 16 + int(choose.expovariate(1 / 15))
        history.append((quit_day, "free"))
        if happens(0.25, choose):  # and back again: one conversion, not two
            history.append((quit_day + 10 + choose.randrange(15), "paid"))
    return tuple((day, tier) for day, tier in history if day < days)


def _present(
    joined: int,
    days: int,
    tiers: Sequence[tuple[int, str]],
    choose: random.Random,
    *,
    stays: bool,
    silent: bool,
) -> tuple[tuple[int, int], ...]:
    end = days + 1
    last_change = tiers[-1][0]
    if stays:
        quit_day = days - 14 - choose.randrange(8)
        if silent and max(joined, last_change) < quit_day - 35:  # was there for weeks
            return ((joined, quit_day),)
        return ((joined, end),)
    # Nobody leaves within the first week: in it, those who leave use the same as those who stay.
    quit_day = joined + _FIRST_WEEK + int(choose.expovariate(1 / 2))
    if happens(0.2, choose):
        quit_day += 7 + int(choose.expovariate(1 / 15))
    if tiers[-1][1] in PAYING_TIERS and last_change > joined:  # nobody pays and leaves at once
        quit_day = max(quit_day, last_change + 7 + int(choose.expovariate(1 / 8)))
    if quit_day >= days:
        return ((joined, end),)
    return_day = quit_day + 21 + choose.randrange(20)
    if happens(TRUTHS.resurrects, choose) and return_day < days:
        return ((joined, quit_day), (return_day, end))
    return ((joined, quit_day),)


def one_of(choices: Sequence[tuple[_T, int]], choose: random.Random) -> _T:
    """A random value from pairs of value and weight."""
    return choose.choices([value for value, _ in choices], [weight for _, weight in choices])[0]


def happens(share: float, choose: random.Random) -> bool:
    """``True`` with probability ``share``."""
    return choose.random() < share
