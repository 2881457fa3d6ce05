from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from patience import PATIENCE, UNHURRIED, wait_for
from store_kit import PatientWriter, end, ledger, numbers, record, rows, start, verify

from cortex_otel_exporters.sqlite import forks
from cortex_otel_exporters.sqlite.writer import Writer

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
def test_a_fork_that_finds_the_store_busy_gives_up_waiting(path, caplog):
    """A transaction on a hanging disk must not hang the host's forks for more than a second.

    What its SQLite holds nobody knows then: the child drops what it records, and counts it.
    """
    writer = Writer(path)
    writer.submit(record(0))
    assert writer.force_flush(PATIENCE * 1000)
    with writer.store_lock:
        begun = time.monotonic()
        pid = os.fork()
        if not pid:
            took = [writer.submit(record(1)), writer.submit(record(2)), writer.force_flush()]
            told = caplog.text.count("telemetry isn't recorded in this process")
            grandchild = os.fork()
            if not grandchild:
                other = Writer(path)
                os._exit(any([other.submit(record(3)), other.force_flush(), other.shutdown()]))
            ended = child_exit(grandchild)
            os._exit(0 if (took, told, ended) == ([False] * 3, 1, 0) else 1)
        assert time.monotonic() - begun < 2
        assert child_exit(pid) == 0
    writer.submit(record(4))
    assert writer.shutdown(PATIENCE * 1000)
    # Whoever opens the store next enters what was lost.
    other = PatientWriter(path)
    other.submit(record(5))
    assert other.shutdown()
    assert numbers(path) == [0, 4, 5]
    assert ledger(path) == {"received": 6, "stored": 3, "dropped|forked": 3}
    verify(path)


def test_no_child_hangs_whatever_the_store_was_at(path):
    """Forked amid a transaction: its SQLite takes the file for locked, by itself, for ever."""
    code = """
    class Impatient(Writer):
        def prepare_to_fork(self):
            return super().prepare_to_fork(0.0)

    writer, sent, stop = Impatient(path, interval_ms=1), [], threading.Event()
    def load():
        while not stop.is_set():
            assert writer.submit(record(len(sent)))
            sent.append(1)
            if len(sent) % 20 == 0:
                time.sleep(0.0005)
    thread = threading.Thread(target=load)
    thread.start()
    lost = forks = 0
    while lost < 3 or forks < 10:
        forks += 1
        pid = os.fork()
        if not pid:
            taken = writer.submit(record(10_000_000 + forks))
            os._exit({(True, True): 0, (False, False): 3}.get((taken, writer.force_flush()), 1))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status in {0, 3}, status
        lost += status == 3
    stop.set()
    thread.join()
    assert writer.shutdown()
    last = Writer(path)
    last.submit(record(20_000_000))
    assert last.shutdown()
    print(len(sent) + forks - lost + 1, lost)
    """
    prelude = "import logging, os, threading\nlogging.disable()\n"
    process = start(prelude + textwrap.dedent(code), path)
    try:
        output, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise AssertionError("a child hangs") from None
    assert (process.returncode, errors) == (0, "")
    stored, lost = map(int, output.split())
    assert verify(path) == stored
    assert ledger(path)["dropped|forked"] == lost


def test_a_fork_waits_for_an_import(path):
    """A module whose import a fork cuts off can't be imported in the child, by nobody."""
    code = """
    class Slow:
        def find_spec(self, name, *_):
            if name == "cortex_otel_exporters.sqlite.size_cap":
                wait_for(lambda: writer.store_lock._forks)
                time.sleep(0.3)

    class Impatient(Writer):
        def prepare_to_fork(self):
            held = super().prepare_to_fork(0.01)
            found.append(self._store.is_importing)
            return held

    found = []
    sys.meta_path.insert(0, Slow())
    writer = Impatient(path, interval_ms=1)
    writer.submit(record(0))
    wait_for(lambda: writer._store.is_importing)
    pid = os.fork()
    if not pid:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert found == [False]
    assert writer.shutdown()
    """
    process = start("import os\n" + textwrap.dedent(code), path)
    assert end(process, quiet=False) == 0
    assert numbers(path) == [0]


def test_a_fork_that_waits_for_the_store_is_the_next(monkeypatch):
    monkeypatch.setattr(forks, "PATIENCE_SECONDS", PATIENCE)
    lock, order = forks.StoreLock(), []

    def fork():
        assert lock.acquire_for_fork(PATIENCE)
        order.append("fork")
        lock.release()

    def write():
        with lock:
            order.append("write")

    lock.acquire()
    threads = [threading.Thread(target=each) for each in (fork, write)]
    threads[0].start()
    wait_for(lambda: lock._forks)
    threads[1].start()
    order.append("released")
    lock.release()
    for thread in threads:
        thread.join()
    assert order == ["released", "fork", "write"]


@pytest.mark.timing
def test_subprocesses_are_not_held_up(writer, path):
    writer.submit(record())
    assert writer.force_flush()
    with writer.store_lock:
        begun = time.monotonic()
        subprocess.run([sys.executable, "-S", "-c", ""], check=True)
        assert time.monotonic() - begun < 1
