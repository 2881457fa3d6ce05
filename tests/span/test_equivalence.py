"""The stock span and ours after the same calls: everything observable must be the same.

The same calls, drawn at random, go to both; then all that came back is compared: what each call
returned, raised and logged, what processors were called with, and what an exporter saw, down to
dropped counts, ids and the number of clock reads. Runs under each SDK version of `versions.py`
(see `test_sdk_versions.py`), so it needs nothing but the SDK, pytest and hypothesis.
"""

from __future__ import annotations

import copy
import enum
import itertools
import logging
import random
import re
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import id_generator, sampling
from opentelemetry.trace import SpanKind, Status, StatusCode, TraceFlags, TraceState

from cortex_otel.span import span as lean_span
from cortex_otel.span import tracer as lean_tracer
from cortex_otel.span.provider import LeanTracerProvider

KEYS = ["a", "b", "c", "d", ""]


class Text(str):
    __slots__ = ()


class Colour(enum.StrEnum):
    RED = "red"


class Speaking:
    def __str__(self):
        return "I speak"


class Mute:
    pass


class Broken:
    def __str__(self):
        raise RuntimeError("no")


VALUES = st.sampled_from(
    [
        "text", "", "a longer text", 1, 0, True, False, 2.5, float("nan"), None, 2**70, b"bytes",
        [1, 2], (), ["a", None], ("x", 1), [["nested"]], {"k": "v"}, {"": 1, 2: Mute()},
        Text("sub"), Colour.RED, Speaking(), Mute(), Broken(), bytearray(b"x"), {1, 2}, "\ud800",
    ]
)  # fmt: skip
PLAIN = st.dictionaries(
    st.sampled_from(KEYS[:-1]), st.sampled_from(["x", 1, True, 0.5, None]), max_size=4
)
ATTRIBUTES = st.one_of(
    st.none(),
    PLAIN,
    st.dictionaries(st.sampled_from([*KEYS, 7, None, Text("a")]), VALUES, max_size=5),
    st.sampled_from([[("a", 1)], 5, "abc", ()]),
)
NAMES = st.sampled_from(["tools/call search", "x", "", None, 5])
TIMES = st.sampled_from([None, 0, 1, 10**18])
KINDS = st.sampled_from(list(SpanKind))
STATUSES = st.one_of(
    st.sampled_from(list(StatusCode)),
    st.builds(Status, st.sampled_from(list(StatusCode)), st.sampled_from([None, "said"])),
    st.sampled_from(["ERROR", None]),
)
CONTEXTS = st.builds(
    api.SpanContext,
    st.sampled_from([0, 1, 2**127, 2**129]),
    st.sampled_from([0, 5, 2**64]),
    st.booleans(),
    st.sampled_from([TraceFlags(bits) for bits in (0, 1, 2, 3, 255)]),
    st.sampled_from([None, TraceState([("vendor", "x")])]),
)
LINKS = st.lists(st.builds(api.Link, CONTEXTS, ATTRIBUTES), max_size=3)
EXCEPTIONS = st.sampled_from([ValueError, KeyError, BaseException, GeneratorExit, StopIteration])
SPAN = st.integers(0, 3)  # which one, of those started
FLAG = st.booleans()


def op(name, *arguments):
    return st.tuples(st.just(name), st.tuples(*arguments))


OPERATIONS = st.lists(
    st.one_of(
        op(
            "start",
            NAMES,
            st.one_of(st.none(), st.just("empty"), SPAN, CONTEXTS),
            KINDS,
            ATTRIBUTES,
            st.one_of(st.none(), LINKS),
            TIMES,
            FLAG,
            FLAG,
        ),
        op(
            "start",
            NAMES,
            st.one_of(st.none(), SPAN),
            KINDS,
            ATTRIBUTES,
            st.just(()),
            st.none(),
            FLAG,
            FLAG,
        ),
        op("set_attribute", SPAN, st.sampled_from([*KEYS, 7, None, Text("a")]), VALUES),
        op("set_attribute", SPAN, st.sampled_from(KEYS), st.sampled_from(["y", 2])),
        op("set_attributes", SPAN, ATTRIBUTES),
        op("add_event", SPAN, NAMES, ATTRIBUTES, TIMES),
        op("add_link", SPAN, CONTEXTS, ATTRIBUTES),
        op("update_name", SPAN, NAMES),
        op("set_status", SPAN, STATUSES, st.sampled_from([None, "told"])),
        op("record_exception", SPAN, EXCEPTIONS, ATTRIBUTES, TIMES, FLAG),
        op("end", SPAN, TIMES),
        op("end", SPAN, st.none()),
        op("again", SPAN, TIMES),
        op("read", SPAN),
        op("private", SPAN),
        op("write_private", SPAN, VALUES),
        op("copy", SPAN),
        op("with_span", SPAN, st.one_of(st.none(), EXCEPTIONS)),
        op("current", NAMES, ATTRIBUTES, FLAG, FLAG, FLAG, st.one_of(st.none(), EXCEPTIONS)),
        op("decorated", NAMES, ATTRIBUTES, st.one_of(st.none(), EXCEPTIONS)),
        op("switch", FLAG),
        op("scope", st.sampled_from(["other", "", None]), st.sampled_from([None, "2"]), ATTRIBUTES),
        op("add_processor"),
        op("flush"),
    ),
    min_size=1,
    max_size=14,
)

