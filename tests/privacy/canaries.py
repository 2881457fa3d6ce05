"""Canaries: unique strings of the shapes that secrets have, and the hunt for them in what is left.

Loaded by the tests and by the programs they start. A canary is told by its core, twelve letters
that occur nowhere else, so a part of it that got through is found as well.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path

_HANGUL = 0xAC00

#: By shape, around the core.
SHAPES = {
    "plain": "{core}",
    "sentence": "please keep {core} between us",
    "quotes": "it's \"{core}\" \\ and\n'{core}'\0{core}",
    "surrogate": "{core}\ud800{core}\udfff",
    "korean": "{hangul}",
    "e-mail": "{core}@mail.example.com",
    "home path": "/home/{core}/notes/plan.md",
    "mac path": "/Users/{core}/notes/plan.md",
    "windows path": "C:\\Users\\{core}\\plan.md",
    "other path": "/srv/{core}/plan.md",
    "drive": "D:\\work\\{core}\\plan.md",
    "relative path": "../{core}/plan.md",
    "user at host": "{core}@laptop",
    "uri": "memo://{core}/1?q={core}#x",
    "openai key": "sk-{core}A1b2C3d4E5f6G7h8",
    "github key": "ghp_{core}A1b2C3d4E5f6G7h8I9j0K1",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.{core}A1b2.{core}",
    "password": "password={core}",
    "long hex": "{hex}",
    "ip": "{ip}",
    "phone": "{phone}",
}  # fmt: skip
#: Shapes that an identifier could have, but none that is kept.
PLACES = ["other path", "drive", "relative path", "uri"]
#: Shapes that nobody could take for the name of something.
SECRETS = [
    "korean", "e-mail", "home path", "mac path", "windows path", "openai key", "github key", "jwt",
    "password", "long hex", "ip", "phone",
]  # fmt: skip
TEXTS = list(SHAPES)


def canary(slot: str, shape: str) -> str:
    """The canary of ``shape`` that is planted at ``slot``."""
    return SHAPES[shape].format(**_parts(slot, shape))


def _parts(slot: str, shape: str) -> dict[str, str]:
    digest = hashlib.sha256(f"{slot}|{shape}".encode()).digest()
    core = "".join(chr(ord("g") + byte % 20) for byte in digest[:12])  # no hexadecimal digit
    digits = "".join(str(byte % 10) for byte in digest[12:20])
    return {
        "core": core,
        "hangul": "".join(chr(_HANGUL + byte * 40) for byte in digest[:6]),
        "hex": digest[:20].hex(),
        "ip": ".".join(str(60 + byte % 190) for byte in digest[:4]),
        "phone": f"+82 10-{digits[:4]}-{digits[4:]}",
    }


def needles(slot: str, shape: str) -> list[bytes]:
    """What of a canary must be found nowhere, lower-case, in the encodings it may hide in."""
    parts = _parts(slot, shape)
    names = {"korean": "hangul", "long hex": "hex", "ip": "ip", "phone": "phone"}
    text = parts[names.get(shape, "core")]
    encoded = text.encode()
    found = {
        encoded,
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        encoded.hex().encode(),
        quote(text, safe="").encode(),
        json.dumps(text)[1:-1].encode(),
        *(_base64(encoded, shift) for shift in range(3)),
        *(_base64(encoded, shift).replace(b"+", b"-").replace(b"/", b"_") for shift in range(3)),
    }
    # A hash without a key can be guessed: it would be as good as the text.
    whole = canary(slot, shape).encode("utf-8", "surrogatepass")
    found |= {hashlib.new(name, whole).hexdigest().encode() for name in ("md5", "sha1", "sha256")}
    return [needle.lower() for needle in found]


def _base64(data: bytes, shift: int) -> bytes:
    """The middle of the base64 of ``data`` where ``shift`` bytes stand before it."""
    return base64.b64encode(b"x" * shift + data)[4:-4] if shift else base64.b64encode(data)[:-4]


class Hunt:
    """Everything a process left behind.

    Args:
        home: the directory it could write to.
        outputs: what it said, by name.
    """

    def __init__(self, home: Path, outputs: dict[str, bytes]) -> None:
        self.places = {name: output.lower() for name, output in outputs.items()}
        self.files = {path.relative_to(home).as_posix(): path for path in home.rglob("*")}
        for name, path in self.files.items():
            self.places[f"name of {name}"] = name.lower().encode("utf-8", "surrogateescape")
            if path.is_file():
                self.places[name] = path.read_bytes().lower()
        for name, path in self.files.items():
            if path.suffix == ".gz":
                self.places[f"unpacked {name}"] = gzip.decompress(path.read_bytes()).lower()
            if path.suffix == ".db":
                self.places[f"rows of {name}"] = _rows(path)

    def found(self, slot: str, shape: str) -> list[str]:
        """Where the canary was found: ``slot (shape) in place``."""
        return [
            f"{slot} ({shape}) in {place}: …{content[max(0, at - 60) : at + 40]!r}"
            for place, content in self.places.items()
            for needle in needles(slot, shape)
            if (at := content.find(needle)) >= 0
        ]

    def all_found(self, planted: list[tuple[str, str]]) -> list[str]:
        """Where any of the planted canaries was found."""
        return [line for slot, shape in planted for line in self.found(slot, shape)]


def _rows(path: Path) -> bytes:
    """Each value of the database once: views say again what tables do, and rows what others do."""
    # A value that is longer than a page is in pieces in the file.
    connection = sqlite3.connect(path)
    try:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
        ).fetchall()
        values = {
            value.hex() if isinstance(value, bytes) else str(value)
            for (table,) in tables
            for row in connection.execute(f'SELECT * FROM "{table}"')
            for value in row
        }
        return "\n".join(values).lower().encode("utf-8", "surrogatepass")
    finally:
        connection.close()
