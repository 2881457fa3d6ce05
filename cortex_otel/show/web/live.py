"""Live updates for open pages: one thread polls the store for all of them.

``PRAGMA data_version`` changes when any process has committed, and costs a few microseconds to
read. Without open pages, the thread waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import orjson
from starlette.websockets import WebSocketDisconnect

from cortex_otel.query.events import EventFilter, committed_after, newest_key
from cortex_otel_exporters.disk import identity_of
from cortex_otel_exporters.sqlite.reader import StoreError, data_version, open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import apsw
    from starlette.websockets import WebSocket

    from cortex_otel.query.zones import Zone

__all__ = ["MAX_SOCKETS", "Live"]

MAX_SOCKETS = 64
_SECONDS_BETWEEN_POLLS = 0.05
#: A writer commits four times a second; commits of several writers are announced together.
_SECONDS_BETWEEN_NEWS = 0.1
#: Interval of checks whether the file was created or replaced.
_SECONDS_BETWEEN_FILE_CHECKS = 1.0
_NEWEST = 5
#: Interval of keep-alive messages: a page takes silence for a lost connection.
_SECONDS_BETWEEN_KEEPALIVES = 5.0
#: A page that receives nothing for this long is considered gone.
_SEND_TIMEOUT_SECONDS = 20.0
_POLICY_VIOLATION, _TRY_AGAIN_LATER = 1008, 1013


class Live:
    """Announces commits to open pages.

    Args:
        path: the database.
        zone: the zone of times in the announced events.
    """

    def __init__(self, path: Path, zone: Zone) -> None:
        self._path = path
        self._zone = zone
        # Greater than in any earlier run: a page that was open then must see a change.
        self._version = time.time_ns() // 10**6
        self._newest_id = 0
        self._condition = threading.Condition()
        self._listeners: set[_Listener] = set()
        self._to_welcome: set[_Listener] = set()
        self._sockets = 0
        self._ended = False
        self._thread: threading.Thread | None = None

    async def serve(self, socket: WebSocket) -> None:
        """Serve one page until it disconnects."""
        if self._sockets >= MAX_SOCKETS:
            await socket.close(_TRY_AGAIN_LATER)
            return
        self._sockets += 1
        listener = _Listener(asyncio.get_running_loop())
        sides: list[asyncio.Task[None]] = []
        try:
            await socket.accept()
            self._resume(listener)
            sides = [
                asyncio.create_task(self._receive(socket, listener)),
                asyncio.create_task(_send_news(socket, listener)),
            ]
            for ended in (await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED))[0]:
                ended.result()
        except (WebSocketDisconnect, TimeoutError):
            pass  # it has disconnected, or doesn't receive
        finally:
            self._sockets -= 1
            self._pause(listener)
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    def close(self) -> None:
        """End the thread."""
        with self._condition:
            self._ended = True
            self._condition.notify()

    async def _receive(self, socket: WebSocket, listener: _Listener) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            match _command(message):
                case "pause":
                    self._pause(listener)
                case "resume":
                    self._resume(listener)
                case _:
                    await socket.close(_POLICY_VIOLATION)
                    return

    def _resume(self, listener: _Listener) -> None:
        with self._condition:
            self._listeners.add(listener)
            self._to_welcome.add(listener)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="cortex-otel-live", daemon=True
                )
                self._thread.start()
            self._condition.notify()

    def _pause(self, listener: _Listener) -> None:
        with self._condition:
            self._listeners.discard(listener)
            self._to_welcome.discard(listener)

    def _run(self) -> None:
        """The thread: polls the store while there are listeners."""
        was_away = False
        while not self._ended:
            with self._condition:
                if not self._listeners:
                    was_away = False
                    self._condition.wait()
                    continue
            try:
                self._poll(was_away=was_away)
            except StoreError:
                # No database yet, or an unreadable one: the page itself reports that.
                self._welcome()
                with self._condition:
                    self._condition.wait(_SECONDS_BETWEEN_FILE_CHECKS)
            was_away = True

    def _poll(self, *, was_away: bool) -> None:
        """Poll one file while there are listeners and it is the one at the path."""
        connection = open_reader(self._path)
        try:
            identity = identity_of(self._path)
            seen = data_version(connection)
            self._newest_id = newest_key(connection)
            if was_away:
                self._announce([])
            checked = time.monotonic()
            while self._listeners and not self._ended:
                self._welcome()
                time.sleep(_SECONDS_BETWEEN_POLLS)
                now = time.monotonic()
                if now - checked >= _SECONDS_BETWEEN_FILE_CHECKS:
                    checked = now
                    if identity_of(self._path) != identity:
                        return
                version = data_version(connection)
                if version != seen:
                    seen = version
                    self._announce(self._newest(connection))
                    time.sleep(_SECONDS_BETWEEN_NEWS)
        finally:
            connection.close()

    def _newest(self, connection: apsw.Connection) -> list[dict[str, Any]]:
        """The newest few of the events that were committed since the last poll."""
        newest = newest_key(connection)
        after = max(self._newest_id, newest - _NEWEST)
        self._newest_id = newest
        return [
            {**event, "timestamp": self._zone.iso_micros(cast("int", event["timestamp"]))}
            for event in committed_after(connection, after, EventFilter(), _NEWEST)
        ]

    def _welcome(self) -> None:
        with self._condition:
            for listener in self._to_welcome:
                listener.put(self._news("hello", []))
            self._to_welcome.clear()

    def _announce(self, events: list[dict[str, Any]]) -> None:
        self._version += 1
        with self._condition:
            # Who came meanwhile is welcomed first, and reads what has changed until then.
            for listener in self._listeners - self._to_welcome:
                listener.put(self._news("change", events))

    def _news(self, kind: str, events: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "type": kind,
            "data_version": self._version,
            "newest_id": self._newest_id,
            "events": events,
        }


class _Listener:
    """The pending message of one page; newer ones are merged into it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._news: dict[str, Any] | None = None
        self._is_new = asyncio.Event()

    def put(self, news: dict[str, Any]) -> None:
        """Add ``news`` to the pending message; callable from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._take, news)

    async def next(self) -> dict[str, Any]:
        """The pending message, as soon as there is one."""
        await self._is_new.wait()
        self._is_new.clear()
        news, self._news = self._news, None
        return news or {}

    def _take(self, news: dict[str, Any]) -> None:
        if self._news is not None:
            news = {**news, "events": [*self._news["events"], *news["events"]][-_NEWEST:]}
        self._news = news
        self._is_new.set()


async def _send_news(socket: WebSocket, listener: _Listener) -> None:
    with contextlib.suppress(RuntimeError):  # it has disconnected meanwhile
        while True:
            try:
                async with asyncio.timeout(_SECONDS_BETWEEN_KEEPALIVES):
                    news = await listener.next()
            except TimeoutError:
                news = {"type": "alive"}
            async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                await socket.send_text(orjson.dumps(news).decode())


def _command(message: Mapping[str, Any]) -> str:
    try:
        command = orjson.loads(message.get("text") or b"")
    except orjson.JSONDecodeError:
        return ""
    return str(command.get("type")) if isinstance(command, dict) else ""
