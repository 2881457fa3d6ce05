"""A page whose connection has silently died doesn't show "Live", and recovers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

EMITTER = Path(__file__).with_name("emitter.py")


class Wire:
    """TCP between a browser and a server, which can swallow what passes without a sign.

    What was open when it began to swallow never speaks again: a network address that changed, a
    table of a router that was emptied.
    """

    def __init__(self, port):
        self._port = port
        self._tasks = set()
        self.swallows = False

    async def start(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def close(self):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        ends = [writer]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if not self.swallows:
                reader_of_server, writer_of_server = await asyncio.open_connection(
                    "127.0.0.1", self._port
                )
                ends.append(writer_of_server)
                await asyncio.gather(
                    self._pass(reader, writer_of_server), self._pass(reader_of_server, writer)
                )
            await asyncio.Event().wait()  # whoever is left hears nothing
        for end in ends:
            end.close()

    async def _pass(self, source, target):
        while (data := await source.read(65_536)) and not self.swallows:
            target.write(data)
            await target.drain()
        if not self.swallows:
            target.close()


def call(admin, tool):
    """A tool call in another process, which is in the store by the end."""
    subprocess.run(
        [sys.executable, "-P", str(EMITTER)],
        env=admin.environment,
        input=f"{tool}\tsuccess\n",
        text=True,
        capture_output=True,
        check=True,
    )


@pytest.fixture(scope="module")
def admin(serve):
    started = serve()
    call(started, "warm_up")
    return started


@pytest_asyncio.fixture(loop_scope="session")
async def wired(admin):
    """A wire, and the admin as it is seen from its end."""
    wire = Wire(admin.port)
    port = await wire.start()
    url = urlsplit(admin.url)._replace(netloc=f"127.0.0.1:{port}").geturl()
    yield wire, dataclasses.replace(admin, url=url)
    await wire.close()


async def live_page(visit, admin):
    """A live page whose clock the test controls."""
    page = await visit(admin, "mcp?since=24h&lang=en")
    await page.clock.install()
    await page.reload()
    await page.wait_for_selector("#live[data-state=on]")
    return page


async def let_pass(page, seconds, until):
    """Let time pass for the page until it shows what is wanted; at most ``seconds`` of its time."""
    for _ in range(0, seconds, 5):
        if await page.locator(until).count():
            return
        await page.clock.run_for(5000)
        # What the page does now may need an answer, which comes in the time of this machine.
        with contextlib.suppress(Exception):
            await page.wait_for_selector(until, timeout=500)
    await page.wait_for_selector(until)


async def test_a_silently_dead_connection_is_not_shown_as_live_and_recovers(wired, visit):
    wire, admin = wired
    page = await live_page(visit, admin)
    wire.swallows = True
    await asyncio.to_thread(call, admin, "while_nothing_came_through")
    await let_pass(page, 20, "#live:not([data-state=on])")
    assert await page.inner_text("#live-text") in {"Reconnecting", "Not connected"}
    # New connections, which get no answer either, are given up as well.
    await let_pass(page, 120, "#live[data-state=off]")
    assert not await page.locator("main .panel:has-text('while_nothing_came_through')").count()
    wire.swallows = False
    await let_pass(page, 60, "#live[data-state=on]")
    await let_pass(page, 60, "main .panel:has-text('while_nothing_came_through')")


async def test_a_request_on_a_dead_connection_times_out(wired, visit):
    wire, admin = wired
    page = await live_page(visit, admin)
    wire.swallows = True
    await page.select_option("[name=tier]", "paid")
    await let_pass(page, 40, ".notice[data-code=unreachable]")
    wire.swallows = False
    await let_pass(page, 60, "main:not(:has(.notice)):not(:has([aria-busy=true]))")


@pytest.mark.parametrize("again", ["online", "visibilitychange"])
async def test_a_page_that_wakes_up_asks_whether_its_connection_lives(wired, visit, again):
    wire, admin = wired
    page = await live_page(visit, admin)
    wire.swallows = True
    await page.evaluate(
        "(name) => (name === 'online' ? window : document).dispatchEvent(new Event(name))", again
    )
    await let_pass(page, 10, "#live:not([data-state=on])")
    wire.swallows = False
    await let_pass(page, 60, "#live[data-state=on]")
    # An answer in time is all it takes.
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await asyncio.to_thread(call, admin, "after_the_sleep")
    await page.clock.run_for(6000)
    assert await page.get_attribute("#live", "data-state") == "on"
    await page.wait_for_selector("main .panel:has-text('after_the_sleep')")


async def test_a_stopped_server_is_not_shown_as_live_and_recovers(serve, visit):
    admin = serve()
    page = await live_page(visit, admin)
    admin.process.send_signal(signal.SIGSTOP)
    try:
        await let_pass(page, 20, "#live:not([data-state=on])")
    finally:
        admin.process.send_signal(signal.SIGCONT)
    await let_pass(page, 60, "#live[data-state=on]")


async def test_a_page_stays_live_while_nothing_happens(admin, visit):
    page = await live_page(visit, admin)
    words = asyncio.Queue()

    def heard(socket):
        socket.on("framereceived", lambda frame: words.put_nowait(frame))  # noqa: PLW0108 - playwright marks it

    page.on("websocket", heard)
    await page.reload()
    await page.wait_for_selector("#live[data-state=on]")
    # From here on the page's time passes as the test says, however slow the machine is.
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1"))
    frames = []
    for _ in range(4):
        frames.append(await asyncio.wait_for(words.get(), 60))
        # Longer than the server is silent, shorter than a page waits.
        await page.clock.run_for(9000)
    assert await page.get_attribute("#live", "data-state") == "on"
    assert any("alive" in word for word in frames)
