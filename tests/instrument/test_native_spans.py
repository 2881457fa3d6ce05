"""A library's span of a request that repeats our attributes costs almost nothing."""

from __future__ import annotations

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.native_spans import NativeTracer, server_span
from cortex_otel.instrument.outcome import OK
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.tool_names import ToolNames

PEER = Peer("pipe", "2025-06-18", "", "client", "1")
SAID = {
    sc.MCP_METHOD_NAME: "tools/call",
    sc.MCP_PROTOCOL_VERSION: "2025-06-18",
    sc.JSONRPC_REQUEST_ID: "1",
    sc.GEN_AI_OPERATION_NAME: "execute_tool",
    sc.GEN_AI_TOOL_NAME: "find",
}


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


def test_attributes_that_ours_has_are_not_written_again(recorded, writes):
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


def test_attributes_set_later_are_written_too(recorded):
    request = begin()
    with server_span(no_span, "tools/call find", kind=SpanKind.SERVER, attributes=SAID) as span:
        span.set_attribute(sc.MCP_METHOD_NAME, "another")
    request.end(OK)
    assert recorded.span().attributes[sc.MCP_METHOD_NAME] == "another"


@pytest.mark.parametrize("asked", [True, False])
def test_an_exception_is_recorded_as_the_options_say(recorded, asked):
    request = begin()
    span = server_span(
        no_span,
        "tools/call find",
        kind=SpanKind.SERVER,
        attributes=SAID,
        record_exception=asked,
        set_status_on_exception=asked,
    )
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
