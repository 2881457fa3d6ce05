from __future__ import annotations

import json
import math

import pytest
from log_kit import VALIDATOR, assert_equal_rows, lines, texts
from store_kit import CONTEXT, SERIES, point, record, rows

from cortex_otel_exporters.jsonl.line import (
    FIELDS,
    LineMaker,
    error_of,
    error_parts,
    schema,
    unix_ns,
)

HOSTILE = (
    'quote " backslash \\ slash / tab \t null \0 end\r\n separator \u2028\u2029\x85 bidi \u202e '
    "escape \x1b[31m delete \x7f c1 \x9b 한글 \N{PILE OF POO}"
)


def test_the_shape_is_that_of_the_specification():
    line = json.loads(LineMaker().line(record()))
    assert list(line) == [
        "timestamp", "level", "service", "event_type", "user_tier", "user_id_hash", "tool_name",
        "parameters", "result", "duration_ms", "error", "metadata",
    ]  # fmt: skip
    assert list(line["metadata"]) == ["project_id", "branch_id"]
    assert [each.name for each in FIELDS] == list(line)


def test_the_schema_is_one_and_refuses_what_is_no_line():
    VALIDATOR.check_schema(schema())
    line = json.loads(LineMaker().line(record()))
    VALIDATOR.validate(line)
    for field in FIELDS:
        assert not VALIDATOR.is_valid({k: v for k, v in line.items() if k != field.name})
        assert not VALIDATOR.is_valid(line | {field.name: [1]})
    assert not VALIDATOR.is_valid(line | {"more": 1})
    assert not VALIDATOR.is_valid(line | {"timestamp": "2026-01-05T00:00:00Z"})
    assert not VALIDATOR.is_valid(line | {"level": "LOUD"})


def test_every_kind_of_record_equals_its_row(make_writer, logs, home):
    writer = make_writer(level="DEBUG")
    records = [
        record(),
        record(1, duration_nano=None, user_id_hash="", event_data={}),
        record(2, duration_nano=0, series=SERIES._replace(tool_name="", feature="")),
        record(3, duration_nano=123_456_789_012_345),
        record(4, time_unix_nano=1, series=SERIES._replace(level="DEBUG")),
        record(5, context=CONTEXT._replace(project_id="p", branch_id="b", attributes='{"a":1}')),
        record(6, context=CONTEXT._replace(attributes='{"a":1,"b":{"c":[1]}}'), event_data={}),
        record(7, context=CONTEXT._replace(attributes='{"a":1}'), event_data={"a": 2, "n": None}),
        record(
            8, event_data={"f": 0.1 + 0.2, "i": 2**62, "t": True, "l": [1, "x", None], "x": -0.0}
        ),
        record(9, event_data={HOSTILE.replace("\0", ""): HOSTILE}),
        record(10, series=SERIES._replace(tool_name=HOSTILE, service=HOSTILE, result="success")),
        record(11, context=CONTEXT._replace(project_id=HOSTILE, branch_id=HOSTILE)),
        *(
            record(
                20 + number,
                series=SERIES._replace(result="error", level="ERROR", error_type=error_type),
                error_message=message,
            )
            for number, (error_type, message) in enumerate(ERRORS)
        ),
    ]
    for each in records:
        assert writer.submit(each)
    writer.submit_metrics([point()])  # no line of its own
    assert writer.force_flush()
    assert assert_equal_rows(logs, home / "cortex.db") == len(records)


ERRORS = [
    ("ValueError", ""),
    ("ValueError", "ValueError at app:run:10 <- KeyError at app:load:7"),
    ("ExceptionGroup", "ExceptionGroup[2] at app:run:1"),
    ("crash", "RuntimeError at app:run:10"),
    ("_OTHER", "app:run:10"),
    ("", "app:run:10"),
    ("-32602", ""),
    ("Error", "ErrorOfAnother at app:run:1"),
]


@pytest.mark.parametrize(("error_type", "message"), ERRORS)
def test_type_and_place_of_an_error_can_be_told_apart_again(error_type, message):
    assert error_parts(error_of(error_type, message)) == (error_type, message)


def test_no_error_is_none():
    assert error_parts(None) == error_parts("") == ("", "")
    assert error_of("", "") == ""


@pytest.mark.parametrize("at", [1, 999_999_999, 1_795_824_000_123_456_789, 2**63 - 1])
def test_times_are_exact(at):
    assert unix_ns(json.loads(LineMaker().line(record(time_unix_nano=at)))["timestamp"]) == at


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-05T00:00:00Z", "2026-01-05T00:00:00.1", "x.1Z"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whichever parser says so
        unix_ns(text)


def test_a_line_is_one_line_of_ascii_for_every_reader(make_writer, logs):
    writer = make_writer()
    writer.submit(record(event_data={HOSTILE: HOSTILE}, user_id_hash=""))
    assert writer.force_flush()
    (text,) = texts(logs)
    assert text.isascii()
    assert text.isprintable()
    assert len(text.splitlines()) == 1
    assert json.loads(text)["parameters"] == {HOSTILE: HOSTILE}


def test_levels_below_the_lowest_are_left_out(make_writer, logs):
    writer = make_writer(level="WARNING")
    for number, level in enumerate(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]):
        writer.submit(record(number, series=SERIES._replace(level=level)))
    assert writer.force_flush()
    assert [line["level"] for line in lines(logs)] == ["WARNING", "ERROR", "CRITICAL"]


def test_what_the_store_refuses_or_sampling_leaves_out_is_in_neither(make_writer, logs, home):
    writer = make_writer()
    writer.submit(record(0))
    writer.submit(record(1, time_unix_nano=-1))
    writer.submit(record(2, event_data={"number": math.nan}))
    writer.submit(record(3, event_data={"number": "\ud800"}))
    writer.sample_out(record(4))
    writer.submit(record(5))
    assert writer.force_flush()
    assert assert_equal_rows(logs, home / "cortex.db") == 2


def test_many_series_and_contexts_are_forgotten_in_time():
    maker = LineMaker()
    for number in range(10_000):
        series = SERIES._replace(tool_name=f"tool-{number}")
        context = CONTEXT._replace(project_id=f"project-{number}")
        line = json.loads(maker.line(record(series=series, context=context)))
        assert line["tool_name"] == f"tool-{number}"
    assert len(maker._series) <= 4096
    assert len(maker._contexts) <= 4096


def test_off_there_is_no_directory(tmp_path):
    from store_kit import PatientWriter

    writer = PatientWriter(tmp_path / "home" / "cortex.db")
    writer.submit(record())
    assert writer.shutdown()
    assert rows(writer.path, "SELECT count(*) FROM events") == [(1,)]
    assert not (tmp_path / "home" / "logs").exists()
