from __future__ import annotations

import csv
import io

import pytest

from cortex_otel.query import formats
from cortex_otel.query.catalogue import parse
from cortex_otel.query.runner import Result
from cortex_otel.query.zones import UTC_ZONE, zone

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
        (0.004, "0.004 ms"), (0.000_001, "0.000001 ms"), (0.123456, "0.123 ms"), (3.2, "3.2 ms"),
        (0.0, "0 ms"), (9.999, "10 ms"), (12.34, "12.3 ms"), (99.96, "100 ms"), (145.4, "145 ms"),
        (1230.0, "1.23 s"), (119_000.0, "119 s"), (3_600_000.0, "60 min"),
        (253_225_256.0, "70.3 h"), (86_400_000.0 * 3, "3 d"),
    ],
)  # fmt: skip
def test_durations_have_three_digits_and_a_unit(value, shown):
    question = parse("q", "-- title: T\n-- about: a\n-- column: duration ms m\nSELECT 1")
    result = Result(question=question, rows=((value,),), truncated=False, exact=True, elapsed_ms=1)
    _, rule, row = formats.as_table(result).splitlines()
    assert row == shown.rjust(len(rule))


@pytest.mark.parametrize("before", ["", " ", "\u00a0 "])
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "|", "%"])
def test_no_cell_is_a_formula(start, before):
    cell = f'{before}{start}cmd|"calc",x\n'
    text = formats.as_csv(result_of((cell, -3.5, None, None, None)))
    _, row = csv.reader(io.StringIO(text, newline=""))
    assert row == [f"'{cell}", "-3.5", "", "", ""]


@pytest.mark.parametrize("text", ["a=1", "도구", "'=1", "#x", "", " a", "100 %"])
def test_other_text_is_as_it_was(text):
    assert formats.harmless(text) == text


def test_csv_has_plain_numbers_and_iso_times():
    text = formats.as_csv(result_of(("a", 3.0, 0.25, 1_500_000_000, 1)), zone("Asia/Seoul"))
    assert text == ("name,n,share,time,day\na,3,0.25,1970-01-01T09:00:01.500+09:00,1970-01-02\n")


def test_json_has_its_metadata():
    answer = formats.as_json(result_of(("a", 3.0, None, 0, 0)), 0, 10**9, zone("America/St_Johns"))
    assert answer["rows"] == [
        {
            "name": "a",
            "n": 3,
            "share": None,
            "time": "1969-12-31T20:30:00.000-03:30",
            "day": "1970-01-01",
        }
    ]
    assert answer["columns"][2] == {"name": "share", "unit": "ratio"}
    assert answer["time_zone"] == "America/St_Johns"
    assert (answer["exact"], answer["truncated"]) == (True, False)


def test_a_terminal_obeys_nothing():
    table = formats.as_table(result_of(("\x1b[2J\x07\u202eabc\n", 1, 1, 1, 1)))
    assert "?[2J??abc?" in table
    assert formats.printable("한글 ok") == "한글 ok"


def shown(unit, *values, zone=UTC_ZONE):
    """The cells of one column, with the spaces that align them."""
    question = parse("q", f"-- title: T\n-- about: a\n-- column: a {unit} m\nSELECT 1")
    rows = tuple((value,) for value in values)
    result = Result(question=question, rows=rows, truncated=False, exact=True, elapsed_ms=1.0)
    return formats.as_table(result, zone).split("\n")[2:]


@pytest.mark.parametrize(
    ("unit", "value", "cell"),
    [
        ("ratio", 0.5, "50.0 %"), ("ratio", 1, "100.0 %"), ("ratio", 0.0004, "0.0 %"),
        ("count", 1234.5, "1,234.5"), ("tokens", 1234567.0, "1,234,567"), ("tokens", 2.25, "2.2"),
        ("flag", 1, "*"), ("flag", 0, ""), ("ms", -100.4, "-100 ms"), ("ms", 99.94, "99.9 ms"),
        ("ms", 100.0, "100 ms"),
        ("unix_ns", 86_399_999_999_999, "1970-01-01 23:59:59"), ("epoch_day", -1, "1969-12-31"),
        ("text", "a\tb", "a?b"),
    ],
)  # fmt: skip
def test_a_cell_of_each_unit(unit, value, cell):
    assert [line.strip() for line in shown(unit, value)] == [cell]


@pytest.mark.parametrize("unit", ["count", "tokens", "ms", "ratio", "flag"])
def test_numbers_are_aligned_on_the_right(unit):
    assert len({len(line) for line in shown(unit, 1, 1000) if line.strip()}) == 1


def test_text_and_times_are_aligned_on_the_left():
    assert shown("text", "a", "long") == ["a", "long"]


def test_a_long_text_is_cut_to_sixty_columns():
    assert shown("text", "x" * 60, "y" * 61) == ["x" * 60, "y" * 59 + "…"]


def test_times_without_a_zone_are_utc():
    result = result_of(("a", 1, 1, 0, 0))
    assert formats.plain(0, "unix_ns") == "1970-01-01T00:00:00.000+00:00"
    assert formats.as_json(result, 0, 0)["from"] == "1970-01-01T00:00:00.000+00:00"
    assert "T00:00:00.000+00:00," in formats.as_csv(result)
    assert "1970-01-01 00:00:00" in formats.as_table(result)


def test_a_time_beyond_the_calendar_is_shown_in_utc():
    last = 253_402_300_799_999_000_000  # 9999-12-31T23:59:59.999Z
    assert formats.iso_time(last, zone("Asia/Seoul")) == "9999-12-31T23:59:59.999+00:00"
    assert formats.iso_time(last, zone("Etc/GMT+1")) == "9999-12-31T22:59:59.999-01:00"


def test_padding_never_cuts():
    assert formats.pad("한글", 3) == "한글"
    assert formats.pad("한글", 6) == "한글  "
    assert formats.pad("한글", 6, right=True) == "  한글"


@pytest.mark.parametrize("letter", ["\x1b", "\u202e", "\ud800"])
def test_what_a_terminal_would_obey_is_a_question_mark(letter):
    assert formats.printable(f"a{letter}b") == "a?b"


def test_a_json_line_keeps_letters_and_any_value():
    assert formats.json_line({"이름": 1}) == '{"이름": 1}'
    assert formats.json_line({1, 2} & {1}) == '"{1}"'


def test_json_tells_the_milliseconds_it_took_to_a_tenth():
    result = Result(question=QUESTION, rows=(), truncated=False, exact=True, elapsed_ms=1.26)
    assert formats.as_json(result, 0, 0)["elapsed_ms"] == 1.3
