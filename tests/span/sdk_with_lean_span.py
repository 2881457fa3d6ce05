"""A pytest plugin: the SDK with the lean provider, tracer and span in place of its own.

Loaded with ``-p sdk_with_lean_span`` into a run of the SDK's own tests. ``opentelemetry.test`` is
a package of theirs that isn't published; the two helpers that their span tests take from it are
here.
"""

from __future__ import annotations

import sys
import types

import opentelemetry
from opentelemetry import trace as api
from opentelemetry.sdk import trace

from cortex_otel.span.provider import LeanTracerProvider
from cortex_otel.span.span import LeanSpan
from cortex_otel.span.tracer import LeanTracer

trace._Span = LeanSpan
trace.TracerProvider = LeanTracerProvider
made = {"spans": 0}
start_span = LeanTracer.start_span


def counted(tracer, *arguments, **options):
    span = start_span(tracer, *arguments, **options)
    made["spans"] += type(span) is LeanSpan
    return span


LeanTracer.start_span = counted


def new_tracer(span_limits=None, resource=None):
    provider = trace.TracerProvider(span_limits=span_limits, resource=resource)
    return provider.get_tracer("opentelemetry.test.spantestutil")


def get_span_with_dropped_attributes_events_links():
    """A span beyond each limit: 2 attributes, 3 events, 1 link, and 2 attributes of each."""
    attributes = {f"key{number}": [f"value{number}"] for number in range(130)}
    links = [api.Link(api.INVALID_SPAN_CONTEXT, attributes) for _ in range(129)]
    tracer = new_tracer(trace.SpanLimits(), trace.Resource(attributes))
    with tracer.start_as_current_span("span", links=links, attributes=attributes) as span:
        for number in range(131):
            span.add_event(f"event{number}", attributes)
        return span


opentelemetry.test = types.ModuleType("opentelemetry.test")
opentelemetry.test.spantestutil = types.ModuleType("opentelemetry.test.spantestutil")
vars(opentelemetry.test.spantestutil).update(
    new_tracer=new_tracer,
    get_span_with_dropped_attributes_events_links=get_span_with_dropped_attributes_events_links,
)
sys.modules["opentelemetry.test"] = opentelemetry.test
sys.modules["opentelemetry.test.spantestutil"] = opentelemetry.test.spantestutil


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"lean spans made: {made['spans']}")
