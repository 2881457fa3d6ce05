"""What keeps a store from being read, and what to do about it, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.locale import N_, _

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cortex_otel_exporters.sqlite.reader import Reason, StoreError

__all__ = ["damaged", "described"]

_MESSAGES: Mapping[Reason, str] = {
    "missing": N_(
        "no database at {path}: start a server with opentelemetry-instrument python server.py, "
        "or try cortex-otel demo --once"
    ),
    "newer": N_("{path} was written by a newer cortex-otel: upgrade this one"),
    "older": N_(
        "{path} was written by an older cortex-otel: the next process that records updates it"
    ),
    "damaged": N_(
        "{path} is damaged or isn't a database: move it away, and recording creates a new one"
    ),
    "not_ours": N_("{path} isn't a cortex-otel database: move it away or set CORTEX_OTEL_HOME"),
    "locked": N_("{path} is locked by another process: try again in a moment"),
    "full": N_(
        "{path} can't be used: its disk is full. Free a few megabytes, then run cortex-otel retain"
    ),
    "no_permission": N_("no permission to read {path}: run this as the user that records"),
    "directory": N_("{path} is a directory, not a database"),
    "cannot_open": N_(
        "{path} can't be opened: while a database is in use, its directory must be writable, "
        "even for reading"
    ),
    "unreadable": N_("{path} can't be read: {detail}"),
}


def described(error: StoreError) -> str:
    """One line in the user's language."""
    return _(_MESSAGES[error.reason], path=error.path, detail=error)


def damaged(path: Path) -> str:
    """The same of a file that opens, and turns out not to be whole."""
    return _(_MESSAGES["damaged"], path=path)
