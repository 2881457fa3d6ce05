from __future__ import annotations

import os
import shutil
import stat

import pytest
from store_kit import count, numbers, record, verify

from cortex_otel_exporters.sqlite.files import open_for_writing


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nobody_else_may_read_it(tmp_path, make_writer, umask):
    path = tmp_path / "above" / "home" / "cortex.db"
    writer = make_writer(path)
    writer.submit(record())
    assert writer.force_flush()
    assert {mode(directory) for directory in (path.parent.parent, path.parent)} == {0o700}
    assert mode(path.parent / "writers") == 0o700
    files = [file for file in path.parent.rglob("*") if file.is_file()]
    assert {file.name.partition("cortex.db")[2] for file in files} >= {"", "-wal", "-shm"}
    assert {file.name: mode(file) for file in files} == {file.name: 0o600 for file in files}


def test_a_directory_that_is_there_keeps_its_mode(home, path, writer):
    home.mkdir(mode=0o750)
    writer.submit(record())
    assert writer.force_flush()
    assert mode(home) == 0o750
    assert mode(path) == 0o600


def delete_database(path):
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def delete_file_alone(path):
    path.unlink()


def delete_home(path):
    shutil.rmtree(path.parent)


def rename_home(path):
    path.parent.rename(path.parent.with_name("elsewhere"))


def replace_by_another(path):
    other = path.with_name("other.db")
    open_for_writing(other).close()
    delete_database(path)
    other.rename(path)


@pytest.mark.parametrize(
    "change",
    [delete_database, delete_file_alone, delete_home, rename_home, replace_by_another],
)
def test_a_database_that_is_removed_is_recreated_and_nothing_later_is_lost(path, writer, change):
    for number in range(5):
        writer.submit(record(number))
    assert writer.force_flush()
    change(path)
    for number in range(10, 15):
        writer.submit(record(number))
        assert writer.force_flush(), writer.trouble
    assert numbers(path)[-5:] == list(range(10, 15))
    assert writer.shutdown()
    assert numbers(path)[-5:] == list(range(10, 15))
    if change is not delete_file_alone:  # that leaves the log of the old one, for SQLite to judge
        assert count(path) == 5
        verify(path)


def test_the_old_file_is_closed_without_harm_to_the_new_ones_log(path, make_writer):
    """SQLite deletes a log by its name: it must not be that of the new database."""
    first, second = make_writer(), make_writer()
    for writer in (first, second):
        writer.submit(record(0))
        assert writer.force_flush()
    aside = path.with_name("aside.db")
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    second.submit(record(1))
    assert second.force_flush()
    first.submit(record(2))
    assert first.force_flush()
    second.submit(record(3))
    assert second.force_flush()
    assert numbers(path) == [1, 2, 3]
    assert numbers(aside) == [0, 0]
    verify(path)
    verify(aside)
