"""What the adapters have in common."""

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

#: Requests that tell names: the field of the answer, and the method the names are for.
LISTS: Final = {
    "tools/list": ("tools", sc.METHOD_TOOLS_CALL),
    "prompts/list": ("prompts", sc.METHOD_PROMPTS_GET),
}
_MAX_NAME_LENGTH = 256
_SECONDS_BETWEEN_LOOKS = 1.0
_is_stdio = False
_look_again = 0.0


def text(value: object) -> str:
    """``value`` if it is text of bearable length, else ``""``."""
    return value if isinstance(value, str) and len(value) <= _MAX_NAME_LENGTH else ""


def names_in(page: object, field: str) -> Iterator[str]:
    """The names that a list has told; a low-level server may answer with anything."""
    entries = page.get(field) if isinstance(page, dict) else getattr(page, field, None)
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        name = entry.get("name") if isinstance(entry, dict) else getattr(entry, "name", None)
        if isinstance(name, str):
            yield name


def verdict_of_content(request: McpRequest, content: object) -> Verdict:
    """The verdict over a result that doesn't say that it is an error, by its first text."""
    first = content[0] if isinstance(content, (list, tuple)) and content else None
    told = first.get("text") if isinstance(first, dict) else getattr(first, "text", None)
    if not isinstance(told, str):
        return OK
    if request.unrun and request.unrun in told:
        return NOT_RUN
    if state.soft_errors and _begins_as_an_error(told):
        return Verdict("tool_error", sc.ERROR_TYPE_TOOL_ERROR, is_soft=True)
    return OK


def _begins_as_an_error(told: str) -> bool:
    longest = max(map(len, state.soft_errors))
    return told.lstrip()[: longest * 2].casefold().startswith(state.soft_errors)


def is_served_over_stdio() -> bool:
    """Whether one of this thread's tasks reads MCP from standard input.

    Streams in memory look the same to a server, and names that were imported before us can't be
    replaced, so the task is looked for. Found once, it stays: nobody serves two at once. Not found,
    it is looked for again a second later: walking the tasks costs more than all else of a call.
    """
    global _is_stdio, _look_again  # noqa: PLW0603 - a process has one standard input
    asyncio: Any = sys.modules.get("asyncio")
    if not _is_stdio and asyncio is not None and time.monotonic() >= _look_again:
        try:
            _is_stdio = any(
                "stdio_server.<locals>" in task.get_name() for task in asyncio.all_tasks()
            )
        except RuntimeError:  # trio's loop, or none
            return False
        _look_again = time.monotonic() + _SECONDS_BETWEEN_LOOKS
    return _is_stdio


class SessionClock:
    """How long sessions last, by the object a stack keeps for each."""

    def __init__(self) -> None:
        self._started: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def began(self, session: Any) -> None:
        """A request of ``session`` came in; the first one starts the clock."""
        if session not in self._started:
            self._started[session] = time.monotonic()

    def ended(self, session: Any, peer: Peer | None) -> None:
        """``session`` is over; never raises."""
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
