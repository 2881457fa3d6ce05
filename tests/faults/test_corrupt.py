from __future__ import annotations

import logging
import time

import pytest
from store_kit import count, end, ledger, numbers, record, start, verify, wait_for

OLD = 3000


@pytest.fixture
def old(path, make_writer):
    """A database with something in it, which nobody has open."""
    writer = make_writer()
    for number in range(OLD):
        writer.submit(record(number))
    assert writer.shutdown()
    assert count(path) == OLD
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path


def garbage_header(path):
    data = bytearray(path.read_bytes())
    data[:100] = b"not a database, whatever it was " * 3 + b"...."
    path.write_bytes(data)


def garbage_throughout(path):
    path.write_bytes(b"\x5a" * 50_000)


def text_file(path):
    path.write_text("a diary\n")


def damaged_schema_page(path):
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xff" * 3996
    path.write_bytes(data)


def damaged_middle_pages(path):
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


def truncated(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 8192 * 4096])


def truncated_to_one_page(path):
    path.write_bytes(path.read_bytes()[:4096])


def truncated_within_the_header(path):
    path.write_bytes(path.read_bytes()[:60])


DAMAGES = [
    garbage_header, garbage_throughout, text_file, damaged_schema_page, damaged_middle_pages,
    truncated, truncated_to_one_page, truncated_within_the_header,
]  # fmt: skip


def set_aside(path):
    return sorted(path.parent.glob("cortex.db.corrupt-*"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_corrupt_file_is_set_aside_and_a_new_one_begun(old, make_writer, damage, caplog):
    damage(old)
    damaged = old.read_bytes()
    writer = make_writer()
    for number in range(10):
        assert writer.submit(record(OLD + number))
    assert writer.force_flush(), writer.trouble
    assert numbers(old) == list(range(OLD, OLD + 10))
    verify(old)
    (aside,) = [file for file in set_aside(old) if not file.name.endswith(("-wal", "-shm"))]
    assert aside.read_bytes()[:50] == damaged[:50]
    assert aside.stat().st_mode & 0o077 == 0
    (said,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    assert aside.name in said.getMessage()
    assert str(old.parent) not in caplog.text  # a path holds a user's name


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_breaks_while_it_is_written(path, make_writer, damage):
    writer = make_writer()
    for number in range(OLD):
        writer.submit(record(number))
    assert writer.force_flush()
    damage(path)
    for number in range(OLD, OLD + 10):
        writer.submit(record(number))
        assert writer.force_flush(), writer.trouble
    assert writer.shutdown()
    other = make_writer()
    other.submit(record(OLD + 10))
    assert other.force_flush(), other.trouble
    # SQLite may not have looked at what is damaged, and still have the log: then all is there.
    assert numbers(path)[-1:] == [OLD + 10]
    if not set_aside(path):
        return
    verify(path)


@pytest.mark.parametrize("garbage", [b"", b"\0" * 32, b"garbage" * 1000, b"\x37\x7f\x06\x82" * 500])
def test_a_log_that_is_garbage_is_ignored(old, make_writer, garbage):
    for suffix in ("-wal", "-shm"):
        old.with_name(old.name + suffix).write_bytes(garbage)
    writer = make_writer()
    writer.submit(record(OLD))
    assert writer.force_flush(), writer.trouble
    assert numbers(old) == list(range(OLD + 1))
    assert set_aside(old) == []
    verify(old)


def test_a_zero_length_file_is_a_new_one(path, writer):
    path.parent.mkdir(parents=True)
    path.touch()
    writer.submit(record(0))
    assert writer.force_flush()
    assert set_aside(path) == []
    verify(path)


def test_a_table_of_ours_that_is_missing_is_corruption(old, make_writer):
    import apsw

    connection = apsw.Connection(str(old))
    connection.execute("DROP TABLE rollup_hour")
    connection.close()
    writer = make_writer()
    writer.submit(record(OLD))
    assert writer.force_flush()
    assert numbers(old) == [OLD]
    assert len(set_aside(old)) >= 1


def test_a_corruption_that_comes_again_at_once_ends_in_trouble_not_in_a_loop(
    path, make_writer, monkeypatch
):
    import apsw

    from cortex_otel_exporters.sqlite import batch

    calls = []

    def broken(*_, **__):
        calls.append(1)
        raise apsw.CorruptError("again")

    with monkeypatch.context() as patch:
        patch.setattr(batch.BatchWriter, "write", broken)
        writer = make_writer()
        writer.submit(record(0))
        wait_for(lambda: writer.trouble)
        assert writer.trouble == "corrupt"
        time.sleep(0.5)
        assert len(calls) < 12
        databases = [f for f in set_aside(path) if not f.name.endswith(("-wal", "-shm"))]
        assert len(databases) <= 1
    assert writer.force_flush()
    assert numbers(path) == [0]


@pytest.mark.system
@pytest.mark.parametrize("damage", [garbage_header, damaged_middle_pages])
def test_processes_that_meet_the_same_corrupt_file(old, damage):
    damage(old)
    code = """
    wait_for(lambda: Path(sys.argv[2]).exists(), pause=0.0001)
    writer = Writer(path, interval_ms=1)
    for number in range(200):
        writer.submit(record(int(sys.argv[3]) + number))
        if number % 20 == 0:
            assert writer.force_flush()
    assert writer.shutdown()
    """
    go = old.with_name("go")
    firsts = [10_000 * (index + 1) for index in range(3)]
    processes = [start(code, old, go, first) for first in firsts]
    go.touch()
    assert [end(process, quiet=False) for process in processes] == [0, 0, 0]
    assert numbers(old) == [first + number for first in firsts for number in range(200)]
    databases = [f for f in set_aside(old) if not f.name.endswith(("-wal", "-shm"))]
    assert len(databases) == 1
    verify(old)


def test_writers_that_have_the_broken_file_open_move_to_the_new_one(path, make_writer):
    first, second = make_writer(), make_writer()
    for number in range(OLD):
        first.submit(record(number))
    assert first.force_flush()
    second.submit(record(OLD))
    assert second.force_flush()
    damaged_middle_pages(path)
    path.with_name("cortex.db-wal").write_bytes(b"")
    for number in range(10):
        first.submit(record(10_000 + number))
        second.submit(record(20_000 + number))
        assert first.force_flush(), first.trouble
        assert second.force_flush(), second.trouble
    stored = numbers(path)
    assert set(stored) >= {10_000 + n for n in range(1, 10)} | {20_000 + n for n in range(1, 10)}
    told = ledger(path)
    assert told["stored"] == len(stored)
