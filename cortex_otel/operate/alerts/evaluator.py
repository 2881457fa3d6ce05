"""The thread that sees what is wrong, twice a second, and has it sent.

What is cheap is looked at each time: heartbeat files, the disk, and whether anything was committed
(``PRAGMA data_version``). After a commit, at most once a second, the roll-ups are glanced at; only
what looks wrong there, or is about to fire, is worth the catalogue's question, which is asked every
ten seconds otherwise, and less often the longer it takes.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import apsw

from cortex_otel import guard
from cortex_otel.locale import language
from cortex_otel.operate.alerts import observations
from cortex_otel.operate.alerts.alert_store import AlertStore
from cortex_otel.operate.alerts.channels import channels_of
from cortex_otel.operate.alerts.delivery import Delivery
from cortex_otel.operate.alerts.glance import Glance
from cortex_otel.operate.alerts.leader import Leader
from cortex_otel.operate.alerts.messages import Message
from cortex_otel.operate.alerts.quiet import is_quiet
from cortex_otel.operate.alerts.states import Level, Observation, advance
from cortex_otel.operate.alerts.watch import Watch
from cortex_otel.query.alert_rules import FILE_NAME, RulesRead, read_rules
from cortex_otel.query.errors import QueryTimeoutError
from cortex_otel.query.writers import read_writers
from cortex_otel.query.zones import project_zone
from cortex_otel_exporters.sqlite.reader import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel.operate.alerts.records import Notification
    from cortex_otel.operate.alerts.states import Alert
    from cortex_otel.query.writers import WriterState
    from cortex_otel.settings import Settings

__all__ = ["Evaluator"]

_logger = logging.getLogger("cortex_otel")

_NS: Final = 10**9
_SECONDS_BETWEEN_LOOKS: Final = 0.5
_SECONDS_BETWEEN_QUESTIONS: Final = 1.0
#: Two of them, a commit and a message fit into ten seconds.
_MAX_SECONDS_BETWEEN: Final = 2.5
_REST_PER_ELAPSED: Final = 20
#: Between questions that nothing gives rise to.
_LONG_REST_PER_ELAPSED: Final = 100
#: Without a commit, the window moves on; with many, some may be of earlier times.
_SECONDS_WITHOUT_NEWS: Final = 10.0
#: Timed out so often in a row, the store is in trouble.
_TIMEOUTS: Final = 3
#: A service that didn't come back for so long was switched off.
_MISSED_NS: Final = 3600 * _NS
_SECONDS_BETWEEN_TIDYINGS: Final = 3600.0
_STOP_SECONDS: Final = 0.45
_OF_HEALTH: Final = frozenset({"error_rate", "response_time"})


class Evaluator:
    """Alerts, in the background of ``serve``.

    Args:
        settings: home, channels, time zone.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._zone = project_zone(settings.time_zone)
        self._language = language()
        self._rules_file = settings.home / FILE_NAME
        self._rules_seen: tuple[int, int, int] | None = None
        self._read = RulesRead()
        self._alert_store = AlertStore(settings.database)
        self._watch = Watch(settings.database)
        self._leader = Leader(settings.home)
        self._processes = observations.Processes()
        self._is_leading = False
        self._alerts: dict[tuple[str, str], Alert] = {}
        self._glance = Glance()
        self._next_question = self._next_health = self._next_tidying = 0.0
        self._news = self._asked = 0.0
        self._timeouts = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cortex-otel-alerts", daemon=True)
        channels = channels_of(settings)
        self._channels = [channel.name for channel in channels]
        self._deliveries = [
            Delivery(self._alert_store, channel, self._compose, self._may_send)
            for channel in channels
        ]

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()
        for each in self._deliveries:
            each.start()

    def stop(self) -> None:
        """End them within half a second."""
        deadline = time.monotonic() + _STOP_SECONDS
        self._stopping.set()
        self._watch.interrupt()
        for each in self._deliveries:
            each.begin_to_stop()
        for each in self._deliveries:
            each.stop(deadline)
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        if not self._thread.is_alive():
            self._alert_store.close()
        self._leader.release()

    # --- for the deliveries ---------------------------------------------------------------------

    def _compose(self, notifications: Sequence[Notification]) -> Message:
        return Message(notifications, self._settings, self._zone, self._language, time.time_ns())

    def _may_send(self) -> bool:
        hours = self._read.rules.quiet_hours
        return self._is_leading and not is_quiet(hours, time.time_ns(), self._zone)

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look(time.time_ns(), time.monotonic())
            except Exception as error:  # noqa: BLE001 - the thread outlives any fault of its own
                guard.swallowed("alerts.evaluator", error)
            self._stopping.wait(_SECONDS_BETWEEN_LOOKS)
        self._watch.close()

    def _look(self, now_ns: int, now: float) -> None:
        self._read_rules()
        writers = read_writers(self._settings.home)
        seen = self._processes.look(writers, self._read.rules)
        if not self._lead(now):
            return
        if self._alert_store.is_in_memory and self._alert_store.return_to_database():
            self._take_over(now)
        seen += self._of_store(now_ns, now)
        seen += self._others(writers)
        self._apply(self._with_ends(seen, now_ns), now_ns, now)
        if now >= self._next_tidying:
            self._next_tidying = now + _SECONDS_BETWEEN_TIDYINGS
            self._alert_store.tidy(now_ns)

    def _lead(self, now: float) -> bool:
        if not self._leader.is_held():
            self._is_leading = False  # as it was while there was no home, and so no lock
            return False
        if not self._is_leading:
            self._take_over(now)
            self._is_leading = True
            self._wake()
        return True

    def _take_over(self, now: float) -> None:
        """What is open, as the database has it; how long each lasted begins anew if it is new."""
        known = self._alerts
        self._alerts = {}
        for alert in self._alert_store.open_alerts():
            key = alert.rule, alert.subject
            before = known.get(key)
            self._alerts[key] = (
                replace(alert, since=now)
                if before is None
                else replace(
                    alert, since=before.since, is_clear=before.is_clear, worst=before.worst
                )
            )

    def _read_rules(self) -> None:
        try:
            status = self._rules_file.stat()
            seen = status.st_ino, status.st_size, status.st_mtime_ns
        except OSError:
            seen = 0, 0, 0
        if seen == self._rules_seen:
            return
        self._rules_seen = seen
        read = read_rules(self._rules_file, self._settings)
        for problem in read.problems:
            _logger.warning("alerts: %s", problem)
        if read.problems and self._read.rules != RulesRead().rules:
            return  # somebody is editing it: what held so far holds
        self._read = read

    # --- what is seen ---------------------------------------------------------------------------

    def _of_store(self, now_ns: int, now: float) -> list[Observation]:
        """Of error rates, durations and jobs; nothing, if there is nothing new to see."""
        if self._watch.has_news():
            self._news = now
        # The range ends with the last whole second: what was committed in this one is asked again.
        has_news = self._asked < self._news + 1
        connection = self._watch.connection
        if connection is None or now < self._next_question:
            return []
        is_due = now >= self._next_health or bool(self._watch.trouble)
        if not (is_due or has_news or self._has_pending()):
            return []
        self._next_question = now + _SECONDS_BETWEEN_QUESTIONS
        began = time.thread_time()
        try:
            seen = list(observations.jobs(connection))
            if is_due or self._has_pending() or self._is_suspect(connection, now_ns, now):
                seen += self._measured(connection, now_ns)
                elapsed = time.thread_time() - began
                self._next_question = now + min(
                    max(elapsed * _REST_PER_ELAPSED, _SECONDS_BETWEEN_QUESTIONS),
                    _MAX_SECONDS_BETWEEN,
                )
                self._next_health = now + max(
                    elapsed * _LONG_REST_PER_ELAPSED, _SECONDS_WITHOUT_NEWS
                )
        except QueryTimeoutError:
            self._timeouts += 1
            self._next_question = now + _MAX_SECONDS_BETWEEN
            return []
        except (StoreError, apsw.Error) as error:
            if not self._stopping.is_set():
                self._watch.failed(error)
                self._glance.forget()
            return []
        self._asked, self._timeouts = now, 0
        self._watch.worked()
        return seen

    def _has_pending(self) -> bool:
        return any(alert.state == "pending" for alert in self._alerts.values())

    def _is_suspect(self, connection: apsw.Connection, now_ns: int, now: float) -> bool:
        """Whether anything may be above its threshold that isn't known to be."""
        found = self._glance.suspects(connection, self._read.rules, now_ns, now)
        return found is None or bool(found - self._alerts.keys())

    def _measured(self, connection: apsw.Connection, now_ns: int) -> list[Observation]:
        seen = observations.health(connection, self._read.rules, now_ns)
        found = {(each.rule, each.subject) for each in seen}
        return seen + [
            Observation(rule=rule, subject=subject, level=Level.CLEAR, detail={"why": "no_events"})
            for rule, subject in self._alerts
            if rule in _OF_HEALTH and (rule, subject) not in found
        ]

    def _others(self, writers: Sequence[WriterState]) -> list[Observation]:
        slow = "slow" if self._timeouts >= _TIMEOUTS else ""
        seen = [observations.store(self._watch.trouble or slow, writers)]
        if (found := observations.disk(self._settings.home, self._read.rules)) is not None:
            seen.append(found)
        return seen

    def _with_ends(self, seen: Sequence[Observation], now_ns: int) -> list[Observation]:
        """``seen``, and the end of what is watched, or missed, no longer."""
        rules = self._read.rules
        ended: dict[tuple[str, str], str] = {}
        for (rule, subject), alert in self._alerts.items():
            is_of_service = rule in _OF_HEALTH or rule == "service_down"
            if rule not in rules.rules or (
                is_of_service and rules.services and subject not in rules.services
            ):
                ended[rule, subject] = "not_watched"
            elif rule == "service_down" and now_ns - (alert.fired_ns or now_ns) > _MISSED_NS:
                ended[rule, subject] = "given_up"
                self._processes.forget(subject)
        return [
            each
            for each in seen
            if each.rule in rules.rules and (each.rule, each.subject) not in ended
        ] + [
            Observation(rule=rule, subject=subject, level=Level.CLEAR, detail={"why": why})
            for (rule, subject), why in ended.items()
        ]

    # --- what becomes of it ---------------------------------------------------------------------

    def _apply(self, seen: Sequence[Observation], now_ns: int, now: float) -> None:
        before = list(self._alerts.values())
        changed: list[Alert] = []
        forgotten: list[Alert] = []
        for each in seen:
            key = each.rule, each.subject
            old = self._alerts.get(key)
            new = advance(old, each, now_ns, now)
            if new is old:
                continue
            if new is None:
                forgotten.append(self._alerts.pop(key))
            elif old is not None and new.state == old.state:
                self._alerts[key] = new
            else:
                if new.state == "firing":
                    new = self._with_leads(new, each)
                changed.append(new)
        if not changed and not forgotten:
            return
        for new in self._alert_store.save(before, changed, forgotten, self._channels, now_ns):
            if new.state == "resolved":
                self._alerts.pop((new.rule, new.subject), None)
            else:
                self._alerts[new.rule, new.subject] = new
        self._wake()

    def _with_leads(self, alert: Alert, seen: Observation) -> Alert:
        connection = self._watch.connection
        if seen.rule not in _OF_HEALTH or connection is None:
            return alert
        try:
            leads = observations.leading(connection, seen)
        except (QueryTimeoutError, StoreError, apsw.Error):
            return alert  # it is sent without
        return replace(alert, detail={**alert.detail, **leads})

    def _wake(self) -> None:
        for each in self._deliveries:
            each.wake()
