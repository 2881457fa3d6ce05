"""The result of an event in a line, and its error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from cortex_otel import semconv as sc
from cortex_otel.operate.importing.values import RESULTS, RefusedLine, flag, text_of, word_of
from cortex_otel_exporters.jsonl.line import error_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.operate.importing.shapes import Shape

__all__ = ["put_outcome"]

_MAX_TEXT_LENGTH: Final = 65_536
#: ``ValueError: …``, as Python prints an exception.
_PRINTED: Final = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Timeout|Warning))(?::\s|$)")
_ERROR_NAMES: Final = ("type", "error_type", "name", "class")
_ERROR_STACKS: Final = ("stack", "traceback", "stack_trace", "stackTrace")


def put_outcome(
    found: Mapping[str, Any], attributes: dict[str, Any], *, of_error_event: bool, shape: Shape
) -> None:
    """Put result and error into ``attributes``.

    The result is in its own word, else in a flag's, else it follows from there being an error.

    Args:
        found: the common fields of the line.
        attributes: of the event.
        of_error_event: the event itself is an error, whose message and stack are its own fields.
        shape: of the line.

    Raises:
        RefusedLine: the result has no meaning here.
    """
    error = found.get("error")
    result = _result(found)
    if result is None and error and flag(error) is not False:
        result = "error"
    if result is not None:
        attributes[sc.CORTEX_RESULT] = result
    # We write an error with what was cancelled, too; others say by it that it was no failure.
    if result not in sc.FAILED_RESULTS and not (shape.is_own and result == "cancelled"):
        return
    name, message, stack, place = _error(found, shape)
    if place:
        attributes[sc.CORTEX_ERROR_LOCATION] = place
    if not name and message and (printed := _PRINTED.match(message)):
        name = printed[1]
    if name:
        attributes.setdefault(sc.ERROR_TYPE, name)
    if of_error_event:
        return
    if stack:
        attributes[sc.EXCEPTION_TYPE] = name or "Exception"
        attributes[sc.EXCEPTION_STACKTRACE] = stack
    if message:
        attributes[sc.CORTEX_ERROR_MESSAGE] = message[:_MAX_TEXT_LENGTH]


def _error(
    found: Mapping[str, Any], shape: Shape
) -> tuple[str | None, str | None, str | None, str | None]:
    """Type, message, stack and place of an error."""
    error = found.get("error")
    name, stack = text_of(found.get("error_type")), text_of(found.get("stack"))
    place = text_of(found.get("error_location"))
    if isinstance(error, dict):
        name = name or _first(error, _ERROR_NAMES)
        return name, text_of(error.get("message")), stack or _first(error, _ERROR_STACKS), place
    if isinstance(error, str) and shape.is_own:
        name, place = error_parts(error)
        return name, None, stack, place
    return name, error if isinstance(error, str) else None, stack, place


def _result(found: Mapping[str, Any]) -> str | None:
    """The result; ``None`` if there is none.

    Raises:
        RefusedLine: it has no meaning here.
    """
    is_unknown = False
    for field in ("result", "success", "failed"):
        value = found.get(field)
        if value is None or isinstance(value, (dict, list)):
            continue  # what a call gave back, not how it ended
        if field == "failed":
            value = flag(value)
            word = None if value is None else "error" if value else "success"
        else:
            word = RESULTS.get(word_of(value))
            if word is None and field == "success" and flag(value) is not None:
                word = "success" if flag(value) else "error"
        if word is not None:
            return word
        is_unknown = True
    if is_unknown and not found.get("error"):
        raise RefusedLine("unknown_result")
    return None


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := text_of(value.get(name)))), None)
