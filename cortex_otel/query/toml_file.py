"""A TOML file in the home that people edit, and that the web admin changes without spoiling it."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.locale import N_
from cortex_otel_exporters.disk import make_private_directory, write_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TomlFileError", "quoted", "replace", "tables_of", "text_of"]

_MAX_BYTES: Final = 1_000_000


class TomlFileError(ValueError):
    """The file, or something in it, isn't as it must be.

    Args:
        message: what to change, in English, marked with ``N_``.
        values: of the message.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message.format(**values))
        self.message, self.values = message, values


def _beginning(path: Path) -> bytes:
    if stat.S_ISFIFO(path.stat().st_mode):  # a page would wait for who writes to it
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    with path.open("rb") as file:
        return file.read(_MAX_BYTES + 1)


def text_of(path: Path) -> str:
    """The content of the file; empty if there is none.

    Raises:
        TomlFileError: it can't be read, or is no text.
    """
    try:
        content = _beginning(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise TomlFileError(
            N_("{path} can't be read: {reason}"), path=path, reason=error.strerror
        ) from None
    if len(content) > _MAX_BYTES:
        raise TomlFileError(N_("{path} is larger than 1 MB: is it the right file?"), path=path)
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TomlFileError(
            N_("{path}, line {line}: this isn't UTF-8"), path=path, line=line
        ) from None


def tables_of(path: Path, text: str) -> dict[str, Any]:
    """What ``text`` holds.

    Raises:
        TomlFileError: it isn't TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        raise TomlFileError(
            N_("{path}, line {line}: this isn't TOML ({reason})"),
            path=path,
            line=found[1] if found else text.rstrip().count("\n") + 1,
            reason=re.sub(r" \(at .*\)$", "", str(error)),
        ) from None


def quoted(text: str) -> str:
    """``text`` as a string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda each: f"\\u{ord(each[0]):04x}", escaped) + '"'


def replace(path: Path, text: str, expected: dict[str, Any]) -> None:
    """Write ``text``, all or nothing, if it holds what it should.

    Raises:
        TomlFileError: it doesn't; the file is left as it is.
        OSError: it can't be written.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found = None
    if found != expected:
        raise TomlFileError(
            N_("{path} is written in a way that can't be changed here: edit it by hand"), path=path
        )
    make_private_directory(path.parent)
    write_whole(path, text.encode())
