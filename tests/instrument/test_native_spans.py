"""A library's span of a request that says what ours says already costs next to nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc
from cortex_otel.identity import IdentityResolver
from cortex_otel.instrument import native_spans
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.native_spans import NativeTracer, is_unread, server_span
from cortex_otel.instrument.outcome import OK
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.state import state
from cortex_otel.instrument.tool_names import ToolNames
from cortex_otel.process.convert import Converter
from cortex_otel.process.processor import EventSpanProcessor
from cortex_otel.process.redact import Redactor
from cortex_otel.span.provider import LeanTracerProvider

PEER = Peer("pipe", "2025-06-18", "", "client", "1")
SAID = {
    sc.MCP_METHOD_NAME: "tools/call", sc.MCP_PROTOCOL_VERSION: "2025-06-18",
    sc.JSONRPC_REQUEST_ID: "1", sc.GEN_AI_OPERATION_NAME: "execute_tool",
    sc.GEN_AI_TOOL_NAME: "find",
}  # fmt: skip


def begin():
    known = ToolNames()
    known.learn(sc.METHOD_TOOLS_CALL, ["find"])
    return requests.begin(known, sc.METHOD_TOOLS_CALL, {"name": "find"}, 1, {}, PEER)


def no_span(*_args, **_options):
    raise AssertionError("two spans of one request")


@pytest.fixture
def writes(monkeypatch):
    """What is written on spans after their start."""
    from opentelemetry.sdk.trace import Span

    written = []
    for name in ("set_attributes", "set_attribute", "update_name", "set_status"):
        original = getattr(Span, name)

        def watched(self, *args, _name=name, _original=original):
            written.append((_name, *args))
            return _original(self, *args)

        monkeypatch.setattr(Span, name, watched)
    return written


def test_what_ours_says_already_is_not_written_again(recorded, writes):
    request = begin()
    with server_span(no_span, "tools/call find", kind=SpanKind.SERVER, attributes=SAID) as span:
        assert span.get_span_context() == request.span.get_span_context()
    request.end(OK)
    outcome = {sc.CORTEX_OUTCOME: OK.outcome, sc.CORTEX_RESULT: "success"}
    assert [call for call in writes if call[0] != "set_attribute"] == [("set_attributes", outcome)]
    assert recorded.span().attributes.items() >= (SAID | outcome).items()


@pytest.mark.parametrize(
    ("name", "more"), [("tools/call find!", {}), ("tools/call find", {"theirs": "x"})]
)
def test_what_is_the_librarys_own_is_written(recorded, name, more):
    request = begin()
    with server_span(no_span, name, kind=SpanKind.SERVER, attributes=SAID | more):
        pass
    request.end(OK)
    span = recorded.span()
    assert (span.name, span.attributes.get("theirs")) == (name, more.get("theirs"))


def test_what_it_tells_later_is_written_too(recorded):
    request = begin()
    with server_span(no_span, "tools/call find", kind=SpanKind.SERVER, attributes=SAID) as span:
        span.set_attribute(sc.MCP_METHOD_NAME, "another")
    request.end(OK)
    assert recorded.span().attributes[sc.MCP_METHOD_NAME] == "another"


@pytest.mark.parametrize("asked", [True, False])
def test_leaving_by_an_exception_is_recorded_as_it_was_asked_for(recorded, asked):
    request = begin()
    span = server_span(
        no_span, "tools/call find", kind=SpanKind.SERVER, attributes=SAID,
        record_exception=asked, set_status_on_exception=asked,
    )  # fmt: skip
    with pytest.raises(KeyError), span:
        raise KeyError("x")
    request.end(OK)
    ended = recorded.span()
    assert len(ended.events) == asked
    assert (ended.status.status_code is StatusCode.ERROR) is asked


def test_where_nothing_is_served_the_span_is_the_librarys(recorded):
    tracer = NativeTracer(recorded.native_tracer)
    with tracer.start_as_current_span("tools/call find", kind=SpanKind.SERVER) as span:
        assert span.is_recording()
    assert recorded.span().instrumentation_scope.name == "mcp-python-sdk"


# --- Nobody but the store reads our span -------------------------------------------------------


class Sink(list):
    submit = list.append


@pytest.fixture
def store(monkeypatch, recorded):
    """The provider as `configure` makes it, and the rows that come of it."""
    del recorded
    resolver = IdentityResolver()
    redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
    rows = Sink()
    sampler = SimpleNamespace(active=False)
    processor = EventSpanProcessor(Converter(redactor, resolver, "mcp"), sampler, rows)
    provider = LeanTracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    monkeypatch.setattr(state, "tracer", provider.get_tracer("cortex_otel"))
    return SimpleNamespace(provider=provider, processor=processor, rows=rows)


def test_the_library_is_not_asked_for_what_nobody_reads(store):
    request = begin()
    assert is_unread(sc.METHOD_TOOLS_CALL)
    assert not is_unread(sc.METHOD_TOOLS_CALL)  # a second one is made inside it
    assert native_spans.current_span() is request.span
    request.end(OK)
    (unread,) = store.rows
    request = begin()
    with server_span(no_span, "tools/call find", kind=SpanKind.SERVER, attributes=SAID):
        pass
    request.end(OK)
    assert unread.series == store.rows[1].series
    assert unread.context == store.rows[1].context
    assert unread.event_data == store.rows[1].event_data


@pytest.mark.parametrize("reader", ["processor", "beside", "method", "span", "nothing"])
def test_it_is_asked_where_somebody_may_read_it(store, reader):
    if reader == "processor":
        store.provider.add_span_processor(SpanProcessor())
    elif reader == "beside":
        store.processor.beside = object()
    request = begin()
    if reader == "span":
        with store.provider.get_tracer("host").start_as_current_span("the user's"):
            assert not is_unread(sc.METHOD_TOOLS_CALL)
    elif reader == "method":
        assert not is_unread("tools/list")
    else:
        assert is_unread(sc.METHOD_TOOLS_CALL) is (reader == "nothing")
    store.processor.beside = None
    request.end(OK)
    assert not is_unread(sc.METHOD_TOOLS_CALL)
