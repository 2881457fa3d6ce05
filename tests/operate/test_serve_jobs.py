"""Real ``cortex-otel serve``, real processes, a real database; only the times to wait are short."""

from __future__ import annotations

import os
import signal
import time

import pytest
from patience import PATIENCE, wait_for

pytestmark = pytest.mark.system

QUICK_LEASES = {"LEASE_SECONDS": "3", "RENEWAL_SECONDS": "0.5", "CONFIRM_SECONDS": "1"}


def started(machine, what, count=1):
    """The processes that have begun that work, once there are so many."""

    def pids():
        found = [pid for text, pid in machine.logged() if text == what]
        return found if len(found) >= count else None

    return wait_for(pids)


def test_a_job_that_is_due_is_run_with_the_settings_of_serve(machine):
    serve = machine.serve(jobs="quick,surprised,optional")
    row = machine.ended("quick", "done")
    assert row.detail == "done in the home"  # --home, not CORTEX_OTEL_HOME
    assert row.holder is None
    assert row.lease_until is None
    assert row.failures == 0
    assert row.last_start <= row.last_end == row.last_success < row.next_run
    failed = machine.ended("surprised", "failed") if machine.row("surprised").holder else None
    assert failed is None or "jane" not in failed.detail
    assert machine.row("optional").next_run is None
    serve.terminate()
    out, err = serve.communicate(timeout=PATIENCE)
    assert serve.returncode == 0
    assert "noise" not in out + err
    assert out.splitlines()[-1] == "Stopped. What was acknowledged is on disk."
    assert len(machine.logged()) == 1


def test_serve_that_ends_ends_its_job_and_gives_the_lease_back(machine, gone):
    serve = machine.serve(jobs="slow")
    (worker,) = started(machine, "slow starts")
    assert machine.row("slow").holder.startswith(f"serve:{serve.pid}:")
    serve.send_signal(signal.SIGINT)
    serve.communicate(timeout=PATIENCE)
    gone(worker)
    row = machine.row("slow")
    assert (row.holder, row.outcome, row.failures) == (None, "interrupted", 0)
    assert row.next_run <= time.time_ns()
    assert row.last_success is None


def test_others_dont_wait_for_one_that_runs_beside_them(machine, gone):
    serve = machine.serve(jobs="upload,quick")
    (worker,) = started(machine, "slow starts")
    machine.ended("quick", "done")
    machine.execute("UPDATE jobs SET next_run = 1 WHERE job = 'quick'")
    started(machine, "quick", 2)
    assert machine.row("upload").holder.startswith(f"serve:{serve.pid}:")
    serve.send_signal(signal.SIGINT)
    serve.communicate(timeout=PATIENCE)
    gone(worker)
    row = machine.row("upload")
    assert (row.holder, row.outcome, row.failures) == (None, "interrupted", 0)
    assert len([each for each, _ in machine.logged() if each == "slow starts"]) == 1


@pytest.mark.timing
def test_serve_ends_within_a_second_in_the_middle_of_a_job(machine):
    for number in (signal.SIGINT, signal.SIGTERM):
        serve = machine.serve(jobs="slow")
        started(machine, "slow starts", len(machine.started))
        before = time.monotonic()
        serve.send_signal(number)
        assert any(line.startswith("Stopped.") for line in serve.stdout)
        assert serve.wait(PATIENCE) == 0
        assert time.monotonic() - before < 1
        assert machine.row("slow").holder is None


def test_a_job_whose_serve_was_killed_ends_and_another_takes_it_over(machine, gone):
    serve = machine.serve(jobs="slow", RENEWAL_SECONDS="600")
    (worker,) = started(machine, "slow starts")
    serve.kill()
    gone(worker)
    row = machine.row("slow")
    assert (row.holder, row.outcome) == (None, "interrupted")
    machine.serve(jobs="slow", JOBS_TEST_SECONDS="0")
    machine.ended("slow", "done")
    assert [what for what, _ in machine.logged()] == ["slow starts", "slow starts", "slow ends"]


