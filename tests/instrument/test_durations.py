"""Durations counted directly give the same rows as the SDK's histogram."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from patience import PATIENCE, UNHURRIED

import cortex_otel
from cortex_otel import semconv as sc
from cortex_otel.identity import IdentityResolver
from cortex_otel.instrument import durations
from cortex_otel.instrument.durations import Durations, OwnMeterProvider
from cortex_otel.instrument.metrics import operation_duration
from cortex_otel.process.convert import Converter
from cortex_otel.process.redact import Redactor
from cortex_otel.span.metric_internals import forget_counted
from cortex_otel_exporters.sqlite.exporters import SqliteMetricReader

BOUNDS = sc.MCP_SERVER_OPERATION_DURATION_BOUNDARIES


@pytest.fixture
def converter():
    resolver = IdentityResolver()
    return Converter(Redactor(hash_text=str, hash_user=str), resolver, "mcp")


class Both:
    """The same durations, through the SDK and directly."""

    def __init__(self, converter):
        self.reader = SqliteMetricReader(converter.metrics, forget_counted)
        provider = MeterProvider(
            [self.reader], shutdown_on_exit=False, exemplar_filter=AlwaysOffExemplarFilter()
        )
        self.instrument = operation_duration(provider.get_meter("cortex_otel"))
        self.direct = Durations(
            self.instrument, sc.MCP_SERVER_OPERATION_DURATION, BOUNDS, converter.metrics
        )

    def record(self, seconds, attributes):
        self.instrument.record(seconds, attributes)
        self.direct.record(seconds, attributes)

    def rows(self):
        return [
            sorted(point._replace(time_unix_nano=0, start_time_unix_nano=0) for point in points)
            for points in (self.reader.points(), self.direct.points())
        ]


@pytest.fixture
def both(converter):
    return Both(converter)


def attributes(tool="search", **more):
    return {"gen_ai.tool.name": tool, "cortex.service": "mcp", "cortex.user.tier": "paid", **more}


def test_the_rows_are_the_same(both):
    chance = random.Random(5)
    for _ in range(4):
        for _ in range(500):
            seconds = chance.choice([0.0, *BOUNDS, chance.expovariate(3), 10**6, 1])
            tool = chance.choice("abc")
            more = chance.choice([{}, {"error.type": "ValueError"}, {"secret": "alice"}])
            both.record(seconds, attributes(tool, **more))
            both.record(seconds, dict(reversed(attributes(tool).items())))
        of_sdk, of_ours = both.rows()
        assert of_sdk == of_ours
        assert len(of_sdk) == 9
        assert "alice" not in str(of_ours)
    assert both.rows() == [[], []]


def test_each_row_begins_where_the_one_before_ended(both):
    both.direct.record(1.0, attributes())
    (first,) = both.direct.points()
    both.direct.record(1.0, attributes())
    (second,) = both.direct.points()
    assert first.start_time_unix_nano < first.time_unix_nano == second.start_time_unix_nano


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_what_is_no_duration_is_refused_as_by_the_sdk(both, seconds, caplog):
    both.direct.record(seconds, attributes())
    assert both.direct.points() == []
    assert len(caplog.records) == 1


def test_beyond_its_limit_the_sdk_counts(both, monkeypatch):
    monkeypatch.setattr(durations, "MAX_SERIES", 2)
    for tool in "abcd":
        both.direct.record(0.5, attributes(tool))
    of_sdk, of_ours = both.rows()
    assert (len(of_sdk), len(of_ours)) == (2, 2)
    assert len({row.attributes for row in of_sdk + of_ours}) == 4


def test_nothing_is_lost_between_threads_and_collections(both):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    rows = []
    stop = threading.Event()

    def collect():
        while not stop.is_set():
            rows.extend(both.direct.points())

    def record():
        for _ in range(2000):
            both.direct.record(0.25, attributes())

    collector = threading.Thread(target=collect)
    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in (collector, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    collector.join()
    sys.setswitchinterval(interval)
    rows += both.direct.points()
    assert sum(row.observations for row in rows) == 8000
    assert sum(row.sum for row in rows) == 2000.0


def test_a_reader_attached_later_sees_new_points(converter):
    ours, theirs = SqliteMetricReader(converter.metrics, forget_counted), InMemoryMetricReader()
    provider = OwnMeterProvider([ours], shutdown_on_exit=False)
    direct = Durations(
        operation_duration(provider.get_meter("x")),
        sc.MCP_SERVER_OPERATION_DURATION,
        BOUNDS,
        converter.metrics,
    )
    provider.durations = direct
    direct.record(1.0, attributes())
    provider.add_metric_reader(theirs)
    direct.record(2.0, attributes())
    rows = direct.points() + ours.points()
    assert [row.sum for row in rows] == [1.0, 2.0]
    (metrics,) = theirs.get_metrics_data().resource_metrics[0].scope_metrics
    assert metrics.metrics[0].data.data_points[0].sum == 2.0


@pytest.mark.system
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_counts_only_its_own(both):
    both.direct.record(1.0, attributes())
    with both.direct._lock:  # as another thread may at that moment
        child = os.fork()
        if child == 0:
            try:
                both.direct.record(2.0, attributes())
                (row,) = both.direct.points()
                os._exit(0 if row.sum == 2.0 else 1)
            finally:
                os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert [row.sum for row in both.direct.points()] == [1.0]


PROGRAM = """
import json, sys
import cortex_otel
from opentelemetry import metrics
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

theirs = InMemoryMetricReader()
when = sys.argv[1]
cortex_otel.configure(metric_readers=[theirs] if when == "at start" else [])

@cortex_otel.instrument_tool
def tool():
    return 1

for number in range(5):
    tool()
    if number == 2 and when == "later":
        metrics.get_meter_provider().add_metric_reader(theirs)
assert cortex_otel.shutdown(120_000)
data = theirs.get_metrics_data() if when != "never" else None
points = [
    point.count for scopes in (data.resource_metrics if data else [])
    for scope in scopes.scope_metrics for metric in scope.metrics
    if metric.name == "mcp.server.operation.duration" for point in metric.data.data_points
]
print(json.dumps(points))
"""


@pytest.mark.system
@pytest.mark.parametrize(("when", "seen"), [("never", []), ("at start", [5]), ("later", [2])])
def test_the_store_has_each_call_once_whoever_else_reads(tmp_path, when, seen):
    source = Path(cortex_otel.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, when],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=tmp_path,
        env={
            **os.environ,
            **UNHURRIED,
            "CORTEX_OTEL_HOME": str(tmp_path / "home"),
            "PYTHONPATH": os.pathsep.join(map(str, (source, source / "exporters"))),
        },
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == seen
    with contextlib.closing(sqlite3.connect(tmp_path / "home" / "cortex.db")) as connection:
        (stored,) = connection.execute(
            "SELECT sum(count) FROM telemetry_metrics WHERE metric_name = ?",
            [sc.MCP_SERVER_OPERATION_DURATION],
        ).fetchone()
    assert stored == 5
