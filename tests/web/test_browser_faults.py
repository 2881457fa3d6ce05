"""What a page shows if there is no data, or none that can be read; and who may see it."""

from __future__ import annotations

import importlib.util
import json
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script>"


def hostile_database(home):
    """A store with a name that is markup wherever a name can be, written by plain SQL."""
    path = Path(__file__).parents[1] / "query" / "seeding.py"
    spec = importlib.util.spec_from_file_location("seeding_of_web", path)
    seeding = sys.modules["seeding_of_web"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seeding)
    now = time.time_ns()
    events = []
    for number in range(60):
        result = "error" if number % 3 == 0 else "success"
        common = {
            "time": now - (60 - number) * seeding.HOUR,
            "duration": 5_000_000,
            "result": result,
            "error_type": HOSTILE if result == "error" else "",
            "error_message": HOSTILE,
            "user": seeding.user_hash(number % 4),
            "session": f"{HOSTILE}{number % 4}",
        }
        events.append(seeding.Event(**common, tool_name=HOSTILE, name=HOSTILE))
        events.append(seeding.Event(**common, tool_name=f"{HOSTILE}2", name=HOSTILE))
        events.append(
            seeding.Event(
                **common, service="extension", event_type="ext.ui_interaction", feature=HOSTILE
            )
        )
        events.append(seeding.Event(**common, event_type="mcp.branch_create", feature=HOSTILE))
    seeding.build(home / "cortex.db", events)
    return seeding.user_hash(1)


async def states(page, kind):
    return await page.locator(f".state[data-kind={kind}]").all_inner_texts()


async def test_without_the_token_only_the_sign_in_page_is_shown(serve, visit):
    admin = serve()
    page = await visit(admin, signed_in=False, ready=False)
    assert await page.locator(".alone h1").count()
    assert not await page.locator(".panel").count()
    await page.fill("input[name=token]", "wrong")
    await page.click("button.primary")
    assert await page.locator("input[name=token]").count()
    token = urlsplit(admin.url).query.removeprefix("token=")
    await page.fill("input[name=token]", token)
    await page.click("button.primary")
    await page.wait_for_selector(".panel")
    assert token not in page.url
    assert token not in await page.content()
    assert not page.watch.foreign


async def test_a_home_without_a_database_shows_how_to_get_one(serve, visit):
    page = await visit(serve(), "overview?lang=en")
    assert await page.locator(".panel").count()
    notices = await page.locator(".notice[data-kind=error]").all_inner_texts()
    assert len(notices) == 1, notices
    assert "cortex-otel demo" in notices[0]
    assert not page.watch.foreign


async def test_a_page_that_was_there_before_the_first_event_fills_itself(serve, visit):
    admin = serve()
    page = await visit(admin, "mcp?lang=en&since=24h")
    assert await page.locator(".notice[data-kind=error]").count() == 1
    emitter = subprocess.run(  # noqa: ASYNC221 - nothing else waits for this loop
        [sys.executable, "-P", str(Path(__file__).with_name("emitter.py"))],
        env=admin.environment,
        input="the_first\tsuccess\n",
        text=True,
        capture_output=True,
        check=True,
    )
    assert emitter.stdout
    await page.wait_for_selector("main .panel:has-text('the_first')")
    assert not await page.locator(".notice[data-kind=error]").count()


@pytest.mark.parametrize(
    ("language", "words"), [("en", "could not be refreshed"), ("ko", "새로 고치지 못했습니다")]
)
async def test_a_panel_that_cannot_refresh_shows_its_age(
    serve, visit, population_home, language, words
):
    page = await visit(serve(population_home), f"overview?lang={language}&since=24h")
    await page.clock.install()
    await page.reload()
    await page.wait_for_selector("#live[data-state=on]")
    await page.wait_for_function("() => !document.querySelector('[aria-busy=true], .skeleton')")
    failing = page.locator(".panel").first
    panel = await failing.get_attribute("data-panel")
    shown = await failing.locator("[data-body]").inner_text()
    broken = True

    async def route(route):
        if broken:
            fault = {"error": {"code": "fault", "message": "not <b>now</b>"}}
            await route.fulfill(status=500, json=fault)
        else:
            await route.continue_()

    await page.route(f"**/panels/overview/{panel}?*", route)
    late = failing.locator("[data-late]")
    # A page of the last 24 hours moves on once a minute, while it is live: the clock runs ahead of
    # what the server says every five seconds, so it has to be let in again and again.
    while not await late.is_visible():
        await page.clock.run_for(5_000)
        while await page.locator("#live").get_attribute("data-state") != "on":
            await page.clock.run_for(200)
    late_text = await late.inner_text()
    assert words in late_text
    assert "not <b>now</b>" in late_text
    assert re.search(r"\b\d\d:\d\d\b", late_text)
    assert late_text in await page.locator("#announcer").inner_text()
    assert await failing.locator("[data-body]").inner_text() == shown
    assert await page.locator("[data-late]:visible").count() == 1
    broken = False
    await page.clock.run_for(16_000)
    await late.wait_for(state="hidden")


