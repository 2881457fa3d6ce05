"""Names of spans, tools, scopes … as rows carry them: clean, and few of each kind."""

from __future__ import annotations

import re
import time
import weakref
from typing import TYPE_CHECKING, Final

from cortex_otel import semconv as sc
from cortex_otel.process.budget import LIMITS, OTHER, Budget, is_declared

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping

    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from cortex_otel.process.row_cache import RowCache
    from cortex_otel_exporters.record import Series

__all__ = ["OTHER", "Names"]

_MAX_REMEMBERED: Final = 2000
_MAX_REMEMBERED_LENGTH = 256
_NONE: Final[Mapping[str, Collection[str]]] = {}
# What ends the name of a span may be what was asked for, a path or a URI, and so anyone's.
_PATH = re.compile(r"(?:^| )(?:\.{0,2}[\\/]|~|[A-Za-z]:[\\/]|\S*://).*", re.DOTALL)


class Names:
    """The names of one process, or of one sender.

    A name beyond its kind's budget is stored as :data:`OTHER`: see :mod:`.budget`.

    Args:
        clean: redacts a name.
        count_overflowed: called with the kind of each name that was stored as :data:`OTHER`.
        given: by kind, names that cost nothing: what is configured, or in the store already.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        clean: Callable[[str], str],
        count_overflowed: Callable[[str], None] = lambda _: None,
        given: Mapping[str, Collection[str]] = _NONE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clean = clean
        self._count_overflowed = count_overflowed
        self._given = given
        self._budgets = {
            kind: Budget(kind, given.get(_column_of(kind), ()), self._forget, clock)
            for kind in LIMITS
        }
        self.series, self.contexts = self._budgets["series"], self._budgets["attributes"]
        """For who saves a call: it is their ``known`` that has the hash, as a rule."""
        self._spans: dict[tuple[str, str, str], str] = {}
        self._scopes: dict[tuple[str, str | None], str] = {}
        self._row_caches: weakref.WeakSet[RowCache] = weakref.WeakSet()
        self.last_overflow = object()
        """Another one each time: what was made in between isn't to be remembered, or it would
        outlive the flood. A number could be set back by another thread."""

    def bounded(self, kind: str, name: str) -> str:
        """``name``, which is redacted, unless it is one too many of its kind."""
        budget = self._budgets[kind]
        if name in budget.known or name == OTHER or budget.admits(name):
            return name
        self.last_overflow = object()
        self._count_overflowed(kind)
        return OTHER

    def has(self, kind: str, name: str) -> bool:
        """Whether ``name`` costs nothing, for who tells again what a row has: it pays nothing."""
        return self._budgets[kind].has(name)

    def admits(self, kind: str, what: Hashable, *, is_lost: bool = True) -> bool:
        """Whether ``what``, which is no name but of few values too, isn't one too many.

        Args:
            kind: of budget.
            what: a value or a combination of several.
            is_lost: count it as overflowed if it is refused.
        """
        # The hash in its place: some are long, and of two that share one the second is free.
        digest, budget = hash(what), self._budgets[kind]
        if digest in budget.known or budget.admits(digest):
            return True
        self.last_overflow = object()
        if is_lost:
            self._count_overflowed(kind)
        return False

    def of(self, kind: str, name: str) -> str:
        """Redacted and bounded."""
        return self.bounded(kind, self._clean(name))

    def of_feature(self, event_type: str, feature: str) -> str:
        """``feature``, which is redacted, unless it is one too many of its event type."""
        return self.bounded(sc.FEATURE_BUDGETS.get(event_type, "feature"), feature)

    def of_span(
        self, name: str, tool_name: str, attributes: Mapping[str, object], kind: str = "span"
    ) -> str:
        """What was done, without what it was done to, unless that is a tool, prompt or route.

        Args:
            name: the span's; mcp 2 and HTTP instrumentations put there what was asked for.
            tool_name: redacted and bounded; ``""`` if it is no tool's span.
            attributes: redacted attributes of the span.
            kind: of name, where it is none of these.
        """
        known = self._spans.get((name, tool_name, kind))
        if known is not None:
            return known
        name = str.__str__(name)
        last = self.last_overflow
        verb, _, target = name.partition(" ")
        if tool_name and verb in (sc.METHOD_TOOLS_CALL, sc.OPERATION_EXECUTE_TOOL):
            safe = f"{verb} {tool_name}"
        elif verb == attributes.get(sc.MCP_METHOD_NAME):
            safe = self.of("method", verb)
            if target and target == attributes.get(sc.GEN_AI_PROMPT_NAME):
                safe = self._clean(f"{safe} {self.bounded('prompt', target)}")
        elif (route := attributes.get(sc.HTTP_ROUTE)) and route in (target, name):
            safe = self.of("route", name)
        else:
            safe = self.of(kind, _PATH.sub("", name))
        if last is self.last_overflow and len(name) <= _MAX_REMEMBERED_LENGTH:
            if len(self._spans) >= _MAX_REMEMBERED:
                self._spans.clear()  # those in use come back at their next span
            self._spans[name, tool_name, kind] = safe
        return safe

    def of_metric(self, name: str) -> str:
        """A metric's name, redacted and bounded; it is no path."""
        return self.bounded("metric", self._placeless(name))

    def of_unit(self, unit: str) -> str:
        """A metric's unit, redacted and bounded; the same."""
        return self.bounded("unit", self._placeless(unit)) if unit else ""

    def _placeless(self, text: str) -> str:
        return self._clean(_PATH.sub("", text))

    def of_scope(self, scope: InstrumentationScope | None) -> str:
        """``name@version``; ``""`` without a scope."""
        if scope is None:
            return ""
        key = (scope.name, scope.version)
        found = self._scopes.get(key)
        if found is None:
            last = self.last_overflow
            version = f"@{self._placeless(scope.version)}" if scope.version else ""
            found = self.bounded("scope", self._placeless(scope.name) + version)
            is_short = len(scope.name) + len(scope.version or "") <= _MAX_REMEMBERED_LENGTH
            if last is self.last_overflow and is_short:
                if len(self._scopes) >= _MAX_REMEMBERED:
                    self._scopes.clear()
                self._scopes[key] = found
        return found

    def of_series(self, series: Series) -> Series:
        """``series``, or of a combination too many its tool or feature alone, if that is known.

        What is left are few combinations: one dimension with the names that cost nothing, beside
        those that have a handful of values.
        """
        if self.admits("series", series):
            return series
        tool = self._free("tool", series.tool_name)
        if series.feature == series.tool_name:
            feature = tool
        else:
            feature = OTHER if series.tool_name else self._free("feature", series.feature)
        is_calls = tool not in ("", OTHER) and series.name in (
            f"{sc.METHOD_TOOLS_CALL} {tool}",
            f"{sc.OPERATION_EXECUTE_TOOL} {tool}",
        )
        return series._replace(
            name=series.name if is_calls or is_declared("span", series.name) else OTHER,
            tool_name=tool,
            feature=feature,
            error_type=_declared_or_other("error", series.error_type),
        )

    def _free(self, kind: str, name: str) -> str:
        return name if name in self._given.get(kind, ()) else _declared_or_other(kind, name)

    def forget_with(self, row_cache: RowCache) -> None:
        """Have ``row_cache`` forget its rows when names are forgotten that weren't used of late."""
        self._row_caches.add(row_cache)

    def _forget(self) -> None:
        self._spans.clear()
        self._scopes.clear()
        for row_cache in list(self._row_caches):
            row_cache.forget()


def _column_of(kind: str) -> str:
    return "feature" if kind in sc.FEATURE_BUDGETS.values() else kind


def _declared_or_other(kind: str, name: str) -> str:
    return name if not name or is_declared(kind, name) else OTHER
