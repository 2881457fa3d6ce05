"""Copies in a bucket of S3, or of what speaks as S3 does."""

from __future__ import annotations

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

        found: dict[str, int] = {}
        with self._explained():
            for chunk in obstore.list(self._store, self._prefix or None):
                for each in chunk:
                    name = each["path"].removeprefix(self._prefix)
                    if split_file_name(name):
                        found[name] = each["size"]
        return found

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

        path = self._prefix + name
        with self._explained():
            if file.stat().st_size <= CHUNK:
                obstore.put(self._store, path, file.read_bytes(), use_multipart=False)
            else:
                obstore.put(self._store, path, chunks(), chunk_size=CHUNK, max_concurrency=_AT_ONCE)

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """The content of an object, in requests that each are tried again."""
        import obstore  # noqa: PLC0415 - of the extra

        for start in range(0, size, CHUNK):
            with self._explained():
                part = obstore.get_range(
                    self._store, self._prefix + name, start=start, end=min(start + CHUNK, size)
                )
            yield bytes(part)

    def delete(self, name: str) -> None:
        """Delete an object."""
        import obstore  # noqa: PLC0415 - of the extra

        with self._explained(), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, self._prefix + name)

    def clean(self, series: str) -> None:
        """Nothing to be seen: the store keeps parts of a broken upload to itself.

        It deletes them when it is told to by a life-cycle rule.
        """

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an error means. Its own text may have keys in it, and is never shown."""
        from obstore.exceptions import (  # noqa: PLC0415 - of the extra
            BaseError,
            PermissionDeniedError,
            UnauthenticatedError,
        )

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError):
            raise BackupError(
                N_(
                    "{target} refuses these credentials: check AWS_ACCESS_KEY_ID, "
                    "AWS_SECRET_ACCESS_KEY and AWS_REGION, and that they may list, read, write and "
                    "delete there"
                ),
                target=self.label,
            ) from None
        except FileNotFoundError:
            raise BackupError(
                N_("{target} isn't there, or no longer: check bucket and prefix"),
                target=self.label,
            ) from None
        except (BaseError, ValueError) as error:
            status = _STATUS.search(str(error).partition("Debug source")[0])
            reason = f"HTTP {next(filter(None, status.groups()))}" if status else ""
            raise BackupError(
                N_(
                    "{target} doesn't answer as it should, or broke off{reason}: check the network "
                    "and CORTEX_OTEL_BACKUP_ENDPOINT, and run this again"
                ),
                target=self.label,
                reason=f" ({reason})" if reason else "",
            ) from None
