"""A host's own OpenTelemetry and ours: both get everything once, in either order."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.system

# Everything a host can have fetched before it sets its providers, and after.
EVERYTHING = """
import sys
import cortex_otel

first, how = sys.argv[1:]
if first == "theirs":
    set_up()
if how == "code":
    cortex_otel.configure()
before = trace.get_tracer("before")
logger = _logs.get_logger("before")
counter = metrics.get_meter("before").create_counter("before.counter")
histogram = metrics.get_meter("before").create_histogram("before.histogram")
up_down = metrics.get_meter("before").create_up_down_counter("before.up_down")
gauge = metrics.get_meter("before").create_gauge("before.gauge")
metrics.get_meter("before").create_observable_up_down_counter(
    "before.observed", callbacks=[lambda _: [Observation(7)]])
kept = trace.get_tracer_provider()
decorated = before.start_as_current_span("decorated")(lambda: None)
if first == "ours":
    set_up()

span(EARLY, "of a proxy")
span(before, "of a tracer from before")
span(kept.get_tracer("kept"), "of a provider from before")
span(trace.get_tracer("after"), "of a tracer from after")
decorated()
logger.emit(event_name="logger.before")
_logs.get_logger("after").emit(event_name="logger.after")
counter.add(1)
histogram.record(1.0)
up_down.add(4)
gauge.set(5)
metrics.get_meter("after").create_counter("after.counter").add(2)
cortex_otel.instrument_tool(lambda: None, name="tool")()
report(is_theirs=type(trace.get_tracer_provider()).__name__)
"""
SPANS = [
    "of a proxy",
    "of a tracer from before",
    "of a provider from before",
    "of a tracer from after",
    "decorated",
    "tools/call tool",
]
METRICS = {
    "before.counter": 1, "before.histogram": 1, "before.up_down": 4, "before.gauge": 5,
    "after.counter": 2, "mcp.server.operation.duration": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("first", "how"), [("ours", "zero-code"), ("ours", "code"), ("theirs", "code")]
)
def test_both_get_everything_once(host, first, how):
    found, stderr = host(EVERYTHING, first, how, zero_code=how == "zero-code")
    assert stderr == ""
    assert found["is_theirs"] == "TracerProvider"
    for side in ("theirs", "ours"):
        assert found[side]["spans"] == SPANS, side
        assert found[side]["logs"] == ["logger.before", "logger.after"], side
        observed = found[side]["metrics"].pop("before.observed")
        assert observed % 7 == 0, side  # as often as was collected
        assert observed > 0, side
        assert found[side]["metrics"] == METRICS, side
    assert found["theirs"]["resources"] == ["host"]
    assert found["theirs"]["types"] == ["ReadableSpan"]
    assert found["ours"]["providers"] == [
        ["joined", "logs"], ["joined", "metrics"], ["joined", "traces"],
    ]  # fmt: skip


def test_what_was_recorded_before_the_host_came_is_in_the_store(host):
    script = """
import cortex_otel
cortex_otel.configure()
counter = metrics.get_meter("before").create_counter("counter")
counter.add(1)
tracer = trace.get_tracer("before")
span(tracer, "before")
started = tracer.start_span("across")
set_up()
started.end()
counter.add(2)
span(tracer, "after")
report()
"""
    found, _ = host(script)
    assert found["ours"]["spans"] == ["before", "across", "after"]
    assert found["theirs"]["spans"] == ["after"]
    assert found["ours"]["metrics"]["counter"] == 3
    assert found["theirs"]["metrics"]["counter"] == 2


@pytest.mark.parametrize("first", ["ours", "theirs"])
@pytest.mark.parametrize("sampler", ["ParentBased(TraceIdRatioBased(0.0))", "ALWAYS_OFF"])
def test_the_hosts_sampling_is_the_hosts(host, first, sampler):
    script = f"""
class Strict(SpanProcessor):
    seen = []
    def on_start(self, span, parent_context=None):
        self.seen.append(span.name)
    def on_end(self, span):
        self.seen.append(span.name)

import cortex_otel
if {first!r} == "ours":
    cortex_otel.configure()
tracers = set_up({sampler})
tracers.add_span_processor(Strict())
if {first!r} == "theirs":
    cortex_otel.configure()
with trace.get_tracer("host").start_as_current_span("work") as work:
    flags = work.get_span_context().trace_flags
    span(trace.get_tracer("host"), "inner")
