from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time

import pytest
from store_kit import end, heartbeats, ledger, numbers, record, start, verify, wait_for


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not (
        sys.platform == "linux"
        and shutil.which("mount")
        and mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk))
    ):
        pytest.skip("mounting a small tmpfs needs root on Linux: sudo pytest tests/faults")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk):
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 512)


@pytest.mark.system
def test_a_full_disk_is_waited_for_and_its_drops_are_counted(small_disk, make_writer, caplog):
    path = small_disk / "home" / "cortex.db"
    writer = make_writer(path, queue_size=1000)
    writer.submit(record(0))
    assert writer.force_flush()
    fill(small_disk)
    number = 1
    while not writer.trouble:  # the WAL may have room left
        writer.submit(record(number))
        number += 1
        wait_for(lambda: writer.trouble or not writer._buffer._queue, pause=0.0002)
    wait_for(lambda: writer.trouble == "disk_full")
    wait_for(lambda: heartbeats(path.parent)[0]["trouble"] == "disk_full")
    kept = [n for n in range(number, number + 2000) if writer.submit(record(n))]
    assert len(kept) < 2000
    wait_for(lambda: heartbeats(path.parent)[0]["dropped"].get("disk_full"))
    assert not writer.force_flush(50)
    (small_disk / "filler").unlink()
    assert writer.force_flush()
    assert writer.trouble == ""
    assert numbers(path) == [*range(number), *kept]
    told = ledger(path)
    assert told["dropped|disk_full"] == 2000 - len(kept)
    verify(path)
    assert "disk_full" in caplog.text


@pytest.mark.system
def test_a_disk_that_is_full_from_the_start(small_disk, make_writer):
    home = small_disk / "home"
    home.mkdir()
    fill(small_disk)
    writer = make_writer(home / "cortex.db")
    writer.submit(record(0))
    wait_for(lambda: writer.trouble)
    assert writer.trouble == "disk_full"
    (small_disk / "filler").unlink()
    assert writer.force_flush()
    assert numbers(writer.path) == [0]
    verify(writer.path)


@pytest.mark.timing
@pytest.mark.system
def test_a_disk_filled_by_the_telemetry_itself(small_disk, make_writer):
    writer = make_writer(small_disk / "home" / "cortex.db", queue_size=2000)
    for number in range(100_000):
        writer.submit(record(number, event_data={"number": number, "text": "x" * 200}))
        if writer.trouble:
            break
        if number % 100 == 0:
            wait_for(lambda: writer.trouble or not writer._buffer._queue)
    wait_for(lambda: writer.trouble == "disk_full")
    begun = time.monotonic()
    assert not writer.shutdown(300)
    assert time.monotonic() - begun < 2
    (told,) = heartbeats(writer.path.parent)
    assert told["unrecorded"]["event|disk_full"] >= 1
    stored = numbers(writer.path)
    assert stored == list(range(len(stored)))


@pytest.mark.system
def test_a_limit_on_file_sizes_is_a_full_disk_too(tmp_path, make_writer):
    """Without root: the same through RLIMIT_FSIZE, in a process of its own."""
    code = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    writer = Writer(path, interval_ms=10)
    writer.submit(record(0))
    assert writer.force_flush()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    number = 1
    while not writer.trouble:
        writer.submit(record(number)); number += 1
        wait_for(lambda: writer.trouble or not writer._buffer._queue, pause=0.0001)
    assert writer.trouble in ("disk_full", "unavailable"), writer.trouble
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert writer.force_flush()
    assert numbers(path) == list(range(number))
    verify(path)
    assert writer.shutdown()
    """
    pytest.importorskip("resource")
    process = start(code, tmp_path / "home" / "cortex.db")
    assert end(process, quiet=False) == 0


@pytest.fixture
def read_only(small_disk):
    """Makes the file system read-only, by a bind mount over the home."""
    mounted = []

    def make(home):
        assert mount("--bind", str(home), str(home))
        assert mount("-o", "remount,bind,ro", str(home))
        mounted.append(home)

    def undo():
        while mounted:
            subprocess.run(["umount", "-l", str(mounted.pop())], check=True)

    make.undo = undo
    yield make
    undo()


@pytest.mark.system
def test_a_read_only_directory_with_no_database(small_disk, make_writer, read_only):
    home = small_disk / "home"
    home.mkdir()
    read_only(home)
    writer = make_writer(home / "cortex.db", queue_size=64)
    for number in range(100):
        writer.submit(record(number))
    wait_for(lambda: writer.trouble)
    assert writer.trouble == "read_only"
    read_only.undo()
    assert writer.force_flush()
    assert numbers(writer.path) == list(range(64))
    verify(writer.path)


@pytest.mark.system
def test_a_read_only_directory_with_a_database(small_disk, make_writer, read_only):
    home = small_disk / "home"
    first = make_writer(home / "cortex.db")
    first.submit(record(0))
    assert first.shutdown()
    read_only(home)
    writer = make_writer(home / "cortex.db")
    writer.submit(record(1))
    wait_for(lambda: writer.trouble)
    assert writer.trouble == "read_only"
    assert not writer.force_flush(100)
    read_only.undo()
    assert writer.force_flush()
    assert numbers(writer.path) == [0, 1]
    verify(writer.path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission(home, make_writer):
    home.mkdir(mode=0o500)
    writer = make_writer(home / "cortex.db")
    writer.submit(record(0))
    wait_for(lambda: writer.trouble)
    assert writer.trouble == "read_only"
    home.chmod(0o700)
    assert writer.force_flush()


def test_a_home_that_is_a_file(tmp_path, make_writer):
    (tmp_path / "home").write_text("mine")
    writer = make_writer(tmp_path / "home" / "cortex.db")
    writer.submit(record(0))
    wait_for(lambda: writer.trouble)
    assert not writer.shutdown(100)
    assert (tmp_path / "home").read_text() == "mine"


@pytest.mark.timing
def test_a_slow_disk_does_not_slow_the_host(path, make_writer):
    writer = make_writer()
    writer.submit(record(0))
    assert writer.force_flush()
    write = writer._store.write
    writer._store.write = lambda *given: (time.sleep(0.3), write(*given))[1]
    times = []
    for number in range(1, 2001):
        before = time.perf_counter()
        assert writer.submit(record(number))
        times.append(time.perf_counter() - before)
    assert sorted(times)[len(times) // 2] < 0.001
    assert sum(each > 0.25 for each in times) < 3  # none waited for the disk
    assert writer.force_flush()
    assert numbers(path) == list(range(2001))
