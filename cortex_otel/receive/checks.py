"""Who may send, and what: Host, Origin, token, content type, encoding.

A page in any browser can reach a server on this machine, and a name of its own that leads here
(DNS rebinding). So a request that names a foreign host or comes from a page is refused, and only
the exact content types are taken, which makes a browser ask first; the answer has no CORS header.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from cortex_otel.settings.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cortex_otel.settings import Settings

__all__ = [
    "JSON",
    "PROTOBUF",
    "Refusal",
    "Rules",
    "content_length",
    "content_type",
    "is_gzip",
    "too_large",
]

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"


class Refusal(Exception):  # noqa: N818 - an answer, and no error of ours
    """A request that is answered at once.

    Args:
        status: HTTP status.
        message: what is wrong, and what to do.
        headers: of the answer.
        code: for programs, where the answer has one.
        field: what of the request it is about.
        records: how many, known to be of a kind, are refused with it for what they are.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        code: str = "",
        field: str | None = None,
        records: int = 0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.code = code
        self.field = field
        self.records = records


class Rules:
    """Who may send, by the settings."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.receiver_token.encode() if settings.receiver_token else None
        self._hosts = {"localhost", settings.receiver_host.lower()}
        # Who listens to the network has set a token, which no page knows, under whatever name.
        self._any_host = not is_loopback(settings.receiver_host.lower())

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """See that a request may come in at all.

        Args:
            headers: by lower-case name.

        Raises:
            Refusal: 401 or 403.
        """
        host = _host_name(headers.get(b"host", b"").decode("latin-1"))
        if not (self._any_host or host in self._hosts or is_loopback(host.lower())):
            raise Refusal(
                403,
                "the Host header names another machine: send to localhost or 127.0.0.1",
                code="foreign_host",
            )
        if b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none":
            raise Refusal(
                403,
                "telemetry isn't taken from pages in a browser: leave out Origin",
                code="from_a_page",
            )
        if self._token is not None:
            scheme, _, shown = headers.get(b"authorization", b"").partition(b" ")
            is_shown = hmac.compare_digest(shown.strip(), self._token)
            if scheme.lower() != b"bearer" or not is_shown:
                raise Refusal(
                    401,
                    "send the token of CORTEX_OTEL_RECEIVER_TOKEN: Authorization: Bearer …",
                    headers={"www-authenticate": "Bearer"},
                    code="no_token",
                )


def content_type(headers: Mapping[bytes, bytes], allowed: Iterable[str]) -> str:
    """Media type of the body; parameters are left aside.

    Raises:
        Refusal: 415.
    """
    content_type = (
        headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    )
    if content_type not in allowed:
        raise Refusal(415, f"the Content-Type must be {' or '.join(allowed)}", code="content_type")
    return content_type


def is_gzip(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body is compressed.

    Raises:
        Refusal: 415: with something else than gzip.
    """
    content_encoding = headers.get(b"content-encoding", b"").strip().lower()
    if content_encoding not in {b"", b"identity", b"gzip"}:
        raise Refusal(
            415,
            "the Content-Encoding must be gzip or none",
            code="content_encoding",
            headers={"accept-encoding": "gzip"},
        )
    return content_encoding == b"gzip"


def content_length(headers: Mapping[bytes, bytes], most: int) -> int:
    """Bytes announced; 0 of a chunked body.

    Raises:
        Refusal: 413.
    """
    content_length = headers.get(b"content-length", b"0")
    length = int(content_length) if content_length.isdigit() else 0
    if length > most:
        raise too_large(most)
    return length


def too_large(most: int) -> Refusal:
    """413."""
    return Refusal(
        413,
        f"the body is larger than {most} bytes: send fewer records at once",
        headers={"connection": "close"},
        code="too_large",
    )


def _host_name(host: str) -> str:
    """Without port and brackets, lower-case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
