"""The names of tools and prompts that a server really has.

A client may request any name. A name is recorded only if the server has listed it, has it in its
own registry, or has answered it with success. Unknown names stay out of span names, rows and
metrics, so that these contain neither secrets of a client nor more values than the server has
tools.

Listed names are the server's own, and are declared to the budget of names. Names that were only
answered may be made up by a client, if one tool accepts any name: only the last ones are kept, and
they don't displace listed ones.
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

#: Limit on listed and on answered names of each kind per server; the last ones are kept.
MAX_NAMES: Final = 2000
_MAX_NAME_LENGTH = 256
_DECLARED: Final = {sc.METHOD_TOOLS_CALL: "tool", sc.METHOD_PROMPTS_GET: "prompt"}


class ToolNames:
    """The known names of one server."""

    __slots__ = ("_answered", "_listed")

    def __init__(self) -> None:
        self._listed: dict[str, OrderedDict[str, None]] = {}
        self._answered: dict[str, OrderedDict[str, None]] = {}

    def has(self, method: str, name: str) -> bool:
        """Whether ``name`` may be recorded for ``method`` (``tools/call`` …)."""
        names = self._listed.get(method)
        if names is not None and name in names:
            return True
        names = self._answered.get(method)
        return names is not None and name in names

    def has_any(self, method: str) -> bool:
        """Whether names for ``method`` are known at all."""
        return bool(self._listed.get(method) or self._answered.get(method))

    def learn(self, method: str, names: Iterable[object]) -> None:
        """Remember the names that the server lists."""
        new = _add(self._listed, method, names)
        if new and method in _DECLARED:
            declare(_DECLARED[method], new)

    def answered(self, method: str, name: str) -> None:
        """Remember a name that the server has answered with success."""
        if not self.has(method, name):
            _add(self._answered, method, (name,))


def _add(
    known: dict[str, OrderedDict[str, None]], method: str, names: Iterable[object]
) -> list[str]:
    """Add ``names``, which may be of any type; returns the new ones."""
    names_of_method = known.setdefault(method, OrderedDict())
    new = []
    for name in names:
        if type(name) is str and 0 < len(name) <= _MAX_NAME_LENGTH and name not in names_of_method:
            names_of_method[name] = None
            new.append(name)
            if len(names_of_method) > MAX_NAMES:
                names_of_method.popitem(last=False)
    return new


_servers: WeakKeyDictionary[object, ToolNames] = WeakKeyDictionary()


def tool_names_of(server: object) -> ToolNames:
    """The names of ``server``, which is referred to weakly."""
    try:
        names = _servers.get(server)
        if names is None:
            names = _servers[server] = ToolNames()
    except TypeError:  # a subclass of the host's that isn't hashable or weakly referable
        return ToolNames()
    return names
