"""Files of the home: all that can be read is searched, and what can't be is told."""

from __future__ import annotations

import gzip
import json
import os
import random
import threading

import pytest
from patience import PATIENCE, wait_for
from store_kit import end, record, start

from cortex_otel import cli
from cortex_otel.operate import erasure, home_files
from cortex_otel.operate.backup import work_directory
from cortex_otel.operate.backup.series import exclusive
from cortex_otel.operate.hash_search import search
from cortex_otel.settings import read_environment
from cortex_otel_exporters.disk import UNFINISHED, writing
from cortex_otel_exporters.jsonl import files, upkeep
from cortex_otel_exporters.jsonl.files import Appender, exclusively
from cortex_otel_exporters.jsonl.policy import LogPolicy
from cortex_otel_exporters.jsonl.rewriting import erase_lines

MINE, OTHER = "ab" * 32, "cd" * 32
PLAIN = "cortex-2026-01-04.001.jsonl"
PACKED = f"{PLAIN}.gz"


@pytest.fixture
def logs(home):
    (home / "logs").mkdir(parents=True)
    return home / "logs"


@pytest.fixture
def settings(home):
    return read_environment({}, overrides={"home": str(home), "time_zone": "UTC"})


def text(*users):
    noise = random.Random(4)
    lines = (
        json.dumps({"user_id_hash": user, "n": n, "noise": noise.randbytes(300).hex()})
        for n, user in enumerate(users)
    )
    return "".join(f"{line}\n" for line in lines).encode()


def is_mine(line):
    return MINE.encode() in line


def users_in(path):
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    return [json.loads(line)["user_id_hash"] for line in content.splitlines()]


