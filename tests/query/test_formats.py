from __future__ import annotations

import csv
import io

import pytest

from cortex_otel.query import formats
from cortex_otel.query.catalogue import parse
from cortex_otel.query.runner import Result

QUESTION = parse(
    "q",
    "-- title: T\n-- about: a\n-- column: name text m\n-- column: n count m\n"
    "-- column: share ratio m\n-- column: time unix_ns m\n-- column: day epoch_day m\nSELECT 1",
)


def result_of(*rows):
    return Result(question=QUESTION, rows=rows, truncated=False, exact=True, elapsed_ms=1.0)


def test_korean_letters_take_two_columns():
    table = formats.as_table(
        result_of(("도구", 1.0, 0.5, 0, 0), ("tool", 12345.0, None, 10**18, 20_000))
    )
    lines = table.splitlines()
    assert lines[0].startswith("name       n")
    assert lines[2].startswith("도구       1")
    assert lines[3].startswith("tool  12,345")
    assert lines[3].split() == ["tool", "12,345", "2001-09-09", "01:46:40", "2024-10-04"]


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("한글", 4), ("e\u0301", 1), ("…", 1), ("日", 2), ("", 0)]
)
def test_width(text, width):
    assert formats.width(text) == width


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.004, "0.004"), (0.000_001, "0.000001"), (0.123456, "0.123"), (3.2, "3.2"), (0.0, "0"),
        (9.999, "10"), (12.34, "12.3"), (99.96, "100"), (145.4, "145"), (1230.0, "1,230"),
        (3_600_000.0, "3,600,000"),
    ],
)  # fmt: skip
def test_durations_have_three_digits(value, shown):
    question = parse("q", "-- title: T\n-- about: a\n-- column: duration ms m\nSELECT 1")
    result = Result(question=question, rows=((value,),), truncated=False, exact=True, elapsed_ms=1)
    _, rule, row = formats.as_table(result).splitlines()
    assert row == shown.rjust(len(rule))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start):
    text = formats.as_csv(result_of((f'{start}cmd|"calc",x\n', -3.5, None, None, None)))
    _, row = csv.reader(io.StringIO(text, newline=""))
    assert row == [f'\'{start}cmd|"calc",x\n', "-3.5", "", "", ""]


def test_csv_has_plain_numbers_and_iso_times():
    text = formats.as_csv(result_of(("a", 3.0, 0.25, 1_500_000_000, 1)), 540)
    assert text == ("name,n,share,time,day\na,3,0.25,1970-01-01T09:00:01.500+09:00,1970-01-02\n")


def test_json_has_its_metadata():
    answer = formats.as_json(result_of(("a", 3.0, None, 0, 0)), 0, 10**9, -90)
    assert answer["rows"] == [
        {"name": "a", "n": 3, "share": None, "time": "1969-12-31T22:30:00.000-01:30",
         "day": "1970-01-01"}
    ]  # fmt: skip
    assert answer["columns"][2] == {"name": "share", "unit": "ratio"}
    assert (answer["exact"], answer["truncated"]) == (True, False)


def test_a_terminal_obeys_nothing():
    table = formats.as_table(result_of(("\x1b[2J\x07\u202eabc\n", 1, 1, 1, 1)))
    assert "?[2J??abc?" in table
    assert formats.printable("한글 ok") == "한글 ok"
