from __future__ import annotations

import re
from pathlib import Path

import pytest

import cortex_otel.query
from cortex_otel.query.catalogue import (
    COMMON_PARAMETERS,
    QuestionError,
    catalogue,
    expanded,
    parse,
)

QUESTIONS = sorted(catalogue())


def without_comments(sql):
    return re.sub(r"--[^\n]*", "", sql)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_header_names_what_the_sql_uses(name):
    question = catalogue()[name]
    used = set(re.findall(r"(?<!:):([a-z_]+)", without_comments(question.sql)))
    # The runner makes the one of the other.
    used = {"time_zone" if name == "zone_offsets" else name for name in used}
    assert {parameter.name for parameter in question.parameters} == used
    if question.exact_sql:
        assert set(re.findall(r":([a-z_]+)", without_comments(question.exact_sql))) <= used


@pytest.mark.parametrize("name", QUESTIONS)
def test_columns_are_as_declared(connection, name):
    question = catalogue()[name]
    known = (*COMMON_PARAMETERS.values(), *question.parameters)
    values = {parameter.name: parameter.default for parameter in known} | {
        "to_ns": 10**15,
        "zone_offsets": "[]",
    }
    for sql in filter(None, (question.sql, question.exact_sql)):
        # One row at least: without any, APSW doesn't tell the columns.
        cursor = connection.execute(
            f"SELECT q.* FROM (SELECT 1) LEFT JOIN ({sql}) q LIMIT 1", values
        )
        names = [column[0] for column in cursor.description]
        assert names == [column.name for column in question.columns]


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_korean_title_and_a_range(name):
    question = catalogue()[name]
    assert re.search("[가-힣]", question.title_in("ko"))
    assert question.title_in("fr") == question.title
    assert re.fullmatch(r"\d+[mhd]", question.since)


@pytest.mark.parametrize("name", QUESTIONS)
def test_everything_is_in_the_shared_subset(name):
    question = catalogue()[name]
    for sql in filter(None, (question.sql, question.exact_sql)):
        only_sqlite = (
            r"\b(julianday|strftime|unixepoch|iif|ifnull|group_concat|total|glob|rowid)\s*\("
        )
        assert not re.search(only_sqlite, without_comments(sql), re.IGNORECASE)
        assert '"' not in without_comments(sql)


def test_what_is_shared_is_taken_in():
    sql = "WITH\n-- with: bounds\na AS (SELECT 1)\n-- no: with\nSELECT 1"
    assert expanded("q", "-- title: T\n" + sql).count("bounds AS MATERIALIZED (") == 1
    assert "),\na AS (SELECT 1)\n-- no: with\n" in expanded("q", sql)
    assert ")\nSELECT 1" in expanded("q", "WITH\n-- with: bounds\nSELECT 1")
    # With what it needs itself, and that once.
    both = expanded("q", "WITH\n-- with: edge_events\n-- with: bounds\nSELECT 1")
    assert both.count("bounds AS MATERIALIZED (") == 1
    assert both.index("bounds AS") < both.index("edge_events AS")
    assert both.endswith(")\nSELECT 1")
    with pytest.raises(QuestionError, match=r"^q\.sql: there is no sql/shared/nothing\.sql"):
        expanded("q", "WITH\n-- with: nothing\nSELECT 1")


@pytest.mark.parametrize("name", QUESTIONS)
def test_nothing_is_left_to_take_in(name):
    question = catalogue()[name]
    for sql in filter(None, (question.sql, question.exact_sql)):
        assert sql.startswith(("WITH", "SELECT"))
        assert "-- with:" not in sql


def test_everything_shared_is_used_twice():
    folder = Path(cortex_otel.query.__file__).parent
    texts = [path.read_text() for path in folder.rglob("*") if path.suffix in {".sql", ".py"}]
    for path in folder.glob("sql/shared/*.sql"):
        if "Generated from" in path.read_text():
            continue
        used = [text for text in texts if re.search(rf"-- with: {path.stem}(\n|\\n)", text)]
        assert len(used) > 1, path.name


def test_a_header_is_read():
    question = parse(
        "q",
        "-- title: T\n-- about: one\n--   two\n-- since: 7d\n"
        "-- parameter: service\n-- parameter: days integer 30 how many\n"
        "-- column: n count number of them\nSELECT 1 AS n\n-- x",
    )
    assert (question.title, question.about, question.since) == ("T", "one two", "7d")
    assert question.parameters[0] is COMMON_PARAMETERS["service"]
    assert (question.parameters[1].default, question.parameters[1].meaning) == (30, "how many")
    assert question.columns[0].unit == "count"
    assert question.accepts("days")
    assert not question.accepts("user_tier")


def test_a_header_says_how_rows_go_on_and_is_shown_in_korean():
    question = parse(
        "q",
        "-- title: T\n-- about: Product events one by one,\n--   newest first.\n-- limit: 50\n"
        "-- cursor: time before_ns, id before_id\n"
        "-- parameter: before_ns integer 0 a\n-- parameter: before_id integer 0 b\n"
        "-- column: time unix_ns when it happened\n"
        "-- column: id text its id\nSELECT 1 AS time, 2 AS id",
    )
    assert question.about_in("fr") == "Product events one by one, newest first."
    assert question.about_in("ko") == "제품 이벤트를 최신순으로 하나씩 표시합니다."
    time, identifier = question.columns
    assert (time.meaning_in("ko"), time.meaning_in("en")) == ("일어난 때", "when it happened")
    assert identifier.meaning_in("ko") == "its id"
    assert (time.title_in("ko"), time.title_in("en")) == ("시각", "Time")
    assert dict(question.cursor) == {"time": "before_ns", "id": "before_id"}
    assert question.limit == 50
    assert parse("q", "-- title: T\n-- about: a\n-- column: n count m\nSELECT 1").limit == 10_000


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_a_cursor_needs_is_there(name):
    question = catalogue()[name]
    parameters = {parameter.name: parameter for parameter in question.parameters}
    if any(each.startswith("before_") for each in parameters):
        assert set(question.cursor.values()) == {p for p in parameters if p.startswith("before_")}
    for column, parameter in question.cursor.items():
        assert column in {each.name for each in question.columns}
        assert parameters[parameter].default in {0, ""}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "-- title: T",
        "-- titel: T",
        "-- title: T\n-- about: a\n-- column: n furlongs far",
        "-- title: T\n-- about: a\n-- column: n count m\n-- parameter: days integer many of them",
        "-- title: T\n-- about: a\n-- column: n count m\n-- parameter: days",
        "-- something else",
        "-- title: T\n-- about: a\n-- column: n count m\n-- column.ko: m 뜻",
        "-- title: T\n-- about: a\n-- column: n count m\n-- column.ko: n",
        "-- title: T\n-- about: a\n-- column: n count m\n-- parameter.ko: n 뜻",
        "-- title: T\n-- about: a\n-- column: n count m\n-- cursor: n before_n",
        "-- title: T\n-- about: a\n-- column: n count m\n-- cursor: n",
        "-- title: T\n-- about: a\n-- column: n count m\n-- limit: many",
        "-- title: T\n-- about: a\n-- column: n count m\n-- limit: 0",
        "-- title: T\n-- about: a\n-- column: n count m\n-- since.ko: 7d",
    ],
)
def test_a_bad_header_is_refused_by_name(header):
    with pytest.raises(QuestionError, match=r"^q\.sql"):
        parse("q", f"{header}\nSELECT 1")
