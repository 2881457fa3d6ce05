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
    assert await page.get_by_label("With at least so many events").is_disabled()
    assert "CORTEX_OTEL_ALERT_MIN_EVENTS" in await page.locator("#alert-rules").inner_text()
    await rate.fill("7")
    await page.get_by_label("Quiet hours").fill("22:00-08:00")
    await page.get_by_role("button", name="Save").click()
    said = page.locator("#alert-rules [role=status]")
    await said.filter(has_text="Saved.").wait_for()
    file = admin.home / "alerts.toml"
    saved = tomllib.loads(wait_for(lambda: file.read_text(encoding="utf-8")))
    assert (saved["error_rate"], saved["quiet_hours"]) == (0.07, "22:00-08:00")
    assert "min_events" not in saved
    await page.get_by_label("Quiet hours").fill("late")
    await page.get_by_role("button", name="Save").click()
    await said.filter(has_text="makes no sense").wait_for()
    assert tomllib.loads(file.read_text(encoding="utf-8")) == saved


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
    connection.execute("UPDATE alerts SET state = 'resolved', resolved = ?", (time.time_ns(),))
    await line.wait_for(state="detached")
    connection.close()