cortex_otel.instrument_tool(lambda: None, name="tool")()
report(seen=Strict.seen, sampled=flags.sampled)
"""
    found, _ = host(script)
    assert found["ours"]["spans"] == ["work", "inner", "tools/call tool"]
    assert found["theirs"]["spans"] == found["seen"] == []
    assert found["sampled"] is False


def test_always_off_applies_to_both(host):
    script = """
import cortex_otel
cortex_otel.configure()
set_up()
span(trace.get_tracer("host"), "work")
_logs.get_logger("host").emit(event_name="event")
report()
"""
    found, _ = host(script, OTEL_TRACES_SAMPLER="always_off")
    assert found["theirs"]["spans"] == found["ours"]["spans"] == []
    assert found["ours"]["logs"] == ["event"]


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_spans_that_the_hosts_sampler_drops_reach_our_processors(host, first):
    script = f"""
class Seen(SpanProcessor):
    steps = []
    def on_start(self, span, parent_context=None):
        self.steps.append("start")
    def _on_ending(self, span):
        self.steps.append("ending")
    def on_end(self, span):
        self.steps.append("end")

import cortex_otel
other = InMemorySpanExporter()
if {first!r} == "theirs":
    set_up(ALWAYS_OFF)
cortex_otel.configure(span_processors=[Seen(), SimpleSpanProcessor(other)])
if {first!r} == "ours":
    set_up(ALWAYS_OFF)
span(trace.get_tracer("host"), "work")
report(steps=Seen.steps, other=[one.name for one in other.get_finished_spans()])
"""
    found, _ = host(script)
    assert sorted(found["steps"]) == ["end", "ending", "start"]
    assert found["other"] == found["ours"]["spans"] == ["work"]
    assert found["theirs"]["spans"] == []


def test_a_second_provider_of_the_host_is_still_refused(host):
    script = """
import cortex_otel
cortex_otel.configure()
provider = set_up()
trace.set_tracer_provider(TracerProvider())
span(trace.get_tracer("host"), "work")
report(kept=trace.get_tracer_provider() is provider)
"""
    found, stderr = host(script)
    assert found["kept"]
    assert "Overriding of current TracerProvider is not allowed" in stderr
    assert found["theirs"]["spans"] == found["ours"]["spans"] == ["work"]


def test_a_no_op_provider_is_left_alone_with_a_warning(host):
    script = """
import cortex_otel
cortex_otel.configure()
before = trace.get_tracer("before")
trace.set_tracer_provider(trace.NoOpTracerProvider())
span(trace.get_tracer("host"), "nobody's")
cortex_otel.instrument_tool(lambda: None, name="tool")()
print(json.dumps(ours()))
"""
    found, stderr = host(script)
    assert found["spans"] == ["tools/call tool"]
    assert found["providers"] == [["apart", "traces"]]
    (line,) = stderr.splitlines()
    assert line.startswith("cortex-otel can't join a provider of type NoOpTracerProvider")


def test_after_our_shutdown_the_hosts_provider_is_as_it_was(host):
    script = """
import cortex_otel
provider = set_up(ParentBased(TraceIdRatioBased(0.5)))
multi = provider._active_span_processor
sampler, kind, processors = provider.sampler, type(multi), multi._span_processors
cortex_otel.configure()
tracer = trace.get_tracer("host")
span(tracer, "work")
cortex_otel.shutdown()
report(
    same=provider.sampler is sampler and type(multi) is kind
    and multi._span_processors == processors and tracer.sampler is sampler
)
"""
    found, stderr = host(script)
    assert found["same"]
    assert stderr == ""


def test_configure_after_a_shutdown_starts_a_new_pipeline(host):
    script = """
import cortex_otel
cortex_otel.configure()
tracer, counter = trace.get_tracer("kept"), metrics.get_meter("kept").create_counter("counter")
span(tracer, "first")
counter.add(1)
assert cortex_otel.shutdown()
span(tracer, "between")
cortex_otel.configure()
span(tracer, "second")
counter.add(2)
cortex_otel.events.search_context(query="q")
metrics.get_meter("new").create_counter("new").add(4)
assert cortex_otel.shutdown()
print(json.dumps(ours()))
"""
    found, stderr = host(script)
    assert found["spans"] == ["first", "second"]
    assert found["logs"] == ["mcp.search_context"]
    assert found["metrics"] == {"counter": 3, "new": 4}
    assert stderr == ""


@pytest.mark.parametrize("first", ["host", "cortex"])
@pytest.mark.parametrize(
    "ending", ["cortex_otel.force_flush(120_000)", "cortex_otel.shutdown(120_000)"]
)
def test_a_program_that_has_nothing_but_metrics_is_stored(host, first, ending):
    script = f"""
