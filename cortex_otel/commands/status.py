"""``cortex-otel status``: is it recording, and what is there."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cortex_otel.commands.console import age, line, size, told
from cortex_otel.messages import TEXTS, text
from cortex_otel.query.formats import iso_time, pad, printable, width
from cortex_otel.query.ranges import local_offset_minutes
from cortex_otel.query.store_facts import store_facts
from cortex_otel.query.writers import read_writers
from cortex_otel.settings import enabled_by_host
from cortex_otel_exporters.sqlite.reader import StoreError, StoreMissingError, open_reader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cortex_otel.query.writers import WriterState
    from cortex_otel.settings import Settings

__all__ = ["collect", "run"]

Facts = dict[str, Any]

#: Permission bits of group and others.
_OPEN_TO_OTHERS = 0o077


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show the state, the verdict first; 0 whatever it is."""
    facts = collect(settings)
    if arguments.json:
        line(json.dumps(facts, ensure_ascii=False, indent=2))
        return 0
    line(facts["message"])
    line()
    rows = list(_rows(facts))
    widest = max(width(label) for label, _ in rows)
    for label, value in rows:
        line(f"{pad(label, widest)}  {printable(value)}".rstrip())
    return 0


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
        facts["problem"] = told(error)
    else:
        try:
            facts |= store_facts(connection)
        except StoreError as error:
            facts["problem"] = told(error)
        finally:
            connection.close()
    code, values = _verdict(facts, [writer for writer in writers if writer.alive])
    return {"verdict": code, "message": text(code, **values), **facts}


def _verdict(  # noqa: PLR0911 - one a verdict
    facts: Facts, alive: list[WriterState]
) -> tuple[str, dict[str, object]]:
    troubled = [writer for writer in alive if writer.trouble]
    last = facts["last_event_ns"]
    since_last = age(facts["now_ns"] - last) if last else ""
    if troubled:
        verdict = "not_recording" if len(troubled) == len(alive) else "recording_trouble"
        return verdict, {"count": len(troubled), "reason": _reason(troubled[0].trouble)}
    if facts["problem"]:
        return "unreadable", {"reason": facts["problem"]}
    if alive:
        return ("recording" if last else "ready"), {"count": len(alive), "age": since_last}
    if facts["switched_off_by"]:
        return "off", {"reason": facts["switched_off_by"]}
    if not facts["directory_writable"]:
        return "not_recording", {"reason": text("directory_not_writable", path=facts["home"])}
    if last:
        return "idle", {"age": since_last}
    return "nothing_yet", {}


def _reason(trouble: str) -> str:
    key = f"trouble_{trouble}"
    return text(key) if key in TEXTS["en"] else printable(trouble)


def _switched_off_by(settings: Settings) -> str:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "OTEL_SDK_DISABLED=true"
    if not settings.enabled:
        return f"CORTEX_OTEL_ENABLED={os.environ.get('CORTEX_OTEL_ENABLED', '')}"
    # The host's config.py: people ask in the directory of their server.
    sys.path.insert(0, "")
    try:
        return "" if enabled_by_host() else "TELEMETRY_ENABLED = False (config.py)"
    finally:
        sys.path.remove("")


def _files(settings: Settings) -> Facts:
    home = settings.home.absolute()
    existing = next(path for path in (home, *home.parents) if _mode(path) is not None)
    wal = settings.database.with_name(f"{settings.database.name}-wal")
    modes = {"directory": _mode(settings.home), "database": _mode(settings.database)}
    return {
        "size_bytes": _size(settings.database) + _size(wal),
        "wal_bytes": _size(wal),
        "disk_free_bytes": shutil.disk_usage(existing).free,
        "directory_writable": os.access(existing, os.W_OK | os.X_OK),
        "modes": {name: None if mode is None else f"{mode:04o}" for name, mode in modes.items()},
        "open_to_others": any((mode or 0) & _OPEN_TO_OTHERS for mode in modes.values()),
    }


def _rows(facts: Facts) -> Iterator[tuple[str, str]]:
    path = facts["database"]
    yield text("label_database"), path if facts["exists"] else text("missing", path=path)
    if facts["exists"]:
        sizes = {"total": size(facts["size_bytes"]), "wal": size(facts["wal_bytes"])}
        yield text("label_size"), text("size", **sizes)
    if "schema_version" in facts:
        for name in ("events", "users", "sessions"):
            yield text(f"label_{name}"), f"{facts[name]:,}"
        for name in ("first", "last"):
            if moment := facts[f"{name}_event_ns"]:
                yield text(f"label_{name}"), _moment(moment, facts["now_ns"])
        yield text("label_ledger"), _ledger(facts["ledger"].get("event", {}))
        if "metric" in facts["ledger"]:
            yield "", text("ledger_metrics", ledger=_ledger(facts["ledger"]["metric"]))
        for signal, outcomes in facts["noted"].items():
            for outcome, counts in outcomes.items():
                yield _noted_label(signal, outcome), _counts(counts)
        yield text("label_schema"), str(facts["schema_version"])
    yield text("label_disk"), size(facts["disk_free_bytes"])
    if facts["exists"]:
        opened = f" ({text('modes_open')})" if facts["open_to_others"] else ""
        yield text("label_modes"), text("modes", **facts["modes"]) + opened
    yield from _process_rows(facts)


def _process_rows(facts: Facts) -> Iterator[tuple[str, str]]:
    label = text("label_writers")
    if not facts["writers"]:
        yield label, text("none")
    for writer in facts["writers"]:
        trouble = f" ({_reason(writer['trouble'])})" if writer["trouble"] else ""
        yield label, text("writer", **writer) + trouble
        label = ""
    if facts["faults"]:
        yield text("label_faults"), _counts(facts["faults"])
    for note in dict.fromkeys(note for writer in facts["writers"] for note in writer["notes"]):
        yield text("label_notes"), _note(note)


def _noted_label(signal: str, outcome: str) -> str:
    """What is noted in the ledger, in words where they are known."""
    key = f"noted_{signal}_{outcome}"
    return text(key) if key in TEXTS["en"] else printable(f"{signal} {outcome}")


def _note(note: str) -> str:
    """What a process says of its set-up, in words where they are known."""
    head, _, what = note.partition(" ")
    known = head.replace(":", "_", 1)
    return text(known, version=what, signal=what) if known in TEXTS["en"] else note


def _ledger(of_signal: Mapping[str, Any]) -> str:
    dropped = of_signal.get("dropped", {})
    counts = {name: f"{of_signal.get(name, 0):,}" for name in ("received", "stored", "sampled_out")}
    reasons = f" ({_counts(dropped)})" if dropped else ""
    return text("ledger", **counts, dropped=f"{sum(dropped.values()):,}") + reasons


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _moment(moment: int, now_ns: int) -> str:
    shown = iso_time(moment, local_offset_minutes(moment))[:19].replace("T", " ")
    return text("ago", time=shown, age=age(now_ns - moment))


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
