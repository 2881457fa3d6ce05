"""The tracer provider that hands out lean tracers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import Tracer, TracerProvider

from cortex_otel.span.tracer import LeanTracer

if TYPE_CHECKING:
    from opentelemetry import trace as trace_api
    from opentelemetry.util import types

__all__ = ["LeanTracerProvider"]


class LeanTracerProvider(TracerProvider):
    """The SDK's tracer provider, whose tracers make lean spans. The same arguments."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: types.Attributes = None,
    ) -> trace_api.Tracer:
        """The tracer of an instrumentation scope; the same one for the same scope."""
        made = super().get_tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )
        if type(made) is not Tracer:  # lean already, or the one of a disabled SDK
            return made
        with self._tracers_lock:
            scope = made._instrumentation_scope
            kept = self._tracers[scope]
            if type(kept) is Tracer:  # else another thread was quicker
                kept = self._tracers[scope] = LeanTracer.in_place_of(kept)
            return kept
