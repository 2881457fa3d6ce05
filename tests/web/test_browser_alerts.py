"""The page of jobs and alerts: thresholds are changed there, and the overview says what fires."""

from __future__ import annotations

import time
import tomllib

import apsw
import pytest
from patience import wait_for

from cortex_otel_exporters.sqlite.files import open_for_writing

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def admin(serve, tmp_path_factory):
    home = tmp_path_factory.mktemp("alerts")
    open_for_writing(home / "cortex.db").close()
    return serve(home, CORTEX_OTEL_ALERT_MIN_EVENTS="25", CORTEX_OTEL_ALERT_RULES="disk,job",
                 CORTEX_OTEL_ALERT_DISK_FREE_MB="1")  # fmt: skip


async def test_thresholds_are_changed_on_the_page(admin, visit):
    page = await visit(admin, "operations")
    rate = page.get_by_label("Error rate above, %")
    await rate.wait_for()
    assert await rate.input_value() == "5"
    assert await page.get_by_label("Only with at least this many events").is_disabled()
    assert "CORTEX_OTEL_ALERT_MIN_EVENTS" in await page.locator("#alert-rules").inner_text()
    await rate.fill("7")
    await page.get_by_label("Quiet hours").fill("22:00-08:00")
    await page.get_by_role("button", name="Save").click()
    said = page.locator("#alert-rules [role=status]")
    await said.filter(has_text="Saved.").wait_for()
    assert await page.locator("#alert-rules button:focus").inner_text() == "Save"
    file = admin.home / "alerts.toml"
    saved = tomllib.loads(wait_for(lambda: file.read_text(encoding="utf-8")))
    assert (saved["error_rate"], saved["quiet_hours"]) == (0.07, "22:00-08:00")
    assert "min_events" not in saved
    await page.get_by_label("Quiet hours").fill("late")
    await page.get_by_role("button", name="Save").click()
    await said.filter(has_text="is invalid").wait_for()
    assert tomllib.loads(file.read_text(encoding="utf-8")) == saved


async def test_what_is_not_saved_yet_is_left_alone(admin, visit):
    page = await visit(admin, "operations")
    quiet, services = page.get_by_label("Quiet hours"), page.locator("#alert-rules [name=services]")
    await quiet.fill("23:00-07:00")
    await services.fill("mcp")
    await services.blur()
    connection = apsw.Connection(str(admin.database))
    connection.set_busy_timeout(60_000)
    # With the second answer, the first was shown.
    for subject in ("one", "two"):
        async with page.expect_response(lambda each: "/api/telemetry/alerts" in each.url):
            connection.execute(
                "INSERT INTO alerts (rule, subject, state, since, fired, resolved, detail) "
                "VALUES ('job', ?1, 'resolved', ?2, ?2, ?2, '{}')",
                (subject, time.time_ns()),
            )
    connection.close()
    assert await quiet.input_value() == "23:00-07:00"
    assert await services.input_value() == "mcp"


async def test_how_it_was_told_is_said_in_korean(admin, visit):
    connection = apsw.Connection(str(admin.database))
    connection.set_busy_timeout(60_000)
    now = time.time_ns()
    ((key,),) = connection.execute(
        "INSERT INTO alerts (rule, subject, state, since, fired, resolved, detail) "
        "VALUES ('disk', 'home', 'resolved', ?1, ?1, ?1, '{}') RETURNING alert_key",
        (now,),
    ).fetchall()
    for channel, delivered, error in (("slack", now, None), ("webhook", None, "HTTP 500")):
        connection.execute(
            "INSERT INTO alert_messages "
            "(alert_key, state, channel, attempts, next_attempt, delivered, error) "
            "VALUES (?, 'firing', ?, 1, 0, ?, ?)",
            (key, channel, delivered, error),
        )
    connection.close()
    page = await visit(admin, "operations?lang=ko&tier=paid")
    told = page.locator("#panel-alerts td", has_text="Slack")
    assert await told.inner_text() == "Slack 전달됨, 웹훅 시도 중: HTTP 500"
    # No question of the page takes a tier; that of the other pages is kept.
    assert not await page.locator("select[name=tier]").count()
    overview = await page.locator("nav a[href*='/overview']").get_attribute("href")
    assert "tier=paid" in overview


async def test_the_overview_says_what_fires_while_it_does(admin, visit):
    page = await visit(admin, "overview")
    line = page.locator("[data-firing]")
    assert not await line.count()
    connection = apsw.Connection(str(admin.database))
    connection.set_busy_timeout(60_000)
    now = time.time_ns()
    connection.execute(
        "INSERT INTO alerts (rule, subject, state, since, fired, value, threshold, detail) "
        "VALUES ('job', 'backup', 'firing', ?, ?, 1, NULL, '{}')",
        (now, now),
    )
    await line.wait_for()
    assert await line.inner_text() == "1 alert is firing: Job failed backup"
    # A link within a sentence: its colour alone doesn't tell it from the rest.
    decoration = "(each) => getComputedStyle(each).textDecorationLine"
    assert await line.locator("a").evaluate(decoration) == "underline"
    connection.execute("UPDATE alerts SET state = 'resolved', resolved = ?", (time.time_ns(),))
    await line.wait_for(state="detached")
    connection.close()
