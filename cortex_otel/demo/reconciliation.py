"""Compares the calls that the client made with what the database has."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_otel import semconv as sc
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.events import EventFilter, committed_after, newest_key
from cortex_otel.query.formats import plain
from cortex_otel.query.runner import run
from cortex_otel.query.store_facts import store_facts
from cortex_otel_exporters.sqlite.reader import StoreMissingError, open_reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from cortex_otel.demo.scenario import Call

__all__ = ["LAUNCHER", "Reconciliation", "Server", "State"]

LAUNCHER = "opentelemetry-instrument"
_ALL = 1_000_000_000


@dataclass(frozen=True, slots=True)
class State:
    """The state of the database before a round."""

    newest_key: int = 0
    ledger: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Server:
    """One server of the demo: its command, its calls and their results."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    calls: Sequence[Call]
    called: int = 0
    failed: int = 0
    """Calls that the client saw fail."""
    rows: int = 0
    error_rows: int = 0
    stderr: str = ""
    """The end of its output, for error messages."""

    @property
    def service(self) -> str:
        """The Cortex service it records as."""
        return self.environment["CORTEX_OTEL_SERVICE"]

    @property
    def tier(self) -> str:
        """Its user's tier."""
        return self.environment["CORTEX_OTEL_USER_TIER"]

    @property
    def unchanged(self) -> bool:
        """Whether its code has no telemetry, which the launcher adds."""
        return Path(self.command[0]).stem == LAUNCHER

    @property
    def agrees(self) -> bool:
        """Whether what is stored matches what the client has seen."""
        return (self.rows, self.error_rows) == (self.called, self.failed)


@dataclass(slots=True)
class Reconciliation:
    """What the database has of this run."""

    database: Path
    began_ns: int
    servers: Sequence[Server]
    rounds: int = 0
    ledger: Counter[str] = field(default_factory=Counter)
    stored_rows: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Records of the question ``tools``."""
    exact: bool = True

    @property
    def log(self) -> Path:
        """The directory of the log that the servers write as well."""
        return self.database.parent / "logs"

    @property
    def called(self) -> int:
        """Calls made by the client."""
        return sum(server.called for server in self.servers)

    @property
    def failed(self) -> int:
        """Calls that the client saw fail."""
        return sum(server.failed for server in self.servers)

    @property
    def ledger_agrees(self) -> bool:
        """Whether received = stored + sampled out + dropped, and the stored rows exist."""
        ledger = self.ledger
        accounted = ledger["stored"] + ledger["sampled_out"] + ledger["dropped"]
        return ledger["received"] == accounted and ledger["stored"] == self.stored_rows

    @property
    def agree(self) -> bool:
        """Whether every call is one row, and every record is accounted for."""
        return self.ledger_agrees and all(server.agrees for server in self.servers)

    def open(self) -> State:
        """The state of the database before a round.

        Raises:
            StoreError: there is one, but it can't be read.
        """
        try:
            connection = open_reader(self.database)
        except StoreMissingError:
            return State()
        try:
            return State(newest_key(connection), _ledger(store_facts(connection)))
        finally:
            connection.close()

    def rows_of(self, server: Server, before: State) -> int:
        """How many of a server's calls in this round are stored by now.

        Raises:
            StoreError: the database can't be read.
        """
        try:
            connection = open_reader(self.database)
        except StoreMissingError:
            return 0
        try:
            chosen = EventFilter(
                event_type=sc.MCP_TOOL_CALL, service=server.service, user_tier=server.tier
            )
            return len(committed_after(connection, before.newest_key, chosen, _ALL))
        finally:
            connection.close()

    def close(self, before: State) -> None:
        """Add what a round has stored.

        Raises:
            StoreError: there is no database, or it can't be read.
            QueryError: it took too long.
        """
        connection = open_reader(self.database)
        try:
            self._add(connection, before)
        finally:
            connection.close()
        self.rounds += 1

    def _add(self, connection: apsw.Connection, before: State) -> None:
        for event in committed_after(connection, before.newest_key, EventFilter(), _ALL):
            self.stored_rows += 1
            if event["event_type"] == sc.MCP_TOOL_CALL:
                self._add_call(event)
        self.ledger.update(_ledger(store_facts(connection)))
        self.ledger.subtract(before.ledger)
        bounds = {"from_ns": self.began_ns, "to_ns": time.time_ns() + 1}
        result = run(connection, catalogue()["tools"], bounds)
        units = {column.name: column.unit for column in result.columns}
        self.rows = [
            {name: plain(value, units[name]) for name, value in row.items()}
            for row in result.records()
        ]
        self.exact = result.exact

    def _add_call(self, event: dict[str, object]) -> None:
        for server in self.servers:
            if (server.service, server.tier) == (event["service"], event["user_tier"]):
                server.rows += 1
                server.error_rows += event["result"] in sc.FAILED_RESULTS


def _ledger(facts: dict[str, Any]) -> Counter[str]:
    entries = facts["ledger"].get("event", {})
    ledger = Counter({name: entries.get(name, 0) for name in ("received", "stored", "sampled_out")})
    ledger["dropped"] = sum(entries.get("dropped", {}).values())
    return ledger
