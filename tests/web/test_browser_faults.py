"""What a page says when there is nothing, or nothing that can be read; and who may see it."""

from __future__ import annotations

import sqlite3
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "<script>alert(1)</script>"


async def states(page, kind):
    return await page.locator(f".state[data-kind={kind}]").all_inner_texts()


async def test_without_the_token_nothing_is_shown_but_how_to_come_in(serve, visit):
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


async def test_a_home_without_a_database_says_how_to_get_one(serve, visit):
    page = await visit(serve(), "overview?lang=en")
    assert await page.locator(".panel").count()
    said = await page.inner_text("main")
    assert "cortex-otel" in said or "configure" in said or "database" in said
    assert not page.watch.foreign


async def test_an_empty_panel_says_what_would_fill_it(serve, visit, tmp_path_factory):
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


async def test_a_file_that_is_no_database_is_said_and_not_drawn(serve, visit, tmp_path_factory):
    home = tmp_path_factory.mktemp("corrupt")
    (home / "cortex.db").write_bytes(b"not a database at all" * 500)
    page = await visit(serve(home), "overview?lang=en")
    assert await states(page, "error") or await page.locator(".notice[data-kind=error]").count()
    assert "Traceback" not in await page.content()


async def test_a_database_of_a_later_version_is_said(serve, visit, tmp_path_factory):
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
