"""Detecting that ``instrument_tool`` is above ``@mcp.tool()``, where it measures nothing.

mcp 1, mcp 2 and fastmcp 4 register the function they are given and return it unchanged; a decorator
above then wraps a function that is never called. It can't fix that, so it logs a warning.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

from cortex_otel import guard

__all__ = ["registered_with_a_server", "warn_about_order"]


def _references_of(new: Any) -> int:
    """Reference count of a new function on its way through ``@instrument_tool`` to the check below.

    Measured by the same chain of calls and blocks, because it differs between Python versions.
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

    Searches all objects only if the function has more references than a new one; that takes a few
    milliseconds once, at decoration.

    Args:
        function: the tool.
        is_inner: it is that of a class or static method, which refers to it.
    """
    try:
        return sys.getrefcount(function) > (
            _NEW_INNER if is_inner else _NEW
        ) and _is_held_by_a_tool(function)
    except Exception as error:  # noqa: BLE001 - a check must not fail a host's start
        guard.swallowed("instrument_tool.order", error)
        return False


def _is_held_by_a_tool(function: Any) -> bool:
    return any(
        # By type: `isinstance` would call into the host's proxies.
        issubclass(type(holder), dict)
        and dict.get(holder, "fn") is function
        and dict.__contains__(holder, "parameters")
        and dict.__contains__(holder, "name")
        for holder in gc.get_referrers(function)
    )


def warn_about_order(name: str) -> None:
    """Log once per tool how to fix the order."""
    guard.warn_once(
        f"order {name}",
        "tool %s: @instrument_tool stands above @mcp.tool(), so the names and types of its "
        "parameters are not recorded, nor its calls where no MCP server is hooked. "
        "Put @mcp.tool() on top and @cortex_otel.instrument_tool directly on the function.",
        name,
    )
