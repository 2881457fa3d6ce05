"""Bytes per event on disk: file size divided by events, after a checkpoint, with all indexes.

The databases hold what 800 users produce in 90 days: sessions of about 25 events spread over days
and hours, a few heavy users and many light ones, four tiers with upgrades along the way, 40 tools,
all typed events of both services, 5 % spans of other instrumentations, 4 % failures, trace ids, and
event data as the converter writes it. They are built with ``BatchWriter``, in the real transactions
of 512 events. The more events there are, the less the roll-ups add per event; the naive table's
bytes per event are constant.

The row *with projects* has a project and a branch on each event (two projects per user, three
branches each): each combination of tool, project and branch is a row of ``contexts``.

Repeat: ``python benchmarks/disk.py``. Other benchmarks use ``build(path, events, seed)``.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import _harness as harness
from _harness import Bar, Report, Run, Table

from cortex_otel_exporters.record import Context, Record, Series, Session
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["BEGIN_NS", "END_NS", "build", "build_naive", "records"]

_NS_A_SECOND = 10**9
_NS_A_DAY = 86_400 * _NS_A_SECOND
_DAYS, _USERS = 90, 800
#: 2026-01-05T00:00:00Z, a Monday.
BEGIN_NS = 1_767_571_200 * _NS_A_SECOND
END_NS = BEGIN_NS + _DAYS * _NS_A_DAY
_EVENTS_A_SESSION = 25
_BATCH = 512
_BAR_BYTES = 150.0
_HOURS_OF_DAY = (1, 1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 10, 12, 14, 14, 12, 10, 8, 6, 5, 4, 3, 2)
_TIERS = ("free", "free", "free", "free", "free", "trial", "paid", "paid", "enterprise")
_RESOURCE = (
    '{"service.name":"cortex-%s","service.namespace":"cortex","telemetry.distro.name":"cortex-otel",'
    '"telemetry.distro.version":"0.1.0","telemetry.sdk.language":"python",'
    '"telemetry.sdk.name":"opentelemetry","telemetry.sdk.version":"1.45.2"}'
)
_SHAPES = ("query:str,top_k:int", "path:str", "name:str,topic:str,automatic:bool", "text:str", "")
_VERBS = ("search", "update", "create", "list", "compress")
_NOUNS = ("context", "memory", "branch", "files", "notes", "issues", "tags", "docs")
_TOOLS = tuple(f"{verb}_{noun}" for verb in _VERBS for noun in _NOUNS)
_TYPED = (
    "mcp.search_context",
    "mcp.compress_context",
    "mcp.reference_suggest",
    "mcp.update_memory",
    "mcp.branch_create",
    "mcp.ontology_classify",
)
_EXTENSION = ("ext.ui_interaction", "ext.code_insert", "ext.context_switch", "ext.error")
_ERRORS = ("ValueError", "KeyError", "TimeoutError", "OSError", "tool_error")
_LEVELS = {"success": "INFO", "error": "ERROR", "timeout": "ERROR", "cancelled": "WARNING"}


def records(events: int, seed: int = 1, *, projects: bool = False) -> Iterator[Record]:
    """``events`` records of 90 days, day by day, each day in the order of time.

    Args:
        events: how many.
        seed: the same seed makes the same records.
        projects: put project and branch ids on them.
    """
    choose = random.Random(seed)
    people = [_Person(number, choose) for number in range(_USERS)]
    weights = [person.activity for person in people]
    made = 0
    for day in range(_DAYS):
        wanted = events * (day + 1) // _DAYS - made
        of_day: list[Record] = []
        while len(of_day) < wanted:
            person = choose.choices(people, weights)[0]
            length = min(1 + int(choose.expovariate(1 / _EVENTS_A_SESSION)), wanted - len(of_day))
            of_day += _session(person, day, length, choose, projects=projects)
        of_day.sort(key=lambda record: record.time_unix_nano)
        made += len(of_day)
        yield from of_day


class _Person:
    """A user: how active, in which tier from when, on what."""

    def __init__(self, number: int, choose: random.Random) -> None:
        self.number = number
        self.user_hash = hashlib.sha256(f"user {number}".encode()).hexdigest()
        self.activity = choose.paretovariate(1.2)
        self.tier = choose.choice(_TIERS)
        self.upgrade_day = choose.randrange(2 * _DAYS) if self.tier in ("free", "trial") else _DAYS
        self.uses_extension = choose.random() < 0.4
        self.os = choose.choice(("linux", "darwin", "win32"))
        # Two projects with three branches each, as identity providers name them.
        self.projects = [
            (f"project-{number}-{of}", f"branch-{choose.randrange(3)}") for of in (0, 1)
        ]
        self.ide = choose.choice(("vscode", "cursor", "windsurf"))

    def tier_on(self, day: int) -> str:
        return "paid" if day >= self.upgrade_day else self.tier


class _Sitting(NamedTuple):
    person: _Person
    tier: str
    session: Session
    project: str
    branch: str


def _session(
    person: _Person, day: int, length: int, choose: random.Random, *, projects: bool
) -> list[Record]:
    service = "extension" if person.uses_extension and choose.random() < 0.4 else "mcp"
    extension = service == "extension"
    identifier = f"{choose.getrandbits(128):032x}"
    session = Session(
        identifier,
        os=person.os,
        ide=person.ide if extension else "",
        extension_version="1.4.2" if extension else "",
        server_name="" if extension else "cortex-mcp",
        server_version="" if extension else "2.3.0",
        runtime="node 22.11.0" if extension else "cpython 3.11.7",
        instance_id=identifier,
    )
    project, branch = choose.choice(person.projects) if projects else ("", "")
    sitting = _Sitting(person, person.tier_on(day), session, project, branch)
    hour = choose.choices(range(24), _HOURS_OF_DAY)[0]
    now = BEGIN_NS + day * _NS_A_DAY + hour * 3600 * _NS_A_SECOND
    now += choose.randrange(3600) * _NS_A_SECOND
    last = BEGIN_NS + (day + 1) * _NS_A_DAY - 1
    made = []
    for _ in range(length):
        now = min(now + int(choose.expovariate(1 / 60) * _NS_A_SECOND), last)
        make = _extension_event if extension else _mcp_event
        made.append(make(sitting, now, choose))
    return made


def _mcp_event(sitting: _Sitting, now: int, choose: random.Random) -> Record:
    person, tier, session, project, branch = sitting
    kind = choose.random()
    result = choose.choices(("success", "error", "timeout", "cancelled"), (950, 35, 8, 7))[0]
    error = choose.choice(_ERRORS) if result == "error" else ""
    error = {"timeout": "TimeoutError", "cancelled": "cancelled"}.get(result, error)
    measures: tuple[tuple[str, float], ...] = ()
    duration: int | None = int(choose.lognormvariate(math.log(20e6), 1.2))
    tool, attributes, data = "", "{}", {}
    if kind < 0.75:
        tool = _TOOLS[min(int(choose.expovariate(0.12)), len(_TOOLS) - 1)]
        event_type, name, of = "mcp.tool_call", f"tools/call {tool}", "server"
        scope, data = "mcp-python-sdk@2.3.0", {"jsonrpc.request.id": str(choose.randrange(1, 400))}
        attributes = (
            f'{{"cortex.tool.parameters":"{_SHAPES[len(tool) % len(_SHAPES)]}",'
            '"gen_ai.operation.name":"execute_tool","mcp.method.name":"tools/call",'
            '"mcp.protocol.version":"2026-07-28"}'
        )
    elif kind < 0.95:
        event_type = name = choose.choice(_TYPED)
        scope, of = "cortex_otel@0.1.0", "internal"
        data, measures = _typed_data(event_type, choose)
        if event_type not in ("mcp.search_context", "mcp.compress_context"):
            duration, of = None, "event"
    else:
        event_type, name, of = "span", choose.choice(("GET", "POST", "SELECT")), "client"
        scope = "opentelemetry.instrumentation.httpx@0.66b2"
        attributes = '{"http.response.status_code":200,"url.scheme":"https"}'
    frames = f"cortex.tools.{tool or 'events'}:run:{choose.randrange(20, 400)}"
    if result == "error" and choose.random() < 0.2:
        data = {**data, "exception.stacktrace": [f"mcp.server.runner:call:{n}" for n in (81, 94)]}
    feature = tool or ("" if event_type == "span" else event_type.partition(".")[2])
    return Record(
        now,
        duration,
        Series("mcp", event_type, name, tool, feature, tier, result, _LEVELS[result], of, error),
        Context(scope, _RESOURCE % "mcp", project, branch, attributes),
        session,
        person.user_hash,
        choose.getrandbits(128) | 1,
        choose.getrandbits(64) | 1,
        choose.getrandbits(64) if choose.random() < 0.3 else 0,
        1.0,
        f"{error} at {frames}" if result in ("error", "timeout") else "",
        data,
        measures,
    )


def _typed_data(
    event_type: str, choose: random.Random
) -> tuple[dict[str, object], tuple[tuple[str, float], ...]]:
    digest = f"{choose.getrandbits(64):016x}"
    if event_type == "mcp.search_context":
        found = choose.randrange(11)
        return {
            "cortex.search.query.length": choose.randrange(5, 120),
            "cortex.search.query.hash": digest,
            "cortex.search.top_k": 10,
            "cortex.search.results": found,
        }, (("results", float(found)),)
    if event_type == "mcp.compress_context":
        before = choose.randrange(2_000, 90_000)
        after = int(before * choose.uniform(0.1, 0.5))
        return {
            "cortex.compress.tokens_before": before,
            "cortex.compress.tokens_after": after,
            "cortex.compress.savings_rate": round(1 - after / before, 4),
        }, (("tokens_before", float(before)), ("tokens_after", float(after)))
    if event_type == "mcp.reference_suggest":
        suggested = choose.randrange(1, 6)
        accepted = choose.randrange(suggested + 1)
        return {
            "cortex.reference.suggested": suggested,
            "cortex.reference.accepted": accepted,
        }, (("suggested", float(suggested)), ("accepted", float(accepted)))
    if event_type == "mcp.update_memory":
        size = choose.randrange(200, 60_000)
        return {
            "cortex.memory.file_size_bytes": size,
            "cortex.memory.token_count": size // 4,
        }, (("memory_tokens", size / 4), ("memory_bytes", float(size)))
    if event_type == "mcp.branch_create":
        return {
            "cortex.branch.topic.length": choose.randrange(4, 60),
            "cortex.branch.topic.hash": digest,
            "cortex.branch.automatic": choose.random() < 0.6,
        }, ()
    return {
        "cortex.ontology.category": f"category_{choose.randrange(12)}",
        "cortex.ontology.confidence": round(choose.random(), 3),
    }, ()


def _extension_event(sitting: _Sitting, now: int, choose: random.Random) -> Record:
    person, tier, session, project, branch = sitting
    event_type = choose.choices(_EXTENSION, (60, 25, 12, 3))[0]
    failed = event_type == "ext.error"
    result, error = ("error", "TypeError") if failed else ("success", "")
    digest, data, feature = f"{choose.getrandbits(64):016x}", {}, ""
    measures: tuple[tuple[str, float], ...] = ()
    if event_type == "ext.ui_interaction":
        feature = f"element_{min(int(choose.expovariate(0.2)), 29)}"
        data = {"cortex.ui.action": "click", "cortex.ui.element": feature}
    elif event_type == "ext.code_insert":
        feature, lines = choose.choice(("python", "typescript", "go")), choose.randrange(1, 40)
        data = {
            "cortex.code.language": feature,
            "cortex.code.lines_inserted": lines,
            "cortex.code.completion_accepted": choose.random() < 0.7,
        }
        measures = (("lines_inserted", float(lines)),)
    elif event_type == "ext.context_switch":
        data = {"cortex.file.path.length": choose.randrange(8, 90), "cortex.file.path.hash": digest}
    else:
        data = {"cortex.error.message.length": 61, "cortex.error.message.hash": digest}
    return Record(
        now,
        None,
        Series(
            "extension",
            event_type,
            event_type,
            "",
            feature,
            tier,
            result,
            _LEVELS[result],
            "event",
            error,
        ),
        Context(
            "cortex-extension@1.4.2",
            _RESOURCE % "extension",
            project,
            branch,
            f'{{"cortex.ide":"{person.ide}","cortex.extension.version":"1.4.2"}}',
        ),
        session,
        person.user_hash,
        0,
        0,
        0,
        1.0,
        "TypeError at extension:activate:31" if failed else "",
        data,
        measures,
    )


def build(path: Path, events: int, seed: int = 1, *, projects: bool = False) -> None:
    """Make a database of ``events`` events at ``path``, through the real transactions."""
    writer = BatchWriter(open_for_writing(path, busy_timeout_ms=5000))
    source = records(events, seed, projects=projects)
    while batch := list(islice(source, _BATCH)):
        writer.write(batch, [], Counter({("event", "received", ""): len(batch)}))
    writer.close()


def build_naive(path: Path, events: int, seed: int = 1) -> None:
    """The same events in the naive table."""
    import naive  # noqa: PLC0415 - others import this module without the SDK

    connection = naive.connect(path)
    source: Iterable[Record] = records(events, seed)
    source = iter(source)
    while batch := list(islice(source, 20 * _BATCH)):
        naive.insert(connection, map(naive.row_of_record, batch))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Build one database and measure its size."""
    path = Path(options["home"]) / "weighed.db"
    usage = harness.Usage()
    if alternative == "naive":
        build_naive(path, options["events"])
        tables: list[list[Any]] = []
    else:
        build(path, options["events"], projects=alternative == "projects")
        tables = _tables(path)
    yield {
        "bytes": path.stat().st_size / options["events"],
        "mb": path.stat().st_size / 1e6,
        "seconds": usage.wall_ns / 1e9,
        "tables": tables,
    }
    path.unlink()


