"""A file is there as a whole, or as it was; and what is left of one goes."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from store_kit import end, start, wait_for

from cortex_otel_exporters import disk
from cortex_otel_exporters.disk import UNFINISHED, write_new, write_whole, writing


def names(directory):
    return sorted(each.name for each in directory.iterdir())


def test_a_file_is_private_and_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"older")
    path.chmod(0o644)
    with writing(path) as file:
        file.write(b"newer")
        assert path.read_bytes() == b"older"
        assert [stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob(".*")] == [0o600]
    assert path.read_bytes() == b"newer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_whole(path, b"others may read it", mode=0o644)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~_umask()
    assert names(tmp_path) == ["file"]


def _umask():
    before = os.umask(0)
    os.umask(before)
    return before


@pytest.mark.parametrize("call", ["fsync", "write", "rename"])
def test_what_was_there_stays_if_it_cant_be_written(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    path.write_bytes(b"older")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    if call == "rename":
        monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(OSError, match="No space") as error, writing(path) as file:  # noqa: PT012
        file.write(b"newer")
        if call == "write":
            full()
    assert error.value.filename == str(path)
    assert (names(tmp_path), path.read_bytes()) == (["file"], b"older")


def test_a_new_file_replaces_nothing(tmp_path):
    path = tmp_path / "file"
    write_new(path, b"first")
    with pytest.raises(FileExistsError) as error:
        write_new(path, b"second")
    assert error.value.filename == str(path)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "link", b"second")
    other = writing(tmp_path / "other", is_new=True)
    with pytest.raises(FileExistsError) as error, other as file:  # noqa: PT012
        file.write(b"mine")
        (tmp_path / "other").write_bytes(b"faster")
    assert error.value.filename == str(tmp_path / "other")
    assert (path.read_bytes(), (tmp_path / "other").read_bytes()) == (b"first", b"faster")
    assert names(tmp_path) == ["file", "link", "other"]


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def without(*_):
        raise PermissionError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", without)
    write_new(tmp_path / "file", b"first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "file", b"second")
    assert (names(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], b"first")


def test_what_isnt_a_file_is_not_renamed_over(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="not a regular file"):
        write_whole(tmp_path / "pipe", b"")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_link_beside_it_isnt_followed(tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.write_bytes(b"theirs")
    monkeypatch.setattr(os, "urandom", lambda _: b"\0" * 8)
    (tmp_path / f".{'00' * 8}{UNFINISHED}").symlink_to(other)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "file", b"mine")
    assert other.read_bytes() == b"theirs"


@pytest.mark.system
def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    code = """
    from cortex_otel_exporters.disk import writing
    with writing(path / "file") as file:
        file.write(b"half")
        file.flush()
        time.sleep(600)
    """
    process = start(code, tmp_path)
    wait_for(lambda: [each for each in tmp_path.iterdir() if each.stat().st_size])
    write_whole(tmp_path / "another", b"")
    assert len(names(tmp_path)) == 2
    process.kill()
    end(process, quiet=False)
    write_whole(tmp_path / "another", b"")
    assert names(tmp_path) == ["another"]


def test_where_files_cant_be_locked_age_tells(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def without(*_):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", without)
    old, new = (tmp_path / f".{name}{UNFINISHED}" for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (1, 1))
    write_whole(tmp_path / "file", b"")
    assert names(tmp_path) == [new.name, "file"]


def test_one_that_was_taken_for_left_is_begun_again(tmp_path, monkeypatch):
    real, begun = disk._lock, []

    def lock(descriptor):
        if not begun:
            begun.append(next(tmp_path.glob(f".*{UNFINISHED}")))
            begun[0].unlink()
        return real(descriptor)

    monkeypatch.setattr(disk, "_lock", lock)
    write_whole(tmp_path / "file", b"whole")
    assert (names(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], b"whole")
