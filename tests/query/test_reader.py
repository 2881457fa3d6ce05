from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import apsw
import pytest
import seeding

from cortex_otel_exporters.sqlite import schema
from cortex_otel_exporters.sqlite.reader import (
    StoreError,
    StoreMissingError,
    StoreNewerError,
    StoreUnreadableError,
    data_version,
    open_reader,
)


def test_no_file(tmp_path):
    with pytest.raises(StoreMissingError, match="cortex-otel demo") as caught:
        open_reader(tmp_path / "none" / "cortex.db")
    assert caught.value.reason == "missing"
    assert not (tmp_path / "none").exists()


def test_a_file_that_no_writer_filled_yet(tmp_path):
    (tmp_path / "cortex.db").touch()
    with pytest.raises(StoreMissingError):
        open_reader(tmp_path / "cortex.db")


def test_a_newer_file(tmp_path):
    path = seeding.build(tmp_path / "cortex.db", [])
    with apsw.Connection(str(path)) as writer:
        writer.pragma("user_version", schema.SCHEMA_VERSION + 1)
    writer.close()
    with pytest.raises(StoreNewerError, match="upgrade cortex-otel"):
        open_reader(path)


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 300, b"SQLite format 3\0" + b"x" * 9000]
)
def test_no_database(tmp_path, content):
    (tmp_path / "cortex.db").write_bytes(content)
    with pytest.raises(StoreUnreadableError, match="damaged") as caught:
        open_reader(tmp_path / "cortex.db")
    assert caught.value.reason == "damaged"


def test_a_database_of_another_program(tmp_path):
    with apsw.Connection(str(tmp_path / "cortex.db")) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(StoreUnreadableError, match="not a database of cortex-otel"):
        open_reader(tmp_path / "cortex.db")


def test_a_directory(tmp_path):
    with pytest.raises(StoreUnreadableError, match="is a directory"):
        open_reader(tmp_path)


def test_a_locked_file(tmp_path):
    path = seeding.build(tmp_path / "cortex.db", [])
    writer = apsw.Connection(str(path))
    writer.pragma("locking_mode", "EXCLUSIVE")
    writer.pragma("journal_mode", "DELETE")
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnreadableError, match="try again") as caught:
        open_reader(path, timeout_ms=10)
    assert caught.value.reason == "locked"
    writer.close()


def test_a_name_that_means_something_in_a_uri(tmp_path):
    path = seeding.build(tmp_path / "a?mode=rwc&b#c%20d" / "cortex.db", [])
    connection = open_reader(path)
    assert connection.execute("SELECT count(*) FROM events").get == 0
    connection.close()


def test_commits_of_others_change_the_data_version(tmp_path):
    path = seeding.build(tmp_path / "cortex.db", [])
    reader, writer = open_reader(path), apsw.Connection(str(path))
    before = data_version(reader)
    assert data_version(reader) == before
    writer.execute("INSERT INTO store VALUES ('x', 1)")
    assert data_version(reader) != before
    reader.close()
    writer.close()


def test_a_file_that_is_damaged_while_it_is_followed_is_a_store_error(tmp_path):
    path = seeding.build(tmp_path / "cortex.db", [])
    reader = open_reader(path)
    data_version(reader)
    path.write_bytes(b"x" * 8192)
    with pytest.raises(StoreUnreadableError):
        data_version(reader)
    reader.close()


_AS_NOBODY = """
import os
from cortex_otel_exporters.sqlite.reader import StoreError, open_reader
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(open_reader(sys.argv[1]).execute("SELECT count(*) FROM events").get)
except StoreError as error:
    print(error.reason)
"""


@pytest.mark.system
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    ("modes", "writing", "expected"),
    [
        ((0o755, 0o644), False, "0"),  # may read, but can't make the -shm file
        ((0o755, 0o600), False, "no_permission"),
        ((0o700, 0o600), False, "no_permission"),
        ((0o755, 0o644), True, "cannot_open"),  # a -wal whose -shm is gone
    ],
)
def test_another_user(modes, writing, expected):
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = seeding.build(Path(directory) / "store" / "cortex.db", [])
        if writing:
            (path.parent / "cortex.db-wal").write_bytes(b"x" * 64)
        path.parent.chmod(modes[0])
        path.chmod(modes[1])
        code = f"import sys; sys.path[:0] = {sys.path!r}\n{_AS_NOBODY}"
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
        )
    assert (done.stdout.strip(), done.stderr) == (expected, "")


def test_the_tree():
    for kind in (StoreMissingError, StoreNewerError, StoreUnreadableError):
        assert issubclass(kind, StoreError)


_WITHOUT_ROOM = """
import pathlib, resource, sys
from cortex_otel_exporters.sqlite.reader import StoreError, open_reader
# No file grows any more: as on a full disk, the -shm file can't be made.
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    print(open_reader(pathlib.Path(sys.argv[1])).execute("SELECT count(*) FROM events").get)
except StoreError as error:
    print(error.reason)
"""


@pytest.mark.system
@pytest.mark.skipif(sys.platform == "win32", reason="needs limits")
def test_a_full_disk_that_nobody_writes_to_can_be_read(tmp_path):
    path = seeding.build(tmp_path / "cortex.db", [])

    def read():
        command = [sys.executable, "-c", _WITHOUT_ROOM, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    for left in ("-wal", "-shm"):
        path.with_name(f"cortex.db{left}").unlink(missing_ok=True)
    assert read() == "0"
    # What is in a log can't be seen without an index of it.
    path.with_name("cortex.db-shm").unlink(missing_ok=True)
    path.with_name("cortex.db-wal").write_bytes(b"x" * 8192)
    assert read() != "0"
