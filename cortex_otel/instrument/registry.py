"""The names of tools and prompts that a server really has.

A client may ask for anything. A name is recorded only if the server has told it in a list, knows it
by itself, or has answered it with success. What isn't known stays out of span names, rows and
metrics, so that they hold neither secrets of a client nor more values than the server has tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Known", "known_of"]

#: Names of each kind that one server may have; more are counted and go without a name.
MOST: Final = 2000
_LONGEST = 256

#: Names that were one too many, in this process.
overflowed = 0


class Known:
    """The known names of one server."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def has(self, method: str, name: str) -> bool:
        """Whether ``name`` may be recorded for ``method`` (``tools/call`` …)."""
        names = self._names.get(method)
        return names is not None and name in names

    def has_any(self, method: str) -> bool:
        """Whether names for ``method`` are known at all."""
        return bool(self._names.get(method))

    def learn(self, method: str, names: Iterable[object]) -> None:
        """Remember what the server has."""
        global overflowed  # noqa: PLW0603 - one process, one count
        known = self._names.setdefault(method, set())
        for name in names:
            if type(name) is not str or not 0 < len(name) <= _LONGEST or name in known:
                continue
            if len(known) >= MOST:
                overflowed += 1
            else:
                known.add(name)


_servers: WeakKeyDictionary[object, Known] = WeakKeyDictionary()


def known_of(server: object) -> Known:
    """The names of ``server``, which is kept alive by nobody here."""
    try:
        found = _servers.get(server)
        if found is None:
            found = _servers[server] = Known()
    except TypeError:  # a subclass of the host's, that can't be a key or referred to weakly
        return Known()
    return found
