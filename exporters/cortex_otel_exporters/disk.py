"""What every store on a disk needs: private directories and files, and a name for what is wrong.

A file that others may read at any time is written beside its place, brought to the disk and then
moved there: whoever looks sees all of the old one or all of the new one, and so does whoever looks
after a power cut. What a killed process left of one is deleted by the next that writes there.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = [
    "UNFINISHED",
    "delete_unfinished",
    "identity_of",
    "make_private_directory",
    "move_new",
    "trouble_of_errno",
    "try_lock",
    "write_new",
    "write_whole",
    "writing",
]

#: End of the names, which begin with a dot, of files that aren't whole yet.
UNFINISHED: Final = ".cortex-unfinished"
#: Where files can't be locked: nobody takes that long between two writes to one.
_SECONDS_UNTIL_LEFT: Final = 3600
_CAREFUL: Final = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFUL


def make_private_directory(directory: Path) -> None:
    """Create ``directory`` and its missing parents with mode 0700.

    ``Path.mkdir(parents=True)`` creates the parents with the umask's mode: anyone who can write
    there could replace our directory.
    """
    if not directory.is_dir():
        if directory.parent != directory:
            make_private_directory(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def writing(path: Path, *, mode: int = 0o600, is_new: bool = False) -> Iterator[BinaryIO]:
    """A file that gets to ``path`` as a whole if the block ends well, and is gone if it doesn't.

    Args:
        path: of the file; its directory is there.
        mode: less the umask.
        is_new: nothing is replaced.

    Raises:
        FileExistsError: there is something that isn't a file, or, if ``is_new``, anything.
        OSError: it can't be written; what was there is still there.
    """
    _check(path, is_new=is_new)
    delete_unfinished(path.parent)
    temporary, descriptor = _begun(path, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
            # Still open, and so locked: who deletes what is left must not take it for that.
            if os.name == "nt":  # where there is no lock, and nothing open can be moved
                file.close()
            if is_new:
                move_new(temporary, path)
            else:
                temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and str(error.filename) in {"None", str(temporary)}:
            error.filename = str(path)  # what the caller knows
        raise
    _sync_directory(path.parent)


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file, or make it: see :func:`writing`."""
    with writing(path, mode=mode) as file:
        file.write(content)


def write_new(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Make a file that isn't there yet: see :func:`writing`."""
    with writing(path, mode=mode, is_new=True) as file:
        file.write(content)


def move_new(path: Path, destination: Path) -> None:
    """Rename a file, unless there is something.

    Raises:
        FileExistsError: there is; nothing was changed.
        OSError: it can't be moved.
    """
    try:
        os.link(path, destination)
    except OSError as error:
        if isinstance(error, FileExistsError) or os.path.lexists(destination):
            raise _exists(destination) from None
        path.rename(destination)  # a file system without links
    else:
        path.unlink()


def delete_unfinished(directory: Path) -> None:
    """Delete what killed processes left of files in ``directory``; never raises."""
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208 - names are enough
            if name.startswith(".") and name.endswith(UNFINISHED):
                with contextlib.suppress(OSError):
                    _delete_if_left(directory / name)


def try_lock(descriptor: int, *, shared: bool = False) -> bool | None:
    """Lock an open file, without waiting; false if another has, ``None`` where that can't be."""
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def trouble_of_errno(number: int | None) -> str:
    """What an ``OSError`` means: ``disk_full``, ``read_only`` or ``unavailable``."""
    import errno  # noqa: PLC0415 - only on a failing disk

    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "disk_full"
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "read_only"
    return "unavailable"


def identity_of(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at ``path``; ``None`` if there is none.

    A writer compares them before each transaction: it must not go on writing to a database that was
    deleted, or set aside by another process, and that nobody reads.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - once per batch; half the cost of Path.stat
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _check(path: Path, *, is_new: bool) -> None:
    if is_new and os.path.lexists(path):
        raise _exists(path)
    with contextlib.suppress(FileNotFoundError):
        # Renamed over, a device would be gone.
        if not stat.S_ISREG(path.stat().st_mode):
            error = _exists(path)
            error.strerror = "not a regular file"
            raise error


def _exists(path: Path) -> FileExistsError:
    import errno  # noqa: PLC0415 - only then

    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _begun(path: Path, mode: int) -> tuple[Path, int]:
    """A new file beside ``path``, open and locked."""
    while True:
        temporary = path.with_name(f".{os.urandom(8).hex()}{UNFINISHED}")
        try:
            descriptor = os.open(temporary, _NEW, mode)
        except OSError as error:
            error.filename = str(path)
            raise
        with contextlib.suppress(OSError):  # a file system without locks
            _lock(descriptor)
        if os.path.lexists(temporary):
            return temporary, descriptor
        os.close(descriptor)  # it was taken for one that was left, before it was locked


def _delete_if_left(path: Path) -> None:
    """Delete an unfinished file that no process has open, as its lock says, or its age."""
    descriptor = os.open(path, os.O_RDONLY | _CAREFUL)
    try:
        got = try_lock(descriptor)
        if got is False:
            return
        if got or os.fstat(descriptor).st_mtime < time.time() - _SECONDS_UNTIL_LEFT:
            path.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock an open file until it is closed; not on Windows, which can't."""
    with contextlib.suppress(ImportError):
        import fcntl  # noqa: PLC0415 - POSIX

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _sync_directory(directory: Path) -> None:
    """Make what was renamed outlive a power cut, where that can be asked for."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
