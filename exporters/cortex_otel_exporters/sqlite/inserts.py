"""INSERT of many rows a statement.

Each statement that runs lets go of the GIL, and beside a host thread that computes, getting it back
takes up to ``sys.getswitchinterval()`` (5 ms): a row a statement would be 200 rows a second. And a
statement of many rows is cheaper by itself.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

__all__ = ["Insert"]

# Few, so that SQLite compiles each once and APSW keeps it: its cache takes texts up to 16 KiB.
_SIZES = (256, 64, 16, 4, 1)


class Insert:
    """One ``INSERT INTO table VALUES …``.

    Args:
        table: where to; all of its columns are given, in their order.
        columns: how many it has.
        on_conflict: what follows the rows: ``ON CONFLICT …``. A later row
            of a run sees the earlier ones.
    """

    def __init__(self, table: str, columns: int, on_conflict: str = "") -> None:
        row = f"({','.join('?' * columns)})"
        self._statements = [
            (size, f"INSERT INTO {table} VALUES {','.join([row] * size)} {on_conflict}")  # noqa: S608 - names of our own
            for size in _SIZES
        ]

    def run(self, connection: apsw.Connection, rows: Sequence[Sequence[object]]) -> None:
        """Insert ``rows``; the caller's transaction is open.

        Raises:
            apsw.Error: a row can't be stored; those before it may be.
        """
        done, count = 0, len(rows)
        for size, statement in self._statements:
            while count - done >= size:
                values = tuple(chain.from_iterable(rows[done : done + size]))
                connection.execute(statement, values)
                done += size
