"""Thresholds of alerts: from the environment, else from a TOML file that people may edit.

``alerts.toml`` in the home has a line for each that isn't the default::

    error_rate = 0.05            # share of failed events
    response_ms = 1000           # average duration
    window_minutes = 5           # that both are of
    min_events = 10              # in it
    disk_free_mb = 1024
    rules = ["error_rate", "response_time", "service_down", "store", "job", "disk"]
    services = ["mcp"]           # none: all
    quiet_hours = "22:00-08:00"  # in the project's time zone

A variable ``CORTEX_OTEL_ALERT_…`` of the environment wins over its line. Saving changes lines and
leaves the rest of the file, with its comments, as it is.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.locale import N_
from cortex_otel.query.toml_file import TomlFileError, quoted, replace, tables_of, text_of
from cortex_otel.settings import ALERT_RULES, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FILE_NAME", "KEYS", "AlertRules", "RulesRead", "read_rules", "save_rules"]

FILE_NAME: Final = "alerts.toml"
_BEGINNING: Final = "# Alerts of cortex-otel serve; CORTEX_OTEL_ALERT_… in its environment win.\n"
#: One writer at a time in this process; the file is replaced as a whole, so readers need no lock.
_writing = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """What is alerted of, and from when on; each is described in the reference of settings."""

    error_rate: float = 0.05
    response_ms: float = 1000.0
    window_minutes: int = 5
    min_events: int = 10
    disk_free_mb: int = 1024
    rules: tuple[str, ...] = ALERT_RULES
    services: tuple[str, ...] = ()
    quiet_hours: str = ""


KEYS: Final = tuple(each.name for each in fields(AlertRules))
"""Of the file; the setting of ``error_rate`` is ``alert_error_rate``."""
_SETTINGS: Final = {
    each.name.removeprefix("alert_"): each
    for each in fields(Settings)
    if each.name.removeprefix("alert_") in KEYS
}


@dataclass(frozen=True, slots=True)
class RulesRead:
    """The rules, and where each is from."""

    rules: AlertRules = field(default_factory=AlertRules)
    from_environment: Mapping[str, str] = field(default_factory=dict)
    """Keys that the file can't change, with the variable that says them."""
    problems: tuple[TomlFileError, ...] = ()
    """Of the file as a whole, or of lines in it, which are left out."""


def read_rules(path: Path, settings: Settings) -> RulesRead:
    """The rules that hold: of the environment, else of the file at ``path``. Never raises."""
    values: dict[str, Any] = {}
    problems: list[TomlFileError] = []
    try:
        text = text_of(path)
        found = tables_of(path, text)
    except TomlFileError as problem:
        text, found = "", {}
        problems.append(problem)
    for key, value in found.items():
        try:
            values[key] = _checked(key, value)
        except TomlFileError as problem:
            problems.append(
                TomlFileError(
                    N_("{path}, line {line}: {problem}"),
                    path=path,
                    line=_line_of(text, key),
                    problem=problem,
                )
            )
    given = {
        key: value for key in KEYS if (value := getattr(settings, _SETTINGS[key].name)) is not None
    }
    return RulesRead(
        AlertRules(**{**values, **given}),
        {key: _SETTINGS[key].metadata["environment"] for key in given},
        tuple(problems),
    )


def save_rules(path: Path, values: Mapping[str, Any]) -> None:
    """Write ``values`` by key, in place of those that are there.

    Raises:
        TomlFileError: a value makes no sense, or the file is broken; it is left as it is.
        OSError: it can't be written.
    """
    checked = {key: _checked(key, value) for key, value in values.items()}
    with _writing:
        text = text_of(path)
        found = tables_of(path, text)
        changed = text or _BEGINNING
        for key, value in checked.items():
            line = f"{key} = {_written(value)}"
            place = _place(key).search(changed)
            if place is None:
                # Before the first table: below it, the line would be of that.
                table = re.search(r"^[ \t]*\[", changed, re.MULTILINE)
                at = table.start() if table else len(changed)
                gap = "" if changed[:at].endswith("\n") or not at else "\n"
                changed = f"{changed[:at]}{gap}{line}\n{changed[at:]}"
            else:
                changed = changed[: place.start()] + line + place["rest"] + changed[place.end() :]
        plain = {key: list(each) if isinstance(each, tuple) else each
                 for key, each in checked.items()}  # fmt: skip
        replace(path, changed, {**found, **plain})


def _checked(key: str, value: object) -> Any:
    """``value`` as the setting has it.

    Raises:
        TomlFileError: it makes no sense.
    """
    if key not in _SETTINGS:
        raise TomlFileError(
            N_("there is no {key}: use {known}"), key=str(key)[:64], known=", ".join(KEYS)
        )
    setting = _SETTINGS[key]
    expected = type(getattr(AlertRules(), key))
    kinds: tuple[type, ...] = {float: (float, int), tuple: (list, tuple)}.get(expected, (expected,))
    try:
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ValueError  # noqa: TRY004, TRY301 - the same answer
        if isinstance(value, (list, tuple)):
            if not all(isinstance(each, str) and "," not in each for each in value):
                raise ValueError  # noqa: TRY301 - the same answer
            value = ",".join(value)
        return setting.metadata["parse"](str(value))
    except (ValueError, OverflowError):
        raise TomlFileError(
            N_("the value of {key} is invalid: allowed is {allowed}"),
            key=key,
            allowed=setting.metadata["allowed"],
        ) from None


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(quoted, value))}]"
    if isinstance(value, str):
        return quoted(value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _place(key: str) -> re.Pattern[str]:
    """The line of ``key``, with what stands behind its value."""
    value = r"""(?:"[^"\n]*"|\[[^\]\n]*\]|[^\s#"\[]+)"""
    return re.compile(rf"^[ \t]*{key}[ \t]*=[ \t]*{value}(?P<rest>[^\n]*)$", re.MULTILINE)


def _line_of(text: str, key: str) -> int:
    found = re.search(rf"^[ \t]*\[*[\"']?{re.escape(key)}\b", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1
