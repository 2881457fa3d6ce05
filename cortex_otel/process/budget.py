"""How many different names of a kind may reach the store, and how that recovers after a flood.

What a budget protects is the store: each new name is a row of a dimension table and, with each
hour it is used in, one of several roll-ups, for ever. What a process remembers of names is bounded
as well, but that alone would let any number of them through in time.

* Each kind has a budget of its own, so that span names with a literal in them take no tool's place.
* Each sender has budgets of its own (see :mod:`cortex_otel.receive.senders`).
* A name that is known is free. A new one costs a token; there are ``at_once`` of them at the start,
  and ``a_day`` more come back each day, so that what a sender can add to the store is bounded by
  the day, whatever it sends.
* The last quarter of the tokens is for names that come again: a flood of names that each come once
  leaves them to the names that are in use.
* The ``at_once`` names that were used last are known, and perhaps as many again. Older ones are
  forgotten, and would cost a token if they came back.
* What the product itself declares (typed events, its metrics, tools that a server has listed or
  that are decorated, configured services) costs nothing and is never refused.
"""

from __future__ import annotations

import builtins
import os
import time
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel import semconv as sc
from cortex_otel.process.allow_list import ERROR_WORDS
from cortex_otel.process.redact import clean_name
from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping

__all__ = ["LIMITS", "OTHER", "Budget", "Limit", "declare", "is_declared"]

#: What a name is stored as that was one too many.
OTHER: Final = "_OTHER"


class Limit(NamedTuple):
    """The budget of one kind of name, of one sender."""

    at_once: int
    """Different names that are certainly known at the same time; so many are new at the start."""
    a_day: int
    """New names a day, after those."""


#: A large server has some hundred tools, and a large application some hundred routes, metrics or
#: classes of error: ten times that is a mistake. Projects and branches belong to people, of whom a
#: sender may have a thousand. Of combinations few occur: a hundred tools with four tiers and ten
#: results make four thousand, for which there is room beside floods of all other kinds.
LIMITS: Final[Mapping[str, Limit]] = {
    "sender": Limit(32, 32),  # those with budgets of their own: some MB each, of one that floods
    "service": Limit(100, 50),
    "tool": Limit(1000, 500),
    "prompt": Limit(1000, 500),
    "feature": Limit(1000, 500),
    # Features that are free text of an event each: one must not starve the others.
    "category": Limit(1000, 500),
    "element": Limit(1000, 500),
    "language": Limit(100, 50),
    "method": Limit(200, 50),
    "route": Limit(1000, 500),
    "span": Limit(2000, 1000),
    "event": Limit(500, 250),  # log-based ones beside the product's
    "scope": Limit(500, 250),
    "metric": Limit(1000, 500),
    "unit": Limit(200, 50),
    "error": Limit(500, 250),
    "code": Limit(100, 50),
    "protocol": Limit(20, 10),
    "resource": Limit(200, 200),
    "platform": Limit(500, 250),
    "project": Limit(5000, 5000),
    "branch": Limit(5000, 5000),
    "attributes": Limit(2000, 2000),  # JSON objects; those too many are kept with their events
    "series": Limit(14_000, 7000),  # combinations of all product dimensions
}
_SECONDS_A_DAY: Final = 86_400.0
_RESERVE: Final = 4  # a quarter of the tokens is for names that come again
_MAX_SEEN: Final = 1024  # refused names remembered, to tell those that come again
_MAX_DECLARED, _MAX_DECLARED_LENGTH = 2000, 256

_OWN_SPANS: Final = frozenset({*sc.EVENT_TYPES, "log"})
_OWN_METRICS: Final = frozenset({sc.MCP_SERVER_OPERATION_DURATION, sc.MCP_SERVER_SESSION_DURATION})
_BUILT_IN_ERRORS: Final = frozenset(
    name
    for name, one in vars(builtins).items()
    if isinstance(one, type) and issubclass(one, BaseException)
)
_OWN: Final[Mapping[str, frozenset[str]]] = {
    "service": frozenset(sc.SERVICES),
    "span": _OWN_SPANS,
    "event": _OWN_SPANS,
    "method": frozenset({sc.METHOD_TOOLS_CALL, sc.METHOD_PROMPTS_GET, sc.METHOD_RESOURCES_READ}),
    "metric": _OWN_METRICS,
    "unit": frozenset({"s", "1"}),
    "error": ERROR_WORDS | _BUILT_IN_ERRORS,
    "feature": frozenset(word for _, words in sc.FEATURE_WORDS.values() for word in words.values()),
}
_all: weakref.WeakSet[Budget] = weakref.WeakSet()
_declared: dict[str, set[str]] = {"tool": set(), "prompt": set()}


