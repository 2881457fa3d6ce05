"""What a page of another site can do with the admin of a signed-in reader: only link to it."""

from __future__ import annotations

import asyncio
import http.server
import threading

import pytest
from patience import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def admin(serve):
    return serve()


@pytest.fixture
def elsewhere(admin):
    """The address of another site: another name of this machine is one, to a browser."""
    page = f"""<!doctype html><title>elsewhere</title>
    <a href="{admin.origin}/admin/telemetry/mcp?since=7d">link</a>
    <iframe src="{admin.origin}/admin/telemetry/overview"></iframe>""".encode()

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_link_opens_the_page_for_a_signed_in_reader(admin, visit, elsewhere):
    page = await visit(admin, ready=False)
    await page.goto(elsewhere)
    await page.click("a")
    # The strict cookie comes with the second request, which the first answer asks for.
    await page.wait_for_selector(".panel")
    assert page.url == f"{admin.origin}/admin/telemetry/mcp?since=7d"


async def test_a_link_shows_a_stranger_how_to_sign_in_without_a_loop(admin, visit, elsewhere):
    page = await visit(admin, signed_in=False, ready=False)
    await page.goto(elsewhere)
    page.watch.statuses.clear()
    await page.click("a")
    await page.wait_for_selector("input[name=token]")

    def asked():
        return [status for status, url in page.watch.statuses if "/admin/telemetry/mcp" in url]

    async with asyncio.timeout(PATIENCE):
        while len(asked()) < 2:
            await page.wait_for_timeout(50)
    await page.wait_for_timeout(1500)
    assert asked() == [401, 401]


async def test_a_frame_shows_nothing(admin, visit, elsewhere):
    page = await visit(admin, ready=False)
    await page.goto(elsewhere)
    await page.wait_for_timeout(500)
    assert len(page.frames) == 2
    for frame in page.frames[1:]:
        # The browser's own words stand there, and none of ours.
        assert not await frame.locator(".panel, .alone, input[name=token]").count()
        assert "Cortex" not in await frame.content()


async def test_a_script_gets_no_answer(admin, visit, elsewhere):
    page = await visit(admin, ready=False)
    await page.goto(elsewhere)
    for path in ("/api/telemetry/errors", "/admin/telemetry/overview", "/api/telemetry/export/csv"):
        outcome = await page.evaluate(
            """async (url) => {
              try {
                return await (await fetch(url, { credentials: 'include' })).text();
              } catch (error) { return 'refused'; }
            }""",
            admin.origin + path,
        )
        assert outcome == "refused"
        seen = await page.evaluate(
            """async (url) => {
              await fetch(url, { credentials: 'include', mode: 'no-cors' }).catch(() => null);
            }""",
            admin.origin + path,
        )
        assert seen is None
    opened = await page.evaluate(
        """(url) => new Promise((done) => {
          const socket = new WebSocket(url);
          socket.onopen = () => done('open');
          socket.onerror = () => done('refused');
        })""",
        f"{admin.origin.replace('http', 'ws')}/admin/telemetry/live",
    )
    assert opened == "refused"
