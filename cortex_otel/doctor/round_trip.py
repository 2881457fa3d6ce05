"""Sends one record of each signal through the real pipeline, into a temporary store.

A new Python process does it, running this module: this one's providers aren't touched, and the exit
is part of the test. What is missing in the store names the first hop that failed:
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
"""Each signal's name in the ledger, and the query that finds its record in the views,
with its parameter."""

_ROWS = {"event": "SELECT count(*) FROM events", "metric": "SELECT count(*) FROM telemetry_metrics"}
_SENT = {"event": 2, "metric": 1}


def round_trip(*, timeout_seconds: float) -> Iterator[Finding]:
    """One finding per signal; a single one if the test can't run."""
    with tempfile.TemporaryDirectory(prefix="cortex-doctor-") as directory:
        home = Path(directory, "home")
        try:
            process = subprocess.run(  # noqa: S603 - this module
                [sys.executable, "-m", __name__],
                env=_environment(home),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout_seconds,
            )
            state: dict[str, Any] = json.loads(process.stdout)
        except subprocess.TimeoutExpired:
            yield _not_run(f"> {timeout_seconds:g} s")
            return
        except ValueError:
            detail = (process.stderr.strip().splitlines() or [f"exit {process.returncode}"])[-1]
            yield _not_run(detail)
            return
        for signal in SIGNALS:
            hop, why = broken_hop(signal, home / "cortex.db", state)
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


def broken_hop(signal: str, database: Path, state: dict[str, Any]) -> tuple[str, str]:
    """The first hop that ``signal`` did not pass, and the reason if known.

    Args:
        signal: a key of :data:`SIGNALS`.
        database: where it should have arrived.
        state: reported by the sending process: ``active``, ``trouble``, ``faults``.

    Returns:
        ``("", "")`` if it arrived.
    """
    faults = ", ".join(state["faults"])
    if not state["active"]:
        return "instrument", faults
    ledger_name, question, value = SIGNALS[signal]
    try:
        connection = open_reader(database)
    except StoreError as error:
        return "writer", state["trouble"] or error.reason
    with contextlib.closing(connection):
        try:
            if connection.execute(question, (value,)).get:
                return "", ""
        except apsw.Error as error:
            return "view", str(error)
        return _by_the_ledger(connection, ledger_name, state)


def _by_the_ledger(
    connection: apsw.Connection, signal: str, state: dict[str, Any]
) -> tuple[str, str]:
    """How far the records of ``signal`` got, by the store's ledger."""
    entries = "SELECT outcome, reason, sum(records) FROM ledger WHERE signal = ? GROUP BY 1, 2"
    counts = {
        f"{outcome} {reason}".strip(): records
        for outcome, reason, records in connection.execute(entries, (signal,))
    }
    dropped = ", ".join(name for name in counts if name.startswith("dropped"))
    if dropped:
        return "queue", dropped
    if counts.get("received", 0) < _SENT[signal]:
        return "process", ", ".join(state["faults"])
    if counts.get("stored", 0) < _SENT[signal]:
        return "writer", state["trouble"]
    return ("view" if connection.execute(_ROWS[signal]).get >= _SENT[signal] else "database"), ""


def _environment(home: Path) -> dict[str, str]:
    """The user's environment, without what would redirect or prevent the records."""
    elsewhere = ("OTEL_", "CORTEX_OTEL_OTLP_")
    base = {name: value for name, value in os.environ.items() if not name.startswith(elsewhere)}
    return {
        **base,
        "CORTEX_OTEL_HOME": str(home),
        "CORTEX_OTEL_ENABLED": "true",
        "CORTEX_OTEL_SAMPLING": "",
        "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS": "false",
        "CORTEX_OTEL_LOG_FILE": "false",
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
    report = {"active": active, "flushed": flushed, "trouble": trouble, "faults": guard.faults()}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    _send()
