from __future__ import annotations

import threading
import time

import pytest
from patience import PATIENCE
from store_kit import count, end, heartbeats, held, ledger, numbers, record, start, verify, wait_for

from cortex_otel_exporters.sqlite import trouble_warnings


@pytest.mark.timing
@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_database_is_waited_for_and_nothing_is_lost(path, writer, mode, caplog):
    writer.submit(record(0))
    assert writer.force_flush()
    with held(path, mode):
        times = []
        for number in range(1, 3000):
            before = time.perf_counter()
            assert writer.submit(record(number))
            times.append(time.perf_counter() - before)
        wait_for(lambda: "locked" in caplog.text)  # said once, when it lasts
        assert not writer.force_flush(50)
        assert writer.trouble == "locked"
    assert writer.force_flush()
    assert writer.trouble == ""
    assert sorted(times)[len(times) // 2] < 0.001
    assert numbers(path) == list(range(3000))
    assert caplog.text.count("telemetry can't be stored now") == 1
    assert caplog.text.count("recorded again") == 1
    verify(path)


def test_a_lock_of_a_moment_is_no_news(path, writer, caplog, monkeypatch):
    monkeypatch.setattr(trouble_warnings, "_SECONDS_LOCKED_IS_NO_NEWS", PATIENCE)
    writer.submit(record(0))
    assert writer.force_flush()
    with held(path):
        writer.submit(record(1))
        wait_for(lambda: writer.trouble)
    assert writer.force_flush()
    assert caplog.text == ""


def test_memory_is_bounded_and_what_it_cant_hold_is_counted_as_locked(home, path, make_writer):
    writer = make_writer(queue_size=1000)
    writer.submit(record(0))
    assert writer.force_flush()
    with held(path):
        writer.submit(record(1))
        wait_for(lambda: writer.trouble == "locked")
        taken = sum(writer.submit(record(number)) for number in range(2, 5002))
        assert taken == 1000
        assert writer._buffer.queued == 1001
        wait_for(lambda: heartbeats(home)[0]["dropped"] == {"locked": 4000})
    assert writer.force_flush()
    assert ledger(path) == {"received": 5002, "stored": 1002, "dropped|locked": 4000}
    assert numbers(path) == list(range(1002))
    verify(path)


@pytest.mark.system
@pytest.mark.timing
def test_drops_of_an_exit_while_locked_reach_the_ledger(home, path, make_writer):
    code = """
    writer = Writer(path, interval_ms=10)
    writer.submit(record(0))
    assert writer.force_flush()
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(1, 101):
        writer.submit(record(number))
    writer.submit_metrics([point(), point()])
    begun = time.monotonic()
    assert not writer.shutdown(1000)
    print(time.monotonic() - begun, flush=True)
    """
    process = start(code, path)
    assert process.stdout.readline() == "ready\n"
    with held(path):
        process.stdin.write("\n")
        process.stdin.flush()
        assert 0.9 < float(process.stdout.readline()) < 4
        assert end(process, quiet=False) == 0
        (told,) = heartbeats(home)
        assert told["trouble"] == "locked"
        assert told["unrecorded"] == {"event|locked": 100, "metric|locked": 2}
    writer = make_writer()
    writer.submit(record(200))
    assert writer.force_flush()
    assert ledger(path) == {"received": 102, "stored": 2, "dropped|locked": 100}
    assert ledger(path, "metric") == {"received": 2, "dropped|locked": 2}
    verify(path)


def test_an_attempt_that_succeeds_at_the_last_moment_is_not_counted_as_lost(path, make_writer):
    writer = make_writer()
    writer.submit(record(0))
    assert writer.force_flush()
    write = writer._store.write
    entered = threading.Event()

    def slow(*given):
        entered.set()
        time.sleep(0.25)
        return write(*given)

    writer._store.write = slow
    writer.submit(record(1))
    assert entered.wait(PATIENCE)
    assert writer.shutdown(1)
    assert numbers(path) == [0, 1]
    verify(path)


def test_a_long_reader_holds_nobody_up(path, writer):
    import apsw

    writer.submit(record(0))
    assert writer.force_flush()
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM events").get == 1
    for number in range(1, 5000):
        writer.submit(record(number))
    assert writer.force_flush()
    assert reader.execute("SELECT count(*) FROM events").get == 1
    reader.execute("COMMIT")
    assert reader.execute("SELECT count(*) FROM events").get == 5000
    reader.close()
    assert count(path) == 5000
