"""``cortex-otel status``: whether it is recording, and what is stored."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cortex_otel.commands.console import age, error_message, ledger_line, line, size
from cortex_otel.commands.jobs import job_facts
from cortex_otel.commands.parsing import add_command, add_json
from cortex_otel.identity import USER_HASH_KEY_FILE
from cortex_otel.locale import N_, _, language, ngettext
from cortex_otel.query.formats import iso_time, pad, printable, width
from cortex_otel.query.store_facts import store_facts
from cortex_otel.query.writers import read_writers
from cortex_otel.query.zones import project_zone
from cortex_otel.settings import enabled_by_host
from cortex_otel.show.value_labels import TROUBLES, label_of
from cortex_otel_exporters.sqlite.reader import StoreError, StoreMissingError, open_reader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.query.writers import WriterState
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["ABOUT", "add_to", "collect", "run"]

ABOUT = N_("show whether it is recording and what is stored")

Facts = dict[str, Any]

#: Permission bits of group and others.
_OPEN_TO_OTHERS = 0o077
_MOMENTS = (
    (N_("First event"), "first_event_ns"),
    (N_("Last event"), "last_event_ns"),
    (N_("Raw events from"), "events_from_ns"),
    (N_("Roll-ups from"), "rollups_from_ns"),
)
#: What the ledger counts other than records, by signal and outcome.
_NOTED = {
    ("fault", "swallowed"): N_("Faults in total"),
    ("argument", "refused"): N_("Event arguments refused"),
    ("argument", "missing"): N_("Event arguments missing"),
    ("name", "overflowed"): N_("Stored as _OTHER"),
    ("line", "refused"): N_("Lines of imported files refused"),
    ("event", "sent"): N_("Sent on"),
    ("event", "send_failed"): N_("Not sent on"),
    ("metric", "sent"): N_("Metrics sent on"),
    ("metric", "send_failed"): N_("Metrics not sent on"),
    ("provider", "joined"): N_("Host providers joined"),
    ("provider", "mirrored"): N_("Host providers followed"),
    ("provider", "apart"): N_("Host providers not joined"),
    ("value", "left_out"): N_("Values left out"),
    ("log_line", "missed"): N_("Missing in the log file"),
    ("log_file", "deleted"): N_("Log files deleted"),
    ("session", "expired"): N_("Sessions deleted"),
    ("user", "expired"): N_("Users deleted"),
    ("rollup", "expired"): N_("Roll-up rows deleted"),
    ("dimension", "expired"): N_("Names deleted"),
}
#: Notes on a process's set-up in its heartbeat, up to the first space.
_NOTES = {
    "span:lean": N_("lean span"),
    "span:sdk": N_("OpenTelemetry's own span (CORTEX_OTEL_SPAN=sdk)"),
    "span:host": N_("OpenTelemetry's own span: the host created the tracer provider"),
    "span:untested": N_("OpenTelemetry's own span: lean isn't tested with SDK {version}"),
    "forward:redacted": N_("redacted copies go to: {version}"),
    "forward:raw": N_("RAW PERSONAL DATA GOES TO: {version}"),
    "provider:joined": N_(
        "{signal}: cortex-otel has joined the host's own provider; both get everything"
    ),
    "provider:mirrored": N_(
        "{signal}: the host's own provider isn't from OpenTelemetry's SDK; its spans are followed, "
        "and both get everything"
    ),
    "provider:apart": N_(
        "{signal}: the host's own provider can't be joined; what it gets isn't stored here"
    ),
    "log_file:disk_full": N_("the log file isn't written: the disk is full"),
    "log_file:read_only": N_("the log file isn't written: its directory is read-only"),
    "log_file:locked": N_("the log file isn't written: another process keeps it locked"),
    "log_file:unavailable": N_("the log file isn't written: it can't be opened"),
}


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel status``."""
    command = add_command(commands, "status", run, _(ABOUT))
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show the state, verdict first; 1 if the database is there and can't be read."""
    facts = collect(settings)
    code = 1 if facts["problem"] else 0
    if arguments.json:
        line(json.dumps(facts, ensure_ascii=False, indent=2))
        return code
    line(facts["message"])
    line()
    rows = list(_rows(facts, project_zone(settings.time_zone)))
    widest = max(width(label) for label, _ in rows)
    for label, value in rows:
        line(f"{pad(label, widest)}  {printable(value)}".rstrip())
    return code


