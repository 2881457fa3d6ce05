"""How calls become spans, and what counts as an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["InstrumentationSettings"]


@subject(frozen=True, kw_only=True)
class InstrumentationSettings:
    """How calls become spans, and what counts as an error."""

    span: str = setting(
        "CORTEX_OTEL_SPAN",
        default="lean",
        parse=parsers.choice("lean", "sdk"),
        allowed="lean or sdk",
    )
    """Span implementation: `lean` behaves as OpenTelemetry's own and costs a third of it; `sdk` is
    OpenTelemetry's own. Under an SDK version that `lean` wasn't tested with it is `sdk` anyway, and
    where the host made its own tracer provider, spans are the host's: `cortex-otel status` tells
    which."""

    client_errors: bool = setting(
        "CORTEX_OTEL_CLIENT_ERRORS",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Count JSON-RPC errors that say the request was wrong (-32700, -32600 to -32602) as errors.
    The conventions leave it open; `false` counts only what the server did wrong."""

    trace_context_to_clients: bool = setting(
        "CORTEX_OTEL_TRACE_CONTEXT_TO_CLIENTS",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Let the MCP library put `traceparent` (with `tracestate` and `baggage`, where there are any)
    into the `_meta` of what a server asks its client (sampling, elicitation, roots): mcp 2 does, as
    the protocol has it, as soon as spans are recorded. `false` keeps all three out."""

    soft_errors: tuple[str, ...] = setting(
        "CORTEX_OTEL_SOFT_ERRORS",
        default=(),
        parse=parsers.names,
        allowed="beginnings of texts, comma-separated",
        many=True,
    )
    """Results whose text begins so count as errors though their `isError` is false, as several
    servers tell them, e.g. `Error:,Database error`. Case doesn't matter; no text is kept."""

    baggage: Mapping[str, str] = setting(
        "CORTEX_OTEL_BAGGAGE",
        default=dict,
        parse=parsers.baggage,
        allowed="user=KEY, tier=KEY, session=KEY, comma-separated",
        many=True,
    )
    """Baggage keys of an MCP client that are believed, e.g. `user=user.id,tier=cortex.tier`. None
    by default: whoever can send a request can send baggage. User ids are hashed at once."""
