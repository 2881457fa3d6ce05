"""``cortex-otel query``: runs a question of the catalogue."""

from __future__ import annotations

import difflib
import json
import sys
import textwrap
import time
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain, line, waiting
from cortex_otel.commands.parsing import add_command, add_filters, whole_number
from cortex_otel.commands.question_options import NoFunnelError, add_options, given, option_of
from cortex_otel.locale import _, language, ngettext
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.formats import as_csv, as_json, as_table, iso_time, pad, width
from cortex_otel.query.ranges import parse_range
from cortex_otel.query.runner import EXACT_EVENTS
from cortex_otel.query.runner import run as ask
from cortex_otel.query.zones import project_zone, zone
from cortex_otel.show.sampling_note import sampling_note
from cortex_otel.show.value_labels import label_of
from cortex_otel_exporters.sqlite.reader import open_reader

if TYPE_CHECKING:
    import argparse

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.query.catalogue import Question
    from cortex_otel.query.runner import Result, Value
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["UsageError", "add_to", "no_option", "run"]


class UsageError(Exception):
    """Invalid arguments; the message is one line for a person."""


def add_to(commands: Commands, question: Question | None = None) -> None:
    """Add ``cortex-otel query``, with the options of ``question``."""
    command = add_command(
        commands,
        "query",
        run,
        _("ask a question from the catalogue; without a name, list them"),
    )
    command.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help=_("question, e.g. tools; without one they are listed"),
    )
    command.add_argument(
        "--since",
        "--from",  # as the API and the web admin call it
        metavar="TIME",
        help=_(
            "24h, 7d, 2w, all, today, yesterday, this-week, last-week, this-month, last-month, or "
            "a date like 2026-11-01 (default: 30d, or the question's own)"
        ),
    )
    command.add_argument("--until", "--to", metavar="TIME", help=_("the same format; default: now"))
    command.add_argument(
        "--tz",
        metavar="ZONE",
        help=_(
            "time zone of days, weeks and dates, e.g. Asia/Seoul (default: "
            "CORTEX_OTEL_TIME_ZONE, or this machine's)"
        ),
    )
    add_filters(command)
    command.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help=_("table, csv or json")
    )
    command.add_argument(
        "--limit",
        type=whole_number(1),
        default=1000,
        metavar="N",
        help=_("maximum number of rows (1000)"),
    )
    command.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help=_("any parameter of the question by its name in --show, e.g. window_days=14"),
    )
    command.add_argument(
        "--show",
        action="store_true",
        help=_("show the question's SQL, parameters and columns without running it"),
    )
    if question is None:
        command.epilog = _("cortex-otel query NAME --help lists the options that a question adds.")
    else:
        add_options(command, question)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run a question, show its SQL, or list all questions.

    Raises:
        UsageError: there is no such question or time zone, or it has no such filter or parameter.
        RangeError: ``--since`` or ``--until`` is invalid.
        QueryError: it took too long.
        StoreError: there is no database, or it can't be read.
    """
    if arguments.name is None:
        if arguments.show:
            raise UsageError(_("--show needs the name of a question; cortex-otel query lists them"))
        _list(arguments.format)
        return 0
    question = _question(arguments.name)
    if arguments.show:
        _show(question)
        return 0
    now_ns = time.time_ns()
    there = _zone(arguments.tz or settings.time_zone)
    from_ns, to_ns = parse_range(arguments.since or question.since, arguments.until, now_ns, there)
    parameters: dict[str, Value] = {
        **_filters(question, arguments),
        **_given(question, arguments, settings),
        **_assigned(question, arguments.set or []),
        "from_ns": from_ns,
        "to_ns": to_ns,
        "time_zone": there.name,
    }
    connection = open_reader(settings.database)
    try:
        with waiting(_("Reading …")):
            result = ask(connection, question, parameters, row_limit=arguments.limit)
    finally:
        connection.close()
    match arguments.format:
        case "json":
            line(json.dumps(as_json(result, from_ns, to_ns, there), ensure_ascii=False, indent=2))
        case "csv":
            sys.stdout.write(as_csv(result, there))
        case _ if result.rows:
            line(as_table(result, there, lambda name, value: label_of(name, value, language())))
        case _:
            since, until = (iso_time(each, there)[:16] for each in (from_ns, to_ns))
            complain(_("Nothing to show from {since} to {until}.", since=since, until=until))
    _say_limits(result, there)
    return 0


def _say_limits(result: Result, there: Zone) -> None:
    """Say what the rows don't hold."""
    if result.widened:
        complain(
            _(
                "The events at an end of this range are deleted: the whole hour there is counted "
                "(the half hour or the UTC day, where users are)."
            )
        )
    if result.kept_from_ns is not None:
        since = iso_time(result.kept_from_ns, there)[:16]
        if result.reads_events:
            complain(
                _("Raw events are kept from {since} on: what is older isn't told.", since=since)
            )
        else:
            complain(_("What is shown is kept from {since} on: nothing older.", since=since))
    if note := sampling_note(result, language()):
        complain(f"{note}.")
    if result.truncated:
        count = len(result.rows)
        complain(
            ngettext(
                "Only the first row is shown: --limit shows more.",
                "Only the first {count} rows are shown: --limit shows more.",
                count,
                count=count,
            )
        )


