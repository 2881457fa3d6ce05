"""Everything is usable with the keyboard and with a screen reader."""

from __future__ import annotations

import asyncio

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def admin(serve, population_home):
    return serve(population_home)


async def test_the_first_tab_skips_to_the_content(admin, visit):
    page = await visit(admin)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"


async def test_whatever_has_the_focus_shows_it(admin, visit):
    page = await visit(admin)
    await page.keyboard.press("Tab")
    for _ in range(25):
        await page.keyboard.press("Tab")
        width = await page.evaluate(
            "() => {"
            " const style = getComputedStyle(document.activeElement);"
            " return style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth); }"
        )
        assert width >= 1
        # The tools of a panel come into sight when one of them has the focus.
        await page.wait_for_function(
            "() => { const tools = document.activeElement.closest('.panel-tools');"
            " return !tools || getComputedStyle(tools).opacity > 0.9; }"
        )


async def test_shortcuts(admin, visit):
    page = await visit(admin)
    await page.keyboard.press("?")
    await page.wait_for_selector("#keys")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#keys", state="hidden")
    await page.keyboard.press("1")
    await page.wait_for_url("**/overview?since=1h")
    for key, path in (("m", "mcp"), ("x", "extension"), ("u", "users"), ("e", "errors")):
        # At once, as fingers do: the second key counts for a moment only.
        await asyncio.gather(page.keyboard.press("g"), page.keyboard.press(key))
        await page.wait_for_url(f"**/admin/telemetry/{path}?since=1h")
        await page.settled()
    await page.keyboard.press("l")
    await page.wait_for_selector("#live[data-state=paused]")
    await page.keyboard.press("/")
    await page.wait_for_function("document.activeElement.closest('form')?.id === 'filters'")


async def test_shortcuts_are_off_while_typing(admin, visit):
    page = await visit(admin, "errors")
    await page.keyboard.press("/")
    await page.wait_for_function("document.activeElement.matches('#filters .own input')")
    name = await page.evaluate("document.activeElement.name")
    await page.keyboard.type("gml1?")
    await page.wait_for_url("**gml1**")
    assert "/errors" in page.url
    assert "since" not in page.url
    assert await page.input_value(f"[name={name}]") == "gml1?"
    assert not await page.locator("#keys").is_visible()
    assert await page.get_attribute("#live", "data-state") == "on"


@pytest.mark.parametrize(
    ("language", "label"), [("en", "Use these shortcuts"), ("ko", "이 단축키 사용")]
)
async def test_shortcuts_can_be_switched_off_and_on_again(admin, visit, language, label):
    page = await visit(admin, f"overview?lang={language}")
    await page.click("#keys-button")
    await page.get_by_label(label).uncheck()
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#keys", state="hidden")
    for _ in range(2):  # also after the page was loaded anew
        for key in ("?", "d", "l", "1", "g", "m"):
            await page.keyboard.press(key)
        await page.wait_for_timeout(300)
        assert not await page.locator("#keys").is_visible()
        assert await page.get_attribute("html", "data-theme") == "auto"
        assert await page.get_attribute("#live", "data-state") == "on"
        assert page.url.endswith(f"overview?lang={language}")
        await page.reload()
        await page.settled()
    await page.click("#keys-button")
    await page.get_by_label(label).check()
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#keys", state="hidden")
    await page.keyboard.press("?")
    await page.wait_for_selector("#keys")
    assert not page.watch.errors


async def test_the_switch_is_in_reach_where_a_page_is_zoomed(admin, visit):
    page = await visit(admin, viewport={"width": 360, "height": 640})
    await page.click("#keys-button")
    assert await page.locator("#keys-on").is_visible()


async def test_d_changes_the_theme_and_the_page_remembers(admin, visit):
    page = await visit(admin, color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = await page.evaluate(ground)
    await page.keyboard.press("d")
    dark = await page.evaluate(ground)
    assert dark != light
    await page.reload()
    assert await page.evaluate(ground) == dark
    assert await page.get_attribute("html", "data-theme") == "dark"
    assert not page.watch.errors


async def test_reduced_motion_is_respected(admin, visit):
    page = await visit(admin, reduced_motion="reduce")
    moving = await page.evaluate(
        "[...document.querySelectorAll('*')].filter((element) => {"
        " const style = getComputedStyle(element);"
        " return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0;"
        "}).length"
    )
    assert moving == 0


async def test_a_heading_sorts_its_table_from_the_keyboard(admin, visit):
    page = await visit(admin, "mcp")
    table = page.locator(".panel[data-draw=table]").first
    button = table.locator("th.num button").first
    await button.focus()
    await page.keyboard.press("Enter")
    assert await table.locator("th[aria-sort=descending]").count() == 1
    await page.keyboard.press("Enter")
    assert await table.locator("th[aria-sort=ascending]").count() == 1
    await page.keyboard.press("Enter")
    assert not await table.locator("th[aria-sort]").count()
