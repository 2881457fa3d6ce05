"""What is remembered of spans that repeat is what redaction would say again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel import semconv as sc
from cortex_otel.identity import IdentityResolver
from cortex_otel.process import row_cache
from cortex_otel.process.allow_list import ALLOWED
from cortex_otel.process.convert import Converter
from cortex_otel.process.from_sdk import span_data
from cortex_otel.process.redact import Redactor
from cortex_otel.span.provider import LeanTracerProvider

CALL = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "search"}
SECRET = "sk-" + "a1B2" * 8
RESOURCE = Resource({"service.name": "s"})


def converter(**options):
    resolver = IdentityResolver()
    resolver._text_key = b"of both"
    resolver.provider = lambda: {"user_id": "alice", "tier": "paid", "project_id": "p"}
    redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user, **options)
    removed = []
    made = Converter(redactor, resolver, "mcp", removed.append)
    made.total_removed = lambda: sum(removed)
    return made


def tracer(provider_class=LeanTracerProvider, scope="mcp-python-sdk"):
    provider = provider_class(sampler=ALWAYS_ON, resource=RESOURCE, shutdown_on_exit=False)
    return provider.get_tracer(scope, "1")


def ended(of, attributes, name="tools/call search", kind=SpanKind.SERVER, status=None):
    span = of.start_span(name, kind=kind, attributes=attributes, start_time=10)
    if status is not None:
        span.set_status(status)
    span.end(25)
    return span


def row(record):
    return record._replace(trace_id=0, span_id=0, parent_span_id=0)


TEXTS = st.sampled_from(
    ["tools/call", "search", "x", "", "1", "alice@example.com", "/home/alice", SECRET, "a b",
     "query:str", "0" * 32, "x" * 200, "5", "paid", "free", "mcp", "mcp.tool_call", "timeout"]
)  # fmt: skip
SPANS = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(
                [
                    *ALLOWED,
                    *(f"{key}.hash" for key in (sc.CORTEX_PROJECT_ID, "cortex.search.query")),
                    "not.allowed",
                    "my.key",
                    "my.key.deep",
                ]
            ),
            st.one_of(TEXTS, st.sampled_from([1, True, 1.0, 0, None, -0.5])),
            max_size=8,
        ),
        TEXTS,
        st.sampled_from(list(SpanKind)),
        st.sampled_from([None, *StatusCode]),
        st.sampled_from(["mcp-python-sdk", "fastmcp"]),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.thorough
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(SPANS, st.booleans())
def test_the_row_is_the_same_as_without_memory(spans, capture):
    options = {"allow": ["my.key", "my.*"], "capture_content": capture}
    with_memory, without = converter(**options), converter(**options)
    tracers = {
        (provider, scope): tracer(provider, scope)
        for provider in (LeanTracerProvider, TracerProvider)
        for scope in ("mcp-python-sdk", "fastmcp")
    }
    for attributes, name, kind, status, scope in spans * 3:
        lean = ended(tracers[LeanTracerProvider, scope], attributes, name, kind, status)
        stock = ended(tracers[TracerProvider, scope], attributes, name, kind, status)
        found, expected = with_memory.span(span_data(lean)), without.span(span_data(stock))
        assert row(found) == row(expected)
        assert repr(sorted(found.event_data.items())) == repr(sorted(expected.event_data.items()))
        assert with_memory.total_removed() == without.total_removed()


def test_a_repeated_span_is_remembered():
    made, of = converter(), tracer()
    for number in range(5):
        made.span(span_data(ended(of, {**CALL, "jsonrpc.request.id": str(number)})))
    assert len(made._row_cache.rows) == 1


def test_one_is_not_true():
    made, of = converter(), tracer()
    rows = [
        made.span(span_data(ended(of, {**CALL, "rpc.response.status_code": value})))
        for value in (1, True, 1.0, "1")
    ]
    assert len({repr(found.context.attributes) + repr(found.event_data) for found in rows}) >= 3


def test_rows_of_different_spans_share_nothing_that_can_change():
    made, of = converter(), tracer()
    one = made.span(span_data(ended(of, {**CALL, "feature_flag.key": "f"})))
    one.event_data["planted"] = SECRET
    assert SECRET not in str(made.span(span_data(ended(of, {**CALL, "feature_flag.key": "f"}))))


def test_who_it_is_may_change_between_two_calls():
    made, of = converter(), tracer()
    before = made.span(span_data(ended(of, CALL)))
    made._resolver.provider = lambda: {"user_id": "bob", "tier": "free", "branch_id": "b"}
    made._resolver.refresh()
    made.service = "web"
    after = made.span(span_data(ended(of, CALL)))
    assert before.user_id_hash != after.user_id_hash
    assert (before.series.user_tier, after.series.user_tier) == ("paid", "free")
    assert (before.context.project_id, after.context.project_id) == ("p", "")
    assert (before.series.service, after.series.service) == ("mcp", "web")
    other = IdentityResolver()
    made.use_resolver(other)
    assert made.span(span_data(ended(of, CALL))).user_id_hash == ""


@pytest.mark.parametrize("key", ["gen_ai.tool.name", "cortex.project.id", "not.allowed"])
def test_a_host_of_many_values_fills_no_memory(key):
    made, of = converter(), tracer()
    for number in range(row_cache.MAX_ROWS * 2 + 10):
        made.span(span_data(ended(of, {**CALL, key: f"t{number}"})))
        made.span(span_data(ended(of, {"mcp.method.name": "tools/list", f"key.{number}": 1})))
    assert len(made._row_cache.rows) <= row_cache.MAX_ROWS
    assert len(made._row_cache._shapes) <= row_cache._MAX_SHAPES
    span = ended(of, {**CALL, key: SECRET, "again": SECRET})
    assert SECRET not in str(made.span(span_data(span)))


def test_nothing_long_is_remembered():
    made, of = converter(), tracer()
    made.span(span_data(ended(of, {**CALL, "cortex.ide": "x" * 1000})))
    made.span(span_data(ended(of, CALL, name="x" * 1000)))
    made.span(span_data(ended(of, {"k" * 10_000: 1, **CALL})))
    assert not made._row_cache.rows
    assert not any(len(key) > 200 for keys in made._row_cache._shapes for key in keys)
