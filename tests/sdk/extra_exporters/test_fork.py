"""A forked child sends what it has counted itself; what came before is its parent's."""

from __future__ import annotations

import os

import pytest
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

from cortex_otel import guard
from cortex_otel.sdk.extra_exporters.sender import MetricSender
from cortex_otel.span import metric_internals
from cortex_otel.span.internals import MissingPartError

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork"),
    # Python 3.12 and later warn about what these tests are about.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


class Keeping(MetricExporter):
    def __init__(self):
        super().__init__()
        self.seen = {}

    def export(self, metrics_data, timeout_millis=0, **_):
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self.seen[metric.name] = [point.value for point in metric.data.data_points]
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=0):
        return True

    def shutdown(self, timeout_millis=0, **_): ...


def make(exporter):
    return MetricSender(
        lambda: exporter,
        name="keeping",
        note=lambda *_: None,
        copy=lambda data: data,
        interval_ms=86_400_000,
        preferred=({}, {}),
    )


def test_what_was_counted_before_a_fork_is_the_parents_alone():
    exporter = Keeping()
    sender = make(exporter)
    provider = MeterProvider([sender.reader], shutdown_on_exit=False)
    meter = provider.get_meter("m")
    counter = meter.create_counter("counted")
    meter.create_observable_gauge("observed", [lambda _: [Observation(5)]])
    counter.add(100)
    assert sender.force_flush(20_000)
    assert exporter.seen == {"counted": [100], "observed": [5]}
    child = os.fork()
    if not child:
        try:
            exporter.seen.clear()
            counter.add(1)
            flushed = sender.force_flush(20_000)
            os._exit(0 if flushed and exporter.seen == {"counted": [1], "observed": [5]} else 1)
        except BaseException:  # noqa: BLE001 - a child must not go on with the tests
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    counter.add(10)
    assert sender.force_flush(20_000)
    assert exporter.seen == {"counted": [110], "observed": [5]}
    provider.shutdown()


def test_where_the_sdk_cannot_forget_it_is_a_fault(monkeypatch):
    def part(_owner, *names):
        raise MissingPartError(*names)

    sender = make(Keeping())
    provider = MeterProvider([sender.reader], shutdown_on_exit=False)
    monkeypatch.setattr(metric_internals, "part", part)
    guard.rethrow_in_tests(enabled=False)
    before = guard.faults().get("forward.fork", 0)
    sender.reset_in_child()
    assert guard.faults()["forward.fork"] == before + 1
    monkeypatch.undo()
    provider.shutdown()