def collect(settings: Settings) -> Facts:
    """Everything that ``status --json`` shows; sizes in bytes, times in ISO 8601 and Unix ns."""
    writers = read_writers(settings.home)
    facts: Facts = {
        "now_ns": time.time_ns(),
        "switched_off_by": _switched_off_by(settings),
        "home": str(settings.home),
        "database": str(settings.database),
        "exists": _mode(settings.database) is not None,
        "problem": "",
        "jobs": [],
        "events": 0,
        "last_event_ns": None,
        **_files(settings),
        "writers": [asdict(writer) for writer in writers if writer.alive],
        "faults": dict(sum((Counter(writer.faults) for writer in writers), Counter())),
    }
    try:
        connection = open_reader(settings.database)
    except StoreMissingError:
        facts["exists"] = False
    except StoreError as error:
        facts["problem"] = error_message(error)
    else:
        try:
            facts |= store_facts(connection)
            facts["jobs"] = _troubled_jobs(settings, facts["now_ns"])
        except StoreError as error:
            facts["problem"] = error_message(error)
        finally:
            connection.close()
    verdict, message = _verdict(facts, [writer for writer in writers if writer.alive])
    return {"verdict": verdict, "message": message, **facts}


def _troubled_jobs(settings: Settings, now_ns: int) -> list[Facts]:
    """The jobs that failed or are overdue."""
    from cortex_otel.operate.states import job_states  # noqa: PLC0415 - not for --help

    zone = project_zone(settings.time_zone)
    return [
        job_facts(state, zone)
        for state in job_states(settings, now_ns, zone)
        if state.has_failed or state.is_overdue
    ]


def _verdict(  # noqa: PLR0911 - one per verdict
    facts: Facts, alive: list[WriterState]
) -> tuple[str, str]:
    """The verdict as a code for programs and a message for people."""
    troubled = [writer for writer in alive if writer.trouble]
    last = facts["last_event_ns"]
    since_last = age(facts["now_ns"] - last) if last else ""
    if troubled:
        reason, count = _reason(troubled[0].trouble), len(troubled)
        if count == len(alive):
            return _not_recording(reason)
        return "recording_trouble", ngettext(
            "Recording, but {count} process can't store: {reason}.",
            "Recording, but {count} processes can't store: {reason}.",
            count,
            count=count,
            reason=reason,
        )
    if facts["problem"]:
        return "unreadable", _("Can't be read: {reason}.", reason=facts["problem"])
    if alive and last:
        return "recording", ngettext(
            "Recording: {count} process running, last event {age} ago.",
            "Recording: {count} processes running, last event {age} ago.",
            len(alive),
            count=len(alive),
            age=since_last,
        )
    if alive:
        return "ready", ngettext(
            "Ready: {count} process running, no event yet.",
            "Ready: {count} processes running, no event yet.",
            len(alive),
            count=len(alive),
        )
    if facts["switched_off_by"]:
        return "off", _("Switched off by {reason}.", reason=facts["switched_off_by"])
    if not facts["directory_writable"]:
        return _not_recording(_("{path} can't be written to", path=facts["home"]))
    if last:
        return "idle", _("Nothing is recording right now; last event {age} ago.", age=since_last)
    if facts.get("events_from_ns"):
        return "idle", _("Nothing is recording right now; no event is left: all are deleted.")
    return "nothing_yet", _(
        "Nothing recorded yet. Start a server with: opentelemetry-instrument python server.py "
        "(or try: cortex-otel demo --once)."
    )


def _not_recording(reason: str) -> tuple[str, str]:
    return "not_recording", _("Not recording: {reason}.", reason=reason)


def _reason(trouble: str) -> str:
    return _(TROUBLES[trouble]) if trouble in TROUBLES else printable(trouble)


def _switched_off_by(settings: Settings) -> str:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "OTEL_SDK_DISABLED=true"
    if not settings.enabled:
        return f"CORTEX_OTEL_ENABLED={os.environ.get('CORTEX_OTEL_ENABLED', '')}"
    # The host's config.py: status is usually run in the server's directory.
    sys.path.insert(0, "")
    try:
        return "" if enabled_by_host() else "TELEMETRY_ENABLED = False (config.py)"
    finally:
        sys.path.remove("")


def _files(settings: Settings) -> Facts:
    from cortex_otel.operate.ballast import is_needed  # noqa: PLC0415 - not for --help

    home = settings.home.absolute()
    existing = next(path for path in (home, *home.parents) if _mode(path) is not None)
    wal = settings.database.with_name(f"{settings.database.name}-wal")
    modes = {"directory": _mode(settings.home), "database": _mode(settings.database)}
    return {
        "size_bytes": _size(settings.database) + _size(wal),
        "wal_bytes": _size(wal),
        "disk_free_bytes": shutil.disk_usage(existing).free,
        "disk_is_full": is_needed(settings.database),
        "directory_writable": os.access(existing, os.W_OK | os.X_OK),
        "modes": {name: None if mode is None else f"{mode:04o}" for name, mode in modes.items()},
        "hash_key_damaged": _has_damaged_hash_key(settings),
        "open_to_others": any((mode or 0) & _OPEN_TO_OTHERS for mode in modes.values()),
    }


