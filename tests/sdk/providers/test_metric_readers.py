"""What is counted is counted once, also at the end, and in a child that was forked."""

from __future__ import annotations

import os

import pytest

KEEPING = """
import cortex_otel
from opentelemetry.sdk.metrics.export import (
    MetricExporter, MetricExportResult, PeriodicExportingMetricReader)

class Keeping(MetricExporter):
    seen, ended = [], []
    def export(self, metrics_data, timeout_millis=0, **_):
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self.seen += [point.value for point in metric.data.data_points]
        return MetricExportResult.SUCCESS
    def force_flush(self, timeout_millis=0):
        return True
    def shutdown(self, timeout_millis=0, **_):
        self.ended.append(len(self.seen))

reader = PeriodicExportingMetricReader(Keeping(), export_interval_millis=1e9)
"""


@pytest.mark.parametrize("first", ["ours", "theirs", "alone"])
def test_a_developers_reader_collects_its_last_interval_at_our_shutdown(host, first):
    script = f"""
if {first!r} == "theirs":
    set_up()
cortex_otel.configure(metric_readers=[reader])
if {first!r} == "ours":
    set_up()
metrics.get_meter("m").create_counter("c").add(3)
cortex_otel.shutdown(20_000)
print(json.dumps([Keeping.seen, Keeping.ended]))
"""
    found, stderr = host(KEEPING + script)
    assert found == [[3], [1]]  # once, and before its exporter was shut down
    assert stderr == ""


def test_the_hosts_own_readers_go_on_after_our_shutdown(host):
    script = """
provider = set_up()
cortex_otel.configure(metric_readers=[reader])
counter = metrics.get_meter("m").create_counter("c")
counter.add(3)
cortex_otel.shutdown(20_000)
counter.add(4)
print(json.dumps([Keeping.seen, theirs()["metrics"]]))
"""
    found, _ = host(KEEPING + script)
    assert found == [[3], {"c": 7}]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_a_forked_child_that_only_counts_is_stored(host, whose):
    script = f"""
import time
import cortex_otel
from cortex_otel_exporters.sqlite.reader import open_reader
if {whose!r} == "theirs":
    set_up()
cortex_otel.configure(metrics_interval_ms=100, flush_interval_ms=20)
counter = metrics.get_meter("m").create_counter("c")
counter.add(100)
cortex_otel.force_flush(20_000)

def stored():
    database = Path(os.environ["CORTEX_OTEL_HOME"], "cortex.db")
    # Not by the standard library's SQLite: another one in the same process would drop its locks.
    with contextlib.closing(open_reader(database)) as connection:
        return connection.execute(
            "SELECT sum(value) FROM telemetry_metrics WHERE metric_name = 'c'").fetchone()[0]

before = stored()
child = os.fork()
if not child:
    counter.add(7)      # and nothing else: no span, no flush
    deadline = time.monotonic() + 30
    while stored() == before and time.monotonic() < deadline:
        time.sleep(0.05)
    os._exit(0)
os.waitpid(child, 0)
print(json.dumps([before, stored()]))
"""
    assert host(script)[0] == [100, 107]
