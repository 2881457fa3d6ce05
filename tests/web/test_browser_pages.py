"""Each page in both languages and both themes: nothing breaks, nothing leaves, all can be read.

Screenshots go to ``.screenshots/`` for people to look at.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cortex_otel.show.pages import PAGES
from cortex_otel.show.web import views

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOTS = Path(__file__).parents[2] / ".screenshots"
#: The one compares the first weeks of users, which must be over; the other is for a year.
SINCE = {"reliability": "90d", "history": "365d"}
PATHS = [each for each in PAGES if each != "user"]

#: Canvases know nothing of a theme: each must be drawn again.
KEEP_CHARTS = """() => {
    window.charts = new Map();
    for (const each of document.querySelectorAll("canvas")) charts.set(each, each.toDataURL());
}"""
ALL_REDRAWN = """() => [...document.querySelectorAll("canvas")].every(
    (each) => each.toDataURL() !== charts.get(each)
)"""


@pytest.fixture(scope="module")
def admin(serve, population_home):
    return serve(population_home)


async def path_of_a_user(page):
    return await page.locator("a[href*='/admin/telemetry/users/']").first.get_attribute("href")


async def axe(page):
    """Serious and critical findings, as ``rule: element``."""
    from axe_playwright_python.async_playwright import Axe

    found = await Axe().run(page)
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found.response["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


async def shoot(page, name):
    SHOTS.mkdir(exist_ok=True)
    await asyncio.sleep(0.5)  # the charts' first movement
    await page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def clean(page):
    assert not page.watch.errors
    assert not page.watch.foreign
    assert not [each for each in page.watch.statuses if each[0] >= 400]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", PATHS)
async def test_each_page_is_whole(admin, visit, name, language):
    """In light and dark, and on a phone, without sideways scrolling."""
    page = await visit(
        admin, f"{name}?lang={language}&since={SINCE.get(name, '30d')}", color_scheme="light"
    )
    clean(page)
    assert await page.get_attribute("html", "lang") == language
    assert await page.inner_text("h1") == PAGES[name].title_in(language)
    assert await page.locator(".panel").count() == len(PAGES[name].panels)
    assert not await page.locator(".state[data-kind=error]").all_inner_texts()
    assert await page.locator("canvas, .cards, tbody tr").count()
    assert await axe(page) == []
    await shoot(page, f"{name}-{language}-light")
    if language == "en":  # a theme has no language
        await page.evaluate(KEEP_CHARTS)
        await page.emulate_media(color_scheme="dark")
        await page.wait_for_function(ALL_REDRAWN)
        await page.settled()
        assert await axe(page) == []
        await shoot(page, f"{name}-{language}-dark")
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.settled()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await axe(page) == []
    await shoot(page, f"{name}-{language}-360")
    clean(page)


async def test_a_chart_that_is_not_drawn_anew_yet_does_not_widen_the_page(admin, visit):
    page = await visit(admin, "overview?since=7d", viewport={"width": 360, "height": 740})
    await page.evaluate("document.querySelector('.chart > div').style.width = '900px'")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
async def test_the_list_of_reports_is_whole(admin, visit, language, scheme):
    folder = admin.home / "reports"
    folder.mkdir(exist_ok=True)
    (folder / "cortex-report-2026-W47-ko.pdf").write_bytes(b"%PDF-1.7")
    page = await visit(admin, f"reports?lang={language}", color_scheme=scheme)
    clean(page)
    assert await page.get_attribute("html", "lang") == language
    assert await page.locator("[aria-current=page]").count() == 1
    assert await page.locator("a[download]").count() == 1
    assert await axe(page) == []
    await shoot(page, f"reports-{language}-{scheme}")


async def test_the_form_of_thresholds_says_who_is_told_and_no_more(admin, visit):
    page = await visit(admin, "operations")
    said = await page.locator("#alert-rules .saved").inner_text()
    nobody = (
        "Nobody is told: no channel is set (Slack, a webhook or a command: "
        "CORTEX_OTEL_SLACK_WEBHOOK_URL, CORTEX_OTEL_ALERT_WEBHOOK_URL, CORTEX_OTEL_ALERT_COMMAND)."
    )
    assert said.split() == ["Save", *nobody.split()]


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_user_and_a_trace(admin, visit, language):
    page = await visit(admin, f"users?lang={language}&since=30d")
    await page.goto(f"{admin.origin}{await path_of_a_user(page)}")
    await page.wait_for_selector("main .panel tbody tr")
    await page.wait_for_function("() => !document.querySelector('.skeleton')")
    assert not await page.locator(".state[data-kind=error]").all_inner_texts()
    assert await axe(page) == []
    await shoot(page, f"user-{language}")
    link = page.locator("a[href*='/admin/telemetry/traces/']").first
    await link.click()
    await page.wait_for_selector(".span-row")
    await page.locator(".span-row").first.click()
    assert await page.locator(".span-facts:visible dt").count() > 3
    assert await axe(page) == []
    await shoot(page, f"trace-{language}")
    clean(page)


@pytest.mark.timing
async def test_a_page_is_there_in_two_seconds(admin, visit, record_testsuite_property):
    """First paint and the last panel, cold; the bar is 2 s on a machine that does nothing else."""
    painted, complete = [], []
    for name in PATHS:
        page = await visit(admin, f"{name}?since=30d")
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        painted.append(await page.evaluate(paint))
        complete.append(await page.evaluate("performance.now()"))
    record_testsuite_property("first contentful paint, ms", [round(each) for each in painted])
    record_testsuite_property("all panels drawn, ms", [round(each) for each in complete])
    assert sorted(painted)[len(painted) // 2] < 2000
    assert max(complete) < 8000


async def test_every_filter_of_a_page_has_its_texts():
    for page in PAGES.values():
        for name in page.filters:
            if name not in {"service", "user_tier"}:
                assert name in views._FILTERS


async def test_every_chart_has_a_table_of_its_numbers(admin, visit):
    page = await visit(admin, "overview")
    charts = page.locator(".panel:has(> .panel-body .chart[role=img])")
    assert await charts.count()
    for chart in await charts.all():
        label = await chart.locator(".chart").get_attribute("aria-label")
        assert await chart.locator("h2").inner_text() in label
        assert await chart.locator(".data-table tbody tr").count()
    assert not await page.locator(".data-table:not(.sr-only)").count()
    await page.keyboard.press("t")
    # And so has each answer in words, of its sparkline.
    answers = page.locator(".panel:has(> .panel-body .answer)")
    shown = await page.locator(".data-table:not(.sr-only)").count()
    assert shown == await charts.count() + await answers.count()


async def test_numbers_that_can_rise_badly_say_so(admin, visit):
    """Colour is never the only sign: a change has an arrow, a sign and words."""
    page = await visit(admin, "overview?since=7d")
    deltas = page.locator(".delta")
    assert await deltas.count()
    for delta in await deltas.all():
        text = await delta.inner_text()
        assert text[0] in "▲▼=≈"
        assert await delta.get_attribute("title")
