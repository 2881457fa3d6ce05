"""What is left in a home besides settings and keys: what an erasure of everything deletes.

Nothing that was recorded is elsewhere: temporary directories hold made-up data and random keys
alone, and backups are where they were sent.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

from cortex_otel.operate import ballast
from cortex_otel.operate.backup import work_directory
from cortex_otel.operate.importing.report import FILE_NAME as REFUSED_LINES
from cortex_otel.query.analysis import SUFFIX
from cortex_otel.show.report import shelf
from cortex_otel_exporters.disk import UNFINISHED, delete_unfinished
from cortex_otel_exporters.jsonl.files import log_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cortex_otel.settings import Settings

__all__ = ["delete", "delete_left_overs", "derived", "recorded"]

_SQLITE: Final = ("-wal", "-shm", "-journal", "")


def derived(settings: Settings) -> list[Path]:
    """The compact form of the events, whether it is there or not: it can be made again."""
    return _with_suffixes(settings.database, (f"{SUFFIX}{each}" for each in _SQLITE))


def recorded(settings: Settings) -> list[Path]:
    """Files and directories that are there, and hold something that was recorded.

    The database comes last of its parts: without it SQLite takes them for nothing.
    """
    home, logs = settings.home, settings.log_directory
    found = [
        *derived(settings),
        *_with_suffixes(settings.database, (ballast.BALLAST_SUFFIX, *_SQLITE)),
        *sorted(home.glob(f"{settings.database.name}.corrupt-*")),
        home / REFUSED_LINES,
        *sorted(shelf.folder(home).glob("*.pdf")),
        *work_directory.all_of(home),
        *(logs / name.text for name in log_names(logs)),
        *(
            path
            for directory in (home, logs, shelf.folder(home))
            for path in sorted(directory.glob(f".*{UNFINISHED}"))
        ),
    ]
    return [path for path in dict.fromkeys(found) if os.path.lexists(path)]


def delete_left_overs(settings: Settings) -> None:
    """Delete what killed processes left; what living ones work at stays."""
    work_directory.delete_left(settings.home)
    for directory in (settings.home, settings.log_directory, shelf.folder(settings.home)):
        delete_unfinished(directory)


def delete(path: Path) -> None:
    """Delete a file, or a directory with all that is in it.

    Raises:
        OSError: it, or something in it, can't be deleted.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _with_suffixes(path: Path, suffixes: Iterable[str]) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in suffixes]
