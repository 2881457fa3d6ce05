"""A tool call in another process is on the page within a second; and what pages do meanwhile."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")

EMITTER = Path(__file__).with_name("emitter.py")
#: The bar is 1 s on a machine that does nothing else; this one may run other tests beside.
BAR_SECONDS = 1.0
GENEROUS_SECONDS = 4.0
#: Notes when an element's text becomes what is wanted, by the clock that the emitter uses too.
WAIT = """async ([selector, wanted]) => {
  const has = () => [...document.querySelectorAll(selector)]
    .some((element) => element.textContent.includes(wanted));
  while (!has()) await new Promise((done) => requestAnimationFrame(done));
  return Date.now() / 1000;
}"""


class Emitter:
    def __init__(self, admin):
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(EMITTER)],
            env=admin.environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def call(self, tool, outcome="success"):
        self.process.stdin.write(f"{tool}\t{outcome}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def admin(serve):
    return serve()


@pytest.fixture(scope="module")
def emitter(admin):
    made = Emitter(admin)
    made.call("warm_up")
    yield made
    made.close()


async def live(page, state="on"):
    await page.wait_for_selector(f"#live[data-state={state}]")


async def asks_nothing(page):
    """Wait until what was asked is answered, then forget it."""
    await page.wait_for_load_state("networkidle")
    page.watch.statuses.clear()


@pytest.mark.timing
async def test_a_tool_call_elsewhere_is_on_the_page_in_under_a_second(
    admin, emitter, visit, record_testsuite_property
):
    page = await visit(admin, "mcp?since=24h")
    await live(page)
    took = []
    for number in range(8):
        name = f"tool_{number}"
        await asyncio.sleep(1.1)  # the page rests between two answers
        seen = asyncio.create_task(page.evaluate(WAIT, ["main .panel", name]))
        await asyncio.sleep(0.1)
        called = await asyncio.to_thread(emitter.call, name)
        took.append(await asyncio.wait_for(seen, PATIENCE) - called)
    record_testsuite_property("call to pixel, ms", [round(each * 1000) for each in took])
    assert sorted(took)[len(took) // 2] < BAR_SECONDS
    assert max(took) < GENEROUS_SECONDS
    assert not page.watch.errors
    assert not page.watch.foreign


async def test_a_burst_of_events_asks_no_more_often_than_the_page_can_draw(admin, emitter, visit):
    page = await visit(admin, "overview?since=24h")
    await live(page)
    page.watch.statuses.clear()
    started = time.time()
    while time.time() - started < 5:
        await asyncio.to_thread(emitter.call, "search_context")
        await asyncio.sleep(0.05)
    took = time.time() - started
    panels = await page.locator(".panel").count()
    answers = [url for _, url in page.watch.statuses if "/panels/" in url]
    assert answers
    assert len(answers) <= panels * took / 0.6


async def test_what_did_not_change_is_not_drawn_again(admin, emitter, visit):
    page = await visit(admin, "overview?since=24h&service=nobody_has_this_name")
    await live(page)
    await page.evaluate(
        """() => {
          window.changes = 0;
          new MutationObserver((all) => { window.changes += all.length; }).observe(
            document.querySelector('main'),
            { childList: true, subtree: true, characterData: true });
        }"""
    )
    async with page.expect_response(lambda answer: "/panels/" in answer.url):
        await asyncio.to_thread(emitter.call, "search_context")
    await asyncio.sleep(1)
    assert await page.evaluate("window.changes") == 0


async def test_a_range_of_the_past_does_not_ask_again(admin, emitter, visit):
    page = await visit(admin, "errors?from=2026-01-01T00:00&to=2026-01-02T00:00")
    await live(page)
    await asks_nothing(page)
    await asyncio.to_thread(emitter.call, "search_context", "error")
    await asyncio.sleep(1.5)
    assert not [url for _, url in page.watch.statuses if "/panels/" in url]


async def test_paused_by_its_button_it_stands_still_and_catches_up(admin, emitter, visit):
    page = await visit(admin, "mcp?since=24h")
    await live(page)
    await page.click("#live-button")
    await live(page, "paused")
    assert await page.get_attribute("#live-button", "aria-pressed") == "true"
    await asks_nothing(page)
    await asyncio.to_thread(emitter.call, "while_paused")
    await asyncio.sleep(1.5)
    assert not page.watch.statuses
    await page.click("#live-button")
    await page.wait_for_selector("main .panel:has-text('while_paused')")


async def test_a_hidden_tab_rests_and_catches_up(admin, emitter, visit):
    page = await visit(admin, "mcp?since=24h")
    await live(page)
    hide = """(hidden) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    await page.evaluate(hide, arg=True)
    await asks_nothing(page)
    await asyncio.to_thread(emitter.call, "while_hidden")
    await asyncio.sleep(1.5)
    assert not page.watch.statuses
    await page.evaluate(hide, arg=False)
    await page.wait_for_selector("main .panel:has-text('while_hidden')")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_it_reconnects_when_the_server_is_back(serve, visit, tmp_path_factory, end):
    home = tmp_path_factory.mktemp("restarted")
    admin = serve(home)
    emitter = Emitter(admin)
    try:
        emitter.call("before_restart")
        page = await visit(admin, "mcp?since=24h")
        await live(page)
        admin.process.send_signal(end)
        await asyncio.to_thread(admin.stop)
        await page.wait_for_selector("#live:not([data-state=on])")
        # What was there stays: a restart is no reason to show nothing.
        assert await page.locator("main .panel:has-text('before_restart')").count()
        await asyncio.to_thread(emitter.call, "while_down")
        await asyncio.to_thread(admin.start)
        await live(page)
        await page.wait_for_selector("main .panel:has-text('while_down')")
    finally:
        emitter.close()