import cortex_otel
if {first == "cortex"}:
    cortex_otel.configure()
    metrics.get_meter("m").create_counter("counter").add(5)
else:
    metrics.set_meter_provider(MeterProvider([READER]))
    observe = lambda options: [Observation(5)]
    metrics.get_meter("m").create_observable_counter("counter", [observe])
    cortex_otel.configure()
assert {ending}
print(json.dumps(ours()))
"""
    found, stderr = host(script)
    assert found["metrics"] == {"counter": 5}
    assert stderr == ""


def test_a_program_that_records_nothing_has_no_thread_and_no_file(host):
    script = """
import cortex_otel, threading
cortex_otel.configure(metrics_interval_ms=1000)
metrics.get_meter("m").create_counter("never.added.to")
assert cortex_otel.force_flush(120_000)
alive = threading.active_count()
assert cortex_otel.shutdown(120_000)
print(json.dumps([alive, os.path.exists(os.environ["CORTEX_OTEL_HOME"] + "/cortex.db")]))
"""
    assert host(script)[0] == [1, False]


def test_a_host_can_set_its_provider_after_our_shutdown(host):
    script = """
import cortex_otel
cortex_otel.configure()
before = trace.get_tracer("before")
span(before, "recorded")
cortex_otel.shutdown()
set_up()
span(before, "the host's alone")
report()
"""
    found, stderr = host(script)
    assert found["ours"]["spans"] == ["recorded"]
    assert found["theirs"]["spans"] == ["the host's alone"]
    assert stderr == ""


def test_the_shutdown_of_the_hosts_providers_does_not_end_ours(host):
    script = """
import cortex_otel
cortex_otel.configure()
provider = set_up()
counter = metrics.get_meter("host").create_counter("counter")
tracer = trace.get_tracer("host")
span(tracer, "before")
provider.shutdown()
_logs.get_logger_provider().shutdown()
counter.add(1)
metrics.get_meter_provider().shutdown()
span(tracer, "after")
SPANS._stopped = False
print(json.dumps(ours()))
"""
    found, _ = host(script)
    assert found["spans"] == ["before", "after"]
    assert found["metrics"]["counter"] == 1


def test_a_disabled_sdk_records_nothing_and_keeps_nothing(host):
    script = """
import cortex_otel
cortex_otel.configure()
set_up()
span(trace.get_tracer("host"), "work")
print(json.dumps(os.path.exists(os.environ["CORTEX_OTEL_HOME"])))
"""
    found, _ = host(script, OTEL_SDK_DISABLED="true")
    assert found is False


def test_further_exporters_move_to_the_hosts_provider(host):
    script = """
import cortex_otel
other, reader = InMemorySpanExporter(), InMemoryMetricReader()
cortex_otel.configure(
    span_processors=[SimpleSpanProcessor(other)], metric_readers=[reader])