async def test_an_empty_panel_hints_at_what_fills_it(serve, visit, tmp_path_factory):
    import apsw

    from cortex_otel_exporters.sqlite import schema

    home = tmp_path_factory.mktemp("empty")
    connection = apsw.Connection(str(home / "cortex.db"))
    connection.pragma("journal_mode", "WAL")
    schema.migrate(connection)
    connection.close()
    for language in ("en", "ko"):
        page = await visit(serve(home), f"mcp?lang={language}")
        empty = await states(page, "empty")
        assert empty
        assert all(len(text.split("\n")) > 1 for text in empty), empty
        assert not await states(page, "error")
        assert not page.watch.errors


async def test_a_file_that_is_not_a_database_is_reported(serve, visit, tmp_path_factory):
    home = tmp_path_factory.mktemp("corrupt")
    (home / "cortex.db").write_bytes(b"not a database at all" * 500)
    page = await visit(serve(home), "overview?lang=en")
    assert await states(page, "error") or await page.locator(".notice[data-kind=error]").count()
    assert "Traceback" not in await page.content()


async def test_a_database_of_a_later_version_is_reported(serve, visit, tmp_path_factory):
    home = tmp_path_factory.mktemp("newer")
    with sqlite3.connect(home / "cortex.db") as connection:
        connection.execute("PRAGMA user_version = 9999")
        connection.execute("CREATE TABLE events (event_key INTEGER)")
    connection.close()
    page = await visit(serve(home), "overview?lang=en")
    assert await states(page, "error") or await page.locator(".notice[data-kind=error]").count()
    assert "Traceback" not in await page.content()


@pytest.mark.parametrize("path", ["nothing", "users/xyz", "traces/xyz", "overview/more"])
async def test_an_address_that_leads_nowhere_is_a_page_too(serve, visit, path):
    page = await visit(serve(), path, ready=False)
    await page.wait_for_load_state()
    assert await page.locator("h1").count()
    assert "Traceback" not in await page.content()


async def test_names_that_are_markup_stay_text_everywhere(serve, visit, tmp_path_factory):
    home = tmp_path_factory.mktemp("hostile")
    user = hostile_database(home)
    admin = serve(home)
    seen = 0
    for path in ("overview", "mcp", "extension", "users", "errors", f"users/{user}"):
        page = await visit(admin, f"{path}?since=7d")
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        await page.keyboard.press("t")
        for chart in await page.locator(".chart").all():
            # The tooltip, where a library would put markup.
            await chart.scroll_into_view_if_needed()
            box = await chart.bounding_box()
            for part in (0.25, 0.5, 0.93):
                await page.mouse.move(box["x"] + box["width"] * part, box["y"] + box["height"] / 2)
                await page.wait_for_timeout(60)
        assert not await page.locator("img").count()
        assert await page.title() != "owned"
        assert not page.watch.errors
        assert not page.watch.foreign
        seen += (await page.inner_text("main")).count("<img src=x")
    assert seen > 10


async def test_a_locked_store_is_reported_and_the_page_recovers(serve, visit, tmp_path_factory):
    import apsw

    home = tmp_path_factory.mktemp("locked")
    hostile_database(home)
    admin = serve(home)
    holder = apsw.Connection(str(home / "cortex.db"))
    # Out of WAL nobody reads while somebody writes: the worst that another program can do.
    holder.pragma("journal_mode", "DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    page = await visit(admin, "overview?lang=en")
    notices = await page.locator(".notice[data-kind=error]").all_inner_texts()
    assert len(notices) == 1, notices
    assert not await page.locator(".cards").count()
    holder.execute("ROLLBACK")
    holder.close()
    await page.wait_for_selector(".cards")
    await page.wait_for_function("() => !document.querySelector('.notice[data-kind=error]')")


async def test_a_database_that_goes_while_a_page_is_open(serve, visit, tmp_path_factory):
    home = tmp_path_factory.mktemp("gone")
    hostile_database(home)
    page = await visit(serve(home), "overview?lang=en")
    for path in home.glob("cortex.db*"):
        path.unlink()
    await page.keyboard.press("3")
    await page.wait_for_selector(".notice[data-kind=error]")
    assert "Traceback" not in await page.content()


async def test_an_invalid_response_fails_one_panel_and_not_the_page(serve, visit, population_home):
    """A panel of a later server, say: only the network is made up here."""
    page = await visit(serve(population_home), "errors?lang=en", ready=False)

    async def nonsense(route):
        await route.fulfill(json={"columns": [], "rows": [[1]], "draw": "hologram"})

    await page.route("**/panels/errors/types?**", nonsense)
    await page.keyboard.press("3")
    await page.wait_for_selector("#panel-types .state[data-kind=error]")
    await page.wait_for_selector("#panel-log tbody tr")
    assert json.dumps(await states(page, "error")).count("Try again") == 1
