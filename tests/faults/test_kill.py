from __future__ import annotations

import random
import signal
import time

import pytest
from store_kit import end, heartbeats, numbers, record, start, verify, wait_for

pytestmark = pytest.mark.timing

LOAD = """
writer = Writer(path)
first, number = int(sys.argv[2]), int(sys.argv[2])
print("ready", flush=True)
while True:
    for _ in range(40):
        writer.submit(record(number, session=SESSION._replace(session_id=str(first))))
        number += 1
    print(number, time.monotonic(), flush=True)
    time.sleep(0.002)
"""


def test_kill_9_again_and_again(home, path, make_writer):
    """At most the last 250 ms and the batch under way are lost; file and books are sound."""
    choose = random.Random(9)
    for attempt in range(8):
        first = attempt * 1_000_000
        process = start(LOAD, path, first)
        assert process.stdout.readline() == "ready\n"
        time.sleep(choose.uniform(0.05, 0.7))
        killed = time.monotonic()
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        sent = [line.split() for line in output.splitlines() if len(line.split()) == 2]
        # What was submitted 250 ms (and the time of a transaction) before must be there.
        safe = [int(number) for number, at in sent[:-1] if float(at) < killed - 0.75]
        stored = [number for number in (numbers(path) if path.exists() else []) if number >= first]
        assert stored == list(range(first, first + len(stored)))
        if safe:
            assert len(stored) >= max(safe) - first
        if path.exists():
            verify(path)
    writer = make_writer()
    writer.submit(record(99_000_000))
    assert writer.force_flush(5000)
    verify(path)
    assert len(heartbeats(home)) == 1  # those of the dead were cleared away


def test_kill_9_under_full_load_of_several(path):
    code = """
    writer = Writer(path, interval_ms=1)
    number = int(sys.argv[2])
    while True:
        writer.submit(record(number, session=SESSION._replace(session_id=sys.argv[2])))
        number += 1
    """
    processes = [start(code, path, first * 10**8) for first in range(3)]
    wait_for(lambda: path.exists() and len({n // 10**8 for n in sample(path)}) == 3)
    for process in processes:
        process.send_signal(signal.SIGKILL)
    assert [end(process, quiet=False) for process in processes] == [-9] * 3
    stored = numbers(path)
    assert len(stored) == len(set(stored))
    verify(path)


def sample(path):
    try:
        return numbers(path)
    except Exception:  # noqa: BLE001 - not made yet
        return []
