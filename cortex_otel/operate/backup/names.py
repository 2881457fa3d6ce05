"""Names of copies: whose they are, in which order they were made, and when."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

__all__ = ["MANIFEST_SUFFIX", "CopyName", "archive_suffix", "parse_name", "split_file_name"]

MANIFEST_SUFFIX = ".json"
_ARCHIVE_SUFFIXES = (".tar.zst.age", ".tar.zst")
_NAME = re.compile(r"cortex-otel-([0-9a-f]{12})-([0-9]{6,12})-([0-9]{8}T[0-9]{6}Z)", re.ASCII)
_STAMP = "%Y%m%dT%H%M%SZ"


class CopyName(NamedTuple):
    """The name of a copy; sorts by series and order."""

    series: str
    """12 hex digits: which home it is of."""
    sequence: int
    """Counts up with each copy of a series: clocks may be set back."""
    created_s: int
    """Unix seconds."""

    def __str__(self) -> str:
        stamp = datetime.fromtimestamp(self.created_s, UTC).strftime(_STAMP)
        return f"cortex-otel-{self.series}-{self.sequence:06}-{stamp}"


def parse_name(text: str) -> CopyName | None:
    """The name that ``text`` is; ``None`` if it is none of ours."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    series, sequence, stamp = match.groups()
    try:
        created = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return CopyName(series, int(sequence), int(created.timestamp()))


def split_file_name(text: str) -> tuple[CopyName, str] | None:
    """Name and suffix of an archive or a manifest; ``None`` for any other file."""
    head, dot, rest = text.partition(".")
    name, suffix = parse_name(head), dot + rest
    if name is None or suffix not in {*_ARCHIVE_SUFFIXES, MANIFEST_SUFFIX}:
        return None
    return name, suffix


def archive_suffix(*, is_encrypted: bool) -> str:
    """Suffix of an archive."""
    return _ARCHIVE_SUFFIXES[0] if is_encrypted else _ARCHIVE_SUFFIXES[1]