def _has_damaged_hash_key(settings: Settings) -> bool:
    if settings.user_hash_key:
        return False
    try:
        return not (settings.home / USER_HASH_KEY_FILE).read_bytes().strip()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _rows(facts: Facts, zone: Zone) -> Iterator[tuple[str, str]]:
    path = facts["database"]
    yield _("Database"), path if facts["exists"] else _("{path} (not created yet)", path=path)
    if facts["exists"]:
        sizes = {"total": size(facts["size_bytes"]), "wal": size(facts["wal_bytes"])}
        yield _("Size"), _("{total} ({wal} of it in the write-ahead log)", **sizes)
    if "schema_version" in facts:
        yield _("Events"), f"{facts['events']:,}"
        yield _("Users"), f"{facts['users']:,}"
        yield _("Sessions"), f"{facts['sessions']:,}"
        for label, key in _MOMENTS:
            if moment := facts[key]:
                yield _(label), _moment(moment, facts["now_ns"], zone)
        yield _("Records"), _ledger(facts["ledger"].get("event", {}))
        if "metric" in facts["ledger"]:
            yield "", _("metrics: {ledger}", ledger=_ledger(facts["ledger"]["metric"]))
        for signal, outcomes in facts["noted"].items():
            for outcome, counts in outcomes.items():
                yield _noted_label(signal, outcome), _counts(counts)
        yield _("Schema"), str(facts["schema_version"])
    yield _("Disk free"), _free(facts)
    if facts["exists"]:
        modes = _("directory {directory}, database {database}", **facts["modes"])
        if facts["open_to_others"]:
            modes += " (" + _("open to other users") + ")"
        yield (
            _("File modes"),
            modes,
        )
    yield from _process_rows(facts)
    yield from _job_rows(facts)


def _free(facts: Facts) -> str:
    free = size(facts["disk_free_bytes"])
    if not facts["disk_is_full"]:
        return free
    return _("{free}: free a few megabytes, then run cortex-otel retain", free=free)


def _job_rows(facts: Facts) -> Iterator[tuple[str, str]]:
    label = _("Jobs")
    for job in facts["jobs"]:
        if job["failures"]:
            text = ngettext(
                "{job} failed: {detail}",
                "{job} failed {failures} times: {detail}",
                job["failures"],
                **{**job, "detail": label_of("job_detail", job["detail"] or "", language())},
            )
        else:
            text = _("{job} is overdue since {time}", job=job["job"], time=job["next_run"])
        yield label, text
        label = ""


def _process_rows(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts["hash_key_damaged"]:
        yield (
            _("Key of users"),
            _(
                "user-hash.key has no key: users are new ones with every start; put the key back, "
                "or run cortex-otel rotate-key"
            ),
        )
    label = _("Processes")
    if not facts["writers"]:
        yield (
            label,
            _("none")
            if facts["disk_free_bytes"]
            else _("none known: on a full disk, one that starts can't say that it does"),
        )
    for writer in facts["writers"]:
        trouble = f" ({_reason(writer['trouble'])})" if writer["trouble"] else ""
        yield label, _("pid {pid}, {service}: {stored} stored, {queued} queued", **writer) + trouble
        label = ""
    if facts["faults"]:
        yield _("Faults"), _counts(facts["faults"])
    for note in dict.fromkeys(note for writer in facts["writers"] for note in writer["notes"]):
        yield _("Settings"), _note(note)


def _noted_label(signal: str, outcome: str) -> str:
    """The label of a note in the ledger, if it is known."""
    known = _NOTED.get((signal, outcome))
    return _(known) if known else printable(f"{signal} {outcome}")


def _note(note: str) -> str:
    """A process's note on its set-up, as text if it is known."""
    head, _space, what = note.partition(" ")
    return _(_NOTES[head], version=what, signal=what) if head in _NOTES else note


def _ledger(entries: Mapping[str, Any]) -> str:
    dropped = entries.get("dropped", {})
    counts = {name: f"{entries.get(name, 0):,}" for name in ("received", "stored", "sampled_out")}
    reasons = f" ({_counts(dropped)})" if dropped else ""
    shown = ledger_line({**counts, "dropped": f"{sum(dropped.values()):,}"}) + reasons
    if expired := entries.get("expired"):
        count = f"{sum(expired.values()):,}"
        shown += "; " + _(
            "{count} of the stored deleted since ({reasons})",
            count=count,
            reasons=_counts(expired),
        )
    return shown


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _moment(moment: int, now_ns: int, zone: Zone) -> str:
    shown = iso_time(moment, zone)[:19].replace("T", " ")
    return _("{time} ({age} ago)", time=shown, age=age(now_ns - moment))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return None
