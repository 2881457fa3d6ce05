"""Killed, full, gone, busy: no half copy looks whole, and the next backup cleans up."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys

import pytest
from backup_site import Site, state_of
from patience import wait_for
from store_kit import count, end, ledger, numbers, start, verify

from cortex_otel.operate.backup import making
from cortex_otel.operate.backup.errors import BackupError, BackupSettingsError

#: A backup that stops at a step, and says so.
STOPS = """
import sys
from cortex_otel.operate.backup.making import make_copy
from cortex_otel.settings import read_environment

def on_progress(step, done, total):
    if step == sys.argv[2]:
        print("there", flush=True)
        sys.stdin.read()

make_copy(read_environment(), on_progress=on_progress)
"""


def environment_of(site):
    return {
        name: value
        for name, value in site.environment().items()
        if name.startswith(("CORTEX_", "AWS_"))
    }


@pytest.mark.system
@pytest.mark.parametrize("step", ["copy", "pack", "store", "verify"])
def test_killed_in_the_middle(site, tmp_path, step):
    site.make()
    first = site.files()
    site.fill(10, start=200)
    process = start(STOPS, "-", step, env=environment_of(site))
    assert process.stdout.readline() == "there\n"
    if step == "store":
        assert site.files(".partial")
    process.kill()
    process.wait()
    assert list(site.home.glob(".backup-*"))
    # What there was is what there is.
    listed = site.run("backup", "--list")
    assert listed.stdout.count("\n") == (2 if step != "verify" else 3)
    assert ("not whole" in listed.stdout) is (step == "verify")
    assert site.restore(to=tmp_path / "first").manifest.events == 200
    made = site.make(backup_keep="daily=0")
    assert site.files() == sorted(
        [f"{made.manifest.name}.json", f"{made.manifest.name}.tar.zst.age"]
    )
    assert not set(first) & set(site.files())
    assert not list(site.home.glob(".backup-*"))
    assert site.restore(to=tmp_path / "second").manifest.events == 210


@pytest.mark.system
def test_a_restore_that_was_killed_left_nothing_to_be_taken_for_one(site, tmp_path):
    site.add_ballast(3 << 20)
    site.make()
    code = """
    import sys
    from pathlib import Path
    from cortex_otel.operate.backup.restoring import restore
    from cortex_otel.settings import read_environment

    def on_progress(done, total):
        print("there", flush=True)
        sys.stdin.read()

    restore(read_environment(), identity=Path(sys.argv[2]), on_progress=on_progress)
    """
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    process = start(code, "-", site.key, env=environment_of(site))
    assert process.stdout.readline() == "there\n"
    process.kill()
    process.wait()
    assert not site.database.exists()
    assert list(site.home.glob(".restore-*"))
    site.restore()
    assert numbers(site.database) == list(range(200))
    assert not list(site.home.glob(".restore-*"))


@pytest.mark.system
@pytest.mark.parametrize("step", ["copy", "pack", "store"])
def test_ctrl_c_leaves_nothing(site, step):
    before = state_of(site.target)
    process = start(STOPS, "-", step, env=environment_of(site))
    assert process.stdout.readline() == "there\n"
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    process.wait()
    assert state_of(site.target) == before
    assert not list(site.home.glob(".backup-*"))


@pytest.mark.system
def test_two_at_once(site):
    process = start(STOPS, "-", "pack", env=environment_of(site))
    assert process.stdout.readline() == "there\n"
    with pytest.raises(BackupError, match=r"another backup .* is running"):
        site.make()
    assert list(site.home.glob(".backup-*"))  # the other's is left alone
    assert end(process, quiet=False) == 0
    assert len(site.files(".json")) == 1


# --- disks ----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if not (
        sys.platform == "linux"
        and shutil.which("mount")
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("mounting a small tmpfs needs root on Linux")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk, leave=0):
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while shutil.disk_usage(disk).free > leave:
            filler.write(b"x" * 4096)


@pytest.mark.system
def test_a_full_disk_at_the_target(site, small_disk):
    site.overrides = {"backup_target": str(small_disk)}
    site.make()
    before = state_of(small_disk)
    fill(small_disk, leave=8192)
    done = site.run("backup", CORTEX_OTEL_BACKUP_TARGET=str(small_disk))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"cortex-otel: no space left for {small_disk}: free some; nothing was changed\n"
    )
    (small_disk / "filler").unlink()
    assert state_of(small_disk) == before
    site.make()


@pytest.mark.system
def test_a_disk_that_fills_up_while_it_is_written(site, small_disk, monkeypatch):
    """What was free when it was looked at needn't be later."""
    site.overrides = {"backup_target": str(small_disk)}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1 << 40))
    site.add_ballast(4 << 20)
    with pytest.raises(BackupError, match=f"no space left for {small_disk}"):
        site.make()
    assert state_of(small_disk) == {}
    assert not list(site.home.glob(".backup-*"))


