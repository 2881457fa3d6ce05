"""A session that is one, on every transport and protocol version.

* stdio and in memory: one client for the life of the process, so the process's own session.
* HTTP with a handshake: the transport's session id.
* HTTP without one (stateless servers, and everything under protocol 2026-07-28): requests of the
  same client, until it has been silent for half an hour.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from typing import NamedTuple

__all__ = ["IDLE_SECONDS", "Peer", "joined_session"]

#: A client that was silent for so long begins another session; seconds. What web analytics use.
IDLE_SECONDS = 1800.0
_MAX_SESSIONS = 1000


class Peer(NamedTuple):
    """Who sent a request, and how."""

    transport: str = ""
    """``pipe``, ``tcp``, or ``""`` in memory."""
    protocol_version: str = ""
    """The version that was negotiated."""
    session_id: str = ""
    """The transport's; ``""`` where it has none."""
    client_name: str = ""
    client_version: str = ""


# No lock: each step is one of the interpreter's, and two threads make two sessions at worst.
_sessions: OrderedDict[tuple[str, str, str], tuple[str, float]] = OrderedDict()


def joined_session(peer: Peer, user: str = "") -> str:
    """The session that a request without one belongs to, by client and pause.

    Args:
        peer: who sent it.
        user: hash of the user, where the request tells one.
    """
    key, now = (peer.client_name, peer.client_version, user), time.monotonic()
    session, last = _sessions.pop(key, ("", 0.0))
    if not session or now - last > IDLE_SECONDS:
        session = uuid.uuid4().hex
    _sessions[key] = session, now
    if len(_sessions) > _MAX_SESSIONS:
        _sessions.popitem(last=False)
    return session
