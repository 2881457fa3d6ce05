"""Each bound at its value and one past it, so that none can move unseen."""

from __future__ import annotations

from collections import OrderedDict
from types import SimpleNamespace

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from cortex_otel.identity import IdentityResolver
from cortex_otel.process import budget, native_spans, row_cache
from cortex_otel.process.budget import Budget, Limit, declare, is_declared
from cortex_otel.process.convert import Converter
from cortex_otel.process.copies import SafeCopies, _time
from cortex_otel.process.data import LogData, SpanData
from cortex_otel.process.exceptions import is_location, summarize_stacktrace
from cortex_otel.process.names import Names
from cortex_otel.process.redact import Redactor
from cortex_otel.process.row_cache import RowCache
from cortex_otel.process.sample import TraceSampler

DAY = 86_400.0
PLAIN = "tool_" * 4000
"""Text that no pattern finds fault with, at any length."""


def redactor(**options):
    # The digest shows how much of a text was looked at.
    return Redactor(hash_text=lambda text: f"{len(text):016x}", hash_user=str, **options)


def hashed(length):
    return f"{length:016x}"


# --- attributes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "most"),
    [("mcp.method.name", 128), ("mcp.session.id", 128), ("cortex.ide", 128)],
)
def test_what_is_longer_than_an_identifier_is_hashed(key, most):
    value = PLAIN[:most]
    assert redactor().attributes({key: value}).attributes == {key: value}
    longer = PLAIN[: most + 1]
    assert redactor().attributes({key: longer}).attributes == {f"{key}.hash": hashed(most + 1)}


def test_a_feature_is_a_token_or_hashed():
    for length, kept in ((128, PLAIN[:128]), (129, hashed(129))):
        found = redactor().attributes({"cortex.feature": PLAIN[:length]})
        assert found.attributes == {"cortex.feature": kept}


def test_a_name_is_cut():
    assert redactor().name(PLAIN[:128]) == PLAIN[:128]
    assert redactor().name(PLAIN[:129]) == PLAIN[:128]
    assert redactor().error_type("Zz" * 64) == "Zz" * 64
    assert redactor().error_type("Zz" * 64 + "z") == "_OTHER"


def test_a_shape_is_dropped():
    key = "cortex.tool.parameters"
    shape = ",".join(f"p{number:03}:int" for number in range(100))[: 9 * 57 - 1]
    assert len(shape) == 512
    assert redactor().attributes({key: shape}).attributes == {key: shape}
    longer = shape.replace("p000", "p0000")
    assert redactor().attributes({key: longer}) == ({}, 1)


def test_text_that_the_operator_allows_is_cut():
    kept = redactor(allow=["my.key"]).attributes({"my.key": PLAIN[:257]}).attributes
    assert kept == {"my.key": PLAIN[:256]}
    kept = redactor(allow=["my.key"]).attributes({"my.key": PLAIN[:256]}).attributes
    assert kept == {"my.key": PLAIN[:256]}


def test_a_key_below_an_allowed_prefix_is_short():
    for length, removed in ((128, 0), (129, 1)):
        key = "my." + "k" * (length - 3)
        assert redactor(allow=["my.*"]).attributes({key: 1}).removed == removed


def test_content_is_cut():
    key = "gen_ai.tool.call.result"
    for length in (8192, 8193):
        kept = redactor(capture_content=True).attributes({key: "x" * length}).attributes
        assert kept == {key: "x" * 8192}


def test_of_a_long_text_the_beginning_is_hashed():
    for length in (65_536, 65_537):
        kept = redactor().attributes({"cortex.search.query": "x" * length}).attributes
        assert kept["cortex.search.query.hash"] == hashed(65_536)
        assert kept["cortex.search.query.length"] == length


def test_a_list_has_few_members():
    assert redactor().attributes({"cortex.search.top_k": [1] * 16}).removed == 0
    assert redactor().attributes({"cortex.search.top_k": [1] * 17}).removed == 1


def test_a_title_has_few_words():
    for words, key in ((5, "cortex.ide"), (6, "cortex.ide.hash")):
        assert list(redactor().attributes({"cortex.ide": " ".join(["Word"] * words)})[0]) == [key]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**63, -(2**63) - 1])
def test_a_number_has_64_bits(number):
    is_kept = -(2**63) <= number < 2**63
    assert redactor().attributes({"cortex.search.top_k": number}).removed == (not is_kept)


# --- exceptions ---------------------------------------------------------------------------------


def test_a_class_has_a_short_name():
    assert summarize_stacktrace("Zz" * 64, "").error_type == "Zz" * 64
    assert summarize_stacktrace("Zz" * 64 + "z", "").error_type == "Exception"


