"""Fetches each page of the web admin once, with all its panels, over HTTP like a browser."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cortex_otel.locale import _, language
from cortex_otel.show.pages import PAGES

if TYPE_CHECKING:
    import threading

    from cortex_otel.settings import Settings
    from cortex_otel.show.pages import Page

__all__ = ["PageChecks", "PageResult"]

# Nothing is measured by these: a machine may do much else.
_SECONDS = 120.0
_SECONDS_TO_START = 120.0
#: How often a panel is asked that the server gave up as too slow.
_TRIES = 10
_SECONDS_BETWEEN_TRIES = 0.05
_SINCE = "30d"
# Not through a proxy: it is this machine's own server.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(slots=True)
class PageResult:
    """What came of one page."""

    name: str
    title: str
    panels: int
    lit: int = 0
    """Panels with a row at least."""
    dark: list[str] = field(default_factory=list)
    milliseconds: float = 0.0
    """The page and all its panels, one after another."""
    failure: str = ""


class PageChecks:
    """What was seen of the pages.

    Args:
        settings: of the server; with ports that aren't 0.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = f"http://{settings.admin_host}:{settings.admin_port}"
        self.pages: list[PageResult] = []

    @property
    def holds(self) -> bool:
        """Whether every page was fetched and every panel has something to show."""
        return bool(self.pages) and not any(page.failure or page.dark for page in self.pages)

    def look(self, has_ended: threading.Event) -> None:
        """Fetch them all; never raises for what a page does.

        Args:
            has_ended: set when the server has ended: then there is nothing to wait for.
        """
        if not self._is_listening(has_ended):
            return
        token = self._token()
        for page in PAGES.values():
            seen = PageResult(page.id, page.title_in(language()), len(page.panels))
            self.pages.append(seen)
            began = time.perf_counter()
            try:
                user = self._a_user(token) if page.id == "user" else ""
                place = f"users/{user}" if user else page.id
                self._fetch(f"/admin/telemetry/{place}", token)
                self._look_at(page, seen, token, user)
            except (OSError, ValueError, http.client.HTTPException) as error:
                seen.failure = _told(error)
            seen.milliseconds = (time.perf_counter() - began) * 1000

    def problems(self) -> list[str]:
        """What isn't as it should be; a line each."""
        found = [
            _("{page}: {detail}", page=page.title, detail=page.failure)
            for page in self.pages if page.failure
        ]  # fmt: skip
        found += [
            _("{page}: nothing to show in {panels}", page=page.title, panels=", ".join(page.dark))
            for page in self.pages if page.dark
        ]  # fmt: skip
        return found if self.pages else [_("no page of the web admin could be fetched")]

    def as_json(self) -> list[dict[str, Any]]:
        """For machines."""
        return [
            {
                "page": page.name, "panels": page.panels, "lit": page.lit, "dark": page.dark,
                "milliseconds": round(page.milliseconds, 1), "failure": page.failure or None,
            }
            for page in self.pages
        ]  # fmt: skip

    def _look_at(self, page: Page, seen: PageResult, token: str, user: str) -> None:
        # As a reader opens it. With a filter, some panel may rightly have nothing to show.
        filters = {"user": user} if user else {}
        for panel in page.panels:
            answer = self._answer(f"{page.id}/{panel.id}", token, **filters)
            if answer["rows"]:
                seen.lit += 1
            else:
                seen.dark.append(panel.id)

    def _fetch(self, path: str, token: str) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - a loopback URL of our own
            self._url + path, headers={"Authorization": f"Bearer {token}"}
        )
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            return bytes(answer.read())

    def _is_listening(self, has_ended: threading.Event) -> bool:
        place = (self._settings.admin_host, self._settings.admin_port)
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline and not has_ended.wait(_SECONDS_BETWEEN_TRIES):
            try:
                socket.create_connection(place, timeout=1).close()
            except OSError:
                continue
            return True
        return False

    def _token(self) -> str:
        """The one of the environment, or the one that the server makes when it starts."""
        if self._settings.admin_token:
            return self._settings.admin_token
        file = self._settings.home / "admin.token"
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline:
            if file.exists() and (token := file.read_text(encoding="utf-8").strip()):
                return token
            time.sleep(_SECONDS_BETWEEN_TRIES)
        return ""

    def _answer(self, panel: str, token: str, **filters: str) -> dict[str, Any]:
        query = urllib.parse.urlencode({"since": _SINCE, "lang": language(), **filters})
        for left in reversed(range(_TRIES)):
            try:
                return dict(
                    json.loads(self._fetch(f"/api/telemetry/panels/{panel}?{query}", token))
                )
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.GATEWAY_TIMEOUT or not left:
                    raise
        raise AssertionError

    def _a_user(self, token: str) -> str:
        """The busiest of those that the page of users leads to."""
        answer = self._answer("users/users", token)
        names = [column["name"] for column in answer["columns"]]
        rows = [dict(zip(names, row, strict=True)) for row in answer["rows"]]
        return str(max(rows, key=lambda row: row["events"])["user_id_hash"]) if rows else ""


def _told(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        try:
            return f"{error.code} {json.loads(error.read())['error']['message']}"
        except (ValueError, KeyError, TypeError):
            return f"{error.code} {error.reason}"
    return f"{type(error).__name__}: {error}"
