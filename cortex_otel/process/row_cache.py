"""Remembers what becomes of the spans that repeat: redaction is worked out once, not once a call.

Most of a span is the same from call to call: name, kind, tool, shape of the parameters. What the
row makes of that depends on these values and nothing else, so it is kept under exactly them. What
is new on each call (ids, numbers, free text, users) goes through redaction each time.

Only spans whose attributes are plain (:class:`cortex_otel.span.span.LeanSpan`) come here: exact
types, so that no look-up runs a method of the host, and ``True`` isn't taken for ``1``.
"""

from __future__ import annotations

import itertools
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cortex_otel import semconv as sc
from cortex_otel.process.allow_list import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from cortex_otel.identity import Resolved
    from cortex_otel_exporters.record import Record

__all__ = ["MAX_ROWS", "CachedRow", "RowCache", "SpanShape"]

#: What repeats; of the ids, only those that name a place of work and not a request.
_REPEATED: Final = frozenset(
    {key for key, kind in ALLOWED.items() if kind in ("token", "name", "label", "feature", "shape")}
    | {sc.CORTEX_PROJECT_ID, sc.CORTEX_BRANCH_ID}
)
#: Spans that carry one of these have failed: each is worked out by itself.
_ERRORS: Final = frozenset({sc.ERROR_TYPE, sc.CORTEX_EXCEPTION_TYPE, sc.CORTEX_ERROR_LOCATION})
#: Ids of single requests: new on each call, and no column.
_IDS: Final = frozenset({sc.JSONRPC_REQUEST_ID})
_MAX_SHAPES = 256
#: Rows kept; when they are full all are forgotten, and those in use come back at their next call.
MAX_ROWS: Final = 1024
_MAX_VALUE_LENGTH = 128
_MAX_KEYS_LENGTH = 4096


class CachedRow(NamedTuple):
    """What a span became, but for what is new on each call."""

    record: Record
    removed: int
    """How many of the repeated attributes redaction removed."""
    keys: frozenset[str]
    """What redaction kept of them."""
    who: Resolved
    service: str
    scope: InstrumentationScope | None
    resource: Resource | None

    def is_of(
        self,
        who: Resolved,
        service: str,
        scope: InstrumentationScope | None,
        resource: Resource | None,
    ) -> bool:
        """Whether it was made for these; scope and resource by identity, which is quick."""
        return (
            self.scope is scope
            and self.resource is resource
            and (self.who is who or self.who == who)
            and self.service == service
        )


class SpanShape(NamedTuple):
    """Which of a span's attributes repeat, by the keys that it has."""

    values: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """The values that repeat, in their order."""
    repeated: tuple[str, ...]
    fresh: tuple[str, ...]
    ids: tuple[str, ...]
    """The fresh ones again, if all of them are ids that go into ``event_data``."""
    number: int


def _getter(keys: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(keys) > 1:
        return itemgetter(*keys)  # a third of the time of a comprehension
    return lambda values: tuple([values[key] for key in keys])


class RowCache:
    """The plans and rows of one converter; bounded, safe to use from several threads."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str, ...], SpanShape | None] = {}
        self._numbers = itertools.count()  # of two threads, each gets its own
        self.rows: dict[tuple[Any, ...], CachedRow] = {}

    def plan(self, values: Mapping[str, Any]) -> SpanShape | None:
        """How to go about a span with these plain attributes; ``None``: all of it each time."""
        keys = tuple(values)
        try:
            return self._shapes[keys]
        except KeyError:
            pass
        if sum(map(len, keys)) > _MAX_KEYS_LENGTH:
            return None
        if len(self._shapes) >= _MAX_SHAPES:
            # Those in use come back at their next span. Rows of a plan that is gone are never
            # found again, and go when their number is full.
            self._shapes.clear()
        plan = None
        if _ERRORS.isdisjoint(keys):
            repeated = tuple(key for key in keys if key in _REPEATED)
            fresh = tuple(key for key in keys if key not in _REPEATED)
            ids = fresh if _IDS.issuperset(fresh) else ()
            plan = SpanShape(_getter(repeated), repeated, fresh, ids, next(self._numbers))
        self._shapes[keys] = plan
        return plan

    def remember(self, key: tuple[Any, ...], row: CachedRow) -> None:
        """Keep ``row`` under ``key`` (plan, name, kind and repeated values), if it may be kept.

        Text only, and short: a cache must not hold megabytes, and ``1 == True``.
        """
        _, name, _, values = key
        if any(type(text) is not str or len(text) > _MAX_VALUE_LENGTH for text in (name, *values)):
            return
        if len(self.rows) >= MAX_ROWS:
            self.rows.clear()
        self.rows[key] = row

    def forget(self) -> None:
        """Work everything out anew."""
        self.rows.clear()
