"""The scheduler under clocks that jump. The database is real, time is made, runs end at once."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from cortex_otel.operate import leases, scheduler
from cortex_otel.operate.job import DAILY, HOURLY, Cadence, Job
from cortex_otel.operate.supervisor import RunEnd
from cortex_otel.query.zones import zone
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite.files import open_for_writing

NS = 10**9
HOUR, DAY, YEAR = 3600.0, 86_400.0, 366 * 86_400.0
SEOUL = zone("Asia/Seoul")
JOBS = (
    Job(name="hourly", title="", cadence=HOURLY, run=lambda _: ""),
    Job(name="daily", title="", cadence=DAILY, run=lambda _: ""),
    Job(name="weekly", title="", cadence=Cadence(hour=8, weekday=0), run=lambda _: ""),
)


class World:
    """A wall clock that is set, a clock that isn't, and one scheduler or more."""

    def __init__(self, home):
        self.settings = read_environment(overrides={"home": home, "time_zone": "Asia/Seoul"})
        # Kept open: whoever closes the last connection waits for the disk.
        self.connection = open_for_writing(self.settings.database)
        self.leases = leases.Leases(self.settings.database)
        self.wall_ns = SEOUL.instant("2026-11-25T10:20")
        self.running = 0.0
        self.runs = []
        self.outcomes = {}
        self.lasts = 1.0
        self.jumps = 0
        self.scheduler = self.another()

    def another(self, jobs=JOBS):
        return scheduler.Scheduler(
            self.settings, jobs, now_ns=lambda: self.wall_ns, monotonic=lambda: self.running
        )

    def supervise(self, job, settings, holder, stopped, *, is_heard):
        self.runs.append((job.name, self.local(self.wall_ns)))
        self.pass_(self.lasts)
        self.jump(self.jumps)
        self.jumps = 0
        outcome = self.outcomes.get(job.name, "done")
        self.leases.end(job, holder, outcome, "", now_ns=self.wall_ns, zone=SEOUL)
        return RunEnd(outcome, "")

    def pass_(self, seconds):
        self.wall_ns += round(seconds * NS)
        self.running += seconds

    def jump(self, seconds):
        self.wall_ns += round(seconds * NS)

    def live(self, seconds, *schedulers):
        """Let time pass as the schedulers sleep; how often they looked."""
        until, looks = self.running + seconds, 0
        while self.running < until:
            self.pass_(min([each.look() for each in schedulers or (self.scheduler,)]))
            looks += 1
        return looks

    def local(self, at_ns):
        return SEOUL.iso(at_ns)[:16]

    def row(self, name):
        return self.leases.read()[name]

    def times(self, name):
        return [at for job, at in self.runs if job == name]

    def assert_within_reach(self):
        for job in JOBS:
            row = self.row(job.name)
            since = max(self.wall_ns, min(row.last_start or 0, self.wall_ns + 600 * NS))
            assert row.next_run <= job.cadence.next_after(since, SEOUL)


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = World(tmp_path / "home")
    monkeypatch.setattr(scheduler, "supervise", world.supervise)
    monkeypatch.setattr(scheduler, "LOOK_SECONDS", 900)
    yield world
    world.connection.close()


def test_a_new_database_has_its_first_runs_soon_one_after_the_other(world):
    world.live(120)
    assert world.times("hourly") == ["2026-11-25T10:20"]
    assert world.times("daily") == ["2026-11-25T10:20"]
    assert world.times("weekly") == []
    assert world.local(world.row("weekly").next_run) == "2026-11-30T08:00"
    starts = sorted(world.row(name).last_start for name in ("hourly", "daily"))
    assert starts[0] - SEOUL.instant("2026-11-25T10:20") >= 10 * NS
    assert starts[1] - starts[0] >= 10 * NS


