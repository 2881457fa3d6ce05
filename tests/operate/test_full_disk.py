"""A disk without a free byte: what is old is deleted all the same, without a hand on it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

import apsw
import pytest
from patience import wait_for
from store_kit import DAY, MONDAY, PatientWriter, count, record, rows

from cortex_otel.operate import ballast
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import StoreError

pytestmark = pytest.mark.system

FEW_DAYS_ARE_KEPT = {
    "CORTEX_OTEL_RETENTION_EVENT_DAYS": "4",
    "CORTEX_OTEL_RETENTION_ROLLUP_DAYS": "400",
}


@pytest.fixture
def disk(tmp_path):
    """A file system of 48 MB, which is where the home of ``machine`` is."""
    home = tmp_path / "the home"
    home.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs", str(home)]
    if not (
        sys.platform == "linux"
        and shutil.which("mount")
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("mounting a small tmpfs needs root on Linux: sudo pytest tests/operate")
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)


@pytest.fixture
def full(disk, machine):
    """``machine`` with 20 days of events, of which two are kept."""
    write(machine.database, 20)
    ballast.keep(machine.database)
    fill_up(disk)
    return machine


def write(path, days, a_day=200):
    with closing(BatchWriter(open_for_writing(path))) as writer:
        for day in range(days):
            batch = [
                record(
                    day * a_day + number,
                    time_unix_nano=MONDAY + day * DAY + number * 1_000_000,
                    event_data={"text": "x" * 2000},
                )
                for number in range(a_day)
            ]
            writer.write(batch, [], Counter({("event", "received", ""): len(batch)}))


def fill_up(disk):
    with (disk / "filler").open("ab", buffering=0) as filler:
        for size in (65_536, 1):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"x" * size)
    assert shutil.disk_usage(disk).free == 0


def ended(machine, job):
    """Wait until ``job`` has run; on a full disk even reading that fails."""

    def is_so():
        with contextlib.suppress(StoreError):
            row = machine.row(job)
            return row and row.outcome == "done" and row.last_end
        return False

    wait_for(is_so)


def is_whole(path):
    return rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_serve_deletes_what_is_old_and_keeps_room_for_the_next_time(disk, full):
    before = full.database.stat().st_size
    serve = full.serve(jobs="quick,retention", **FEW_DAYS_ARE_KEPT)
    ended(full, "retention")
    wait_for(lambda: count(full.database) == 400)
    wait_for(lambda: full.database.stat().st_size < before / 2)
    wait_for((disk / "cortex.db.ballast").exists)
    ended(full, "quick")  # all other jobs are run again, too
    serve.terminate()
    assert "the disk is full" in serve.communicate()[1]
    assert is_whole(full.database)


def test_a_disk_that_the_telemetry_has_filled_itself(disk, machine):
    """What was written last is in the log, and the database has no room for it."""
    write(machine.database, 20)
    ballast.keep(machine.database)
    with closing(apsw.Connection(str(machine.database))) as reader:
        reader.execute("SELECT count(*) FROM events").get  # noqa: B018 - keeps the log there
        with (disk / "filler").open("wb") as filler:
            filler.truncate(0)
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(disk).free - 3_000_000)
        with pytest.raises(apsw.FullError):
            write(machine.database, 1, a_day=5000)
        fill_up(disk)
        machine.serve(jobs="quick,retention", **FEW_DAYS_ARE_KEPT)
        ended(machine, "retention")
    wait_for(lambda: count(machine.database) == 400)
    assert is_whole(machine.database)


def test_what_hosts_hold_back_meanwhile_is_stored_then(disk, machine):
    """They write as soon as there is room: also into that which was kept to delete through."""
    write(machine.database, 40)
    ballast.keep(machine.database)
    writer = PatientWriter(machine.database, queue_size=8000)
    number = 0

    def submit():
        nonlocal number
        number += 1
        now = time.time_ns()
        made = record(10_000 + number, time_unix_nano=now, event_data={"text": "x" * 500})
        return writer.submit(made)

    submit()
    assert writer.force_flush()
    fill_up(disk)
    while writer.trouble != "disk_full":  # the log may have room left
        submit()
        time.sleep(0)
    while submit():
        pass
    number -= 1
    machine.serve(jobs="quick,retention", **FEW_DAYS_ARE_KEPT)
    ended(machine, "retention")
    assert writer.force_flush()
    assert not writer.trouble
    assert writer.shutdown()
    wait_for(lambda: count(machine.database) == 400 + number)
    assert is_whole(machine.database)


@pytest.mark.parametrize("words", [("retain", "--trust-clock"), ("jobs", "run", "retention")])
def test_so_does_each_command_for_cron(full, words):
    code, _out, err = full.run(*words, jobs="retention", **FEW_DAYS_ARE_KEPT)
    assert (code, err) == (0, "")
    assert count(full.database) <= 400
    assert is_whole(full.database)


def test_without_that_room_everything_says_what_to_do(disk, full):
    (disk / "cortex.db.ballast").unlink()
    fill_up(disk)
    code, out, _ = full.run("status", jobs="retention")
    assert code == 1
    assert "disk is full" in out.splitlines()[0]
    assert "cortex-otel retain" in out
    assert json.loads(full.run("status", "--json", jobs="retention")[1])["disk_is_full"]
    code, _, err = full.run("jobs", "run", "retention", jobs="retention", **FEW_DAYS_ARE_KEPT)
    assert code == 1
    assert "full" in err
    assert len(err.splitlines()) == 1
    serve = full.serve(jobs="retention", RESCUE_SECONDS="0", **FEW_DAYS_ARE_KEPT)
    line = next(line for line in serve.stderr if "no jobs are run" in line)
    assert "full" in line
    (disk / "filler").unlink()
    ended(full, "retention")


def test_where_nothing_is_old_the_room_is_kept_for_later(disk, full):
    serve = full.serve(
        jobs="retention", RESCUE_SECONDS="600", CORTEX_OTEL_RETENTION_EVENT_DAYS="4000",
        CORTEX_OTEL_RETENTION_ROLLUP_DAYS="4000",
    )  # fmt: skip
    ended(full, "retention")
    wait_for((disk / "cortex.db.ballast").exists)
    assert count(full.database) == 4000
    serve.terminate()


@pytest.mark.parametrize("size", [0, 3_000_000])
def test_the_room_is_private_grows_again_and_leaves_the_disk_some(disk, machine, size):
    path = disk / "cortex.db.ballast"
    path.write_bytes(b"x" * size)
    path.chmod(0o600)
    ballast.keep(machine.database)
    assert path.stat().st_size >= 8_000_000
    assert path.stat().st_blocks * 512 >= 8_000_000
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    with (disk / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(disk).free - 6_000_000)
    ballast.keep(machine.database)
    assert 2_500_000 < path.stat().st_size < 3_500_000
    path.unlink()
    fill_up(disk)
    ballast.keep(machine.database)
    assert not path.exists()


def test_where_nothing_is_recorded_yet_no_room_is_kept(tmp_path):
    ballast.keep(tmp_path / "home" / "cortex.db")
    assert not (tmp_path / "home").exists()
    ballast.keep(tmp_path / "cortex.db")
    assert list(tmp_path.iterdir()) == []
