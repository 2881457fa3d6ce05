"""The naive alternative: what one writes in an afternoon with the SDK and the standard library.

A span exporter behind the SDK's own BatchSpanProcessor, and one table with the columns of the
product's event schema as text, attributes as JSON, and an index on each column that is likely to be
filtered by. It is implemented fairly: prepared statements, ``executemany``, one transaction per
batch, WAL and ``synchronous=NORMAL`` as commonly recommended, and a five-second timeout for a
locked file. It does less than cortex-otel: no redaction, no roll-ups, no ledger, no sessions.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from cortex_otel_exporters.record import Record

__all__ = ["NaiveSpanExporter", "connect", "insert", "row_of_record"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS telemetry_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL,
    service TEXT NOT NULL,
    event_type TEXT NOT NULL,
    name TEXT,
    user_tier TEXT,
    user_id_hash TEXT,
    session_id TEXT,
    result TEXT,
    duration_ms REAL,
    error_type TEXT,
    error_message TEXT,
    project_id TEXT,
    branch_id TEXT,
    tool_name TEXT,
    event_data TEXT,
    trace_id TEXT,
    span_id TEXT,
    parent_span_id TEXT
);
CREATE INDEX IF NOT EXISTS idx_timestamp ON telemetry_events (timestamp);
CREATE INDEX IF NOT EXISTS idx_service ON telemetry_events (service);
CREATE INDEX IF NOT EXISTS idx_event_type ON telemetry_events (event_type);
CREATE INDEX IF NOT EXISTS idx_user_tier ON telemetry_events (user_tier);
CREATE INDEX IF NOT EXISTS idx_user_id_hash ON telemetry_events (user_id_hash);
"""
_INSERT = """
INSERT INTO telemetry_events (
    timestamp, service, event_type, name, user_tier, user_id_hash, session_id, result, duration_ms,
    error_type, error_message, project_id, branch_id, tool_name, event_data,
    trace_id, span_id, parent_span_id
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

Row = tuple[Any, ...]


def connect(path: Path | str) -> sqlite3.Connection:
    """Open ``path``, with its schema."""
    connection = sqlite3.connect(path, timeout=5, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)
    return connection


def insert(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """One transaction."""
    with connection:
        connection.executemany(_INSERT, rows)


class NaiveSpanExporter(SpanExporter):
    """Spans → rows of one table."""

    def __init__(self, path: Path | str) -> None:
        self._connection = connect(path)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write a batch."""
        insert(self._connection, map(_row_of_span, spans))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        self._connection.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        del timeout_millis
        return True


def _row_of_span(span: ReadableSpan) -> Row:
    attributes = dict(span.attributes or {})
    get = attributes.get
    start, end = span.start_time or 0, span.end_time or 0
    context, parent = span.context, span.parent
    return (
        _iso(start),
        get("cortex.service", "mcp"),
        get("cortex.event.type", "span"),
        span.name,
        get("cortex.user.tier", "free"),
        get("user.hash", "c0ffee" * 10 + "c0ff"),
        get("session.id", "5e5510" * 5 + "ab"),
        "error" if span.status.status_code.name == "ERROR" else "success",
        (end - start) / 1e6,
        get("error.type"),
        span.status.description,
        get("cortex.project.id"),
        get("cortex.branch.id"),
        get("gen_ai.tool.name"),
        json.dumps(attributes),
        format(context.trace_id, "032x") if context else None,
        format(context.span_id, "016x") if context else None,
        format(parent.span_id, "016x") if parent else None,
    )


def row_of_record(record: Record) -> Row:
    """The same row from one of our records, to fill both stores with the same events."""
    series, context = record.series, record.context
    attributes = {**json.loads(context.attributes), **record.event_data}
    return (
        _iso(record.time_unix_nano),
        series.service,
        series.event_type,
        series.name,
        series.user_tier,
        record.user_id_hash,
        record.session.session_id,
        series.result,
        None if record.duration_nano is None else record.duration_nano / 1e6,
        series.error_type or None,
        record.error_message or None,
        context.project_id or None,
        context.branch_id or None,
        series.tool_name or None,
        json.dumps(attributes),
        format(record.trace_id, "032x") if record.trace_id else None,
        format(record.span_id, "016x") if record.span_id else None,
        format(record.parent_span_id, "016x") if record.parent_span_id else None,
    )


def _iso(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / 1e9, tz=UTC).isoformat()
