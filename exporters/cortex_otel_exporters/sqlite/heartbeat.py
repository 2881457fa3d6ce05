"""The status of a writing process, in a small file that works when the database doesn't.

``writers/<pid>-<start>.json`` beside the database, of fixed size and rewritten in place: its
blocks are allocated at start, so that it can report a full disk on a full disk. ``cortex-otel
status`` reads it. Counts that couldn't be added to the ledger stay here until the next process that
opens the database adds them.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Heartbeat", "claim_orphans", "give_back"]

_SIZE = 2048
_MAX_COUNT = 1 << 53
_DIRECTORY = "writers"


class Heartbeat:
    """The status file of this process; every method is best effort, none raises."""

    def __init__(self, home: Path) -> None:
        self._started_ns = time.time_ns()
        self._path = home / _DIRECTORY / f"{os.getpid()}-{self._started_ns}.json"
        self._descriptor: int | None = None

    def write(self, state: dict[str, object]) -> None:
        """Replace the content by ``state``."""
        state = {
            "pid": os.getpid(),
            "started_ns": self._started_ns,
            "updated_ns": time.time_ns(),
            **state,
        }
        data = json.dumps(state, separators=(",", ":")).encode()
        if len(data) > _SIZE:  # too many kinds of faults: the counts matter more
            state["faults"] = {}
            data = json.dumps(state, separators=(",", ":")).encode()
        if len(data) > _SIZE:
            state["unrecorded"] = _without_reasons(state.get("unrecorded"))
            data = json.dumps(state, separators=(",", ":")).encode()[:_SIZE]
        with contextlib.suppress(OSError):
            if self._descriptor is not None and not os.fstat(self._descriptor).st_nlink:
                self.forget()  # the directory was deleted, and may exist again
            if self._descriptor is None:
                self._path.parent.mkdir(mode=0o700, exist_ok=True)
                self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            os.pwrite(self._descriptor, data.ljust(_SIZE), 0)

    def close(self, *, remove: bool) -> None:
        """Close the file, and delete it if ``remove``: it has nothing left to report."""
        with contextlib.suppress(OSError):
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
                if remove:
                    self._path.unlink()

    def forget(self) -> None:
        """Close the file without changing it; in a forked child it is the parent's."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = None


def _without_reasons(counts: object) -> dict[str, int]:
    """Notes as one count per outcome; drops keep their reasons, which are few."""
    result: Counter[str] = Counter()
    for key, count in counts.items() if isinstance(counts, dict) else ():
        signal, _, rest = key.partition("|")
        outcome, is_noted, _ = rest.partition("|")
        result[f"{signal}|{outcome}|_OTHER" if is_noted else key] += count
    return dict(result)


def claim_orphans(home: Path) -> tuple[Counter[tuple[str, str, str]], list[Path]]:
    """Claim the files of processes that have exited.

    Returns:
        Ledger entries that they couldn't add, and the files to delete once those are
        committed.
    """
    entries: Counter[tuple[str, str, str]] = Counter()
    claimed: list[Path] = []
    for path in sorted((home / _DIRECTORY).glob("*.json*")):
        # The process it belongs to, or one that had claimed it and died before adding them.
        pid = path.suffix[1:] if path.suffix != ".json" else path.stem.partition("-")[0]
        if not pid.isdigit() or _alive(int(pid)):
            continue
        claim = path.with_name(f"{path.name.partition('.')[0]}.json.{os.getpid()}")
        with contextlib.suppress(OSError):
            path.rename(claim)  # atomic: of two processes that start together one gets it
            claimed.append(claim)
            for (signal, outcome, reason), count in _unrecorded(claim):
                entries[signal, outcome, reason] += count
                if outcome == "dropped":
                    entries[signal, "received", ""] += count
    return entries, claimed


def give_back(claimed: list[Path]) -> None:
    """Release the files for the next attempt: their entries couldn't be committed."""
    for claim in claimed:
        with contextlib.suppress(OSError):
            claim.rename(claim.with_suffix(""))


def _unrecorded(path: Path) -> list[tuple[tuple[str, str, str], int]]:
    """Ledger entries with counts; empty if its process died while writing the file."""
    try:
        counts = json.loads(path.read_bytes())["unrecorded"]
        return [
            (_entry(key), count)
            for key, count in counts.items()
            if "|" in key and type(count) is int and 0 < count < _MAX_COUNT
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _entry(key: str) -> tuple[str, str, str]:
    """Parse ``signal|reason`` of a drop, or ``signal|outcome|reason`` of a note."""
    signal, _, rest = key.partition("|")
    outcome, is_noted, reason = rest.partition("|")
    return (signal, outcome, reason) if is_noted else (signal, "dropped", rest)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
