"""Finding out that ``instrument_tool`` stands above ``@mcp.tool()``, where it measures nothing.

mcp 1, mcp 2 and fastmcp 4 register the function they are given and hand it back unchanged; a
decorator above then wraps what nobody calls. It can't be mended from there, so it is said.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

from cortex_otel import guard

__all__ = ["registered_with_a_server", "warn_about_order"]


def _references_of(new: Any) -> int:
    """References to a new function on its way through ``@instrument_tool`` to the check below.

    Measured by the same chain of calls and blocks, because versions of Python differ in it.
    """

    def instrument_tool(function: Any) -> int:
        return decorate(function, name=None)

    def decorate(function: Any, *, name: str | None, is_inner: bool = False) -> int:
        if isinstance(function, (classmethod, staticmethod)):
            return decorate(function.__func__, name=name, is_inner=True)
        try:
            return wrapped(function, name, is_inner=is_inner)
        finally:
            pass

    def wrapped(function: Any, name: str | None, *, is_inner: bool) -> int:
        del name
        return registered(function, is_inner=is_inner)

    def registered(function: Any, *, is_inner: bool) -> int:
        del is_inner
        try:
            return sys.getrefcount(function)
        finally:
            pass

    return instrument_tool(new())


_NEW = _references_of(lambda: lambda: None)
_NEW_INNER = _references_of(lambda: classmethod(lambda _: None))


def registered_with_a_server(function: Any, *, is_inner: bool) -> bool:
    """Whether a tool object of an MCP server already holds ``function``.

    ``is_inner``: it is that of a class or static method, which refers to it.

    Looks at all objects only for a function that more refers to than its definition; that is a
    few milliseconds once, at decoration.
    """
    try:
        return sys.getrefcount(function) > (
            _NEW_INNER if is_inner else _NEW
        ) and _is_held_by_a_tool(function)
    except Exception as error:  # noqa: BLE001 - a check is not worth a host's start-up
        guard.swallowed("instrument_tool.order", error)
        return False


def _is_held_by_a_tool(function: Any) -> bool:
    return any(
        # By their types: `isinstance` would ask proxies of the host what they stand for.
        issubclass(type(holder), dict)
        and dict.get(holder, "fn") is function
        and dict.__contains__(holder, "parameters")
        and dict.__contains__(holder, "name")
        for holder in gc.get_referrers(function)
    )


def warn_about_order(name: str) -> None:
    """Say once a tool what to do."""
    guard.warn_once(
        f"order {name}",
        "tool %s: @instrument_tool stands above @mcp.tool(), so the names and types of its "
        "parameters are not recorded, nor its calls where no MCP server is hooked. "
        "Put @mcp.tool() on top and @cortex_otel.instrument_tool directly on the function.",
        name,
    )
