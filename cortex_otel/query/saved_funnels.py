"""Funnels saved by name, in a TOML file that people may edit.

``funnels.toml`` in the home has a table for each::

    ["Search to paid"]
    steps = ["mcp.search_context", "tier:paid"]
    within = "7d"
    order = "ordered"
    exclude = ["ext.error"]
    breakdown = "tier"

All but ``steps`` may be left out. Saving and deleting change one table and leave the rest of the
file, with its comments, as it is.
"""

from __future__ import annotations

import contextlib
import re
import threading
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.locale import N_
from cortex_otel.query.toml_file import TomlFileError as SavedFunnelsError
from cortex_otel.query.toml_file import quoted, replace, tables_of, text_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "FILE_NAME",
    "MAX_FUNNELS",
    "SavedFunnel",
    "SavedFunnels",
    "SavedFunnelsError",
    "delete_funnel",
    "read_funnels",
    "save_funnel",
]

FILE_NAME: Final = "funnels.toml"
MAX_FUNNELS: Final = 200
MAX_NAME_LENGTH: Final = 80
_WITHIN = re.compile(r"[1-9]\d{0,5}[smhdw]")
_HEADING = re.compile(r"^[ \t]*\[(?!\[)[^\n]*\]", re.MULTILINE)
_BEGINNING = "# Saved funnels, one table each. Steps: event types, event_type:feature, tier:NAME.\n"
#: One writer at a time in this process; the file is replaced as a whole, so readers need no lock.
_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class SavedFunnel:
    """One funnel, as it is asked."""

    name: str
    steps: tuple[str, ...]
    within: str = "7d"
    """An age: ``12h``, ``7d``, ``2w``."""
    order: str = "ordered"
    exclude: tuple[str, ...] = ()
    breakdown: str = ""

    def __post_init__(self) -> None:
        """Check the form; whether it can be answered is for who asks.

        Raises:
            SavedFunnelsError: what to change.
        """
        name = self.name
        if name != name.strip() or not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
            raise SavedFunnelsError(
                N_("a funnel needs a name of 1 to {most} characters on one line"),
                most=MAX_NAME_LENGTH,
            )
        if not self.steps:
            raise SavedFunnelsError(N_("the funnel {name} needs steps"), name=name)
        if not _WITHIN.fullmatch(self.within):
            raise SavedFunnelsError(
                N_("within of {name} isn't a time: use one like 12h, 7d or 2w"), name=name
            )


@dataclass(frozen=True, slots=True)
class SavedFunnels:
    """What the file holds."""

    funnels: dict[str, SavedFunnel] = field(default_factory=dict)
    problems: tuple[SavedFunnelsError, ...] = ()
    """Of the file as a whole, or of tables in it, which are left out."""


def read_funnels(path: Path) -> SavedFunnels:
    """Every funnel in the file at ``path``; none if there is no file. Never raises."""
    try:
        text = text_of(path)
        tables = tables_of(path, text)
    except SavedFunnelsError as problem:
        return SavedFunnels(problems=(problem,))
    funnels, problems = {}, []
    for name, table in tables.items():
        try:
            funnels[name] = _funnel(name, table)
        except SavedFunnelsError as problem:
            problems.append(
                SavedFunnelsError(
                    N_("{path}, line {line}: {problem}"),
                    path=path,
                    line=_line_of(text, name),
                    problem=problem,
                )
            )
    return SavedFunnels(funnels, tuple(problems))


def save_funnel(path: Path, funnel: SavedFunnel) -> None:
    """Write ``funnel``, in place of one of the same name.

    Raises:
        SavedFunnelsError: the file is broken or full; it is left as it is.
        OSError: it can't be written.
    """
    with _writing:
        text = text_of(path)
        tables = tables_of(path, text)
        if funnel.name not in tables and len(tables) >= MAX_FUNNELS:
            raise SavedFunnelsError(
                N_("there are {most} saved funnels: delete one first"), most=MAX_FUNNELS
            )
        start, end = _place(text, funnel.name) or (len(text), len(text))
        before = text[:start] or _BEGINNING
        gap = "" if before.endswith("\n\n") or not text else "\n"
        if not before.endswith("\n"):
            gap = "\n\n"
        rest = f"\n{text[end:]}" if text[end:].strip() else ""
        changed = f"{before}{gap}{_written(funnel)}{rest}"
        replace(path, changed, {**tables, funnel.name: _table(funnel)})


def delete_funnel(path: Path, name: str) -> bool:
    """Remove the funnel ``name``; ``False`` if there is none.

    Raises:
        SavedFunnelsError: the file is broken; it is left as it is.
        OSError: it can't be written.
    """
    with _writing:
        text = text_of(path)
        tables = tables_of(path, text)
        if name not in tables:
            return False
        start, end = _place(text, name) or (0, 0)
        rest = {other: table for other, table in tables.items() if other != name}
        replace(path, text[:start] + text[end:], rest)
        return True


def _funnel(name: str, table: object) -> SavedFunnel:
    if not isinstance(table, dict):
        raise SavedFunnelsError(N_("{name} isn't the table of a funnel"), name=name)
    known = {"steps": list, "within": str, "order": str, "exclude": list, "breakdown": str}
    for key, value in table.items():
        if key not in known:
            raise SavedFunnelsError(
                N_("{name} has an unknown key {key}: use {known}"),
                name=name,
                key=key,
                known=", ".join(known),
            )
        is_list = known[key] is list
        if not isinstance(value, known[key]) or (
            is_list and not all(isinstance(each, str) for each in value)
        ):
            raise SavedFunnelsError(
                N_("{key} of {name} is a list of texts in quotes")
                if is_list
                else N_("{key} of {name} is a text in quotes"),
                name=name,
                key=key,
            )
    return SavedFunnel(
        name=name,
        steps=tuple(table.get("steps", ())),
        within=table.get("within", "7d"),
        order=table.get("order", "ordered"),
        exclude=tuple(table.get("exclude", ())),
        breakdown=table.get("breakdown", ""),
    )


def _table(funnel: SavedFunnel) -> dict[str, Any]:
    table = {
        "steps": list(funnel.steps),
        "within": funnel.within,
        "order": funnel.order,
        "exclude": list(funnel.exclude),
        "breakdown": funnel.breakdown,
    }
    return {key: value for key, value in table.items() if value not in ([], "")}


def _written(funnel: SavedFunnel) -> str:
    lines = [f"[{quoted(funnel.name)}]"]
    for key, value in _table(funnel).items():
        text = f"[{', '.join(map(quoted, value))}]" if isinstance(value, list) else quoted(value)
        lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


def _headings(text: str) -> list[tuple[int, str]]:
    """Where each table begins, and its name."""
    found = []
    for match in _HEADING.finditer(text):
        with contextlib.suppress(tomllib.TOMLDecodeError):
            name, *_ = tomllib.loads(match[0])
            found.append((match.start(), name))
    return found


def _place(text: str, name: str) -> tuple[int, int] | None:
    """Start and end of the table ``name``; comments before the next one belong to that."""
    headings = _headings(text)
    ends = [start for start, _ in headings[1:]] + [len(text)]
    for (start, found), end in zip(headings, ends, strict=False):
        if found == name:
            lines = text[start:end].split("\n")
            while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
                lines.pop()
            return start, min(end, start + len("\n".join(lines)) + 1)
    return None


def _line_of(text: str, name: str) -> int:
    start = next((start for start, found in _headings(text) if found == name), 0)
    return text.count("\n", 0, start) + 1
