"""Templates → files: what each generated file must hold, by its path in the tree."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from telemetry.generate import markdown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetry.generate.registry import Attribute, Field, Registry

__all__ = ["render"]

_TEMPLATES: Final = Path(__file__).with_name("templates")
#: Template, by the file that it makes.
_FILES: Final = {
    "cortex_otel/semconv.py": "semconv.py.j2",
    "cortex_otel/process/allow_list.py": "allow_list.py.j2",
    "cortex_otel/process/columns.py": "columns.py.j2",
    "cortex_otel/instrument/event_types.py": "event_types.py.j2",
    "cortex_otel/instrument/events.py": "events.py.j2",
    "cortex_otel/instrument/clients.py": "clients.py.j2",
    "cortex_otel/receive/declared.py": "declared.py.j2",
    "cortex_otel/query/named_metrics.py": "named_metrics.py.j2",
    "cortex_otel/query/sql/shared/declared_uses.sql": "declared_uses.sql.j2",
    "cortex_otel/query/sql/shared/known_tiers.sql": "known_tiers.sql.j2",
    "cortex_otel/query/sql/shared/paying_tiers.sql": "paying_tiers.sql.j2",
    "cortex_otel/query/sql/shared/measure_keys.sql": "measure_keys.sql.j2",
    "cortex_otel/show/labels.py": "labels.py.j2",
    "exporters/cortex_otel_exporters/vocabulary.py": "vocabulary.py.j2",
    "extension/src/semconv.ts": "semconv.ts.j2",
    "extension/src/allowed.ts": "allowed.ts.j2",
    "extension/src/eventTypes.ts": "eventTypes.ts.j2",
    "extension/src/events.ts": "events.ts.j2",
    "docs/reference/attributes.md": "attributes.md.j2",
    "docs/reference/events.md": "events.md.j2",
    "docs/reference/recorded-fields.md": "recorded-fields.md.j2",
}
_SOURCE: Final = "telemetry/registry"
_LINE: Final = 100
_TYPES: Final = {
    "flag": "bool", "count": "int", "number": "float", "text": "str", "stack": "str",
    "label": "str", "error_name": "str", "shape": "Mapping[str, object]",
}  # fmt: skip
_CHECKS: Final = {
    "token": "isLabel", "label": "isLabel", "name": "isName", "feature": "isName",
    "number": "isNumber", "flag": "isFlag", "error_type": "isErrorType", "location": "isLocation",
    "id": "isId", "digest": "isDigest",
}  # fmt: skip


def render(registry: Registry, root: Path) -> dict[str, str]:
    """Make every file.

    Args:
        registry: free of problems.
        root: of the tree, whose formatter's settings hold.

    Returns:
        Contents by path below ``root``.
    """
    environment = Environment(  # noqa: S701 - code and Markdown, not HTML
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {name: getattr(markdown, name) for name in markdown.__all__} | {
        "doc": _docstring, "camel_type": _typescript_type, "type": _python_type, "quoted": _quoted,
        "comment": _comment, "default": _default, "sentence": _sentence, "js": _js,
        "tuple": _tuple, "set": _set,
        "check": _check, "sc": lambda constant: f"sc.{constant}",
        "used_in": lambda attribute: ", ".join(registry.users(attribute)),
        "constant": lambda key: registry.attributes[key].constant,
    }  # fmt: skip
    made = {
        path: environment.get_template(template).render(registry=registry, source=_SOURCE)
        for path, template in _FILES.items()
    }
    return made | _formatted({p: t for p, t in made.items() if p.endswith(".py")}, root)


def _formatted(made: dict[str, str], root: Path) -> dict[str, str]:
    ruff = Path(sys.executable).with_name("ruff")
    formatted = {}
    for path, text in made.items():
        done = subprocess.run(  # noqa: S603 - the project's own formatter
            [ruff, "format", "--no-cache", "--stdin-filename", path, "-"],
            cwd=root,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SyntaxError(f"{path}: {done.stderr}")
        formatted[path] = done.stdout
    return formatted


def _quoted(text: object) -> str:
    return json.dumps(text, ensure_ascii=False)


def _tuple(items: Iterable[object]) -> str:
    found = list(map(str, items))
    return f"({', '.join(found)}{',' if len(found) == 1 else ''})"


def _set(items: Iterable[object]) -> str:
    return f"{{{', '.join(map(str, items))}}}"


def _js(value: object) -> str:
    return "'" + value.replace("'", "\\'") + "'" if isinstance(value, str) else json.dumps(value)


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:] if text[0].isalpha() else text
    return text if text.endswith((".", "?")) else f"{text}."


def _docstring(text: str, indent: int = 0) -> str:
    """``text`` as the inside of a docstring, wrapped; further lines are indented."""
    lines = textwrap.wrap(
        text.replace("`", "``"), _LINE - indent - 4, break_on_hyphens=False, break_long_words=False
    )
    return ("\n" + " " * indent).join(lines)


def _comment(text: str, indent: int = 0, prefix: str = " * ") -> str:
    """``text`` as lines of a comment; the first one without its prefix."""
    lines = textwrap.wrap(
        text, _LINE - indent - len(prefix), break_on_hyphens=False, break_long_words=False
    )
    return ("\n" + " " * indent + prefix).join(lines)


def _python_type(field: Field) -> str:
    if field.kind == "choice":
        return f"Literal[{', '.join(map(_quoted, field.choices))}]"
    if field.attribute.annotations.get("path"):
        return "str | os.PathLike[str]"
    return _TYPES[field.kind]


def _default(field: Field) -> str:
    """What an argument is where it isn't given; ``""`` for one that is needed."""
    if field.required:
        return ""
    return repr(field.annotations.get("default"))


def _check(attribute: Attribute) -> str:
    """The function of the TypeScript client that its values must pass."""
    if attribute.is_closed:
        return f"isOneOf({', '.join(map(_js, attribute.values))})"
    return _CHECKS[attribute.annotations["kept_as"]]


def _typescript_type(field: Field) -> str:
    if field.kind == "choice":
        return " | ".join(map(_js, field.choices))
    return {"flag": "boolean", "count": "number", "number": "number"}.get(field.kind, "string")
