"""Totals and ledger of the store, for ``cortex-otel status``."""

from __future__ import annotations

from typing import Any

import apsw

from cortex_otel.query.kept import kept_from
from cortex_otel_exporters.sqlite.reader import store_error

__all__ = ["store_facts"]

_TOTALS = """
SELECT
    (SELECT count(*) FROM events) AS events,
    (SELECT count(*) FROM users WHERE user_id_hash NOT GLOB 'erased-*') AS users,
    (SELECT count(*) FROM session_parts) AS sessions,
    (SELECT min(time) FROM events) AS first_event_ns,
    (SELECT max(time) FROM events) AS last_event_ns
"""
_LEDGER = (
    "SELECT signal, outcome, reason, sum(records) FROM ledger GROUP BY signal, outcome, reason"
)

_RECORD_OUTCOMES = frozenset({"received", "stored", "sampled_out", "dropped"})
_RECORD_SIGNALS = frozenset({"event", "metric"})


def store_facts(connection: apsw.Connection) -> dict[str, Any]:
    """Schema version, totals, first and last event (Unix ns), and the ledger by signal.

    ``ledger`` has the outcomes of records (``event``, ``metric``), and what of the stored ones has
    expired since; ``noted`` all other entries: ``{signal: {outcome: {reason: count}}}``.
    ``events_from_ns`` and ``rollups_from_ns`` say from when on all of them are kept, ``None`` for
    ever.

    Raises:
        StoreError: the database can't be read.
    """
    try:
        events, users, sessions, first, last = connection.execute(_TOTALS).get
        version = int(connection.pragma("user_version"))
        entries = list(connection.execute(_LEDGER))
        events_from, rollups_from = kept_from(connection)
    except apsw.Error as error:
        raise store_error(error, connection.filename) from error
    ledger: dict[str, dict[str, Any]] = {}
    noted: dict[str, dict[str, dict[str, int]]] = {}
    for signal, outcome, reason, records in entries:
        is_record = outcome in _RECORD_OUTCOMES or (
            outcome == "expired" and signal in _RECORD_SIGNALS
        )
        if not is_record:
            noted.setdefault(signal, {}).setdefault(outcome, {})[reason] = records
            continue
        counts = ledger.setdefault(
            signal, {"received": 0, "stored": 0, "sampled_out": 0, "dropped": {}, "expired": {}}
        )
        if outcome in {"dropped", "expired"}:
            counts[outcome][reason] = records
        else:
            counts[outcome] = counts.get(outcome, 0) + records
    return {
        "schema_version": version,
        "events": events,
        "users": users,
        "sessions": sessions,
        "first_event_ns": first,
        "last_event_ns": last,
        "events_from_ns": events_from or None,
        "rollups_from_ns": rollups_from or None,
        "ledger": ledger,
        "noted": noted,
    }