def test_jobs_run_when_they_are_due_in_the_projects_zone(world):
    world.wall_ns = SEOUL.instant("2026-11-28T10:20")
    looks = world.live(3 * DAY)
    assert world.times("daily")[1:] == ["2026-11-29T00:00", "2026-11-30T00:00", "2026-12-01T00:00"]
    assert world.times("weekly") == ["2026-11-30T08:00"]
    assert len(world.times("hourly")) == 3 * 24 + 1
    assert all(at.endswith(":00") for at in world.times("hourly")[1:])
    assert looks < 3 * 24 * 10


def test_what_was_missed_is_caught_up_once(world):
    world.live(DAY)
    world.runs.clear()
    world.jump(9 * DAY + 1234)  # asleep, or off
    world.live(120)
    assert sorted(name for name, _ in world.runs) == ["daily", "hourly", "weekly"]
    world.assert_within_reach()


@pytest.mark.parametrize("seconds", [HOUR, 5 * HOUR, 30 * DAY, 30 * YEAR])
def test_a_clock_that_is_set_forward_and_back_again(world, seconds):
    world.live(DAY)
    world.runs.clear()
    world.jump(seconds)
    world.live(300)
    assert len(world.runs) <= len(JOBS)
    world.jump(-seconds)
    world.runs.clear()
    world.live(300)
    assert len(world.runs) <= len(JOBS)
    world.assert_within_reach()
    world.runs.clear()
    world.live(DAY + 60)
    assert 23 <= len(world.times("hourly")) <= 26
    assert 1 <= len(world.times("daily")) <= 2


@pytest.mark.parametrize("seconds", [1, 30 * 60, 3 * HOUR, 20 * DAY, 20 * YEAR])
def test_a_clock_that_is_set_back(world, seconds):
    world.live(DAY)
    world.jump(-seconds)
    world.runs.clear()
    world.live(2 * HOUR + 60)
    assert 1 <= len(world.times("hourly")) <= 3
    world.assert_within_reach()


def test_a_clock_that_is_put_right_by_a_second_doesn_t_repeat_midnight(world):
    world.wall_ns = SEOUL.instant("2026-11-25T23:30")
    world.lasts = 0.2
    while len(world.times("daily")) < 2:
        world.pass_(world.scheduler.look())
    world.jump(-2)
    assert world.local(world.wall_ns) == "2026-11-25T23:59"
    world.live(HOUR)
    assert world.times("daily") == ["2026-11-25T23:30", "2026-11-26T00:00"]


def test_a_clock_that_jumps_while_a_job_runs(world):
    world.live(120)
    for seconds in (YEAR, -YEAR, -5 * HOUR, 5 * HOUR):
        world.wall_ns = SEOUL.instant("2026-12-01T09:59")
        world.jumps = seconds
        while world.jumps:
            world.pass_(world.scheduler.look())
        world.runs.clear()
        world.live(HOUR * 2)
        assert 1 <= len(world.times("hourly")) <= 4
        world.assert_within_reach()


def test_a_year_of_clocks_gone_mad(world):
    random_ = random.Random(14)
    for _ in range(60):
        world.jump(random_.choice((1, -1)) * random_.choice((3, HOUR, DAY, 40 * DAY, 9 * YEAR)))
        world.wall_ns = min(max(world.wall_ns, YEAR * NS), 200 * int(YEAR) * NS)
        world.runs.clear()
        world.outcomes["hourly"] = random_.choice(("done", "failed"))
        looks = world.live(600)
        assert looks < 100
        assert len(world.runs) <= 12
        world.assert_within_reach()


