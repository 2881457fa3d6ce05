"""What is said of a store in trouble: once when it begins, once when it is over."""

from __future__ import annotations

import time

from cortex_otel_exporters import host_tasks

__all__ = ["TroubleWarnings"]

# Several busy writers lock each other out for moments: that is no news.
_SECONDS_LOCKED_IS_NO_NEWS = 2.0


class TroubleWarnings:
    """Warns in the host's log.

    Args:
        queue_size: records that wait meanwhile, at most.
    """

    def __init__(self, queue_size: int) -> None:
        self._queue_size = queue_size
        self._trouble, self._since, self._has_warned = "", 0.0, False

    def met(self, trouble: str, error: Exception | None) -> None:
        """The store can't be written because of ``trouble``: at the first attempt, or still."""
        now = time.monotonic()
        if trouble != self._trouble:
            self._trouble, self._since, self._has_warned = trouble, now, False
        is_news = trouble != "locked" or now - self._since >= _SECONDS_LOCKED_IS_NO_NEWS
        if is_news and not self._has_warned:
            self._has_warned = True
            # The text of an OSError holds a path, and so a user's name: its reason does not.
            reason = getattr(error, "strerror", None) or error
            host_tasks.warn(
                "telemetry can't be stored now: %s (%s: %s); up to %d records wait, later ones "
                "are dropped and counted",
                trouble,
                type(error).__name__,
                reason,
                self._queue_size,
            )

    def forked(self) -> None:
        """Nothing can be recorded in this process, see :mod:`.forks`."""
        if not self._has_warned:
            self._has_warned = True
            host_tasks.warn(
                "telemetry isn't recorded in this process: it was forked while its parent had been "
                "writing to the store for longer than a second; what it records is dropped and "
                "counted"
            )

    def over(self) -> None:
        """The store has been written again."""
        if self._has_warned:
            host_tasks.warn("telemetry is being recorded again (was: %s)", self._trouble)
        self._trouble, self._has_warned = "", False
