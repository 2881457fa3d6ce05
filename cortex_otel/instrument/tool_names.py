"""The names of tools and prompts that a server really has.

A client may ask for anything. A name is recorded only if the server has told it in a list, knows it
by itself, or has answered it with success. What isn't known stays out of span names, rows and
metrics, so that they hold neither secrets of a client nor more values than the server has tools.

What the server has told is its own, and declared to the budget of names. What it has only answered
may be whatever a client made up, where one tool stands for any name: of those the last ones are
known, and they take no place of the others.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from cortex_otel import semconv as sc
from cortex_otel.process.budget import declare

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ToolNames", "tool_names_of"]

#: Names of each kind that one server may have told, and that it may have answered: the last ones.
MAX_NAMES: Final = 2000
_MAX_NAME_LENGTH = 256
_DECLARED: Final = {sc.METHOD_TOOLS_CALL: "tool", sc.METHOD_PROMPTS_GET: "prompt"}


class ToolNames:
    """The known names of one server."""

    __slots__ = ("_answered", "_told")

    def __init__(self) -> None:
        self._told: dict[str, OrderedDict[str, None]] = {}
        self._answered: dict[str, OrderedDict[str, None]] = {}

    def has(self, method: str, name: str) -> bool:
        """Whether ``name`` may be recorded for ``method`` (``tools/call`` …)."""
        names = self._told.get(method)
        if names is not None and name in names:
            return True
        names = self._answered.get(method)
        return names is not None and name in names

    def has_any(self, method: str) -> bool:
        """Whether names for ``method`` are known at all."""
        return bool(self._told.get(method) or self._answered.get(method))

    def learn(self, method: str, names: Iterable[object]) -> None:
        """Remember what the server says it has."""
        new = _add(self._told, method, names)
        if new and method in _DECLARED:
            declare(_DECLARED[method], new)

    def answered(self, method: str, name: str) -> None:
        """Remember what the server has answered as if it had it."""
        if not self.has(method, name):
            _add(self._answered, method, (name,))


def _add(
    known: dict[str, OrderedDict[str, None]], method: str, names: Iterable[object]
) -> list[str]:
    """Add ``names``, which may be anything; those that were new."""
    of_method = known.setdefault(method, OrderedDict())
    new = []
    for name in names:
        if type(name) is str and 0 < len(name) <= _MAX_NAME_LENGTH and name not in of_method:
            of_method[name] = None
            new.append(name)
            if len(of_method) > MAX_NAMES:
                of_method.popitem(last=False)
    return new


_servers: WeakKeyDictionary[object, ToolNames] = WeakKeyDictionary()


def tool_names_of(server: object) -> ToolNames:
    """The names of ``server``, which is kept alive by nobody here."""
    try:
        found = _servers.get(server)
        if found is None:
            found = _servers[server] = ToolNames()
    except TypeError:  # a subclass of the host's, that can't be a key or referred to weakly
        return ToolNames()
    return found
