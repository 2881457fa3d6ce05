"""A line of the log: its fields, declared once, and the way from a record to one and back.

Lines are ASCII: what isn't is escaped, so that no line separator of Unicode, and no control
character that a terminal would obey, ever stands in the file.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cortex_otel_exporters.vocabulary import RESULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel_exporters.record import Context, Record, Series

__all__ = ["FIELDS", "LEVELS", "Field", "LineMaker", "error_of", "error_parts", "schema", "unix_ns"]

#: From the lowest on.
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_NS: Final = 10**9
_MAX_REMEMBERED: Final = 4096
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Field(NamedTuple):
    """One field of a line."""

    name: str
    meaning: str
    schema: Mapping[str, Any]
    """Its JSON Schema, but for the meaning."""


def _or_null(**schema: Any) -> Mapping[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


_TEXT: Final[Mapping[str, Any]] = {"type": "string"}

#: In the order in which they are written.
FIELDS: Final = (
    Field(
        "timestamp",
        "start of the span, or time of the event: RFC 3339 in UTC, with nanoseconds",
        {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"},
    ),
    Field("level", "severity; `DEBUG` is for development", {"enum": list(LEVELS)}),
    Field("service", "`mcp`, `extension`, `web` …", _TEXT),
    Field("event_type", "`mcp.tool_call` …, or `span` for what is no product event", _TEXT),
    Field("user_tier", "`free`, `trial`, `paid`, `enterprise`, as of that time", _TEXT),
    Field(
        "user_id_hash",
        "64 hex digits; null if unknown",
        _or_null(type="string", pattern="^[0-9a-f]{64}$"),
    ),
    Field("tool_name", "MCP tool; null if it is about none", _or_null(type="string")),
    Field(
        "parameters",
        "what is kept of the event beside the other fields, by attribute: `event_data` of "
        "`telemetry_events`; of a tool's parameters the shape, in `cortex.tool.parameters`",
        {"type": "object"},
    ),
    Field(
        "result", "how it ended", {"enum": list(RESULTS)}
    ),
    Field(
        "duration_ms",
        "milliseconds; null for an event without duration",
        _or_null(type="number", minimum=0),
    ),
    Field(
        "error",
        "type of the error and where it happened, never its text; null if there is none",
        _or_null(type="string"),
    ),
    Field(
        "metadata",
        "project and branch: identifiers, or their hashes; null if unknown",
        {
            "type": "object",
            "properties": {
                "project_id": _or_null(type="string"),
                "branch_id": _or_null(type="string"),
            },
            "required": ["project_id", "branch_id"],
            "additionalProperties": False,
        },
    ),
)  # fmt: skip


def schema() -> dict[str, Any]:
    """The JSON Schema of a line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of cortex-otel's log file",
        "type": "object",
        "properties": {each.name: {"description": each.meaning, **each.schema} for each in FIELDS},
        "required": [each.name for each in FIELDS],
        "additionalProperties": False,
    }


class LineMaker:
    """Makes lines of records; for one thread.

    What repeats from record to record is made once: 4 µs a line in place of 15.
    """

    def __init__(self) -> None:
        self._series: dict[Series, tuple[str, str, str, str, str]] = {}
        self._contexts: dict[Context, tuple[str, frozenset[str], str]] = {}
        self._second, self._shown_second = -1, ""

    def line(self, record: Record) -> str:
        """The line of ``record``, which the store has taken, with its line end."""
        (at, duration, series, context, _, user, _, _, _, _, message, data, _, _) = record
        head, middle, result, error_type, error = self._series.get(series) or self._add(series)
        attributes, keys, tail = self._contexts.get(context) or self._add_context(context)
        second, fraction = divmod(at, _NS)
        if second != self._second:
            self._second = second
            self._shown_second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        if data:
            attributes = _with_data(attributes, keys, data)
        if message:
            error = quoted(error_of(error_type, message))
        return (
            f'{{"timestamp":"{self._shown_second}.{fraction:09d}Z",{head}'
            f"{quoted(user) if user else 'null'},{middle}{{{attributes}}},{result}"
            f'{"null" if duration is None else repr(duration / 1e6)},"error":{error},{tail}}}\n'
        )

    def _add(self, series: Series) -> tuple[str, str, str, str, str]:
        if len(self._series) >= _MAX_REMEMBERED:
            self._series.clear()
        head = "".join(
            f'"{name}":{quoted(value)},'
            for name, value in (
                ("level", series.level),
                ("service", series.service),
                ("event_type", series.event_type),
                ("user_tier", series.user_tier),
            )
        )
        error = error_of(series.error_type, "")
        self._series[series] = parts = (
            f'{head}"user_id_hash":',
            f'"tool_name":{_or_nothing(series.tool_name)},"parameters":',
            f'"result":{quoted(series.result)},"duration_ms":',
            series.error_type,
            _or_nothing(error),
        )
        return parts

    def _add_context(self, context: Context) -> tuple[str, frozenset[str], str]:
        if len(self._contexts) >= _MAX_REMEMBERED:
            self._contexts.clear()
        attributes = json.loads(context.attributes)
        self._contexts[context] = parts = (
            _encode(attributes)[1:-1],
            frozenset(attributes),
            '"metadata":' + _encode({
                "project_id": context.project_id or None, "branch_id": context.branch_id or None,
            }),
        )  # fmt: skip
        return parts


def _or_nothing(text: str) -> str:
    return quoted(text) if text else "null"


def _with_data(attributes: str, keys: frozenset[str], data: Mapping[str, object]) -> str:
    """The members of ``parameters``: the event's own win, and null is none, as in the view."""
    if not keys.isdisjoint(data) or None in data.values():
        merged = json.loads(f"{{{attributes}}}") | dict(data)
        return _encode({key: value for key, value in merged.items() if value is not None})[1:-1]
    parts = [attributes] if attributes else []
    for key, value in data.items():
        # Exact types: a subclass may run the host's code, and ``True`` is an ``int``.
        kind = type(value)
        if kind is str:
            text = quoted(value)  # type: ignore[arg-type]  # as just seen
        elif kind is int:
            text = repr(value)
        else:
            text = _encode(value)
        parts.append(f"{quoted(key)}:{text}")
    return ",".join(parts)


def error_of(error_type: str, message: str) -> str:
    """Type and place of an error in one text; ``""`` if there is none.

    Args:
        error_type: ``ValueError``.
        message: ``ValueError at app:run:10 <- …``, a place alone, or nothing.
    """
    if not message or not error_type:
        return message or error_type
    follows = message[len(error_type) : len(error_type) + 1]
    says_type = message.startswith(error_type) and follows in (" ", "[")
    return message if says_type else f"{error_type}: {message}"


def error_parts(error: str | None) -> tuple[str, str]:
    """``error_type`` and ``error_message`` of the ``error`` of a line, each ``""`` if unknown."""
    if not error:
        return "", ""
    error_type, mark, message = error.partition(": ")
    if mark:
        return error_type, message
    error_type = error.partition(" ")[0].partition("[")[0]
    if ":" in error_type:  # a place alone
        return "", error
    return error_type, "" if error_type == error else error


def unix_ns(timestamp: str) -> int:
    """The Unix nanoseconds of the ``timestamp`` of a line.

    Raises:
        ValueError: it is none.
    """
    whole, mark, fraction = timestamp.partition(".")
    if not mark or not fraction.endswith("Z") or not fraction[:-1].isdigit():
        raise ValueError(timestamp)
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * _NS + int(fraction[:-1].ljust(9, "0")[:9])
