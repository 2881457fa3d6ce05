"""Sends one record of each signal along the real way, into a store that is thrown away.

A Python of its own does it, started on this very module: this one's providers stay untouched, and
the exit is part of the way. What is missing in the store names the first hop that broke:
instrument → process → queue → writer → database → view.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from cortex_otel import guard
from cortex_otel.doctor.findings import ok, problem
from cortex_otel.locale import _
from cortex_otel.semconv import MCP_REFERENCE_SUGGEST, MCP_SERVER_OPERATION_DURATION
from cortex_otel_exporters.sqlite.reader import StoreError, open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cortex_otel.doctor.findings import Finding

__all__ = ["SIGNALS", "broken_hop", "round_trip"]

_TOOL = "doctor"
_EVENT = MCP_REFERENCE_SUGGEST

SIGNALS = {
    "span": ("event", "SELECT count(*) FROM telemetry_events WHERE tool_name = ?", _TOOL),
    "event": ("event", "SELECT count(*) FROM telemetry_events WHERE event_type = ?", _EVENT),
    "metric": (
        "metric",
        "SELECT count(*) FROM telemetry_metrics WHERE metric_name = ?",
        MCP_SERVER_OPERATION_DURATION,
    ),
}
"""Each signal's name in the ledger, and the question that finds its record in the views,
with its parameter."""

_ROWS = {"event": "SELECT count(*) FROM events", "metric": "SELECT count(*) FROM telemetry_metrics"}
_SENT = {"event": 2, "metric": 1}


def round_trip(*, timeout_seconds: float) -> Iterator[Finding]:
    """One finding a signal; one for all if the way can't be tried."""
    with tempfile.TemporaryDirectory(prefix="cortex-doctor-") as directory:
        home = Path(directory, "home")
        try:
            tried = subprocess.run(  # noqa: S603 - this module
                [sys.executable, "-m", __name__], env=_environment(home), cwd=directory,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                timeout=timeout_seconds,
            )  # fmt: skip
            told: dict[str, Any] = json.loads(tried.stdout)
        except subprocess.TimeoutExpired:
            yield _not_run(f"> {timeout_seconds:g} s")
            return
        except ValueError:
            last = (tried.stderr.strip().splitlines() or [f"exit {tried.returncode}"])[-1]
            yield _not_run(last)
            return
        for signal in SIGNALS:
            hop, why = broken_hop(signal, home / "cortex.db", told)
            if hop:
                yield problem(
                    "trip_broken",
                    _(
                        "a synthetic {signal} was lost at the hop “{hop}” ({why}): report it "
                        "with these lines"
                    ),
                    signal=signal,
                    hop=hop,
                    why=why or "-",
                )
            else:
                yield ok(
                    "trip",
                    _(
                        "a synthetic {signal} came through: instrument → process → queue → "
                        "writer → database → view"
                    ),
                    signal=signal,
                )


def _not_run(detail: str) -> Finding:
    return problem(
        "trip_failed",
        _("the round trip could not be run ({detail}): reinstall cortex-otel"),
        detail=detail,
    )


def broken_hop(signal: str, database: Path, told: dict[str, Any]) -> tuple[str, str]:
    """The first hop that ``signal`` did not pass, and why as far as it is known.

    Args:
        signal: a key of :data:`SIGNALS`.
        database: where it should have arrived.
        told: what the process that sent it says: ``active``, ``trouble``, ``faults``.

    Returns:
        ``("", "")`` if it arrived.
    """
    faults = ", ".join(told["faults"])
    if not told["active"]:
        return "instrument", faults
    ledger_name, question, value = SIGNALS[signal]
    try:
        connection = open_reader(database)
    except StoreError as error:
        return "writer", told["trouble"] or error.reason
    with contextlib.closing(connection):
        try:
            if connection.execute(question, (value,)).get:
                return "", ""
        except apsw.Error as error:
            return "view", str(error)
        return _by_the_ledger(connection, ledger_name, told)


def _by_the_ledger(
    connection: apsw.Connection, signal: str, told: dict[str, Any]
) -> tuple[str, str]:
    """How far the records of ``signal`` came, by the store's own accounts."""
    entries = "SELECT outcome, reason, sum(records) FROM ledger WHERE signal = ? GROUP BY 1, 2"
    counts = {
        f"{outcome} {reason}".strip(): records
        for outcome, reason, records in connection.execute(entries, (signal,))
    }
    dropped = ", ".join(name for name in counts if name.startswith("dropped"))
    if dropped:
        return "queue", dropped
    if counts.get("received", 0) < _SENT[signal]:
        return "process", ", ".join(told["faults"])
    if counts.get("stored", 0) < _SENT[signal]:
        return "writer", told["trouble"]
    return ("view" if connection.execute(_ROWS[signal]).get >= _SENT[signal] else "database"), ""


def _environment(home: Path) -> dict[str, str]:
    """The user's, without what would send the records elsewhere or keep them from being made."""
    elsewhere = ("OTEL_", "CORTEX_OTEL_OTLP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(elsewhere)}
    return {
        **kept,
        "CORTEX_OTEL_HOME": str(home),
        "CORTEX_OTEL_ENABLED": "true",
        "CORTEX_OTEL_SAMPLING": "",
        "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS": "false",
    }


def _send() -> None:
    import cortex_otel  # noqa: PLC0415 - only the process that sends
    from cortex_otel import events  # noqa: PLC0415 - the same
    from cortex_otel.instrument.state import state  # noqa: PLC0415 - the same
    from cortex_otel.sdk import configure  # noqa: PLC0415 - the same

    configure.configure_from_environment()
    active = state.active

    @cortex_otel.instrument_tool(name=_TOOL)
    def tool() -> None:
        """Do nothing."""

    tool()
    events.reference_suggest(suggested=1, accepted=1)
    running = configure.pipeline() if active else None
    flushed = configure.force_flush(5000)
    trouble = running.writer.trouble if running is not None else ""
    configure.shutdown(5000)
    told = {"active": active, "flushed": flushed, "trouble": trouble, "faults": guard.faults()}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _send()
