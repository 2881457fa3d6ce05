"""What counts as one session, on every transport and protocol version.

* stdio and in memory: one client for the life of the process, so the process's own session.
* HTTP with a handshake: the transport's session id.
* HTTP without one (stateless servers, and everything under protocol 2026-07-28): requests of the
  same client, until it has been idle for half an hour.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from typing import NamedTuple

__all__ = ["IDLE_SECONDS", "Peer", "joined_session"]

#: A client that was idle for this long begins a new session; seconds. As in web analytics.
IDLE_SECONDS = 1800.0
_MAX_SESSIONS = 1000


class Peer(NamedTuple):
    """The client that sent a request, and the transport."""

    transport: str = ""
    """``pipe``, ``tcp``, or ``""`` in memory."""
    protocol_version: str = ""
    """The negotiated version."""
    session_id: str = ""
    """The transport's session id; ``""`` if it has none."""
    client_name: str = ""
    client_version: str = ""


# No lock: each step is atomic, and a race makes two sessions at worst.
_sessions: OrderedDict[tuple[str, str, str], tuple[str, float]] = OrderedDict()


def joined_session(peer: Peer, user: str = "") -> str:
    """The session of a request whose transport has none, by client and idle time.

    Args:
        peer: the client that sent it.
        user: hash of the user, if the request carries one.
    """
    key, now = (peer.client_name, peer.client_version, user), time.monotonic()
    session, last = _sessions.pop(key, ("", 0.0))
    if not session or now - last > IDLE_SECONDS:
        session = uuid.uuid4().hex
    _sessions[key] = session, now
    if len(_sessions) > _MAX_SESSIONS:
        _sessions.popitem(last=False)
    return session
