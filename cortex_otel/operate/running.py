"""What ``cortex-otel serve`` runs beside its servers."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Protocol

from cortex_otel.operate.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cortex_otel.settings import Settings

__all__ = ["Background", "backgrounds", "beside"]


class Background(Protocol):
    """Something with a thread of its own."""

    def start(self) -> None:
        """Begin; never raises for what may be mended later, such as a locked database."""

    def stop(self) -> None:
        """End within half a second, whatever is being done; also if it was never started."""


def backgrounds(settings: Settings) -> list[Background]:
    """All that the settings ask for."""
    from cortex_otel.operate.alerts.evaluator import Evaluator  # noqa: PLC0415 - needs apsw
    from cortex_otel.operate.announcement import Announcement  # noqa: PLC0415 - with the same

    jobs: list[Background] = [Scheduler(settings)] if settings.jobs else []
    return [*jobs, Evaluator(settings), Announcement(settings)]


@contextlib.contextmanager
def beside(settings: Settings) -> Iterator[Callable[[], None]]:
    """Everything runs from here to the end of the block, where all are stopped at once.

    Yields:
        A function that begins to stop them, so that it is done by the end of the block.
    """
    everything = backgrounds(settings)
    stopping: list[threading.Thread] = []

    def stop() -> None:
        if not stopping:
            stopping.extend(threading.Thread(target=each.stop, daemon=True) for each in everything)
            for thread in stopping:
                thread.start()

    try:
        for each in everything:
            each.start()
        yield stop
    finally:
        stop()
        for thread in stopping:
            thread.join()
