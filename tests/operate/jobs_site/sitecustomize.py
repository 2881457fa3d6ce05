"""On the PYTHONPATH of a real ``cortex-otel``: jobs to test with, and short times to wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cortex_otel.operate import job, jobs, leases, retention, scheduler

#: Not soon: a job of a week is first run on its day.
FAR = job.Cadence(weekday=0)


def note(text):
    with Path(os.environ["JOBS_TEST_LOG"]).open("a", encoding="utf-8") as log:
        log.write(f"{text} {os.getpid()}\n")


def quick(settings):
    note("quick")
    return f"done in {settings.home.name}"


def slow(settings):
    note("slow starts")
    time.sleep(float(os.environ.get("JOBS_TEST_SECONDS", "60")))
    note("slow ends")
    return "slept"


def hanging(settings):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-S", "-c", code])
    note(f"child {child.pid} of")
    time.sleep(600)
    return "never"


def broken(settings):
    note("broken")
    raise job.JobError(f"the target refuses {settings.admin_token}:\nset another")


def surprised(settings):
    sys.stdout.write("noise on stdout\n")
    raise KeyError("no key for jane.doe@example.com")


def dying(settings):
    os.kill(os.getpid(), signal.SIGKILL)


ALL = {
    each.name: each
    for each in (
        retention.JOB,
        job.Job(name="quick", title="Quick work", cadence=job.HOURLY, run=quick),
        job.Job(name="slow", title="Slow work", cadence=job.DAILY, run=slow),
        job.Job(name="upload", title="Slow work beside", cadence=job.DAILY, run=slow,
            runs_beside=True),
        job.Job(name="hanging", title="Hangs", cadence=FAR, run=hanging,
            time_limit=float(os.environ.get("JOBS_TEST_LIMIT", "1"))),
        job.Job(name="broken", title="Fails", cadence=job.HOURLY, run=broken),
        job.Job(name="surprised", title="Fails badly", cadence=FAR, run=surprised),
        job.Job(name="dying", title="Dies", cadence=FAR, run=dying),
        job.Job(
            name="optional", title="Wanted by few", cadence=job.DAILY, run=quick,
            is_on=lambda settings: settings.capture_content,
        ),
    )
}  # fmt: skip

if names := os.environ.get("JOBS_TEST_JOBS"):
    jobs.JOBS = tuple(ALL[name] for name in names.split(","))
    scheduler.Scheduler.__init__.__defaults__ = (jobs.JOBS,)
for module in (leases, scheduler):
    for name in vars(module).keys() & os.environ.keys():
        if name.endswith("_SECONDS"):
            setattr(module, name, float(os.environ[name]))
