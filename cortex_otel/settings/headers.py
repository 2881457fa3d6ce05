"""The file of headers for a Collector."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_headers"]

_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,256})\s*[:=]\s*([!-~](?:[ -~]*[!-~])?)")
_HEADERS_OF_THE_PROTOCOL = frozenset(
    {
        "host", "connection", "content-length", "content-type", "content-encoding", "expect",
        "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_MAX_HEADERS_LENGTH = 65_536


def read_headers(path: Path) -> dict[str, str]:
    """The headers in a file of ours.

    Raises:
        ValueError: it can't be read, others can read it too, or a line is no header.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError  # a host must not wait for who writes to a pipe
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
                raise ValueError
            data = file.read(_MAX_HEADERS_LENGTH + 1)
    except OSError:
        raise ValueError from None
    headers: dict[str, str] = {}
    for line in data.decode("ascii").splitlines():  # UnicodeDecodeError is a ValueError
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _HEADER.fullmatch(line.strip())
        name = match[1].lower() if match else ""
        if match is None or name in headers or name in _HEADERS_OF_THE_PROTOCOL:
            raise ValueError
        headers[name] = match[2]
    if len(data) > _MAX_HEADERS_LENGTH:
        raise ValueError
    return headers
