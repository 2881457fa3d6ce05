"""The status of a writing process, in a small file that works when the database doesn't.

``writers/<pid>-<start>.json`` beside the database, of fixed size and rewritten in place: its
blocks are allocated at start, so that it can report a full disk on a full disk. ``cortex-otel
status`` reads it. Counts that couldn't be added to the ledger stay here until the next process that
opens the database adds them.

Its process holds the file's lock (``flock``), which the operating system gives back when that dies:
a process id alone says little, since a container's server has the same one each time. Children get
the descriptor by a fork only, and close it then; over NFS the lock is the server's. Where a file
can't be locked, its content doesn't say that it is, and the process id decides.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from cortex_otel_exporters.disk import try_lock

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Heartbeat", "claim_orphans", "delete", "give_back", "is_alive", "process_exists"]

_SIZE = 2048
_MAX_COUNT = 1 << 53
_DIRECTORY = "writers"
#: Files of this process, by its id: over NFS, closing a second descriptor gives the lock back.
_own: set[tuple[int, str]] = set()
#: Descriptors of files that this process has claimed, and holds the locks of.
_claims: dict[Path, int] = {}


class Heartbeat:
    """The status file of this process; every method is best effort, none raises."""

    def __init__(self, home: Path) -> None:
        self._started_ns = time.time_ns()
        self._path = home / _DIRECTORY / f"{os.getpid()}-{self._started_ns}.json"
        self._descriptor: int | None = None
        self._is_locked = False

    def write(self, state: dict[str, object]) -> None:
        """Replace the content by ``state``."""
        with contextlib.suppress(OSError):
            self._open()
        state = {
            "pid": os.getpid(),
            "started_ns": self._started_ns,
            "updated_ns": time.time_ns(),
            "is_locked": self._is_locked,
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
            if self._descriptor is not None:
                os.pwrite(self._descriptor, data.ljust(_SIZE), 0)

    def _open(self) -> None:
        if self._descriptor is not None and not os.fstat(self._descriptor).st_nlink:
            self.forget()  # the directory was deleted, and may exist again
        if self._descriptor is None:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            _own.add((os.getpid(), str(self._path)))
        if not self._is_locked:  # if a reader is just asking, it is with the next beat
            self._is_locked = try_lock(self._descriptor) is True

    def close(self, *, remove: bool) -> None:
        """Delete the file if ``remove``: it has nothing left to report.

        Else it is this process's until that ends, and so are counts that come late.
        """
        if remove and self._descriptor is not None:
            self.forget()  # first: Windows deletes no open file
            with contextlib.suppress(OSError):
                self._path.unlink()

    def forget(self) -> None:
        """Close the file without changing it; in a forked child it is the parent's."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        _own.discard((os.getpid(), str(self._path)))
        self._descriptor, self._is_locked = None, False


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
        is_claimed = path.suffix != ".json"
        pid = path.suffix[1:] if is_claimed else path.stem.partition("-")[0]
        if not pid.isdigit() or path in _claims:
            continue
        claim = path.with_name(f"{path.name.partition('.')[0]}.json.{os.getpid()}")
        with contextlib.suppress(OSError):
            is_locked = is_claimed or _says_that_it_is_locked(path)
            if is_alive(path, int(pid), is_locked=is_locked) or not _claim(path, claim):
                continue
            claimed.append(claim)
            for (signal, outcome, reason), count in _unrecorded(claim):
                entries[signal, outcome, reason] += count
                if outcome == "dropped":
                    entries[signal, "received", ""] += count
    return entries, claimed


def _claim(path: Path, claim: Path) -> bool:
    """Rename ``path`` to ``claim``, and hold its lock; false if another process has it."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        if (got := try_lock(descriptor)) is False:
            return False
        if got is None:  # no locks here; and Windows renames no open file
            os.close(descriptor)
            descriptor = -1
        path.rename(claim)  # atomic: of two processes that start together one gets it
        if got:
            _claims[claim], descriptor = descriptor, -1
        return True
    finally:
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def give_back(claimed: list[Path]) -> None:
    """Release the files for the next attempt: their entries couldn't be committed."""
    for claim in claimed:
        with contextlib.suppress(OSError):
            claim.rename(claim.with_suffix(""))
        _release(claim)


def delete(claimed: list[Path]) -> None:
    """Delete the files: their entries are committed."""
    for claim in claimed:
        with contextlib.suppress(OSError):
            claim.unlink()
        _release(claim)


def _release(claim: Path) -> None:
    if (descriptor := _claims.pop(claim, None)) is not None:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def is_alive(path: Path, pid: int, *, is_locked: bool) -> bool:
    """Whether the process of a heartbeat file lives.

    Args:
        path: the file.
        pid: of the process.
        is_locked: whether the file says that its process holds its lock.
    """
    if (os.getpid(), str(path)) in _own:
        return True
    if is_locked:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                got = try_lock(descriptor, shared=True)  # reading is enough for that, also over NFS
            finally:
                os.close(descriptor)
            if got is not None:
                return not got
    return process_exists(pid)


def _says_that_it_is_locked(path: Path) -> bool:
    try:
        return json.loads(path.read_bytes())["is_locked"] is True
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


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


def process_exists(pid: int) -> bool:
    """Whether a process with this id runs, whoever owns it."""
    if pid <= 0:
        return False
    if sys.platform == "win32":  # signal 0 is Ctrl-C there
        import ctypes  # noqa: PLC0415 - only where it is needed

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # noqa: FBT003
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OverflowError:
        return False
    except OSError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether it has ended, and whoever started it hasn't asked how."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - often asked
            return file.read(1024).rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])
    except OSError:  # no Linux
        return False
