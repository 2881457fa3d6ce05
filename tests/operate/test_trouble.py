"""The scheduler's thread outlives whatever happens to the database."""

from __future__ import annotations

import logging
import os
import threading

import apsw
import pytest
from older_versions import BACK_TO_5
from patience import wait_for

from cortex_otel.operate import leases, running, scheduler
from cortex_otel.operate.job import HOURLY, Job
from cortex_otel.operate.supervisor import RunEnd
from cortex_otel.query.zones import UTC_ZONE
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.schema import SCHEMA_VERSION

JOB = Job(name="hourly", title="", cadence=HOURLY, run=lambda _: "")


@pytest.fixture
def settings(tmp_path):
    return read_environment(overrides={"home": tmp_path / "home"})


@pytest.fixture
def runs(monkeypatch):
    """How often the job ran, in schedulers that are in a hurry."""
    found = []

    def supervise(job, settings, holder, stopped, *, is_heard):
        found.append(holder)
        table = leases.Leases(settings.database)
        table.end(job, holder, "done", "", now_ns=1, zone=UTC_ZONE)
        return RunEnd("done", "")

    monkeypatch.setattr(scheduler, "supervise", supervise)
    for name in ("SETTLE_SECONDS", "FIRST_RUN_SECONDS", "LOOK_SECONDS", "_PAUSE_SECONDS"):
        monkeypatch.setattr(scheduler, name, 0.01)
    return found


@pytest.fixture
def started(settings, runs):
    made = scheduler.Scheduler(settings, (JOB,))
    made._leases._busy_timeout_ms = 20
    made.start()
    yield made
    made.stop()
    assert not made._thread.is_alive()


def age(settings):
    connection = apsw.Connection(str(settings.database))
    connection.set_busy_timeout(10_000)
    connection.execute("UPDATE jobs SET next_run = 1")
    connection.close()


def runs_again(settings, runs):
    before = len(runs)
    wait_for(lambda: leases.Leases(settings.database).read().get("hourly"))
    age(settings)
    wait_for(lambda: len(runs) > before)


def troubled(scheduler_, part):
    wait_for(lambda: part in scheduler_._trouble)


def test_no_database_yet(settings, runs, started):
    assert not settings.home.exists()
    open_for_writing(settings.database).close()
    runs_again(settings, runs)


def test_one_that_is_locked(settings, runs, started, caplog):
    open_for_writing(settings.database).close()
    runs_again(settings, runs)
    blocker = apsw.Connection(str(settings.database))
    with caplog.at_level(logging.WARNING):
        blocker.set_busy_timeout(10_000)
        due = None
        while due != 1:  # else it has just been run
            blocker.execute("UPDATE jobs SET next_run = 1; BEGIN IMMEDIATE")
            due = blocker.execute("SELECT next_run FROM jobs WHERE holder IS NULL").get
            if due != 1:
                blocker.execute("ROLLBACK")
        troubled(started, "locked")
        attempts, claim = [], started._leases.claim
        started._leases.claim = lambda *values, **more: attempts.append(1) or claim(*values, **more)
        wait_for(lambda: attempts)
        caplog.clear()
        wait_for(lambda: len(attempts) > 3)
        assert caplog.records == []  # told once, not at each attempt
        before = len(runs)
        blocker.execute("ROLLBACK")
    blocker.close()
    wait_for(lambda: len(runs) > before)


def test_one_that_is_damaged_and_replaced(settings, runs, started):
    settings.home.mkdir()
    settings.database.write_bytes(os.urandom(8192))
    troubled(started, "damaged")
    settings.database.unlink()
    open_for_writing(settings.database).close()
    runs_again(settings, runs)
    for suffix in ("", "-wal", "-shm"):
        settings.database.with_name(f"cortex.db{suffix}").unlink(missing_ok=True)
    open_for_writing(settings.database).close()
    runs_again(settings, runs)


def test_one_of_a_newer_version_is_left_alone(settings, runs, started):
    connection = open_for_writing(settings.database)
    connection.pragma("user_version", SCHEMA_VERSION + 1)
    troubled(started, "upgrade cortex-otel")
    connection.pragma("user_version", SCHEMA_VERSION)
    connection.close()
    runs_again(settings, runs)


def test_one_of_an_older_version_is_brought_up_to_date(settings, runs, started):
    connection = open_for_writing(settings.database)
    list(connection.execute(BACK_TO_5))
    wait_for(lambda: connection.pragma("user_version") == SCHEMA_VERSION)
    connection.close()
    runs_again(settings, runs)


def test_one_that_can_t_be_read(settings, runs, started):
    settings.database.mkdir(parents=True)
    troubled(started, "directory")
    settings.database.rmdir()
    open_for_writing(settings.database).close()
    runs_again(settings, runs)


def test_what_nobody_foresaw(settings, runs, started, monkeypatch):
    open_for_writing(settings.database).close()
    runs_again(settings, runs)
    with monkeypatch.context() as broken:
        broken.setattr(leases.Leases, "read", lambda _, **__: 1 / 0)
        troubled(started, "ZeroDivisionError")
    runs_again(settings, runs)


def test_it_stops_at_once_and_before_it_was_started(settings, runs):
    scheduler.Scheduler(settings, (JOB,)).stop()
    made = scheduler.Scheduler(settings, (JOB,))
    made.start()
    made.stop()
    assert not made._thread.is_alive()
    assert not [each for each in threading.enumerate() if each.name == "cortex-otel-jobs"]


def test_everything_beside_serve_is_stopped_at_once_also_what_was_never_started(
    settings, monkeypatch
):
    together = threading.Barrier(3)
    stopped = []

    class Slow:
        def start(self):
            if self is not all_[0]:
                raise RuntimeError("the second doesn't start")

        def stop(self):
            together.wait(60)
            stopped.append(self)

    all_ = [Slow(), Slow(), Slow()]
    monkeypatch.setattr(running, "backgrounds", lambda _: all_)
    with pytest.raises(RuntimeError), running.beside(settings):
        pass
    assert len(stopped) == 3
