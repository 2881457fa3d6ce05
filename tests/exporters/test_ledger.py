from __future__ import annotations

import threading
import time

import pytest
from store_kit import count, held, ledger, numbers, point, record, rows, verify, wait_for

from cortex_otel_exporters.sqlite.store import Store


def test_received_is_stored_plus_sampled_out_plus_dropped(path, writer):
    for number in range(100):
        writer.submit(record(number))
    writer.submit(record(weight=-1))
    for number in range(7):
        writer.sample_out(record(number))
    writer.count_dropped("invalid", 3)
    writer.count_dropped("too_large", 2)
    writer.submit_metrics([point(1), point(2)])
    writer.count_dropped("invalid", 1, "metric")
    assert writer.force_flush()
    assert ledger(path) == {
        "received": 113,
        "stored": 100,
        "sampled_out": 7,
        "dropped|invalid": 4,
        "dropped|too_large": 2,
    }
    assert ledger(path, "metric") == {
        "received": 3,
        "stored": 2,
        "dropped|invalid": 1,
    }
    verify(path)


def test_every_committed_state_balances(path, make_writer):
    """A reader that looks at any moment, and so a kill -9 at any moment, sees a true ledger."""
    writer = make_writer(interval_ms=1)
    stop = threading.Event()

    def load():
        number = 0
        while not stop.is_set():
            writer.submit(record(number))
            writer.sample_out(record(number))
            writer.sample_out(record(number))
            number += 1
            if number % 50 == 0:
                time.sleep(0.001)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: count(path))
    for _ in range(60):
        counts = dict(rows(path, "SELECT outcome, sum(records) FROM ledger GROUP BY outcome"))
        assert counts["received"] == counts.get("stored", 0) + counts.get("sampled_out", 0)
    stop.set()
    for thread in threads:
        thread.join()
    assert writer.force_flush()
    verify(path)


def test_what_the_queue_cant_hold_is_dropped_and_counted(path, make_writer):
    writer = make_writer(queue_size=64)
    writer.submit(record(0))
    assert writer.force_flush()
    with writer.store_lock:  # the thread can't write
        writer.submit(record(1))
        wait_for(lambda: writer._buffer.batch)
        taken = [writer.submit(record(number)) for number in range(2, 102)]
    assert taken == [True] * 64 + [False] * 36
    assert writer.force_flush()
    assert ledger(path) == {"received": 102, "stored": 66, "dropped|queue_full": 36}
    assert numbers(path) == list(range(66))


def test_more_metric_points_than_there_is_room_are_counted(path, writer):
    with writer.store_lock:
        assert not writer.submit_metrics([point(number) for number in range(10_050)])
    assert writer.force_flush()
    assert ledger(path, "metric") == {
        "received": 10_050,
        "stored": 10_000,
        "dropped|queue_full": 50,
    }


def test_a_flush_is_true_only_when_everything_is_on_disk(path, make_writer):
    writer = make_writer(interval_ms=60_000)
    for number in range(2000):
        writer.submit(record(number))
        if number % 100 == 0:
            assert writer.force_flush()
            assert count(path) == number + 1
    writer.submit_metrics([point()])
    assert writer.force_flush()
    assert count(path, "telemetry_metrics") == 1


def test_a_flush_while_locked_returns_false_and_a_later_one_true(path, writer):
    writer.submit(record(0))
    assert writer.force_flush()
    with held(path):
        writer.submit(record(1))
        assert not writer.force_flush(400)
        assert not writer.force_flush(0)
        assert count(path) == 1
    assert writer.force_flush()
    assert numbers(path) == [0, 1]


def test_a_flush_does_not_wait_for_later_records(path, writer):
    """Records that are sampled out or dropped meanwhile resolve nothing that was waiting."""
    writer.submit(record(0))
    assert writer.force_flush()
    with held(path):
        writer.submit(record(1))
        results = []
        thread = threading.Thread(target=lambda: results.append(writer.force_flush(500)))
        thread.start()
        wait_for(lambda: writer._waiters)
        for _ in range(1000):
            writer.sample_out(record())
        writer.count_dropped("invalid", 1000)
        thread.join()
    assert results == [False]


def test_a_flush_under_steady_load_ends(path, writer):
    stop = threading.Event()

    def load():
        while not stop.is_set():
            writer.submit(record())
            writer.sample_out(record())
            time.sleep(0.0002)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        assert all(writer.force_flush() for _ in range(20))
    finally:
        stop.set()
        thread.join()


def test_steady_load_is_written_in_batches_not_one_by_one(path, make_writer, monkeypatch):
    sizes = []
    write = Store.write
    monkeypatch.setattr(Store, "write", lambda *given: sizes.append(len(given[1])) or write(*given))
    writer = make_writer(interval_ms=100)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        writer.submit(record())
        time.sleep(0.0003)
    assert writer.force_flush()
    assert len(sizes) < 20, sizes
    verify(path)


def test_nothing_to_do_makes_no_file_and_no_thread(path, writer):
    assert writer.force_flush()
    assert writer.shutdown()
    assert not path.parent.exists()
    assert writer._thread is None


def test_shutdown_stores_what_is_there_and_is_idempotent(path, make_writer):
    writer = make_writer(interval_ms=60_000)
    for number in range(1500):
        writer.submit(record(number))
    writer.submit_metrics([point()])
    assert writer.shutdown()
    assert writer.shutdown()
    # A thread that hadn't begun by then finds nothing to do.
    wait_for(lambda: not writer._thread.is_alive())
    assert not path.with_name("cortex.db-wal").exists()
    assert numbers(path) == list(range(1500))
    verify(path)


def test_after_shutdown_records_are_refused_and_the_next_process_enters_them(path, make_writer):
    writer = make_writer()
    writer.submit(record(0))
    assert writer.shutdown()
    assert not writer.submit(record(1))
    assert not writer.submit_metrics([point()])
    assert writer.force_flush()
    (heartbeat,) = (path.parent / "writers").glob("*.json")
    assert '"event|closed":1' in heartbeat.read_text()
    heartbeat.rename(heartbeat.with_name("999999999-1.json"))
    writer._heartbeat.forget()  # its process has gone
    other = make_writer()
    other.submit(record(2))
    assert other.force_flush()
    assert ledger(path) == {"received": 3, "stored": 2, "dropped|closed": 1}
    assert ledger(path, "metric") == {"received": 1, "dropped|closed": 1}
    assert not heartbeat.with_name("999999999-1.json").exists()


@pytest.mark.parametrize("source_fails", [False, True])
def test_metric_sources_are_collected_at_flushes(path, writer, source_fails):
    def source():
        if source_fails:
            raise RuntimeError("host")
        return [point()]

    writer.add_metric_source(source)
    writer.submit(record())
    assert writer.force_flush()
    assert count(path, "telemetry_metrics") == (0 if source_fails else 1)
    assert count(path) == 1


def test_notes_are_added_beside_the_outcomes_of_records(path, writer):
    writer.submit(record())
    writer.note("fault", "swallowed", "mcp1.answer", 2)
    writer.note("fault", "swallowed", "mcp1.answer")
    assert writer.force_flush()
    assert ledger(path, "fault") == {"swallowed|mcp1.answer": 3}
    assert ledger(path) == {"received": 1, "stored": 1}
    verify(path)
