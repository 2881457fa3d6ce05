"""What a server of ninety days would have done by now: named metrics, alerts, the weekly report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from cortex_otel.commands.console import age, complain, line, needs_packages
from cortex_otel.demo import incidents
from cortex_otel.locale import _, language
from cortex_otel.operate import metrics
from cortex_otel.operate.job import JobError
from cortex_otel.operate.leases import Leases, new_holder
from cortex_otel.operate.report import REPORT
from cortex_otel.operate.scheduler import Scheduler
from cortex_otel.operate.worker import INTERRUPTED
from cortex_otel.query.zones import project_zone
from cortex_otel.show.report import pdf, shelf
from cortex_otel.show.report.weeks import last_week
from cortex_otel.show.value_labels import RULES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cortex_otel.operate.job import Job
    from cortex_otel.settings import Settings
    from cortex_otel.show.report.shelf import KeptReport

__all__ = ["Upkeep", "catch_up"]


class Upkeep(NamedTuple):
    """What there is for the pages of what operates the store."""

    alerts: list[dict[str, Any]]
    """Of the recorded incident, as the pages show them."""
    report: KeptReport | None
    """Of the last week; ``None`` if it couldn't be made."""


def catch_up(settings: Settings, incident: tuple[int, int], *, quiet: bool) -> Upkeep:
    """Do it, unless an earlier demo has, and say what there is.

    Args:
        settings: of the demo.
        incident: start and end; Unix nanoseconds.
        quiet: print nothing but what went wrong.

    Raises:
        StoreError, QueryError: the database can't be used.
    """
    if not Leases(settings.database).read():
        Scheduler(settings).look()  # a server plans its jobs some seconds after it starts
    # Nobody waits for the rests of the job's own run, but for this one.
    _run(metrics.JOB, settings, lambda those: metrics.write_metrics(those, rest=0))
    alerts = incidents.alerts_of(settings.database, incident)
    if not alerts:
        incidents.judge(settings, incident)
        alerts = incidents.alerts_of(settings.database, incident)
    if alerts and not quiet:
        line(
            _(
                "Alerts         {count} fired in the incident, the first {age} after it began: "
                "{rule}, {subject}, {value} (threshold {threshold})",
                count=len(alerts),
                age=age(int(alerts[0]["fired"]) - incident[0]),
                rule=_(RULES[alerts[0]["rule"]]),
                subject=alerts[0]["subject"],
                value=alerts[0]["shown_value"],
                threshold=alerts[0]["shown_threshold"],
            )
        )
    report = _report(settings)
    if report is not None and not quiet:
        line(_("Weekly report  {path}", path=report.path))
    elif not pdf.is_available() and not quiet:
        line(needs_packages("cortex-otel report", "report", "typst"))
    return Upkeep(alerts, report)


def _report(settings: Settings) -> KeptReport | None:
    """The report of the last week, in the user's language."""
    week = last_week(time.time_ns(), project_zone(settings.time_zone))
    name = shelf.file_name(week, language())
    if shelf.find(settings.home, name) is None and REPORT.is_on(settings):
        _run(REPORT, settings, REPORT.run)
    return shelf.find(settings.home, name)


def _run(job: Job, settings: Settings, work: Callable[[Settings], str]) -> None:
    """Run a job here, under its lease: ``cortex-otel jobs`` and the page say how it ended."""
    table, holder = Leases(settings.database), new_holder("command")
    # By force: the directory is locked, so a lease that is left is that of a killed demo.
    table.claim(job.name, holder, time.time_ns(), force=True)
    outcome, detail = "interrupted", INTERRUPTED
    try:
        detail = work(settings)
        outcome = "done"
    except JobError as error:
        outcome, detail = "failed", str(error)
        complain(detail)
    finally:
        zone = project_zone(settings.time_zone)
        table.end(job, holder, outcome, detail, now_ns=time.time_ns(), zone=zone)
