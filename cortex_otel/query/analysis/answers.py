"""What answers in place of the SQL, by the name in its header."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cortex_otel.query.analysis.funnel_answers import funnel, funnel_times, funnel_users

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import apsw

    from cortex_otel.query.analysis.form import Form

__all__ = ["ANSWERS"]

ANSWERS: Mapping[
    str, Callable[[apsw.Connection, Form, Mapping[str, Any]], Sequence[tuple[Any, ...]] | None]
] = MappingProxyType({"funnel": funnel, "funnel_times": funnel_times, "funnel_users": funnel_users})
