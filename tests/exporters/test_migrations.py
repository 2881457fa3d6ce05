"""Databases of earlier versions open, keep what they hold, and may be written meanwhile."""

from __future__ import annotations

import contextlib
from collections import Counter

import apsw
import pytest
from store_kit import HOUR, MONDAY, SERIES, SESSION, record, rows, verify

from cortex_otel import semconv
from cortex_otel.commands import serve
from cortex_otel_exporters.sqlite import batch, batch_totals, rollups, schema
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader
from cortex_otel_exporters.sqlite.store import Store
from cortex_otel_exporters.vocabulary import FAILED_RESULTS

VERSIONS = range(1, schema.SCHEMA_VERSION)
KINDS = [
    (result, event_type)
    for result in (*semconv.RESULTS, "")
    for event_type in ("mcp.tool_call", "span", "log")
]


@pytest.fixture
def older(monkeypatch):
    """In its ``with`` block this is a cortex-otel of an earlier schema."""

    @contextlib.contextmanager
    def older(version):
        with monkeypatch.context() as patched:
            # What the writer of that version did otherwise.
            patched.setattr(batch_totals, "SessionTimes", WholeSessions)
            patched.setattr(batch_totals, "_FIRST_SEEN", OLDER_FIRST_SEEN)
            next_key = "SELECT value FROM store WHERE key = 'next_event_key'"
            patched.setattr(batch, "_KEYS", f"{next_key} UNION ALL {next_key}")
            patched.setattr(batch, "_SET_KEYS", batch._SET_NEXT_KEY)
            patched.setattr(rollups, "_USER_ASIDE", Nothing)
            patched.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:version])
            patched.setattr(schema, "SCHEMA_VERSION", version)
            yield

    return older


class WholeSessions:
    """Of each session one row, as it was up to schema 3."""

    def __init__(self):
        self.totals = []

    def add(self, keys, half_hour, group):
        del half_hour
        errors = group.events if keys.is_failed else 0
        row = group.first, group.end, group.events, errors, keys.keys[2], keys.user_key
        self.totals.append((*row, keys.session_key))

    def write(self, connection):
        connection.executemany(
            "UPDATE sessions SET start_time = min(start_time, ?), end_time = max(end_time, ?),"
            " events = events + ?, errors = errors + ?, segment_key = ?,"
            " user_key = coalesce(?, user_key) WHERE session_key = ?",
            self.totals,
        )


class Nothing:
    @staticmethod
    def run(connection, rows, *, pause):
        """Write nothing."""


OLDER_FIRST_SEEN = (
    "UPDATE users SET first_seen = ?2 WHERE user_key = ?1 AND first_seen > ?2 AND ?3 IS ?3"
)


def records(start=0):
    return [
        record(start + number, series=SERIES._replace(result=result, event_type=event_type))
        for number, (result, event_type) in enumerate(KINDS)
    ]


def write(store, batch):
    received = Counter({("event", "received", ""): len(batch)})
    assert store.write(batch, [], received).trouble == ""


