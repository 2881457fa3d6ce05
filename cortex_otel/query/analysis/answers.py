"""What answers in place of the SQL, by the name in its header."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cortex_otel.query.analysis.cohorts import retention, retention_curve, retention_groups
from cortex_otel.query.analysis.funnel_answers import funnel, funnel_times, funnel_users
from cortex_otel.query.analysis.paths import journeys, tools_together, transitions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import apsw

    from cortex_otel.query.analysis.form import Form

__all__ = ["ANSWERS"]

ANSWERS: Mapping[
    str, Callable[[apsw.Connection, Form, Mapping[str, Any]], Sequence[tuple[Any, ...]] | None]
] = MappingProxyType(
    {
        "funnel": funnel,
        "funnel_times": funnel_times,
        "funnel_users": funnel_users,
        "retention": retention,
        "retention_curve": retention_curve,
        "retention_groups": retention_groups,
        "journeys": journeys,
        "transitions": transitions,
        "tools_together": tools_together,
    }
)