@pytest.mark.system
@pytest.mark.parametrize("looks", [True, False])
def test_a_full_disk_at_the_home(tmp_path, small_disk, monkeypatch, looks):
    site = Site(tmp_path)
    site.home = small_disk / "home"
    site.database = site.home / "cortex.db"
    site.fill()
    fill(small_disk, leave=200_000)
    if not looks:
        usage = shutil._ntuple_diskusage(1, 1, 1 << 40)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(BackupError, match="no space left"):
        site.make()
    assert site.files() == []
    assert not list(site.home.glob(".backup-*"))
    (small_disk / "filler").unlink()
    monkeypatch.undo()
    site.make(time_zone="UTC")
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    fill(small_disk, leave=100_000)
    if not looks:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(BackupError, match="no space left"):
        site.restore()
    assert not site.database.exists()
    assert not list(site.home.glob(".restore-*"))


@pytest.mark.parametrize("where", ["", "below", "linked"])
def test_a_target_in_the_home_is_senseless(site, where):
    target = site.home / where
    target.mkdir(exist_ok=True)
    if where == "linked":
        target = site.directory / "link"
        target.symlink_to(site.home)
    before = state_of(site.home)
    with pytest.raises(BackupSettingsError, match="choose a directory elsewhere"):
        site.make(backup_target=str(target))
    assert state_of(site.home) == before


def test_a_target_that_is_not_there(site):
    before = state_of(site.directory)
    gone = site.directory / "gone"
    for target in (gone, gone / "more"):
        with pytest.raises(BackupError, match="mount its disk, or create it"):
            site.make(backup_target=str(target))
    assert state_of(site.directory) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may everything")
def test_no_permission(site):
    site.target.chmod(0o500)
    with pytest.raises(BackupError, match="no permission at"):
        site.make()
    site.target.chmod(0o700)
    assert site.files() == []


@pytest.mark.system
def test_a_read_only_target(site, small_disk):
    site.overrides = {"backup_target": str(small_disk)}
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(BackupError, match=f"no permission at {small_disk}"):
        site.make()
    assert not list(site.home.glob(".backup-*"))


# --- busy -----------------------------------------------------------------------------------------

WRITES = """
from cortex_otel_exporters.sqlite.writer import Writer as Plain
import itertools, threading
first = int(sys.argv[2])
writer = Plain(path, interval_ms=20)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
print("writes", flush=True)
for batch in itertools.count():
    for number in range(10):
        writer.submit(record(first + batch * 10 + number))
    if stop.wait(0.02):  # 10 events each 20 ms: 500 a second
        break
assert writer.shutdown(60_000)
"""


@pytest.mark.system
def test_while_two_processes_write_a_thousand_events_a_second(site, tmp_path, monkeypatch):
    """In small steps, with a commit in between: none of them begins anew."""
    from cortex_otel.operate.backup import snapshot

    monkeypatch.setattr(snapshot, "_PAGES_A_STEP", 4)
    site.fill(5_000, start=10_000_000)
    writers = [
        start(WRITES, site.database, first, env={"PYTHONWARNINGS": "error"})
        for first in (0, 5_000_000)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "writes\n"
    wait_for(lambda: count(site.database) > 5_500)
    events, steps = [], []

    def on_progress(step, done, _total):
        if step == "copy":
            steps.append(done)
            if len(steps) < 5:
                before = count(site.database)
                wait_for(lambda: count(site.database) > before)

    for turn in range(3):
        steps.clear()
        made = making.make_copy(site.settings(), on_progress=on_progress)
        assert len(steps) > 5
        assert steps == sorted(set(steps))
        events.append(made.manifest.events)
        restored = site.restore(made.manifest.name, to=tmp_path / f"turn-{turn}")
        verify(restored.database)
        told = ledger(restored.database)
        assert told["received"] == told["stored"] == made.manifest.events
        assert made.manifest.ledger == {"event": told}
    assert events == sorted(events)
    assert events[0] < events[-1]
    for writer in writers:
        writer.stdin.close()
        assert writer.wait(60) == 0
    verify(site.database)
