"""OpenAPI 3.1 of the plain JSON endpoints, made of the typed events' own declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cortex_otel import semconv as sc
from cortex_otel._version import __version__
from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.receive import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.receive.declared import Route

__all__ = ["PATH", "description"]

PATH: Final = f"{plain.PREFIX}extension/openapi.json"
_MAXIMUM_COUNT: Final = 2**53 - 1
_TIME: Final = {
    "description": "When: ISO 8601 with an offset, or Unix milliseconds; on arrival if absent.",
    "anyOf": [
        {"type": "string", "format": "date-time", "examples": ["2026-11-25T09:00:00Z"]},
        {
            "type": "integer", "minimum": plain.FIRST_TIME_MS,
            "exclusiveMaximum": plain.LAST_TIME_MS,
        },
        {"type": "null"},
    ],
}  # fmt: skip
_LABEL: Final = {
    "type": ["string", "null"],
    "minLength": 1,
    "maxLength": plain.MAX_LABEL_LENGTH,
}
#: By kind of field.
_KINDS: Final[Mapping[str, dict[str, Any]]] = {
    "label": _LABEL,
    "error_name": _LABEL,
    "text": {"type": ["string", "null"], "maxLength": plain.MAX_TEXT_LENGTH},
    "stack": {"type": ["string", "null"], "maxLength": plain.MAX_STACK_LENGTH},
    "flag": {"type": ["boolean", "null"]},
    "count": {"type": ["integer", "null"], "minimum": 0, "maximum": _MAXIMUM_COUNT},
    "shape": {"type": ["object", "null"]},
}
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "field"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": ["string", "null"]},
            },
        }
    },
}
_STORED: Final = {
    "type": "object",
    "required": ["accepted", "rejected", "errors"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0},
        "rejected": {"type": "integer", "minimum": 0},
        "duplicates": {
            "type": "integer",
            "minimum": 1,
            "description": "Events that an earlier request has stored; absent if there are none.",
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "field", "message"],
                "properties": {
                    "index": {"type": ["integer", "null"]},
                    "field": {"type": ["string", "null"]},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_FAILURES: Final = {
    "400": "It is not JSON, has too many events, or none that can be accepted",
    "401": "A token is needed",
    "403": "It comes from a page in a browser, or names a foreign host",
    "405": "Only POST",
    "408": "The body came too slowly",
    "413": "The body is too large",
    "415": "Content-Type is not application/json, or the body is compressed",
    "503": "Nothing was stored: try again later",
}


def description(url: str, *, needs_token: bool) -> dict[str, Any]:
    """The document.

    Args:
        url: where the receiver listens.
        needs_token: a bearer token is needed.
    """
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "cortex-otel: events without OTLP",
            "version": __version__,
            "description": (
                "200 means stored. The same event, with id and time, sent again is stored once. "
                f"A list holds up to {plain.MAX_EVENTS} events; one that breaks a rule is refused "
                "alone."
            ),
        },
        "servers": [{"url": url}],
        "paths": {path: {"post": _operation(route)} for path, route in plain.ROUTES.items()},
        "components": {"schemas": {"Error": _ERROR, "Stored": _STORED}},
    }
    if needs_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _operation(route: Route) -> dict[str, Any]:
    event = _schema(route)
    return {
        "operationId": route.event_type.replace(".", "_"),
        "summary": route.summary,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            event,
                            {
                                "type": "array", "items": event, "minItems": 1,
                                "maxItems": plain.MAX_EVENTS,
                            },
                        ]
                    }
                }
            },
        },
        "responses": {
            "200": _answer("What became of the events", "Stored"),
            **{status: _answer(text, "Error") for status, text in _FAILURES.items()},
        },
    }  # fmt: skip


def _answer(text: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, "content": content}


def _schema(route: Route) -> dict[str, Any]:
    properties: dict[str, Any] = {"time": _TIME}
    for name, common in plain.COMMON.items():
        properties[name] = {**_LABEL, "description": common.meaning}
    properties["user_hash"] |= {"pattern": "^[0-9a-f]{64}$"}
    properties["os"] |= {"pattern": "^[A-Za-z0-9_.-]{1,64}$"}
    properties["tier"] = {
        "enum": [*sc.TIERS, None],
        "description": plain.COMMON["tier"].meaning,
    }
    for name, (kind, *bounds) in route.fields.items():
        properties.setdefault(name, _field(str(kind), bounds))
    required = [field.name for field in EVENTS[route.event_type].fields if field.required]
    for name in required:
        properties[name] = _needed(properties[name])
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "dependentRequired": {"id": ["time"]},
    }


def _field(kind: str, bounds: list[str | float]) -> dict[str, Any]:
    if kind == "choice":
        return {"enum": [*bounds, None]}
    if kind == "number":
        return {
            "type": ["number", "null"],
            **dict(zip(("minimum", "maximum"), bounds, strict=False)),
        }
    return _KINDS[kind]


def _needed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """``schema`` without the null that stands for "not known"."""
    if "enum" in schema:
        return {**schema, "enum": [one for one in schema["enum"] if one is not None]}
    return {**schema, "type": schema["type"][0]}
