"""Reads a server's source for tools whose calls are not recorded, without running it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from cortex_otel.doctor.findings import ok, problem, warning
from cortex_otel.locale import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cortex_otel.doctor.findings import Finding

__all__ = ["read_source"]

_MAX_BYTES = 2 << 20


def read_source(path: Path) -> Iterator[Finding]:
    """Tools of the file at ``path``: decorators in the wrong order, async generators."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return  # starting the server will report it
    tools = 0
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        names = [_name(decorator) for decorator in node.decorator_list]
        if "tool" not in names:
            continue
        tools += 1
        where = f"{path.name}:{node.lineno}"
        if "instrument_tool" in names[: names.index("tool")]:
            yield problem(
                "order",
                _(
                    "tool {tool} ({where}): @instrument_tool is above @mcp.tool(), so the "
                    "names and types of its parameters are not recorded (nor are its calls "
                    "where no MCP server is hooked): put it directly on the function"
                ),
                tool=node.name,
                where=where,
            )
        if isinstance(node, ast.AsyncFunctionDef) and _yields(node):
            yield warning(
                "async_generator",
                _(
                    "tool {tool} ({where}) is an async generator, which MCP servers don't "
                    "send as a stream: return a value"
                ),
                tool=node.name,
                where=where,
            )
    if tools:
        yield ok(
            "tools_read",
            ngettext("{count} tool found in {file}", "{count} tools found in {file}", tools),
            count=tools,
            file=path.name,
        )


def _name(decorator: ast.expr) -> str:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    match decorator:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _yields(function: ast.AsyncFunctionDef) -> bool:
    """Whether the function itself yields; inner functions don't count."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            pending += ast.iter_child_nodes(node)
    return False
