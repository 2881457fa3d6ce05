"""One line of the doctor's report, and the masking that lets it be pasted into an issue."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cortex_otel.process.patterns import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

__all__ = ["Finding", "Level", "mask", "ok", "problem", "secrets_of", "shown", "warning"]

Level = Literal["ok", "warning", "problem"]

_SECRET = "[SECRET]"  # noqa: S105 - replaces a secret
# Not all patterns: the report needs addresses, versions and long paths.
_MASKED = frozenset({
    "private key", "URL credentials", "assignment", "authorization", "key prefix", "JWT", "e-mail",
    "long hex",
})  # fmt: skip
# Homes only at the start of a path: /srv/home/x isn't one, and masking it would break the path.
_PATH_START = r"(?:(?<![\w.~-])(?<![\w.~-]/)|(?<=%2[Ff])|(?<=%3[Aa]))"
(_HOME,) = (pattern for pattern in PATTERNS if pattern.name == "home directory")
_ANY_HOME = re.compile(f"{_PATH_START}(?:{_HOME.regex.pattern})")
_SECRET_OPTION = re.compile(r"(?i)^--?[\w-]*(?:key|token|secret|pass|pwd|auth|credential|cookie)")
_SECRET_VARIABLE = re.compile(
    r"(?i)(?:key|token|secret|passw|_pwd|credential|cookie|salt|_headers|auth(?!or))"
)
_ASSIGNMENT = re.compile(r"^([A-Za-z_]\w*)=")
_HARMLESS_VARIABLE = re.compile(r"^(?:CORTEX_OTEL_(?!\w*(?:KEY|SALT|USER))|PYTHON|UV_PYTHON$)")
_LONG_VALUE = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_MAX_LENGTH = 500
_MAX_QUOTED_LENGTH = 300
_MAX_READ_LENGTH = 20_000
_MIN_SECRET_LENGTH = 4  # masking shorter ones would hide ordinary words


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    level: Level
    code: str
    """Identifies the finding for programs."""
    message: str
    """In the user's language, its values not yet filled in."""
    values: Mapping[str, Any] = field(default_factory=dict)

    def as_line(self, secrets: Collection[str] = ()) -> str:
        """One line in the user's language, masked, with the fix.

        Args:
            secrets: from :func:`secrets_of`; removed before anything is truncated, since half of
                a secret would no longer be recognised.
        """
        values = {name: _quoted(value, secrets) for name, value in self.values.items()}
        line = self.message.format(**values)
        return mask(_without(" ".join(line.split()), secrets))


def ok(code: str, message: str, /, **values: Any) -> Finding:
    """Nothing to do."""
    return Finding("ok", code, message, values)


def warning(code: str, message: str, /, **values: Any) -> Finding:
    """Works, but perhaps not as intended."""
    return Finding("warning", code, message, values)


def problem(code: str, message: str, /, **values: Any) -> Finding:
    """Prevents something from being recorded, or harms the server."""
    return Finding("problem", code, message, values)


def mask(line: str) -> str:
    """``line`` without what looks like a secret; homes at the start of a path become ``~``."""
    own = os.path.expanduser("~").rstrip("/\\")  # noqa: PTH111 - Path raises without one
    if own:
        own_home = rf"{_PATH_START}{re.escape(own)}(?![\w.-])"
        line = re.sub(own_home, _HOME.replacement, line)
    line = _ANY_HOME.sub(_HOME.replacement, line)
    for pattern in PATTERNS:
        if pattern.name in _MASKED:
            line = pattern.regex.sub(pattern.replacement, line)
    return line


def shown(command: Sequence[str]) -> str:
    """A command line, ready to be typed, with its secrets masked."""
    return shlex.join(_arguments(command)).replace("'[SECRET]'", _SECRET)[:_MAX_LENGTH]


def secrets_of(command: Sequence[str], environ: Mapping[str, str]) -> frozenset[str]:
    """Values whose names say that they are secret: a server may print them."""
    # A variable may contain the path of a key, which isn't secret and part of other paths.
    secrets = {
        value
        for name, value in environ.items()
        if _SECRET_VARIABLE.search(name) and not os.path.exists(value)  # noqa: PTH110 - may not be a path
    }
    for given, masked in zip(command, _arguments(command), strict=True):
        if masked == _SECRET:
            secrets.add(given)
        elif masked.endswith(f"={_SECRET}"):
            secrets.add(given.partition("=")[2])
    return frozenset(value for value in secrets if len(value) >= _MIN_SECRET_LENGTH)


def _quoted(value: Any, secrets: Collection[str]) -> Any:
    """A value that others may have written, masked and truncated; numbers are unchanged."""
    if isinstance(value, (int, float)):
        return value
    line = mask(_without(str(value)[:_MAX_READ_LENGTH], secrets))
    return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_QUOTED_LENGTH]}…"


def _without(line: str, secrets: Collection[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        line = line.replace(secret, _SECRET)
    return line


def _arguments(command: Sequence[str]) -> Iterator[str]:
    secret_follows = False
    for argument in command:
        option, equals, _ = argument.partition("=")
        if secret_follows and not argument.startswith("-"):
            yield _SECRET
        elif equals and _has_secret_value(option, argument):
            yield f"{option}={_SECRET}"
        elif _LONG_VALUE.fullmatch(argument) and not os.path.exists(argument):  # noqa: PTH110 - may not be a path
            yield _SECRET
        else:
            yield mask(argument)
        secret_follows = not equals and _SECRET_OPTION.match(argument) is not None


def _has_secret_value(name: str, argument: str) -> bool:
    if _SECRET_OPTION.match(name):
        return True
    # Of variables before a command, only ours and Python's are known to be harmless.
    is_variable = _ASSIGNMENT.match(argument) is not None
    return is_variable and not _HARMLESS_VARIABLE.match(argument)
