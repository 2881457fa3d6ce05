from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import math
import os
import subprocess
import sys
import threading
import time
from enum import Enum
from pathlib import Path

import pytest
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from patience import PATIENCE

from cortex_otel import guard, semconv, testing
from cortex_otel.identity import text_hash
from cortex_otel.instrument import event_handle, event_types, events, validate
from cortex_otel.instrument.state import state
from cortex_otel.process.redact import Redactor

SECRET = "alice@example.com asked about /home/alice/plan.md"

FUNCTIONS = {
    "mcp.tool_call": events.tool_call,
    "mcp.branch_create": events.branch_create,
    "mcp.search_context": events.search_context,
    "mcp.update_memory": events.update_memory,
    "mcp.compress_context": events.compress_context,
    "mcp.reference_suggest": events.reference_suggest,
    "mcp.ontology_classify": events.ontology_classify,
    "ext.install": events.install,
    "ext.activate": events.activate,
    "ext.ui_interaction": events.ui_interaction,
    "ext.code_insert": events.code_insert,
    "ext.context_switch": events.context_switch,
    "ext.error": events.extension_error,
    "feature_flag.evaluation": events.feature_flag,
}


class Telemetry:
    """The SDK's own providers, with what they got."""

    def __init__(self) -> None:
        self._logs = InMemoryLogRecordExporter()
        self._spans = InMemorySpanExporter()
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracer = self.tracer_provider.get_tracer("test")

    @property
    def logs(self):
        return [item.log_record for item in self._logs.get_finished_logs()]

    @property
    def spans(self):
        return list(self._spans.get_finished_spans())

    def log(self):
        (record,) = self.logs
        return record

    def span(self):
        (span,) = self.spans
        return span


@pytest.fixture
def telemetry():
    telemetry = Telemetry()
    guard.rethrow_in_tests(enabled=True)
    state.reset()
    state.active = True
    state.logger = telemetry.logger_provider.get_logger("cortex_otel")
    state.tracer = telemetry.tracer_provider.get_tracer("cortex_otel")
    yield telemetry
    state.reset()
    guard.rethrow_in_tests(enabled=False)
    telemetry.logger_provider.shutdown()
    telemetry.tracer_provider.shutdown()


@pytest.fixture
def rejected():
    before = events.rejected_values()

    def new():
        now = events.rejected_values()
        return {key: n - before.get(key, 0) for key, n in now.items() if n != before.get(key, 0)}

    return new


# --- Declarations -----------------------------------------------------------------------------


def test_each_event_type_is_declared_and_has_a_function():
    assert set(event_types.EVENTS) == set(semconv.EVENT_TYPES) == set(FUNCTIONS)


@pytest.mark.parametrize("event_type", FUNCTIONS)
def test_a_function_takes_what_its_declaration_says(event_type):
    signature = inspect.signature(FUNCTIONS[event_type])
    declared = event_types.EVENTS[event_type]
    assert set(signature.parameters) == set(declared.by_name)
    assert signature.return_annotation == ("EventHandle" if declared.takes_time else "None")
    assert FUNCTIONS[event_type].__doc__


def test_free_text_and_measures_are_fields_of_an_event():
    fields = [field for event in event_types.EVENTS.values() for field in event.by_name.values()]
    text_keys = {field.key for field in fields if field.kind in (validate.text, validate.failure)}
    assert text_keys == semconv.FREE_TEXT
    assert set(semconv.MEASURES) <= {field.key for field in fields}
    assert len(set(semconv.MEASURES.values())) == len(semconv.MEASURES)


def test_the_how_to_names_each_function_and_field():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "events.md").read_text("utf-8")
    for event_type, function in FUNCTIONS.items():
        (row,) = [line for line in page.splitlines() if f"| `{event_type}` |" in line]
        declared = event_types.EVENTS[event_type]
        assert row.startswith(f"| `{function.__name__}` |")
        assert all(f"`{field.name}`" in row for field in declared.fields)
        assert row.endswith("| yes |" if declared.takes_time else "| no |")


def test_all_is_what_is_public():
    assert set(events.__all__) == {
        *(function.__name__ for function in FUNCTIONS.values()),
        "EventHandle",
        "Result",
        "rejected_values",
    }


# --- What each event records ------------------------------------------------------------------

