"""Fetches each page of the web admin and its panels once, over HTTP like a browser."""

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
from cortex_otel.show.report import shelf

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from cortex_otel.settings import Settings
    from cortex_otel.show.pages import Page

__all__ = ["PageChecks", "PageResult", "is_listening"]

# Generous: nothing is measured by these, and the machine may be busy.
_SECONDS = 120.0
_SECONDS_TO_START = 120.0
#: How often a panel is requested if the server answers that it is too slow.
_TRIES = 10
_SECONDS_BETWEEN_TRIES = 0.05
#: A panel that is empty in the first range is asked for the second: windows of weeks must be over.
_SINCE, _LONGER = "30d", "90d"
# Without a proxy: the server is on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(slots=True)
class PageResult:
    """The result of one page."""

    name: str
    title: str
    panels: int
    lit: int = 0
    """Panels with at least one row."""
    dark: list[str] = field(default_factory=list)
    milliseconds: float = 0.0
    """The page and all its panels, in sequence."""
    failure: str = ""


class PageChecks:
    """Checks of the pages.

    Args:
        settings: the server's; with ports that aren't 0.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = f"http://{settings.admin_host}:{settings.admin_port}"
        self.pages: list[PageResult] = []
        self._report_failure = ""

    @property
    def holds(self) -> bool:
        """Whether every page was fetched and every panel has rows, and the report is there."""
        return not self.problems()

    def run(self, before: Mapping[str, Callable[[], None]]) -> None:
        """Fetch all pages and the latest report; never raises because of a page.

        Args:
            before: called before the page of that name.
        """
        token = self._token()
        for page in PAGES.values():
            before.get(page.id, _nothing)()
            seen = PageResult(page.id, page.title_in(language()), len(page.panels))
            self.pages.append(seen)
            started = time.perf_counter()
            try:
                user = self._a_user(token) if page.id == "user" else ""
                place = f"users/{user}" if user else page.id
                self._fetch(f"/admin/telemetry/{place}", token)
                self._check_panels(page, seen, token, user)
            except (OSError, ValueError, http.client.HTTPException) as error:
                seen.failure = _message_of(error)
            seen.milliseconds = (time.perf_counter() - started) * 1000
        try:
            self._fetch_report(token)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._report_failure = _message_of(error)

    def problems(self) -> list[str]:
        """The problems found, one line each."""
        found = [
            _("{page}: {detail}", page=page.title, detail=page.failure)
            for page in self.pages
            if page.failure
        ]
        found += [
            _("{page}: nothing to show in {panels}", page=page.title, panels=", ".join(page.dark))
            for page in self.pages
            if page.dark
        ]
        if self._report_failure:
            found.append(
                _("{page}: {detail}", page=_("Weekly reports"), detail=self._report_failure)
            )
        return found if self.pages else [_("no page of the web admin could be fetched")]

    def as_json(self) -> list[dict[str, Any]]:
        """The results for ``--json``."""
        return [
            {
                "page": page.name, "panels": page.panels, "lit": page.lit, "dark": page.dark,
                "milliseconds": round(page.milliseconds, 1), "failure": page.failure or None,
            }
            for page in self.pages
        ]  # fmt: skip

    def _check_panels(self, page: Page, seen: PageResult, token: str, user: str) -> None:
        # Without filters: with one, a panel may legitimately be empty.
        filters = {"user": user} if user else {}
        for panel in page.panels:
            path = f"{page.id}/{panel.id}"
            if any(
                self._answer(path, token, since=since, **filters)["rows"]
                for since in (_SINCE, _LONGER)
            ):
                seen.lit += 1
            else:
                seen.dark.append(panel.id)

    def _fetch(self, path: str, token: str) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - our own loopback URL
            self._url + path, headers={"Authorization": f"Bearer {token}"}
        )
        with _OPENER.open(request, timeout=_SECONDS) as response:
            return bytes(response.read())

    def _fetch_report(self, token: str) -> None:
        """Fetch the list of reports and the latest of them, if one is kept.

        Raises:
            OSError, HTTPException: it can't be fetched.
            ValueError: it isn't listed, or differs from the file.
        """
        report = shelf.newest(self._settings.home, language())
        if report is None:
            return
        if report.path.name.encode() not in self._fetch(shelf.PAGE_PATH, token):
            raise ValueError(f"{report.path.name} isn't listed")
        if self._fetch(report.address, token) != report.path.read_bytes():
            raise ValueError(f"{report.path.name} differs from the file")

    def _token(self) -> str:
        """The token in the environment, or the one that the server creates when it starts."""
        if self._settings.admin_token:
            return self._settings.admin_token
        file = self._settings.home / "admin.token"
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline:
            if file.exists() and (token := file.read_text(encoding="utf-8").strip()):
                return token
            time.sleep(_SECONDS_BETWEEN_TRIES)
        return ""

    def _answer(
        self, panel: str, token: str, since: str = _SINCE, **filters: str
    ) -> dict[str, Any]:
        query = urllib.parse.urlencode({"since": since, "lang": language(), **filters})
        for retries in reversed(range(_TRIES)):
            try:
                return dict(
                    json.loads(self._fetch(f"/api/telemetry/panels/{panel}?{query}", token))
                )
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.GATEWAY_TIMEOUT or not retries:
                    raise
        raise AssertionError

    def _a_user(self, token: str) -> str:
        """The most active of the users on the users page."""
        answer = self._answer("users/users", token)
        names = [column["name"] for column in answer["columns"]]
        rows = [dict(zip(names, row, strict=True)) for row in answer["rows"]]
        return str(max(rows, key=lambda row: row["events"])["user_id_hash"]) if rows else ""


def is_listening(settings: Settings, has_ended: threading.Event) -> bool:
    """Wait until the web admin answers; false if it doesn't, or ``has_ended`` is set meanwhile."""
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and not has_ended.wait(_SECONDS_BETWEEN_TRIES):
        try:
            socket.create_connection((settings.admin_host, settings.admin_port), timeout=1).close()
        except OSError:
            continue
        return True
    return False


def _nothing() -> None:
    return


def _message_of(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        try:
            return f"{error.code} {json.loads(error.read())['error']['message']}"
        except (ValueError, KeyError, TypeError):
            return f"{error.code} {error.reason}"
    return f"{type(error).__name__}: {error}"
