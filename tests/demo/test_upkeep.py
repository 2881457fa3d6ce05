"""What the demo does in place of a server of ninety days, over a small population."""

from __future__ import annotations

import time

import pytest

from cortex_otel.demo.plan import Plan
from cortex_otel.demo.synthetic_data import fill
from cortex_otel.demo.upkeep import catch_up
from cortex_otel.operate import metrics
from cortex_otel.operate.leases import Leases
from cortex_otel.settings import Settings
from cortex_otel.show.report import pdf

pytest.importorskip("uvicorn", reason="needs the extra serve")

DAYS = 12


@pytest.fixture
def small(tmp_path):
    settings = Settings(home=tmp_path)
    now_ns = time.time_ns()
    fill(settings.database, days=DAYS, users=60, now_ns=now_ns)
    return settings, Plan(DAYS, now_ns).incident


def test_it_is_done_once_and_the_page_says_so(small, capsys):
    pytest.importorskip("typst", reason="needs the extra report")
    settings, incident = small
    first = catch_up(settings, incident, quiet=False)
    said = capsys.readouterr()
    assert f"{len(first.alerts)} fired in the incident" in said.out
    assert str(first.report.path) in said.out
    assert said.err == ""
    jobs = Leases(settings.database).read()
    assert (jobs["metrics"].outcome, jobs["report"].outcome) == ("done", "done")
    assert all(row.holder is None for row in jobs.values())
    assert all(row["state"] == "resolved" for row in first.alerts)

    assert catch_up(settings, incident, quiet=True) == first
    assert capsys.readouterr().out == ""
    assert Leases(settings.database).read()["report"] == jobs["report"]


def test_without_typst_one_line_says_how_to_get_it(small, capsys, monkeypatch):
    monkeypatch.setattr(pdf, "is_available", lambda: False)
    settings, incident = small
    assert catch_up(settings, incident, quiet=False).report is None
    (line,) = (each for each in capsys.readouterr().out.splitlines() if "report" in each)
    assert "[report]" in line
    assert not (settings.home / "reports").exists()


def test_ctrl_c_leaves_no_job_that_seems_to_run(small, monkeypatch):
    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(metrics, "write_metrics", stop)
    settings, incident = small
    with pytest.raises(KeyboardInterrupt):
        catch_up(settings, incident, quiet=True)
    job = Leases(settings.database).read()["metrics"]
    assert (job.outcome, job.holder) == ("interrupted", None)
