"""A store in trouble: 503 and nothing stored, never a lie; and it goes on by itself."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time

import apsw
import httpx
import pytest
from patience import PATIENCE
from receiver_kit import JSON, PROTOBUF, is_ours, request, span, wait_for
from store_kit import record

from cortex_otel_exporters.sqlite.writer import Writer

pytestmark = pytest.mark.system


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    can = sys.platform == "linux" and shutil.which("mount")
    if not (can and mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk))):
        pytest.skip("mounting a small tmpfs needs root on Linux: sudo pytest tests/receive")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def stored(server):
    return {int(row["span_id"], 16) for row in server.rows()}


def test_a_full_disk(small_disk, make_server):
    server = make_server(small_disk / "home")
    acknowledged, number = set(), 0
    assert server.traces(span(1)).status_code == 200
    with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 512)
    while True:
        number += 100
        answer = server.traces(*[span(number + k) for k in range(100)])
        if answer.status_code != 200:
            break
        acknowledged.update(range(number, number + 100))
        assert number < 100_000
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["code"] == 14
    assert "disk_full" in answer.json()["message"]
    assert acknowledged <= stored(server)
    (small_disk / "filler").unlink()
    assert server.traces(*[span(number + k) for k in range(100)]).json() == {}
    assert acknowledged | set(range(number, number + 100)) <= stored(server)
    assert is_ours(server.database)
    assert "disk_full" in server.errors_said()


@pytest.mark.timing
def test_a_locked_database_is_waited_for_and_then_said(server):
    server.traces(span(1))
    other = apsw.Connection(str(server.database))
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.7, lambda: other.execute("ROLLBACK")).start()
    assert server.traces(span(2)).status_code == 200
    other.execute("BEGIN IMMEDIATE")
    answer = server.traces(span(3))
    assert answer.status_code == 503
    assert "locked" in answer.json()["message"]
    other.execute("ROLLBACK")
    other.close()
    assert stored(server) == {1, 2}
    assert server.traces(span(3)).status_code == 200


def test_a_read_only_home(small_disk, make_server):
    home = small_disk / "home"
    server = make_server(home)
    server.traces(span(1))
    server.stop()  # what is open stays writable
    assert mount("--bind", str(home), str(home))
    try:
        assert mount("-o", "remount,bind,ro", str(home))
        server.start()
        answer = server.traces(span(2))
        assert answer.status_code == 503
        assert "read_only" in answer.json()["message"] or "unavailable" in answer.json()["message"]
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)
    assert server.traces(span(2)).status_code == 200
    assert stored(server) == {1, 2}


def test_a_database_of_a_newer_version_is_left_alone(server):
    server.traces(span(1))
    server.stop()
    connection = apsw.Connection(str(server.database))
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    server.start()
    answer = server.traces(span(2))
    assert answer.status_code == 503
    assert "schema_newer" in answer.json()["message"]
    connection = apsw.Connection(str(server.database))
    assert connection.execute("SELECT count(*) FROM events").get == 1


def test_a_database_that_was_deleted_is_begun_again(server):
    server.traces(span(1))
    for suffix in ("", "-wal", "-shm"):
        server.database.with_name(server.database.name + suffix).unlink(missing_ok=True)
    assert server.traces(span(2)).status_code == 200
    assert stored(server) == {2}


def test_a_broken_database_is_set_aside(server):
    server.home.mkdir(parents=True, exist_ok=True)
    server.database.write_bytes(b"no database at all" * 500)
    assert server.traces(span(1)).status_code == 200
    assert stored(server) == {1}
    assert len(list(server.home.glob("cortex.db.corrupt-*"))) == 1


def test_overload_is_turned_away_before_memory_grows(server):
    """The store can't be written, and eight senders push bodies of 10 MB."""
    server.traces(span(1))
    other = apsw.Connection(str(server.database))
    other.execute("BEGIN IMMEDIATE")
    body = json.dumps(request(span(2, name="x" * 10_000_000)))
    statuses: list[int] = []

    def work():
        with contextlib.suppress(httpx.HTTPError):
            statuses.extend(server.post("/v1/traces", body, **JSON).status_code for _ in range(4))

    threads = [threading.Thread(target=work) for _ in range(14)]
    for thread in threads:
        thread.start()
    peak = 0.0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, server.memory_mb())
        time.sleep(0.05)
    other.execute("ROLLBACK")
    other.close()
    assert set(statuses) == {503}
    assert peak < 420
    assert server.traces(span(3)).status_code == 200
    assert stored(server) == {1, 3}


@pytest.mark.timing
def test_an_end_in_the_middle_of_a_load_answers_what_it_took(server):
    acknowledged: set[int] = set()
    lock = threading.Lock()
    numbers = iter(range(1, 1_000_000, 50))

    def work():
        with contextlib.suppress(httpx.HTTPError):
            while True:
                with lock:
                    first = next(numbers)
                mine = range(first, first + 50)
                if server.traces(*map(span, mine)).status_code != 200:
                    return
                with lock:
                    acknowledged.update(mine)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(acknowledged) > 1000)
    assert server.stop() < 6
    for thread in threads:
        thread.join()
    assert acknowledged <= stored(server)


def test_a_client_that_goes_away_leaves_nothing_behind(server):
    for _ in range(30):
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(
                f"{server.url}/v1/traces",
                headers=PROTOBUF,
                timeout=0.001,
                content=b"\x0a" * 100_000,
            )
    assert server.traces(span(1)).status_code == 200
    assert server.errors_said() == ""


def test_beside_a_process_that_records_by_itself(server):
    """Both write the same file at once: nobody is turned away, nothing is lost, all adds up."""
    writer = Writer(server.database, interval_ms=5)
    recorded = 0
    for first in range(1, 3001, 100):
        for number in range(100):
            assert writer.submit(record(first + number, trace_id=1 << 100, span_id=first + number))
            recorded += 1
        assert server.traces(*[span(first + number) for number in range(100)]).json() == {}
    assert writer.force_flush(PATIENCE * 1000)
    assert writer.shutdown(PATIENCE * 1000)
    assert server.rows("SELECT count(*) n FROM events")[0]["n"] == 2 * recorded
    told = server.ledger()
    assert told["event|received|"] == told["event|stored|"] == 2 * recorded
    assert server.rows("SELECT sum(stored) n FROM rollup_day")[0]["n"] == 2 * recorded
