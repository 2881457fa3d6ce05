"""CSV and JSON of a panel or of events: streamed from one consistent read, in constant memory.

Rows are read from SQLite as the client receives them. A client that stops receiving is dropped,
since an open read keeps the database's WAL from being checkpointed.
"""

from __future__ import annotations

import asyncio
import csv
import io
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import orjson
from starlette.responses import Response

from cortex_otel.query.formats import harmless, plain
from cortex_otel.show.web.problems import busy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.types import Receive, Scope, Send

    from cortex_otel.query.catalogue import Column
    from cortex_otel.query.runner import Value
    from cortex_otel.query.zones import Zone

__all__ = ["Download", "Exports", "as_csv", "as_json", "disposition"]

_Answer = TypeVar("_Answer")

_CHUNK = 64 * 1024
_THREADS = 2
_MAX_CONCURRENT = 8
_SECONDS_FOR_A_CHUNK = 30.0
_BOM = "\ufeff"


def as_csv(
    columns: tuple[Column, ...], rows: Iterator[tuple[Value, ...]], zone: Zone, max_bytes: int
) -> Iterator[bytes]:
    """CSV (RFC 4180) for spreadsheets: UTF-8 with the BOM that Excel needs, and no formulas.

    Args:
        columns: the rows' columns.
        rows: as the question gives them.
        zone: the zone in which times are written.
        max_bytes: size at which it is cut; its last line then says so.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    text.write(_BOM)
    writer.writerow([column.name for column in columns])
    units = [column.unit for column in columns]
    size = 0
    for count, row in enumerate(rows):
        if size + text.tell() > max_bytes:
            writer.writerow([f"# cut after {count} rows: {max_bytes / 1e6:g} MB are reached"])
            break
        writer.writerow(
            [harmless(plain(value, unit, zone)) for value, unit in zip(row, units, strict=True)]
        )
        if text.tell() >= _CHUNK:
            size += text.tell()
            yield _drained(text)
    yield _drained(text)


def as_json(
    head: Mapping[str, Any],
    columns: tuple[Column, ...],
    rows: Iterator[tuple[Value, ...]],
    zone: Zone,
    max_bytes: int,
) -> Iterator[bytes]:
    """One JSON object: ``head``, then ``rows`` as objects, then whether it was truncated.

    Args:
        head: fields before the rows.
        columns: the rows' columns.
        rows: as the question gives them.
        zone: the zone in which times are written.
        max_bytes: size at which it is cut.
    """
    names = [column.name for column in columns]
    units = [column.unit for column in columns]
    pieces = [orjson.dumps(head)[:-1], b',"rows":[']
    size, count, is_cut, held = 0, 0, False, len(pieces[0])
    for row in rows:
        if size + held > max_bytes:
            is_cut = True
            break
        shown = [plain(value, unit, zone) for value, unit in zip(row, units, strict=True)]
        line = orjson.dumps(dict(zip(names, shown, strict=True)))
        pieces.append(b",\n" + line if count else b"\n" + line)
        held += len(line) + 2
        count += 1
        if held >= _CHUNK:
            size += held
            held = 0
            yield b"".join(pieces)
            pieces = []
    end = {"row_count": count, "truncated": is_cut}
    yield b"".join([*pieces, b"\n],", orjson.dumps(end)[1:], b"\n"])


def disposition(name: str, title: str, kind: str) -> str:
    """``Content-Disposition`` of a file (RFC 6266).

    Args:
        name: ASCII letters, digits and ``-``, for clients that don't support more.
        title: the same in any language.
        kind: ``csv``, ``json``.
    """
    title = "".join(
        letter for letter in title if letter.isprintable() and letter not in '/\\:*?"<>|'
    )
    return (
        f"attachment; filename=\"{name}.{kind}\"; filename*=UTF-8''{quote(title, safe='')}.{kind}"
    )


class Exports:
    """The running exports and their threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "cortex-otel-export")
        self._running = 0

    async def begin(
        self, start: Callable[[], Iterator[bytes]], media_type: str, headers: Mapping[str, str]
    ) -> Download:
        """Make the first chunk, so that an unreadable store is answered with its HTTP status.

        Args:
            start: opens the store and yields chunks; runs in threads, one at a time.
            media_type: of the file.
            headers: besides.

        Raises:
            ApiError: 503: too many exports are running.
            Exception: what reading raises.
        """
        # Each keeps a connection with its page cache, for as long as its client takes.
        if self._running >= _MAX_CONCURRENT:
            raise busy(retry_seconds=5)
        self._running += 1
        download = Download(self, start(), media_type, headers)
        try:
            await download.prepare()
        except BaseException:
            await download.end()
            raise
        return download

    async def in_thread(self, call: Callable[[], _Answer]) -> _Answer:
        """Run ``call`` in a thread of the pool and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def ended(self) -> None:
        """Count one export as finished."""
        self._running -= 1

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Download(Response):
    """A streaming response: a file that is made while it is sent.

    Args:
        exports: where it is counted.
        chunks: its content; nothing is read before the first one is requested.
        media_type: of the file.
        headers: besides.
    """

    def __init__(
        self,
        exports: Exports,
        chunks: Iterator[bytes],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(None, HTTPStatus.OK, headers, media_type)
        del self.headers["content-length"]
        self._exports = exports
        self._chunks = chunks
        self._first = b""
        self._making: asyncio.Task[bytes] | None = None

    async def prepare(self) -> None:
        """Make the first chunk."""
        self._first = await self._next()

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002 - the ASGI signature
        receive: Receive,
        send: Send,
    ) -> None:
        """Send it."""
        disconnected = asyncio.create_task(_until_disconnected(receive))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            chunk = self._first
            while chunk and not disconnected.done():
                async with asyncio.timeout(_SECONDS_FOR_A_CHUNK):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await self._next()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            pass  # the client stopped receiving: the server closes the incomplete response
        finally:
            disconnected.cancel()
            await self.end()

    async def end(self) -> None:
        """Close the read."""
        self._exports.ended()
        if self._making is not None:
            await asyncio.wait({self._making})  # a running generator can't be closed
        close = getattr(self._chunks, "close", None)
        if close is not None:
            await self._exports.in_thread(close)

    async def _next(self) -> bytes:
        self._making = asyncio.create_task(self._exports.in_thread(lambda: next(self._chunks, b"")))
        return await asyncio.shield(self._making)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _drained(text: io.StringIO) -> bytes:
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content
