"""News for open pages: one thread that looks at the store, whoever many listen.

``PRAGMA data_version`` changes when any process has committed, and costs a few microseconds to
look at. While nobody listens, nobody looks.
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
from cortex_otel.show.web.readers import file_identity
from cortex_otel_exporters.sqlite.reader import StoreError, data_version, open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import apsw
    from starlette.websockets import WebSocket

    from cortex_otel.show.web.zones import Zone

__all__ = ["MAX_SOCKETS", "Live"]

MAX_SOCKETS = 64
_SECONDS_BETWEEN_LOOKS = 0.05
#: A writer commits four times a second; several of them need not be told one by one.
_SECONDS_BETWEEN_NEWS = 0.1
#: After which it is seen that the file is another one, or there at last.
_SECONDS_BETWEEN_FILES = 1.0
_NEWEST = 5
#: Without news, a page is told that it would hear of them: silence means that nobody is there.
_SECONDS_BETWEEN_BEATS = 5.0
#: Who takes nothing for so long is gone, whatever its connection looks like.
_SECONDS_TO_TAKE = 20.0
_POLICY_VIOLATION, _TRY_AGAIN_LATER = 1008, 1013


class Live:
    """Tells listeners what was committed.

    Args:
        path: the database.
        zone: of the times in the events that are told.
    """

    def __init__(self, path: Path, zone: Zone) -> None:
        self._path = path
        self._zone = zone
        # Never the number of an earlier run: a page that was open then must see a change.
        self._version = time.time_ns() // 10**6
        self._newest_id = 0
        self._condition = threading.Condition()
        self._listeners: set[_Listener] = set()
        self._to_greet: set[_Listener] = set()
        self._sockets = 0
        self._ended = False
        self._thread: threading.Thread | None = None

    async def serve(self, socket: WebSocket) -> None:
        """One page, until it goes."""
        if self._sockets >= MAX_SOCKETS:
            await socket.close(_TRY_AGAIN_LATER)
            return
        self._sockets += 1
        listener = _Listener(asyncio.get_running_loop())
        sides: list[asyncio.Task[None]] = []
        try:
            await socket.accept()
            self._listen(listener)
            sides = [
                asyncio.create_task(self._obey(socket, listener)),
                asyncio.create_task(_send_news(socket, listener)),
            ]
            for ended in (await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED))[0]:
                ended.result()
        except (WebSocketDisconnect, TimeoutError):
            pass  # it went away, or doesn't take what it is told
        finally:
            self._sockets -= 1
            self._rest(listener)
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    def close(self) -> None:
        """End the thread."""
        with self._condition:
            self._ended = True
            self._condition.notify()

    async def _obey(self, socket: WebSocket, listener: _Listener) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            match _wish(message):
                case "pause":
                    self._rest(listener)
                case "resume":
                    self._listen(listener)
                case _:
                    await socket.close(_POLICY_VIOLATION)
                    return

    def _listen(self, listener: _Listener) -> None:
        with self._condition:
            self._listeners.add(listener)
            self._to_greet.add(listener)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._look, name="cortex-otel-live", daemon=True
                )
                self._thread.start()
            self._condition.notify()

    def _rest(self, listener: _Listener) -> None:
        with self._condition:
            self._listeners.discard(listener)
            self._to_greet.discard(listener)

    def _look(self) -> None:
        """The thread: watches the store while somebody listens."""
        was_away = False
        while not self._ended:
            with self._condition:
                if not self._listeners:
                    was_away = False
                    self._condition.wait()
                    continue
            try:
                self._watch(was_away=was_away)
            except StoreError:
                # No database yet, or none that can be read: a page says so itself.
                self._greet()
                with self._condition:
                    self._condition.wait(_SECONDS_BETWEEN_FILES)
            was_away = True

    def _watch(self, *, was_away: bool) -> None:
        """Follow one file for as long as somebody listens and it is the one at the path."""
        connection = open_reader(self._path)
        try:
            identity = file_identity(self._path)
            seen = data_version(connection)
            self._newest_id = newest_key(connection)
            if was_away:
                self._tell([])
            looked = time.monotonic()
            while self._listeners and not self._ended:
                self._greet()
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                now = time.monotonic()
                if now - looked >= _SECONDS_BETWEEN_FILES:
                    looked = now
                    if file_identity(self._path) != identity:
                        return
                found = data_version(connection)
                if found != seen:
                    seen = found
                    self._tell(self._newest(connection))
                    time.sleep(_SECONDS_BETWEEN_NEWS)
        finally:
            connection.close()

    def _newest(self, connection: apsw.Connection) -> list[dict[str, Any]]:
        """The events that were committed since the last look; the newest few of them."""
        newest = newest_key(connection)
        after = max(self._newest_id, newest - _NEWEST)
        self._newest_id = newest
        return [
            {**event, "timestamp": self._zone.iso_micros(cast("int", event["timestamp"]))}
            for event in committed_after(connection, after, EventFilter(), _NEWEST)
        ]

    def _greet(self) -> None:
        with self._condition:
            for listener in self._to_greet:
                listener.tell(self._news("hello", []))
            self._to_greet.clear()

    def _tell(self, events: list[dict[str, Any]]) -> None:
        self._version += 1
        with self._condition:
            for listener in self._listeners:
                listener.tell(self._news("change", events))

    def _news(self, kind: str, events: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "type": kind,
            "data_version": self._version,
            "newest_id": self._newest_id,
            "events": events,
        }


class _Listener:
    """One page: what it has not been told yet. What is newer takes the place of what is older."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._news: dict[str, Any] | None = None
        self._is_new = asyncio.Event()

    def tell(self, news: dict[str, Any]) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._take, news)

    async def next(self) -> dict[str, Any]:
        """What there is to tell, as soon as there is something."""
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
    with contextlib.suppress(RuntimeError):  # it went away meanwhile
        while True:
            try:
                async with asyncio.timeout(_SECONDS_BETWEEN_BEATS):
                    news = await listener.next()
            except TimeoutError:
                news = {"type": "alive"}
            async with asyncio.timeout(_SECONDS_TO_TAKE):
                await socket.send_text(orjson.dumps(news).decode())


def _wish(message: Mapping[str, Any]) -> str:
    try:
        told = orjson.loads(message.get("text") or b"")
    except orjson.JSONDecodeError:
        return ""
    return str(told.get("type")) if isinstance(told, dict) else ""