def test_a_location_is_short():
    location = " <- ".join(["Error"] * 114)
    location += "r" * (1024 - len(location))
    assert is_location(location)
    assert not is_location(location + "r")


def test_of_a_long_stack_trace_the_end_is_read():
    frame = '  File "app.py", line 7, in run\nKeyError: 1'
    for cut, frames in ((2, 1), (3, 0)):  # both spaces, or one character of the word as well
        text = frame + "\n" * (65_536 + cut - len(frame))
        assert len(summarize_stacktrace("KeyError", text).frames) == frames


# --- rows ---------------------------------------------------------------------------------------


def converter():
    resolver = IdentityResolver()
    redact = Redactor(hash_text=lambda text: f"{len(text):016x}", hash_user=str)
    return Converter(redact, resolver, "mcp")


def log(attributes, name="mcp.search_context", body=None):
    return LogData(attributes, name, body, 10**18, 0, None, 0, 0, None, None)


def span(attributes, name="s", span_id=2):
    return SpanData(
        attributes,
        name,
        SpanKind.SERVER,
        1,
        span_id,
        0,
        1,
        2,
        StatusCode.UNSET,
        (),
        None,
        None,
        is_plain=True,
    )


def test_a_duration_is_at_most_three_years():
    key = "cortex.event.duration_ms"
    assert converter().log(log({key: 1e11})).duration_nano == 10**17
    assert converter().log(log({key: 1e11 + 1})).duration_nano is None
    assert converter().log(log({key: 0})).duration_nano == 0
    assert converter().log(log({key: -1})).duration_nano is None


def test_a_measure_that_is_too_large_is_not_summed():
    key = "cortex.search.results"
    assert converter().log(log({key: 1e18})).measures == (("results", 1e18),)
    assert converter().log(log({key: 1e18 + 256})).measures == ()


def test_of_a_long_body_the_beginning_is_hashed(monkeypatch):
    seen = []
    monkeypatch.setattr(IdentityResolver, "hash_text", lambda _, text: seen.append(len(text)) or "")
    for length in (65_536, 65_537):
        converter().log(log({}, "", "x" * length))
    assert seen == [65_536, 65_536]


def test_what_is_remembered_of_spans_is_bounded():
    made = converter()
    cache = made._row_cache
    call = {"gen_ai.tool.name": "t"}
    for name in ("s" * 128, "s" * 129):
        made.span(span(call, name))
    assert {key[1] for key in cache.rows} == {"s" * 128}
    for value in ("v" * 128, "v" * 129):
        made.span(span({"gen_ai.tool.name": value}))
    assert {key[3] for key in cache.rows} == {("t",), ("v" * 128,)}


def test_rows_are_forgotten_when_their_number_is_full():
    cache = RowCache()
    for number in range(row_cache.MAX_ROWS):
        cache.remember((0, "s", 0, (str(number),)), None)
    assert len(cache.rows) == row_cache.MAX_ROWS == 1024
    cache.remember((0, "s", 0, ("one more",)), None)
    assert len(cache.rows) == 1


def test_shapes_are_forgotten_when_their_number_is_full():
    cache = RowCache()
    for number in range(256):
        assert cache.plan({f"k{number}": 1}) is not None
    assert len(cache._shapes) == 256
    cache.plan({"one more": 1})
    assert len(cache._shapes) == 1
    assert cache.plan({"k" * 4096: 1}) is not None
    assert cache.plan({"k" * 4097: 1}) is None


def test_spans_that_are_read_otherwise_are_few(monkeypatch):
    monkeypatch.setattr(native_spans, "expected", OrderedDict())
    for number in range(10_000):
        native_spans.expect(number, native_spans.NativePart())
    assert len(native_spans.expected) == 10_000
    native_spans.expect(10_000, native_spans.NativePart())
    assert len(native_spans.expected) == 10_000
    assert 0 not in native_spans.expected


# --- names --------------------------------------------------------------------------------------


@pytest.fixture
def clock():
    return SimpleNamespace(now=1000.0)


@pytest.fixture
def eight(monkeypatch, clock):
    """Eight tools at once, and one more an hour."""
    monkeypatch.setattr(budget, "LIMITS", {**budget.LIMITS, "tool": Limit(8, 24)})
    monkeypatch.setattr(budget, "_declared", {"tool": set(), "prompt": set()})
    return Budget("tool", {"given"}, clock=lambda: clock.now)


