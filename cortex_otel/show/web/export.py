"""CSV and JSON of a panel or of events: streamed from one consistent read, in constant memory.

The rows are pulled from SQLite as the client takes them. A client that stops taking is left, since
an open read keeps the database's log from being emptied.
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

from cortex_otel.query.formats import harmless
from cortex_otel.show.web.problems import ApiError
from cortex_otel.show.web.values import cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.types import Receive, Scope, Send

    from cortex_otel.query.catalogue import Column
    from cortex_otel.query.runner import Value
    from cortex_otel.show.web.zones import Zone

__all__ = ["Download", "Exports", "as_csv", "as_json", "disposition"]

_Answer = TypeVar("_Answer")

_CHUNK = 64 * 1024
_THREADS = 2
_MAX_CONCURRENT = 8
_SECONDS_FOR_A_CHUNK = 30.0
_BOM = "\ufeff"


def as_csv(
    columns: tuple[Column, ...], rows: Iterator[tuple[Value, ...]], zone: Zone, most_bytes: int
) -> Iterator[bytes]:
    """CSV (RFC 4180) for spreadsheets: UTF-8 with a mark that Excel needs, and no formulas.

    Args:
        columns: of the rows.
        rows: as the question gives them.
        zone: of times.
        most_bytes: where it is cut; its last line then says so.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    text.write(_BOM)
    writer.writerow([column.name for column in columns])
    units = [column.unit for column in columns]
    size = 0
    for count, row in enumerate(rows):
        if size + text.tell() > most_bytes:
            writer.writerow([f"# cut after {count} rows: {most_bytes / 1e6:g} MB are reached"])
            break
        writer.writerow(
            [harmless(cell(value, unit, zone)) for value, unit in zip(row, units, strict=True)]
        )
        if text.tell() >= _CHUNK:
            size += text.tell()
            yield _taken(text)
    yield _taken(text)


def as_json(
    head: Mapping[str, Any],
    columns: tuple[Column, ...],
    rows: Iterator[tuple[Value, ...]],
    zone: Zone,
    most_bytes: int,
) -> Iterator[bytes]:
    """One JSON object: ``head``, then ``rows`` as objects, then whether it was cut.

    Args:
        head: what stands before the rows.
        columns: of the rows.
        rows: as the question gives them.
        zone: of times.
        most_bytes: where it is cut.
    """
    names = [column.name for column in columns]
    units = [column.unit for column in columns]
    pieces = [orjson.dumps(head)[:-1], b',"rows":[']
    size, count, is_cut, held = 0, 0, False, len(pieces[0])
    for row in rows:
        if size + held > most_bytes:
            is_cut = True
            break
        shown = [cell(value, unit, zone) for value, unit in zip(row, units, strict=True)]
        told = orjson.dumps(dict(zip(names, shown, strict=True)))
        pieces.append(b",\n" + told if count else b"\n" + told)
        held += len(told) + 2
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
        name: in letters, digits and ``-``, for clients that know nothing else.
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
    """Those that are being made: how many, and in which threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "cortex-otel-export")
        self._begun = 0

    async def begin(
        self, made: Callable[[], Iterator[bytes]], media_type: str, headers: Mapping[str, str]
    ) -> Download:
        """Make the first chunk, so that what can't be read is answered with its status.

        Args:
            made: opens what it reads, and yields chunks; runs in a thread, not always the same.
            media_type: of the file.
            headers: besides.

        Raises:
            ApiError: 503: too many are being made.
            Exception: what reading raises.
        """
        # Each keeps a connection with its page cache, for as long as its client takes.
        if self._begun >= _MAX_CONCURRENT:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", headers={"retry-after": "5"})
        self._begun += 1
        download = Download(self, made(), media_type, headers)
        try:
            await download.prepare()
        except BaseException:
            await download.end()
            raise
        return download

    async def in_thread(self, call: Callable[[], _Answer]) -> _Answer:
        """What ``call`` returns."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def ended(self) -> None:
        """One of them is over."""
        self._begun -= 1

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Download(Response):
    """A file that is made while it is sent.

    Args:
        exports: it is one of.
        chunks: of it; nothing is read before the first is asked for.
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
        scope: Scope,  # noqa: ARG002 - of ASGI
        receive: Receive,
        send: Send,
    ) -> None:
        """Send it."""
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await send(
                {
                    "type": "http.response.start", "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )  # fmt: skip
            chunk = self._first
            while chunk and not gone.done():
                async with asyncio.timeout(_SECONDS_FOR_A_CHUNK):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await self._next()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            pass  # it takes nothing any more: the server closes what isn't complete
        finally:
            gone.cancel()
            await self.end()

    async def end(self) -> None:
        """Close what it reads."""
        self._exports.ended()
        if self._making is not None:
            await asyncio.wait({self._making})  # a generator that runs can't be closed
        close = getattr(self._chunks, "close", None)
        if close is not None:
            await self._exports.in_thread(close)

    async def _next(self) -> bytes:
        self._making = asyncio.create_task(self._exports.in_thread(lambda: next(self._chunks, b"")))
        return await asyncio.shield(self._making)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _taken(text: io.StringIO) -> bytes:
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content
