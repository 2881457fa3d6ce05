"""The thread of one channel: everything that is due in one message, until it has been taken."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from cortex_otel import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cortex_otel.operate.alerts.alert_store import AlertStore
    from cortex_otel.operate.alerts.channels import Channel
    from cortex_otel.operate.alerts.messages import Message
    from cortex_otel.operate.alerts.records import Notification

__all__ = ["Delivery"]

_NS: Final = 10**9
#: Longer than any attempt: if this process dies during one, the next begins after it.
_LEASE_NS: Final = 15 * _NS
_FIRST_RETRY_SECONDS: Final = 1.0
_LAST_RETRY_SECONDS: Final = 300.0
#: Slack takes one message a second.
_SECONDS_BETWEEN: Final = 1.0
#: For messages that another process left.
_SECONDS_BETWEEN_LOOKS: Final = 5.0
_SECONDS_OF_QUIET: Final = 1.0
#: Of what an exit leaves to an attempt under way: its answer decides whether there is another.
_GRACE_SECONDS: Final = 0.25


class Delivery:
    """Sends to one channel, while it may.

    Args:
        alert_store: what is due.
        channel: to whom.
        compose: makes the message.
        may_send: whether this process is the one that sends, and now is no quiet hour.
    """

    def __init__(
        self,
        alert_store: AlertStore,
        channel: Channel,
        compose: Callable[[Sequence[Notification]], Message],
        may_send: Callable[[], bool],
    ) -> None:
        self._alert_store, self._channel = alert_store, channel
        self._compose, self._may_send = compose, may_send
        self._news = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(
            target=self._run, name=f"cortex-otel-alerts-{channel.name}", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Something new is due."""
        self._news.set()

    def begin_to_stop(self) -> None:
        """Begin nothing more."""
        self._is_stopping = True
        self._news.set()

    def stop(self, deadline: float) -> None:
        """End, at ``deadline`` (of :func:`time.monotonic`) at the latest."""
        if self._thread.ident is None:
            return
        self._thread.join(_GRACE_SECONDS)
        if self._thread.is_alive():
            self._channel.cancel()
            self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                pause = self._deliver()
            except Exception as error:  # noqa: BLE001 - the thread outlives any fault of its own
                guard.swallowed("alerts.delivery", error)
                pause = _SECONDS_BETWEEN_LOOKS
            # Between two messages nothing hurries it.
            if pause == _SECONDS_BETWEEN:
                self._sleep(pause)
            else:
                self._news.wait(pause)
            if not self._is_stopping:
                self._news.clear()

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._is_stopping and (left := deadline - time.monotonic()) > 0:
            self._news.wait(left)
            if not self._is_stopping:
                self._news.clear()

    def _deliver(self) -> float:
        """Send what is due; how long to wait then, in seconds."""
        if not self._may_send():
            return _SECONDS_OF_QUIET
        due = self._alert_store.claim(self._channel.name, time.time_ns(), _LEASE_NS)
        if not due.notifications:
            wait = _SECONDS_BETWEEN_LOOKS if due.wait_seconds is None else due.wait_seconds
            return min(wait, _SECONDS_BETWEEN_LOOKS)
        outcome = self._channel.send(self._compose(due.notifications))
        if self._is_stopping and not (outcome.is_delivered or outcome.is_final):
            return 0.0  # the next process tries again, when the lease is over
        now_ns = time.time_ns()
        if outcome.is_delivered:
            self._alert_store.settle(due.notifications, delivered_ns=now_ns)
        elif outcome.is_final:
            self._alert_store.settle(due.notifications, given_up_ns=now_ns, error=outcome.reply)
        else:
            attempts = max(each.attempts for each in due.notifications)
            wait = min(_FIRST_RETRY_SECONDS * 2.0 ** min(attempts, 20), _LAST_RETRY_SECONDS)
            wait = max(wait, outcome.retry_after or 0.0)
            self._alert_store.settle(
                due.notifications, next_attempt_ns=now_ns + round(wait * _NS), error=outcome.reply
            )
        return _SECONDS_BETWEEN
