"""``cortex-otel jobs``: what keeps the store in order, when it last ran, and how it ended."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from cortex_otel.commands.console import complain, line, waiting
from cortex_otel.commands.parsing import add_command, add_json
from cortex_otel.commands.set_by_serve import set_by_serve
from cortex_otel.locale import N_, _, language, texts
from cortex_otel.query.formats import iso_time, pad, printable, width
from cortex_otel.query.zones import project_zone
from cortex_otel.show.value_labels import label_of
from cortex_otel_exporters.sqlite.reader import StoreMissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.operate.job import Cadence, Job
    from cortex_otel.operate.leases import JobRow
    from cortex_otel.operate.states import JobState
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["add_to", "cadence_in_words", "job_facts", "run"]

_FAILED, _SENSELESS, _INTERRUPTED = 1, 2, 130
_EVERY_HOUR, _AT_MINUTE = N_("every hour"), N_("every hour at :{minute}")
_EVERY_DAY = N_("every day at {time}")
_WEEKDAYS = (
    N_("every Monday at {time}"),
    N_("every Tuesday at {time}"),
    N_("every Wednesday at {time}"),
    N_("every Thursday at {time}"),
    N_("every Friday at {time}"),
    N_("every Saturday at {time}"),
    N_("every Sunday at {time}"),
)
_STATES = {"running": N_("Running"), "off": N_("Off")}


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel jobs``."""
    command = add_command(
        commands,
        "jobs",
        run,
        _("list the jobs that keep the store in order, or run one now"),
        examples=_(
            "examples:\n"
            "  cortex-otel jobs                  when each last ran, how it ended, when it is due\n"
            "  cortex-otel jobs run retention    run one now, for cron and systemd\n"
            "\n"
            "cortex-otel serve runs them when they are due, unless CORTEX_OTEL_JOBS=false."
        ),
    )
    command.add_argument("action", nargs="?", choices=("run",), help=_("run: run a job now"))
    command.add_argument("job", nargs="?", metavar="NAME", help=_("which job to run"))
    command.add_argument(
        "--force",
        action="store_true",
        help=_("run it even if another process is running it; that one ends"),
    )
    command.add_argument("--lease", help=argparse.SUPPRESS)
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """List the jobs, or run one.

    Returns:
        0; 1 if the job failed, is switched off, or another process runs it; 2 if there is none of
        that name.
    """
    if arguments.action == "run":
        return _run_one(arguments, settings)
    now_ns, zone = time.time_ns(), project_zone(settings.time_zone)
    states = _states(settings, now_ns, zone)
    if arguments.json:
        facts = [job_facts(state, zone) for state in states]
        line(json.dumps(facts, ensure_ascii=False, indent=2))
        return 0
    _show(states, settings, zone)
    return 0


def cadence_in_words(cadence: Cadence, in_language: str | None = None) -> str:
    """When a job is due; in the user's language, if no other is given."""
    minute, shown = f"{cadence.minute:02}", texts(in_language or language()).gettext
    if cadence.is_hourly:
        return shown(_EVERY_HOUR) if not cadence.minute else shown(_AT_MINUTE, minute=minute)
    message = _EVERY_DAY if cadence.weekday is None else _WEEKDAYS[cadence.weekday]
    return shown(message, time=f"{cadence.hour or 0:02}:{minute}")


def _states(settings: Settings, now_ns: int, zone: Zone) -> list[JobState]:
    from cortex_otel.operate.states import job_states, unplanned  # noqa: PLC0415 - not for --help

    try:
        return job_states(settings, now_ns, zone)
    except StoreMissingError:
        return unplanned(settings)


def _show(states: Sequence[JobState], settings: Settings, zone: Zone) -> None:
    heads = (_("JOB"), _("CADENCE"), _("LAST RUN"), _("TOOK"), _("OUTCOME"), _("NEXT RUN"))
    cells = [heads, *(_cells(state, zone) for state in states)]
    widths = [max(width(row[column]) for row in cells) for column in range(len(heads))]
    for index, row in enumerate(cells):
        shown = zip(row, widths, strict=True)
        line("  ".join(pad(cell, columns) for cell, columns in shown).rstrip())
        if index:
            line(f"  {printable(_about(states[index - 1]))}")
    line()
    line(_("Times are those of {zone}.", zone=zone.name))
    _say_whose(states, settings)


def _say_whose(states: Sequence[JobState], settings: Settings) -> None:
    """Whose settings these are, where that isn't clear."""
    from cortex_otel.operate.announcement import announced  # noqa: PLC0415 - not for --help
    from cortex_otel.operate.switches import is_on  # noqa: PLC0415 - the same

    serve = announced(settings.home)
    if not (settings.jobs if serve is None else serve.runs_jobs):
        line(_("cortex-otel serve doesn't run them: CORTEX_OTEL_JOBS=false."))
    elif serve is not None and any(
        is_on(state.job, settings) != (state.switched_off_by is None) for state in states
    ):
        line(
            _(
                "What is on is as cortex-otel serve (process {pid}) has it; this shell has other "
                "settings.",
                pid=serve.pid,
            )
        )


