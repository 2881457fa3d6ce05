"""What a file is that is no log, by its first bytes."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cortex_otel.locale import N_

__all__ = ["Content", "content_of"]


class Content(NamedTuple):
    """What a file is instead of a log."""

    reason: str
    """``store``, ``encrypted``, ``compressed``, ``archive``, ``document`` or ``not_text``."""
    what: str = ""
    """Its kind, for people; of a compressed file the command that reads it."""


_ENCRYPTED: Final = Content("encrypted")
_ARCHIVE: Final = "archive"
_PROGRAM: Final = Content("not_text", N_("a program"))
_STARTS: Final = (
    (b"SQLite format 3\0", Content("store")),
    (b"age-encryption.org/", _ENCRYPTED),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", _ENCRYPTED),
    (b"\x28\xb5\x2f\xfd", Content("compressed", "zstdcat")),
    (b"BZh", Content("compressed", "bzcat")),
    (b"\xfd7zXZ\0", Content("compressed", "xzcat")),
    (b"\x04\x22\x4d\x18", Content("compressed", "lz4cat")),
    (b"PK\x03\x04", Content(_ARCHIVE, "zip")),
    (b"PK\x05\x06", Content(_ARCHIVE, "zip")),
    (b"7z\xbc\xaf\x27\x1c", Content(_ARCHIVE, "7z")),
    (b"\x89PNG\r\n\x1a\n", Content("not_text", N_("a PNG image"))),
    (b"\xff\xd8\xff", Content("not_text", N_("a JPEG image"))),
    (b"GIF8", Content("not_text", N_("a GIF image"))),
    (b"%PDF-", Content("not_text", N_("a PDF document"))),
    (b"PAR1", Content("not_text", N_("a Parquet file"))),
    (b"\x7fELF", _PROGRAM),
    (b"MZ", _PROGRAM),
    (b"\xcf\xfa\xed\xfe", _PROGRAM),
)
_TAR: Final = (257, b"ustar")
#: Those that a text may begin with, too.
_WORDS: Final = frozenset({b"BZh", b"GIF8", b"PAR1", b"MZ"})
#: JSON that was printed for people: its first line opens what a further line closes.
_DOCUMENT: Final = re.compile(rb"\s*[\[{](?:[ \t]*[\[{])*[ \t]*\r?\n[\s\[{]*(?:\"[^\n]*|[\]}])")
_CONTROL: Final = bytes({*range(1, 8), *range(14, 27), *range(28, 32), 127})
# In any eight-bit text, and UTF-8, they are hardly ever; in what is no text one byte in ten.
_CONTROL_SHARE: Final = 0.02
# A crash leaves whole blocks of NUL, a cut-off write another run; they are few.
_NULS: Final = re.compile(rb"\0+")
_NUL_RUNS: Final = 8


def content_of(sample: bytes) -> Content | None:
    """What a file is that begins with ``sample``; ``None`` if it may be a log.

    Text of any encoding with the letters of ASCII may be one, with blocks of NUL in it, too.
    """
    is_binary = _is_binary(sample)
    for start, what in _STARTS:
        if sample.startswith(start) and (is_binary or start not in _WORDS):
            return what
    place, word = _TAR
    if sample[place : place + len(word)] == word:
        return Content(_ARCHIVE, "tar")
    if is_binary:
        return Content("not_text")
    return Content("document") if _DOCUMENT.match(sample) else None


def _is_binary(sample: bytes) -> bool:
    runs = len(_NULS.findall(sample))
    others = sample.replace(b"\0", b"")
    controls = len(others) - len(others.translate(None, _CONTROL))
    return controls > _CONTROL_SHARE * len(others) or runs > max(
        _NUL_RUNS, _CONTROL_SHARE * len(others)
    )
