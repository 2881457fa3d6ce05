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
        tracer = super().get_tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )
        if type(tracer) is not Tracer:  # lean already, or a disabled SDK's
            return tracer
        with self._tracers_lock:
            scope = tracer._instrumentation_scope
            cached = self._tracers[scope]
            if type(cached) is Tracer:  # else another thread replaced it first
                cached = self._tracers[scope] = LeanTracer.from_tracer(cached)
            return cached