MCP = {"cortex.service": "mcp", "cortex.result": "success"}
EXT = {"cortex.service": "extension", "cortex.result": "success"}


def text_of(key, text):
    return {f"{key}.length": len(text), f"{key}.hash": text_hash(text)}


CASES = [
    (
        lambda: events.tool_call(
            tool_name="search", parameters={"query": SECRET, "n": 3}, duration_ms=12
        ),
        "mcp.tool_call",
        lambda: {
            **MCP,
            "gen_ai.tool.name": "search",
            "cortex.feature": "search",
            "cortex.tool.parameters": "query:str,n:int",
            "cortex.event.duration_ms": 12.0,
        },
    ),
    (
        lambda: events.branch_create(topic=SECRET, automatic=True),
        "mcp.branch_create",
        lambda: {
            **MCP,
            **text_of("cortex.branch.topic", SECRET),
            "cortex.branch.automatic": True,
            "cortex.feature": "automatic",
        },
    ),
    (
        lambda: events.search_context(
            query=SECRET, top_k=5, results=3, recall=0.9, duration_ms=8.2
        ),
        "mcp.search_context",
        lambda: {
            **MCP,
            **text_of("cortex.search.query", SECRET),
            "cortex.search.top_k": 5,
            "cortex.search.results": 3,
            "cortex.search.recall": 0.9,
            "cortex.event.duration_ms": 8.2,
        },
    ),
    (
        lambda: events.update_memory(file_size_bytes=4096, token_count=900),
        "mcp.update_memory",
        lambda: {**MCP, "cortex.memory.file_size_bytes": 4096, "cortex.memory.token_count": 900},
    ),
    (
        lambda: events.compress_context(tokens_before=1000, tokens_after=300, duration_ms=1),
        "mcp.compress_context",
        lambda: {
            **MCP,
            "cortex.compress.tokens_before": 1000,
            "cortex.compress.tokens_after": 300,
            "cortex.compress.savings_rate": 0.7,
            "cortex.event.duration_ms": 1.0,
        },
    ),
    (
        lambda: events.reference_suggest(suggested=5, accepted=4),
        "mcp.reference_suggest",
        lambda: {**MCP, "cortex.reference.suggested": 5, "cortex.reference.accepted": 4},
    ),
    (
        lambda: events.ontology_classify(category="bugfix", confidence=0.8),
        "mcp.ontology_classify",
        lambda: {
            **MCP,
            "cortex.ontology.category": "bugfix",
            "cortex.ontology.confidence": 0.8,
            "cortex.feature": "bugfix",
        },
    ),
    (
        lambda: events.install(ide="vscode", version="1.2.3", ide_version="1.126.0"),
        "ext.install",
        lambda: {
            **EXT,
            "cortex.ide": "vscode",
            "cortex.extension.version": "1.2.3",
            "cortex.ide.version": "1.126.0",
            "cortex.feature": "vscode",
        },
    ),
    (
        lambda: events.activate(ide="vscode", project_path=Path("/home/alice")),
        "ext.activate",
        lambda: {
            **EXT,
            **text_of("cortex.project.path", "/home/alice"),
            "cortex.ide": "vscode",
            "cortex.feature": "vscode",
        },
    ),
    (
        lambda: events.ui_interaction(action="click", element="sidebar.graph"),
        "ext.ui_interaction",
        lambda: {
            **EXT,
            "cortex.ui.action": "click",
            "cortex.ui.element": "sidebar.graph",
            "cortex.feature": "click sidebar.graph",
        },
    ),
    (
        lambda: events.code_insert(language="python", lines_inserted=12, completion_accepted=True),
        "ext.code_insert",
        lambda: {
            **EXT,
            "cortex.code.language": "python",
            "cortex.code.lines_inserted": 12,
            "cortex.code.completion_accepted": True,
            "cortex.feature": "python",
        },
    ),
    (
        lambda: events.context_switch(from_branch="a", to_branch="b", file_path="/home/alice/x.py"),
        "ext.context_switch",
        lambda: {
            **EXT,
            **text_of("cortex.branch.from", "a"),
            **text_of("cortex.branch.to", "b"),
            **text_of("cortex.file.path", "/home/alice/x.py"),
        },
    ),
    (
        lambda: events.extension_error(
            error_type="RangeError",
            message=SECRET,
            stack=f"RangeError: {SECRET}\n    at save (/home/alice/ext/store.js:10:2)",
        ),
        "ext.error",
        lambda: {
            **EXT,
            **text_of("cortex.error.message", SECRET),
            "cortex.error.location": "RangeError at store:save:10",
            "cortex.result": "error",
            "cortex.error.type": "RangeError",
            "error.type": "RangeError",
            "cortex.error.crash": False,
        },
    ),
    (
        lambda: events.feature_flag("onboarding", "short", "split"),
        "feature_flag.evaluation",
        lambda: {
            **MCP,
            "feature_flag.key": "onboarding",
            "feature_flag.result.variant": "short",
            "feature_flag.result.reason": "split",
        },
    ),
]


