"""What a copy holds, readable without a key: numbers and checksums, nothing of any person."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["MAX_MANIFEST_BYTES", "Contents", "Manifest", "parse_contents", "parse_manifest"]

FORMAT = "cortex-otel-backup/1"
MAX_MANIFEST_BYTES = 1 << 16
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEXT = re.compile(r"[ -~]{0,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in the archive; the archive has the same, so that no manifest is taken for another's.

    Sizes are in bytes.
    """

    name: str
    created: str
    """ISO 8601 with the offset of ``time_zone``."""
    time_zone: str
    cortex_otel: str
    """The version that made it."""
    sqlite: str
    schema: int
    events: int
    ledger: dict[str, dict[str, int]]
    """Records by signal and outcome."""
    database_bytes: int
    logs: int
    log_bytes: int

    def to_json(self) -> str:
        """As a file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Contents):
    """The contents, and the archive itself."""

    encryption: str
    """``age`` or ``none``."""
    plain_bytes: int
    plain_sha256: str
    """Of the tar, before compression."""
    stored_bytes: int
    stored_sha256: str
    """Of the object as it is stored."""

    @property
    def contents(self) -> Contents:
        """What the archive repeats."""
        return Contents(**{each.name: getattr(self, each.name) for each in fields(Contents)})


def parse_contents(text: bytes) -> Contents:
    """Read what an archive says of itself.

    Raises:
        ValueError: it isn't that.
    """
    return Contents(**_checked(text, Contents))


def parse_manifest(text: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        ValueError: it isn't one.
    """
    values = _checked(text, Manifest)
    if values["encryption"] not in {"age", "none"}:
        raise ValueError("encryption")
    for name in ("plain_sha256", "stored_sha256"):
        if not _SHA256.fullmatch(values[name]):
            raise ValueError(name)
    return Manifest(**values)


def _checked(text: bytes, kind: type[Contents]) -> dict[str, Any]:
    """The fields of ``kind`` in a JSON object, each of its type."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise ValueError("format")
    known = {each.name: each.type for each in fields(kind)}
    if set(found) != set(known):
        raise ValueError("fields")
    for name, value in found.items():
        if name == "ledger":
            is_valid = _is_ledger(value)
        elif known[name] == "int":
            is_valid = _is_count(value)
        else:
            is_valid = isinstance(value, str) and bool(_TEXT.fullmatch(value))
        if not is_valid:
            raise ValueError(name)
    return found


def _is_ledger(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(outcomes, dict) and all(map(_is_count, outcomes.values()))
        for outcomes in value.values()
    )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 62