# What hosts mostly do, so that most of the draws go the short ways.
REMOTE = st.builds(
    api.SpanContext,
    st.just(7),
    st.just(5),
    st.just(True),  # noqa: FBT003 - is it remote
    st.sampled_from([TraceFlags(bits) for bits in range(4)]),
    st.sampled_from([None, TraceState([("vendor", "x")])]),
)
USUAL = st.lists(
    st.one_of(
        op(
            "start",
            st.just("x"),
            st.one_of(st.none(), SPAN, REMOTE),
            KINDS,
            PLAIN,
            st.none(),
            st.none(),
            FLAG,
            FLAG,
        ),
        op("set_attribute", SPAN, st.sampled_from(KEYS[:-1]), st.sampled_from(["y", 2])),
        op("set_attributes", SPAN, PLAIN),
        op("read", SPAN),
        op("end", SPAN, st.none()),
        op("current", NAMES, PLAIN, FLAG, FLAG, FLAG, st.one_of(st.none(), EXCEPTIONS)),
    ),
    min_size=2,
    max_size=12,
)


class Deciding(sampling.Sampler):
    """Changes attributes and trace state, and drops every third."""

    def __init__(self):
        self.asked = 0

    def should_sample(self, *_arguments, **_options):
        self.asked += 1
        decision = list(sampling.Decision)[self.asked % 3]
        attributes = {"sampled": [1], "b": "s"}
        return sampling.SamplingResult(decision, attributes, TraceState([("k", "v")]))

    def get_description(self):
        return "Deciding"


class Counting(id_generator.IdGenerator):
    def __init__(self):
        self.next = 0

    def generate_span_id(self):
        self.next += 1
        return self.next

    generate_trace_id = generate_span_id


SAMPLERS = [
    lambda: sampling.ALWAYS_ON,
    lambda: sampling.ALWAYS_ON,
    lambda: sampling.DEFAULT_ON,
    lambda: sampling.ALWAYS_OFF,
    Deciding,
    lambda: sampling.TraceIdRatioBased(0.5),
    lambda: sampling.StaticSampler(sampling.Decision.RECORD_ONLY),
]
UNSET = sdk.SpanLimits.UNSET
LIMITS = [
    {}, {}, {}, {"max_span_attributes": 0}, {"max_span_attributes": 2}, {"max_attributes": UNSET},
    {"max_span_attribute_length": 3}, {"max_attribute_length": 0},
    {"max_events": 1, "max_links": 1, "max_event_attributes": 1, "max_link_attributes": 1},
    {"max_events": UNSET, "max_links": 0},
]  # fmt: skip


class Watching(sdk.SpanProcessor):
    """An exporter that shows what it is given, at the moment it is given it."""

    def __init__(self, log, number=0):
        self.log = log
        self.number = number

    def on_start(self, span, parent_context=None):
        span.set_attribute("seen", self.number)
        self.log.append(("on_start", shown(span), parent_context is None))

    def _on_ending(self, span):
        span.set_attribute("too", "late")
        self.log.append(("_on_ending", shown(span)))

    def on_end(self, span):
        assert type(span) is sdk.ReadableSpan
        self.log.append(("on_end", shown(span)))
        text = tried(span.to_json)
        self.log.append(re.sub(r'"exception.stacktrace": ".*"', "", text) if span.events else text)


