from __future__ import annotations

import time
from functools import partial

import apsw
import pytest

from cortex_otel.query.catalogue import catalogue, parse
from cortex_otel.query.runner import QueryParameterError, QueryTimeoutError, run
from cortex_otel_exporters.sqlite.reader import StoreUnreadableError, open_reader

HEADER = "-- title: T\n-- about: a\n-- column: n count m\n"
NUMBERS = "WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < {}) "


@pytest.mark.timing
def test_a_slow_question_is_interrupted_and_the_connection_stays_usable(connection):
    slow = parse("slow", HEADER + NUMBERS.format(10**12) + "SELECT count(*) AS n FROM c")
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError, match="slow took longer than 50 ms"):
        run(connection, slow, time_limit_ms=50)
    assert time.monotonic() - started < 2
    assert not connection.in_transaction
    assert run(connection, catalogue()["dau"]).rows


@pytest.mark.parametrize(
    ("limit", "rows", "truncated"), [(9, 9, True), (10, 10, False), (11, 10, False)]
)
def test_the_row_limit_shows(connection, limit, rows, truncated):
    ten = parse("ten", HEADER + NUMBERS.format(10) + "SELECT n FROM c")
    result = run(connection, ten, row_limit=limit)
    assert (len(result.rows), result.truncated) == (rows, truncated)
    assert result.rows[0] == (1,)


def test_a_question_has_its_own_row_limit(connection):
    header = HEADER.replace("-- column", "-- limit: 3\n-- column")
    ten = parse("ten", header + NUMBERS.format(10) + "SELECT n FROM c")
    result = run(connection, ten)
    assert (len(result.rows), result.truncated) == (3, True)


@pytest.mark.parametrize(
    ("limit", "rows", "truncated"), [(9, 9, True), (10, 10, False), (11, 10, False)]
)
def test_a_question_with_a_row_limit_parameter_reports_more_rows(
    connection, limit, rows, truncated
):
    header = HEADER + "-- parameter: row_limit integer 5 how many at most\n"
    sql = header + NUMBERS.format(10) + "SELECT n FROM c LIMIT :row_limit"
    result = run(connection, parse("ten", sql), row_limit=limit)
    assert (len(result.rows), result.truncated) == (rows, truncated)
    assert len(run(connection, parse("ten", sql), {"row_limit": 2}).rows) == 2


@pytest.mark.parametrize(
    "given", [{"colour": 1}, {"service": 1}, {"from_ns": "1"}, {"to_ns": 1.5}, {"from_ns": True}]
)
def test_parameters_are_checked(connection, given):
    with pytest.raises(QueryParameterError, match=next(iter(given))):
        run(connection, catalogue()["overview"], given)


def test_common_parameters_are_taken_by_every_question(connection):
    given = {"from_ns": 0, "to_ns": 1, "service": "", "user_tier": "x", "time_zone": "Asia/Seoul"}
    for question in catalogue().values():
        run(connection, question, given)


def test_a_reader_changes_nothing(connection):
    with pytest.raises(apsw.ReadOnlyError):
        connection.execute("DELETE FROM events")


def test_an_answer_leaves_no_transaction_open(connection):
    run(connection, catalogue()["overview"])
    assert not connection.in_transaction


def test_damage_found_while_reading_raises(tmp_path, database):
    damaged = tmp_path / "cortex.db"
    content = bytearray(database.read_bytes())
    content[80 * 4096 :] = b"\xff" * (len(content) - 80 * 4096)
    damaged.write_bytes(content)
    connection = open_reader(damaged)
    with pytest.raises(StoreUnreadableError, match="damaged"):
        list(map(partial(run, connection), catalogue().values()))
    connection.close()
