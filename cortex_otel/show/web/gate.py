"""Access control: Host, Origin and token checks, and the security headers of every response.

Protects against: pages of other sites that make requests in the reader's name, DNS rebinding, other
users of this machine, and, if the admin listens on a network, that network. It can't protect
against another program of the same user.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cortex_otel.locale import N_
from cortex_otel.settings.loopback import is_loopback
from cortex_otel.show.web import views
from cortex_otel.show.web.problems import ApiError, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


_logger = logging.getLogger("cortex_otel")

__all__ = ["IS_HEAD", "Gate", "language_of"]

_COOKIE_SECONDS: Final = 90 * 86_400
_OPEN_TO_ALL: Final = ("/static/",)
_PAGES: Final = "/admin/"
#: Key in the scope of a HEAD request, which is routed as GET: an expensive body can be left out.
IS_HEAD: Final = "cortex_otel.is_head"
#: Nothing that is sent here is longer than a funnel.
_MAX_BODY_BYTES: Final = 64_000
_SAFE: Final = frozenset({"GET", "HEAD"})

#: ``style-src 'self'`` and no ``unsafe-inline`` anywhere: charts set styles through the CSSOM.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def language_of(headers: Headers, query: bytes) -> str:
    """``en`` or ``ko``, from the URL, the cookie or the browser's preference."""
    wish = dict(parse_qsl(query.decode("latin-1"))).get("lang")
    cookie = _cookies(headers).get(views.LANGUAGE_COOKIE)
    return views.chosen_language(wish, cookie, headers.get("accept-language"))


