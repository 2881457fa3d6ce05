"""Classifying the outcome of an MCP request, in more detail than success and error.

The stacks don't distinguish: a crash, a wrong argument and an unknown tool all reach the client as
a result with ``isError``, and a cancelled call isn't an error. They are distinguished by the
exception that the tool raised, which the adapters of :mod:`.stacks` see, and by the names of the
server's tools.
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

# Exceptions in which a stack wraps a tool's own. Only these are unwrapped: the deepest cause
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
# Raised on purpose, by a tool or by middleware: a refusal, not a crash.
_REFUSALS: Final = _WRAPPERS | _RPC_ERRORS | {"FastMCPError"}
_STACKS: Final = frozenset({"mcp", "fastmcp"})
# Packages that call the tool's own code: a ValidationError raised in these only is about the
# arguments.
_CALLING_PACKAGES: Final = frozenset(
    {
        "mcp", "mcp_types", "fastmcp", "pydantic", "pydantic_core", "jsonschema", "anyio",
        "asyncio", "concurrent", "contextlib", "functools", "threading", "typing", "wrapt",
        "cortex_otel",
    }
)  # fmt: skip
# Modules of the stacks that call a host's middleware; all others call a tool.
_TRANSFORMED: Final = "fastmcp.tools.tool_transform"
_CALLERS_OF_MIDDLEWARE: Final = (
    "fastmcp.server.low_level",
    "fastmcp.server.middleware",
    "fastmcp.server.server",
    "mcp.server.extension",
    "mcp.server.runner",
    _TRANSFORMED,
)
#: Functions of the stacks that convert the result of a tool.
_RESULT_CONVERTERS: Final = frozenset({"convert_result", "_convert_to_content"})
_MAX_WRAPPERS = 8
INVALID_PARAMS: Final = -32602
_METHOD_NOT_FOUND: Final = -32601
_RESOURCE_NOT_FOUND: Final = -32002
#: Errors of the client, which a server should not count as its own.
#: https://github.com/open-telemetry/semantic-conventions-genai
_CLIENT_CODES: Final = frozenset(
    {-32700, -32600, _METHOD_NOT_FOUND, INVALID_PARAMS, _RESOURCE_NOT_FOUND}
)


class Verdict(NamedTuple):
    """The outcome of a request."""

    outcome: str
    error_type: str = ""
    """``error.type`` by the MCP conventions: the JSON-RPC code, or ``tool_error``."""
    code: str = ""
    """``rpc.response.status_code``, if the response is a JSON-RPC error."""
    exception: BaseException | None = None
    """The exception that the tool itself raised."""
    is_clients_fault: bool = False
    """The response is a JSON-RPC error that blames the request."""
    is_soft: bool = False
    """The error is in the text of the result, not in its ``isError``."""


OK: Final = Verdict("ok")
#: The client got the repr of a generator or coroutine object: the tool's body never ran.
NOT_RUN: Final = Verdict("crash", "not_run", is_soft=True)


def cause_of(error: BaseException) -> BaseException:
    """The tool's own exception, inside those that the stack wrapped it in."""
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
    """The verdict on a result with ``isError``.

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
    """The verdict on a response that is a JSON-RPC error.

    Args:
        code: its code, if known.
        error: the exception behind it.
        is_known: whether the server has a tool of this name; ``None`` if no tool was called.
    """
    cause = cause_of(error) if error is not None else None
    if cause is not None and _is_of_stack(cause, _RPC_ERRORS):
        # Not the tool's own exception but the response itself; a time-out of fastmcp is its cause.
        cause = cause.__cause__ if isinstance(cause.__cause__, TimeoutError) else None
        error = cause
    outcome = "rpc_error"
    if error is not None and _is_about_arguments(error):
        outcome = "validation"
    elif error is not None and (is_known or isinstance(cause, TimeoutError)):
        outcome = _outcome_of(error, is_known=True)
    elif code == INVALID_PARAMS and is_known is not None:
        outcome = "validation" if is_known else "unknown_tool"
    return Verdict(
        "rpc_error" if outcome == "tool_error" else outcome,
        str(code) if code is not None else _name_of(cause),
        str(code) if code is not None else "",
        cause,
        is_clients_fault=code in _CLIENT_CODES,
    )


def says_not_found(error: BaseException) -> bool:
    """Whether the server raised it for a missing tool; exceptions of a tool itself are wrapped."""
    return _is_of_stack(error, _NOT_FOUND)


def _outcome_of(error: BaseException, *, is_known: bool) -> str:
    cause = cause_of(error)
    if isinstance(cause, TimeoutError):
        return "timeout"
    if not is_known:
        return "unknown_tool"
    if _is_about_arguments(error):
        return "validation"
    if _is_of_stack(cause, _REFUSALS):
        return "tool_error"
    return "crash"


def _is_about_arguments(error: BaseException) -> bool:
    """Whether the arguments were rejected before the tool ran: by its schema, or on purpose."""
    errors = _unwrapped(error)
    kind = type(errors[-1])
    if kind.__name__ == "ValidationError":
        # A stack's own is raised on purpose; another one may be a bug in middleware.
        may_be_middleware = kind.__module__.partition(".")[0] in _STACKS
    elif kind is TypeError:
        # Raised by transformed tools, which don't use pydantic; a tool may raise one itself.
        may_be_middleware = False
        if not _innermost(errors[-1].__traceback__).startswith(_TRANSFORMED):
            return False
    else:
        return False
    places = {_reached(one.__traceback__) for one in errors}
    return "tool" not in places and (may_be_middleware or "around" not in places)


def _is_of_stack(error: BaseException, names: frozenset[str]) -> bool:
    return any(
        base.__name__ in names and base.__module__.partition(".")[0] in _STACKS
        for base in type(error).__mro__
    )


def _reached(traceback: TracebackType | None) -> str:
    """How deep ``traceback`` got: ``stack``, ``tool``, or the host's middleware (``around``).

    Middleware and transforms are the host's code as well. They differ from a tool in who calls
    them, and in that frames of the stack follow.
    """
    caller, place = "", "stack"
    while traceback is not None:
        module = _module_of(traceback)
        package = module.partition(".")[0]
        if package in _STACKS:
            if traceback.tb_frame.f_code.co_name in _RESULT_CONVERTERS:
                return "tool"  # which has returned already
            caller, place = module, "stack"
        elif package not in _CALLING_PACKAGES:
            if not caller.startswith(_CALLERS_OF_MIDDLEWARE):
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
