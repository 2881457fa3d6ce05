"""Style sheets and scripts: read and compressed once, cached by browsers for ever.

Their URL holds a hash of all of them, so a new version has new URLs.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

from cortex_otel.show.web import views
from cortex_otel.show.web.problems import not_found

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["static_file"]

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_TEXT = "text/plain; charset=utf-8"
_FOR_EVER = "public, max-age=31536000, immutable"
_SMALLEST_TO_COMPRESS = 512


class _File(NamedTuple):
    content: bytes
    compressed: bytes
    media_type: str
    etag: str


def static_file(request: Request) -> Response:
    """The file at ``/static/{version}/{path}``; 304 if the browser has it.

    Raises:
        ApiError: 404.
    """
    file = _files().get(request.path_params["path"])
    if file is None:
        raise not_found()
    is_ours = request.path_params["version"] == views.static_version()
    headers = {
        "etag": file.etag,
        "vary": "accept-encoding",
        # The URL of an older or newer version, e.g. of a page open during an upgrade.
        "cache-control": _FOR_EVER if is_ours else "no-cache",
    }
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    content = file.content
    if file.compressed and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        content = file.compressed
    return Response(content, headers=headers, media_type=file.media_type)


@cache
def _files() -> dict[str, _File]:
    """All files by path: 0.9 MB, and no path from a client is ever opened on disk."""
    root = views.static_directory()
    return {
        path.relative_to(root).as_posix(): _read(path.read_bytes(), path.suffix)
        for path in root.rglob("*")
        if path.is_file()
    }


def _read(content: bytes, suffix: str) -> _File:
    compressed = gzip.compress(content, 6, mtime=0) if len(content) > _SMALLEST_TO_COMPRESS else b""
    etag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    return _File(content, compressed, _TYPES.get(suffix, _TEXT), etag)
