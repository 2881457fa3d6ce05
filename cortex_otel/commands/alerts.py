"""``cortex-otel alerts``: what is wrong and was, and a test of its channels."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

from cortex_otel.commands.console import age, complain, line
from cortex_otel.commands.parsing import add_command, add_json
from cortex_otel.locale import _, language
from cortex_otel.query.formats import pad, printable, width
from cortex_otel.query.zones import project_zone

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.query.runner import Value
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]

_CHANNELS = ("slack", "webhook", "command")
_SHOWN = 50
_DAYS = 30
_NS = 10**9


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel alerts``."""
    command = add_command(
        commands,
        "alerts",
        run,
        _("show current and past alerts, or test their channels"),
        examples=_(
            "examples:\n"
            "  cortex-otel alerts                       what fires, and the last 30 days\n"
            "  cortex-otel alerts test                  send a sample to all channels set\n"
            "  cortex-otel alerts test --channel slack  to one of them"
        ),
    )
    command.add_argument(
        "action",
        nargs="?",
        choices=("test",),
        help=_("test: send a sample, and say what came back"),
    )
    command.add_argument("--channel", choices=_CHANNELS, help=_("only to this one"))
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show alerts, or send a sample; 1 if one wasn't delivered, 2 if no channel is set."""
    if arguments.action == "test":
        return _test(arguments, settings)
    if arguments.channel:
        complain(_("--channel belongs to: {command}", command="cortex-otel alerts test"))
        return 2
    return _list(arguments, settings)


def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.query.alert_rules import FILE_NAME, read_rules  # noqa: PLC0415 - not for --help
    from cortex_otel.query.catalogue import catalogue  # noqa: PLC0415 - the same
    from cortex_otel.query.formats import as_json  # noqa: PLC0415 - the same
    from cortex_otel.query.runner import run as ask  # noqa: PLC0415 - needs apsw
    from cortex_otel_exporters.sqlite.reader import open_reader  # noqa: PLC0415 - the same

    zone = project_zone(settings.time_zone)
    now_ns = time.time_ns()
    from_ns = now_ns - _DAYS * 86_400 * _NS
    connection = open_reader(settings.database)
    try:
        found = ask(
            connection,
            catalogue()["alerts"],
            {"from_ns": from_ns, "to_ns": now_ns},
            row_limit=_SHOWN,
        )
    finally:
        connection.close()
    rules = read_rules(settings.home / FILE_NAME, settings)
    if arguments.json:
        answer = as_json(found, from_ns, now_ns, zone)
        answer["rules"] = dataclasses.asdict(rules.rules)
        answer["problems"] = [str(problem) for problem in rules.problems]
        line(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    for problem in rules.problems:
        complain(str(problem))
    rows = found.records()
    if not rows:
        line(_("Nothing is wrong, and nothing was in the last {days} days.", days=_DAYS))
        return 0
    cells = [_cells(row, zone) for row in rows]
    widths = [max(width(row[place]) for row in cells) for place in range(len(cells[0]))]
    for row in cells:
        shown = (pad(cell, column) for cell, column in zip(row, widths, strict=True))
        line(printable("  ".join(shown)).rstrip())
    return 0


def _cells(row: dict[str, Value], zone: Zone) -> list[str]:
    from cortex_otel.show.labels_of_alerts import RULES, STATES  # noqa: PLC0415 - not for --help

    state, rule = str(row["state"]), str(row["rule"])
    fired, duration = row["fired"], row["duration_ms"]
    value = str(row["shown_value"] or "")
    if row["shown_threshold"]:
        value += f" ({row['shown_threshold']})"
    return [
        _(STATES.get(state, state)),
        _(RULES.get(rule, rule)),
        str(row["subject"] or "–"),
        zone.iso(fired)[:19].replace("T", " ") if isinstance(fired, int) else "–",
        age(round(duration * 10**6)) if isinstance(duration, (int, float)) else "–",
        value or "–",
        " ".join(str(row[name]) for name in ("tool_name", "error_type") if row[name]) or "–",
        str(row["delivery"] or _("sent to nobody")),
    ]


def _test(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.operate.alerts.channels import channels_of  # noqa: PLC0415 - not for --help
    from cortex_otel.operate.alerts.sample import sample  # noqa: PLC0415 - the same

    channels = [each for each in channels_of(settings) if arguments.channel in {None, each.name}]
    if not channels:
        wanted = [arguments.channel] if arguments.channel else _CHANNELS
        complain(_("no channel is set: set {variables}", variables=_variables(wanted)))
        return 2
    message = sample(settings, project_zone(settings.time_zone), language(), time.time_ns())
    outcomes = [(each.name, each.send(message)) for each in channels]
    if arguments.json:
        answers = {
            name: {"delivered": outcome.is_delivered, "answer": outcome.reply}
            for name, outcome in outcomes
        }
        line(json.dumps(answers, indent=2))
    else:
        for name, outcome in outcomes:
            reply = printable(outcome.reply)
            if outcome.is_delivered:
                line(_("{channel}: delivered ({answer})", channel=name, answer=reply))
            else:
                line(_("{channel}: not delivered ({answer})", channel=name, answer=reply))
    return 0 if all(outcome.is_delivered for _name, outcome in outcomes) else 1


def _variables(channels: Sequence[str]) -> str:
    names = {
        "slack": "CORTEX_OTEL_SLACK_WEBHOOK_URL",
        "webhook": "CORTEX_OTEL_ALERT_WEBHOOK_URL",
        "command": "CORTEX_OTEL_ALERT_COMMAND",
    }
    return ", ".join(names[each] for each in channels)
