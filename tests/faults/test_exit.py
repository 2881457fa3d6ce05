"""Every way a process can end, with the whole pipeline in it and 100 spans not yet written."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from store_kit import count, end, ledger, start, verify, wait_for

pytestmark = pytest.mark.system

HOST = """
import asyncio, atexit, os, signal, threading, time
import cortex_otel
from opentelemetry import trace

def emit(number):
    for _ in range(number):
        trace.get_tracer("host").start_span("work").end()

def configure():
    cortex_otel.configure(flush_interval_ms=60_000, metrics_interval_ms=86_400_000)
    emit(1)
    assert cortex_otel.force_flush(60_000)
    emit(100)

def ready():
    print("ready", flush=True)

"""


def host(path, code, *, exit_timeout_ms=60_000):
    """A host's program; it may take long to end where other programs keep the machine busy."""
    environment = {
        "CORTEX_OTEL_HOME": str(path.parent),
        "CORTEX_OTEL_EXIT_TIMEOUT_MS": str(exit_timeout_ms),
    }
    return start(HOST + code, path, env=environment)


def look(process):
    """What its threads do: how often each began to wait (-1: it runs), and their CPU time."""
    threads, spent = {}, 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        told = task.joinpath("stat").read_text(encoding="ascii").rpartition(")")[2].split()
        status = task.joinpath("status").read_text(encoding="ascii")
        waited = int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
        threads[task.name] = waited if told[0] == "S" else -1
        spent += int(told[11]) + int(told[12])
    return threads, spent


def send(process, number):
    """Signal ``process`` when it sleeps for good, or is busy for good; when.

    CPython calls the handler late if the signal comes just as the main thread goes to sleep.
    """
    first = before = look(process)

    def settled():
        nonlocal before
        was, (threads, spent) = before, look(process)
        before = threads, spent
        sleeps = -1 not in threads.values() and threads == was[0]
        return (
            sleeps or spent - first[1] >= 20
        )  # hundredths: much more than it takes to go to sleep

    wait_for(settled, pause=0.1)
    process.send_signal(number)
    return time.monotonic()


def finish(process, *, by=None):
    assert process.stdout.readline() == "ready\n", process.communicate()
    begun = time.monotonic()
    if by is not None:
        begun = send(process, by)
    status = end(process, quiet=False)
    return status, time.monotonic() - begun


def stored(path):
    return verify(path)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("configure(); ready()", 0),
        ("configure(); ready(); sys.exit(3)", 3),
        ("configure(); ready(); raise ValueError", 1),
        ("configure(); ready(); raise SystemExit('no')", 1),
        ("configure(); ready(); os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -2),
        # The reference client closes stdin first: a stdio server ends by itself.
        ("configure(); ready(); sys.stdin.close()", 0),
        ("configure(); ready(); threading.Thread(target=emit, args=(0,)).start()", 0),
        ("async def main():\n    configure(); ready(); 1 / 0\nasyncio.run(main())", 1),
    ],
)
def test_a_normal_end_stores_everything(path, code, status):
    assert finish(host(path, code))[0] == status
    assert stored(path) == 101


def test_a_closed_stdin_ends_a_server_that_reads_it(path):
    process = host(path, "configure(); ready(); sys.stdin.read()")
    assert process.stdout.readline() == "ready\n"
    assert end(process, quiet=False) == 0  # communicate() closes it
    assert stored(path) == 101


@pytest.mark.timing
@pytest.mark.parametrize(
    ("number", "waits"),
    [
        (signal.SIGTERM, "time.sleep(60)"),
        (signal.SIGTERM, "while True: pass"),
        (signal.SIGTERM, "sys.stdin.read()"),
        (signal.SIGTERM, "threading.Event().wait()"),
        (signal.SIGTERM, "asyncio.run(asyncio.sleep(60))"),
        (signal.SIGHUP, "asyncio.run(asyncio.sleep(60))"),
    ],
)
def test_a_signal_that_nobody_handles_stores_everything_and_still_kills(path, number, waits):
    status, seconds = finish(host(path, f"configure(); ready()\n{waits}"), by=number)
    assert status == -number
    assert seconds < 5
    assert stored(path) == 101