def shown(span):
    """Everything public of a span, comparable."""
    if not isinstance(span, sdk.ReadableSpan):
        return type(span).__name__, span.get_span_context(), span.is_recording()
    scope = span.instrumentation_scope
    return (
        plain(span.name), span.get_span_context(), span.context, span.parent, span.kind,
        span.start_time, span.end_time, span.status.status_code, plain(span.status.description),
        items(span.attributes), span.dropped_attributes, span.dropped_events, span.dropped_links,
        [(plain(e.name), e.timestamp, items(e.attributes), e.dropped_attributes)
         for e in span.events],
        [(link.context, items(link.attributes), link.dropped_attributes) for link in span.links],
        dict(span.resource.attributes), (plain(scope.name), scope.version, scope.schema_url),
        items(scope.attributes), type(span.attributes), len(span.attributes), repr(span.attributes),
        not isinstance(span, sdk.Span) or span.is_recording(),
    )  # fmt: skip


def plain(value):
    return type(value).__name__, repr(value)


def items(attributes):
    """In their order, with the type of each: 1 == True == 1.0."""
    found = []
    for key, value in (attributes or {}).items():
        # Of a `with` block, the SDK's own frames are in the stock one and not in ours.
        is_trace = key == "exception.stacktrace"
        lines = re.findall(r"(?m)^\w.*$|test_equivalence.py.*", value) if is_trace else value
        found.append((plain(key), plain(lines)))
    return found


