"""What a running ``serve`` has set, for commands whose shell has another environment.

``serve.json`` in the home says which jobs are off there and why, and which channels are told: names
of variables, never a value. It counts while its writer holds the file's lock, which the operating
system gives back when that dies; where files can't be locked there is none. Of several ``serve``
over one home, the first is the one that is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from cortex_otel.operate.alerts.channels import channels_of
from cortex_otel.operate.jobs import JOBS
from cortex_otel.operate.switches import is_on, switches
from cortex_otel_exporters.disk import try_lock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cortex_otel.settings import Settings

__all__ = ["Announced", "Announcement", "announced"]

_FILE: Final = "serve.json"
_MAX_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Announced:
    """What one ``serve`` has set."""

    pid: int
    runs_jobs: bool
    off: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Jobs that are switched off, and the environment variables that decide it."""
    channels: tuple[str, ...] = ()
    """Whom alerts are told."""


class Announcement:
    """A :class:`~cortex_otel.operate.running.Background` without a thread: the file."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.home / _FILE
        self._content = Announced(
            pid=os.getpid(),
            runs_jobs=settings.jobs,
            off={job.name: switches(job, settings) for job in JOBS if not is_on(job, settings)},
            channels=tuple(each.name for each in channels_of(settings)),
        )
        self._descriptor: int | None = None

    def start(self) -> None:
        """Write it, unless another ``serve`` has; without a home, or room, there is none."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
            if try_lock(descriptor) is False:
                os.close(descriptor)
                return
            self._descriptor = descriptor
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(self._content)).encode(), 0)

    def stop(self) -> None:
        """Let it count no longer."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
                os.close(self._descriptor)
            self._descriptor = None


def announced(home: Path) -> Announced | None:
    """What the ``serve`` that runs over ``home`` has set; ``None`` if none does, or can't say."""
    try:
        descriptor = os.open(home / _FILE, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if try_lock(descriptor, shared=True) is not False:
            return None  # nobody holds it
        said = json.loads(os.read(descriptor, _MAX_BYTES))
        return Announced(
            int(said["pid"]),
            bool(said["runs_jobs"]),
            {str(job): tuple(map(str, names)) for job, names in said["off"].items()},
            tuple(map(str, said["channels"])),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    finally:
        os.close(descriptor)
