"""A real ``cortex-otel serve`` and a real browser.

Without Chromium the tests that need one are skipped; with ``CORTEX_REQUIRE_ALL=1`` they fail.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]


@dataclass
class Admin:
    """``cortex-otel serve --only admin`` over one home."""

    home: Path
    port: int = 0
    more: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    url: str = ""
    """With the token, as it is printed."""

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def database(self) -> Path:
        return self.home / "cortex.db"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return (
            inherited
            | {
                "CORTEX_OTEL_HOME": str(self.home),
                "CORTEX_OTEL_TIME_ZONE": "Asia/Seoul",
                "LC_ALL": "C.UTF-8",
            }
            | self.more
        )

    def start(self) -> Admin:
        command = [sys.executable, "-P", "-m", "cortex_otel.cli", "serve", "--only", "admin",
                   "--port", str(self.port)]  # fmt: skip
        self.process = subprocess.Popen(
            command,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in self.process.stdout:
            if found := re.search(r"http://\S+", line):
                self.url = found[0]
                self.port = urlsplit(self.url).port
                return self
        pytest.fail(f"serve ended with {self.process.wait()}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process is not None:
            self.process.stdout.close()


@pytest.fixture(scope="session")
def population_home(tmp_path_factory):
    """A home whose database has the demo's synthetic data: 45 days, 150 users, until now.

    The named metrics of it are written too: by a job, pages would change while they are looked at.
    """
    from cortex_otel.demo.synthetic_data import fill
    from cortex_otel.operate.metrics import write_metrics
    from cortex_otel.settings import Settings

    home = tmp_path_factory.mktemp("population")
    fill(home / "cortex.db", days=45, users=150, seed=1, now_ns=time.time_ns())
    write_metrics(Settings(home=home, time_zone="Asia/Seoul"), rest=0)
    return home


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Start an admin over a home; all are stopped at the end."""
    started = []

    def start(home: Path | None = None, **more: str) -> Admin:
        admin = Admin(home or tmp_path_factory.mktemp("home"), more=more)
        started.append(admin)
        return admin.start()

    yield start
    for admin in started:
        admin.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium():
    """The browser; one for all tests: it starts for seconds, and pages share nothing."""
    playwright = pytest.importorskip("playwright.async_api", reason="pip install playwright")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = f"no Chromium: none of {', '.join(NAMES)} is on the PATH (apt install chromium)"
        if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(f"{message}\n(CORTEX_REQUIRE_ALL=1 makes this a failure)")
    async with playwright.async_playwright() as running:
        browser = await running.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


class Watch:
    """What a page did beside what it shows: errors, and requests to other hosts."""

    def __init__(self, page, origin):
        self.errors, self.foreign, self.statuses = [], [], []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._request(request.url, origin))
        page.on("response", lambda response: self.statuses.append((response.status, response.url)))

    def _console(self, message):
        if message.type in {"error", "warning"}:
            self.errors.append(f"{message.type}: {message.text} {message.location.get('url')}")

    def _request(self, url, origin):
        ours = (origin, origin.replace("http", "ws", 1), "data:", "blob:")
        if not url.startswith(ours):
            self.foreign.append(url)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(chromium):
    """Open a page of an admin, signed in; ``page.watch`` has what went wrong.

    ``page.settled()`` waits again, after another page was opened in it.
    """
    contexts = []

    async def open_page(admin, path="overview", *, signed_in=True, ready=True, **options):
        context = await chromium.new_context(
            **{"viewport": {"width": 1440, "height": 900}, "locale": "en-US"} | options
        )
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.watch = Watch(page, admin.origin)
        page.settled = functools.partial(settled, page)
        if signed_in:
            # The redirect sets the cookie; the page itself is not drawn twice.
            await context.request.get(admin.url)
        await page.goto(f"{admin.origin}/admin/telemetry/{path}")
        if ready:
            await settled(page)
        return page

    yield open_page
    for context in contexts:
        await context.close()


async def settled(page):
    """Wait until each panel shows something, and the page takes keys."""
    await page.wait_for_function(
        "() => !document.querySelector('[aria-busy=true], [data-stale], .skeleton')"
    )
    await takes_keys(page)


async def takes_keys(page):
    """Wait until a page that was just opened is live, and was painted.

    Until then there are no shortcuts, and Chromium drops what is typed: nobody has seen the page.
    """
    await page.wait_for_function(
        "() => performance.getEntriesByType('paint').length"
        " && (document.querySelector('#live')?.dataset.state ?? 'on') === 'on'"
    )
