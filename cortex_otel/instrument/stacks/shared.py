"""Helpers shared by the adapters."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from cortex_otel import guard, identity
from cortex_otel import semconv as sc
from cortex_otel.instrument.outcome import NOT_RUN, OK, Verdict
from cortex_otel.instrument.state import state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cortex_otel.instrument.request import McpRequest
    from cortex_otel.instrument.sessions import Peer

__all__ = [
    "LISTS",
    "SessionClock",
    "is_served_over_stdio",
    "names_in",
    "text",
    "verdict_of_content",
]

#: Requests that list names: the field of the result, and the method the names are for.
LISTS: Final = {
    "tools/list": ("tools", sc.METHOD_TOOLS_CALL),
    "prompts/list": ("prompts", sc.METHOD_PROMPTS_GET),
}
_MAX_NAME_LENGTH = 256
_SECONDS_BETWEEN_LOOKS = 1.0
_is_stdio = False
_next_look = 0.0


def text(value: object) -> str:
    """``value`` if it is text of at most 256 characters, else ``""``."""
    return value if isinstance(value, str) and len(value) <= _MAX_NAME_LENGTH else ""


def names_in(page: object, field: str) -> Iterator[str]:
    """The names in a list result; a low-level server may return anything."""
    entries = page.get(field) if isinstance(page, dict) else getattr(page, field, None)
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        name = entry.get("name") if isinstance(entry, dict) else getattr(entry, "name", None)
        if isinstance(name, str):
            yield name


def verdict_of_content(request: McpRequest, content: object) -> Verdict:
    """The verdict on a result without ``isError``, by its first text."""
    first = content[0] if isinstance(content, (list, tuple)) and content else None
    text_content = first.get("text") if isinstance(first, dict) else getattr(first, "text", None)
    if not isinstance(text_content, str):
        return OK
    if request.unrun_repr and request.unrun_repr in text_content:
        return NOT_RUN
    if state.soft_errors and _is_soft_error(text_content):
        return Verdict("tool_error", sc.ERROR_TYPE_TOOL_ERROR, is_soft=True)
    return OK


def _is_soft_error(text_content: str) -> bool:
    max_length = max(map(len, state.soft_errors))
    return text_content.lstrip()[: max_length * 2].casefold().startswith(state.soft_errors)


def is_served_over_stdio() -> bool:
    """Whether one of this thread's tasks reads MCP from standard input.

    In-memory streams look the same to a server, and names that were imported before us can't be
    patched, so the task is searched for. Once found, the answer stays: a process serves stdio only
    once. If not found, the next search is a second later: walking the tasks costs more than the
    rest of a call.
    """
    global _is_stdio, _next_look  # noqa: PLW0603 - a process has one standard input
    asyncio: Any = sys.modules.get("asyncio")
    if not _is_stdio and asyncio is not None and time.monotonic() >= _next_look:
        try:
            _is_stdio = any(
                "stdio_server.<locals>" in task.get_name() for task in asyncio.all_tasks()
            )
        except RuntimeError:  # trio's loop, or none
            return False
        _next_look = time.monotonic() + _SECONDS_BETWEEN_LOOKS
    return _is_stdio


class SessionClock:
    """Measures how long sessions last, by the object that a stack keeps for each."""

    def __init__(self) -> None:
        self._started: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def began(self, session: Any) -> None:
        """Start the clock of ``session`` at its first request."""
        if session not in self._started:
            self._started[session] = time.monotonic()

    def ended(self, session: Any, peer: Peer | None) -> None:
        """Record the duration of ``session``, which has ended; never raises."""
        try:
            started = self._started.pop(session, None)
            if started is None or state.session_duration is None or not state.active:
                return
            attributes = {
                sc.CORTEX_SERVICE: state.service,
                sc.CORTEX_USER_TIER: identity.current().tier,
            }
            if peer is not None and peer.transport:
                attributes[sc.NETWORK_TRANSPORT] = peer.transport
            if peer is not None and peer.protocol_version:
                attributes[sc.MCP_PROTOCOL_VERSION] = peer.protocol_version
            state.session_duration.record(time.monotonic() - started, attributes)
        except Exception as error:  # noqa: BLE001 - the host's session
            guard.swallowed("mcp_server.session", error)
