from __future__ import annotations

import sqlite3

import apsw
import pytest
from store_kit import count, end, record, rows, start, verify, wait_for

from cortex_otel_exporters.sqlite import schema
from cortex_otel_exporters.sqlite.files import open_for_writing


def test_an_empty_file_gets_the_whole_schema(path):
    connection = open_for_writing(path)
    assert connection.pragma("user_version") == schema.SCHEMA_VERSION
    assert connection.pragma("application_id") == schema.APPLICATION_ID
    assert connection.pragma("journal_mode") == "wal"
    assert connection.execute("SELECT count(*) FROM duration_buckets").get == schema.LAST_BUCKET + 1
    connection.close()


def test_migrating_again_changes_nothing(path):
    open_for_writing(path).close()
    before = path.read_bytes(), rows(path, "SELECT * FROM sqlite_schema")
    connection = open_for_writing(path)
    schema.migrate(connection)
    connection.close()
    assert (path.read_bytes(), rows(path, "SELECT * FROM sqlite_schema")) == before


def test_a_migration_that_fails_leaves_nothing(path, tmp_path, monkeypatch):
    script = (schema._SCRIPTS / schema._MIGRATIONS[0]).read_text(encoding="utf-8")
    (tmp_path / "fails.sql").write_text(f"{script}SELECT no_such_thing;", encoding="utf-8")
    monkeypatch.setattr(schema, "_SCRIPTS", tmp_path)
    monkeypatch.setattr(schema, "_MIGRATIONS", ("fails.sql",))
    with pytest.raises(apsw.SQLError):
        open_for_writing(path)
    assert rows(path, "SELECT count(*) FROM sqlite_schema") == [(0,)]


@pytest.mark.system
def test_four_processes_may_create_it_at_once(path):
    go = path.parent.with_name("go")
    code = """
    wait_for(lambda: Path(sys.argv[2]).exists(), pause=0.0001)
    writer = Writer(path)
    writer.submit(record())
    assert writer.force_flush()
    writer.shutdown()
    """
    processes = [start(code, path, go) for _ in range(4)]
    go.touch()
    assert [end(process) for process in processes] == [0, 0, 0, 0]
    assert verify(path) == 4
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert count(path, "duration_buckets") == schema.LAST_BUCKET + 1


def test_many_threads_may_create_it_at_once(path, make_writer):
    writers = [make_writer() for _ in range(6)]
    for number, writer in enumerate(writers):
        writer.submit(record(number))
    assert all(writer.force_flush(120_000) for writer in writers)
    assert verify(path) == 6


def test_a_newer_schema_is_refused_and_the_file_left_alone(path, writer, caplog):
    connection = open_for_writing(path)
    connection.pragma("user_version", 99)
    connection.close()
    before = path.read_bytes()
    writer.submit(record())
    wait_for(lambda: writer.trouble)
    assert writer.trouble == "schema_newer"
    assert not writer.force_flush(50)
    assert not writer.shutdown(100)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.glob("*corrupt*")] == []
    assert "upgrade cortex-otel" in caplog.text


@pytest.mark.parametrize("user_version", [0, 1])
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_database_of_something_else_is_left_alone(path, writer, user_version, journal_mode):
    path.parent.mkdir()
    foreign = sqlite3.connect(path)
    foreign.execute(f"PRAGMA journal_mode = {journal_mode}")
    foreign.execute(f"PRAGMA user_version = {user_version}")
    foreign.execute("CREATE TABLE mine (a)")
    foreign.execute("INSERT INTO mine VALUES (1)")
    foreign.commit()
    foreign.close()
    before = path.read_bytes()
    writer.submit(record())
    wait_for(lambda: writer.trouble)
    assert writer.trouble == "not_ours"
    assert not writer.shutdown(100)
    assert path.read_bytes() == before


def test_no_column_is_declared_as_a_date_and_times_are_integers(path, writer):
    writer.submit(record())
    writer.submit_metrics([])
    assert writer.force_flush()
    connection = apsw.Connection(str(path))
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema")]
    declared = {
        (name, column[1]): column[2].upper()
        for name in names
        for column in connection.execute(f"PRAGMA table_info({name})")
    }
    connection.close()
    assert not [at for at, kind in declared.items() if "DATE" in kind or "TIME" in kind]
    for at in (
        ("telemetry_events", "timestamp"), ("telemetry_metrics", "timestamp"),
        ("telemetry_user_sessions", "start_time"), ("telemetry_user_sessions", "end_time"),
    ):  # fmt: skip
        assert declared[at] == "INTEGER", at
