from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from store_kit import heartbeats, held, ledger, record, rows, verify, wait_for

from cortex_otel.query.writers import read_writers
from cortex_otel_exporters.sqlite.heartbeat import (
    Heartbeat,
    claim_orphans,
    delete,
    give_back,
    is_alive,
)

DEAD = 999_999_999


@pytest.fixture
def orphan(home):
    def make(content, name=f"{DEAD}-1.json"):
        (home / "writers").mkdir(parents=True, exist_ok=True)
        file = home / "writers" / name
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return file

    return make


def test_it_has_the_state_of_the_process(home, make_writer):
    writer = make_writer(describe=lambda: {"service": "mcp"})
    before = time.time_ns()
    writer.submit(record())
    assert writer.force_flush()
    (file,) = (home / "writers").iterdir()
    assert file.stat().st_size == 2048
    (state,) = heartbeats(home)
    assert before <= state.pop("updated_ns") <= time.time_ns()
    assert state.pop("started_ns") <= before
    assert state.pop("is_locked")
    assert state == {
        "pid": os.getpid(), "received": 1, "stored": 1, "sampled_out": 0, "dropped": {},
        "unrecorded": {}, "queued": 0, "trouble": "", "service": "mcp",
    }  # fmt: skip
    assert writer.shutdown()
    assert heartbeats(home) == []


def test_it_survives_a_description_that_raises_and_one_that_is_too_long(home, make_writer):
    def fails():
        raise RuntimeError

    for describe in (fails, lambda: {"faults": dict.fromkeys(map(str, range(5000)), 1)}):
        writer = make_writer(describe=describe)
        writer.submit(record())
        assert writer.force_flush()
        assert heartbeats(home)[0]["stored"] == 1
        writer.shutdown()


def test_counts_survive_more_locations_than_fit(home, path, make_writer):
    lasting = make_writer(describe=lambda: {"faults": dict.fromkeys(map(str, range(500)), 1)})
    lasting.submit(record())
    assert lasting.force_flush()
    with held(path):
        for number in range(200):
            lasting.note("fault", "swallowed", f"a place with a long name, number {number}")
        lasting.count_dropped("fault", 3)
        lasting.shutdown(100)
    (state,) = heartbeats(home)
    assert state["unrecorded"] == {"fault|swallowed|_OTHER": 200, "event|fault": 3}


def test_it_reports_trouble_and_its_end(home, path, writer):
    writer.submit(record())
    assert writer.force_flush()
    with held(path):
        writer.submit(record(1))
        wait_for(lambda: heartbeats(home)[0]["trouble"] == "locked")
        assert heartbeats(home)[0]["queued"] == 1
    assert writer.force_flush()
    wait_for(lambda: heartbeats(home)[0]["trouble"] == "")
    assert heartbeats(home)[0]["stored"] == 2


def test_drops_of_a_dead_process_are_added_by_the_next(home, path, writer, orphan):
    orphan({"unrecorded": {"event|locked": 5, "metric|disk_full": 2}})
    noted = {"fault|swallowed|mcp1.answer": 3}
    orphan({"unrecorded": {"event|locked": 1} | noted}, f"{DEAD}-2.json")
    orphan({"unrecorded": {"event|locked": 1}}, f"{DEAD - 1}-3.json.{DEAD}")  # died adopting it
    alive = orphan({"unrecorded": {"event|locked": 100}}, f"{os.getpid()}-1.json")
    writer.submit(record())
    assert writer.force_flush()
    assert ledger(path) == {"received": 8, "stored": 1, "dropped|locked": 7}
    assert ledger(path, "metric") == {"received": 2, "dropped|disk_full": 2}
    assert ledger(path, "fault") == {"swallowed|mcp1.answer": 3}
    verify(path)
    assert alive.exists()
    assert len(list((home / "writers").iterdir())) == 2  # that, and the writer's own


def test_many_noted_reasons_leave_room_for_the_drops(home, path, writer, orphan):
    notes = {f"argument|refused|mcp.search_context.misspelt_{n}": 2 for n in range(200)}
    home.mkdir(exist_ok=True)
    dead = Heartbeat(home)
    dead.write({"unrecorded": {"event|locked": 5} | notes})
    (file,) = (home / "writers").iterdir()
    orphan(file.read_bytes())
    dead.close(remove=True)
    writer.submit(record())
    assert writer.force_flush()
    assert ledger(path) == {"received": 6, "stored": 1, "dropped|locked": 5}
    assert ledger(path, "argument") == {"refused|_OTHER": 400}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"garbage", b"\xff\xfe", b"{}", b"[]", b"null", b"[" * 2000,
        {"unrecorded": None}, {"unrecorded": [1]}, {"unrecorded": {"event|x": "many"}},
        {"unrecorded": {"event|x": -5}}, {"unrecorded": {"event|x": 10**30}},
        {"unrecorded": {"event": 1}}, b'{"unrecorded":{"event|x":1e400}}',
        b'{"unrecorded":{"event|x":NaN}}',
    ],
)  # fmt: skip
def test_garbage_from_a_dead_process_does_no_harm(path, writer, orphan, content):
    file = orphan(content)
    writer.submit(record())
    assert writer.force_flush()
    assert writer.trouble == ""
    assert ledger(path) == {"received": 1, "stored": 1}
    assert not file.exists()


