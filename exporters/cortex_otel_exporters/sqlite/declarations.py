"""What is declared of event types, as the file has it: who is active, and what error rates count.

The registry says it (``telemetry/``), and may say otherwise in the next version. Then the
dimension tables are put right when a writer opens the file: they are small. So error rates are
right for all that was ever stored. Who was active on a day is in the roll-ups, and remains as it
was declared then.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cortex_otel_exporters.sqlite.transactions import transaction
from cortex_otel_exporters.vocabulary import INACTIVE_EVENT_TYPES, UNRATED_EVENT_TYPES

if TYPE_CHECKING:
    import apsw

__all__ = ["declare"]


def declare(connection: apsw.Connection) -> None:
    """Let the file say what this version declares; costs one query if it does already.

    Raises:
        apsw.Error: the file can't be written.
    """
    declared = {
        (each, each not in INACTIVE_EVENT_TYPES, each not in UNRATED_EVENT_TYPES)
        for each in INACTIVE_EVENT_TYPES | UNRATED_EVENT_TYPES
    }
    if set(connection.execute("SELECT * FROM event_types")) == declared:
        return
    with contextlib.nullcontext() if connection.in_transaction else transaction(connection):
        connection.execute("DELETE FROM event_types")
        connection.executemany("INSERT INTO event_types VALUES (?, ?, ?)", sorted(declared))
        list(connection.execute(_PUT_RIGHT))


_PUT_RIGHT = """
UPDATE series SET (is_active, in_error_rate) = (1, 1);
UPDATE series SET (is_active, in_error_rate) = (
    SELECT t.is_active, t.in_error_rate FROM event_types t WHERE t.event_type = series.event_type
) WHERE event_type IN (SELECT event_type FROM event_types);
UPDATE features SET is_active = event_type NOT IN (
    SELECT event_type FROM event_types WHERE is_active = 0
);
"""