def test_the_last_quarter_is_for_names_that_come_again(eight):
    assert [eight.admits(f"new {number}") for number in range(7)] == [True] * 6 + [False]
    assert eight.admits("new 6")
    assert not eight.admits("new 7")
    assert eight.admits("new 7")
    assert not eight.admits("new 8")
    assert not eight.admits("new 8")


def test_one_name_is_earned_in_exactly_its_time(eight, clock):
    for number in range(8):
        eight.admits(f"new {number}")
        eight.admits(f"new {number}")
    assert not eight.admits("late")
    clock.now += DAY / 24 - 1
    assert not eight.admits("late")
    clock.now += 1
    assert eight.admits("late")
    assert not eight.admits("later")


def test_tokens_do_not_pile_up(eight, clock):
    clock.now += 365 * DAY
    assert sum(eight.admits(f"new {number}") for number in range(20)) == 6


def test_older_names_are_forgotten_when_as_many_are_new(eight):
    turns = []
    eight._on_turn = lambda: turns.append(len(eight.known))
    for number in range(8):
        eight.admits(f"new {number}")
        eight.admits(f"new {number}")
    assert (len(eight.known), len(eight._older), turns) == (8, 0, [])
    assert eight.admits("given")
    assert (len(eight.known), len(eight._older), turns) == (1, 8, [1])


def test_refused_names_are_remembered_up_to_a_number(eight):
    for number in range(6):
        assert eight.admits(f"new {number}")
    for number in range(1024):
        assert not eight.admits(f"refused {number}")
    assert len(eight._seen) == 1024
    assert not eight.admits("one more")
    assert len(eight._seen) == 1024
    assert "refused 0" not in eight._seen
    assert "refused 1" in eight._seen


def test_what_a_program_declares_is_bounded(eight):
    del eight
    declare("tool", ["n" * 256, "m" * 257])
    # A name is cut as everywhere; what was too long was never one.
    assert budget._declared["tool"] == {"n" * 128}
    declare("tool", (f"tool {number}" for number in range(2100)))
    assert len(budget._declared["tool"]) == 2000
    assert is_declared("tool", "tool 1998")
    assert not is_declared("tool", "tool 1999")


def test_names_of_spans_and_scopes_are_remembered_up_to_a_number(monkeypatch):
    made = Names(lambda text: text)
    for length in (256, 257):
        made.of_span("s" * length, "", {})
        made.of_scope(SimpleNamespace(name="s" * length, version=""))
    assert [len(key[0]) for key in made._spans] == [256]
    assert [len(key[0]) for key in made._scopes] == [256]
    many = {"span": Limit(10_000, 1), "scope": Limit(10_000, 1)}
    monkeypatch.setattr(budget, "LIMITS", {**budget.LIMITS, **many})
    made = Names(lambda text: text)
    for number in range(2000):
        made.of_span(f"s{number}", "", {})
        made.of_scope(SimpleNamespace(name=f"s{number}", version=""))
    assert (len(made._spans), len(made._scopes)) == (2000, 2000)
    made.of_span("s2000", "", {})
    made.of_scope(SimpleNamespace(name="s2000", version=""))
    assert (len(made._spans), len(made._scopes)) == (1, 1)


# --- copies, sampling ---------------------------------------------------------------------------


def test_a_time_of_a_copy_has_63_bits():
    assert _time(2**63 - 1) == 2**63 - 1
    assert not _time(2**63)


def test_copies_of_scopes_are_kept_up_to_a_number():
    copies = SafeCopies(redactor(), converter())
    for number in range(1001):
        scope = SimpleNamespace(name="s", version=None, schema_url=None)
        copies._scope(scope, f"s{number}")
    assert len(copies._scopes) == 1000


class Sink:
    def __init__(self):
        self.rows, self.out = [], 0

    def submit(self, record):
        self.rows.append(record)

    def sample_out(self, record):
        self.out += 1


def test_a_trace_is_decided_on_when_it_is_full():
    sink = Sink()
    sampler = TraceSampler({"*": 0.999999}, sink, lambda: 0.0)
    made = converter()
    sampler.root_started(1)
    for number in range(1023):
        sampler.submit(made.span(span({}, span_id=number + 1)))
    assert not sink.rows
    assert sink.out == 0
    sampler.submit(made.span(span({}, span_id=5000)))
    assert len(sink.rows) + sink.out == 1024


def test_traces_under_way_are_bounded():
    sampler = TraceSampler({"*": 0.5}, Sink(), lambda: 0.0)
    for trace_id in range(1, 1025):
        sampler.root_started(trace_id)
    assert len(sampler._open) == 1024
    sampler.root_started(1025)
    assert len(sampler._open) == 1024
    assert 1 not in sampler._open
