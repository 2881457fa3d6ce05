"""The attribute sets of ``mcp.server.operation.duration``, cached by combination."""

from __future__ import annotations

from typing import TypeAlias

from cortex_otel import semconv as sc
from cortex_otel.instrument.methods import TARGETS
from cortex_otel.instrument.metrics import few

__all__ = ["Combination", "metric_attributes"]

Combination: TypeAlias = tuple[str, str, str, str, str, str, str, str]
"""Method, target, error type, code, service, tier, transport and protocol version."""

_MAX_COMBINATIONS = 2000  # the SDK's own limit of attribute sets
_cache: dict[Combination, dict[str, str]] = {}


def metric_attributes(combination: Combination) -> dict[str, str]:
    """The attributes of a point; a shared dictionary, not to be changed."""
    attributes = _cache.get(combination)
    if attributes is None:
        attributes = _make(combination)
        if len(_cache) >= _MAX_COMBINATIONS:
            _cache.clear()  # those in use are made again by their next request
        _cache[combination] = attributes
    return attributes


def _make(combination: Combination) -> dict[str, str]:
    method, target, error_type, code, service, tier, transport, version = combination
    values = {
        sc.MCP_METHOD_NAME: method,
        TARGETS.get(method, ""): target,
        sc.ERROR_TYPE: few("error", error_type),
        sc.RPC_RESPONSE_STATUS_CODE: few("code", code),
        sc.CORTEX_SERVICE: service,
        sc.CORTEX_USER_TIER: tier,
        sc.NETWORK_TRANSPORT: transport,
        sc.MCP_PROTOCOL_VERSION: few("protocol", version),
    }
    attributes = {name: value for name, value in values.items() if value}
    if method == sc.METHOD_TOOLS_CALL:
        attributes[sc.GEN_AI_OPERATION_NAME] = sc.OPERATION_EXECUTE_TOOL
    return attributes
