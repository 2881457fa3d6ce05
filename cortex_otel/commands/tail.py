"""``cortex-otel tail``: shows the latest events, and follows new ones."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from cortex_otel.commands import tail_file
from cortex_otel.commands.console import colour, complain, line
from cortex_otel.commands.parsing import add_command, add_filters, add_json, whole_number
from cortex_otel.locale import N_, _
from cortex_otel.query.events import EventFilter, committed_after, newest, newest_key
from cortex_otel.query.formats import iso_time, json_line, pad, printable
from cortex_otel.query.zones import project_zone
from cortex_otel_exporters.disk import identity_of
from cortex_otel_exporters.sqlite.reader import StoreMissingError, data_version, open_reader

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    import apsw

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["ABOUT", "Follower", "add_to", "run"]

ABOUT = N_("show the latest events, and with -f those that follow")

_SECONDS_BETWEEN_POLLS = 0.2
_EVENTS_PER_POLL = 1000
_USER_CHARACTERS = 8

Event = dict[str, object]


class Follower:
    """Follows the commits of other processes, also if the file is created, removed or replaced.

    Args:
        path: the database; it may not exist yet.
        event_filter: which events.
    """

    def __init__(self, path: Path, event_filter: EventFilter) -> None:
        self._path, self._event_filter = path, event_filter
        self._connection: apsw.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._version: int | None = None
        self._watermark = 0

    def start(self, count: int) -> list[Event]:
        """The ``count`` latest events, oldest first; :meth:`poll` returns those after them.

        Raises:
            StoreError: there is no database, or it can't be read.
        """
        connection = self._open()
        connection.execute("BEGIN")  # events and watermark from one snapshot
        try:
            self._watermark = newest_key(connection)
            return newest(connection, self._event_filter, count)[::-1]
        finally:
            connection.execute("ROLLBACK")

    def poll(self) -> list[Event]:
        """Events committed since the last call, at most a thousand; none without a database.

        Raises:
            StoreError: there is a database, but it can't be read.
        """
        if self._connection is not None and identity_of(self._path) != self._identity:
            self.close()
            self._watermark = 0
        try:
            connection = self._connection or self._open()
        except StoreMissingError:
            return []
        version = data_version(connection)
        if version == self._version:
            return []
        last = newest_key(connection)
        events = committed_after(connection, self._watermark, self._event_filter, _EVENTS_PER_POLL)
        if len(events) == _EVENTS_PER_POLL:
            self._watermark = int(str(events[-1]["id"]))
        else:
            self._watermark = max(
                [last, self._watermark, *(int(str(e["id"])) for e in events[-1:])]
            )
            self._version = version
        return events

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._identity = self._version = None

    def _open(self) -> apsw.Connection:
        self._identity = identity_of(self._path)
        self._connection = open_reader(self._path)
        return self._connection


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel tail``."""
    command = add_command(commands, "tail", run, _(ABOUT))
    command.add_argument(
        "-f", "--follow", action="store_true", help=_("keep showing new events until Ctrl-C")
    )
    command.add_argument(
        "-n",
        "--lines",
        type=whole_number(0),
        default=10,
        metavar="N",
        help=_("how many of the latest events to show (10)"),
    )
    add_filters(command)
    command.add_argument("--type", metavar="EVENT_TYPE", help=_("only this event type"))
    command.add_argument(
        "--user", type=str.lower, metavar="PREFIX", help=_("only users whose hash starts with this")
    )
    command.add_argument(
        "--file",
        nargs="?",
        const="",
        metavar="PATH",
        help=_("read the log file, or the one at PATH, instead of the database"),
    )
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show events; with ``--follow`` until Ctrl-C.

    Raises:
        StoreError: there is no database (without ``--follow``), or it can't be read.
    """
    event_filter = EventFilter(
        event_type=arguments.type,
        service=arguments.service,
        user_tier=arguments.tier,
        user_prefix=arguments.user,
    )
    zone = project_zone(settings.time_zone)
    show = _show_json if arguments.json else partial(_show_line, zone=zone)
    if arguments.file is not None:
        return tail_file.run(arguments, settings, event_filter, partial(_show_line, zone=zone))
    follower = Follower(settings.database, event_filter)
    try:
        try:
            events = follower.start(arguments.lines)
        except StoreMissingError:
            if not arguments.follow:
                raise
            complain(_("Waiting for {path} …", path=settings.database))
            events = []
        while True:
            for event in events:
                show(event)
            sys.stdout.flush()
            if not arguments.follow:
                return 0
            if len(events) < _EVENTS_PER_POLL:
                time.sleep(_SECONDS_BETWEEN_POLLS)
            events = follower.poll()
    finally:
        follower.close()


def _show_json(event: Event) -> None:
    line(json_line(event))


def _show_line(event: Event, zone: Zone) -> None:
    moment = int(str(event["timestamp"]))
    when = iso_time(moment, zone)[:23].replace("T", " ")
    result, duration = _text(event["result"]), event["duration_ms"]
    error = " ".join(filter(None, (_text(event["error_type"]), _text(event["error_message"]))))
    shown = "  ".join(
        (
            when,
            pad(_text(event["service"]), 9),
            pad(_text(event["event_type"]), 22),
            pad(_text(event["tool_name"]) or "-", 20),
            pad(_text(event["user_tier"]) or "-", 10),
            pad(_text(event["user_id_hash"])[:_USER_CHARACTERS] or "-", _USER_CHARACTERS),
            colour(result, pad(result, 9)),
            pad(f"{duration:.1f} ms" if isinstance(duration, float) else "-", 12, right=True),
            error,
        )
    )
    line(shown.rstrip())


def _text(value: object) -> str:
    return "" if value is None else printable(str(value))
