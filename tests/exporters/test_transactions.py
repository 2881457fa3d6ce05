"""A full disk is told as one, wherever in a transaction it is met."""

from __future__ import annotations

import contextlib

import apsw
import pytest
from store_kit import record, rows

from cortex_otel.operate.job import JobError
from cortex_otel.operate.metrics import write_metrics
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite import declarations, files, named_metrics
from cortex_otel_exporters.sqlite.files import open_for_writing, trouble_of
from cortex_otel_exporters.sqlite.transactions import transaction

_PRAGMAS = files._CONNECTION_PRAGMAS


def full(connection):
    """As if the disk had no room for another page: SQLite's own error, and its own rollback."""
    connection.pragma("max_page_count", connection.pragma("page_count"))


def values(many):
    return [named_metrics.Row(f"name {n} " * 20, "1", n, n + 1, "", "", 1.0, None) for n in many]


def test_named_metrics_on_a_full_disk(path):
    with contextlib.closing(open_for_writing(path)) as connection:
        full(connection)
        written = named_metrics.Written(kind="hourly", replaced={}, rows=values(range(2000)))
        with pytest.raises(apsw.FullError) as error:
            named_metrics.write(connection, written)
        assert trouble_of(error.value) == "disk_full"
        assert not connection.in_transaction
        connection.pragma("max_page_count", 1 << 20)
        named_metrics.write(connection, written)
    assert rows(path, "SELECT count(*) FROM telemetry_metrics") == [(2000,)]


def test_the_job_says_what_to_do(make_writer, home, path, monkeypatch):
    writer = make_writer()
    writer.submit(record())
    assert writer.shutdown()
    monkeypatch.setattr(files, "_CONNECTION_PRAGMAS", f"{_PRAGMAS} PRAGMA max_page_count = 1;")
    settings = read_environment({}, overrides={"home": str(home)})
    with pytest.raises(JobError, match="the disk is full: make room"):
        write_metrics(settings)


def test_a_disk_that_fills_while_the_schema_is_made(path, monkeypatch):
    errors = set()
    for pages in range(50, 100):  # the last statements roll back, those before them don't
        with monkeypatch.context() as patched:
            patched.setattr(
                files, "_CONNECTION_PRAGMAS", f"{_PRAGMAS} PRAGMA max_page_count = {pages};"
            )
            try:
                open_for_writing(path).close()
            except apsw.Error as error:
                errors.add(type(error))
            else:
                break
    assert errors == {apsw.FullError}
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_declarations_on_a_full_disk_are_no_damage(path, monkeypatch):
    with contextlib.closing(open_for_writing(path)) as connection:
        full(connection)
        many = frozenset(f"a.rather.long.name.of.an.event.type.{n}" for n in range(5000))
        monkeypatch.setattr(declarations, "INACTIVE_EVENT_TYPES", many)
        before = rows(path, "SELECT * FROM event_types")
        with pytest.raises(apsw.FullError) as error:
            declarations.declare(connection)
        # Once "no such savepoint": the database would have been set aside as damaged.
        assert trouble_of(error.value) == "disk_full"
    assert rows(path, "SELECT * FROM event_types") == before


def test_the_first_error_is_the_one_that_is_told(path):
    with contextlib.closing(open_for_writing(path)) as connection:
        with pytest.raises(RuntimeError, match="first"), transaction(connection):  # noqa: PT012
            connection.execute("DELETE FROM event_types")
            raise RuntimeError("first")
        assert not connection.in_transaction
    assert rows(path, "SELECT count(*) > 0 FROM event_types") == [(1,)]
