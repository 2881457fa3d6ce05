"""Hooks where a stack calls a tool by name: for unlisted tools, and calls without a client.

A server may have tools that it doesn't list (hidden, filtered, registered meanwhile), and a program
may call a tool of its own server by :meth:`call_tool`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from cortex_otel import guard
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.outcome import OK, Verdict, judge_tool_error, says_not_found
from cortex_otel.instrument.stacks.shared import verdict_of_content
from cortex_otel.instrument.tool_names import tool_names_of

if TYPE_CHECKING:
    from types import ModuleType

    from cortex_otel.instrument.patches import Patches
    from cortex_otel.instrument.request import McpRequest

__all__ = ["adapt_conversion", "adapt_manager", "call_by_name"]


def adapt_manager(patches: Patches, module: ModuleType) -> None:
    """Hook the ``tool_manager`` of mcp 1 and 2."""
    patches.replace(module.ToolManager, "call_tool", call_by_name)


def adapt_conversion(patches: Patches, module: ModuleType) -> None:
    """Hook where a result becomes content: ``func_metadata`` of mcp, ``tool`` of fastmcp 2."""
    if hasattr(module, "FuncMetadata"):
        patches.replace(module.FuncMetadata, "convert_result", note_result)
    else:
        patches.replace(module, "_convert_to_content", note_result)


def call_by_name(original: Any) -> Any:
    """Wrap ``call_tool(self, name, …)`` of a server or tool manager."""

    async def call_tool(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        request = requests.current()
        if request is not None:
            return await _call(original, request, self, name, *args, **kwargs)
        request = requests.begin_in_process(tool_names_of(self), name)
        if request is None:
            return await original(self, name, *args, **kwargs)
        try:
            result = await _call(original, request, self, name, *args, **kwargs)
        except BaseException as error:
            request.end(_verdict_of(request, error))
            raise
        request.end(_verdict_of_result(request, result))
        return result

    return call_tool


async def _call(
    original: Any, request: McpRequest, server: Any, name: str, *args: Any, **kwargs: Any
) -> Any:
    try:
        result = await original(server, name, *args, **kwargs)
    except BaseException as error:
        request.exception = error
        if name == request.target:
            _learn(request, server, name, error)
        raise
    request.exception = None  # one that this tool has caught from a tool it called
    return result


def _learn(request: McpRequest, server: Any, name: str, error: BaseException) -> None:
    try:
        tools = getattr(server, "_tools", None)  # a manager's: the stack has no API for it
        has_tool = name in tools if isinstance(tools, dict) else not says_not_found(error)
        if has_tool:
            request.learn()
    except Exception as fault:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.tools.learn", fault)


def _verdict_of(request: McpRequest, error: BaseException) -> Verdict:
    try:
        if isinstance(error, Exception):
            return judge_tool_error(error, is_known=request.is_known)
    except Exception as fault:  # noqa: BLE001 - the host's call
        guard.swallowed("mcp_server.tools.error", fault)
    return Verdict("cancelled")


def _verdict_of_result(request: McpRequest, result: Any) -> Verdict:
    """The verdict on what a program got: a result, its content, or content and structured data."""
    try:
        request.learn()
        if getattr(result, "is_error", None) is True or getattr(result, "isError", None) is True:
            return judge_tool_error(None, is_known=True)
        content = result[0] if isinstance(result, tuple) and result else result
        return verdict_of_content(request, getattr(content, "content", content))
    except Exception as fault:  # noqa: BLE001 - the host's call
        guard.swallowed("mcp_server.tools.result", fault)
        return OK


def note_result(original: Any) -> Any:
    """Wrap a function that converts a tool's result, its last positional argument, to content."""

    def convert(*args: Any, **kwargs: Any) -> Any:
        result = args[-1] if args else None
        if inspect.isasyncgen(result) or inspect.iscoroutine(result):
            request = requests.current()
            if request is not None:
                request.unrun_repr = repr(result)
        return original(*args, **kwargs)

    return convert
