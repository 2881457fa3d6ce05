"""Generates ninety days of synthetic users, through the real write path, as data for the pages.

The data takes the real path: redaction, identity, sampling, one transaction per batch with
sessions, roll-ups and ledger. Each record has ``deployment.environment.name=demo``, and the
database is marked, so that nobody takes it for real. The same seed and ``now_ns`` generate the same
rows.

The data has patterns: weeks and working hours (most users are in Seoul), a few heavy users,
upgrades, churn and returning users, slow days, and an incident of an hour and a half.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apsw

from cortex_otel import semconv as sc
from cortex_otel.demo.plan import BROKEN_TOOL, Plan
from cortex_otel.demo.user_sessions import NS_A_SECOND, UserSession
from cortex_otel.demo.users import happens, make_users, make_visitors
from cortex_otel.identity import IdentityResolver
from cortex_otel.process.data import SpanData, is_plain
from cortex_otel.process.redact import Redactor
from cortex_otel.process.sample import TraceSampler
from cortex_otel.receive.senders import Senders
from cortex_otel.receive.typed import complete
from cortex_otel_exporters.presence import Presences
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from cortex_otel.demo.user_sessions import Item
    from cortex_otel.demo.users import User
    from cortex_otel.process.data import LogData
    from cortex_otel_exporters.record import MetricPoint, Record

__all__ = ["BROKEN_TOOL", "SAMPLING", "Facts", "fill", "filled_at"]

_NS_A_MINUTE, _NS_A_DAY = 60 * NS_A_SECOND, 86_400 * NS_A_SECOND
_MINUTES_A_DAY = 1440
_BATCH = 4096
_BUSY_MS = 10_000
_BEGUN, _DONE = "demo_population_begun", "demo_population"

#: As in ``CORTEX_OTEL_SAMPLING``: context switches are frequent, and each is of little interest.
SAMPLING = {sc.EXT_CONTEXT_SWITCH: 0.1}

_SESSIONS_A_USER_DAY = 0.08
_ACTIONS = 8
_WITH_TOOLS = 0.75  # share of the sessions in an editor
_MAX_SESSIONS_A_DAY = 4
# Relative probability of a session's start in each hour of the user's day.
_HOURS = (1, 0, 0, 0, 0, 0, 1, 2, 6, 15, 18, 13, 6, 10, 17, 18, 16, 12, 6, 4, 5, 6, 4, 2)
_INCIDENT_SESSIONS = 24  # evenly spread, so that there are always some calls to fail
_LAST_MINUTES = 90


@dataclass(frozen=True, slots=True)
class Facts:
    """What was generated."""

    users: int
    """Users with at least one event."""
    stored: int
    """Rows."""
    sampled_out: int
    first_ns: int
    last_ns: int
    incident_tool: str
    incident: tuple[int, int]
    """Start and end; Unix nanoseconds."""
    slow_days: tuple[tuple[int, int], ...]


def fill(
    database: Path,
    *,
    days: int = 90,
    users: int = 800,
    visitors: int = 0,
    seed: int = 1,
    now_ns: int,
    sampling: Mapping[str, float] = SAMPLING,
    progress: Callable[[int, int], None] | None = None,
) -> Facts:
    """Add synthetic data to a database.

    Args:
        database: path; created if missing. Never the real one.
        days: number of days.
        users: number of users.
        visitors: number of those who install the extension beside them, and never open it.
        seed: the same one generates the same rows.
        now_ns: time just after the last events; Unix nanoseconds.
        sampling: share kept by event type.
        progress: called with the number of days stored, and of all days.

    Returns:
        What was generated.

    Raises:
        ValueError: ``days`` or ``users`` is less than 1.
        StoreTroubleError: the database can't be opened.
        apsw.Error: it can't be written.
    """
    if days < 1 or users < 1:
        raise ValueError("a population has at least a day and a user")
    plan = Plan(days, now_ns)
    sink = _Sink()
    pipeline = _Pipeline(sink, sampling, random.Random(seed + 1))  # noqa: S311 - repeatable on purpose
    writer = BatchWriter(open_for_writing(database, busy_timeout_ms=_BUSY_MS))
    try:
        _mark(database, _BEGUN, now_ns)
        stored, seen, times = 0, set[str](), [now_ns, 0]
        for day, items in enumerate(_days(plan, users, visitors, seed)):
            pipeline.take(items)
            # Later items are of later days, except those of sessions past midnight.
            records = sink.drain()
            for start in range(0, len(records), _BATCH):
                batch = records[start : start + _BATCH]
                received = Counter({("event", "received", ""): len(batch)})
                stored += len(batch) - len(writer.write(batch, [], received))
            writer.write([], [], Counter(), presences=sink.presences.take())
            if records:
                seen.update(record.user_id_hash for record in records)
                times = [
                    min(times[0], records[0].time_unix_nano),
                    max(times[1], records[-1].time_unix_nano),
                ]
            if progress is not None:
                progress(day + 1, days)
        out = sink.sampled_out
        entries = {("event", outcome, ""): out for outcome in ("received", "sampled_out")}
        writer.write([], [], Counter(entries))
    finally:
        writer.close()
    _mark(database, _DONE, now_ns)
    return Facts(
        len(seen), stored, out, times[0], times[1], BROKEN_TOOL, plan.incident, plan.slow_days
    )


def filled_at(database: Path) -> int | None:
    """The ``now_ns`` of the data that was generated.

    Returns:
        0 if there is none, ``None`` if it is incomplete.

    Raises:
        apsw.Error: the database can't be read.
    """
    if not database.exists():
        return 0
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows: Any = connection.execute("SELECT key, value FROM store").fetchall()
    finally:
        connection.close()
    marks = dict(rows)
    if marks.get(_DONE) == marks.get(_BEGUN):
        return int(marks.get(_DONE, 0))
    return None


def _mark(database: Path, key: str, now_ns: int) -> None:
    connection = apsw.Connection(str(database))
    try:
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("INSERT OR REPLACE INTO store VALUES (?, ?)", (key, now_ns))
    finally:
        connection.close()


def _days(plan: Plan, users: int, visitors: int, seed: int) -> Iterator[list[Item]]:
    """The items of each day."""
    choose = random.Random(seed)  # noqa: S311 - repeatable on purpose
    everybody = make_users(users, plan.days, seed, choose)
    present = [[one for one in everybody if one.is_present(day)] for day in range(plan.days)]
    # Scaled so that the number of rows doesn't depend on a few randomly heavy users.
    expected = sum(
        plan.share(day) * sum(one.activity for one in present[day]) for day in range(plan.days)
    )
    scale = _SESSIONS_A_USER_DAY * users * plan.days / max(expected, 1e-9)
    arrived: dict[int, list[User]] = {}
    for visitor in make_visitors(visitors, plan.days, seed, choose):
        arrived.setdefault(visitor.joined, []).append(visitor)
    for day in range(plan.days):
        items: list[Item] = []
        for visitor in arrived.get(day, ()):
            for start_ns in _starts(visitor, day, plan, scale, choose):
                items += UserSession(visitor, day, start_ns, choose).install()
        for person in present[day]:
            is_first = day == person.joined
            for start_ns in _starts(person, day, plan, scale, choose):
                items += _session(person, day, start_ns, plan, choose, is_first=is_first)
                is_first = False
        items += _extras(present[day], day, plan, choose)
        yield [
            item
            for item in items
            if _begin_ns(item) >= plan.begin_ns and _end_ns(item) < plan.now_ns
        ]


def _starts(
    person: User, day: int, plan: Plan, scale: float, choose: random.Random
) -> Iterator[int]:
    midnight = plan.begin_ns + day * _NS_A_DAY - person.utc_offset_minutes * _NS_A_MINUTE
    expected = scale * plan.share(day) * person.activity
    number = min(int(expected) + happens(expected % 1, choose), _MAX_SESSIONS_A_DAY)
    if day in person.certain:
        number = max(number, 1)
    for _ in range(number):
        hour = choose.choices(range(24), _HOURS)[0]
        yield midnight + int((hour + choose.random()) * 60 * _NS_A_MINUTE)


def _extras(users: Sequence[User], day: int, plan: Plan, choose: random.Random) -> Iterator[Item]:
    """More sessions during the incident, and some in the last hour, whatever hour it is."""
    workers = [one for one in users if one.uses_mcp]
    if not workers:
        return
    begin = plan.begin_ns + day * _NS_A_DAY
    if begin <= plan.incident[0] < begin + _NS_A_DAY:
        length_ns, sessions = (
            plan.incident[1] - plan.incident[0],
            min(_INCIDENT_SESSIONS, len(workers)),
        )
        for place in range(sessions):
            start_ns = plan.incident[0] + length_ns * place // sessions
            yield from _session(choose.choice(workers), day, start_ns, plan, choose)
    if day == plan.days - 1:
        for _ in range(3 + len(users) // 100):
            start_ns = plan.now_ns - int(choose.random() * _LAST_MINUTES * _NS_A_MINUTE)
            yield from _session(choose.choice(workers), day, start_ns, plan, choose)


def _session(
    person: User, day: int, start_ns: int, plan: Plan, choose: random.Random, *,
    is_first: bool = False,
) -> Iterator[Item]:  # fmt: skip
    session = UserSession(person, day, start_ns, choose)
    if is_first and person.installs:
        yield from session.install()
    if person.tries_only:
        yield session.activate()
        return
    length = 1 + int(choose.expovariate(1 / _ACTIONS))
    always = is_first or not person.uses_extension
    mcp = person.uses_mcp and (always or happens(_WITH_TOOLS, choose))
    yield from session.work(plan.conditions(day, start_ns), length, mcp=mcp, is_first=is_first)


class _Pipeline:
    """Turns items into safe rows, as the receiver and the in-process sampler do."""

    def __init__(self, sink: _Sink, sampling: Mapping[str, float], choose: random.Random) -> None:
        # Without an installation's key: synthetic values are hashed reproducibly.
        resolver = IdentityResolver()
        redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
        self._senders = Senders(redactor, resolver.hash_text, {}, _ignore)
        # Each process decides on its own part of a trace.
        self._samplers = {
            service: TraceSampler(sampling, sink, choose.random) for service in ("mcp", "extension")
        }

    def take(self, items: Sequence[Item]) -> None:
        """Convert and sample."""
        # All roots first: a trace is decided when the last of them has ended.
        for item, is_root in items:
            if is_root and isinstance(item, SpanData):
                self._sampler(item).root_started(item.trace_id)
        for item, is_root in items:
            sender = self._senders.of(item.resource)
            attributes = item.attributes
            if isinstance(item, SpanData):
                event_type = attributes.get(sc.CORTEX_EVENT_TYPE)
                if event_type:
                    attributes = complete(event_type, attributes, sender.fields, _ignore)
                span = item._replace(attributes=attributes, is_plain=is_plain(attributes))
                record = sender.converter.span(span)
            else:
                attributes = complete(item.event_name, attributes, sender.fields, _ignore)
                record = sender.converter.log(item._replace(attributes=attributes))
            self._sampler(item).submit(record, is_root=is_root)
        for sampler in self._samplers.values():
            sampler.flush()

    def _sampler(self, item: SpanData | LogData) -> TraceSampler:
        return self._samplers[item.resource.attributes[sc.CORTEX_SERVICE]]


class _Sink:
    """Keeps the records that sampling keeps."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self.sampled_out = 0
        self.presences = Presences(sys.maxsize)

    def drain(self) -> list[Record]:
        """The records since the last call, in the order of time."""
        records, self._records = self._records, []
        return sorted(records, key=lambda record: (record.time_unix_nano, record.span_id))

    def submit(self, record: Record) -> bool:
        """Keep ``record``."""
        self._records.append(record)
        return True

    def sample_out(self, record: Record) -> None:
        """Count a record that sampling left out, and keep that it was there."""
        self.sampled_out += 1
        self.presences.add(record)

    def submit_metrics(self, points: list[MetricPoint]) -> bool:
        """Fail: there are no metrics."""
        raise AssertionError(points)

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        """Fail: an invalid record is a bug here."""
        raise AssertionError(signal, reason, number)

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        """Fail: nothing is noted here."""
        raise AssertionError(signal, outcome, reason, number)

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        """Nothing is queued here."""
        del timeout_millis
        return True


def _begin_ns(item: Item) -> int:
    if isinstance(item[0], SpanData):
        return item[0].start_time_unix_nano
    return item[0].timestamp_unix_nano


def _end_ns(item: Item) -> int:
    if isinstance(item[0], SpanData):
        return item[0].end_time_unix_nano
    return item[0].timestamp_unix_nano


def _ignore(_number: int) -> None:
    return
