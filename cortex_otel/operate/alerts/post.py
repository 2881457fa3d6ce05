"""One POST with a deadline for all of it: the name, the way, the answer.

The standard library's timeouts are of each step, and looking up a name has none: the exchange runs
in a thread of its own, which is left alone after the deadline.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import http.client
import queue
import socket
import ssl
import threading
import time
import urllib.request
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

__all__ = ["Answer", "Post"]

_MAX_ANSWER_BYTES: Final = 4096
_MAX_RETRY_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it."""

    status: int = 0
    """Of HTTP; 0: there was no answer."""
    body: bytes = b""
    """Its beginning."""
    retry_after: float | None = None
    """Seconds, if the answer named them."""
    problem: str = ""
    """Why there was none, in English and without anything secret."""


class Post:
    """One request.

    Args:
        url: where to; a secret, which is in no answer.
        body: what is sent.
        headers: beside the length.
    """

    def __init__(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        self._url, self._body, self._headers = url, body, dict(headers)
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._connection: http.client.HTTPConnection | None = None

    def send(self, seconds: float) -> Answer:
        """Send it, and wait so long for the answer; redirects aren't followed."""
        threading.Thread(target=self._exchange, args=(seconds,), daemon=True).start()
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            self._hang_up()
            return Answer(problem="timed out")

    def cancel(self) -> None:
        """End :meth:`send` at once, in any thread."""
        self._answers.put(Answer(problem="stopped"))
        self._hang_up()

    def _exchange(self, seconds: float) -> None:
        try:
            answer = self._answer(seconds)
        except Exception as error:  # noqa: BLE001 - each becomes a word, since its text may hold the address
            answer = Answer(problem=_problem(error))
        self._answers.put(answer)

    def _answer(self, seconds: float) -> Answer:
        parts = urlsplit(self._url)
        self._connection = connection = _connection(parts.scheme, parts.netloc, seconds)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, self._body, self._headers)
            response = connection.getresponse()
            return Answer(
                response.status,
                response.read(_MAX_ANSWER_BYTES),
                _seconds(response.headers.get("retry-after", "")),
            )
        finally:
            connection.close()

    def _hang_up(self) -> None:
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)


@cache
def _tls() -> ssl.SSLContext:
    """Checks certificates and names."""
    return ssl.create_default_context()


def _connection(scheme: str, place: str, seconds: float) -> http.client.HTTPConnection:
    """To ``place``, by the proxy of the environment if it names one."""
    if scheme == "http":  # of this machine alone, whatever http_proxy says
        return http.client.HTTPConnection(place, timeout=seconds)
    proxy = urllib.request.getproxies().get("https")
    if not proxy or urllib.request.proxy_bypass(place):
        return http.client.HTTPSConnection(place, timeout=seconds, context=_tls())
    found = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    connection = http.client.HTTPSConnection(
        found.hostname or "", found.port, timeout=seconds, context=_tls()
    )
    connection.set_tunnel(place, headers=_credentials(found))
    return connection


def _credentials(proxy: SplitResult) -> dict[str, str]:
    """The header for a proxy whose URL has a user and password; percent-encoded there.

    Source: https://www.rfc-editor.org/rfc/rfc7617
    """
    if proxy.username is None:
        return {}
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


def _seconds(retry_after: str) -> float | None:
    """What ``Retry-After`` says, as seconds or as a date."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), _MAX_RETRY_SECONDS)
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
        wait = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        return min(max(0.0, wait), _MAX_RETRY_SECONDS)
    return None


def _problem(error: Exception) -> str:  # noqa: PLR0911 - one for each
    match error:
        case ssl.SSLCertVerificationError():
            return "the server's certificate isn't trusted"
        case ssl.SSLError():
            return "no TLS connection"
        case socket.gaierror():
            return "the host isn't found"
        case TimeoutError():
            return "timed out"
        case ConnectionRefusedError():
            return "refused"
        case http.client.HTTPException() | ConnectionError():
            return "no HTTP answer"
        case OSError():
            return "can't be reached"
    return "fault"
