"""Whether the settings ask for a job, and which of them say so."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from cortex_otel.settings import Settings

if TYPE_CHECKING:
    from cortex_otel.operate.job import Job

__all__ = ["is_on", "switches"]


def is_on(job: Job, settings: Settings) -> bool:
    """Whether ``job`` is to be run."""
    try:
        return job.is_on(settings)
    except Exception:  # noqa: BLE001 - then its run says what is wrong
        return True


def switches(job: Job, settings: Settings) -> tuple[str, ...]:
    """The environment variables that decide it: of the settings that ``job.is_on`` looks at."""
    seen = _Seen(settings)
    is_on(job, cast("Settings", seen))
    return tuple(
        setting.metadata["environment"]
        for setting in fields(Settings)
        if setting.name in seen.names
    )


class _Seen:
    """The settings, noting which of them are looked at."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self._settings, name)
