from __future__ import annotations

import signal

import apsw
import pytest
from store_kit import count, end, heartbeats, numbers, record, rows, start, verify, wait_for

pytestmark = pytest.mark.system

LOAD = """
writer = Writer(path)
first = number = int(sys.argv[2])
while True:
    for _ in range(40):
        writer.submit(record(number, session=SESSION._replace(session_id=str(first))))
        number += 1
    time.sleep(0.002)
"""


def test_kill_9_again_and_again(home, path, make_writer):
    """What a reader has seen stays; what was under way is there up to a point, or not at all."""
    for attempt in range(8):
        first = attempt * 1_000_000
        process = start(LOAD, path, first)
        # The first dies while it makes the file, the others in the middle of their load.
        enough = count(path) + 200 * attempt
        wait_for(lambda enough=enough: path.exists() and count(path) >= enough)
        seen = [number for number in sample(path) if number >= first]
        process.send_signal(signal.SIGKILL)
        assert end(process, quiet=False) == -signal.SIGKILL
        stored = [number for number in sample(path) if number >= first]
        assert stored == list(range(first, first + len(stored)))
        assert len(stored) >= len(seen)
        if rows(path, "SELECT 1 FROM sqlite_schema WHERE name = 'events'"):
            verify(path)
    writer = make_writer()
    writer.submit(record(99_000_000))
    assert writer.force_flush()
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
    except apsw.Error:  # not made yet
        return []
