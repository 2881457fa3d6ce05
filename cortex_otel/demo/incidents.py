"""Two incidents and their alerts: the recorded one, and one that happens while pages are served.

Nothing of an alert is made up here. The recorded incident is judged by the rules of the evaluator
at its own times; the other is a real MCP server whose calls fail, seen by the evaluator of
``serve``.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import apsw

from cortex_otel.demo.reconciliation import Server
from cortex_otel.demo.scenario import FAILING_SERVICE, calls_that_fail
from cortex_otel.operate.alerts.replay import keep, replay
from cortex_otel.query.alert_rules import FILE_NAME, read_rules
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.errors import QueryError
from cortex_otel.query.runner import run
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import StoreError, open_reader

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from cortex_otel.demo.live_calls import Caller
    from cortex_otel.settings import Settings

__all__ = ["LiveAlert", "alerts_of", "failing_server", "judge"]

_NS = 10**9
_MARGIN_NS = 60 * _NS
_BUSY_TIMEOUT_MS = 10_000
_SECONDS_BETWEEN_LOOKS = 0.1
#: Generous: the machine may be busy. The time that it took is told.
_SECONDS_TO_FIRE = 60.0


def judge(settings: Settings, incident: tuple[int, int]) -> None:
    """Store the alerts of a recorded incident; again changes nothing.

    Args:
        settings: of the demo: database and thresholds.
        incident: start and end; Unix nanoseconds.

    Raises:
        StoreError, QueryError: the database can't be read.
        apsw.Error: it can't be written.
    """
    rules = read_rules(settings.home / FILE_NAME, settings).rules
    reader = open_reader(settings.database)
    try:
        found = replay(reader, rules, incident[0] - _MARGIN_NS, incident[1])
    finally:
        reader.close()
    writer = open_for_writing(settings.database, busy_timeout_ms=_BUSY_TIMEOUT_MS)
    try:
        keep(writer, found)
    finally:
        writer.close()


def alerts_of(database: Path, incident: tuple[int, int]) -> list[dict[str, Any]]:
    """The alerts of a recorded incident as the pages show them, the first one first.

    Raises:
        StoreError, QueryError: the database can't be read.
    """
    bounds = {"from_ns": incident[0], "to_ns": incident[1]}
    return sorted(_alerts(database, bounds), key=lambda row: int(row["fired"]))


def failing_server(of: Server) -> Server:
    """A server like ``of`` whose every call fails, under a service of its own."""
    environment = {**of.environment, "CORTEX_OTEL_SERVICE": FAILING_SERVICE}
    repository = of.calls[0].arguments["repo_path"]
    return Server(of.name, of.command, environment, calls_that_fail(repository))


class LiveAlert:
    """The alert of the failing server, from its first call until ``serve`` fires it.

    Args:
        settings: of the demo.
        caller: not started yet.
    """

    def __init__(self, settings: Settings, caller: Caller) -> None:
        self._settings, self._caller = settings, caller
        self.row: dict[str, Any] | None = None
        """As the pages show it; ``None`` until it fires."""

    @property
    def seconds(self) -> float | None:
        """From the first failed call until it fired; ``None`` if it still fires from before."""
        if self.row is None:
            return None
        fired_ns = int(self.row["fired"])
        since_ns = self._caller.failing_since_ns
        return (fired_ns - since_ns) / _NS if fired_ns >= since_ns else None

    def wait(self, has_ended: threading.Event) -> None:
        """Wait until it has fired, or that takes too long, or ``has_ended`` is set."""
        deadline = time.monotonic() + _SECONDS_TO_FIRE
        while time.monotonic() < deadline and not has_ended.wait(_SECONDS_BETWEEN_LOOKS):
            with contextlib.suppress(StoreError, QueryError, apsw.Error):  # it is busy
                self.row = self._look()
            if self.row is not None or self._caller.failure:
                return

    def _look(self) -> dict[str, Any] | None:
        since_ns = self._caller.failing_since_ns
        if not since_ns:
            return None
        bounds = {"from_ns": since_ns, "to_ns": time.time_ns(), "service": FAILING_SERVICE}
        found = _alerts(self._settings.database, {**bounds, "alert_state": "firing"})
        return next((row for row in found if row["subject"] == FAILING_SERVICE), None)


def _alerts(database: Path, values: dict[str, Any]) -> Sequence[dict[str, Any]]:
    connection = open_reader(database)
    try:
        asked = run(connection, catalogue()["alerts"], values)
    finally:
        connection.close()
    return [row for row in asked.records() if row["fired"] is not None]
