"""``cortex-otel retain``: deletes what is old or too much, as ``serve`` does every hour."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from cortex_otel.commands.console import age, complain, line, size
from cortex_otel.commands.parsing import add_command, add_json
from cortex_otel.commands.progress import Progress
from cortex_otel.locale import N_, _

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.operate.retention import Outcome, Plan
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]

_SIGNALS = {
    "event": N_("Events"),
    "metric": N_("Metric points"),
    "session": N_("Sessions"),
    "rollup": N_("Roll-up rows"),
    "dimension": N_("Names, users and contexts"),
}
_REASONS = {"age": N_("by age"), "size": N_("by size")}


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel retain``."""
    command = add_command(
        commands,
        "retain",
        run,
        _("delete data past its age or size limit"),
        examples=_(
            "examples:\n"
            "  cortex-otel retain --dry-run     what would be deleted, and how much that frees\n"
            "  cortex-otel retain               delete it; others may go on writing meanwhile\n"
            "\n"
            "Ctrl-C stops it at any time: the next run goes on. cortex-otel serve does this every "
            "hour."
        ),
    )
    command.add_argument(
        "--dry-run", action="store_true", help=_("show what would be deleted, and delete nothing")
    )
    command.add_argument(
        "--trust-clock",
        action="store_true",
        help=_("trust the clock even if it seems to have jumped ahead"),
    )
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Delete, or say what would be; 1 if that isn't possible now."""
    from cortex_otel.operate.job import JobError  # noqa: PLC0415 - not for --help
    from cortex_otel.operate.retention import plan, retain  # noqa: PLC0415 - needs apsw

    if arguments.dry_run:
        _show_plan(plan(settings, trust_clock=arguments.trust_clock), settings, arguments)
        return 0
    try:
        with Progress(_("Deleting")) as progress:
            outcome = retain(settings, trust_clock=arguments.trust_clock, progress=progress.to)
    except JobError as error:
        complain(str(error))
        return 1
    _show_outcome(outcome, arguments)
    return 0


def _show_plan(due: Plan, settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.json:
        line(json.dumps(asdict(due), indent=2))
        return
    for message in _plan_lines(due, settings):
        line(message)


def _plan_lines(due: Plan, settings: Settings) -> Iterator[str]:
    now = time.time_ns() - due.behind_ns
    if due.events_before:
        yield _(
            "{count} events are older than {age} and would be deleted.",
            count=f"{due.events:,}",
            age=age(now - due.events_before),
        )
    if due.rollups_before:
        yield _(
            "{count} sessions are older than {age} and would be deleted, with their roll-ups.",
            count=f"{due.sessions:,}",
            age=age(now - due.rollups_before),
        )
    if due.too_much:
        yield _(
            "The database takes {used}, {too_much} more than CORTEX_OTEL_MAX_DATABASE_MB={limit}: "
            "the oldest events go.",
            used=size(due.bytes),
            too_much=size(due.too_much),
            limit=settings.max_database_mb,
        )
    if due.behind_ns:
        yield _(
            "The clock is {age} ahead of when this ran or anything was recorded: what is old is "
            "taken a day at a time (at once with --trust-clock).",
            age=age(due.behind_ns),
        )
    yield _("About {freed} of {used} would be free.", freed=size(due.frees), used=size(due.bytes))


def _show_outcome(outcome: Outcome, arguments: argparse.Namespace) -> None:
    if arguments.json:
        deleted: dict[str, dict[str, int]] = {}
        for (signal, reason), count in sorted(outcome.deleted.items()):
            deleted.setdefault(signal, {})[reason] = count
        facts = {**asdict(outcome), "deleted": deleted}
        line(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for (signal, reason), count in sorted(outcome.deleted.items()):
        line(f"{_(_SIGNALS[signal])} {_(_REASONS[reason])}: {count:,}")
    if not outcome.deleted:
        line(_("Nothing is past its age or size limit."))
    line(
        _(
            "The database file: {before} before, {after} now.",
            before=size(outcome.bytes_before),
            after=size(outcome.bytes_after),
        )
    )
    for note in outcome.notes:
        complain(note)