class Gate:
    """ASGI middleware in front of the application.

    Args:
        app: the application.
        token: this installation's.
        host: the host that the server listens on.
    """

    def __init__(self, app: ASGIApp, token: str, host: str) -> None:
        self._app = app
        self._token = token.encode()
        digest = hashlib.sha256(b"cookie:" + self._token).hexdigest()
        # Cookies ignore ports: two installations on one machine must not sign each other out.
        self._cookie = f"cortex_otel_{digest[:8]}"
        self._cookie_value = digest[8:]
        self._host = host.lower()
        # An admin that listens on a network may have any name; it requires a token in the settings.
        self._any_host = not is_loopback(host.lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        if scope["type"] == "websocket":
            if refused is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refused.code})
            return
        guarded = _with_headers(send, is_head=scope["method"] == "HEAD")
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", IS_HEAD: True}
        if (answer := self._signing_in(scope, headers)) is not None:
            await answer(scope, receive, guarded)
        elif refused is not None:
            await self._error_response(refused, scope, headers)(scope, receive, guarded)
        else:
            await self._forward(scope, receive, guarded, headers)

    async def _forward(
        self,
        scope: Scope,
        receive: Receive,
        send: Callable[[Message], Awaitable[None]],
        headers: Headers,
    ) -> None:
        has_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:
            if has_started:
                raise  # partly sent: the server closes the connection, so that the client notices
            _logger.exception("fault of the web admin at %r", scope["path"])
            fault = ApiError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "fault",
                N_("an internal error of the admin; its log has the details"),
            )
            await self._error_response(fault, scope, headers)(scope, receive, send)

    def _refused(  # noqa: PLR0911 - one for each reason
        self, scope: Scope, headers: Headers
    ) -> ApiError | None:
        """Why this request is refused; ``None`` if it isn't."""
        host = headers.get("host", "")
        if not self._is_our_host(host):
            return ApiError(
                HTTPStatus.FORBIDDEN,
                "foreign_host",
                N_("the Host header names another machine: open localhost or 127.0.0.1"),
            )
        if not self._is_own_page(scope, headers, host):
            return ApiError(
                HTTPStatus.FORBIDDEN,
                "foreign_origin",
                N_("another site's page sent this request: open the address yourself"),
            )
        if scope["path"].startswith(_OPEN_TO_ALL):
            return None
        if scope["type"] == "http" and not _is_small(headers):
            return ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too_large",
                N_("the request is too large: at most {most} kB, of a length that it names"),
                most=_MAX_BODY_BYTES // 1000,
            )
        shown = headers.get("authorization")
        if shown is not None:
            scheme, _, token = shown.partition(" ")
            if scheme.lower() == "bearer" and self._is_token(token.strip()):
                return None
            return _unauthorized(
                "wrong_token", N_("this is not this installation's token: see the file admin.token")
            )
        if hmac.compare_digest(
            _cookies(headers).get(self._cookie, "").encode(), self._cookie_value.encode()
        ):
            return None
        return _unauthorized(
            "no_token",
            N_(
                "open the address that cortex-otel serve printed, or send its token as a Bearer "
                "token"
            ),
        )

    def _is_our_host(self, host: str) -> bool:
        name = _host_name(host)
        return bool(name) and (self._any_host or name == self._host or is_loopback(name.lower()))

    def _is_own_page(self, scope: Scope, headers: Headers, host: str) -> bool:
        """Whether a page of ours made the request, or none did: a typed address, or a program."""
        is_page = scope["path"].startswith(_PAGES) or scope["path"] == "/"
        is_socket = scope["type"] == "websocket"
        if not is_socket and is_page and scope["method"] in _SAFE:
            site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
            # A link on another site may lead here: it opens a page of ours. The page must not be
            # framed, nor read by a script.
            return site in {None, "none", "same-origin"} or mode == "navigate"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            return False
        return headers.get("sec-fetch-site") in {None, "none", "same-origin"}

    def _is_token(self, candidate: str) -> bool:
        return hmac.compare_digest(candidate.encode(), self._token)

    def _signing_in(self, scope: Scope, headers: Headers) -> Response | None:
        """The response to a URL with the right token: sets the cookie and redirects without it."""
        if scope["method"] != "GET" or not scope["path"].startswith(_PAGES):
            return None
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        candidate = [value for name, value in pairs if name == "token"]
        if not candidate or not self._is_token(candidate[-1]):
            return None
        if not self._is_our_host(headers.get("host", "")):
            return None
        rest = urlencode([pair for pair in pairs if pair[0] != "token"])
        # One leading slash only: "//elsewhere" would redirect to another host.
        path = "/" + scope["path"].lstrip("/")
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            self._cookie,
            self._cookie_value,
            max_age=_COOKIE_SECONDS,
            path="/",
            httponly=True,
            samesite="strict",
        )
        return answer

    def _error_response(self, error: ApiError, scope: Scope, headers: Headers) -> Response:
        language = language_of(headers, scope["query_string"])
        if not scope["path"].startswith(_PAGES) and scope["path"] != "/":
            return refusal(error, language)
        if error.status != HTTPStatus.UNAUTHORIZED:
            html = views.error_html(error.status, error.code, error.message(language), language)
            return HTMLResponse(html, error.status)
        answer = HTMLResponse(views.sign_in_html(language), error.status, error.headers)
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            # A browser doesn't send a strict cookie when a link on another site was followed. It
            # does when a page of ours reloads itself.
            answer.headers["refresh"] = "0"
        return answer


def _with_headers(send: Send, *, is_head: bool) -> Callable[[Message], Awaitable[None]]:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        elif is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return guarded


def _unauthorized(code: str, message: str) -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, code, message, headers={"www-authenticate": "Bearer"})


def _is_small(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal():
        return False
    return int(length) <= _MAX_BODY_BYTES


def _cookies(headers: Headers) -> dict[str, str]:
    return cookie_parser(headers.get("cookie", ""))


def _host_name(host: str) -> str:
    """The name without port and brackets, in lower case; empty if invalid."""
    host = host.strip().lower()
    if host.startswith("["):
        name, bracket, _ = host[1:].partition("]")
        return name if bracket else ""
    name, _, port = host.partition(":")
    return name if not port or port.isdigit() else ""
