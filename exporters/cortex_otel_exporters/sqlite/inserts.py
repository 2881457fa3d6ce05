"""INSERT of many rows per statement, with an optional pause for the host's threads.

Each statement releases the GIL, and beside a CPU-bound host thread, getting it back takes up to
``sys.getswitchinterval()`` (5 ms): one row per statement would be 200 rows a second. A statement of
many rows is also cheaper in itself.

And each takes the GIL back before a host thread that has just woken up can: such a thread would
wait the same 5 ms, unless the writer sleeps for a moment. Measured at 1,000 requests a second of an
asyncio host: p99 2.1 ms without the pause, 0.5 ms with it (docs/decisions.md).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

__all__ = ["Insert"]

# Few, so that SQLite compiles each only once and APSW caches it: it caches texts up to 16 KiB.
_SIZES = (256, 64, 16, 4, 1)
_PAUSE_SECONDS = 0.00005


class Insert:
    """One ``INSERT INTO table VALUES …``.

    Args:
        table: the table; rows have all of its columns, in order.
        columns: how many it has.
        on_conflict: a clause after the rows: ``ON CONFLICT …``. A later row
            of a run sees the earlier ones.
    """

    def __init__(self, table: str, columns: int, on_conflict: str = "") -> None:
        self.table = table
        row = f"({','.join('?' * columns)})"
        self._statements = [
            (size, f"INSERT INTO {table} VALUES {','.join([row] * size)} {on_conflict}")  # noqa: S608 - our own names
            for size in _SIZES
        ]

    def run(
        self, connection: apsw.Connection, rows: Sequence[Sequence[object]], *, pause: bool = False
    ) -> None:
        """Insert ``rows``; the caller's transaction is open.

        Args:
            connection: to write through.
            rows: all columns of each.
            pause: let host threads run afterwards.

        Raises:
            apsw.Error: a row can't be stored; those before it may be.
        """
        done, count = 0, len(rows)
        for size, statement in self._statements:
            while count - done >= size:
                values = tuple(chain.from_iterable(rows[done : done + size]))
                connection.execute(statement, values)
                done += size
                if pause:
                    native.sleep(_PAUSE_SECONDS)
