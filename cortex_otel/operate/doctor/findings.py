"""One line of the doctor's report, and the masking that lets it be pasted into an issue."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cortex_otel.messages import text
from cortex_otel.process.patterns import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Finding", "Level", "mask", "ok", "problem", "shown", "warning"]

Level = Literal["ok", "warning", "problem"]

_SECRET = "[SECRET]"  # noqa: S105 - what stands in a secret's place
# Not all patterns: addresses, versions and long paths are what the report is about.
_MASKED = frozenset({
    "private key", "URL credentials", "assignment", "authorization", "key prefix", "JWT", "e-mail",
    "home directory", "long hex",
})  # fmt: skip
_SECRET_OPTION = re.compile(r"(?i)^--?[\w-]*(?:key|token|secret|pass|pwd|auth|credential|cookie)")
_ASSIGNMENT = re.compile(r"^([A-Za-z_]\w*)=")
_HARMLESS_VARIABLE = re.compile(r"^(?:CORTEX_OTEL_(?!\w*(?:KEY|SALT|USER))|PYTHON|UV_PYTHON$)")
_LONG_VALUE = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    level: Level
    code: str
    """Names the finding for programs; its text is ``doctor_<code>`` of the messages."""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """One line in the user's language, without secrets, and what to do about it."""
        return mask(" ".join(text(f"doctor_{self.code}", **self.values).split()))


def ok(code: str, /, **values: Any) -> Finding:
    """Nothing to do."""
    return Finding("ok", code, values)


def warning(code: str, /, **values: Any) -> Finding:
    """Works, though perhaps not as meant."""
    return Finding("warning", code, values)


def problem(code: str, /, **values: Any) -> Finding:
    """Keeps something from being recorded, or harms the server."""
    return Finding("problem", code, values)


def mask(line: str) -> str:
    """``line`` without what looks like a secret; home directories become ``~``."""
    for pattern in PATTERNS:
        if pattern.name in _MASKED:
            line = pattern.regex.sub(pattern.replacement, line)
    return line


def shown(command: Sequence[str]) -> str:
    """A command line as one would type it, its secrets masked."""
    return shlex.join(_arguments(command)).replace("'[SECRET]'", _SECRET)[:_LONGEST]


def _arguments(command: Sequence[str]) -> Iterator[str]:
    secret_follows = False
    for argument in command:
        option, equals, _ = argument.partition("=")
        if secret_follows and not argument.startswith("-"):
            yield _SECRET
        elif equals and _has_secret_value(option, argument):
            yield f"{option}={_SECRET}"
        elif _LONG_VALUE.fullmatch(argument) and not os.path.exists(argument):  # noqa: PTH110 - may be no path
            yield _SECRET
        else:
            yield mask(argument)
        secret_follows = not equals and _SECRET_OPTION.match(argument) is not None


def _has_secret_value(name: str, argument: str) -> bool:
    if _SECRET_OPTION.match(name):
        return True
    # Of variables before a command only ours and Python's are known to be harmless.
    is_variable = _ASSIGNMENT.match(argument) is not None
    return is_variable and not _HARMLESS_VARIABLE.match(argument)
