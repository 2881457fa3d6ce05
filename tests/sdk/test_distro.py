"""The entry points, and `opentelemetry-instrument` without code, in a process each."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import TracerProvider
from patience import PATIENCE

import cortex_otel
from cortex_otel import guard, identity
from cortex_otel.instrument.state import state
from cortex_otel.sdk import configure, distro, resource

ROOT = Path(__file__).parents[2]
LAUNCHER = Path(sys.executable).with_name("opentelemetry-instrument")

# A host that uses nothing but the OpenTelemetry API, and reports on itself.
HOST = """
import json, pathlib, sys, threading
from opentelemetry import _logs, metrics, trace

def tool():
    return trace.get_current_span().is_recording()

import cortex_otel
decorated = cortex_otel.instrument_tool(tool)
with trace.get_tracer("host").start_as_current_span("work"):
    _logs.get_logger("host").emit(event_name="ext.activate")
metrics.get_meter("host").create_counter("jobs", unit="1").add(3)
recording = decorated()
print(json.dumps({
    "same": decorated is tool,
    "recording": recording,
    "threads": sorted(thread.name for thread in threading.enumerate()),
    "provider": type(trace.get_tracer_provider()).__name__,
}))
"""


class Host:
    """A script in a directory and a home of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "program"
        self.directory.mkdir()
        self.home = directory / "home"
        self.home.mkdir()
        self.store = self.home / ".cortex" / "telemetry"

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text, "utf-8")

    def run(self, code: str = HOST, *, zero_code: bool = True, **environment: str):
        self.write("server.py", code)
        command = [sys.executable, self.directory / "server.py"]
        path = os.pathsep.join([environment.pop("PYTHONPATH", ""), *_source_path()])
        return subprocess.run(
            [LAUNCHER, *command] if zero_code else command,
            env={
                **{
                    key: value
                    for key, value in os.environ.items()
                    if not key.startswith(("OTEL_", "CORTEX_", "PYTHON"))
                },
                "HOME": str(self.home),
                "PYTHONPATH": path.strip(os.pathsep),
                **environment,
            },
            cwd=self.directory,
            capture_output=True,
            check=False,
            text=True,
            timeout=PATIENCE,
        )

    def report(self, code: str = HOST, **arguments):
        done = self.run(code, **arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    def rows(self, columns: str, table: str = "telemetry_events"):
        with contextlib.closing(sqlite3.connect(self.store / "cortex.db")) as connection:
            return connection.execute(
                f"SELECT {columns} FROM {table} ORDER BY timestamp"
            ).fetchall()


def _source_path():
    """Where this suite's own cortex_otel comes from, if it isn't an installed wheel."""
    source = Path(cortex_otel.__file__).parents[1]
    return [str(source), str(source / "exporters")] if source == ROOT else []


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


# --- Entry points -------------------------------------------------------------------------------


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for group, entries in project["entry-points"].items():
        for name, value in entries.items():
            yield pytest.param(EntryPoint(name, value, group), id=group)


ENTRY_POINTS = list(declared())


@pytest.mark.system
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_each_entry_point_loads_in_a_fresh_process(host, entry_point):
    module, _, name = entry_point.value.partition(":")
    done = host.run(
        f"import {module} as module\nprint(module.{name or '__name__'})", zero_code=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (name or module) in done.stdout


@pytest.mark.system
@pytest.mark.parametrize(
    "entry_point",
    [param for param in ENTRY_POINTS if param.id == "opentelemetry_resource_detector"],
)
def test_the_detector_loads_while_the_sdk_is_being_imported(host, tmp_path, entry_point):
    make_distribution(
        tmp_path / "site",
        "early",
        entry_point.group,
        f"from {entry_point.module} import {entry_point.attr}",
        entry_point.attr,
    )
    code = """
import opentelemetry.sdk._configuration as configuration
from opentelemetry.sdk.resources import Resource
print(Resource.create().attributes["telemetry.distro.name"])
"""
    done = host.run(
        code,
        zero_code=False,
        PYTHONPATH=str(tmp_path / "site"),
        OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="early",
    )
    assert (done.stdout.strip(), done.stderr) == ("cortex-otel", "")


# --- Zero configuration -------------------------------------------------------------------------


@pytest.mark.system
def test_spans_metrics_and_events_are_stored_and_nothing_is_printed(host):
    found, stderr = host.report()
    assert found["provider"] == "LeanTracerProvider"
    assert found["recording"]
    assert not found["same"]
    assert stderr == ""
    assert host.rows("event_type, name, kind, result, scope") == [
        ("span", "work", "internal", "success", "host"),
        ("ext.activate", "ext.activate", "event", "success", "host"),
        ("mcp.tool_call", "tools/call tool", "server", "success",
         f"cortex_otel@{cortex_otel.__version__}"),
    ]  # fmt: skip
    points = host.rows("metric_name, unit, kind, value", "telemetry_metrics")
    assert ("jobs", "1", "sum", 3.0) in points
    assert [row[:3] for row in points if row[0].startswith("mcp.")] == [
        ("mcp.server.operation.duration", "s", "histogram")
    ]
    resource = json.loads(host.rows("resource")[0][0])
    assert resource["service.name"] == "cortex-mcp"
    assert resource["telemetry.distro.name"] == "cortex-otel"
    assert resource["telemetry.distro.version"] == cortex_otel.__version__


@pytest.mark.system
def test_the_services_own_name_is_kept(host):
    host.report(OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=ci")
    resource = json.loads(host.rows("resource")[0][0])
    assert resource["service.name"] == "shop"
    assert resource["deployment.environment.name"] == "ci"


@pytest.mark.system
def test_no_variable_is_left_for_child_processes(host):
    code = """
import json, os
print(json.dumps(sorted(key for key in os.environ if key.startswith(("OTEL_", "CORTEX_")))))
"""
    found, _ = host.report(code)
    # Those two say only which distro and configurator; the launcher's are PYTHONPATH's.
    assert set(found) <= {"OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR"}


@pytest.mark.system
def test_configure_after_a_zero_code_start_updates_the_user_and_adds_no_row(host):
    found, stderr = host.report(
        'import cortex_otel\ncortex_otel.configure(service="web", tier="paid")\n' + HOST
    )
    assert found["recording"]
    assert stderr == ""
    assert host.rows("name, service, user_tier") == [
        ("work", "web", "paid"), ("ext.activate", "web", "paid"),
        ("tools/call tool", "web", "paid"),
    ]  # fmt: skip


REMOTE = """
from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
carrier = {"traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-00"}
context.attach(TraceContextTextMapPropagator().extract(carrier))
import cortex_otel
cortex_otel.instrument_tool(lambda: None)()
print("{}")
"""


@pytest.mark.system
def test_a_call_of_a_client_that_does_not_sample_is_recorded(host):
    host.report(REMOTE)
    assert host.rows("kind, trace_id, parent_span_id") == [("server", "ab" * 16, "cd" * 8)]


@pytest.mark.system
@pytest.mark.parametrize("sampler", ["always_off", "parentbased_always_off"])
def test_the_samplers_that_record_nothing_are_honoured(host, sampler):
    _, stderr = host.report(OTEL_TRACES_SAMPLER=sampler)
    assert stderr == ""
    assert [row[0] for row in host.rows("event_type")] == ["ext.activate"]


# --- Switched off -------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("zero_code", [True, False], ids=["zero-code", "configure()"])
@pytest.mark.parametrize("how", ["OTEL_SDK_DISABLED=true", "CORTEX_OTEL_ENABLED=false", "config"])
def test_switched_off_there_is_no_file_no_thread_and_no_wrapper(host, how, zero_code):
    environment = {}
    if how == "config":
        host.write("config.py", "TELEMETRY_ENABLED: bool = False\nraise SystemExit('never run')\n")
    else:
        variable, _, value = how.partition("=")
        environment[variable] = value
    code = HOST if zero_code else "import cortex_otel\ncortex_otel.configure()\n" + HOST
    found, stderr = host.report(code, zero_code=zero_code, **environment)
    assert found == {
        "same": True,
        "recording": False,
        "threads": ["MainThread"],
        "provider": "ProxyTracerProvider",
    }
    assert stderr == ""
    assert list(host.home.iterdir()) == []


@pytest.mark.system
def test_a_host_without_the_switch_or_with_true_is_recorded(host):
    host.write("config.py", "TELEMETRY_ENABLED = True\n")
    found, _ = host.report()
    assert found["recording"]


@pytest.mark.system
def test_before_the_first_record_there_is_no_file_and_no_thread(host):
    code = """
import json, threading
print(json.dumps([thread.name for thread in threading.enumerate()]))
"""
    found, stderr = host.report(code)
    assert (found, stderr) == (["MainThread"], "")
    assert list(host.home.iterdir()) == []


# --- Variables meant for others -----------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize(
    ("signal", "exporter"),
    [
        ("TRACES", "otlp"), ("METRICS", "otlp"), ("LOGS", "otlp"), ("TRACES", "console"),
        ("LOGS", "otlp,cortex_sqlite"), ("METRICS", "no_such_one"),
    ],
)  # fmt: skip
def test_another_exporter_is_ignored_with_one_warning(host, signal, exporter):
    variable = f"OTEL_{signal}_EXPORTER"
    done = host.run(**{variable: exporter})
    assert len(done.stdout.splitlines()) == 1  # the host's own report
    (line,) = done.stderr.splitlines()
    name = exporter.partition(",")[0]
    assert line.startswith(f"{variable}={name} is not followed")
    assert "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true" in line
    assert len(host.rows("name")) == 3


@pytest.mark.system
@pytest.mark.parametrize("exporter", ["none", "cortex_sqlite", ""])
def test_our_own_or_none_is_no_reason_to_warn(host, exporter):
    _, stderr = host.report(OTEL_TRACES_EXPORTER=exporter)
    assert stderr == ""
    assert len(host.rows("name")) == 3


@pytest.mark.system
def test_console_never_writes_into_the_protocol(host):
    done = host.run(
        OTEL_TRACES_EXPORTER="console",
        OTEL_LOGS_EXPORTER="console",
        OTEL_METRICS_EXPORTER="console",
        CORTEX_OTEL_ALLOW_OTHER_EXPORTERS="true",
    )
    assert len(done.stdout.splitlines()) == 1
    (line,) = done.stderr.splitlines()
    assert "console exporter is not started" in line


@pytest.mark.system
def test_allowed_exporters_that_cannot_be_had_take_nothing_along(host, tmp_path):
    make_distribution(
        tmp_path / "site",
        "broken_exporter",
        "opentelemetry_traces_exporter",
        "def Exporter():\n    raise OSError('no certificate')\n",
        "Exporter",
    )
    _, stderr = host.report(
        PYTHONPATH=str(tmp_path / "site"),
        CORTEX_OTEL_ALLOW_OTHER_EXPORTERS="true",
        OTEL_TRACES_EXPORTER="broken_exporter,no_such_one",
    )
    assert "exporter.broken_exporter: OSError" in stderr
    assert "exporter no_such_one is not installed" in stderr
    assert "no certificate" not in stderr
    assert len(host.rows("name")) == 3


# --- Settings that make no sense ----------------------------------------------------------------

SENSELESS = [
    ("CORTEX_OTEL_QUEUE_SIZE", "many", "allowed is 64 to 1000000"),
    ("CORTEX_OTEL_ENABLED", "perhaps", "allowed is true or false"),
    ("CORTEX_OTEL_USER_TIER", "gold", "allowed is one of free, trial, paid, enterprise"),
    ("CORTEX_OTEL_SAMPLING", "mcp.tool_call=2", "0 < rate <= 1"),
    ("CORTEX_OTEL_FLUSH_INTERVAL_MS", "-1", "allowed is 1 to 60000"),
]


@pytest.mark.system
@pytest.mark.parametrize(("variable", "value", "allowed"), SENSELESS)
def test_under_zero_code_it_warns_once_and_the_default_is_used(host, variable, value, allowed):
    found, stderr = host.report(**{variable: value})
    (line,) = stderr.splitlines()
    assert f"{variable}={value!r}" in line
    assert allowed in line
    assert "using the default" in line
    assert found["recording"]
    assert len(host.rows("name")) == 3


@pytest.mark.parametrize(("variable", "value", "allowed"), SENSELESS)
def test_configure_stops_with_one_line(monkeypatch, variable, value, allowed):
    monkeypatch.setenv(variable, value)
    with pytest.raises(cortex_otel.SettingError) as caught:
        cortex_otel.configure()
    message = str(caught.value)
    assert f"{variable}={value!r}" in message
    assert allowed in message
    assert "\n" not in message
    assert not state.active


def test_configure_names_an_argument_as_it_was_given():
    with pytest.raises(cortex_otel.SettingError, match=r"^tier='gold' is not valid: .*trial"):
        cortex_otel.configure(tier="gold")
    with pytest.raises(cortex_otel.SettingError, match=r"^colour=.* is not valid: no such"):
        cortex_otel.configure(colour="red")


# --- Other people's instrumentors ---------------------------------------------------------------


def make_distribution(site: Path, name: str, group: str, source: str, attribute: str) -> None:
    """Put a package with one entry point where PYTHONPATH finds it."""
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / f"{name}.py").write_text(source)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}:{attribute}\n")


