"""What may go wrong while it deletes."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import apsw
import pytest
from patience import wait_for
from store_kit import DAY, MONDAY, count, end, held, ledger, record, rows, start

from cortex_otel.cli import main
from cortex_otel.operate import retention, turns
from cortex_otel.operate.job import JobError
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing

#: Deletes everything, a row at a time and slowly, so that something can happen meanwhile.
SLOWLY = """
from cortex_otel.operate import retention, turns
from cortex_otel.settings import Settings
from cortex_otel_exporters.sqlite import expiry
expiry._MAX_ROWS = expiry._MIN_ROWS = 1
retention.retain(
    Settings(home=path.parent, retention_event_days=1, max_database_mb=0), trust_clock=True
)
"""


def is_whole(path):
    """Consistent, and every row is accounted for."""
    counts = ledger(path)
    assert count(path) == counts["stored"] - counts.get("expired|age", 0)
    assert counts["received"] == counts["stored"]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.system
def test_killed_in_the_middle_it_goes_on(path, settings, fill):
    fill()
    for _ in range(3):
        before = count(path)
        process = start(SLOWLY, path)
        wait_for(lambda before=before: count(path) < before - 20)
        process.kill()
        process.wait()
        is_whole(path)
    assert count(path) > 0
    outcome = retention.retain(settings(retention_event_days=1), trust_clock=True)
    assert outcome.deleted["event", "age"] > 0
    is_whole(path)
    assert count(path) == 0


@pytest.mark.system
def test_two_at_once_delete_everything_once(path, fill):
    fill(days=4)
    both = [start(SLOWLY, path), start(SLOWLY, path)]
    assert [end(process) for process in both] == [0, 0]
    assert ledger(path)["expired|age"] == 400
    is_whole(path)


@pytest.mark.system
def test_ctrl_c_leaves_it_whole(path, fill):
    fill()
    process = start(SLOWLY.replace("retention.retain(", "def run(_, settings): retention.retain("
        ) + "from cortex_otel import cli\nfrom cortex_otel.commands import retain\n"
        "retain.run = run\nsys.exit(cli.main(['retain', '--home', str(path.parent)]))",
        path,
    )  # fmt: skip
    wait_for(lambda: count(path) < 1900)
    process.send_signal(signal.SIGINT)
    assert end(process) == 130
    is_whole(path)
    assert count(path) > 0


def test_a_locked_database_is_waited_for_and_then_told(path, settings, fill, monkeypatch, capsys):
    fill(days=2)
    monkeypatch.setattr(retention, "_SECONDS_LOCKED", 0.3)
    with held(path):
        with pytest.raises(JobError, match="locked"):
            retention.retain(settings(retention_event_days=1), trust_clock=True)
        assert main(["retain", "--home", str(path.parent)]) == 1
    error = capsys.readouterr().err
    assert error == "cortex-otel: the database is locked by another process: try again later\n"
    assert count(path) == 200


def test_a_reader_that_stays_stops_it_before_the_log_is_large(path, settings, fill, monkeypatch):
    fill(event_data={"text": "x" * 2000})
    monkeypatch.setattr(turns, "_MAX_LOG_BYTES", 1_000_000)
    monkeypatch.setattr(turns, "_SECONDS_FOR_READERS", 0.5)
    reader = apsw.Connection(str(path))
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM events").get == 2000
    outcome = retention.retain(settings(retention_event_days=1), trust_clock=True)
    assert "reading for long" in outcome.notes[0]
    assert path.with_name("cortex.db-wal").stat().st_size < 3_000_000
    assert reader.execute("SELECT count(*) FROM events").get == 2000
    reader.execute("ROLLBACK")
    reader.close()
    assert not retention.retain(settings(retention_event_days=1), trust_clock=True).notes
    assert count(path) == 0


@pytest.mark.timing
def test_a_writer_is_not_starved(path, settings, fill):
    """The longest that a transaction waits for its turn while others' events are deleted."""
    fill(days=100, a_day=300)
    waits = []
    stop = threading.Event()

    def write():
        writer = BatchWriter(open_for_writing(path, busy_timeout_ms=10_000))
        number = 0
        while not stop.is_set():
            started = time.monotonic()
            writer.write([record(number, time_unix_nano=time.time_ns())], [], {})
            waits.append(time.monotonic() - started)
            number += 1
            time.sleep(0.002)
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    wait_for(lambda: len(waits) > 5)
    outcome = retention.retain(settings(retention_event_days=1), trust_clock=True)
    during = len(waits)
    stop.set()
    thread.join()
    assert outcome.deleted["event", "age"] == 30_000
    assert during > 50
    assert sorted(waits)[int(len(waits) * 0.9)] < 0.25
    assert outcome.bytes_after < outcome.bytes_before / 2


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if not (
        sys.platform == "linux"
        and shutil.which("mount")
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("mounting a small tmpfs needs root on Linux: sudo pytest tests/retention")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill_up(disk):
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 512)


@pytest.mark.system
def test_on_a_full_disk_it_deletes_all_the_same(small_disk, settings, fill):
    path = small_disk / "home" / "cortex.db"
    path.parent.mkdir()
    writer = BatchWriter(open_for_writing(path))  # as long as it is open there is a log
    writer.write([record(1)], [], {("event", "received", ""): 1})
    fill(at=path, event_data={"text": "x" * 800})
    writer.connection.wal_checkpoint()
    fill_up(small_disk)
    before = path.stat().st_size
    assert shutil.disk_usage(small_disk).free == 0
    outcome = retention.retain(settings(at=path.parent, retention_event_days=1), trust_clock=True)
    assert outcome.deleted["event", "age"] == 2001
    writer.close()
    assert path.stat().st_size < before / 2
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.system
def test_on_a_full_disk_the_derived_file_makes_room(small_disk, settings, fill):
    path = small_disk / "home" / "cortex.db"
    fill(at=path, event_data={"text": "x" * 800})
    derived = path.with_name("cortex.db.analysis")
    derived.write_bytes(b"x" * 500_000)
    open_for_writing(path).close()  # no log is left, and so no room in it
    fill_up(small_disk)
    outcome = retention.retain(settings(at=path.parent, retention_event_days=1), trust_clock=True)
    assert outcome.deleted["event", "age"] == 2000
    assert not derived.exists()
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.system
def test_where_there_is_no_room_at_all_it_says_so(small_disk, settings, fill, capsys):
    path = small_disk / "home" / "cortex.db"
    fill(at=path, event_data={"text": "x" * 800})
    fill_up(small_disk)
    assert main(["retain", "--trust-clock", "--home", str(path.parent)]) == 1
    assert "full" in capsys.readouterr().err
    os.unlink(small_disk / "filler")  # noqa: PTH108
    assert count(path) == 2000


def test_a_clock_far_in_the_past_deletes_nothing(path, settings, fill, monkeypatch):
    fill()
    monkeypatch.setattr(time, "time_ns", lambda: MONDAY - 1000 * DAY)
    assert not retention.retain(settings(retention_event_days=1)).deleted
