"""The state of the recording processes, from their heartbeat files ``<home>/writers/*.json``.

These files can be read when the database can't, and are written by other versions and by
processes that died while writing: anything in them may be missing or garbage.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cortex_otel_exporters.sqlite.heartbeat import is_alive, process_exists

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["WriterState", "process_exists", "read_writers"]

_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterState:
    """The state of one process that records, or did."""

    pid: int
    alive: bool
    """Its process lives: it holds the file's lock or, where there are none, its id exists."""
    service: str
    started_ns: int
    """Unix nanoseconds; 0 if unknown."""
    updated_ns: int
    """When it was last updated; Unix nanoseconds."""
    received: int
    stored: int
    sampled_out: int
    dropped: Mapping[str, int]
    """Records lost, by reason."""
    queued: int
    """Records queued in memory."""
    trouble: str
    """Why it currently can't store (``disk_full``, ``read_only``, ``locked``, ``corrupt``,
    ``schema_newer`` …); empty if it can."""
    faults: Mapping[str, int]
    """Swallowed faults of telemetry itself, by location."""
    notes: tuple[str, ...]
    """Notes, e.g. on its settings."""
    ended: bool = False
    """It ended on purpose; its file stays for counts that it couldn't store. A process that is gone
    without having said so was killed, or crashed."""


def read_writers(home: Path) -> list[WriterState]:
    """Every process that left a readable file in ``home``; live ones first, then by start."""
    try:
        paths = sorted((home / "writers").glob("*.json"))
    except OSError:
        return []
    states = [state for path in paths if (state := _read(path)) is not None]
    return sorted(states, key=lambda state: (not state.alive, state.started_ns, state.pid))


def _read(path: Path) -> WriterState | None:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            return None
        content = json.loads(path.read_bytes().strip(b" \0\r\n"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or (pid := _number(content.get("pid"))) <= 0:
        return None
    return WriterState(
        pid=pid,
        alive=is_alive(path, pid, is_locked=content.get("is_locked") is True),
        service=_word(content.get("service")),
        started_ns=_number(content.get("started_ns")),
        updated_ns=_number(content.get("updated_ns")),
        received=_number(content.get("received")),
        stored=_number(content.get("stored")),
        sampled_out=_number(content.get("sampled_out")),
        dropped=_counts(content.get("dropped")),
        queued=_number(content.get("queued")),
        trouble=_word(content.get("trouble")),
        faults=_counts(content.get("faults")),
        notes=_words(content.get("notes")),
        ended=content.get("ended") is True,
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _words(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_word, value))) if isinstance(value, list) else ()


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {str(key): count for key, each in value.items() if (count := _number(each))}
