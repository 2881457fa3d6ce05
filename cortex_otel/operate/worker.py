"""One run of a job, in a process that does nothing else: ``cortex-otel jobs run NAME --lease …``.

It keeps the lease it was given, and writes down how the run ended. It ends at once, with all that
it started, when whoever started it is gone, when another has taken the lease, or when it is far
beyond its time limit.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.operate import leases
from cortex_otel.operate.job import JobError
from cortex_otel.process.patterns import scrub
from cortex_otel.query.zones import project_zone
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from cortex_otel.operate.job import Job
    from cortex_otel.settings import Settings

__all__ = ["INTERRUPTED", "work"]

#: Detail of a run that ended with the process that started it.
INTERRUPTED = "stopped with the process that started it"

#: Who started it cuts it off first; this is for one that is stopped or dead.
_SECONDS_BEYOND_LIMIT = 30
_SECONDS_TO_WRITE_DOWN = 60.0
_SECONDS_BETWEEN_ATTEMPTS = 0.1
_HIDDEN = "[hidden]"
_MIN_SECRET_LENGTH = 4


def work(job: Job, settings: Settings, holder: str) -> int:
    """Run ``job`` under the lease of ``holder``.

    What it writes to stdout goes to stderr; stdout gets the outcome, as a JSON object with
    ``outcome`` and ``detail``. Stdin is a pipe that closes when the process at its other end dies.

    Returns:
        The exit code: 0 done, 1 failed.
    """
    return _Worker(job, settings, holder).run()


class _Worker:
    def __init__(self, job: Job, settings: Settings, holder: str) -> None:
        self._job = job
        self._settings = settings
        self._holder = holder
        self._leases = leases.Leases(settings.database)
        self._zone = project_zone(settings.time_zone)
        #: Held while the lease is renewed or given back.
        self._lock = threading.Lock()

    def run(self) -> int:
        result, parent = _own_streams()
        _limit(self._job.time_limit)
        with contextlib.suppress(StoreError):
            if not self._leases.renew(self._job.name, self._holder, time.time_ns()):
                return 1
        threading.Thread(target=self._watch_parent, args=(parent,), daemon=True).start()
        threading.Thread(target=self._keep_lease, daemon=True).start()
        outcome, detail = self._outcome()
        detail = leases.one_line(_without_secrets(detail, self._settings))
        with self._lock:
            if not self._end(outcome, detail):
                _end_all()
            with contextlib.suppress(OSError):
                os.write(result, json.dumps({"outcome": outcome, "detail": detail}).encode())
            # With the lock: a thread that finds no lease any more would say that it was lost.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0 if outcome == "done" else 1)

    def _outcome(self) -> tuple[str, str]:
        try:
            return "done", str(self._job.run(self._settings))
        except (JobError, StoreError) as error:
            return "failed", str(error)
        except BaseException as error:  # noqa: BLE001 - SystemExit, too, is no more than an outcome
            return "failed", _described(error)

    def _end(
        self, outcome: str, detail: str, patience_seconds: float = _SECONDS_TO_WRITE_DOWN
    ) -> bool:
        """Write how it ended, even if others lock the database; false if it lost the lease."""
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                return self._leases.end(
                    self._job,
                    self._holder,
                    outcome,
                    detail,
                    now_ns=time.time_ns(),
                    zone=self._zone,
                )
            except StoreError as error:
                if time.monotonic() > deadline:
                    sys.stderr.write(f"{error}\n")
                    return True  # its lease ends, and is found
                time.sleep(_SECONDS_BETWEEN_ATTEMPTS)

    def _watch_parent(self, pipe: int) -> None:
        with contextlib.suppress(OSError):
            while os.read(pipe, 1):
                pass
        with self._lock:
            with contextlib.suppress(Exception):
                self._end("interrupted", INTERRUPTED, patience_seconds=0)
            _end_all()

    def _keep_lease(self) -> None:
        while True:
            time.sleep(leases.RENEWAL_SECONDS)
            with self._lock, contextlib.suppress(StoreError):  # locked or full: the work goes on
                if not self._leases.renew(self._job.name, self._holder, time.time_ns()):
                    _end_all()


def _own_streams() -> tuple[int, int]:
    """Descriptors of the result and the parent's pipe, which nothing that is started inherits."""
    result, parent = os.dup(1), os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return result, parent


def _limit(seconds: float) -> None:
    """Let the kernel end this process: code that never returns to Python can't be asked."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds + _SECONDS_BEYOND_LIMIT)
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(10)  # servers and their tool calls come first


def _described(error: BaseException) -> str:
    """An error that nobody foresaw: its kind, its message without personal data, and its place."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    message = scrub(str(error))
    return f"{type(error).__name__}{f': {message}' if message else ''}{place}"


def _without_secrets(text: str, settings: Settings) -> str:
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        is_secret = setting.metadata["secret"] and isinstance(value, str)
        if is_secret and len(value) >= _MIN_SECRET_LENGTH:
            text = text.replace(value, _HIDDEN)
    return text


def _end_all() -> None:
    """End this process and all that it started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():  # a group of its own
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
