"""Alerts and messages, in the database where it can be written, else in memory until it can.

A database that can't be written is itself an alert, and none of the others may wait for it. What
was kept in memory moves over as soon as the database takes it, with what has been sent by then.
"""

from __future__ import annotations

import contextlib
import re
import threading
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import apsw

from cortex_otel.operate.alerts.records import Due, Records
from cortex_otel_exporters.disk import identity_of
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.schema import NotOursError, SchemaNewerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cortex_otel.operate.alerts.records import Notification
    from cortex_otel.operate.alerts.states import Alert

__all__ = ["AlertStore"]

_BUSY_TIMEOUT_MS = 250
#: Keys of messages in memory begin here: which are which must be clear while one is being sent.
_MEMORY_KEYS: Final = 1 << 48
_UNUSABLE = (apsw.Error, OSError, NotOursError, SchemaNewerError)


class AlertStore:
    """Alerts and their notifications; safe between threads.

    Args:
        path: the database; never made here.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stored: Records | None = None
        self._file: tuple[int, int] | None = None
        self._memory: Records | None = None
        self._in_flight: set[int] = set()
        self._unsettled: list[tuple[list[int], dict[str, Any]]] = []
        self._settled: set[int] = set()

    @property
    def is_in_memory(self) -> bool:
        """Whether the database couldn't be written when it was last tried."""
        return self._memory is not None

    def open_alerts(self) -> list[Alert]:
        """Those that aren't resolved; none if nobody can say."""
        with self._lock:
            try:
                return self._records().open_alerts()
            except _UNUSABLE:
                self._close()
                return []

    def save(
        self,
        open_alerts: Sequence[Alert],
        changed: Sequence[Alert],
        forgotten: Sequence[Alert],
        channels: Sequence[str],
        now_ns: int,
    ) -> list[Alert]:
        """Store what has changed.

        Args:
            open_alerts: all that were open before, for a database in memory to begin with.
            changed: in their new state.
            forgotten: pending ones that came to nothing.
            channels: that get notifications.
            now_ns: Unix ns.

        Returns:
            ``changed``, with their keys.
        """

        def store(records: Records) -> list[Alert]:
            if forgotten:
                records.forget(forgotten)
            return records.save(changed, channels, now_ns) if changed else []

        with self._lock:
            if self._memory is None:
                with contextlib.suppress(*_UNUSABLE):
                    return store(self._records())
                self._close()
                self._memory = _in_memory(open_alerts)
            return store(self._memory)

    def return_to_database(self) -> bool:
        """Move what is in memory to the database; ``True`` if that was done, so keys are others."""
        with self._lock:
            memory = self._memory
            if memory is None or self._in_flight:
                return False
            try:
                stored = self._records()
                with stored.connection:
                    for alert, messages in memory.all():
                        if alert.rule:
                            stored.adopt(alert, messages)
            except _UNUSABLE:
                self._close()
                return False
            self._memory = None
            memory.connection.close()
            return True

    def claim(self, channel: str, now_ns: int, lease_ns: int) -> Due:
        """What is due for ``channel``: see :meth:`.Records.claim`."""
        with self._lock:
            if self._memory is not None:
                due = self._memory.claim(channel, now_ns, lease_ns)
                self._in_flight |= {each.key for each in due.notifications}
                return due
            try:
                records = self._records()
                while self._unsettled:
                    keys, outcome = self._unsettled[0]
                    records.settle(keys, **outcome)
                    del self._unsettled[0]
                due = records.claim(channel, now_ns, lease_ns)
            except _UNUSABLE:
                self._close()
                return Due(wait_seconds=1.0)
            # Sent already, though the database didn't take that at the time.
            left = tuple(each for each in due.notifications if each.key not in self._settled)
            return Due(left, due.wait_seconds if left or not due.notifications else 1.0)

    def settle(self, notifications: Sequence[Notification], **outcome: Any) -> None:
        """Note what became of what :meth:`claim` gave: see :meth:`.Records.settle`."""
        keys = [each.key for each in notifications]
        with self._lock:
            of_memory = [key for key in keys if key in self._in_flight]
            if of_memory and self._memory is not None:
                self._in_flight.difference_update(of_memory)
                self._memory.settle(of_memory, **outcome)
                return
            if "next_attempt_ns" not in outcome:
                self._settled.update(keys)
            try:
                self._records().settle(keys, **outcome)
            except _UNUSABLE:
                self._close()
                self._unsettled.append((keys, outcome))

    def tidy(self, now_ns: int) -> None:
        """See :meth:`.Records.tidy`; not now, if the database can't be written."""
        with self._lock, contextlib.suppress(*_UNUSABLE):
            if self._memory is None:
                self._records().tidy(now_ns)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._close()

    def _records(self) -> Records:
        """Of the file that is there now.

        Raises:
            OSError: there is none, or it can't be opened.
            apsw.Error: the same, in SQLite's words.
        """
        file = identity_of(self._path)
        if file is None:
            raise FileNotFoundError(self._path)
        if self._stored is None or file != self._file:
            self._close()
            self._stored = Records(open_for_writing(self._path, busy_timeout_ms=_BUSY_TIMEOUT_MS))
            self._file = file
        return self._stored

    def _close(self) -> None:
        if self._stored is not None:
            with contextlib.suppress(apsw.Error):
                self._stored.connection.close()
        self._stored = None


def _in_memory(open_alerts: Sequence[Alert]) -> Records:
    connection = apsw.Connection(":memory:")
    list(connection.execute(_tables()))
    records = Records(connection)
    for alert in open_alerts:
        records.adopt(alert, [])
    # The next key is one more than the largest.
    connection.execute(
        "INSERT INTO alerts (alert_key, rule, subject, state, since, detail) "
        "VALUES (?, '', '', 'resolved', 0, '{}')",
        (_MEMORY_KEYS,),
    )
    connection.execute(
        "INSERT INTO alert_messages (message_key, alert_key, state, channel, next_attempt, "
        "delivered) VALUES (?, ?, '', '', 0, 0)",
        (_MEMORY_KEYS, _MEMORY_KEYS),
    )
    return records


@cache
def _tables() -> str:
    """What the migration has of these tables."""
    script = resources.files("cortex_otel_exporters.sqlite").joinpath("migrations", "0006.sql")
    return "\n".join(
        re.findall(
            r"^CREATE (?:TABLE|INDEX|UNIQUE INDEX) alert.*?;$",
            script.read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    )