HANDLER = """
def handler(number, frame):
    emit(10)
    sys.exit(7)
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_handler_of_the_host_is_left_alone(path, order):
    install = "signal.signal(signal.SIGTERM, handler)"
    steps = [install, "configure()"] if order == "before" else ["configure()", install]
    code = "\n".join([HANDLER, *steps, "ready()", "time.sleep(60)"])
    assert finish(host(path, code), by=signal.SIGTERM)[0] == 7
    assert stored(path) == 111


def test_a_signal_handler_of_the_hosts_event_loop_is_left_alone(path):
    code = """
async def main():
    configure()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    ready()
    await stopped.wait()
    emit(10)
asyncio.run(main())
"""
    assert finish(host(path, code), by=signal.SIGTERM)[0] == 0
    assert stored(path) == 111


def test_a_signal_that_the_host_ignores_stays_ignored(path):
    ignore = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    code = f"{ignore}; configure(); ready(); sys.stdin.readline()"
    process = host(path, code)
    assert process.stdout.readline() == "ready\n"
    send(process, signal.SIGHUP)
    process.stdin.write("\n")
    process.stdin.flush()
    assert end(process, quiet=False) == 0
    assert stored(path) == 101


def test_a_second_signal_waits_for_the_first_to_finish(path):
    """Supervisor and shell both send one."""
    code = """
configure()
writer = cortex_otel.sdk.configure._pipeline.writer
write = writer._store.write
writer._store.write = lambda *given: (time.sleep(0.3), write(*given))[1]
ready()
time.sleep(60)
"""
    process = host(path, "import cortex_otel.sdk.configure\n" + code)
    assert process.stdout.readline() == "ready\n"
    send(process, signal.SIGTERM)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert end(process, quiet=False) == -signal.SIGTERM
    assert stored(path) == 101


def test_a_signal_during_exit_waits_for_what_is_being_stored(path):
    code = """
import cortex_otel.sdk.configure
configure()
writer = cortex_otel.sdk.configure._pipeline.writer
write = writer._store.write
def slow(*given):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.2)
    return write(*given)
writer._store.write = slow
ready()
"""
    assert finish(host(path, code))[0] == -signal.SIGTERM
    assert stored(path) == 101


def test_os_exit_loses_what_was_not_written_and_nothing_else(path):
    assert finish(host(path, "configure(); ready(); os._exit(4)"))[0] == 4
    assert stored(path) == 1


def test_exit_callbacks_of_the_host_are_recorded_or_counted(path):
    code = """
atexit.register(emit, 5)    # runs after ours: too late, and counted
configure()
atexit.register(emit, 7)    # runs before ours
class Late:
    def __del__(self):
        emit(3)
late = Late()
import builtins
builtins.late = Late()      # dies when nearly everything else has
ready()
"""
    assert finish(host(path, code))[0] == 0
    assert stored(path) == 108
    # The next process enters what came too late.
    assert end(host(path, "cortex_otel.configure(); emit(1)"), quiet=False) == 0
    told = ledger(path)
    assert told["stored"] == 109
    assert 5 <= told["dropped|closed"] <= 11
    verify(path)


@pytest.mark.timing
def test_an_exit_while_the_database_is_locked_takes_about_a_second(path):
    code = """
import apsw
configure()
other = apsw.Connection(str(path)); other.execute("BEGIN EXCLUSIVE")
ready()
"""
    status, seconds = finish(host(path, code, exit_timeout_ms=1000))
    assert status == 0
    assert seconds < 5
    assert count(path) == 1
    assert end(host(path, "cortex_otel.configure(); emit(1)"), quiet=False) == 0
    assert ledger(path) == {"received": 102, "stored": 2, "dropped|locked": 100}
    verify(path)


def test_a_signal_that_finds_the_host_inside_submit(path):
    """Again and again, wherever the main thread happens to be."""
    for _ in range(3):
        process = host(path, "configure(); ready()\nwhile True: emit(1)")
        assert finish(process, by=signal.SIGTERM)[0] == -signal.SIGTERM
    assert stored(path) >= 303
