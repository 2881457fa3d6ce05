from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys

import pytest
from log_kit import assert_equal_rows, lines
from store_kit import held, ledger, record, wait_for

from cortex_otel_exporters.jsonl import log_file as module
from cortex_otel_exporters.jsonl.files import log_names
from cortex_otel_exporters.jsonl.log_file import LogFile
from cortex_otel_exporters.jsonl.policy import LogPolicy


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """The log is tried again with each batch."""
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_ATTEMPTS", 0.0)


def numbers(logs):
    return [line["parameters"]["number"] for line in lines(logs)]


def test_directory_and_files_are_for_their_owner_alone(make_writer, home):
    umask = os.umask(0)
    try:
        writer = make_writer(directory=home / "a" / "b")
        writer.submit(record())
        assert writer.force_flush()
    finally:
        os.umask(umask)
    modes = {
        path.relative_to(home).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (home / "a").rglob("*")
    }
    directory = modes.pop("b" if "b" in modes else "a/b")
    assert directory == stat.S_IMODE((home / "a").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert len(modes) == 2  # a log, and the clock


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    is_linux = sys.platform == "linux" and shutil.which("mount")
    if not is_linux or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root on Linux: sudo pytest tests/jsonl")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.system
def test_a_full_disk_stops_the_log_and_not_the_store(small_disk, make_writer, home, caplog):
    logs = small_disk / "logs"
    writer = make_writer(directory=logs)
    number = 0
    while not writer._log_file.trouble:
        # Large ones, so that a batch is written in part before there is no room.
        for _ in range(20):
            writer.submit(record(number, event_data={"number": number, "text": "x" * 1500}))
            number += 1
        assert writer.force_flush()
    assert writer._log_file.trouble == "disk_full"
    assert caplog.text.count("the log file can't be written now: disk_full") == 1
    assert str(small_disk) not in caplog.text
    before = numbers(logs)  # all whole
    assert before == list(range(len(before)))
    for name in log_names(logs):
        (logs / name.text).unlink()
    writer.submit(record(number))
    assert writer.force_flush()
    assert numbers(logs) == [number]
    assert writer._log_file.trouble == ""
    assert "the log file is being written again (was: disk_full)" in caplog.text
    assert writer.shutdown()
    assert ledger(home / "cortex.db", "log_line") == {"missed|disk_full": number - len(before)}
    told = ledger(home / "cortex.db")
    assert told == {"received": number + 1, "stored": number + 1}


@pytest.mark.parametrize("obstacle", ["file", "link", "pipe", "directory"])
def test_what_stands_in_the_way_is_left_alone(make_writer, logs, home, obstacle):
    LogFile(LogPolicy(logs)).write([record()])
    path = logs / log_names(logs)[0].text
    elsewhere = home / "elsewhere"
    elsewhere.write_text("mine")
    match obstacle:
        case "file":
            shutil.rmtree(logs)
            logs.write_text("mine")
        case "link":
            path.unlink()
            path.symlink_to(elsewhere)
        case "pipe":
            path.unlink()
            os.mkfifo(path)
        case "directory":
            path.unlink()
            path.mkdir()
    writer = make_writer()
    for number in range(3):
        writer.submit(record(number))
        assert writer.force_flush()
    assert writer._log_file.trouble == "unavailable"
    assert elsewhere.read_text() == "mine"
    assert writer.shutdown()
    assert ledger(home / "cortex.db") == {"received": 3, "stored": 3}
    assert ledger(home / "cortex.db", "log_line") == {"missed|unavailable": 3}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission(make_writer, home):
    home.mkdir()
    (home / "logs").mkdir(mode=0o500)
    writer = make_writer()
    writer.submit(record())
    assert writer.force_flush()
    assert writer._log_file.trouble == "read_only"


def test_between_attempts_nothing_is_tried(make_writer, logs, home, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_ATTEMPTS", 3600.0)
    home.mkdir()
    logs.write_text("a file")
    writer = make_writer()
    writer.submit(record(0))
    assert writer.force_flush()
    logs.unlink()
    writer.submit(record(1))
    assert writer.force_flush()
    assert not logs.exists()
    monkeypatch.setattr(module.time, "monotonic", lambda: 1e12)
    writer._log_file.write([record(2)])
    monkeypatch.undo()
    assert numbers(logs) == [2]


def test_a_fault_of_our_own_costs_the_lines_alone(make_writer, home, monkeypatch):
    writer = make_writer()

    def fail(_):
        raise RuntimeError("a fault")

    monkeypatch.setattr(writer._log_file, "_encoded", fail)
    writer.submit(record())
    assert writer.force_flush()
    assert writer.shutdown()
    assert ledger(home / "cortex.db", "log_line") == {"missed|unavailable": 1}
    assert ledger(home / "cortex.db") == {"received": 1, "stored": 1}


def test_a_home_whose_logs_are_deleted_gets_new_ones(make_writer, logs, home):
    writer = make_writer()
    writer.submit(record(0))
    assert writer.force_flush()
    shutil.rmtree(logs)
    writer.submit(record(1))
    assert writer.force_flush()
    assert numbers(logs) == [1]


def test_while_the_store_is_in_trouble_nothing_is_told(make_writer, logs, home):
    writer = make_writer()
    writer.submit(record(0))
    assert writer.force_flush()
    with held(home / "cortex.db"):
        writer.submit(record(1))
        wait_for(lambda: writer.trouble == "locked")
        assert numbers(logs) == [0]
    assert writer.force_flush()
    assert assert_equal_rows(logs, home / "cortex.db") == 2
