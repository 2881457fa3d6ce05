"""The store as the evaluator sees it: can it be read, and was anything committed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw

from cortex_otel_exporters.disk import identity_of
from cortex_otel_exporters.sqlite.reader import StoreError, data_version, open_reader

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Watch"]

_TIMEOUT_MS = 200
#: A reason of a :class:`StoreError` as the trouble of a writer is named; others are unavailable.
_TROUBLES = {
    "missing": "",
    "older": "",
    "newer": "schema_newer",
    "damaged": "corrupt",
    "not_ours": "not_ours",
    "locked": "locked",
    "no_permission": "read_only",
}


class Watch:
    """One read-only connection, of one thread; :meth:`interrupt` may come from any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._version = 0
        self.connection: apsw.Connection | None = None
        self.trouble = ""
        """Why it can't be read, named as in a heartbeat; empty if it can, or isn't there yet."""

    def has_news(self) -> bool:
        """Whether anything was committed since this was last asked; opens the file if need be."""
        try:
            if self.connection is not None and identity_of(self._path) != self._file:
                self.close()
            if self.connection is None:
                self._file = identity_of(self._path)
                self.connection = open_reader(self._path, timeout_ms=_TIMEOUT_MS)
                self._version = 0
            version = data_version(self.connection)
        except (StoreError, apsw.Error) as error:
            self.failed(error)
            return False
        is_new, self._version = version != self._version, version
        return is_new

    def worked(self) -> None:
        """Note that it could be read."""
        self.trouble = ""

    def failed(self, error: Exception) -> None:
        """Note that reading failed; the next look opens the file again."""
        reason = error.reason if isinstance(error, StoreError) else ""
        self.trouble = _TROUBLES.get(reason, "unavailable")
        self.close()

    def interrupt(self) -> None:
        """Stop what is being read."""
        connection = self.connection
        if connection is not None:
            with contextlib.suppress(apsw.Error):
                connection.interrupt()

    def close(self) -> None:
        """Close the connection."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with contextlib.suppress(apsw.Error):
                connection.close()
