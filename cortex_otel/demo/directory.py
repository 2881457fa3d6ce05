"""The demo's own directory, ``<home>/demo``: never the real database, and removable."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from cortex_otel.locale import _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

__all__ = ["DemoError", "demo_directory", "forget_database", "remove"]

_MARK = "made-by-cortex-otel-demo"
# Files that recording and serving create; anything else isn't ours, and is kept.
_DATABASE = "cortex.db*"
_OWN_FILES = (_DATABASE, "text-hash.key", "admin.token*", "alerts.lock", "serve.json")
#: Made from the database, or along with it.
_BESIDE = {
    "reports": ("cortex-report-*.pdf", ".cortex-report-*"),
    "logs": ("cortex-*.jsonl*", "clock"),
}


class DemoError(Exception):
    """The demo can't continue; the message is one line for a person."""


@contextlib.contextmanager
def demo_directory(directory: Path) -> Iterator[None]:
    """Create ``directory`` (0700) and lock it: two demos at a time would mix up their counts.

    Raises:
        DemoError: it can't be created, isn't the demo's, or another demo is using it.
    """
    try:
        for each in (directory.parent, directory):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(directory) and any(directory.iterdir()):
            raise _not_ours(directory)
        (directory / _MARK).touch(mode=0o600)
        mark = (directory / _MARK).open("a", encoding="utf-8")
    except OSError as error:
        raise _unusable(directory, error) from None
    with mark:
        _lock(mark, directory)
        yield


def remove(directory: Path) -> tuple[bool, list[str]]:
    """Delete the files of demos.

    Returns:
        Whether there was anything, and the names of other files, which are kept.

    Raises:
        DemoError: it isn't the demo's, a demo is using it, or it can't be deleted.
    """
    if not directory.exists():
        return False, []
    if not _is_ours(directory):
        raise _not_ours(directory)
    try:
        with (directory / _MARK).open("a", encoding="utf-8") as mark:
            _lock(mark, directory)
            for pattern in _OWN_FILES:
                _unlink_all(directory, pattern)
            shutil.rmtree(directory / "writers", ignore_errors=True)
            _remove_beside(directory)
        (directory / _MARK).unlink()
        others = sorted(entry.name for entry in directory.iterdir())
        if not others:
            directory.rmdir()
    except OSError as error:
        raise _unusable(directory, error) from None
    return True, others


def forget_database(directory: Path) -> None:
    """Delete the database, reports and logs of a demo whose directory is locked.

    Raises:
        DemoError: it can't be deleted.
    """
    try:
        _remove_beside(directory)
        _unlink_all(directory, _DATABASE)
    except OSError as error:
        raise _unusable(directory, error) from None


def _not_ours(directory: Path) -> DemoError:
    return DemoError(
        _(
            "{path} wasn't created by the demo and is left alone: choose another --home",
            path=directory,
        )
    )


def _unusable(directory: Path, error: OSError) -> DemoError:
    return DemoError(
        _("{path} can't be used: {detail}", path=directory, detail=error.strerror or error)
    )


def _remove_beside(directory: Path) -> None:
    for name, patterns in _BESIDE.items():
        for pattern in patterns:
            _unlink_all(directory / name, pattern)
        with contextlib.suppress(OSError):  # none were written, or others are in it
            (directory / name).rmdir()


def _unlink_all(directory: Path, pattern: str) -> None:
    for file in directory.glob(pattern):
        file.unlink()


def _is_ours(directory: Path) -> bool:
    return not directory.is_symlink() and (directory / _MARK).is_file()


def _lock(mark: TextIO, directory: Path) -> None:
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows, where demos aren't locked
    except ImportError:
        return
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DemoError(
            _(
                "another demo is running in {path}: stop it, or choose another --home",
                path=directory,
            )
        ) from None