def _tables(path: Path) -> list[list[Any]]:
    import sqlite3  # noqa: PLC0415 - for one table

    connection = sqlite3.connect(path)
    try:
        found = connection.execute(
            "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 14"
        ).fetchall()
    except sqlite3.OperationalError:  # built without dbstat
        found = []
    connection.close()
    return [list(row) for row in found]


def measure(run: Run) -> Report:
    """Each size once: the size of a file is deterministic."""
    sizes = (3_000,) if run.quick else (10_000, 100_000, 1_000_000)
    rows: list[list[Any]] = []
    found: dict[str, Any] = {}
    for events in sizes:
        names = ["ours", "naive"]
        if events == (3_000 if run.quick else 100_000):
            names.append("projects")
        found = {
            name: run.interleave([name], 1, fresh=True, events=events)[name][0] for name in names
        }
        for name in names:
            label = {"ours": "cortex-otel", "naive": "naive"}.get(
                name, "cortex-otel, with projects"
            )
            one = found[name]
            ratio = one["bytes"] / found["naive"]["bytes"]
            rows.append([label, events, one["bytes"], one["mb"], ratio, events / one["seconds"]])
    columns = ["", "events", "bytes per event", "file MB", "× naive", "built events/s"]
    largest = found["ours"]
    parts = [[name, size / sizes[-1], size / 1e6] for name, size in largest["tables"]]
    tables = [
        Table("the whole file, roll-ups and indexes included", columns, rows),
        Table(f"breakdown at {sizes[-1]:,}", ["table or index", "bytes per event", "MB"], parts),
    ]
    bar = Bar(f"bytes per event at {sizes[-1]:,}", largest["bytes"], _BAR_BYTES, "bytes")
    return Report(tables, [] if run.quick else [bar])


if __name__ == "__main__":
    harness.main(__doc__, measure, child)
