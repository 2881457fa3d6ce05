"""Copies in a bucket of S3, or of what speaks as S3 does.

The store's asynchronous calls are used: during the others Python doesn't see Ctrl-C.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cortex_otel.locale import N_
from cortex_otel.operate.backup.aws_profile import credentials
from cortex_otel.operate.backup.errors import BackupError
from cortex_otel.operate.backup.names import split_file_name
from cortex_otel.operate.backup.target import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Bucket"]

_CONNECT_SECONDS = 5
_REQUEST_SECONDS = 120  # for one part: a line of half a megabit a second
_RETRIES = 3
_AT_ONCE = 2  # parts under way: two and the one being read are in memory
_REFUSED, _NOT_FOUND = frozenset({401, 403}), 404
_MISSING_CODES = frozenset({"", "NoSuchBucket", "NoSuchKey"})
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS = re.compile(r"status(?: code)?:? (\d{3})|(\d{3}) [A-Z][a-z]+")


class Bucket:
    """A bucket, or what is below a prefix in it.

    Args:
        bucket: its name.
        prefix: without a slash at its ends; ``""``: all of the bucket.
        endpoint: of a store that isn't AWS.
    """

    is_remote = True

    def __init__(self, bucket: str, prefix: str, endpoint: str | None) -> None:
        from obstore.store import S3Store  # noqa: PLC0415 - of the extra

        self.label = f"s3://{bucket}" + (f"/{prefix}" if prefix else "")
        self._prefix = f"{prefix}/" if prefix else ""
        options: dict[str, Any] = credentials(os.environ)
        address = endpoint or os.environ.get("AWS_ENDPOINT_URL") or ""
        if endpoint:
            options["endpoint"] = endpoint
        with self._explained():
            self._store = S3Store(
                bucket,
                client_options={
                    "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
                    "timeout": timedelta(seconds=_REQUEST_SECONDS),
                    "allow_http": address.startswith("http://"),
                },
                retry_config={
                    "max_retries": _RETRIES,
                    "retry_timeout": timedelta(seconds=_REQUEST_SECONDS),
                },
                **options,
            )

    def sizes(self) -> dict[str, int]:
        """Bytes of each object there that has a name like ours."""
        import obstore  # noqa: PLC0415 - of the extra

        async def listed() -> dict[str, int]:
            found: dict[str, int] = {}
            async for chunk in obstore.list(self._store, self._prefix or None):
                for each in chunk:
                    name = each["path"].removeprefix(self._prefix)
                    if split_file_name(name):
                        found[name] = each["size"]
            return found

        with self._explained():
            return asyncio.run(listed())

    def put(self, name: str, file: Path, on_progress: Callable[[int], None]) -> None:
        """Upload ``file``, in parts if it is large; the store shows it when all are there."""
        import obstore  # noqa: PLC0415 - of the extra

        def chunks() -> Iterator[bytes]:
            done = 0
            with file.open("rb") as source:
                while chunk := source.read(CHUNK):
                    yield chunk
                    done += len(chunk)
                    on_progress(done)

        is_large = file.stat().st_size > CHUNK
        content = chunks() if is_large else file.read_bytes()

        async def put() -> None:
            await obstore.put_async(
                self._store,
                self._prefix + name,
                content,
                use_multipart=is_large,
                chunk_size=CHUNK,
                max_concurrency=_AT_ONCE,
            )

        with self._explained():
            asyncio.run(put())

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """The content of an object, in requests that each are tried again."""
        import obstore  # noqa: PLC0415 - of the extra

        async def part(start: int) -> bytes:
            end = min(start + CHUNK, size)
            path = self._prefix + name
            return bytes(await obstore.get_range_async(self._store, path, start=start, end=end))

        for start in range(0, size, CHUNK):
            with self._explained():
                content = asyncio.run(part(start))
            yield content

    def delete(self, name: str) -> None:
        """Delete an object."""
        import obstore  # noqa: PLC0415 - of the extra

        async def delete() -> None:
            await obstore.delete_async(self._store, self._prefix + name)

        with self._explained(), contextlib.suppress(FileNotFoundError):
            asyncio.run(delete())

    def clean(self, series: str) -> None:
        """Nothing to be seen: the store keeps parts of a broken upload to itself.

        It deletes them when it is told to by a life-cycle rule.
        """

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an error means. Its own text may have keys in it, and is never shown."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 - of the extra

        try:
            yield
        except (BaseError, FileNotFoundError, ValueError) as error:
            raise self._explanation(error) from None

    def _explanation(self, error: Exception) -> BackupError:
        from obstore.exceptions import (  # noqa: PLC0415 - of the extra
            PermissionDeniedError,
            UnauthenticatedError,
        )

        text = str(error).partition("Debug source")[0]
        found = _STATUS.search(text)
        status = int(next(filter(None, found.groups()))) if found else None
        named = _CODE.search(text)
        code = named[1] if named else ""
        if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or status in _REFUSED:
            return BackupError(
                N_(
                    "{target} refuses these credentials: check AWS_ACCESS_KEY_ID, "
                    "AWS_SECRET_ACCESS_KEY and AWS_REGION, and that they may list, read, write and "
                    "delete there"
                ),
                target=self.label,
            )
        is_missing = isinstance(error, FileNotFoundError) or status == _NOT_FOUND
        if is_missing and code in _MISSING_CODES:
            return BackupError(
                N_("{target} isn't there, or no longer: check bucket and prefix"), target=self.label
            )
        reason = f"HTTP {status} {code}".rstrip() if status else ""
        return BackupError(
            N_(
                "{target} doesn't answer as it should, or broke off{reason}: check the network and "
                "CORTEX_OTEL_BACKUP_ENDPOINT, and run this again"
            ),
            target=self.label,
            reason=f" ({reason})" if reason else "",
        )