def cut(content):
    return content[: len(content) // 2]


def damaged(content):
    half = len(content) // 2
    return content[:half] + bytes(100) + content[half + 100 :]


@pytest.mark.parametrize("damage", [cut, damaged])
def test_a_damaged_file_is_read_as_far_as_that_goes(make_writer, home, logs, settings, damage):
    writer = make_writer()
    writer.submit(record(1, user_id_hash=MINE))
    assert writer.shutdown()
    (logs / PACKED).write_bytes(damage(gzip.compress(text(*[MINE, OTHER] * 2000))))
    (logs / "cortex-2026-01-05.001.jsonl").write_bytes(text(MINE, OTHER))
    done = erasure.erase_users(settings, (MINE,))
    assert done.before["log_lines"] > 100
    assert not any(done.after.values())
    assert (done.places, done.unread, done.damaged) == ([], [], [logs / PACKED])
    kept = gzip.decompress((logs / PACKED).read_bytes())
    assert MINE.encode() not in kept
    assert kept.count(OTHER.encode()) > 100
    assert kept.endswith(b"\n")
    assert users_in(logs / "cortex-2026-01-05.001.jsonl") == [OTHER]


def test_a_damaged_file_that_may_hold_it_is_told(make_writer, home, logs, settings, capsys):
    writer = make_writer()
    writer.submit(record(1, user_id_hash=MINE))
    assert writer.shutdown()
    content = cut(gzip.compress(text(*[OTHER] * 2000)))
    (logs / PACKED).write_bytes(content)
    code = cli.main(["erase", "--user", MINE, "--yes", "--home", str(home)])
    told = capsys.readouterr()
    assert code == 1
    assert f"{logs / PACKED} can't be read to its end" in told.err
    assert "No file holds" not in told.out
    assert (logs / PACKED).read_bytes() == content


def test_what_is_called_compressed_and_isnt_is_searched(home, settings):
    home.mkdir()
    (home / "notes.gz").write_bytes(text(MINE))
    (home / "others.gz").write_bytes(gzip.compress(text(*[OTHER] * 9, MINE))[:-9])
    found = search(settings, (MINE,))
    assert home / "notes.gz" in found.places
    assert {*found.places, *found.unread} == {home / "notes.gz", home / "others.gz"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(home, settings):
    (home / "closed").mkdir(parents=True)
    (home / "file").touch(0)
    (home / "closed").chmod(0)
    assert search(settings, (MINE,)) == ([], [home / "closed", home / "file"])
    (home / "closed").chmod(0o700)


def test_what_cant_be_read_isnt_clean(home, settings, monkeypatch):
    home.mkdir()
    (home / "file").write_bytes(text(OTHER))

    def broken(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("cortex_otel_exporters.jsonl.rewriting.Pieces.__iter__", broken)
    assert search(settings, (MINE,)) == ([], [home / "file"])


def test_a_file_that_is_compressed_while_its_lock_is_waited_for(logs, monkeypatch):
    """The lock is then that of a file which has gone, and its lines are in another."""
    path = logs / PLAIN
    path.write_bytes(text(MINE, OTHER))
    (logs / "cortex-2026-01-05.001.jsonl").write_bytes(text(MINE, OTHER))
    real, waits, found = files.locked, threading.Event(), []

    def locked(descriptor, patience_seconds=0):
        waits.set()  # it has the file open
        return real(descriptor, patience_seconds)

    with exclusively(path) as descriptor:
        monkeypatch.setattr(files, "locked", locked)
        eraser = threading.Thread(target=lambda: found.append(erase_lines(logs, is_mine, PATIENCE)))
        eraser.start()
        assert waits.wait(PATIENCE)
        upkeep.write_anew(logs / PACKED, descriptor, [path.read_bytes()])
        path.unlink()
    eraser.join(PATIENCE)
    assert found == [([], [], [])]
    assert sorted(each.name for each in logs.iterdir()) == [PACKED, "cortex-2026-01-05.001.jsonl"]
    assert users_in(logs / PACKED) == users_in(logs / "cortex-2026-01-05.001.jsonl") == [OTHER]


def test_a_file_that_is_written_anew_before_it_is_compressed(logs, monkeypatch):
    """What is compressed is what is there, not the file that was open."""
    path = logs / PLAIN
    path.write_bytes(text(MINE, OTHER))
    real, opened = files.locked, []

    def erased_first(descriptor, patience_seconds=0):
        if not opened:
            opened.append(descriptor)
            erase_lines(logs, is_mine, PATIENCE)
        return real(descriptor, patience_seconds)

    monkeypatch.setattr(files, "locked", erased_first)
    upkeep.compress(LogPolicy(logs))
    assert opened
    assert [each.name for each in logs.iterdir() if each.name != "clock"] == [PACKED]
    assert users_in(logs / PACKED) == [OTHER]


def test_a_file_that_is_locked_for_long_is_told_and_the_others_are_done(logs):
    (logs / PLAIN).write_bytes(text(MINE, OTHER))
    (logs / "cortex-2026-01-05.001.jsonl").write_bytes(text(MINE, OTHER))
    with exclusively(logs / PLAIN):
        done = erase_lines(logs, is_mine, 0)
    assert done == ([logs / PLAIN], [], [])
    assert users_in(logs / "cortex-2026-01-05.001.jsonl") == [OTHER]
    assert users_in(logs / PLAIN) == [MINE, OTHER]


def test_a_file_that_cant_be_written_anew_stays_and_the_others_are_done(logs, monkeypatch):
    (logs / PLAIN).write_bytes(text(MINE, OTHER))
    (logs / "cortex-2026-01-05.001.jsonl").write_bytes(text(MINE, OTHER))
    real = os.fsync
    failing = iter([True])

    def full(descriptor):
        if next(failing, False):
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    done = erase_lines(logs, is_mine, PATIENCE)
    assert done == ([], [], [(logs / PLAIN, "No space left on device")])
    assert users_in(logs / PLAIN) == [MINE, OTHER]
    assert users_in(logs / "cortex-2026-01-05.001.jsonl") == [OTHER]


def test_who_appends_goes_on_and_a_file_stays_as_old_as_it_was(logs):
    (logs / PLAIN).write_bytes(text(MINE, OTHER))
    os.utime(logs / PLAIN, (1_700_000_000, 1_700_000_000))
    appender = Appender(logs, 1 << 20)
    erase_lines(logs, is_mine, PATIENCE)
    assert (logs / PLAIN).stat().st_mtime == 1_700_000_000
    appender.append(text(OTHER), "2026-01-04")
    assert users_in(logs / PLAIN) == [OTHER, OTHER]


# --- left-overs -----------------------------------------------------------------------------------


def left_overs(home, logs):
    """All that killed processes leave, with something of a user in it."""
    for name in (".backup-x1y2", ".restore-999999999-x1y2"):
        (home / name).mkdir(mode=0o700)
        (home / name / "cortex.db").write_bytes(text(MINE))
    for directory in (home, logs):
        (directory / f".0123{UNFINISHED}").write_bytes(text(MINE))


def test_what_killed_processes_left_goes_with_a_user(make_writer, home, logs, settings):
    writer = make_writer()
    writer.submit(record(1, user_id_hash=MINE))
    assert writer.shutdown()
    left_overs(home, logs)
    done = erasure.erase_users(settings, (MINE,))
    assert (done.places, done.unread) == ([], [])
    assert not list(home.rglob(".*"))


def test_what_living_processes_work_at_stays(home, logs, settings):
    with (
        exclusive(home),
        work_directory.work_directory(home, work_directory.BACKUP) as backup,
        work_directory.work_directory(home, work_directory.RESTORE) as restore,
        writing(home / "file") as file,
    ):
        home_files.delete_left_overs(settings)
        assert backup.is_dir()
        assert restore.is_dir()
        file.write(b"whole")
    assert (home / "file").read_bytes() == b"whole"


def test_everything_is_all_that_was_recorded(make_writer, home, logs, settings, capsys):
    writer = make_writer()
    writer.submit(record(1, user_id_hash=MINE))
    assert writer.shutdown()
    left_overs(home, logs)
    (home / "cortex.db.analysis").write_bytes(text(MINE))
    (home / "cortex.db.corrupt-20260101T000000-1").write_bytes(text(MINE))
    (home / "cortex.db.corrupt-20260101T000000-1-wal").write_bytes(text(MINE))
    (home / "refused-lines.tsv").write_bytes(text(MINE))
    (home / "reports").mkdir()
    (home / "reports" / "cortex-report-2026-W01-en.pdf").write_bytes(text(MINE))
    (home / "reports" / f".0123{UNFINISHED}").write_bytes(text(MINE))
    (logs / PLAIN).write_bytes(text(MINE))
    (logs / PACKED).write_bytes(gzip.compress(text(MINE)))
    kept = {"alerts.toml", "user-hash.key", "admin.token"}
    for name in kept:
        (home / name).touch()
    assert cli.main(["erase", "--all", "--yes", "--home", str(home)]) == 0
    left = {path.name for path in home.rglob("*") if path.is_file()}
    assert left == kept
    assert search(settings, (MINE,)) == ([], [])


def test_everything_goes_on_where_something_cant_be_deleted(
    home, logs, settings, monkeypatch, capsys
):
    (home / "refused-lines.tsv").write_bytes(text(MINE))
    (home / "reports").mkdir()
    (home / "reports" / "a.pdf").write_bytes(text(MINE))
    real = home_files.delete

    def refuse(path):
        if path.name == "refused-lines.tsv":
            raise PermissionError(13, "Permission denied")
        real(path)

    monkeypatch.setattr(home_files, "delete", refuse)
    os.utime(home / "refused-lines.tsv", (1, 1))
    assert cli.main(["erase", "--all", "--yes", "--home", str(home)]) == 1
    told = capsys.readouterr()
    assert "refused-lines.tsv can't be written or deleted (Permission denied)" in told.err
    assert "Still there" in told.out
    assert not (home / "reports" / "a.pdf").exists()


@pytest.mark.system
def test_a_log_that_is_compressed_all_the_time_holds_nothing_afterwards(logs):
    """The job and an erasure at the same files, as often as they meet."""
    code = """
    from cortex_otel_exporters.jsonl.policy import LogPolicy
    from cortex_otel_exporters.jsonl.upkeep import compress
    (path / "ready").touch()
    while not (path / "stop").exists():
        compress(LogPolicy(path))
    """
    for number in range(1, 60):
        (logs / f"cortex-2026-01-04.{number:03d}.jsonl").write_bytes(text(*[MINE, OTHER] * 50))
    process = start(code, logs)
    wait_for(lambda: list(logs.glob("*.gz")))
    done = erase_lines(logs, is_mine, PATIENCE)
    (logs / "stop").touch()
    end(process, quiet=False)
    assert done == ([], [], [])
    assert len(list(logs.glob("cortex-*"))) == 59
    assert {user for path in logs.glob("cortex-*") for user in users_in(path)} == {OTHER}