def _cells(state: JobState, zone: Zone) -> tuple[str, ...]:
    row = state.row
    return (
        state.job.name,
        cadence_in_words(state.job.cadence),
        _moment(row.last_start, zone) if row.last_start else _("never"),
        "" if state.took_ns is None else _("{seconds:.1f} s", seconds=state.took_ns / 1e9),
        _in_words(_outcome(state)),
        _next_run(state, zone),
    )


def _outcome(state: JobState) -> str:
    if state.is_running:
        return "running"
    return state.row.outcome or ""


def _in_words(outcome: str) -> str:
    if outcome in _STATES:
        return _(_STATES[outcome])
    return label_of("outcome", outcome, language())


def _next_run(state: JobState, zone: Zone) -> str:
    if state.switched_off_by is not None:
        return _("off")
    if state.row.next_run is None:
        return ""
    shown = _moment(state.row.next_run, zone)
    return _("{time} (overdue)", time=shown) if state.is_overdue else shown


def _about(state: JobState) -> str:
    """What it does, and what came of it."""
    title = _(state.job.title)
    if state.switched_off_by:
        return _(
            "{title}: switched off ({settings})",
            title=title,
            settings=", ".join(state.switched_off_by),
        )
    if not state.row.detail:
        return title
    return f"{title}: {label_of('job_detail', state.row.detail, language())}"


def _moment(at_ns: int, zone: Zone) -> str:
    return iso_time(at_ns, zone)[:19].replace("T", " ")


def job_facts(state: JobState, zone: Zone) -> dict[str, Any]:
    """A job for programs; times in ISO 8601, durations in seconds."""
    from cortex_otel.operate.leases import process_of  # noqa: PLC0415 - not for --help

    row = state.row
    times = ("last_start", "last_end", "last_success", "next_run")
    return {
        "job": state.job.name,
        "title": _(state.job.title),
        "cadence": cadence_in_words(state.job.cadence),
        "is_on": state.switched_off_by is None,
        "switched_off_by": list(state.switched_off_by or ()),
        "is_running": state.is_running,
        "is_overdue": state.is_overdue,
        "run_by": process_of(row.holder)[1] if row.holder and state.is_running else None,
        "outcome": row.outcome,
        "detail": row.detail,
        "failures": row.failures,
        "took_s": None if state.took_ns is None else state.took_ns / 1e9,
        **{name: _iso(getattr(row, name), zone) for name in times},
    }


def _iso(at_ns: int | None, zone: Zone) -> str | None:
    return None if at_ns is None else iso_time(at_ns, zone)


def _run_one(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.operate.jobs import JOBS  # noqa: PLC0415 - not for --help
    from cortex_otel.operate.switches import is_on, switches  # noqa: PLC0415 - the same

    job = next((each for each in JOBS if each.name == arguments.job), None)
    if job is None:
        # A NAME that is missing is answered with those that there are.
        names = ", ".join(each.name for each in JOBS) or _("none")
        name = arguments.job or "''"
        complain(_("no job called {name}; there are: {names}", name=name, names=names))
        return _SENSELESS
    if arguments.lease is not None:
        from cortex_otel.operate.worker import work  # noqa: PLC0415 - the same

        return work(job, settings, arguments.lease)
    if not is_on(job, settings):
        variables = ", ".join(switches(job, settings))
        off = _("{job} is switched off; see {settings}", job=job.name, settings=variables)
        complain(off + set_by_serve(settings, lambda serve: job.name not in serve.off))
        return _FAILED
    return _supervised(job, settings, force=arguments.force)


def _supervised(job: Job, settings: Settings, *, force: bool) -> int:
    from cortex_otel.operate import ballast, leases  # noqa: PLC0415 - not for --help
    from cortex_otel.operate.supervisor import supervise  # noqa: PLC0415 - the same

    if job.frees_space:
        ballast.give_some(settings.database)
    table, now_ns = leases.Leases(settings.database), time.time_ns()
    row = table.read(upgrade=True).get(job.name)
    holder = leases.new_holder("command")
    is_left = row is not None and row.lease_has_ended(now_ns)
    if not table.claim(job.name, holder, now_ns, force=force or is_left):
        complain(_held(job, table.read().get(job.name), settings))
        return _FAILED
    with waiting(_("{job} is running …", job=job.name)):
        end = supervise(job, settings, holder, threading.Event(), is_heard=True)
    if end.outcome == "done":
        line(f"{job.name}: {printable(label_of('job_detail', end.detail, language()))}")
        return 0
    sys.stdout.flush()
    complain(f"{job.name}: {printable(label_of('job_detail', end.detail, language()))}")
    return _FAILED


def _held(job: Job, row: JobRow | None, settings: Settings) -> str:
    from cortex_otel.operate.leases import process_of  # noqa: PLC0415 - not for --help

    if row is None or row.holder is None:
        return _("{job} has just been run by another process", job=job.name)
    kind, pid = process_of(row.holder)
    return _(
        "{job} is being run by process {pid} (cortex-otel {command}) since {time}: wait for it, or "
        "take it over with --force",
        job=job.name,
        pid=pid,
        command="serve" if kind == "serve" else "jobs run",
        time=_moment(row.last_start or 0, project_zone(settings.time_zone)),
    )