def test_a_job_that_fails_is_tried_again_ever_more_rarely(world):
    world.outcomes["weekly"] = "failed"
    world.wall_ns = SEOUL.instant("2026-11-30T07:59")
    starts = []
    while len(starts) < 12:
        world.pass_(world.scheduler.look())
        start = world.row("weekly").last_start
        if start is not None and start not in starts:
            starts.append(start)
    waits = [(after - before) / NS for before, after in pairwise(starts)]
    for count, wait in enumerate(waits):
        assert wait == pytest.approx(min(60 * 2**count, 3600), rel=0.25, abs=62)
    assert len({round(wait % 60, 3) for wait in waits}) > 3  # not all to the same second
    assert world.row("weekly").failures == 12
    world.outcomes.clear()
    world.live(2 * HOUR)
    assert world.row("weekly").failures == 0
    assert world.local(world.row("weekly").next_run) == "2026-12-07T08:00"


def test_a_job_that_fails_is_tried_again_when_it_is_due_anyway(world):
    for failures in (1, 7, 10**6):
        at_ns = SEOUL.instant("2026-11-30T07:59:50")
        assert at_ns < leases.retry_at(JOBS[0], failures, at_ns, SEOUL) <= at_ns + 10 * NS


def test_leases_do_not_depend_on_the_clock(world):
    """Two `serve` wake up after a night, and the one that holds no lease looks first."""
    world.live(120)
    world.runs.clear()
    assert world.leases.claim("hourly", "serve:1:one", world.wall_ns)
    for seconds in (8 * HOUR, -16 * HOUR, 5 * YEAR, -10 * YEAR):
        world.jump(seconds)
        for _ in range(30):
            world.scheduler.look()
            world.pass_(leases.RENEWAL_SECONDS)
            assert world.leases.renew("hourly", "serve:1:one", world.wall_ns)
        assert world.times("hourly") == []
    # It dies.
    assert world.row("hourly").holder == "serve:1:one"
    world.live(300)
    assert len(world.times("hourly")) >= 1
    assert world.row("hourly").holder is None


def test_a_lease_is_taken_within_two_minutes_of_a_death(world):
    world.live(120)
    assert world.leases.claim("hourly", "serve:1:one", world.wall_ns)
    since = world.running
    while world.row("hourly").holder is not None:
        world.pass_(world.scheduler.look())
    assert leases.LEASE_SECONDS < world.running - since < 120
    row = world.row("hourly")
    assert (row.outcome, row.failures) == ("interrupted", 1)


def test_a_serve_of_other_settings_that_switches_a_job_off_doesn_t_make_it_run_more(world):
    off = tuple(
        Job(name=job.name, title="", cadence=job.cadence, run=job.run, is_on=lambda _: False)
        for job in JOBS
    )
    world.live(6 * HOUR, world.scheduler, world.another(off))
    assert len(world.times("hourly")) <= 7
    assert len(world.times("daily")) == 1


def test_a_job_that_is_switched_off_and_on_again(world):
    world.live(HOUR)
    on = [True]
    jobs = (Job(name="daily", title="", cadence=DAILY, run=lambda _: "", is_on=lambda _: bool(on)),)
    switched = world.another(jobs)
    on.clear()
    switched.look()
    assert (world.row("daily").next_run, world.row("daily").failures) == (None, 0)
    world.runs.clear()
    world.live(3 * DAY, switched)
    assert world.runs == []
    on.append(True)
    world.live(120, switched)
    assert len(world.times("daily")) == 1


def test_another_time_zone_or_cadence_is_followed_at_once(world):
    world.live(120)
    assert world.local(world.row("daily").next_run) == "2026-11-26T00:00"
    sooner = (Job(name="daily", title="", cadence=Cadence(hour=12), run=lambda _: ""),)
    world.another(sooner).look()
    assert world.local(world.row("daily").next_run) == "2026-11-25T12:00"


def test_a_job_that_was_off_here_and_died_elsewhere_is_taken_over(world):
    world.live(DAY)
    leases_ = world.leases
    world.connection.execute("UPDATE jobs SET next_run = NULL WHERE job = 'daily'")
    assert leases_.claim("daily", "command:1:dead", world.wall_ns)
    world.runs.clear()
    world.live(300)
    assert world.times("daily")
    assert world.row("daily").holder is None
