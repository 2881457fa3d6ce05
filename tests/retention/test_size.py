import time
from itertools import pairwise

import pytest
from patience import wait_for
from store_kit import DAY, MONDAY, PatientWriter, count, ledger, record, rows, verify

from cortex_otel.operate import retention
from cortex_otel_exporters.sqlite import expiry, size_cap
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.space import used_bytes

#: A text that makes events large, so that there needn't be many.
LARGE = {"event_data": {"text": "x" * 2000}}


@pytest.fixture
def few_stay(monkeypatch):
    """That many of the newest events can't go, in place of 10,000."""
    monkeypatch.setattr(
        size_cap, "_BETWEEN", size_cap._BETWEEN.replace("OFFSET 10000", "OFFSET 50")
    )


def used(path):
    connection = open_for_writing(path)
    try:
        return used_bytes(connection)
    finally:
        connection.close()


def test_the_oldest_go_until_it_is_small_enough_and_the_file_shrinks(
    path, settings, fill, few_stay
):
    fill(**LARGE)
    assert path.stat().st_size > 4_000_000
    outcome = retention.retain(settings(max_database_mb=2), trust_clock=True)
    assert used(path) <= 1_800_000
    assert path.stat().st_size < 2_200_000
    assert outcome.bytes_after == path.stat().st_size
    first = rows(path, "SELECT min(time) FROM events")[0][0]
    assert dict(rows(path, "SELECT key, value FROM store"))["events_from"] <= first
    # Whole hours: what is left of the hour of the first event is all that it ever had.
    hour = first // (DAY // 24)
    kept = rows(path, "SELECT count(*) FROM events WHERE time / 3600000000000 = ?", hour)
    assert kept == rows(path, "SELECT sum(stored) FROM rollup_hour WHERE hour = ?", hour)
    assert ledger(path)["expired|size"] == 2000 - count(path)
    assert rows(path, "SELECT sum(stored) FROM rollup_day") == [(2000,)]
    assert not outcome.notes


def test_what_isnt_events_doesnt_cost_all_events(path, settings, fill, few_stay):
    """A cap smaller than what is left when all events are gone."""
    fill(days=60, a_day=20)
    connection = open_for_writing(path)
    connection.execute(
        "INSERT INTO contexts SELECT NULL, value, hex(randomblob(500)), '', '', '{}'"
        " FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n"
        " WHERE value < 1500) SELECT value FROM n)"
    )
    connection.execute("UPDATE events SET context_key = 2 + event_key % 1500")
    connection.close()
    outcome = retention.retain(settings(max_database_mb=1), trust_clock=True)
    assert "allow more" in outcome.notes[0]
    assert count(path) >= 50
    assert rows(path, "SELECT max(day) - min(day) FROM rollup_day")[0][0] >= 35
    again = retention.retain(settings(max_database_mb=1), trust_clock=True)
    assert not any(signal == "event" for signal, _ in again.deleted)


def test_a_database_that_is_small_enough_is_left_alone(path, settings, fill):
    fill(**LARGE)
    before = used(path)
    assert not retention.retain(settings(max_database_mb=20), trust_clock=True).deleted
    assert used(path) == before


def test_a_writer_keeps_the_size_by_itself(path, fill, few_stay):
    fill(**LARGE)
    before = used(path)
    allowed = before * 3 // 4
    writer = PatientWriter(path, interval_ms=1, max_bytes=allowed)
    number = 0
    deadline = time.monotonic() + 60
    while used(path) > allowed and time.monotonic() < deadline:
        assert writer.submit(record(number, time_unix_nano=MONDAY + 30 * DAY + number))
        writer.force_flush()
        number += 1
    assert used(path) <= allowed
    assert writer.shutdown()
    deleted = ledger(path)["expired|size"]
    assert count(path) == 2000 + number - deleted
    assert rows(path, "SELECT min(time) FROM events")[0][0] > MONDAY
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_step_grows_by_full_steps_alone():
    """Of the last three metric points nothing is learnt about thousands of events."""
    pace = expiry.Pace(0.004)
    first = pace.rows
    pace.took(0.0001, 3)
    assert pace.rows == first
    pace.took(0.0001, first)
    assert pace.rows == 2 * first
    pace.took(1.0, 3)
    assert pace.rows < first


def test_a_writer_deletes_in_small_steps_however_much_it_has_written(
    path, fill, few_stay, monkeypatch
):
    fill(**LARGE)
    took, steps = expiry.Pace.took, []

    def noted(pace, seconds, rows):
        steps.append((pace.rows, rows))
        took(pace, seconds, rows)

    monkeypatch.setattr(expiry.Pace, "took", noted)
    first = expiry.Pace(1).rows
    writer = PatientWriter(path, interval_ms=1, max_bytes=used(path) // 2)
    for number in range(1500):
        writer.submit(record(number, time_unix_nano=MONDAY + 30 * DAY + number, **LARGE))
    assert writer.force_flush()
    while len(steps) < 3:  # a step may take all the time that there is after a batch
        writer.submit(record(number, time_unix_nano=MONDAY + 31 * DAY, **LARGE))
        writer.force_flush()
    assert writer.shutdown()
    assert steps[0][0] == first
    assert all(rows <= asked for asked, rows in steps)
    assert all(after <= 2 * before for (before, _), (after, _) in pairwise(steps))


def test_a_writer_of_a_small_database_reads_its_size_and_no_more(path, fill, monkeypatch):
    looked = []
    monkeypatch.setattr(size_cap, "used_bytes", lambda _: looked.append(1) or 1000)
    monkeypatch.setattr(size_cap, "oldest_hour_end", lambda *_: pytest.fail("nothing is to go"))
    writer = PatientWriter(path, interval_ms=1, max_bytes=10**9)
    for number in range(20):
        writer.submit(record(number))
        writer.force_flush()
    writer.shutdown()
    assert looked == [1]
    verify(path)


def test_a_writer_doesnt_delete_in_vain(path, fill, few_stay):
    """Where events are but a small part of it, nothing goes."""
    fill(a_day=20)
    connection = open_for_writing(path)
    connection.execute(
        "INSERT INTO contexts VALUES (NULL, hex(zeroblob(2000000)), '', '', '', '{}')"
    )
    connection.close()
    writer = PatientWriter(path, interval_ms=1, max_bytes=3_000_000)
    for number in range(5):
        writer.submit(record(number))
        writer.force_flush()
    writer.shutdown()
    assert count(path) == 405


def test_a_writer_whose_deletion_fails_goes_on(path, fill, few_stay, monkeypatch):
    fill(**LARGE)
    monkeypatch.setattr(size_cap, "delete_some", lambda *_, **__: 1 / 0)
    writer = PatientWriter(path, interval_ms=1, max_bytes=1_000_000)
    writer.submit(record(5000))
    assert writer.force_flush()
    assert not writer.trouble
    writer.shutdown()
    wait_for(lambda: count(path) == 2001)
