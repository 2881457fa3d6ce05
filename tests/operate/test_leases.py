from __future__ import annotations

import pytest

from cortex_otel.operate import leases
from cortex_otel.operate.job import DAILY, Job
from cortex_otel.query.zones import UTC_ZONE
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import StoreMissingError

JOB = Job(name="daily", title="", cadence=DAILY, run=lambda _: "")
NOW = 1_795_000_000 * 10**9
MINUTE = 60 * 10**9


@pytest.fixture
def table(tmp_path):
    open_for_writing(tmp_path / "cortex.db").close()
    return leases.Leases(tmp_path / "cortex.db", busy_timeout_ms=50)


def end(table, holder, outcome="done", now_ns=NOW + MINUTE, **more):
    return table.end(JOB, holder, outcome, "a\n b ", now_ns=now_ns, zone=UTC_ZONE, **more)


def test_one_gets_the_lease_and_only_it_gives_it_back(table):
    assert table.claim("daily", "one", NOW)
    assert not table.claim("daily", "two", NOW)
    assert not table.renew("daily", "two", NOW)
    assert not end(table, "two")
    row = table.read()["daily"]
    assert (row.holder, row.last_start, row.last_end) == ("one", NOW, None)
    assert row.lease_until == NOW + MINUTE
    assert table.renew("daily", "one", NOW + 7)
    assert table.read()["daily"].lease_until == NOW + MINUTE + 7
    assert end(table, "one")
    row = table.read()["daily"]
    assert (row.holder, row.lease_until) == (None, None)
    assert (row.outcome, row.detail, row.failures) == ("done", "a b", 0)
    assert row.last_end == row.last_success == NOW + MINUTE
    assert row.next_run == DAILY.next_after(NOW, UTC_ZONE)
    assert not end(table, "one")
    assert table.claim("daily", "two", NOW)


def test_a_job_that_isn_t_due_is_run_by_hand_alone(table):
    table.claim("daily", "one", NOW)
    end(table, "one")
    assert not table.claim("daily", "two", NOW + 2 * MINUTE, due=True)
    assert table.claim("daily", "two", NOW + 2 * MINUTE)


def test_a_lease_can_be_taken_by_force_and_its_holder_is_told(table):
    table.claim("daily", "one", NOW)
    assert table.claim("daily", "two", NOW + 1, force=True)
    assert not table.renew("daily", "one", NOW + 2)
    assert not end(table, "one")
    assert table.read()["daily"].holder == "two"


def test_what_each_outcome_leaves(table):
    for outcome, noted, failures in (
        ("failed", "failed", 1),
        ("timed_out", "timed_out", 2),
        ("interrupted", "interrupted", 2),
        ("vanished", "interrupted", 3),
        ("done", "done", 0),
    ):
        table.claim("daily", "one", NOW)
        end(table, "one", outcome)
        row = table.read()["daily"]
        assert (row.outcome, row.failures) == (noted, failures)
        assert row.last_success == (NOW + MINUTE if outcome == "done" else None)
        if outcome == "interrupted":
            assert row.next_run == NOW + MINUTE


def test_a_run_never_ends_before_it_started(table):
    table.claim("daily", "one", NOW)
    end(table, "one", now_ns=NOW - 10**18)
    row = table.read()["daily"]
    assert row.last_end == row.last_start == NOW


def test_a_dead_lease_that_was_renewed_meanwhile_is_left_alone(table):
    table.claim("daily", "one", NOW)
    seen = table.read()["daily"]
    table.renew("daily", "one", NOW + 1)
    assert not end(table, "one", "vanished", lease_until=seen.lease_until)
    assert table.read()["daily"].holder == "one"


def test_a_plan_yields_to_whoever_has_changed_the_row(table):
    table.schedule([(None, leases.JobRow("daily", next_run=5))])
    seen = table.read()["daily"]
    table.claim("daily", "one", NOW)
    table.schedule([(seen, leases.JobRow("daily", next_run=9))])
    table.schedule([(None, leases.JobRow("daily", next_run=9))])
    assert table.read()["daily"].next_run == 5


def test_no_database_is_made(tmp_path):
    table = leases.Leases(tmp_path / "none" / "cortex.db")
    with pytest.raises(StoreMissingError):
        table.claim("daily", "one", NOW)
    assert not table.renew("daily", "one", NOW)
    assert not (tmp_path / "none").exists()


def test_two_hundred_claims_at_once(table, tmp_path):
    import threading

    got, gate = [], threading.Barrier(8)

    def claim(number):
        mine = leases.Leases(tmp_path / "cortex.db", busy_timeout_ms=60_000)
        gate.wait()
        for turn in range(25):
            holder = f"{number}-{turn}"
            if mine.claim("daily", holder, NOW, due=True):
                got.append(holder)

    table.schedule([(None, leases.JobRow("daily", next_run=NOW))])
    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert table.read()["daily"].holder == got[0]
