"""Names of spans, tools and scopes as rows carry them: clean, and few in one process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

__all__ = ["MOST", "OTHER", "Names"]

#: Distinct names one process may store; a name beyond is stored as :data:`OTHER`.
MOST: Final = 2000
OTHER: Final = "_OTHER"
_LONGEST_REMEMBERED = 256
_HTTP_ROUTE = "http.route"
# What ends the name of a span may be what was asked for, a path or a URI, and so anyone's.
_PATH = re.compile(r"(?:^| )(?:\.{0,2}[\\/]|~|[A-Za-z]:[\\/]|\S*://).*", re.DOTALL)


class Names:
    """The names of one process.

    Args:
        clean: redacts a name.
    """

    def __init__(self, clean: Callable[[str], str]) -> None:
        self._clean = clean
        self._stored: set[str] = set()
        self._spans: dict[tuple[str, str], str] = {}
        self._scopes: dict[tuple[str, str | None], str] = {}

    def bounded(self, name: str) -> str:
        """``name``, unless this process has already stored too many different ones."""
        if name in self._stored:
            return name
        if len(self._stored) >= MOST:
            return OTHER
        self._stored.add(name)
        return name

    def of(self, name: str) -> str:
        """Redacted and bounded."""
        return self.bounded(self._clean(name))

    def of_span(self, name: str, tool_name: str, attributes: Mapping[str, object]) -> str:
        """What was done, without what it was done to, unless that is a tool, prompt or route.

        Args:
            name: the span's; mcp 2 and HTTP instrumentations put there what was asked for.
            tool_name: redacted and bounded; ``""`` if it is no tool's span.
            attributes: redacted attributes of the span.
        """
        known = self._spans.get((name, tool_name))
        if known is not None:
            return known
        name = str.__str__(name)
        verb, _, target = name.partition(" ")
        if tool_name and verb in (sc.METHOD_TOOLS_CALL, sc.OPERATION_EXECUTE_TOOL):
            safe = f"{verb} {tool_name}"
        elif verb == attributes.get(sc.MCP_METHOD_NAME):
            is_prompt = target != "" and target == attributes.get(sc.GEN_AI_PROMPT_NAME)
            safe = self.of(name if is_prompt else verb)
        elif (route := attributes.get(_HTTP_ROUTE)) and route in (target, name):
            safe = self.of(name)
        else:
            safe = self.of(_PATH.sub("", name))
        if len(self._spans) < MOST and len(name) <= _LONGEST_REMEMBERED:
            self._spans[name, tool_name] = safe
        return safe

    def of_instrument(self, text: str) -> str:
        """A metric's name or unit, redacted and bounded; neither is a path."""
        return self.bounded(self._placeless(text))

    def _placeless(self, text: str) -> str:
        return self._clean(_PATH.sub("", text))

    def of_scope(self, scope: InstrumentationScope | None) -> str:
        """``name@version``; ``""`` without a scope."""
        if scope is None:
            return ""
        key = (scope.name, scope.version)
        found = self._scopes.get(key)
        if found is None:
            version = f"@{self._placeless(scope.version)}" if scope.version else ""
            found = self.bounded(self._placeless(scope.name) + version)
            if len(self._scopes) < MOST:
                self._scopes[key] = found
        return found
