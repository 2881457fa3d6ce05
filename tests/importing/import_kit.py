"""What the tests of migrate and import share: lines of every shape, commands, and their reports."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

from store_kit import rows

from cortex_otel.cli import main

#: 2025-03-01T10:00:00Z
T0 = 1_740_823_200
NS = 10**9


def iso(seconds=0.0):
    """``T0`` and some seconds, as Python writes it."""
    return dt.datetime.fromtimestamp(T0 + seconds, dt.UTC).isoformat()


def call(number=0, **changes):
    """A tool call as the older telemetry module may have written it."""
    line = {
        "timestamp": iso(number),
        "event_type": "tool_call",
        "tool_name": "search",
        "duration_ms": 12.5,
        "success": True,
        "user_id": f"user-{number % 3}",
        "session_id": f"session-{number % 3}",
        **changes,
    }
    return {key: value for key, value in line.items() if value is not ...}


def own(number=0, **changes):
    """A line of our own log."""
    return {
        "timestamp": f"2025-03-01T10:{number // 60:02d}:{number % 60:02d}.123456789Z",
        "level": "INFO",
        "service": "mcp",
        "event_type": "mcp.search_context",
        "user_tier": "paid",
        "user_id_hash": "ab" * 32,
        "tool_name": None,
        "parameters": {"cortex.search.top_k": 5, "cortex.search.query.length": 12},
        "result": "success",
        "duration_ms": 1.5,
        "error": None,
        "metadata": {"project_id": "p1", "branch_id": "main"},
        **changes,
    }


def text(*lines):
    """Lines as a file has them; text stays as it is."""
    return "".join(
        (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n"
        for line in lines
    )


class Runner:
    """Runs commands."""

    def __init__(self, capsys) -> None:
        self._capsys = capsys
        self.said = self.errors = ""
        self.code = 0

    def __call__(self, *arguments, code=0):
        """Run ``cortex-otel``; the report if it was asked for with ``--json`` (it is)."""
        self._capsys.readouterr()
        try:
            self.code = main([*map(str, arguments), "--json"])
        except SystemExit as end:
            self.code = end.code
        self.said, self.errors = self._capsys.readouterr()
        assert self.code == code, (self.code, self.said, self.errors)
        return json.loads(self.said) if self.said else {}

    def plainly(self, *arguments, code=0):
        """The same as people see it: stdout."""
        self._capsys.readouterr()
        self.code = main([*map(str, arguments)])
        self.said, self.errors = self._capsys.readouterr()
        assert self.code == code, (self.code, self.said, self.errors)
        return self.said


def home():
    return Path(os.environ["CORTEX_OTEL_HOME"])


def events(*columns, where="1"):
    """Columns of every event, in the order of time."""
    sql = f"SELECT {', '.join(columns)} FROM telemetry_events WHERE {where} ORDER BY timestamp, id"
    found = rows(home() / "cortex.db", sql)
    return [row[0] for row in found] if len(columns) == 1 else found


def refused():
    """File, line and reason of each line that wasn't taken."""
    path = home() / "refused-lines.tsv"
    if not path.exists():
        return []
    return [tuple(line.split("\t")) for line in path.read_text().splitlines()[1:]]


def otlp_span(number=1, **changes):
    """A span as the Collector's file exporter writes it, in a line of its own."""
    span = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "tools/call search",
        "kind": 2,
        "startTimeUnixNano": str(T0 * NS + number),
        "endTimeUnixNano": str(T0 * NS + number + 5_000_000),
        "attributes": [
            {"key": "mcp.method.name", "value": {"stringValue": "tools/call"}},
            {"key": "gen_ai.tool.name", "value": {"stringValue": "search"}},
        ],
        **changes,
    }
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]
                },
                "scopeSpans": [{"scope": {"name": "s"}, "spans": [span]}],
            }
        ]
    }


def store():
    """Everything that pages are made of, without surrogate keys: what two stores can differ in."""
    path = home() / "cortex.db"
    series = "service, event_type, name, tool_name, s.feature, user_tier, result, level, kind"
    queries = {
        "hours": f"SELECT hour, {series}, stored, events, timed, duration_us FROM rollup_hour"
        " JOIN series s USING (series_key)",
        "days": f"SELECT day, {series}, stored, events, timed, duration_us FROM rollup_day"
        " JOIN series s USING (series_key)",
        "users": "SELECT user_id_hash, first_seen, first_active FROM users",
        "tiers": "SELECT user_id_hash, user_tier, t.first_seen, t.last_seen FROM user_tiers t"
        " JOIN users USING (user_key)",
        "user_days": "SELECT r.day, user_id_hash, service, user_tier, r.events, r.errors,"
        " r.first_time, r.last_time, r.half_hours FROM rollup_user_day r"
        " JOIN users USING (user_key) JOIN segments USING (segment_key)",
        "user_features": "SELECT user_id_hash, f.service, f.event_type, f.feature, r.first_day,"
        " r.last_day FROM rollup_user_feature r JOIN users USING (user_key)"
        " JOIN features f USING (feature_key)",
        "measures": "SELECT r.hour, f.event_type, r.measure, r.events, round(r.total, 6)"
        " FROM rollup_measure r JOIN features f USING (feature_key)",
        "sessions": "SELECT session_id, user_id_hash, user_tier, start_time, end_time,"
        " event_count, error_count FROM telemetry_user_sessions",
        "events": "SELECT timestamp, service, event_type, user_tier, user_id_hash, session_id,"
        " result, duration_ms, tool_name, feature, event_data, level FROM telemetry_events",
    }
    return {name: sorted(map(str, rows(path, sql))) for name, sql in queries.items()}
