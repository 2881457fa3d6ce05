"""Which versions of the SDK the lean span was tested with."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.version import __version__ as sdk_version

__all__ = ["TESTED_VERSIONS", "is_older", "is_tested", "sdk_version"]

TESTED_VERSIONS: Final = frozenset({"1.45.0", "1.45.1", "1.45.2"})
"""Versions of ``opentelemetry-sdk`` with which nobody can tell the lean span from the stock one."""


def is_tested(version: str = sdk_version) -> bool:
    """Whether the lean span may be used with this version of the SDK."""
    return version in TESTED_VERSIONS


def is_older(version: str = sdk_version) -> bool:
    """Whether it came before the tested ones: what it lacks was never there, and not renamed."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return numbers < min(tuple(map(int, one.split(".")[:2])) for one in TESTED_VERSIONS)