INSTRUMENTOR = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return ()

    def _uninstrument(self, **kwargs):
        pass

    def _instrument(self, **kwargs):
        {body}
"""


@pytest.mark.system
def test_an_instrumentor_that_raises_takes_nothing_along(host, tmp_path):
    group = "opentelemetry_instrumentor"
    for place, name, body in (
        ("first", "broken_one", "raise RuntimeError('host-secret')"),
        ("second", "missing_one", "import no_such_module"),
        ("third", "good_one", "print('good instrumented')"),
    ):
        make_distribution(
            tmp_path / place, name, group, INSTRUMENTOR.format(body=body), "Instrumentor"
        )
    done = host.run(
        PYTHONPATH=os.pathsep.join(str(tmp_path / place) for place in ("first", "second", "third"))
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "good instrumented"
    assert done.stderr.count("broken_one") == 1
    assert "RuntimeError" in done.stderr
    assert "host-secret" not in done.stderr
    assert "Traceback" not in done.stderr
    assert len(host.rows("name")) == 3


# --- The instrumentor and the parts, where somebody else configures the SDK ---------------------


@pytest.mark.system
def test_the_instrumentor_attaches_to_an_sdk_that_is_configured(host):
    code = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

theirs = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(theirs))
trace.set_tracer_provider(provider)

from cortex_otel.sdk.distro import CortexInstrumentor
instrumentor = CortexInstrumentor()
instrumentor.instrument()
assert trace.get_tracer_provider() is provider
import cortex_otel
tool = cortex_otel.instrument_tool(lambda: None)
tool()
with trace.get_tracer("host").start_as_current_span("work"):
    pass
assert len(theirs.get_finished_spans()) == 2
cortex_otel.configure(tier="paid")
tool()
instrumentor.uninstrument()
tool()
assert len(theirs.get_finished_spans()) == 3
print("{}")
"""
    _, stderr = host.report(code, zero_code=False)
    assert stderr == ""
    assert [row[0] for row in host.rows("event_type")] == ["mcp.tool_call", "span", "mcp.tool_call"]
    assert host.rows("user_tier")[2] == ("paid",)