counter = metrics.get_meter("host").create_counter("counter")
late = InMemorySpanExporter()
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(late))
set_up()
counter.add(1)
span(trace.get_tracer("host"), "work")
data = reader.get_metrics_data()
names = [m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
report(others=[len(one.get_finished_spans()) for one in (other, late)], names=names)
"""
    found, stderr = host(script)
    assert found["others"] == [1, 1]
    assert found["names"] == ["counter"]
    assert found["theirs"]["spans"] == found["ours"]["spans"] == ["work"]
    assert stderr == ""


def test_a_host_does_not_wait_for_the_exporters_of_ours(host):
    script = """
import threading
import cortex_otel
from opentelemetry.sdk.metrics.export import (
    MetricExporter, MetricExportResult, PeriodicExportingMetricReader)

class Slow(MetricExporter):
    may_go_on, sent, seen = threading.Event(), threading.Semaphore(0), []
    def export(self, metrics_data, timeout_millis=0, **_):
        self.may_go_on.wait(120)
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self.seen += [point.value for point in metric.data.data_points]
                    self.sent.release()
        return MetricExportResult.SUCCESS
    def force_flush(self, timeout_millis=0):
        return True
    def shutdown(self, timeout_millis=0, **_):
        pass

from cortex_otel.sdk.extra_exporters import named
from cortex_otel.sdk.extra_exporters import fanout
named = named.Named("slow", "metrics", Slow)
fanout.named_by_environment = lambda **_: [named]
cortex_otel.configure(
    metric_readers=[PeriodicExportingMetricReader(Slow(), export_interval_millis=1e9)])
metrics.get_meter("early").create_counter("early").add(3)
set_up()
was_held_up = bool(Slow.seen)
Slow.may_go_on.set()
both = [Slow.sent.acquire(timeout=120) for _ in range(2)]
metrics.get_meter("late").create_counter("late").add(4)
span(trace.get_tracer("host"), "work")
stored = ours()
print(json.dumps({"was_held_up": was_held_up, "ours": stored, "seen": sorted(Slow.seen)}))
"""
    found, _ = host(script)
    assert not found["was_held_up"]
    assert found["ours"]["metrics"] == {"early": 3, "late": 4}
    assert found["seen"][:2] == [3, 3]


def test_a_provider_that_is_exchanged_once_more_takes_the_readers_along(host):
    script = """
import cortex_otel

class Before(metrics.MeterProvider):
    real = None
    def __init__(self):
        self.real = MeterProvider()
    def set_meter_provider(self, provider):
        self.real = provider
    def get_meter(self, *args, **kwargs):
        return self.real.get_meter(*args, **kwargs)

provider, reader = Before(), InMemoryMetricReader()
metrics.set_meter_provider(provider)
cortex_otel.configure(metric_readers=[reader])
for number in range(3):
    metrics.get_meter("host").create_counter("counter").add(1)
    provider.set_meter_provider(MeterProvider())
metrics.get_meter("host").create_counter("counter").add(1)
data = reader.get_metrics_data()
names = [m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
sources = len(cortex_otel.sdk.configure.pipeline().writer._metric_sources)
print(json.dumps({"names": names, "sources": sources, "ours": ours()}))
"""
    found, stderr = host(script)
    assert stderr == ""
    assert found["names"] == ["counter"]
    assert found["sources"] == 1
    assert found["ours"]["metrics"] == {"counter": 4}


def test_our_shutdown_leaves_what_moved_to_the_hosts_provider_alone(host):
    script = """
import cortex_otel
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

class Given(SpanProcessor):
    closed = 0
    def shutdown(self):
        Given.closed += 1

spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
cortex_otel.configure(span_processors=[Given()])
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(spans))
_logs.get_logger_provider().add_log_record_processor(BatchLogRecordProcessor(logs))
tracers = set_up()
cortex_otel.shutdown()
closed = Given.closed
span(trace.get_tracer("host"), "after")
_logs.get_logger("host").emit(event_name="after")
tracers.force_flush()
_logs.get_logger_provider().force_flush()
print(json.dumps([
    closed, [one.name for one in spans.get_finished_spans()],
    [one.log_record.event_name for one in logs.get_finished_logs()],
]))
"""
    found, stderr = host(script)
    assert found == [1, ["after"], ["after"]]
    assert stderr == ""


# As with the SDK's 1.40: a provider keeps no list of the tracers that were got from it.
NO_LIST = """
from opentelemetry.sdk import version
version.__version__ = "1.40.0"
init, get = TracerProvider.__init__, TracerProvider.get_tracer

def init_without(self, *args, **kwargs):
    init(self, *args, **kwargs)
    del self._tracers

def get_without(self, *args, **kwargs):
    self._tracers = {}
    try:
        return get(self, *args, **kwargs)
    finally:
        del self._tracers

TracerProvider.__init__, TracerProvider.get_tracer = init_without, get_without
import cortex_otel
"""


def test_tracers_lead_to_the_host_where_the_sdk_keeps_no_list_of_them(host):
    script = """
cortex_otel.configure()
before = trace.get_tracer("before")
kept = trace.get_tracer_provider()
set_up()
span(before, "before")
span(kept.get_tracer("kept"), "kept")
cortex_otel.instrument_tool(lambda: None, name="tool")()
report()
"""
    found, stderr = host(NO_LIST + script, CORTEX_OTEL_SPAN="sdk")
    assert found["theirs"]["spans"] == ["before", "kept", "tools/call tool"]
    assert found["ours"]["spans"] == found["theirs"]["spans"]
    assert stderr == ""


def test_after_our_shutdown_no_tracer_of_the_host_records_what_its_sampler_leaves_out(host):
    script = """
tracers = set_up(ALWAYS_OFF)
cortex_otel.configure()
tracer = trace.get_tracer("host")
span(tracer, "work")
cortex_otel.shutdown()
print(json.dumps([ours()["spans"], tracer.start_span("after").is_recording()]))
"""
    found, _ = host(NO_LIST + script, CORTEX_OTEL_SPAN="sdk")
    assert found == [["work"], False]


def test_a_failed_hand_over_has_its_own_warning(host):
    script = """
import cortex_otel
from cortex_otel.sdk.providers import traces
def fail(*_):
    raise AttributeError("another SDK")
traces.TraceJoint._hand_over = fail
cortex_otel.configure()
before = trace.get_tracer("before")
set_up()
span(before, "before")
span(trace.get_tracer("after"), "after")
report()
"""
    found, stderr = host(script)
    assert found["theirs"]["spans"] == ["after"]
    assert found["ours"]["spans"] == ["before", "after"]
    assert ["joined", "traces"] in found["ours"]["providers"]
    assert "what was obtained before TracerProvider was set can't delegate to it" in stderr
    assert "not in the local store" not in stderr


# A provider that has nothing of the SDK's; its spans end their children with themselves.
FOREIGN = """
import random

class Span(trace.Span):
    def __init__(self, name):
        ids = random.getrandbits(128), random.getrandbits(64)
        self.context = trace.SpanContext(*ids, False, trace.TraceFlags(1))
        self.children = []
    def get_span_context(self):
        return self.context
    def is_recording(self):
        return True
    def end(self, end_time=None):
        for child in self.children:
            child.end()
    def set_attribute(self, key, value): pass
    def set_attributes(self, attributes):
        for key, value in attributes.items():
            self.set_attribute(key, value)
    def add_event(self, *args, **kwargs): pass
    def update_name(self, name): pass
    def set_status(self, *args, **kwargs): pass
    def record_exception(self, *args, **kwargs): pass

class Tracer(trace.Tracer):
    def start_span(self, name, *args, **kwargs):
        return Span(name)
    def start_as_current_span(self, name, *args, **kwargs):
        return trace.use_span(self.start_span(name), end_on_exit=True)

class Provider(trace.TracerProvider):
    def get_tracer(self, *args, **kwargs):
        return Tracer()

trace.set_tracer_provider(Provider())
import cortex_otel
"""


def test_a_span_that_ends_inside_the_end_of_another_is_mirrored_too(host):
    script = """
cortex_otel.configure()
tracer = trace.get_tracer("host")
parent, child = tracer.start_span("parent"), tracer.start_span("child")
parent.children.append(child)
parent.end()
print(json.dumps(sorted(ours()["spans"])))
"""
    found, stderr = host(FOREIGN + script)
    assert found == ["child", "parent"]
    assert stderr == ""


def test_further_processors_of_a_mirror_are_shut_down_with_ours(host):
    script = """
from opentelemetry.sdk.trace.export import BatchSpanProcessor
other = InMemorySpanExporter()
cortex_otel.configure(span_processors=[BatchSpanProcessor(other)])
span(trace.get_tracer("host"), "work")
cortex_otel.shutdown()
print(json.dumps([one.name for one in other.get_finished_spans()]))
"""
    found, stderr = host(FOREIGN + script)
    assert found == ["work"]
    assert stderr == ""


IN_FRONT_OF_OURS = """
import cortex_otel

cortex_otel.configure()
tracers, loggers, meters = (
    trace.get_tracer_provider(), _logs.get_logger_provider(), metrics.get_meter_provider())
before = trace.get_tracer("before")


class InFront(trace.TracerProvider):
    def get_tracer(self, *args, **kwargs):
        return tracers.get_tracer(*args, **kwargs)


class LoggersInFront(_logs.LoggerProvider):
    def get_logger(self, *args, **kwargs):
        return loggers.get_logger(*args, **kwargs)


class MetersInFront(metrics.MeterProvider):
    def get_meter(self, *args, **kwargs):
        return meters.get_meter(*args, **kwargs)


trace.set_tracer_provider(InFront())
_logs.set_logger_provider(LoggersInFront())
metrics.set_meter_provider(MetersInFront())
span(trace.get_tracer("after"), "after")
span(before, "before")
_logs.get_logger("after").emit(event_name="logged")
metrics.get_meter("after").create_counter("counted").add(1)
report()
"""


def test_a_provider_that_stands_before_ours_asks_it_and_is_answered(host):
    found, _ = host(IN_FRONT_OF_OURS)
    assert sorted(found["ours"]["spans"]) == ["after", "before"]
    assert found["ours"]["logs"] == ["logged"]
    assert found["ours"]["metrics"]["counted"] == 1