@pytest.mark.parametrize(("call", "name", "expected"), CASES, ids=[case[1] for case in CASES])
def test_an_event_records_its_fields_and_nothing_else(telemetry, rejected, call, name, expected):
    before = time.time_ns()
    call()
    record = telemetry.log()
    attributes = dict(record.attributes)
    if "cortex.compress.savings_rate" in attributes:
        attributes["cortex.compress.savings_rate"] = pytest.approx(0.7)
    assert record.event_name == name
    assert attributes == expected()
    assert before <= record.timestamp <= time.time_ns()
    failed = attributes["cortex.result"] == "error"
    assert record.severity_number == (SeverityNumber.ERROR if failed else SeverityNumber.INFO)
    assert "alice" not in str(attributes)
    assert record.body is None
    assert rejected() == {}
    assert telemetry.spans == []


@pytest.mark.parametrize("call", [case[0] for case in CASES], ids=[case[1] for case in CASES])
def test_redaction_leaves_an_event_as_it_is(telemetry, call):
    call()
    attributes = dict(telemetry.log().attributes)
    redactor = Redactor(hash_text=text_hash, hash_user=text_hash)
    assert redactor.attributes(attributes).attributes == attributes


def test_an_event_belongs_to_the_span_it_happens_in(telemetry):
    with telemetry.tracer.start_as_current_span("outer") as outer:
        events.install(ide="vscode")
    assert telemetry.log().span_id == outer.get_span_context().span_id


@pytest.mark.parametrize(
    ("before", "after", "rate"), [(0, 0, None), (0, 5, None), (100, 150, -0.5), (100, 0, 1.0)]
)
def test_the_savings_rate_is_absent_where_there_was_nothing(telemetry, before, after, rate):
    events.compress_context(tokens_before=before, tokens_after=after, duration_ms=1)
    assert telemetry.log().attributes.get("cortex.compress.savings_rate") == rate


def test_the_service_is_the_hosts_own_but_the_extension_stays_the_extension(telemetry):
    state.service = "web"
    events.branch_create(topic="t")
    events.install(ide="vscode")
    assert [log.attributes["cortex.service"] for log in telemetry.logs] == ["web", "extension"]


def test_a_manual_branch(telemetry):
    events.branch_create(topic="t")
    assert telemetry.log().attributes["cortex.feature"] == "manual"


def test_a_crash_is_critical_and_a_timeout_is_one(telemetry):
    events.extension_error(error_type="Crash", crash=True)
    events.extension_error(error_type="Slow", result="timeout")
    crash, timeout = telemetry.logs
    assert crash.severity_number == SeverityNumber.FATAL
    assert timeout.attributes["cortex.result"] == "timeout"
    assert timeout.severity_number == SeverityNumber.ERROR


# --- Results and errors -----------------------------------------------------------------------


def test_an_exception_is_recorded_as_type_and_place(telemetry):
    with pytest.raises(KeyError) as caught:
        raise KeyError(SECRET)
    events.tool_call(tool_name="t", duration_ms=1, error=caught.value)
    attributes = telemetry.log().attributes
    assert attributes["cortex.result"] == "error"
    assert attributes["error.type"] == "KeyError"
    assert attributes["cortex.error.location"].startswith("KeyError at test_events:test_an_exc")
    assert "alice" not in str(dict(attributes))


