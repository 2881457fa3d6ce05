"""Searches that fail: their tool fails with them, and both are recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.process.data import SpanData

__all__ = ["failed_search"]

_NS_A_MS: Final = 1_000_000


def failed_search(call: SpanData, told: Mapping[str, object], took_ms: float) -> SpanData:
    """The search in which ``call`` failed, as ``with events.search_context(…)`` records it."""
    attributes: dict[str, object] = {
        sc.CORTEX_EVENT_TYPE: sc.MCP_SEARCH_CONTEXT, sc.CORTEX_SEARCH_TOP_K: 10,
        "cortex.search.query.length": 8 + call.span_id % 112,
        "cortex.search.query.hash": f"{call.trace_id % 2**64:016x}",
    }  # fmt: skip
    for key in (
        sc.ERROR_TYPE, sc.CORTEX_EXCEPTION_TYPE, sc.CORTEX_RESULT, sc.CORTEX_ERROR_LOCATION,
    ):  # fmt: skip
        attributes[key] = told[key]
    start = call.start_time_unix_nano + int(took_ms * 0.02 * _NS_A_MS)
    return call._replace(
        attributes=attributes,
        name=sc.MCP_SEARCH_CONTEXT,
        kind=SpanKind.INTERNAL,
        span_id=call.span_id ^ 2,
        parent_span_id=call.span_id,
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(took_ms * 0.95 * _NS_A_MS),
        status=StatusCode.ERROR,
    )
