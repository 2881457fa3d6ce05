"""What the reference pages say of an attribute, a field or an event, beside its own words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetry.generate.registry import Attribute, Event, Field

__all__ = ["anchor", "cell", "code", "doors", "feature", "meaning", "value", "yes"]

_VALUES = {
    "flag": "flag", "count": "whole number from 0", "label": "name", "error_name": "class or code",
    "text": "text", "shape": "names and types", "stack": "printed stack",
}  # fmt: skip


def cell(text: str) -> str:
    """``text`` in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """``text`` in the type of code."""
    return f"`{text}`"


def yes(value: object) -> str:
    """``yes`` or ``no``."""
    return "yes" if value else "no"


def anchor(heading: str) -> str:
    """What a heading is linked by."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def meaning(attribute: Attribute) -> str:
    """Its brief, and its values where there are no others."""
    if not attribute.is_closed:
        return attribute.brief
    return f"{attribute.brief} One of {_listed(attribute.values)}."


def feature(event: Event) -> str:
    """What its ``cortex.feature`` is made of."""
    found = event.annotations["feature"]
    if not found:
        return "-"
    if isinstance(found, dict):
        return f"{_listed(found['words'].values())}, by {code(found['from'])}"
    return _listed(found)


def value(field: Field) -> str:
    """What it must be."""
    if field.kind == "choice":
        return _listed(field.choices)
    least, most = field.bounds
    if field.kind == "number":
        return "number" if most is None else f"number from {least} to {most}"
    return _VALUES[field.kind]


def doors(event: Event) -> list[str]:
    """How it comes in, a line each."""
    client, method = f"get_{event.client}_telemetry_client()", event.method
    own = event.annotations["typescript"]
    typescript = "[a method of its own](../how-to/extension.md)" if own else ""
    said = {
        "python": f"Python: `events.{event.function}(…)`",
        "facade": f"Python client: `{client}.{method}(…)`",
        "json": "Plain JSON: `POST " + (event.route if event.annotations["service"] else "") + "`",
        "otlp": f"OTLP: a log record with `event_name` `{event.name}`, or a span with it as "
        "`cortex.event.type`",
        "typescript": f"TypeScript: {typescript or f'`telemetry.{event.camel}({{…}})`'}",
    }
    return [said[door] for door in event.annotations["doors"]]


def _listed(words: Iterable[object]) -> str:
    return ", ".join(map(code, words))
