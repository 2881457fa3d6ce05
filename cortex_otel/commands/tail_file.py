"""``cortex-otel tail --file``: the same of the log file."""

from __future__ import annotations

import gzip
import stat
import sys
import time
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_otel.commands.console import complain, line
from cortex_otel.locale import _
from cortex_otel.operate.importing.contents import content_of
from cortex_otel.query.formats import printable
from cortex_otel_exporters.jsonl.line import error_parts, unix_ns
from cortex_otel_exporters.jsonl.reader import LogMissingError, LogReader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from cortex_otel.query.events import EventFilter
    from cortex_otel.settings import Settings
    from cortex_otel_exporters.jsonl.reader import Line

__all__ = ["run"]

_SECONDS_BETWEEN_POLLS = 0.2
_LINES_PER_POLL = 1000
_SAMPLE = 65_536


def run(
    arguments: argparse.Namespace,
    settings: Settings,
    event_filter: EventFilter,
    show: Callable[[dict[str, object]], None],
) -> int:
    """Show lines; with ``--follow`` until Ctrl-C; 1 if there are none, or they can't be read.

    Args:
        arguments: as parsed; ``file`` is ``""`` for the log of the settings.
        settings: the user's settings.
        event_filter: which events.
        show: prints an event with the columns of ``telemetry_events``.
    """
    path = Path(arguments.file).expanduser() if arguments.file else settings.log_directory
    if (said := _is_none(path)) is not None:
        complain(said)
        return 1
    reader = LogReader(path, partial(_matches, event_filter))
    try:
        try:
            lines = reader.latest(arguments.lines)
        except LogMissingError:
            if not arguments.follow:
                complain(_missing(path, settings))
                return 1
            complain(_("Waiting for {path} …", path=path))
            lines = []
        while True:
            for each in lines:
                _show(each, show, as_json=arguments.json)
            sys.stdout.flush()
            if not arguments.follow:
                return 0
            if len(lines) < _LINES_PER_POLL:
                time.sleep(_SECONDS_BETWEEN_POLLS)
            lines = reader.poll(_LINES_PER_POLL)
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(
            _(
                "the log file {path} can't be read: {detail}",
                path=path,
                detail=error.strerror or error,
            )
        )
        return 1


def _is_none(path: Path) -> str | None:
    """Why ``path`` can't be a log file; ``None`` if it can, or isn't there."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return None
        if not stat.S_ISREG(mode):  # a pipe that nobody writes to would be waited for
            return _("{name} isn't a regular file", name=printable(str(path)))
        with path.open("rb") as plain:
            is_gzip = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            sample = file.read(_SAMPLE)
    except (OSError, EOFError, zlib.error):  # reading it will say so
        return None
    except ValueError:
        return _("no log file at {path}", path=printable(str(path)))  # a NUL in its name
    if content_of(sample) is None:
        return None
    return _("{name} is no log file of cortex-otel", name=printable(str(path)))


def _missing(path: Path, settings: Settings) -> str:
    if settings.log_file or path != settings.log_directory:
        return _("no log file at {path}", path=path)
    return _("no log file at {path}: CORTEX_OTEL_LOG_FILE=true makes servers write one", path=path)


def _matches(event_filter: EventFilter, fields: dict[str, Any]) -> bool:
    return all(
        wanted is None or fields[name] == wanted
        for name, wanted in (
            ("event_type", event_filter.event_type),
            ("service", event_filter.service),
            ("user_tier", event_filter.user_tier),
        )
    ) and (
        event_filter.user_prefix is None
        or str(fields["user_id_hash"] or "").startswith(event_filter.user_prefix)
    )


def _show(entry: Line, show: Callable[[dict[str, object]], None], *, as_json: bool) -> None:
    if as_json:
        line(entry.text)
        return
    try:
        moment = unix_ns(str(entry.fields["timestamp"]))
    except ValueError:  # not ours
        return
    error_type, message = error_parts(entry.fields["error"] and str(entry.fields["error"]))
    show(
        {
            **entry.fields,
            "timestamp": moment,
            "error_type": error_type,
            "error_message": message,
        }
    )
