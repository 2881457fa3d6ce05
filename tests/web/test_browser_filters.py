"""Filters, the URL, drill-down, search, paging, export."""

from __future__ import annotations

import csv
import io
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTLED = "() => !document.querySelector('[aria-busy=true], [data-stale], .skeleton')"


@pytest.fixture(scope="module")
def admin(serve, population_home):
    return serve(population_home)


def query_of(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


async def cards(page):
    return await page.locator(".card .big").all_inner_texts()


async def test_a_range_changes_the_url_and_the_numbers_and_back_brings_them_again(admin, visit):
    page = await visit(admin, "overview?lang=en")
    month = await cards(page)
    await page.click("button[name=since][value='7d']")
    await page.wait_for_function(SETTLED)
    week = await cards(page)
    assert week != month
    assert query_of(page)["since"] == "7d"
    assert await page.get_attribute("button[name=since][value='7d']", "aria-pressed") == "true"
    await page.go_back()
    await page.wait_for_function(SETTLED)
    assert "since" not in query_of(page)
    assert await cards(page) == month
    await page.go_forward()
    await page.wait_for_function(SETTLED)
    assert await cards(page) == week
    assert not page.watch.errors


async def test_a_filter_that_back_took_away_stays_away_while_its_field_is_focused(admin, visit):
    page = await visit(admin, "users?since=30d&lang=en")
    field = page.locator("#filters .own input").first
    name = await field.get_attribute("name")
    await field.focus()
    # Enter comes at once: what was typed is a step of the history of its own.
    await field.evaluate(
        "(input) => { input.value = 'ab'; input.form.requestSubmit(); }",
    )
    await page.wait_for_function(SETTLED)
    assert query_of(page)[name] == "ab"
    await page.go_back()
    await page.wait_for_function(SETTLED)
    assert name not in query_of(page)
    assert await field.input_value() == ""
    await page.click("button[name=since][value='7d']")
    await page.wait_for_function(SETTLED)
    assert name not in query_of(page)


async def test_a_link_shows_what_its_sender_saw(admin, visit):
    sent = await visit(admin, "overview?lang=en")
    await sent.select_option("select[name=tier]", "paid")
    await sent.select_option("select[name=service]", "mcp")
    await sent.wait_for_function(SETTLED)
    received = await visit(admin, sent.url.partition("/admin/telemetry/")[2])
    assert await received.input_value("select[name=tier]") == "paid"
    assert await received.input_value("select[name=service]") == "mcp"
    assert await cards(received) == await cards(sent)


async def test_the_filters_go_along_from_page_to_page(admin, visit):
    page = await visit(admin, "overview?since=7d&tier=free&tz=America/New_York")
    await page.click("a[href*='/admin/telemetry/mcp']")
    await page.wait_for_url("**/mcp?**")
    assert query_of(page) == {"since": "7d", "tier": "free", "tz": "America/New_York"}
    await page.wait_for_function(SETTLED)
    assert "America/New_York" in await page.inner_text("#range")


async def test_a_free_range(admin, visit):
    page = await visit(admin, "overview")
    await page.click("#custom-button")
    await page.fill("input[name=from]", "2026-01-01T00:00")
    await page.fill("input[name=to]", "2026-01-03T00:00")
    await page.click("#custom-apply")
    await page.wait_for_function(SETTLED)
    assert query_of(page)["from"] == "2026-01-01T00:00"
    assert "2026" in await page.inner_text("#range")
    assert await page.get_attribute("#custom-button", "aria-pressed") == "true"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday-ish", ""),
        ("from=2026-02-01&to=2026-01-01", "from"),
        ("tier=gold", "tier"),
        ("tz=Mars/Olympus", "tz"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_filter_that_makes_no_sense_is_said_once_beside_it(
    admin, visit, query, field, language
):
    page = await visit(admin, f"overview?lang={language}&{query}")
    assert await page.locator("#filter-problem").is_visible()
    assert await page.inner_text("#filter-problem")
    assert not await page.locator(".state[data-kind=error]").count()
    if field:
        assert await page.get_attribute(f"[name={field}]", "aria-invalid") == "true"
    # And it is easy to come back from.
    await page.goto(f"{admin.origin}/admin/telemetry/overview?lang={language}")
    await page.wait_for_function(SETTLED)
    assert not await page.locator("#filter-problem").is_visible()


async def test_searching_a_user_by_the_beginning_of_the_hash(admin, visit):
    page = await visit(admin, "users?since=30d")
    link = page.locator("a[href*='/admin/telemetry/users/']").first
    user = (await link.get_attribute("href")).split("/users/")[1].partition("?")[0]
    assert re.fullmatch("[0-9a-f]{64}", user)
    await page.fill("input[name=user]", user[:10])
    await page.wait_for_url(f"**user={user[:10]}**")
    await page.wait_for_function(SETTLED)
    found = await page.locator("a[href*='/admin/telemetry/users/']").evaluate_all(
        "links => links.map((link) => link.getAttribute('href'))"
    )
    assert found
    assert all(f"/users/{user[:10]}" in each for each in found)
    await page.locator("a[href*='/admin/telemetry/users/']").first.click()
    await page.wait_for_url(f"**/users/{user}**")
    await page.wait_for_function(SETTLED)
    assert await page.inner_text(".subject code") == user
    assert not await page.locator(".state[data-kind=error]").count()


async def test_from_a_row_to_the_errors_behind_it(admin, visit):
    page = await visit(admin, "mcp?since=30d")
    link = page.locator("main a[href*='/admin/telemetry/errors']").first
    name = await link.inner_text()
    await link.click()
    await page.wait_for_url("**/errors?**")
    await page.wait_for_function(SETTLED)
    assert name in query_of(page).values()
    assert query_of(page)["since"] == "30d"


async def test_errors_page_on(admin, visit):
    page = await visit(admin, "errors?since=all")
    table = page.locator(".panel:has(.more)").first
    before = await table.locator("tbody tr").count()
    await table.locator(".more button").click()
    await page.wait_for_function(
        "(before) => document.querySelector('.panel:has(table) .scroll')"
        " && [...document.querySelectorAll('.panel[data-draw=table] tbody')]"
        ".some((body) => body.rows.length > before)",
        arg=before,
    )
    keys = await table.locator("tbody tr").evaluate_all("rows => rows.map((r) => r.dataset.key)")
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("kind", ["csv", "json"])
async def test_a_panel_can_be_exported(admin, visit, kind):
    page = await visit(admin, "mcp?since=30d&tier=paid")
    panel = page.locator(".panel:has(table tbody tr)").first
    await panel.hover()
    async with page.expect_download() as waiting:
        await panel.locator(f"a[data-export={kind}]").click()
    download = await waiting.value
    assert download.suggested_filename.endswith(f".{kind}")
    with open(await download.path(), encoding="utf-8-sig") as file:  # noqa: ASYNC230, PTH123
        text = file.read()
    if kind == "csv":
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > 1
        assert len({len(row) for row in rows[:5]}) == 1
    else:
        assert json.loads(text)


async def test_the_language_can_be_changed_and_stays(admin, visit):
    page = await visit(admin, "overview?lang=en&since=7d")
    await page.click("[data-language-choice=ko]")
    await page.wait_for_selector("html[lang=ko]")
    assert query_of(page) == {"since": "7d"}
    await page.goto(f"{admin.origin}/admin/telemetry/errors")
    assert await page.get_attribute("html", "lang") == "ko"


async def test_the_browsers_language_decides_at_first(admin, visit):
    page = await visit(admin, "overview", locale="ko-KR")
    assert await page.get_attribute("html", "lang") == "ko"


#: What somebody might type into a field of the filters; lists are chosen from.
TYPED = {
    "user": "ab12", "event_type": "ext.error", "error_type": "TimeoutError", "tool": "search",
    "q": "연결 = 100%", "tz": "Europe/Berlin", "from": "2026-01-02T03:04", "to": "2026-01-05T06:07",
    "tier": "paid", "service": "mcp",
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "key"), [("overview", "Enter"), ("users", "NumpadEnter"), ("errors", "Enter")]
)
async def test_enter_in_any_field_applies_what_was_typed_and_nothing_else(admin, visit, path, key):
    page = await visit(admin, f"{path}?since=7d&lang=en")
    names = await page.locator("#filters :is(input, select):not([type=hidden])").evaluate_all(
        "fields => fields.map((field) => field.name)"
    )
    # Those that all pages have are tried on one of them.
    common = {"from", "to", "tier", "service", "tz"} if path != "overview" else set()
    for name in set(names) - common:
        await page.goto(f"{admin.origin}/admin/telemetry/{path}?since=7d&lang=en")
        await page.wait_for_selector("#live[data-state=on]")
        if name in {"from", "to"}:
            await page.click("#custom-button")
        field = page.locator(f"#filters [name={name}]")
        if name in {"tier", "service"}:
            await field.select_option(TYPED[name])
        else:
            await field.fill(TYPED[name])
        await field.press(key)
        await page.wait_for_function(
            "([name, value]) => new URLSearchParams(location.search).get(name) === value",
            arg=[name, TYPED[name]],
        )
        kept = {"lang": "en"} if name in {"from", "to"} else {"lang": "en", "since": "7d"}
        assert query_of(page) == {**kept, name: TYPED[name]}
        assert await field.input_value() == TYPED[name]
        # And again, with nothing new.
        history = await page.evaluate("history.length")
        await field.press(key)
        assert query_of(page) == {**kept, name: TYPED[name]}
        assert await page.evaluate("history.length") == history
    assert (
        set(names) - {"from", "to", "tier", "service", "tz"}
        == {
            "overview": set(),
            "users": {"user", "event_type"},
            "errors": {"user", "event_type", "error_type", "tool", "q"},
        }[path]
    )


async def test_enter_before_the_scripts_have_come_applies_what_was_typed(admin, visit):
    page = await visit(admin, "users?since=7d&lang=en")
    await page.route("**/*.js", lambda route: route.abort())
    await page.reload()
    await page.fill("[name=user]", "ab12")
    await page.unroute("**/*.js")
    await page.press("[name=user]", "Enter")
    await page.wait_for_url("**user=ab12**")
    await page.wait_for_function(SETTLED)
    assert query_of(page) == {"since": "7d", "lang": "en", "user": "ab12"}
    assert await page.get_attribute("button[name=since][value='7d']", "aria-pressed") == "true"


@pytest.mark.parametrize(
    ("choose", "chosen"),
    [
        ("page => page.querySelector(\"[name=since][value='24h']\").click()", {"since": "24h"}),
        (
            (
                "page => { const tier = page.querySelector('[name=tier]'); tier.value = 'paid';"
                " tier.dispatchEvent(new Event('change')); }"
            ),
            {"tier": "paid"},
        ),
    ],
)
async def test_a_choice_beside_a_text_on_its_way_takes_it_along(admin, visit, choose, chosen):
    page = await visit(admin, "users?lang=en")
    # In one go, well before the pause in typing that applies a text by itself.
    await page.evaluate(
        "() => { const field = document.querySelector('[name=user]'); field.value = 'ab12';"
        f" field.dispatchEvent(new Event('input')); ({choose})(document); }}"
    )
    await page.wait_for_function(SETTLED)
    assert query_of(page) == {"lang": "en", "user": "ab12", **chosen}
    assert await page.input_value("[name=user]") == "ab12"


@pytest.mark.parametrize("key", ["Enter", "Space"])
async def test_a_range_is_chosen_from_the_keyboard(admin, visit, key):
    page = await visit(admin, "overview?lang=en")
    await page.press("button[name=since][value='24h']", key)
    await page.wait_for_url("**since=24h**")
    await page.press("#custom-button", key)
    await page.fill("input[name=from]", "2026-01-01T00:00")
    await page.press("#custom-apply", key)
    await page.wait_for_url("**from=2026-01-01**")
    assert query_of(page) == {"lang": "en", "from": "2026-01-01T00:00"}


async def test_an_empty_panel_offers_to_clear_the_filters(admin, visit):
    page = await visit(admin, "mcp?lang=en&since=30d&service=nobody")
    assert await page.locator(".state[data-reason=empty_filtered]").count()
    await page.locator(".state button").first.click()
    await page.wait_for_function(SETTLED)
    assert query_of(page) == {"lang": "en", "since": "30d"}
    assert await page.locator(".cards").count()
    assert await page.input_value("select[name=service]") == ""
