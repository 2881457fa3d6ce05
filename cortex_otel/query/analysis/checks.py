"""What each engine's question refuses to be asked, before anything is read."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cortex_otel.locale import N_
from cortex_otel.query.analysis.steps import event_step, funnel_parameters
from cortex_otel.query.catalogue import attributes_named
from cortex_otel.query.errors import QueryParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import apsw

__all__ = ["CHECKS"]

_SEEN = attributes_named(
    "checks",
    """
SELECT 1
FROM series s
CROSS JOIN events e ON e.series_key = s.series_key
JOIN contexts c ON c.context_key = e.context_key
WHERE s.event_type = 'feature_flag.evaluation'
  AND (c.attributes ->> $FEATURE_FLAG_KEY = :flag OR EXISTS (
      SELECT 1 FROM shapes h CROSS JOIN json_each(h.keys) k
      WHERE h.shape_key = e.shape_key AND k.value = $FEATURE_FLAG_KEY
        AND e.event_values ->> k.key = :flag
  ))
LIMIT 1
""",
)


def _funnel(connection: apsw.Connection, values: Mapping[str, Any]) -> None:
    asked = funnel_parameters({"breakdown": "", **values})
    if asked.breakdown == "variant":
        seen = connection.execute(_SEEN, {"flag": asked.flag}).get
        if not seen:
            raise QueryParameterError(
                N_("no evaluation of the flag {flag!r} was recorded: check its name"),
                flag=asked.flag,
                parameter="breakdown",
            )


def _retention(_connection: apsw.Connection, values: Mapping[str, Any]) -> None:
    for name in ("start", "return_event"):
        event_step(values[name], name)


def _journeys(_connection: apsw.Connection, values: Mapping[str, Any]) -> None:
    event_step(values["anchor"], "anchor")


def _nothing(_connection: apsw.Connection, _values: Mapping[str, Any]) -> None:
    """Nothing can be wrong with a range and filters."""


CHECKS: Mapping[str, Callable[[apsw.Connection, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "funnel": _funnel,
        "funnel_times": _funnel,
        "funnel_users": _funnel,
        "retention": _retention,
        "retention_curve": _retention,
        "journeys": _journeys,
        "transitions": _nothing,
        "tools_together": _nothing,
    }
)
