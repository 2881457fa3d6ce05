"""Settings from the environment, and from code, which wins."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Any

from cortex_otel.settings.declaration import Settings
from cortex_otel.settings.refusal import RefusedValueError

__all__ = ["SettingError", "read_environment", "to_environment"]

_MAX_SHOWN_LENGTH = 200


class SettingError(ValueError):
    """A setting that makes no sense: one line with its name, its value and what is allowed."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name}={_shown(value)} is not valid: {allowed}")
        self.name = name


class _Hidden:
    """Stands for a value that must not be printed: it may be a secret."""

    def __repr__(self) -> str:
        return "[hidden]"


_HIDDEN = _Hidden()


def _shown(value: object) -> str:
    """``value`` on one line, short; of what is no plain value the type, so no host code runs."""
    if type(value) not in (str, bytes, bool, int, float, _Hidden):
        return f"<{type(value).__name__}>"
    text = repr(value[:_MAX_SHOWN_LENGTH] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= _MAX_SHOWN_LENGTH else f"{text[:_MAX_SHOWN_LENGTH]}…"


def read_environment(
    environ: Mapping[str, str] | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Settings:
    """Make the settings from environment variables.

    Args:
        environ: where to read; the process's environment by default.
        overrides: settings by field name that win over the environment; text is parsed, other
            values are checked as their text would be; ``None`` is as if not given.
        warn: if given, called with one line for each senseless setting, whose default is then
            used; without it the first one raises.

    Raises:
        SettingError: a setting makes no sense and ``warn`` is not given.
    """
    environ = os.environ if environ is None else environ
    overrides = overrides or {}
    values: dict[str, Any] = {}
    unusable: set[str] = set()
    for setting in fields(Settings):
        try:
            given = overrides.get(setting.name)
            if given is not None:
                values[setting.name] = _override(setting, given)
            else:
                text = environ.get(setting.metadata["environment"])
                if text is not None and text != "":
                    values[setting.name] = _parse(setting, setting.metadata["environment"], text)
        except SettingError as error:
            if warn is None:
                raise
            warn(f"{error}; using the default")
            unusable.add(setting.name)
    if "otlp_headers_file" in unusable:
        # Without its headers a request may end up with another tenant.
        values.pop("otlp_endpoint", None)
    known = [setting.name for setting in fields(Settings)]
    unknown = overrides.keys() - set(known)
    if unknown:
        name = min(unknown)
        like = difflib.get_close_matches(name, known, 1)
        # Its value isn't shown: it may be a mistyped name of a secret.
        raise SettingError(
            name, _HIDDEN, "no such setting" + (f"; is {like[0]} meant?" if like else "")
        )
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        values["enabled"] = False
    return Settings(**values)


def to_environment(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that another process needs beside ``environ`` to have the same settings.

    Args:
        settings: from the environment, from code, or both.
        environ: what that process has anyway; this one's environment by default.
    """
    there = read_environment(environ, warn=lambda _: None)
    return {
        setting.metadata["environment"]: _text_of(value) or ""
        for setting in fields(Settings)
        if (value := getattr(settings, setting.name)) != getattr(there, setting.name)
    }


def _parse(setting: Field[Any], name: str, text: str) -> Any:
    try:
        return setting.metadata["parse"](text)
    except (ValueError, OverflowError) as error:
        reason = f"{error}; " if isinstance(error, RefusedValueError) else ""
        raise _senseless(setting, name, text, reason) from None


def _senseless(setting: Field[Any], name: str, value: object, reason: str = "") -> SettingError:
    shown = _HIDDEN if setting.metadata["secret"] else value
    return SettingError(name, shown, f"{reason}allowed is {setting.metadata['allowed']}")


def _override(setting: Field[Any], value: Any) -> Any:
    text = _text_of(value)
    is_list = isinstance(value, (Mapping, list, tuple, set, frozenset))
    if (
        text is None
        or (is_list and not setting.metadata["many"])
        or (isinstance(value, bool) and setting.metadata["secret"])
    ):
        raise _senseless(setting, setting.name, value)
    if text == "" and setting.default is None:
        return None  # as an empty environment variable
    return _parse(setting, setting.name, text)


def _text_of(value: object) -> str | None:
    """How ``value`` would be written in the environment; ``None`` if it can't be."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bool, int, float)):
        return str(value)
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        return path if isinstance(path, str) else None
    if isinstance(value, Mapping):
        parts = [f"{_text_of(key)}={_text_of(rate)}" for key, rate in value.items()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        if not all(isinstance(part, str) for part in value):
            return None
        parts = [str.__str__(part) for part in value]
    else:
        return None
    # A comma would make two of one.
    return None if any("," in part for part in parts) else ",".join(parts)