def declare(kind: str, names: Iterable[object]) -> None:
    """Say that this process's program has these: they are never refused.

    Args:
        kind: ``tool`` or ``prompt``.
        names: as the program calls them; what is no short text is left out. Beyond 2,000 of a kind
            they are names like others.
    """
    declared = _declared[kind]
    for name in names:
        if (
            isinstance(name, str)
            and len(name) <= _MAX_DECLARED_LENGTH
            and len(declared) < _MAX_DECLARED
            and name not in declared
        ):
            declared.add(clean_name(str.__str__(name)))


def is_declared(kind: str, name: Hashable) -> bool:
    """Whether the product itself has ``name``."""
    return name in _OWN.get(kind, ()) or name in _declared.get(kind, ())


class Budget:
    """The names of one kind and one sender.

    Args:
        kind: one of :data:`LIMITS`.
        given: names beside the declared ones that cost nothing.
        on_turn: called when names that weren't used of late have been forgotten. Who remembers
            what became of names forgets it then too: else those in use would seem not to be.
        clock: seconds that only go forward.
    """

    __slots__ = (
        "__weakref__", "_clock", "_given", "_kind", "_limit", "_lock", "_older", "_on_turn",
        "_seen", "_since", "_tokens", "known",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        given: Collection[Hashable] = (),
        on_turn: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kind = kind
        self._limit = LIMITS[kind]
        self._given = given
        self._on_turn = on_turn
        self._clock = clock
        self._tokens = float(self._limit.at_once)
        self._since = clock()
        self._seen: OrderedDict[Hashable, None] = OrderedDict()
        self._older: dict[Hashable, None] = {}
        self.known: dict[Hashable, None] = {}
        """Names used of late: the one look-up that a name usually costs."""
        self.renew_lock()
        _all.add(self)

    def renew_lock(self) -> None:
        """In a forked child another thread of the parent may have held it."""
        # Re-entrant: a signal handler or finalizer may record something in the middle.
        self._lock = native.RLock()

    def admits(self, name: Hashable) -> bool:
        """Whether ``name`` may be stored."""
        return name in self.known or self._admit(name)

    def holds(self, name: Hashable) -> bool:
        """Whether ``name`` has been admitted and not been forgotten."""
        return name in self.known or name in self._older

    def has(self, name: Hashable) -> bool:
        """Whether ``name`` costs nothing, now; asking costs nothing either and leaves no trace."""
        return self.holds(name) or name in self._given or is_declared(self._kind, name)

    def _admit(self, name: Hashable) -> bool:
        with self._lock:
            if not (self.has(name) or self._pays(name)):
                return False
            is_turn = len(self.known) >= self._limit.at_once
            if is_turn:
                self._older, self.known = self.known, {}
            self.known[name] = None
        if is_turn:
            self._on_turn()
        return True

    def _pays(self, name: Hashable) -> bool:
        limit, now = self._limit, self._clock()
        earned = (now - self._since) * limit.a_day / _SECONDS_A_DAY
        self._tokens = min(float(limit.at_once), self._tokens + earned)
        self._since = now
        comes_again = name in self._seen
        if self._tokens >= 1 + (0 if comes_again else limit.at_once // _RESERVE):
            self._tokens -= 1
            self._seen.pop(name, None)
            return True
        self._seen[name] = None
        self._seen.move_to_end(name)
        if len(self._seen) > _MAX_SEEN:
            self._seen.popitem(last=False)
        return False


def _after_fork_in_child() -> None:
    for budget in list(_all):
        budget.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
