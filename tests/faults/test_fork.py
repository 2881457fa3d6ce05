from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from patience import PATIENCE, UNHURRIED
from store_kit import end, numbers, record, rows, start, verify

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork"),
    # Python 3.12 and later warn about what these tests are about.
    pytest.mark.filterwarnings(
        "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
    ),
]


def child_exit(pid):
    """Exit code of a forked child, which must not hang."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")


@pytest.fixture
def load(make_writer):
    """A writer that a thread keeps busy; how many records it has taken."""
    writer = make_writer(interval_ms=1)
    stop, sent = threading.Event(), []

    def run():
        while not stop.is_set():
            assert writer.submit(record(len(sent)))
            sent.append(1)
            if len(sent) % 20 == 0:
                time.sleep(0.0005)

    thread = threading.Thread(target=run)
    thread.start()

    def finish():
        stop.set()
        thread.join()
        return len(sent)

    yield writer, finish
    stop.set()


def test_children_forked_under_load_record_for_themselves(path, load):
    writer, finish = load
    children = 12
    for child in range(children):
        pid = os.fork()
        if not pid:
            try:
                first = 10_000_000 + child * 1000
                taken = [writer.submit(record(first + number)) for number in range(50)]
                os._exit(0 if all(taken) and writer.force_flush() else 1)
            except BaseException:  # noqa: BLE001 - a child must not go on with the tests
                os._exit(2)
        assert child_exit(pid) == 0
    sent = finish()
    assert writer.force_flush()
    theirs = [10_000_000 + child * 1000 + n for child in range(children) for n in range(50)]
    assert numbers(path) == [*range(sent), *theirs]
    verify(path)


def test_what_was_queued_at_the_fork_is_the_parents_alone(path, make_writer):
    writer = make_writer(interval_ms=60_000)
    for number in range(100):
        writer.submit(record(number))
    pid = os.fork()
    if not pid:
        os._exit(0 if writer.force_flush() and writer.shutdown() else 1)
    assert child_exit(pid) == 0
    assert not path.exists() or numbers(path) == []
    assert writer.shutdown()
    assert numbers(path) == list(range(100))


def test_a_parent_that_goes_leaves_its_child_a_sound_store(path):
    """A daemon is made so. The child's SQLite must hold locks of its own."""
    code = """
    import os
    writer = Writer(path, interval_ms=1)
    for number in range(100):
        writer.submit(record(number))
    assert writer.force_flush()
    if os.fork():
        os._exit(0)                     # no shutdown: the child lives on alone
    sys.stdin.readline()
    for number in range(100, 200):
        writer.submit(record(number))
        assert writer.force_flush()
    print("written", flush=True)
    sys.stdin.readline()
    for number in range(200, 300):
        writer.submit(record(number))
        assert writer.force_flush()
    assert writer.shutdown()
    print("done", flush=True)
    """
    process = start(code, path)
    process.wait(PATIENCE)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "written\n"
    # Another comes and goes: were it the only one with a lock, it would delete the log.
    other = "writer = Writer(path); writer.submit(record(1000)); assert writer.shutdown()"
    assert end(start(other, path)) == 0
    assert path.with_name("cortex.db-wal").exists()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"
    process.communicate()
    assert numbers(path) == [*range(300), 1000]
    verify(path)


HOST = """
import multiprocessing, os, sys
import cortex_otel
from opentelemetry import trace

def emit(number):
    for _ in range(number):
        trace.get_tracer("host").start_span("work").end()
"""


@pytest.mark.parametrize("ends", ["return", "sys.exit(0)", "os._exit(os.EX_OK)"])
def test_children_of_multiprocessing_store_what_they_recorded(path, ends):
    code = f"""
def child():
    emit(10)
    {"assert cortex_otel.force_flush(60_000)" if "_exit" in ends else ""}
    {ends}

cortex_otel.configure(flush_interval_ms=60_000)
emit(5)
context = multiprocessing.get_context("fork")
children = [context.Process(target=child) for _ in range(2)]
for each in children: each.start()
for each in children: each.join()
assert [each.exitcode for each in children] == [0, 0]
"""
    process = start(HOST + code, path, env={**UNHURRIED, "CORTEX_OTEL_HOME": str(path.parent)})
    assert end(process, quiet=False) == 0
    assert verify(path) == 25


def test_a_child_has_a_session_of_its_own(path):
    code = """
cortex_otel.configure()
emit(1)
pid = os.fork()
emit(1)
if pid:
    os.waitpid(pid, 0)
"""
    process = start(HOST + code, path, env={**UNHURRIED, "CORTEX_OTEL_HOME": str(path.parent)})
    assert end(process, quiet=False) == 0
    assert verify(path) == 3
    sessions = rows(path, "SELECT session_id, count(*) FROM telemetry_events GROUP BY 1 ORDER BY 2")
    assert [number for _, number in sessions] == [1, 2]


def test_two_threads_may_fork_at_once(path, load):
    writer, finish = load
    failed = []

    def fork():
        for _ in range(10):
            pid = os.fork()
            if not pid:
                os._exit(0)
            if child_exit(pid):
                failed.append(pid)

    threads = [threading.Thread(target=fork) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = finish()
    assert not failed
    assert writer.force_flush()
    assert numbers(path) == list(range(sent))
    assert not writer.store_lock.locked()


@pytest.mark.timing
def test_a_fork_that_finds_the_store_busy_gives_up_waiting(path, make_writer):
    """A transaction on a hanging disk must not hang the host's forks for more than a second."""
    writer = make_writer()
    writer.submit(record(0))
    assert writer.force_flush()
    with writer.store_lock:
        begun = time.monotonic()
        pid = os.fork()
        if not pid:
            writer.submit(record(1))
            os._exit(0 if writer.force_flush() and writer.shutdown() else 1)
        assert time.monotonic() - begun < 2
        assert child_exit(pid) == 0
    writer.submit(record(2))
    assert writer.force_flush()
    assert numbers(path) == [0, 1, 2]


@pytest.mark.timing
def test_subprocesses_are_not_held_up(writer, path):
    writer.submit(record())
    assert writer.force_flush()
    with writer.store_lock:
        begun = time.monotonic()
        subprocess.run([sys.executable, "-S", "-c", ""], check=True)
        assert time.monotonic() - begun < 1