def test_an_error_message_is_recorded_as_length_and_hash(telemetry):
    events.tool_call(tool_name="t", duration_ms=1, error=SECRET)
    attributes = telemetry.log().attributes
    assert attributes["cortex.result"] == "error"
    assert attributes["error.type"] == "_OTHER"
    assert attributes["cortex.error.message.length"] == len(SECRET)
    assert "alice" not in str(dict(attributes))


@pytest.mark.parametrize(
    ("arguments", "result", "error_type"),
    [
        ({"error": TimeoutError()}, "timeout", "TimeoutError"),
        ({"error": asyncio.CancelledError()}, "cancelled", None),
        ({"error": "x", "result": "timeout"}, "timeout", "timeout"),
        ({"error": "x", "result": "success"}, "error", "_OTHER"),
        ({"result": "error"}, "error", "_OTHER"),
        ({"result": "cancelled"}, "cancelled", None),
    ],
)
def test_results(telemetry, arguments, result, error_type):
    events.tool_call(tool_name="t", duration_ms=1, **arguments)
    attributes = telemetry.log().attributes
    assert attributes["cortex.result"] == result
    assert attributes.get("error.type") == error_type


# --- The three ways of an event that takes time -----------------------------------------------


def test_with_duration_it_is_recorded_at_once_and_the_handle_does_nothing(telemetry):
    event = events.search_context(query="q", duration_ms=8.2)
    assert len(telemetry.logs) == 1
    with event:
        event.set(results=3)
    assert len(telemetry.logs) == 1
    assert telemetry.spans == []


def test_a_block_is_a_span_and_current_inside(telemetry):
    with telemetry.tracer.start_as_current_span("outer") as outer:
        with events.compress_context(tokens_before=1000) as event:
            inner = trace.get_current_span()
            event.set(tokens_after=300)
        assert trace.get_current_span() is outer
    span = telemetry.spans[0]
    assert span.name == "mcp.compress_context"
    assert span.context == inner.get_span_context()
    assert span.parent == outer.get_span_context()
    assert span.status.status_code is trace.StatusCode.UNSET
    attributes = dict(span.attributes)
    assert attributes.pop("cortex.compress.savings_rate") == pytest.approx(0.7)
    assert attributes == {
        **MCP,
        "cortex.event.type": "mcp.compress_context",
        "cortex.compress.tokens_before": 1000,
        "cortex.compress.tokens_after": 300,
    }
    assert telemetry.logs == []


def test_a_sampler_sees_the_event_type_at_the_start(telemetry):
    with events.tool_call(tool_name="t"):
        started = dict(trace.get_current_span().attributes)
    assert started["cortex.event.type"] == "mcp.tool_call"
    assert started["gen_ai.tool.name"] == "t"


async def test_an_async_block_is_a_span_and_its_duration_is_the_blocks(telemetry):
    began = time.time_ns()
    async with events.search_context(query="q") as event:
        await asyncio.sleep(0.02)
        event.set(results=2)
    whole = time.time_ns() - began
    span = telemetry.span()
    assert 0.015e9 < span.end_time - span.start_time <= whole
    assert span.attributes["cortex.search.results"] == 2


@pytest.mark.parametrize(
    ("error", "result", "status"),
    [
        (ValueError(SECRET), "error", trace.StatusCode.ERROR),
        (TimeoutError(SECRET), "timeout", trace.StatusCode.ERROR),
        (asyncio.CancelledError(SECRET), "cancelled", trace.StatusCode.UNSET),
        (KeyboardInterrupt(), "cancelled", trace.StatusCode.UNSET),
    ],
)
def test_an_exception_marks_the_span_and_passes_untouched(telemetry, error, result, status):
    before = context_api.get_current()
    with (
        pytest.raises(type(error)) as caught,
        events.tool_call(tool_name="t", result="success"),
    ):
        raise error
    assert caught.value is error
    assert error.__context__ is None
    assert context_api.get_current() == before
    span = telemetry.span()
    assert span.attributes["cortex.result"] == result
    assert span.status.status_code is status
    assert span.status.description is None
    assert span.events == ()
    assert "alice" not in span.to_json()
    if result != "cancelled":
        assert span.attributes["error.type"] == type(error).__name__


async def test_an_exception_passes_an_async_block(telemetry):
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.01), events.search_context(query="q"):
            await asyncio.sleep(5)
    assert telemetry.span().attributes["cortex.result"] == "cancelled"