@pytest.mark.system
def test_our_exporters_store_what_a_provider_of_the_host_sends(host):
    code = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from cortex_otel.sdk.distro import CortexLogRecordExporter, CortexMetricExporter, CortexSpanExporter

traces = TracerProvider()
traces.add_span_processor(BatchSpanProcessor(CortexSpanExporter()))
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(CortexLogRecordExporter()))
meters = MeterProvider([PeriodicExportingMetricReader(CortexMetricExporter())])
with traces.get_tracer("host").start_as_current_span("work"):
    logs.get_logger("host").emit(event_name="ext.activate")
meters.get_meter("host").create_counter("jobs").add(3)
print("{}")
"""
    _, stderr = host.report(code, zero_code=False)
    assert stderr == ""
    assert host.rows("name") == [("work",), ("ext.activate",)]
    assert host.rows("metric_name, value", "telemetry_metrics") == [("jobs", 3.0)]


@pytest.mark.parametrize(
    "exporter",
    [distro.CortexSpanExporter, distro.CortexLogRecordExporter, distro.CortexMetricExporter],
)
def test_switched_off_an_exporter_takes_everything_and_keeps_nothing(
    monkeypatch, tmp_path, exporter
):
    monkeypatch.setenv("CORTEX_OTEL_ENABLED", "false")
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "store"))
    made = exporter()
    nothing = MetricsData([]) if exporter is distro.CortexMetricExporter else [object()]
    assert made.export(nothing).name == "SUCCESS"
    assert made.force_flush()
    made.shutdown()
    assert not (tmp_path / "store").exists()


def test_an_exporter_is_idle_where_our_own_processor_is(tmp_path, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path))
    exporter = distro.CortexSpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("host").start_span("work")
    span.end()
    running = configure.pipeline()
    received = running.writer._buffer.counters.received
    exporter.export([span])
    assert received["event"] == 1
    state.active = True
    exporter.export([span])
    assert received["event"] == 1


def test_the_detector_leaves_the_process_as_it_is(monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_USER_TIER", "trial")
    monkeypatch.setenv("CORTEX_OTEL_SERVICE", "extension")
    before = identity._resolver
    attributes = resource.CortexResourceDetector().detect().attributes
    assert identity._resolver is before
    assert attributes["cortex.user.tier"] == "trial"
    assert attributes["cortex.service"] == "extension"


def test_a_fault_at_start_does_not_stop_the_host(monkeypatch):
    def fault():
        raise OSError("broken")

    guard.rethrow_in_tests(enabled=False)
    monkeypatch.setattr(distro, "configure_from_environment", fault)
    distro.CortexConfigurator().configure()
    assert guard.faults() == {"distro.configure": 1}
    assert trace.get_tracer_provider() is not None
