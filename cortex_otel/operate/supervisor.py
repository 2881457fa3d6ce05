"""Starts a run of a job in a process of its own, and cuts it off.

The process writes down itself how the run ended (:mod:`.worker`); what is left for here is one that
was cut off, or died.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from cortex_otel.operate import leases
from cortex_otel.operate.worker import INTERRUPTED
from cortex_otel.query.zones import project_zone
from cortex_otel.settings import to_environment
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    import threading

    from cortex_otel.operate.job import Job
    from cortex_otel.settings import Settings

__all__ = ["RunEnd", "supervise"]

_SECONDS_BETWEEN_LOOKS = 0.1
#: From SIGTERM to SIGKILL, of a run that takes too long.
_GRACE_SECONDS = 2.0
#: Where somebody waits for the end: for it to end by itself, and then as above.
_OWN_END_SECONDS = 0.15
_SHORT_GRACE_SECONDS = 0.05
_SECONDS_TO_DIE = 0.1
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_SHORT_BUSY_TIMEOUT_MS = 100
_MAX_RESULT_LENGTH = 65_536


class RunEnd(NamedTuple):
    """How a run ended: ``done``, ``failed``, ``timed_out``, ``interrupted``, or ``lost``."""

    outcome: str
    detail: str


def supervise(
    job: Job, settings: Settings, holder: str, stopped: threading.Event, *, is_heard: bool
) -> RunEnd:
    """Run ``job``, whose lease ``holder`` has, and wait for its end.

    Args:
        job: what to do.
        settings: which the process gets as they are.
        holder: of the lease.
        stopped: cuts it off when it is set; so does Ctrl-C, which is raised again.
        is_heard: whether the process may write to this one's stderr.

    Returns:
        How it ended; ``lost`` if another has taken the lease.
    """
    try:
        process = _start(job, settings, holder, is_heard=is_heard)
    except OSError as error:
        detail = f"no process can be started: {error.strerror}"
        return _written_down(job, settings, holder, "failed", detail)
    try:
        return _wait(process, job, settings, holder, stopped)
    except BaseException:
        _interrupt(process, job, settings, holder)
        raise
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _wait(
    process: subprocess.Popen[bytes],
    job: Job,
    settings: Settings,
    holder: str,
    stopped: threading.Event,
) -> RunEnd:
    deadline = time.monotonic() + job.time_limit
    while process.poll() is None:
        if stopped.wait(_SECONDS_BETWEEN_LOOKS):
            return _interrupt(process, job, settings, holder)
        if time.monotonic() > deadline:
            _cut_off(process)
            detail = f"cut off after {job.time_limit:g} s"
            return _written_down(job, settings, holder, "timed_out", detail)
    return _result(process) or _written_down(
        job, settings, holder, "failed", _death(process.returncode)
    )


def _start(job: Job, settings: Settings, holder: str, *, is_heard: bool) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this program
        # -P: a file of the directory it is started in is no module of ours
        [
            sys.executable,
            "-P",
            "-m",
            "cortex_otel.cli",
            "jobs",
            "run",
            job.name,
            "--lease",
            holder,
        ],
        env={**os.environ, **to_environment(settings)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if is_heard else subprocess.DEVNULL,
        start_new_session=True,  # so that it is cut off with all that it started
    )


def _result(process: subprocess.Popen[bytes]) -> RunEnd | None:
    """What the process reported; ``None`` if it died."""
    if process.stdout is None:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if os.name == "posix":  # something that it started may hold the pipe open
            os.set_blocking(process.stdout.fileno(), False)
        result = json.loads(os.read(process.stdout.fileno(), _MAX_RESULT_LENGTH))
        return RunEnd(str(result["outcome"]), str(result["detail"]))
    return None


def _death(code: int) -> str:
    """The end of a process that reported none."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"its process was ended by signal {name}"


def _interrupt(
    process: subprocess.Popen[bytes], job: Job, settings: Settings, holder: str
) -> RunEnd:
    """End the process at once: this one may have no time to see it through."""
    if process.stdin is not None:
        process.stdin.close()  # it gives the lease back and ends, even if this process is gone then
    if not _has_ended(process, _OWN_END_SECONDS):  # it is only starting, or hangs
        _signal(process, signal.SIGTERM)
        _written_down(job, settings, holder, "interrupted", INTERRUPTED)
        _has_ended(process, _SHORT_GRACE_SECONDS)
    _signal(process, _KILL)
    _has_ended(process, _SECONDS_TO_DIE)
    return RunEnd("interrupted", INTERRUPTED)


def _cut_off(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started: ask them, then don't."""
    _signal(process, signal.SIGTERM)
    _has_ended(process, _GRACE_SECONDS)
    _signal(process, _KILL)
    _has_ended(process, _SECONDS_TO_DIE)


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ends within that time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.kill()


def _written_down(job: Job, settings: Settings, holder: str, outcome: str, detail: str) -> RunEnd:
    """Write how it ended; where that can't be done now, the lease ends, and is found."""
    table = leases.Leases(settings.database, busy_timeout_ms=_SHORT_BUSY_TIMEOUT_MS)
    zone = project_zone(settings.time_zone)
    with contextlib.suppress(StoreError):
        if not table.end(job, holder, outcome, detail, now_ns=time.time_ns(), zone=zone):
            return RunEnd("lost", "another process has taken it over")
    return RunEnd(outcome, detail)