def test_a_failure_that_is_no_exception(telemetry):
    with events.tool_call(tool_name="t") as event:
        event.set(result="error")
    assert telemetry.span().status.status_code is trace.StatusCode.ERROR
    assert telemetry.span().attributes["error.type"] == "_OTHER"


def test_a_handle_used_twice_is_one_span(telemetry):
    event = events.tool_call(tool_name="t")
    with event, event:
        pass
    with event:
        pass
    del event
    assert len(telemetry.spans) == 1
    assert telemetry.logs == []


def test_the_block_is_what_is_timed(telemetry, rejected):
    with events.tool_call(tool_name="t") as event:
        event.set(duration_ms=3)
    assert "cortex.event.duration_ms" not in telemetry.span().attributes
    assert rejected() == {"mcp.tool_call.duration_ms": 1}


def test_unused_it_is_recorded_at_once(telemetry):
    events.update_memory(file_size_bytes=1, token_count=2)
    assert "cortex.event.duration_ms" not in telemetry.log().attributes


def test_kept_it_is_recorded_when_let_go_with_time_and_context_of_the_call(telemetry):
    event = events.update_memory(token_count=2)
    called = time.time_ns()
    with telemetry.tracer.start_as_current_span("later"):
        event.set(file_size_bytes=7)
        assert telemetry.logs == []
        del event
    record = telemetry.log()
    assert record.timestamp <= called
    assert record.trace_id == 0
    assert record.attributes["cortex.memory.file_size_bytes"] == 7


def test_kept_it_belongs_to_the_span_of_its_call(telemetry):
    with telemetry.tracer.start_as_current_span("first") as first:
        event = events.update_memory(token_count=2)
    del event
    assert telemetry.log().span_id == first.get_span_context().span_id


def test_let_go_by_another_thread(telemetry):
    held = [events.update_memory(token_count=2)]
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert telemetry.log().attributes["cortex.memory.token_count"] == 2


