"""The tables ``alerts`` and ``alert_messages``.

Each change of a state is one guarded statement: of two processes that see the same, one makes it,
and with it the messages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cortex_otel.operate.alerts.states import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

__all__ = ["Due", "Notification", "Records"]

_NS = 10**9
#: Newly fired alerts wait for others, which then come in the same message.
_GROUPING_NS = _NS // 2
#: A row that is due later than this was written before the clock was set back.
_LATEST_NS = 2 * 3600 * _NS
_TOO_LATE_NS = 7 * 86_400 * _NS
_MAX_KEPT = 10_000

_COLUMNS = (
    "rule, subject, state, since, fired, resolved, value, worst, threshold, detail, alert_key"
)


_OLD = (
    "SELECT alert_key FROM alerts WHERE state = 'resolved' "
    "ORDER BY since DESC LIMIT -1 OFFSET :most"
)


@dataclass(frozen=True, slots=True)
class Notification:
    """A change of an alert that a channel is to hear of."""

    key: int
    """Of the message."""
    state: str
    """``firing`` or ``resolved``."""
    alert: Alert
    """As it is now."""
    attempts: int
    """Before this one."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is due for a channel, all in one message; or how long there is nothing."""

    notifications: tuple[Notification, ...] = ()
    wait_seconds: float | None = None
    """``None``: until something is new."""


