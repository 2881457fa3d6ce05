"""What became of an MCP request, told apart finer than success and error.

The stacks blur it: a crash, a wrong argument and an unknown tool all reach the client as a result
with ``isError``, and a cancelled call is nobody's error. What tells them apart is the exception the
tool raised, which the adapters of :mod:`.stacks` catch on its way, and the names the server has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["OK", "RESULT_OF", "Verdict", "cause_of", "judge_error", "judge_tool_error"]

#: ``result`` of a row by outcome.
RESULT_OF: Final = {
    "ok": "success",
    "input_required": "success",
    "cancelled": "cancelled",
    "transport_closed": "cancelled",
    "timeout": "timeout",
    **dict.fromkeys(("tool_error", "validation", "unknown_tool", "crash", "rpc_error"), "error"),
}

# What a stack wraps around the exception of a tool. Only these are unwrapped: the deepest cause
# of a time-out is a CancelledError.
_WRAPPERS: Final = frozenset(
    {
        "ToolError",
        "UnexpectedToolError",
        "ResourceError",
        "UnexpectedResourceError",
        "PromptError",
        "_ToolBodyError",
    }
)
_RPC_ERRORS: Final = frozenset({"McpError", "MCPError"})
_NOT_FOUND: Final = frozenset({"NotFoundError", "DisabledError", "ResourceNotFoundError"})
_STACKS: Final = frozenset({"mcp", "fastmcp"})
# Packages above the tool's own code: a ValidationError that has passed through no other is about
# the arguments.
_ABOVE: Final = frozenset(
    {
        "mcp", "fastmcp", "pydantic", "pydantic_core", "jsonschema", "anyio", "asyncio",
        "concurrent", "contextlib", "functools", "threading", "typing", "wrapt", "cortex_otel",
    }
)  # fmt: skip
_MOST_WRAPPERS = 8
_INVALID_PARAMS: Final = -32602
_METHOD_NOT_FOUND: Final = -32601
#: The codes JSON-RPC reserves for what the client did wrong.
_CLIENT_CODES: Final = frozenset({-32700, -32600, _METHOD_NOT_FOUND, _INVALID_PARAMS})


class Verdict(NamedTuple):
    """What became of a request."""

    outcome: str
    error_type: str = ""
    """``error.type`` by the MCP conventions: the JSON-RPC code, or ``tool_error``."""
    code: str = ""
    """``rpc.response.status_code``, where the answer is a JSON-RPC error."""
    exception: BaseException | None = None
    """What the tool itself raised."""
    is_clients_fault: bool = False
    """A JSON-RPC error that says the request was wrong."""
    is_soft: bool = False
    """The text of the result told the error, its ``isError`` did not."""


OK: Final = Verdict("ok")


def cause_of(error: BaseException) -> BaseException:
    """What the tool raised, below what the stack wrapped around it."""
    for _ in range(_MOST_WRAPPERS):
        cause = error.__cause__
        if cause is None or not _is_of_stack(error, _WRAPPERS):
            break
        error = cause
    return error


def judge_tool_error(error: BaseException | None, *, is_known: bool) -> Verdict:
    """A result with ``isError``.

    Args:
        error: the exception behind it, as the stack saw it; ``None`` if there was none.
        is_known: whether the server has a tool of this name.
    """
    if error is None:
        return Verdict("tool_error", sc.ERROR_TYPE_TOOL_ERROR)
    return Verdict(
        _outcome_of(cause_of(error), is_known=is_known), sc.ERROR_TYPE_TOOL_ERROR,
        exception=cause_of(error),
    )  # fmt: skip


def judge_error(code: int | None, error: BaseException | None, *, is_known: bool | None) -> Verdict:
    """An answer that is a JSON-RPC error.

    Args:
        code: its code, where it is known.
        error: the exception behind it.
        is_known: whether the server has a tool of this name; ``None`` if no tool was called.
    """
    real = cause_of(error) if error is not None else None
    if real is not None and _is_of_stack(real, _RPC_ERRORS):
        # Not the tool's own exception but the answer itself; a time-out of fastmcp is its cause.
        real = real.__cause__ if isinstance(real.__cause__, TimeoutError) else None
    outcome = "rpc_error"
    if real is not None and (is_known or isinstance(real, TimeoutError)):
        outcome = _outcome_of(real, is_known=True)
    elif code == _INVALID_PARAMS and is_known is not None:
        outcome = "validation" if is_known else "unknown_tool"
    return Verdict(
        "rpc_error" if outcome == "tool_error" else outcome,
        str(code) if code is not None else _name_of(real),
        str(code) if code is not None else "",
        real,
        is_clients_fault=code in _CLIENT_CODES,
    )


def _outcome_of(error: BaseException, *, is_known: bool) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if not is_known or _is_of_stack(error, _NOT_FOUND):
        return "unknown_tool"
    if _is_of_stack(error, _WRAPPERS):
        return "tool_error"  # raised by the tool on purpose
    if type(error).__name__ == "ValidationError" and not _reached_the_tool(error.__traceback__):
        return "validation"
    return "crash"


def _is_of_stack(error: BaseException, names: frozenset[str]) -> bool:
    return any(
        base.__name__ in names and base.__module__.partition(".")[0] in _STACKS
        for base in type(error).__mro__
    )


def _reached_the_tool(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in _ABOVE:
            return True
        traceback = traceback.tb_next
    return False


def _name_of(error: BaseException | None) -> str:
    return "_OTHER" if error is None else type(error).__qualname__
