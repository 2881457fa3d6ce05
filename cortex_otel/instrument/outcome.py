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

__all__ = [
    "INVALID_PARAMS", "NOT_RUN", "OK", "RESULT_OF", "Verdict", "cause_of", "judge_error",
    "judge_tool_error", "says_not_found",
]  # fmt: skip

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
# Raised on purpose, by a tool or by what stands before it: a refusal, no crash.
_REFUSALS: Final = _WRAPPERS | _RPC_ERRORS | {"FastMCPError"}
_STACKS: Final = frozenset({"mcp", "fastmcp"})
# Packages above the tool's own code: a ValidationError that has passed through no other is about
# the arguments.
_ABOVE: Final = frozenset(
    {
        "mcp", "mcp_types", "fastmcp", "pydantic", "pydantic_core", "jsonschema", "anyio",
        "asyncio", "concurrent", "contextlib", "functools", "threading", "typing", "wrapt",
        "cortex_otel",
    }
)  # fmt: skip
# Modules of the stacks that call what a host puts around its tools; all others call a tool.
_TRANSFORMED: Final = "fastmcp.tools.tool_transform"
_AROUND: Final = (
    "fastmcp.server.low_level",
    "fastmcp.server.middleware",
    "fastmcp.server.server",
    "mcp.server.extension",
    "mcp.server.runner",
    _TRANSFORMED,
)
#: What a stack does with the result of a tool.
_AFTER: Final = frozenset({"convert_result", "_convert_to_content"})
_MAX_WRAPPERS = 8
INVALID_PARAMS: Final = -32602
_METHOD_NOT_FOUND: Final = -32601
_RESOURCE_NOT_FOUND: Final = -32002
#: What the client did wrong: a server should not count it among its errors.
#: https://github.com/open-telemetry/semantic-conventions-genai
_CLIENT_CODES: Final = frozenset(
    {-32700, -32600, _METHOD_NOT_FOUND, INVALID_PARAMS, _RESOURCE_NOT_FOUND}
)


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
#: The client was given the name of a generator or coroutine object: the tool's body never ran.
NOT_RUN: Final = Verdict("crash", "not_run", is_soft=True)


def cause_of(error: BaseException) -> BaseException:
    """What the tool raised, below what the stack wrapped around it."""
    return _unwrapped(error)[-1]


def _unwrapped(error: BaseException) -> list[BaseException]:
    errors = [error]
    while len(errors) <= _MAX_WRAPPERS and _is_of_stack(errors[-1], _WRAPPERS):
        cause = errors[-1].__cause__
        if cause is None:
            break
        errors.append(cause)
    return errors


def judge_tool_error(error: BaseException | None, *, is_known: bool) -> Verdict:
    """A result with ``isError``.

    Args:
        error: the exception behind it, as the stack saw it; ``None`` if there was none.
        is_known: whether the server has a tool of this name.
    """
    if error is None:
        return Verdict("tool_error", sc.ERROR_TYPE_TOOL_ERROR)
    is_known = is_known and not says_not_found(error)
    return Verdict(
        _outcome_of(error, is_known=is_known), sc.ERROR_TYPE_TOOL_ERROR, exception=cause_of(error)
    )


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
        error = real
    outcome = "rpc_error"
    if error is not None and _is_about_arguments(error):
        outcome = "validation"
    elif error is not None and (is_known or isinstance(real, TimeoutError)):
        outcome = _outcome_of(error, is_known=True)
    elif code == INVALID_PARAMS and is_known is not None:
        outcome = "validation" if is_known else "unknown_tool"
    return Verdict(
        "rpc_error" if outcome == "tool_error" else outcome,
        str(code) if code is not None else _name_of(real),
        str(code) if code is not None else "",
        real,
        is_clients_fault=code in _CLIENT_CODES,
    )


def says_not_found(error: BaseException) -> bool:
    """Whether a server says so of what it doesn't have; what a tool raises, it wraps."""
    return _is_of_stack(error, _NOT_FOUND)


def _outcome_of(error: BaseException, *, is_known: bool) -> str:
    real = cause_of(error)
    if isinstance(real, TimeoutError):
        return "timeout"
    if not is_known:
        return "unknown_tool"
    if _is_about_arguments(error):
        return "validation"
    if _is_of_stack(real, _REFUSALS):
        return "tool_error"
    return "crash"


def _is_about_arguments(error: BaseException) -> bool:
    """Whether the arguments were refused before the tool ran: by its schema, or on purpose."""
    errors = _unwrapped(error)
    kind = type(errors[-1])
    if kind.__name__ == "ValidationError":
        # A stack's own is raised on purpose; another's may be a mistake of what is around a tool.
        may_be_around = kind.__module__.partition(".")[0] in _STACKS
    elif kind is TypeError:
        # Of transformed tools, that don't leave it to pydantic; a tool may raise one by itself.
        may_be_around = False
        if not _innermost(errors[-1].__traceback__).startswith(_TRANSFORMED):
            return False
    else:
        return False
    places = {_reached(one.__traceback__) for one in errors}
    return "tool" not in places and (may_be_around or "around" not in places)


def _is_of_stack(error: BaseException, names: frozenset[str]) -> bool:
    return any(
        base.__name__ in names and base.__module__.partition(".")[0] in _STACKS
        for base in type(error).__mro__
    )


def _reached(traceback: TracebackType | None) -> str:
    """Whose code ``traceback`` got to: ``stack``, ``tool``, or what a host has ``around`` it.

    Middleware and transforms are the host's as well. They are told from a tool by who called them,
    and by the stack's going on below them.
    """
    caller, place = "", "stack"
    while traceback is not None:
        module = _module_of(traceback)
        package = module.partition(".")[0]
        if package in _STACKS:
            if traceback.tb_frame.f_code.co_name in _AFTER:
                return "tool"  # which has returned by then
            caller, place = module, "stack"
        elif package not in _ABOVE:
            if not caller.startswith(_AROUND):
                return "tool"
            place = "around"
        traceback = traceback.tb_next
    return place


def _innermost(traceback: TracebackType | None) -> str:
    module = ""
    while traceback is not None:
        module, traceback = _module_of(traceback), traceback.tb_next
    return module


def _module_of(traceback: TracebackType) -> str:
    return str(traceback.tb_frame.f_globals.get("__name__", ""))


def _name_of(error: BaseException | None) -> str:
    return "_OTHER" if error is None else type(error).__qualname__