class Records:
    """Both tables of one database; not thread-safe.

    Every method raises ``apsw.Error`` if the database can't be used now, and has changed nothing
    then.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def open_alerts(self) -> list[Alert]:
        """Those that aren't resolved."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM alerts WHERE state <> 'resolved' ORDER BY since"  # noqa: S608
        )
        return list(map(_alert, rows))

    def save(self, changed: Sequence[Alert], channels: Sequence[str], now_ns: int) -> list[Alert]:
        """Store alerts in their new state and queue their notifications; returns them with keys."""
        with self.connection:
            saved = [self._save(each, channels, now_ns) for each in changed]
        return saved  # noqa: RET504 - mypy takes the connection for one that swallows errors

    def forget(self, pending: Sequence[Alert]) -> None:
        """Delete pending ones that came to nothing."""
        with self.connection:
            self.connection.executemany(
                "DELETE FROM alerts WHERE alert_key = ? AND state = 'pending'",
                [(each.key,) for each in pending],
            )

    def claim(self, channel: str, now_ns: int, lease_ns: int) -> Due:
        """Claim every notification that is due for ``channel``.

        Until ``lease_ns`` later nobody else takes it.
        """
        first, last, tried = next(
            self.connection.execute(
                "SELECT min(next_attempt), max(next_attempt) FILTER (WHERE attempts > 0), "
                "count(*) FILTER (WHERE attempts > 0) FROM alert_messages "
                "WHERE channel = ? AND delivered IS NULL AND given_up IS NULL",
                (channel,),
            )
        )
        if first is None:
            return Due()
        # After a failure nothing goes there before its time, not even what is new.
        wait_ns = (last if tried else first) - now_ns
        if 0 < wait_ns <= _LATEST_NS:
            return Due(wait_seconds=wait_ns / _NS)
        with self.connection:
            rows = list(
                self.connection.execute(
                    "UPDATE alert_messages SET attempts = attempts + 1, next_attempt = :lease "
                    "WHERE channel = :channel AND delivered IS NULL AND given_up IS NULL "
                    "AND (next_attempt <= :now OR attempts = 0 OR next_attempt > :now + :latest) "
                    "RETURNING message_key, state, alert_key, attempts - 1",
                    {
                        "lease": now_ns + lease_ns,
                        "channel": channel,
                        "now": now_ns,
                        "latest": _LATEST_NS,
                    },
                )
            )
            alerts = {key: self._alert_of(key) for key in {row[2] for row in rows}}
        due = [Notification(key, state, alerts[alert], tried) for key, state, alert, tried in rows]
        return Due(tuple(sorted(due, key=lambda each: each.key)), None if due else 1.0)

    def settle(
        self,
        keys: Sequence[int],
        *,
        delivered_ns: int | None = None,
        given_up_ns: int | None = None,
        next_attempt_ns: int | None = None,
        error: str | None = None,
    ) -> None:
        """Note what became of messages."""
        with self.connection:
            self.connection.executemany(
                "UPDATE alert_messages SET delivered = ?, given_up = ?, "
                "next_attempt = coalesce(?, next_attempt), error = ? WHERE message_key = ?",
                [(delivered_ns, given_up_ns, next_attempt_ns, error, key) for key in keys],
            )

    def tidy(self, now_ns: int) -> None:
        """Give up what nobody took for a week, and delete the oldest of very many alerts."""
        with self.connection:
            self.connection.execute(
                "UPDATE alert_messages SET given_up = :now, error = "
                "coalesce(error || '; ', '') || 'not delivered within 7 days' "
                "WHERE delivered IS NULL AND given_up IS NULL AND alert_key IN (SELECT alert_key "
                "FROM alerts WHERE coalesce(resolved, fired) < :now - :late)",
                {"now": now_ns, "late": _TOO_LATE_NS},
            )
            old = {"most": _MAX_KEPT}
            self.connection.execute(f"DELETE FROM alert_messages WHERE alert_key IN ({_OLD})", old)  # noqa: S608
            self.connection.execute(f"DELETE FROM alerts WHERE alert_key IN ({_OLD})", old)  # noqa: S608

    def all(self) -> Iterator[tuple[Alert, list[dict[str, Any]]]]:
        """Every alert with the rows of its messages; only of a small database in memory."""
        for row in list(self.connection.execute(f"SELECT {_COLUMNS} FROM alerts")):  # noqa: S608
            alert = _alert(row)
            cursor = self.connection.execute(
                "SELECT state, channel, attempts, next_attempt, delivered, given_up, error "
                "FROM alert_messages WHERE alert_key = ?",
                (alert.key,),
            )
            names = (
                "state",
                "channel",
                "attempts",
                "next_attempt",
                "delivered",
                "given_up",
                "error",
            )
            yield alert, [dict(zip(names, each, strict=True)) for each in cursor]

    def adopt(self, alert: Alert, messages: Sequence[dict[str, Any]]) -> None:
        """Take over an alert that was kept elsewhere meanwhile, with its notifications.

        Args:
            alert: of another database, whatever its key there.
            messages: rows of :meth:`all`.
        """
        key = self._key_of(alert)
        if key is None:
            self._insert(alert)
            # Another one of this kind may be open here: then it was of that.
            key = self._key_of(alert) or self._open_key(alert)
        else:
            self._update(replace(alert, key=key))
        for message in messages:
            self.connection.execute(
                "INSERT OR IGNORE INTO alert_messages (alert_key, state, channel, attempts, "
                "next_attempt, delivered, given_up, error) VALUES (:alert_key, :state, :channel, "
                ":attempts, :next_attempt, :delivered, :given_up, :error)",
                {"alert_key": key, **message},
            )

    # --- one alert, within a transaction --------------------------------------------------------

    def _save(self, alert: Alert, channels: Sequence[str], now_ns: int) -> Alert:
        if alert.key is None:
            if alert.state != "pending":
                return alert  # its beginning wasn't stored
            self._insert(alert)
            return replace(alert, key=self._open_key(alert))
        before = {"firing": "pending", "resolved": "firing"}.get(alert.state)
        if before is None:
            return alert
        if not self._update(alert, before):
            if self._key_of(alert) is not None:
                return alert  # another process has changed it, and tells of it
            self._insert(replace(alert, state=before))  # the file was replaced meanwhile
            alert = replace(alert, key=self._key_of(alert))
            self._update(alert, before)
        if alert.state == "firing":
            rows = [(alert.key, "firing", each, now_ns + _GROUPING_NS) for each in channels]
        else:
            informed = self.connection.execute(
                "SELECT channel FROM alert_messages "
                "WHERE alert_key = ? AND state = 'firing' AND given_up IS NULL",
                (alert.key,),
            )
            rows = [(alert.key, "resolved", each, now_ns + _GROUPING_NS) for (each,) in informed]
        self.connection.executemany(
            "INSERT OR IGNORE INTO alert_messages (alert_key, state, channel, next_attempt) "
            "VALUES (?, ?, ?, ?)",
            rows,
        )
        return alert

    def _insert(self, alert: Alert) -> None:
        self.connection.execute(
            "INSERT OR IGNORE INTO alerts (rule, subject, state, since, fired, resolved, value, "
            "worst, threshold, detail) VALUES (:rule, :subject, :state, :since, :fired, :resolved, "
            ":value, :worst, :threshold, :detail)",
            _row(alert),
        )

    def _update(self, alert: Alert, before: str = "") -> bool:
        self.connection.execute(
            "UPDATE alerts SET state = :state, fired = :fired, resolved = :resolved, "
            "value = :value, worst = :worst, threshold = :threshold, detail = :detail "
            "WHERE alert_key = :alert_key AND (:before = '' OR state = :before) "
            "AND rule = :rule AND subject = :subject AND since = :since",
            {**_row(alert), "before": before},
        )
        return bool(self.connection.changes())

    def _open_key(self, alert: Alert) -> int | None:
        found: int | None = self.connection.execute(
            "SELECT alert_key FROM alerts WHERE rule = ? AND subject = ? AND state <> 'resolved'",
            (alert.rule, alert.subject),
        ).get
        return found

    def _key_of(self, alert: Alert) -> int | None:
        found: int | None = self.connection.execute(
            "SELECT alert_key FROM alerts WHERE rule = ? AND subject = ? AND since = ?",
            (alert.rule, alert.subject, alert.since_ns),
        ).get
        return found

    def _alert_of(self, key: int) -> Alert:
        query = f"SELECT {_COLUMNS} FROM alerts WHERE alert_key = ?"  # noqa: S608
        return _alert(next(self.connection.execute(query, (key,))))


def _row(alert: Alert) -> dict[str, Any]:
    return {
        "alert_key": alert.key,
        "rule": alert.rule,
        "subject": alert.subject,
        "state": alert.state,
        "since": alert.since_ns,
        "fired": alert.fired_ns,
        "resolved": alert.resolved_ns,
        "value": alert.value,
        "worst": alert.worst,
        "threshold": alert.threshold,
        "detail": json.dumps(dict(alert.detail), ensure_ascii=False, sort_keys=True),
    }


def _alert(row: tuple[Any, ...]) -> Alert:
    rule, subject, state, since, fired, resolved, value, worst, threshold, detail, key = row
    try:
        parsed = json.loads(detail)
    except ValueError:
        parsed = {}
    return Alert(
        rule=rule, subject=subject, state=state, since_ns=since, fired_ns=fired,
        resolved_ns=resolved, value=value, worst=worst, threshold=threshold,
        detail=parsed if isinstance(parsed, dict) else {}, key=key,
    )  # fmt: skip
