"""A full disk, a busy database: what is stored is whole, and the rest comes later."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import apsw
import pytest
from import_kit import call, events, home, text
from patience import PATIENCE, wait_for
from store_kit import verify


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A home on a file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not (
        sys.platform == "linux"
        and shutil.which("mount")
        and mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk))
    ):
        pytest.skip("mounting a small tmpfs needs root on Linux: sudo pytest tests/importing")
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(disk / "home"))
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.system
def test_a_full_disk_stops_it_where_it_goes_on(small_disk, run, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(text(*(call(at) for at in range(12_000))))
    report = run("import", path, code=1)
    assert "the disk is full; all up to line" in run.errors
    assert not report["finished"]
    stored = report["imported"]
    assert 0 < stored < 12_000
    assert mount("-o", "remount,size=64m", str(small_disk))
    assert len(events("id")) == stored
    verify(home() / "cortex.db")
    again = run("import", path)
    assert (again["imported"], again["duplicates"]) == (12_000 - stored, stored)
    verify(home() / "cortex.db")


@pytest.mark.system
@pytest.mark.timing
def test_others_write_beside_it(tmp_path):
    """A writer that commits all the time waits for one piece, and never for the whole file."""
    (tmp_path / "first.jsonl").write_text(text(call(0)))
    command = [sys.executable, "-m", "cortex_otel.cli", "import"]
    subprocess.run([*command, str(tmp_path / "first.jsonl")], check=True, capture_output=True)
    (tmp_path / "a.jsonl").write_text(text(*(call(at) for at in range(1, 10_000))))
    process = subprocess.Popen(
        [*command, str(tmp_path / "a.jsonl")], stdout=subprocess.DEVNULL, env={**os.environ}
    )
    connection = apsw.Connection(str(home() / "cortex.db"))
    connection.set_busy_timeout(int(PATIENCE * 1000))
    connection.execute("CREATE TABLE beside (n)")
    wait_for(lambda: len(events("id")) > 1)
    waits = []
    while process.poll() is None:
        started = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE; INSERT INTO beside VALUES (1); COMMIT").fetchall()
        waits.append(time.perf_counter() - started)
        time.sleep(0.002)
    connection.close()
    assert process.returncode == 0
    assert len(events("id")) == 10_000
    assert len(waits) > 20
    # A piece takes some 40 ms; SQLite's own polling may miss a gap or two.
    assert max(waits) < 2