def shape(path):
    """Tables, views and indexes with their columns, in their order."""
    return {
        (kind, name): rows(path, f"SELECT * FROM pragma_table_xinfo('{name}')")
        for kind, name in rows(path, "SELECT type, name FROM sqlite_schema")
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_database_becomes_what_a_new_one_is(path, tmp_path, older, version):
    with older(version):
        store = Store(path)
        write(store, records())
        store.close()
    columns = "series_key, service, event_type, result, level, feature_key, segment_key"
    queries = (
        f"SELECT {columns} FROM series ORDER BY 1",
        "SELECT feature_key, service, event_type, feature FROM features ORDER BY 1",
        "SELECT * FROM events",
    )
    before = [rows(path, sql) for sql in queries]
    open_for_writing(path).close()
    assert rows(path, "PRAGMA user_version") == [(schema.SCHEMA_VERSION,)]
    assert [rows(path, sql) for sql in queries] == before
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA foreign_key_check") == []
    fresh = tmp_path / "fresh" / "cortex.db"
    open_for_writing(fresh).close()
    assert shape(path) == shape(fresh)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_process_that_still_runs_goes_on_writing(path, older, version):
    with older(version):
        running = Store(path)
        write(running, records())
    open_for_writing(path).close()  # another process, of this version
    new = [each._replace(series=each.series._replace(name="new")) for each in records(100)]
    with older(version):
        write(running, records(len(KINDS)))  # series it has cached
        write(running, new)
        running.close()
    ours = Store(path)
    write(ours, records(200))
    ours.close()
    verify(path)  # the sessions too, to which the older one's events were added
    assert rows(path, "SELECT count(*) FROM telemetry_events") == [(4 * len(KINDS),)]
    assert rows(path, "SELECT count(*), count(DISTINCT series_key) FROM series") == [
        (2 * len(KINDS), 2 * len(KINDS))
    ]
    flags(path)


@pytest.mark.parametrize("version", [1, 2, 3])  # those that kept no parts
def test_sessions_that_an_older_version_stored_are_cut(path, older, version):
    """Days of one process, and one more whose events are deleted."""
    hours = (0, 1, 1.5, 4, 30, 30.25)
    gone = SESSION._replace(session_id="gone")
    with older(version):
        store = Store(path)
        for hour in hours:
            write(store, [record(int(hour * HOUR / 1_000_000))])
        write(store, [record(0, session=gone), record(7 * 3_600_000, session=gone)])
        store.close()
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute("DELETE FROM events WHERE session_key = 2")
    open_for_writing(path).close()
    sql = "SELECT session_id, part, start_time, end_time, event_count FROM telemetry_user_sessions"
    last = 5_000_000
    starts_and_ends = [(0, 0, 1), (1, 1.5, 2), (4, 4, 1), (30, 30.25, 2)]
    assert rows(path, f"{sql} ORDER BY session_id DESC, part") == [
        (
            "session-1",
            part,
            MONDAY + start * HOUR,
            MONDAY + int(end * HOUR) + last,
            events,
        )
        for part, (start, end, events) in enumerate(starts_and_ends, 1)
    ] + [("gone", 1, MONDAY, MONDAY + 7 * HOUR + last, 2)]


def test_an_older_process_that_wrote_much_is_caught_up_with_bit_by_bit(path, older, monkeypatch):
    monkeypatch.setattr(batch, "_MANY_BEHIND", 10)
    open_for_writing(path).close()
    with older(schema.SCHEMA_VERSION):
        running = Store(path)
        for number in range(6):
            write(running, [record(number * 8 + each) for each in range(8)])
        running.close()
    ours = Store(path)
    for number in range(8):
        write(ours, [record(1000 + number)])
    ours.close()
    verify(path)


def test_serve_brings_an_older_database_up_to_date(path, older):
    serve._upgrade(path)
    assert not path.exists()
    with older(2):
        store = Store(path)
        write(store, records())
        store.close()
    serve._upgrade(path)
    open_reader(path).close()
    assert rows(path, "SELECT count(*) FROM telemetry_events") == [(len(KINDS),)]


@pytest.mark.parametrize("user_version", [0, 2, 99])
def test_serve_leaves_what_is_not_an_older_database_alone(path, user_version):
    path.parent.mkdir()
    with contextlib.closing(apsw.Connection(str(path))) as foreign:
        foreign.execute(f"CREATE TABLE mine (a); PRAGMA user_version = {user_version}")
    before = path.read_bytes()
    serve._upgrade(path)
    assert path.read_bytes() == before


def test_what_counts_as_failed_and_as_a_product_event(path):
    store = Store(path)
    write(store, records())
    store.close()
    flags(path)


def flags(path):
    """The schema says of each series what the row type says."""
    # An exporter can't import the vocabulary: it has the list once more.
    assert getattr(semconv, "FAILED_RESULTS", FAILED_RESULTS) == FAILED_RESULTS
    assert set(semconv.RESULTS) >= FAILED_RESULTS
    for result, event_type, *found in rows(
        path, "SELECT result, event_type, is_failed, is_product FROM series"
    ):
        assert found == [result in FAILED_RESULTS, event_type not in {"span", "log"}]
    for event_type, found in rows(path, "SELECT event_type, is_product FROM features"):
        assert found == (event_type not in {"span", "log"})
    for result, found in rows(path, "SELECT result, is_failed FROM telemetry_events"):
        assert found == (result in FAILED_RESULTS)
