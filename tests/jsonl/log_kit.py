"""Shared by the tests of the log file: its lines, and the rows that they must equal."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import jsonschema
from store_kit import rows

from cortex_otel_exporters.jsonl.files import log_names
from cortex_otel_exporters.jsonl.line import error_of, schema, unix_ns

VALIDATOR = jsonschema.Draft202012Validator(schema())


def texts(logs):
    """Every line of a directory of logs, in order."""
    found = []
    for name in log_names(logs):
        content = (logs / name.text).read_bytes()
        if name.is_compressed:
            content = gzip.decompress(content)
        assert content.endswith(b"\n") or not content, name
        found += content.decode("ascii").splitlines()
    return found


def lines(logs):
    """The same, parsed and validated."""
    parsed = [json.loads(text) for text in texts(logs)]
    for one in parsed:
        VALIDATOR.validate(one)
    return parsed


def assert_equal_rows(logs, database, where="1"):
    """Each line is a row and each row a line, field by field; how many there are."""
    columns = (
        "timestamp, level, service, event_type, user_tier, user_id_hash, tool_name, event_data,"
        " result, duration_ms, error_type, error_message, project_id, branch_id"
    )
    expected = Counter()
    for row in rows(database, f"SELECT {columns} FROM telemetry_events WHERE {where}"):
        (*head, data, result, duration, error_type, message, project, branch) = row
        error = error_of(error_type or "", message or "") or None
        fields = [*head, json.loads(data), result, duration, error, project, branch]
        expected[json.dumps(fields, sort_keys=True)] += 1
    found = Counter()
    for line in lines(logs):
        metadata = line.pop("metadata")
        line["timestamp"] = unix_ns(line["timestamp"])
        fields = [*line.values(), metadata["project_id"], metadata["branch_id"]]
        found[json.dumps(fields, sort_keys=True)] += 1
    differences = [*(found - expected)], [*(expected - found)]
    assert differences == ([], []), differences
    return found.total()