def no_option(question: Question, option: str) -> str:
    """What to say of an option that ``question`` doesn't have."""
    own = [option_of(each) for each in question.settable]
    return _(
        "{question} has no option {option}; its own: {known}",
        question=question.name,
        option=option,
        known=", ".join(own) or _("none"),
    )


def _given(
    question: Question, arguments: argparse.Namespace, settings: Settings
) -> dict[str, Value]:
    try:
        return given(question, arguments, settings.home)
    except NoFunnelError as error:
        raise UsageError(str(error)) from None


def _zone(name: str | None) -> Zone:
    try:
        return zone(name) if name else project_zone(None)
    except ValueError:
        raise UsageError(
            _("{value} isn't a time zone: use a name like Asia/Seoul", value=name)
        ) from None


def _question(name: str) -> Question:
    known = catalogue()
    if name in known:
        return known[name]
    like = difflib.get_close_matches(name, known, n=1)
    if like:
        raise UsageError(
            _("there is no question {name!r}; did you mean {like}?", name=name, like=like[0])
        )
    raise UsageError(_("there is no question {name!r}; cortex-otel query lists them", name=name))


def _filters(question: Question, arguments: argparse.Namespace) -> dict[str, Value]:
    chosen: dict[str, Value] = {}
    for option, parameter in (("service", "service"), ("tier", "user_tier")):
        value = getattr(arguments, option)
        if value is None:
            continue
        # Ignoring a filter that was asked for would give a wrong answer.
        if not question.accepts(parameter):
            raise UsageError(
                _("{question} has no {option} filter", question=question.name, option=f"--{option}")
            )
        chosen[parameter] = value
    return chosen


def _assigned(question: Question, assignments: list[str]) -> dict[str, Value]:
    special = {each.name: each for each in question.parameters if each.is_special}
    values: dict[str, Value] = {}
    for assignment in assignments:
        name, _equals, value = assignment.partition("=")
        try:
            values[name] = special[name].parse(value)
        except (KeyError, ValueError):
            known = ", ".join(special) or _("none")
            raise UsageError(
                _(
                    "{value!r} isn't NAME=VALUE with a parameter of {question}: {known}",
                    value=assignment,
                    question=question.name,
                    known=known,
                )
            ) from None
    return values


def _show(question: Question) -> None:
    """Print the SQL with its meaning in comments, ready to be copied."""
    line(f"-- {question.title_in(language())}")
    # Korean letters are two columns wide.
    for sentence in textwrap.wrap(question.about_in(language()), 56 if language() == "ko" else 96):
        line(f"-- {sentence}")
    for heading, rows in (
        (
            _("Parameters:"),
            [
                (f":{each.name}", each.type, each.meaning_in(language()))
                for each in question.parameters
            ],
        ),
        (
            _("Columns:"),
            [(each.name, each.unit, each.meaning_in(language())) for each in question.columns],
        ),
    ):
        if not rows:
            continue
        line("--")
        line(f"-- {heading}")
        widths = [max(len(row[index]) for row in rows) for index in (0, 1)]
        for name, kind, meaning in rows:
            line(f"--   {pad(name, widths[0])}  {pad(kind, widths[1])}  {meaning}")
    line(question.sql.rstrip() + ";")
    if question.exact_sql:
        line()
        when = _(
            "Used instead when the range holds at most {count} events and none of them is deleted "
            "yet:",
            count=f"{EXACT_EVENTS:,}",
        )
        line(f"-- {when}")
        line(question.exact_sql.rstrip() + ";")


def _list(form: str) -> None:
    questions = catalogue().values()
    if form == "json":
        described = [
            {
                "name": question.name,
                "title": question.title_in(language()),
                "about": question.about_in(language()),
                "since": question.since,
                "parameters": [
                    {"name": each.name, "type": each.type, "meaning": each.meaning_in(language())}
                    for each in question.parameters
                ],
                "columns": [
                    {
                        "name": each.name,
                        "unit": each.unit,
                        "title": each.title_in(language()),
                        "meaning": each.meaning_in(language()),
                    }
                    for each in question.columns
                ],
            }
            for question in questions
        ]
        line(json.dumps(described, ensure_ascii=False, indent=2))
        return
    line(_("Questions (cortex-otel query NAME):"))
    widest = max(width(question.name) for question in questions)
    for question in questions:
        line(f"  {pad(question.name, widest)}  {question.title_in(language())}")