def tried(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except BaseException as error:  # noqa: BLE001 - it is compared
        return type(error), re.sub(r"\b(Lean|_)Span\b|0x[0-9a-f]+", "", str(error))


class Drive:
    """One provider, and what is observed of it after each operation."""

    def __init__(self, provider_class, limits, sampler, ids):
        self.log = []
        self.provider = provider_class(
            sampler=SAMPLERS[sampler](),
            resource=Resource({"service.name": "s"}),
            id_generator=Counting() if ids else None,
            span_limits=sdk.SpanLimits(**LIMITS[limits]),
            shutdown_on_exit=False,
        )
        self.tracer = self.provider.get_tracer("scope", "1", "https://schema", {"s": 1})
        self.provider.add_span_processor(Watching(self.log))
        self.spans = []
        self.views = []

    def span(self, number):
        return self.spans[number % len(self.spans)] if self.spans else api.INVALID_SPAN

    def started(self, span):
        self.spans.append(span)
        return shown(span)

    def context(self, parent):
        if parent is None or parent == "empty":
            return None if parent is None else context_api.Context()
        if isinstance(parent, int):
            return api.set_span_in_context(self.span(parent), context_api.Context())
        return api.set_span_in_context(api.NonRecordingSpan(parent), context_api.Context())

    def start(self, name, parent, *rest):
        kind, attributes, links, time, *flags = rest
        # A link's attributes are replaced by the span that takes it.
        links = links and [api.Link(link.context, link.attributes) for link in links]
        span = self.tracer.start_span(
            name, self.context(parent), kind, attributes, links, time, *flags
        )
        return self.started(span)

    def record_exception(self, number, error, *arguments):
        try:
            raise error("it said")
        except BaseException as raised:  # noqa: BLE001
            return self.span(number).record_exception(raised, *arguments)

    def again(self, number, time):
        span = self.span(number)
        return span.start(time) if isinstance(span, sdk.Span) else None

    def read(self, number):
        span = self.span(number)
        if isinstance(span, sdk.Span):
            self.views.append(span.attributes)
        return shown(span), repr(span).replace("LeanSpan", "_Span")

    def private(self, number):
        span = self.span(number)
        if not isinstance(span, sdk.Span):
            return None
        return (
            dict(span._attributes), span._attributes.maxlen, span._attributes._immutable,
            span._limits.max_events, type(span._sampler), span._record_exception,
            len(span._events), len(span._links), span._resource.attributes, span._end_time,
            span._instrumentation_info, span._trace_config, type(span._span_processor),
            shown(span._readable_span()),
        )  # fmt: skip

    def write_private(self, number, value):
        span = self.span(number)
        if isinstance(span, sdk.Span):
            span._attributes["private"] = value

    def copy(self, number):
        span = self.span(number)
        if isinstance(span, sdk.Span):
            snapshot = copy.deepcopy(span._readable_span())
            return shown(copy.copy(span)), shown(snapshot), tried(copy.deepcopy, span)
        return None

    def with_span(self, number, error):
        with self.span(number) as span:
            if error is not None:
                raise error("in with")
            return shown(span)

    def current(self, name, attributes, *rest):
        record, status, end, error = rest
        with self.tracer.start_as_current_span(
            name,
            attributes=attributes,
            record_exception=record,
            set_status_on_exception=status,
            end_on_exit=end,
        ) as span:
            shows = self.started(span)
            assert api.get_current_span() is span
            child = self.started(self.tracer.start_span("child"))
            if error is not None:
                raise error("in with")
            return shows, child

    def decorated(self, name, attributes, error):
        @self.tracer.start_as_current_span(name, attributes=attributes)
        def function(value, *, other):
            self.spans.append(api.get_current_span())
            if error is not None:
                raise error("in function")
            return value, other

        return function(1, other=2), function(3, other=4), function.__name__

    def switch(self, enabled):
        config = sdk._TracerConfig(is_enabled=enabled)
        self.provider._set_tracer_configurator(tracer_configurator=lambda _: config)

    def scope(self, name, version, attributes):
        self.tracer = self.provider.get_tracer(name, version, None, attributes)
        return self.tracer is self.provider.get_tracer(name, version, None, attributes)

    def add_processor(self):
        self.provider.add_span_processor(Watching(self.log, number=1))

    def flush(self):
        return self.provider.force_flush()

    def do(self, name, arguments):
        if hasattr(self, name):
            return getattr(self, name)(*arguments)
        number, *rest = arguments
        return getattr(self.span(number), name)(*rest)

    def run(self, operations):
        """Everything that could be seen."""
        handler = logging.Handler()
        handler.emit = lambda record: self.log.append(
            (record.name, record.levelname, record.getMessage().replace("LeanSpan", "_Span"))
        )
        random.seed(17)
        clock = itertools.count(1000)
        names = [(sdk, "time_ns"), (lean_span, "time_ns"), (lean_tracer, "time_ns")]
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(handler)
        propagate, logger.propagate = logger.propagate, False
        try:
            with mock.patch.multiple(sdk, time_ns=clock.__next__):
                for module, name in names[1:]:
                    setattr(module, name, clock.__next__)
                for name, arguments in operations:
                    self.log.append((name, tried(self.do, name, arguments)))
        finally:
            for module, name in names[1:]:
                setattr(module, name, sdk.time_ns)
            logger.removeHandler(handler)
            logger.propagate = propagate
        self.log += [shown(span) for span in self.spans]
        self.log += [items(view) for view in self.views]
        self.log.append((next(clock), random.random()))
        return self.log


def begin(attributes, parent=None):
    return "start", ("x", parent, SpanKind.SERVER, attributes, None, None, True, True)


@pytest.mark.thorough
@settings(
    max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)  # fmt: skip
@given(
    st.integers(0, len(LIMITS) - 1), st.integers(0, len(SAMPLERS) - 1), st.booleans(),
    st.one_of(USUAL, OPERATIONS),
)  # fmt: skip
@example(4, 0, 0, [begin({"a": 1}), ("set_attributes", (0, {"b": 1, "c": 2}))])
@example(4, 0, 0, [begin({"a": 1}), ("set_attribute", (0, "b", 1)), ("end", (0, None))])
@example(0, 0, 0, [begin({"": 1, "a": 2}), ("set_attributes", (0, {"": 1}))])
@example(0, 0, 0, [begin(None, api.SpanContext(7, 5, is_remote=True))])
@example(0, 0, 0, [begin({"a": 1, "b": 1}), ("read", (0,)), ("set_attribute", (0, "a", 2))])
def test_they_behave_the_same(limits, sampler, ids, operations):
    stock = Drive(sdk.TracerProvider, limits, sampler, ids).run(operations)
    lean = Drive(LeanTracerProvider, limits, sampler, ids).run(operations)
    for expected, found in zip(stock, lean, strict=True):
        assert found == expected


def test_the_driver_makes_lean_spans_of_every_sort():
    """Or the comparison would compare the stock span with itself."""
    drive = Drive(LeanTracerProvider, 0, 0, 0)
    drive.run([begin({"a": 1})])
    assert type(drive.spans[0]) is lean_span.LeanSpan
    assert drive.spans[0]._lean_attributes == {"a": 1, "seen": 0}


@pytest.mark.parametrize("provider_class", [sdk.TracerProvider, LeanTracerProvider])
def test_the_comparison_sees_a_difference(provider_class):
    one, other = (Drive(provider_class, 0, 0, 0).run([begin({"a": value})]) for value in (1, True))
    assert one != other
