"""What each engine's question refuses to be asked, before anything is read."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cortex_otel.query.analysis.steps import VARIANT, event_step, funnel_parameters
from cortex_otel.query.seen import check_flag, check_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import apsw

__all__ = ["CHECKS"]


def _funnel(connection: apsw.Connection, values: Mapping[str, Any]) -> None:
    asked = funnel_parameters({"breakdown": "", **values})
    check_steps(connection, asked.steps, "steps")
    check_steps(connection, asked.excluded, "exclude")
    if asked.breakdown == "variant":
        check_flag(connection, asked.flag, "breakdown")


def _events(connection: apsw.Connection, values: Mapping[str, Any], *names: str) -> None:
    for name in names:
        step = event_step(values[name], name)
        if step is not None:
            check_steps(connection, [step], name)


def _retention(connection: apsw.Connection, values: Mapping[str, Any]) -> None:
    _events(connection, values, "start", "return_event")


def _retention_groups(connection: apsw.Connection, values: Mapping[str, Any]) -> None:
    _retention(connection, values)
    if values["breakdown"].startswith(VARIANT):
        check_flag(connection, values["breakdown"].removeprefix(VARIANT), "breakdown")


def _journeys(connection: apsw.Connection, values: Mapping[str, Any]) -> None:
    _events(connection, values, "anchor")


def _nothing(_connection: apsw.Connection, _values: Mapping[str, Any]) -> None:
    """Nothing can be wrong with a range and filters."""


CHECKS: Mapping[str, Callable[[apsw.Connection, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "funnel": _funnel,
        "funnel_times": _funnel,
        "funnel_users": _funnel,
        "retention": _retention,
        "retention_curve": _retention,
        "retention_groups": _retention_groups,
        "journeys": _journeys,
        "transitions": _nothing,
        "tools_together": _nothing,
    }
)
