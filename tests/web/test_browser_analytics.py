"""The pages for asking: steps are picked with mouse and keyboard, funnels saved, answers read."""

from __future__ import annotations

import shutil

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def admin(serve, population_home, tmp_path_factory):
    """One with a home of its own: funnels are saved there."""
    home = tmp_path_factory.mktemp("asking")
    shutil.copy(population_home / "cortex.db", home / "cortex.db")
    return serve(home)


def query_of(page):
    return page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")


async def steps_of(page):
    return await page.locator(".step select").evaluate_all("all => all.map(each => each.value)")


async def drawn_steps(page):
    return await page.locator("#panel-funnel .funnel h3").all_inner_texts()


async def test_a_funnel_is_picked_with_mouse_and_keyboard_and_saved(admin, visit):
    page = await visit(admin, "conversion?since=all")
    await page.wait_for_function("() => document.querySelectorAll('.step option').length > 20")
    assert await steps_of(page) == ["tier:free", "tier:trial", "tier:paid"]
    await page.get_by_role("button", name="Remove Tier: Trial").click()
    assert (await query_of(page))["steps"] == "tier:free > tier:paid"
    await page.get_by_role("button", name="+ Add a step").click()
    # The list is never at rest, however slowly this machine types.
    await page.evaluate("() => { window.kept = setTimeout; window.setTimeout = () => 1; }")
    await page.keyboard.type("mcp.search_context")  # a list goes to what is typed
    await page.keyboard.press("Enter")
    await page.evaluate("() => { window.setTimeout = kept; }")
    await page.wait_for_function("() => document.querySelectorAll('.step select').length === 3")
    assert (await query_of(page))["steps"] == "tier:free > tier:paid > mcp.search_context"
    await page.locator(".step select").nth(2).focus()
    await page.keyboard.press("Alt+ArrowUp")
    await page.keyboard.press("Alt+ArrowUp")
    wanted = ["mcp.search_context", "tier:free", "tier:paid"]
    assert await steps_of(page) == wanted
    await page.locator(".step .handle").nth(1).drag_to(page.locator(".step").nth(2))
    assert await steps_of(page) == ["mcp.search_context", "tier:paid", "tier:free"]
    # Tiers are reached upwards: the question says what to change, beside the controls.
    problem = page.locator("#control-problem:visible")
    assert "can't follow" in await problem.inner_text()
    await page.get_by_role("button", name="Move Tier: Free up").click()
    assert await steps_of(page) == wanted
    await page.settled()
    assert not await problem.count()
    await page.get_by_role("combobox", name="Exclude an event").select_option("ext.error")
    await page.locator("select[name=order]").select_option("any")
    await page.locator("select[name=order]").select_option("ordered")
    await page.locator("select[name=within]").select_option("90d")
    await page.settled()
    assert await query_of(page) == {
        "since": "all", "steps": " > ".join(wanted), "exclude": "ext.error", "within": "90d",
    }  # fmt: skip
    assert len(await drawn_steps(page)) == 3

    await page.get_by_label("Save as").fill("Search, then paid")
    await page.keyboard.press("Enter")
    await page.get_by_text("Saved Search, then paid").first.wait_for()
    assert '"Search, then paid"' in (admin.home / "funnels.toml").read_text(encoding="utf-8")
    await page.goto(f"{admin.origin}/admin/telemetry/conversion?since=all")
    await page.settled()
    await page.get_by_label("Saved funnels").select_option("Search, then paid")
    await page.settled()
    assert await steps_of(page) == wanted
    assert await page.locator(".chip").inner_text() == "ext.error\n×"
    await page.get_by_role("button", name="Delete Search, then paid").click()
    await page.get_by_text("Deleted Search, then paid").first.wait_for()
    assert "Search" not in (admin.home / "funnels.toml").read_text(encoding="utf-8")
    # Back in the history is back to what was asked before.
    await page.go_back()
    await page.settled()
    assert await steps_of(page) == ["tier:free", "tier:trial", "tier:paid"]
    assert not [each for each in page.watch.errors if "400" not in each]


async def test_a_broken_file_of_funnels_leaves_the_page_whole(admin, visit):
    file = admin.home / "funnels.toml"
    file.write_text('["a"]\nsteps = [\n', encoding="utf-8")
    page = await visit(admin, "conversion?since=all&lang=ko")
    await page.locator(".saved-problem").wait_for()
    assert "2번째 줄" in await page.locator(".saved-problem").inner_text()
    assert await drawn_steps(page)
    file.unlink()


async def test_flows_are_read_by_keyboard(admin, visit):
    page = await visit(admin, "journeys?since=30d")
    node = page.locator(".flow-node").first
    await node.focus()
    facts = await page.locator(".flow-facts").inner_text()
    assert facts == await node.get_attribute("aria-label")
    assert facts.startswith("Step 1, ")
    lit = await page.locator(".flow[data-on]").count()
    assert 0 < lit <= await page.locator(".flow").count()
    table = page.locator("#panel-paths .data-table tbody tr")
    assert await table.count() >= await page.locator(".flow").count()


async def test_a_triangle_says_which_cells_are_not_complete(admin, visit):
    page = await visit(admin, "retention?since=all&lang=ko")
    cells = page.locator("#panel-cohorts tbody tr:not(.mean)")
    rows = await cells.count()
    assert rows > 3
    pending = page.locator("#panel-cohorts td.pending")
    assert await pending.count() == rows
    assert "아직 끝나지 않음" in await pending.first.get_attribute("title")
    assert await page.locator("#panel-cohorts tr.mean td.cell").count() >= rows - 1
    await page.get_by_label("기간 단위").select_option("month")
    await page.settled()
    assert 0 < await cells.count() < rows