def test_drops_are_not_lost_if_they_cant_be_added_at_once(path, make_writer, orphan):
    first = make_writer()
    first.submit(record())
    assert first.force_flush()
    orphan({"unrecorded": {"event|locked": 5}})
    second = make_writer()
    with held(path):
        second.submit(record(1))
        wait_for(lambda: second.trouble)
    assert second.force_flush()
    assert ledger(path) == {"received": 7, "stored": 2, "dropped|locked": 5}


def test_only_one_of_two_processes_claims_an_orphan(home, orphan):
    orphan({"unrecorded": {"event|locked": 5}})
    assert claim_orphans(home)[0]["event", "dropped", "locked"] == 5
    assert claim_orphans(home) == ({}, [])


@pytest.fixture
def another(home):
    """A process that beats, and is left without a chance to say that it ends."""
    started = []

    def start(content):
        code = (
            "import json, pathlib, sys, time\n"
            "from cortex_otel_exporters.sqlite.heartbeat import Heartbeat\n"
            "heartbeat = Heartbeat(pathlib.Path(sys.argv[1]))\n"
            "heartbeat.write(json.loads(sys.argv[2]))\n"
            "print(flush=True)\n"
            "time.sleep(600)\n"
        )
        arguments = [sys.executable, "-c", code, str(home), json.dumps(content)]
        started.append(subprocess.Popen(arguments, stdout=subprocess.PIPE))
        assert started[-1].stdout.readline()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.system
def test_a_killed_process_whose_id_is_used_again_is_dead(home, path, writer, another):
    home.mkdir(exist_ok=True)
    process = another({"pid": os.getpid(), "service": "mcp", "unrecorded": {"event|locked": 5}})
    (file,) = (home / "writers").iterdir()
    # As in a container: the next one has the same id.
    file = file.rename(file.with_name(f"{os.getpid()}-1.json"))
    assert [state.alive for state in read_writers(home)] == [True]
    assert claim_orphans(home) == ({}, [])
    process.kill()
    process.wait()
    assert [state.alive for state in read_writers(home)] == [False]
    writer.submit(record())
    assert writer.force_flush()
    assert ledger(path) == {"received": 6, "stored": 1, "dropped|locked": 5}
    assert not file.exists()


@pytest.mark.system
def test_a_process_of_another_container_is_alive(home, another):
    home.mkdir(exist_ok=True)
    process = another({"pid": DEAD, "unrecorded": {"event|locked": 5}})
    (file,) = (home / "writers").iterdir()
    file.rename(file.with_name(f"{DEAD}-1.json"))
    assert [state.alive for state in read_writers(home)] == [True]
    assert claim_orphans(home) == ({}, [])
    process.kill()
    process.wait()
    assert [state.alive for state in read_writers(home)] == [False]


@pytest.mark.system
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork")
def test_a_forked_child_keeps_no_lock_of_its_parent(home, writer):
    writer.submit(record())
    assert writer.force_flush()
    (file,) = (home / "writers").iterdir()
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        os.read(told, 1)
        os._exit(0)
    try:
        writer._heartbeat.forget()  # as if the parent had died
        wait_for(lambda: not is_alive(file, DEAD, is_locked=True))
    finally:
        os.write(tell, b".")
        os.waitpid(child, 0)
        os.close(told)
        os.close(tell)


def test_a_claim_whose_process_died_is_made_again_though_its_id_is_used(home, orphan):
    orphan({"unrecorded": {"event|locked": 5}}, f"{DEAD}-1.json.{os.getpid()}")
    entries, files = claim_orphans(home)
    assert entries["event", "dropped", "locked"] == 5
    assert claim_orphans(home) == ({}, [])  # it is being added
    give_back(files)
    entries, files = claim_orphans(home)
    assert entries["event", "dropped", "locked"] == 5
    delete(files)
    assert list((home / "writers").iterdir()) == []


def test_it_is_recreated_if_its_directory_was_deleted(home):
    home.mkdir()
    heartbeat = Heartbeat(home)
    heartbeat.write({"a": 1})
    next((home / "writers").iterdir()).unlink()
    (home / "writers").rmdir()
    heartbeat.write({"a": 2})
    assert heartbeats(home)[0]["a"] == 2
    heartbeat.close(remove=True)


def test_clean_exits_leave_no_file(home, path, make_writer):
    for number in range(3):
        writer = make_writer()
        writer.submit(record(number))
        assert writer.shutdown()
    assert list((home / "writers").iterdir()) == []
    assert rows(path, "SELECT count(*) FROM events") == [(3,)]
