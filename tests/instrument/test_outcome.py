"""Outcomes of errors, from exceptions as the stacks raise them."""

from __future__ import annotations

import types

import pydantic
import pytest

from cortex_otel.instrument.outcome import (
    RESULT_OF,
    cause_of,
    judge_error,
    judge_tool_error,
)
from cortex_otel.semconv import OUTCOMES, RESULTS


def of(package, name, base=Exception):
    """An exception class as a stack has it."""
    return types.new_class(name, (base,), {}, lambda body: body.update(__module__=f"{package}.x"))


ToolError, McpError = of("mcp", "ToolError"), of("mcp", "McpError")
Unexpected = of("mcp", "UnexpectedToolError", ToolError)
FastMCPError = of("fastmcp", "FastMCPError")
Unauthorized = of("fastmcp", "AuthorizationError", FastMCPError)
StacksOwn = of("fastmcp", "ValidationError", FastMCPError)
NotFound, HostsOwn = of("fastmcp", "NotFoundError"), of("host", "ToolError")


def raised(error, cause=None):
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001 - handed on
        return caught


def by_the_stack(error, cause=None):
    """As the stack raises it: no frame of the host's in it."""
    return raised(error, cause).with_traceback(None)


def invalid_arguments():
    """A ValidationError no frame of which is a tool's; the frame here is taken off."""
    try:
        pydantic.TypeAdapter(int).validate_python("x")
    except pydantic.ValidationError as error:
        return error.with_traceback(error.__traceback__.tb_next)


def test_every_outcome_has_a_result():
    assert set(RESULT_OF) == set(OUTCOMES)
    assert set(RESULT_OF.values()) == set(RESULTS)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "tool_error"),
        (raised(ToolError("no")), "tool_error"),
        (raised(ToolError("no"), KeyError("x")), "crash"),
        (raised(Unexpected("no"), raised(ToolError("no"), KeyError("x"))), "crash"),
        (raised(HostsOwn("no")), "crash"),
        (raised(ToolError("late"), TimeoutError()), "timeout"),
        (raised(TimeoutError(), None), "timeout"),
        (raised(NotFound("x")), "unknown_tool"),
        (by_the_stack(ToolError("bad"), invalid_arguments()), "validation"),
        (raised(ToolError("its own call was bad"), invalid_arguments()), "crash"),
        (raised(ToolError("x"), raised(NotFound("of the tool itself"))), "crash"),
        (raised(Unauthorized("no")), "tool_error"),
        (raised(ToolError("no"), raised(Unauthorized("no"))), "tool_error"),
        (raised(McpError("rate limit")), "tool_error"),
        (by_the_stack(StacksOwn("bad")), "validation"),
        (raised(StacksOwn("the tool refuses")), "tool_error"),
    ],
)
def test_a_result_with_is_error(error, outcome):
    verdict = judge_tool_error(error, is_known=True)
    assert (verdict.outcome, verdict.error_type) == (outcome, "tool_error")


def test_a_tool_that_the_server_has_not():
    assert judge_tool_error(raised(ToolError("?")), is_known=False).outcome == "unknown_tool"


def test_validation_in_the_tools_own_code_is_a_crash():
    def tool():
        return pydantic.TypeAdapter(int).validate_python("x")

    with pytest.raises(pydantic.ValidationError) as caught:
        tool()
    assert judge_tool_error(caught.value, is_known=True).outcome == "crash"


@pytest.mark.parametrize(
    ("code", "error", "is_known", "outcome", "fault"),
    [
        (-32602, None, True, "validation", True),
        (-32602, None, False, "unknown_tool", True),
        (-32602, None, None, "rpc_error", True),
        (-32602, invalid_arguments(), None, "validation", True),
        (-32602, invalid_arguments(), False, "validation", True),
        (-32601, None, None, "rpc_error", True),
        (-32002, None, None, "rpc_error", True),
        (-32603, raised(KeyError("x")), True, "crash", False),
        (-32603, raised(KeyError("x")), None, "rpc_error", False),
        (-32000, raised(McpError("late"), TimeoutError()), True, "timeout", False),
        (7, raised(McpError("no")), True, "rpc_error", False),
        (None, raised(ValueError("x")), True, "crash", False),
    ],
)
def test_an_answer_that_is_an_error(code, error, is_known, outcome, fault):
    verdict = judge_error(code, error, is_known=is_known)
    assert (verdict.outcome, verdict.is_clients_fault) == (outcome, fault)
    assert verdict.code == ("" if code is None else str(code))
    assert verdict.error_type == (type(error).__qualname__ if code is None else str(code))


def test_only_the_stacks_wrappers_are_unwrapped():
    deepest = KeyError("x")
    chained = raised(RuntimeError("y"), deepest)
    assert cause_of(raised(ToolError("z"), chained)) is chained
    endless = ToolError("a")
    endless.__cause__ = endless
    assert cause_of(endless) is endless
