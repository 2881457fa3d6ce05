from __future__ import annotations

import time

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind
from store_kit import DAY, MONDAY, heartbeats, numbers, record, rows, verify

from cortex_otel.identity import IdentityResolver
from cortex_otel.process.convert import Converter
from cortex_otel.process.from_sdk import span_data
from cortex_otel.process.redact import Redactor
from cortex_otel_exporters.sqlite.exporters import SqliteSpanExporter

YEAR = 365 * DAY
JUMPS = [-2 * DAY, 3 * DAY, -3 * YEAR, 5 * YEAR, -60 * YEAR, 100 * YEAR, -1, 0]


@pytest.fixture
def clock(monkeypatch):
    now = [time.time_ns()]
    monkeypatch.setattr(time, "time_ns", lambda: now[0])
    return now


def test_a_clock_that_jumps_loses_nothing_and_the_ledger_balances(home, path, writer, clock):
    begun = clock[0]
    for number, jump in enumerate(JUMPS):
        clock[0] = begun + jump
        writer.submit(record(number, time_unix_nano=max(1, clock[0])))
        writer.sample_out(record(number, time_unix_nano=max(1, clock[0])))
        writer.count_dropped("invalid")
        assert writer.force_flush()
    assert numbers(path) == list(range(len(JUMPS)))
    verify(path)
    days = rows(path, "SELECT day, sum(records) FROM ledger WHERE outcome = 'stored' GROUP BY day")
    assert sum(stored for _, stored in days) == len(JUMPS)
    assert len(days) >= 6
    for (day,) in rows(path, "SELECT DISTINCT day FROM ledger"):
        told = dict(
            rows(path, "SELECT outcome, sum(records) FROM ledger WHERE day = ? GROUP BY 1", day)
        )
        assert told["received"] == told["stored"] + told["sampled_out"] + told["dropped"]
    assert heartbeats(home)


@pytest.mark.timing
def test_a_jump_does_not_hold_up_a_flush_or_an_exit(path, make_writer, clock):
    writer = make_writer(interval_ms=50)
    writer.submit(record(0))
    clock[0] -= 10 * YEAR
    begun = time.monotonic()
    assert writer.force_flush()
    clock[0] += 20 * YEAR
    writer.submit(record(1))
    assert writer.shutdown()
    assert time.monotonic() - begun < 3
    assert numbers(path) == [0, 1]


def test_a_span_that_ends_before_it_starts_lasts_no_time(path, writer):
    resolver = IdentityResolver()
    redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
    converter = Converter(redactor, resolver, "mcp")
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = SqliteSpanExporter(writer, lambda span: converter.span(span_data(span)))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    tracer.start_span("back", kind=SpanKind.SERVER, start_time=MONDAY).end(MONDAY - 5 * YEAR)
    tracer.start_span("forth", kind=SpanKind.SERVER, start_time=MONDAY).end(MONDAY + YEAR)
    tracer.start_span("before 1970", start_time=-5).end(5)
    tracer.start_span("after 2262", start_time=2**64).end(2**64)
    assert writer.force_flush()
    assert rows(path, "SELECT name, timestamp, duration_ms FROM telemetry_events") == [
        ("back", MONDAY, 0.0),
        ("forth", MONDAY, YEAR / 1e6),
    ]
    verify(path)
