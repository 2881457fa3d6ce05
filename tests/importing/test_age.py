"""What retention will delete of what is imported is told before and after."""

from __future__ import annotations

import datetime as dt

import pytest
from import_kit import call, text


def of(days):
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).isoformat()


@pytest.fixture
def log(logs):
    path = logs / "old.jsonl"
    ages = [600, 500, 200, 1]
    path.write_text(text(*(call(n, timestamp=of(age)) for n, age in enumerate(ages))))
    return path


def test_what_is_older_than_it_keeps_is_counted(run, log):
    told = run("import", log, "--dry-run")
    assert told["older_than_retention"] == {"rollups": 2, "events": 1}
    run.plainly("import", log)
    assert "1 are older than 90 days" in run.errors
    assert "2 are older than 400 days" in run.errors
    assert "CORTEX_OTEL_RETENTION_EVENT_DAYS" in run.errors
    run.plainly("import", log)
    assert run.errors == ""
    assert run("import", log)["older_than_retention"] == {}


def test_nothing_is_told_where_everything_is_kept(run, log, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_RETENTION_EVENT_DAYS", "0")
    run.plainly("import", log)
    assert run.errors == ""