def test_freed_by_the_garbage_collector_it_waits_for_the_next_event(telemetry):
    cycle = [events.update_memory(token_count=2)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert telemetry.logs == [], "no lock of the pipeline may be taken inside a collection"
    events.install(ide="vscode")
    assert [log.event_name for log in telemetry.logs] == ["mcp.update_memory", "ext.install"]


def test_put_aside_events_can_be_flushed(telemetry):
    cycle = [events.update_memory(token_count=2)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    event_handle.flush_deferred()
    assert len(telemetry.logs) == 1


@pytest.mark.system
def test_at_exit_nothing_hangs_or_is_printed():
    program = (
        "from cortex_otel.instrument import events\n"
        "from cortex_otel.instrument.state import state\n"
        "state.active = True\n"
        "kept = events.update_memory(token_count=2)\n"
        "cycle = [events.update_memory(token_count=2)]; cycle.append(cycle)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


# --- Bad values -------------------------------------------------------------------------------


class Raising:
    def __fspath__(self):
        raise RuntimeError(SECRET)


class Language(str, Enum):  # noqa: UP042 - its str() is not its value
    PYTHON = "python"


GOOD = {
    events.search_context: {"query": "fine"},
    events.branch_create: {"topic": "fine"},
    events.tool_call: {"tool_name": "fine"},
    events.ontology_classify: {"category": "fine"},
}


@pytest.mark.parametrize(
    ("function", "arguments", "bad"),
    [
        (events.search_context, {"top_k": "5"}, "top_k"),
        (events.search_context, {"top_k": 5.0}, "top_k"),
        (events.search_context, {"top_k": True}, "top_k"),
        (events.search_context, {"top_k": -1}, "top_k"),
        (events.search_context, {"top_k": 2**53}, "top_k"),
        (events.search_context, {"recall": 1.01}, "recall"),
        (events.search_context, {"recall": math.nan}, "recall"),
        (events.search_context, {"recall": False}, "recall"),
        (events.search_context, {"query": 5}, "query"),
        (events.search_context, {"query": b"bytes"}, "query"),
        (events.search_context, {"duration_ms": math.inf}, "duration_ms"),
        (events.search_context, {"duration_ms": -0.1}, "duration_ms"),
        (events.search_context, {"duration_ms": "8"}, "duration_ms"),
        (events.search_context, {"duration_ms": 10**400}, "duration_ms"),
        (events.search_context, {"result": "fine"}, "result"),
        (events.search_context, {"result": ["error"]}, "result"),
        (events.search_context, {"error": 5}, "error"),
        (events.branch_create, {"automatic": 1}, "automatic"),
        (events.tool_call, {"tool_name": ""}, "tool_name"),
        (events.tool_call, {"tool_name": "a\nb"}, "tool_name"),
        (events.tool_call, {"tool_name": "a" * 129}, "tool_name"),
        (events.tool_call, {"parameters": ["query"]}, "parameters"),
        (events.ontology_classify, {"confidence": 2}, "confidence"),
    ],
)
def test_a_bad_value_is_left_out_counted_and_the_rest_is_kept(
    telemetry, rejected, function, arguments, bad
):
    good = GOOD[function]
    function(**{**good, **arguments})
    function(**{**good, **arguments})
    name = telemetry.logs[0].event_name
    assert rejected() == {f"{name}.{bad}": 2}
    first = telemetry.logs[0].attributes
    key = event_types.EVENTS[name].by_name[bad].key
    assert len(telemetry.logs) == 2
    assert first.get(key) in (None, "success")
    if bad not in good:
        good_key = event_types.EVENTS[name].by_name[next(iter(good))].key
        assert any(attribute.startswith(good_key) for attribute in first)


def test_a_bad_value_is_logged_once_without_the_value(telemetry, caplog):
    for _ in range(3):
        events.install(ide=f"{SECRET}\n")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "ext.install" in record.getMessage()
    assert "ide" in record.getMessage()
    assert "alice" not in record.getMessage()


def test_too_much_text_keeps_its_length_and_is_counted(telemetry, rejected):
    events.branch_create(topic="a" * 10_001, duration_ms=1)
    events.branch_create(topic="a" * 10_000, duration_ms=1)
    assert [log.attributes["cortex.branch.topic.length"] for log in telemetry.logs] == [
        10_001,
        10_000,
    ]
    assert rejected() == {"mcp.branch_create.topic": 1}


def test_an_argument_that_raises_is_the_hosts_fault_and_never_its_trouble(telemetry, rejected):
    guard.rethrow_in_tests(enabled=False)
    events.activate(ide="vscode", project_path=Raising())
    assert telemetry.log().attributes["cortex.ide"] == "vscode"
    assert rejected() == {"ext.activate.project_path": 1}
    assert guard.faults() == {"events.ext.activate.project_path": 1}
    guard.rethrow_in_tests(enabled=False)


def test_an_enum_of_text_is_its_value(telemetry, rejected):
    events.code_insert(language=Language.PYTHON)
    assert telemetry.log().attributes["cortex.code.language"] == "python"
    assert type(telemetry.log().attributes["cortex.code.language"]) is str
    assert rejected() == {}


def test_lone_surrogates_are_text(telemetry, rejected):
    events.branch_create(topic="\ud800", duration_ms=1)
    assert telemetry.log().attributes["cortex.branch.topic.length"] == 1
    assert rejected() == {}


def test_none_means_not_known(telemetry, rejected):
    events.search_context(query=None, top_k=None, duration_ms=1)
    assert dict(telemetry.log().attributes) == {**MCP, "cortex.event.duration_ms": 1.0}
    assert rejected() == {}


@pytest.mark.parametrize(
    ("call", "refused"),
    [
        (events.search_context, {"query": 1}),
        (lambda: events.search_context("q", 5), {"positional": 2, "query": 1}),
        (lambda: events.search_context(query="q", **{SECRET: 1}), {"*": 1}),
        (lambda: events.search_context(query="q", **{"alice" * 13: 1}), {"*": 1}),
        (lambda: events.search_context(query="q", **{"비밀": 1, "": 2}), {"*": 2}),
        (lambda: events.search_context(query="q", topk=3, limit=3), {"topk": 1, "limit": 1}),
        (lambda: events.search_context(query="q", duration="8ms"), {"duration": 1}),
    ],
)
def test_a_call_that_does_not_fit_costs_what_does_not_fit(
    telemetry, rejected, caplog, call, refused
):
    with call() as event:
        event.set(results=1)
    assert telemetry.span().attributes["cortex.search.results"] == 1
    assert rejected() == {f"mcp.search_context.{name}": n for name, n in refused.items()}
    assert "alice" not in caplog.text


def test_a_misspelt_argument_is_named_with_those_there_are(telemetry, rejected, caplog):
    for _ in range(100):
        events.ui_interaction(action="click", elment="alice's", kind=Hostile())
    assert len(telemetry.logs) == 100
    assert rejected() == {"ext.ui_interaction.elment": 100, "ext.ui_interaction.kind": 100}
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "ext.ui_interaction: no argument elment" in lines[0]
    assert "there are: action, element (" in lines[0]
    assert "alice" not in caplog.text


def test_an_argument_by_position_and_by_name_is_the_first(telemetry, rejected):
    events.feature_flag("a", "b", "c", key="other", extra=1)
    assert telemetry.log().attributes["feature_flag.key"] == "a"
    names = ("key", "extra")
    assert rejected() == {f"feature_flag.evaluation.{name}": 1 for name in names}


def test_a_wrong_call_of_an_instant(telemetry, rejected):
    assert events.install("vscode", version="1.0") is None
    assert telemetry.log().attributes["cortex.extension.version"] == "1.0"
    assert rejected() == {"ext.install.positional": 1, "ext.install.ide": 1}


def test_a_name_that_the_caller_did_not_write_himself_is_not_told(telemetry, rejected, caplog):
    """The keys of ``**data`` are somebody's data, whatever they look like."""
    for most in (1, 200):
        data = {f"alice_{number}": 1 for number in range(most)}
        events.search_context(query="q", **data, duration_ms=1)
        with events.search_context(query="q") as event:
            event.set(**data)
    assert len(telemetry.logs) == 2
    assert set(rejected()) == {"mcp.search_context.*"}
    assert "alice" not in caplog.text


def test_a_name_in_the_callers_code_is_told_from_every_way_in(telemetry, rejected):
    with events.search_context(query="q") as event:
        event.set(reslts=1)
    assert rejected() == {"mcp.search_context.reslts": 1}


def test_the_ledger_names_what_was_refused_and_adds_up():
    with testing.capture() as recorded:
        for _ in range(100):
            events.search_context(query="q", topk=3, duration_ms=1)
        events.search_context(query="q", top_k=-3, duration_ms=1)
        events.search_context(duration_ms=1)
    assert len(recorded.events("mcp.search_context")) == 102
    assert recorded.noted == {
        ("argument", "refused", "mcp.search_context.topk"): 100,
        ("argument", "refused", "mcp.search_context.top_k"): 1,
        ("argument", "missing", "mcp.search_context.query"): 1,
    }


class Hostile:
    """A value of the host's that nobody can look at."""

    def _raise(self, *_):
        raise RuntimeError(SECRET)

    __bool__ = __eq__ = __str__ = __repr__ = __len__ = __iter__ = __index__ = __float__ = _raise
    __fspath__ = __getattr__ = __format__ = __contains__ = _raise
    __hash__ = None


@pytest.mark.parametrize("event_type", event_types.EVENTS.values(), ids=lambda event: event.name)
def test_values_that_nobody_can_look_at_cost_only_themselves(telemetry, event_type):
    guard.rethrow_in_tests(enabled=False)
    function = FUNCTIONS[event_type.name]
    for field in event_type.by_name:
        function(**{field: Hostile()})
    assert len(telemetry.logs) == len(event_type.by_name)


def test_an_unknown_field_in_set_is_counted_and_the_rest_is_kept(telemetry, rejected):
    with events.search_context(query="q") as event:
        event.set(7, results=3, colour="red", self="s")
        event.set(top_k=-1)
    assert telemetry.span().attributes["cortex.search.results"] == 3
    assert "cortex.search.top_k" not in telemetry.span().attributes
    names = ("positional", "colour", "self", "top_k")
    assert rejected() == {f"mcp.search_context.{name}": 1 for name in names}


def test_the_shape_of_parameters_has_no_value_and_no_strange_name(telemetry):
    class Alice:
        pass

    parameters = {"a": None, "b": True, "c": [SECRET], SECRET: 1, "d": Alice(), 5: 1.5}
    events.tool_call(tool_name="t", parameters=parameters, duration_ms=1)
    shape = telemetry.log().attributes["cortex.tool.parameters"]
    assert shape == "a:null,b:bool,c:list,*:int,d:object,*:float"


def test_the_shape_of_parameters_is_bounded(telemetry):
    parameters = {f"p{n}": n for n in range(1000)}
    events.tool_call(tool_name="t", parameters=parameters, duration_ms=1)
    shape = telemetry.log().attributes["cortex.tool.parameters"]
    assert len(shape) <= 512
    assert shape.endswith(":int,...")


# --- Never hurts the host ---------------------------------------------------------------------


def test_switched_off_nothing_is_recorded_or_looked_at(telemetry, rejected):
    state.active = False
    with events.search_context(query=5, top_k=Raising()) as event:
        event.set(results=-1)
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert events.search_context() is event
    assert events.install() is None
    assert telemetry.logs == telemetry.spans == []
    assert rejected() == {}


def test_without_providers_of_our_own_the_global_ones_are_used():
    state.reset()
    state.active = True
    try:
        with events.search_context(query="q"):
            pass
        events.install(ide="vscode")
    finally:
        state.reset()


class Broken:
    """A pipeline that raises wherever it is touched."""

    def __getattr__(self, name):
        raise RuntimeError(SECRET)


def test_a_broken_pipeline_never_reaches_the_host(telemetry, caplog):
    guard.rethrow_in_tests(enabled=True)
    guard.rethrow_in_tests(enabled=False)
    state.logger = state.tracer = Broken()
    events.install(ide="vscode")
    events.search_context(query="q", duration_ms=1)
    events.search_context(query="q")
    ran = False
    with events.search_context(query="q") as event:
        event.set(results=1)
        ran = True
    del event
    assert ran
    faults = guard.faults()
    assert faults["events.ext.install"] == 1
    assert faults["events.enter"] == 1
    assert faults["events.release"] == 2, "what couldn't become a span is tried as an event"
    assert "alice" not in caplog.text


def test_a_broken_end_leaves_the_context_as_it_was(telemetry):
    guard.rethrow_in_tests(enabled=False)

    class Processor(SimpleSpanProcessor):
        def on_end(self, span):
            raise RuntimeError(SECRET)

    telemetry.tracer_provider.add_span_processor(Processor(InMemorySpanExporter()))
    before = context_api.get_current()
    with events.search_context(query="q"):
        pass
    assert context_api.get_current() == before


def test_many_threads_at_once(telemetry):
    def work():
        for n in range(200):
            events.search_context(query="q", results=n, duration_ms=1)
            with events.tool_call(tool_name="t"):
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(telemetry.logs) == len(telemetry.spans) == 1600


# --- Static types -----------------------------------------------------------------------------

TYPED_CALLS = """
from typing import assert_type
from cortex_otel.instrument import events

assert_type(events.search_context(query="q", top_k=5), events.EventHandle)
with events.compress_context(tokens_before=1) as event:
    event.set(tokens_after=2)
events.feature_flag("k", "v")
events.install(ide="vscode")
events.search_context(query=5)  # E
events.search_context(top_k=5)  # E
events.search_context(query="q", limit=5)  # E
events.search_context("q")  # E
events.tool_call(tool_name="t", result="fine")  # E
events.feature_flag("k", variant=5)  # E
"""


@pytest.mark.system
def test_a_type_checker_sees_each_signature(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "calls.py"
    program.write_text(TYPED_CALLS)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary",
         "--config-file=", "--cache-dir", os.devnull, str(program)],
        capture_output=True, text=True, timeout=250, check=False, cwd=root,
        env={**os.environ, "MYPYPATH": str(root)},
    )  # fmt: skip
    wrong = [n for n, line in enumerate(TYPED_CALLS.splitlines(), 1) if line.endswith("# E")]
    reported = [int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line]
    assert reported == wrong, done.stdout + done.stderr


def test_a_timed_event_belongs_to_the_tool_it_happens_in(telemetry):
    attributes = {semconv.GEN_AI_TOOL_NAME: "search"}
    with telemetry.tracer.start_as_current_span("tool", attributes=attributes):
        with events.compress_context(tokens_before=10):
            pass
    assert telemetry.spans[0].attributes[semconv.GEN_AI_TOOL_NAME] == "search"
