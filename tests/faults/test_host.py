"""What a host may do to telemetry while it is at work."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import time

import pytest
from store_kit import end, ledger, numbers, record, start, verify, wait_for

from cortex_otel_exporters import native
from cortex_otel_exporters.sqlite import counters as counters_module


def test_a_storm_of_threads(path, make_writer, monkeypatch):
    writers = []
    make = native.Thread
    monkeypatch.setattr(native, "Thread", lambda run: writers.append(run) or make(run))
    writer = make_writer(queue_size=100_000)
    begin = threading.Barrier(33)

    def storm(first):
        begin.wait()
        for number in range(500):
            assert writer.submit(record(first + number))

    threads = [threading.Thread(target=storm, args=(1000 * index,)) for index in range(32)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        begin.wait()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert writer.force_flush()
    assert numbers(path) == [1000 * index + number for index in range(32) for number in range(500)]
    assert len(writers) == 1
    verify(path)


def test_threads_that_flush_at_once_all_get_the_truth(path, writer):
    truths = []

    def run(first):
        for number in range(20):
            writer.submit(record(first + number))
            truths.append(writer.force_flush() and first + number in set(numbers(path)))

    threads = [threading.Thread(target=run, args=(100 * index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert truths == [True] * 120
    verify(path)


@pytest.mark.system
def test_a_signal_handler_that_emits_while_the_host_is_inside_submit(path):
    code = """
    import signal
    writer = Writer(path, interval_ms=1, queue_size=1_000_000)
    import itertools
    sent = itertools.count(10**6)

    def handler(number, frame):  # which another signal may interrupt in its turn
        for _ in range(3):
            assert writer.submit(record(next(sent)))

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    for number in range(20_000):
        assert writer.submit(record(number))
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert writer.force_flush()
    end = next(sent)
    assert end > 10**6 + 100, end
    assert numbers(path) == [*range(20_000), *range(10**6, end)]
    verify(path)
    assert writer.shutdown()
    """
    assert end(start(code, path), quiet=False) == 0


@pytest.mark.timing
def test_a_flush_and_an_exit_from_a_handler_that_interrupted_submit(path, make_writer):
    """The main thread holds the lock of the counters and will not give it back before they end."""
    writer = make_writer()
    writer.submit(record(0))
    assert writer.force_flush()
    begun = time.monotonic()
    with writer._buffer.counters.lock:
        assert writer.submit(record(1))
        assert writer.force_flush()
        assert writer.submit(record(2))
        assert writer.shutdown()
    assert time.monotonic() - begun < 1.5
    assert numbers(path) == [0, 1, 2]
    verify(path)


def test_counts_that_had_to_wait_for_the_ledger_follow(path, make_writer, monkeypatch):
    monkeypatch.setattr(counters_module, "PATIENCE_SECONDS", 0.01)
    writer = make_writer()
    with writer._buffer.counters.lock:
        writer.submit(record(0))
        assert writer.force_flush()
    wait_for(lambda: ledger(path) == {"received": 1, "stored": 1})
    verify(path)


def test_a_finalizer_that_emits_wherever_the_collector_runs(path, make_writer):
    writer = make_writer(queue_size=1_000_000)
    emitted = []

    class Noisy:
        def __init__(self):
            self.me = self  # only the collector frees it

        def __del__(self):
            writer.submit(record(10**6 + len(emitted)))
            emitted.append(1)

    before = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for number in range(3000):
            Noisy()
            writer.submit(record(number))
    finally:
        gc.set_threshold(*before)
    gc.collect()
    wait_for(lambda: len(emitted) == 3000)
    assert writer.force_flush()
    assert numbers(path) == [*range(3000), *range(10**6, 10**6 + 3000)]
    verify(path)


@pytest.mark.timing
def test_a_finalizer_that_flushes_on_the_writers_own_thread_does_not_hang(path, writer):
    answers = []
    writer.add_metric_source(lambda: answers.append(writer.force_flush(120_000)) or [])
    writer.submit(record())
    begun = time.monotonic()
    assert writer.force_flush()
    assert time.monotonic() - begun < 2
    assert answers == [False]


def test_a_log_handler_that_records_what_the_writer_says_does_not_loop(path, make_writer, home):
    writer = make_writer()
    heard = []

    class Recording(logging.Handler):
        def emit(self, entry):
            heard.append(entry)
            writer.submit(record(100 + len(heard)))

    handler = Recording()
    logging.getLogger("cortex_otel").addHandler(handler)
    try:
        home.parent.mkdir(exist_ok=True)
        home.write_text("a file where the directory should be")
        writer.submit(record(0))
        wait_for(lambda: writer.trouble)
        home.unlink()
        assert writer.force_flush()
    finally:
        logging.getLogger("cortex_otel").removeHandler(handler)
    assert len(heard) == 2
    assert writer.force_flush()
    assert numbers(path) == [0, 101, 102]


def test_a_thread_that_cant_be_started_is_tried_again(path, make_writer, monkeypatch):
    writer = make_writer()

    def refuse(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert writer.submit(record(0))
        assert writer.submit(record(1))
        assert writer.force_flush()  # by the calling thread
        assert numbers(path) == [0, 1]
        assert writer.submit(record(2))
    assert writer.submit(record(3))
    wait_for(lambda: numbers(path) == [0, 1, 2, 3])
    verify(path)


@pytest.mark.system
def test_at_interpreter_exit_no_thread_is_needed(path):
    code = """
    import atexit, threading
    writer = Writer(path)

    def late():
        threading.Thread.start = None   # as from Python 3.12 on, where starting one raises
        def refuse(self): raise RuntimeError("can't create new thread at interpreter shutdown")
        threading.Thread.start = refuse
        for number in range(1000):
            assert writer.submit(record(number))
        assert writer.shutdown()

    atexit.register(late)
    """
    assert end(start(code, path)) == 0
    assert numbers(path) == list(range(1000))
    verify(path)


def test_an_error_in_the_thread_itself_does_not_end_it(path, writer, monkeypatch, caplog):
    fail = [True]
    fill = writer._buffer.fill_batch

    def broken():
        if fail:
            fail.pop()
            raise MemoryError
        return fill()

    monkeypatch.setattr(writer._buffer, "fill_batch", broken)
    writer.submit(record(0))
    assert writer.force_flush()
    assert numbers(path) == [0]
    assert "MemoryError" in caplog.text


@pytest.mark.system
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no such signals")
def test_system_calls_that_signals_interrupt(path):
    code = """
    import signal, threading
    from cortex_otel_exporters import native
    writer = Writer(path, interval_ms=1)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    main = threading.main_thread().ident
    stop = threading.Event()

    def disturb():
        while not stop.is_set():
            for ident in [main, *native._running]:
                signal.pthread_kill(ident, signal.SIGUSR1)
            time.sleep(0.0002)

    thread = threading.Thread(target=disturb)
    thread.start()
    for number in range(5000):
        writer.submit(record(number))
        if number % 500 == 0:
            assert writer.force_flush()
    assert writer.force_flush()
    stop.set()
    thread.join()
    assert numbers(path) == list(range(5000))
    verify(path)
    assert writer.shutdown()
    """
    assert end(start(code, path), quiet=False) == 0
