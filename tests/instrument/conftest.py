from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cortex_otel import guard, identity
from cortex_otel.identity import Identity
from cortex_otel.instrument.metrics import operation_duration
from cortex_otel.instrument.state import state
from cortex_otel.settings import Settings


class Recorded:
    """What the SDK's own providers got from instrumented tools."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.native_tracer = self.tracer_provider.get_tracer("mcp-python-sdk", "2.3.0")

    @property
    def spans(self):
        """Ended spans, in the order of their ends."""
        return list(self._exporter.get_finished_spans())

    def span(self):
        """The only ended span."""
        (span,) = self.spans
        return span

    def metrics(self):
        """All metrics, by name."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource_metrics in data.resource_metrics
            for scope_metrics in resource_metrics.scope_metrics
            for metric in scope_metrics.metrics
        }

    def points(self):
        """Data points of the tools' duration."""
        metric = self.metrics().get("mcp.server.operation.duration")
        return list(metric.data.data_points) if metric else []

    def point(self):
        """The only data point of the tools' duration."""
        (point,) = self.points()
        return point


@pytest.fixture
def recorded():
    recorded = Recorded()
    state.reset()
    state.active = True
    state.tracer = recorded.tracer_provider.get_tracer("cortex_otel")
    state.operation_duration = operation_duration(recorded.meter_provider.get_meter("cortex_otel"))
    identity.use(Settings(identity_ttl_ms=0))
    yield recorded
    state.reset()
    recorded.tracer_provider.shutdown()
    recorded.meter_provider.shutdown()


@pytest.fixture
def faults_are_swallowed(recorded):
    """As in a host: faults of telemetry are counted, and reach nobody."""
    guard.rethrow_in_tests(enabled=False)
    return guard.faults


@pytest.fixture
def who(recorded):
    """Set the tier (and user) of whoever calls."""
    given = {}
    identity.set_identity_provider(lambda: Identity(**given))
    yield given.update
    identity.set_identity_provider(None)


@pytest.fixture(autouse=True)
def no_span_is_left_current():
    yield
    assert trace.get_current_span() is trace.INVALID_SPAN
