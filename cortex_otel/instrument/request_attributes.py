"""The attributes of a request that are known at its start: method, peer, user and session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import baggage

from cortex_otel import identity
from cortex_otel import semconv as sc
from cortex_otel.instrument.methods import METHODS, OTHER
from cortex_otel.instrument.sessions import Peer, joined_session
from cortex_otel.instrument.state import state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry import context as context_api

__all__ = ["attributes_of"]

_INHERITED: Final = (sc.MCP_SESSION_ID, sc.SESSION_ID, sc.USER_HASH, sc.CORTEX_USER_TIER)
_MAX_ID_LENGTH = 64
_MAX_PEER_ATTRIBUTES = 256
_TRANSPORT_PROTOCOL: Final = {"tcp": "http"}


class _PeerAttributes(NamedTuple):
    """Attributes that all requests of one method and peer have in common."""

    tier: str
    attributes: dict[str, Any]
    inherited: Mapping[str, str]


_peer_attributes: dict[tuple[str, Peer, str, str], _PeerAttributes] = {}


def attributes_of(
    method: str, request_id: object, peer: Peer, context: context_api.Context
) -> tuple[str, dict[str, Any], Mapping[str, str]]:
    """The tier, the attributes known at the start of a request, and those that others inherit."""
    tier = identity.current().tier
    if state.baggage or (peer.transport == "tcp" and not peer.session_id):
        common = _make_peer_attributes(method, peer, tier, context)
    else:
        key = (method, peer, tier, state.service)
        cached = _peer_attributes.get(key)
        if cached is None:
            if len(_peer_attributes) >= _MAX_PEER_ATTRIBUTES:  # peers choose their own names
                _peer_attributes.clear()
            cached = _peer_attributes[key] = _make_peer_attributes(method, peer, tier, context)
        common = cached
    attributes = common.attributes.copy()
    if request_id is not None and len(text := str(request_id)) <= _MAX_ID_LENGTH:
        attributes[sc.JSONRPC_REQUEST_ID] = text
    return common.tier, attributes, common.inherited


def _make_peer_attributes(
    method: str, peer: Peer, tier: str, context: context_api.Context
) -> _PeerAttributes:
    trusted = _from_baggage(context) if state.baggage else {}
    tier = trusted.get(sc.CORTEX_USER_TIER, tier)
    attributes: dict[str, Any] = {
        sc.MCP_METHOD_NAME: method if method in METHODS else OTHER,
        sc.CORTEX_SERVICE: state.service,
        **trusted,
        sc.CORTEX_USER_TIER: tier,
    }
    if method == sc.METHOD_TOOLS_CALL:
        attributes[sc.GEN_AI_OPERATION_NAME] = sc.OPERATION_EXECUTE_TOOL
        attributes[sc.CORTEX_EVENT_TYPE] = sc.MCP_TOOL_CALL
    if peer.protocol_version:
        attributes[sc.MCP_PROTOCOL_VERSION] = peer.protocol_version
    if peer.transport:
        attributes[sc.NETWORK_TRANSPORT] = peer.transport
        if peer.transport in _TRANSPORT_PROTOCOL:
            attributes[sc.NETWORK_PROTOCOL_NAME] = _TRANSPORT_PROTOCOL[peer.transport]
    if peer.client_name:
        attributes[sc.CORTEX_CLIENT_NAME] = peer.client_name
    if peer.client_version:
        attributes[sc.CORTEX_CLIENT_VERSION] = peer.client_version
    if peer.session_id:
        attributes[sc.MCP_SESSION_ID] = peer.session_id
    elif peer.transport == "tcp" and sc.SESSION_ID not in trusted:
        attributes[sc.SESSION_ID] = joined_session(peer, trusted.get(sc.USER_HASH, ""))
    inherited: dict[str, Any] = {key: attributes[key] for key in _INHERITED if key in attributes}
    return _PeerAttributes(tier, attributes, inherited)


def _from_baggage(context: context_api.Context) -> dict[str, str]:
    """User, tier and session, from those baggage keys that the operator trusts."""
    readers: dict[str, Callable[[str], tuple[str, str]]] = {
        "user": lambda value: (sc.USER_HASH, identity.user_hash(value)),
        "tier": lambda value: (sc.CORTEX_USER_TIER, value if value in sc.TIERS else ""),
        "session": lambda value: (sc.SESSION_ID, value),
    }
    result = {}
    for field, key in state.baggage.items():
        value = baggage.get_baggage(key, context)
        if isinstance(value, str) and value:
            name, trusted = readers[field](value)
            if trusted:
                result[name] = trusted
    return result
