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


def _references_of_a_new_function() -> int:
    """References to a function on its way through ``@instrument_tool`` to the check below.

    Measured by the same chain of calls, because versions of Python differ in it.
    """

    def instrument_tool(function: Any) -> int:
        return decorate(function, name=None)

    def decorate(function: Any, *, name: str | None) -> int:
        del name
        return registered(function)

    def registered(function: Any) -> int:
        return sys.getrefcount(function)

    return instrument_tool(lambda: None)


_NEW = _references_of_a_new_function()


def registered_with_a_server(function: Any) -> bool:
    """Whether a tool object of an MCP server already holds ``function``.

    Looks at all objects only for a function that more refers to than its definition; that is a
    few milliseconds once, at decoration.
    """
    try:
        if sys.getrefcount(function) <= _NEW:
            return False
        return any(
            isinstance(holder, dict)
            and holder.get("fn") is function
            and "parameters" in holder
            and "name" in holder
            for holder in gc.get_referrers(function)
        )
    except Exception as error:  # noqa: BLE001 - a check is not worth a host's start-up
        guard.swallowed("instrument_tool.order", error)
        return False


def warn_about_order(name: str) -> None:
    """Say once a tool what to do."""
    guard.warn_once(
        f"order {name}",
        "tool %s: @instrument_tool stands above @mcp.tool(), so its calls are not recorded. "
        "Put @mcp.tool() on top and @cortex_otel.instrument_tool directly on the function.", name,
    )  # fmt: skip