def test_a_lease_whose_holder_vanished_without_a_word_ends(machine):
    far = time.time_ns() + 10**18  # by a clock that has been set back since
    for until in (1, far):
        machine.execute("DELETE FROM jobs")
        machine.execute(
            "INSERT INTO jobs (job, next_run, holder, lease_until, last_start) "
            "VALUES ('quick', 1, 'serve:1:x', ?, 1)",
            until,
        )
        serve = machine.serve(jobs="quick", CONFIRM_SECONDS="0.5", FIRST_RETRY_SECONDS="0.5")
        row = machine.ended("quick", "done")
        assert row.failures == 0
        serve.terminate()
        serve.wait(PATIENCE)


def test_two_serve_never_do_a_job_twice(machine):
    for _ in range(2):
        machine.serve(jobs="slow,quick", JOBS_TEST_SECONDS="0.2", LOOK_SECONDS="0.05")
    rounds = 6
    for number in range(rounds):
        for job in ("slow", "quick"):
            wait_for(lambda job=job: (row := machine.row(job)) and row.outcome == "done")
        assert [what for what, _ in machine.logged()].count("quick") == number + 1
        machine.execute("UPDATE jobs SET next_run = 1, outcome = NULL")
    for job in ("slow", "quick"):
        wait_for(lambda job=job: machine.row(job).outcome == "done")
    work = [what for what, _ in machine.logged() if what != "quick"]
    assert work == ["slow starts", "slow ends"] * (rounds + 1)


def test_a_holder_that_was_stopped_changes_nothing_when_it_wakes_up(machine, gone):
    first = machine.serve(jobs="slow", **QUICK_LEASES)
    (worker,) = started(machine, "slow starts")
    os.kill(worker, signal.SIGSTOP)
    first.send_signal(signal.SIGSTOP)
    second = machine.serve(jobs="slow", FIRST_RETRY_SECONDS="0.1", **QUICK_LEASES)
    try:
        _, other = started(machine, "slow starts", 2)
        held = machine.row("slow")
        assert held.holder.startswith(f"serve:{second.pid}:")
        assert held.failures == 1
        assert held.outcome == "interrupted"
    finally:
        os.kill(worker, signal.SIGCONT)
    gone(worker)
    first.send_signal(signal.SIGCONT)
    first.terminate()
    first.communicate(timeout=PATIENCE)
    after = machine.row("slow")
    assert (after.holder, after.last_start, after.last_end) == (held.holder, held.last_start, None)
    assert after.failures == 1
    assert "slow ends" not in dict(machine.logged())
    second.terminate()
    second.wait(PATIENCE)
    gone(other)


def test_a_job_that_hangs_is_cut_off_with_all_that_it_started(machine, gone):
    machine.serve(jobs="hanging", JOBS_TEST_LIMIT="6")
    machine.execute("INSERT OR REPLACE INTO jobs (job, next_run) VALUES ('hanging', 1)")
    row = machine.ended("hanging", "timed_out")
    assert (row.detail, row.failures, row.holder) == ("cut off after 6 s", 1, None)
    assert time.time_ns() < row.next_run
    ((told, worker),) = machine.logged()
    child = int(told.split()[1])
    gone(worker)
    gone(child)


def test_a_job_that_died_is_a_failure(machine):
    machine.execute("INSERT INTO jobs (job, next_run) VALUES ('dying', 1)")
    serve = machine.serve(jobs="dying")
    row = machine.ended("dying", "failed")
    assert row.detail == "its process was ended by signal SIGKILL"
    serve.terminate()
    _, err = serve.communicate(timeout=PATIENCE)
    assert "Traceback" not in err


def test_a_database_that_is_replaced_in_the_middle_of_a_job(machine, gone):
    machine.serve(jobs="slow", RENEWAL_SECONDS="0.3")
    (worker,) = started(machine, "slow starts")
    fresh = machine.home / "fresh.db"
    machine.database.replace(fresh)
    for suffix in ("-wal", "-shm"):
        (machine.home / f"cortex.db{suffix}").unlink(missing_ok=True)
    machine.create()
    gone(worker)
    started(machine, "slow starts", 2)
    assert machine.row("slow").failures == 0
