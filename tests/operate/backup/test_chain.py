"""What is backed up comes back, by our commands and by those of others."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest
import store_kit
from store_kit import ledger, numbers, rows, verify

from cortex_otel.operate.backup.errors import BackupError, BackupSettingsError
from cortex_otel_exporters.sqlite import files, schema


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_database_and_logs_come_back(site, is_encrypted):
    site.is_encrypted = is_encrypted
    log = site.add_log()
    site.add_log("cortex-2026-01-04.001.jsonl.gz", b"\x1f\x8b")
    made = site.make()
    assert made.was_opened is not is_encrypted  # nothing needs a key
    restored = site.restore(to=site.directory / "beside")
    assert numbers(restored.database) == list(range(200))
    verify(restored.database)
    assert ledger(restored.database) == ledger(site.database)
    assert (restored.logs, restored.logs_kept) == (2, 0)
    assert (site.directory / "beside" / "logs" / log.name).read_bytes() == log.read_bytes()
    assert oct((site.directory / "beside").stat().st_mode)[-4:] == "0700"
    assert {oct(path.stat().st_mode)[-3:] for path in site.target.iterdir()} == {"600"}
    assert oct(restored.database.stat().st_mode)[-3:] == "600"
    # What is restored goes on being written.
    assert rows(restored.database, "PRAGMA journal_mode") == [("wal",)]


def test_with_the_private_key_at_hand_a_new_copy_is_opened(site):
    assert site.make(backup_identity=str(site.key)).was_opened


@pytest.mark.system
def test_the_stock_tools_open_a_copy(site, tmp_path):
    for tool in ("age", "zstd", "tar", "sha256sum"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} isn't installed")
    site.add_log()
    site.make()
    out = tmp_path / "by-hand"
    out.mkdir()
    command = f"age -d -i {site.key} {site.archive()} | zstd -d | tar x -C {out}"
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
    assert numbers(out / "cortex.db") == list(range(200))
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=out, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "contents.json: OK", "cortex.db: OK", "logs/cortex-2026-01-05.001.jsonl: OK",
    ]  # fmt: skip
    contents = json.loads((out / "contents.json").read_text())
    manifest = json.loads(site.manifest().read_text())
    assert contents.items() <= manifest.items()


@pytest.mark.system
def test_an_ssh_key_does_as_well(site, tmp_path):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen isn't installed")
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    made = site.make(backup_recipients=f"{site.public},{public}")
    assert made.manifest.encryption == "age"
    site.key = key
    assert site.restore(to=tmp_path / "beside").manifest == made.manifest


def test_any_one_of_the_keys_opens_a_copy(site, tmp_path):
    from cortex_otel.operate.backup.keys import new_key

    second = tmp_path / "second.key"
    site.make(backup_recipients=f"{site.public},{new_key(second)}")
    for key in (site.key, second):
        site.key = key
        site.restore(to=tmp_path / f"with-{key.name}")


def test_the_manifest_says_what_is_in_it_and_nothing_of_anybody(site):
    site.add_log("cortex-2026-01-05.001.jsonl", b"x" * 100)
    (site.home / "text-hash.key").write_bytes(b"k" * 32)
    site.make(time_zone="Asia/Seoul")
    text = site.manifest().read_text()
    manifest = json.loads(text)
    assert manifest["events"] == 200
    assert manifest["ledger"] == {"event": {"received": 200, "stored": 200}}
    assert manifest["schema"] == schema.SCHEMA_VERSION
    assert manifest["created"].endswith("+09:00")
    assert (manifest["logs"], manifest["log_bytes"]) == (1, 100)
    assert manifest["stored_bytes"] == site.archive().stat().st_size
    for secret in ("ab" * 32, str(site.home), site.public, "session-1", "kkkk", "search"):
        assert secret not in text


def test_no_key_is_in_a_copy(site, tmp_path):
    (site.home / "text-hash.key").write_bytes(b"k" * 32)
    (site.home / "admin.token").write_bytes(b"t" * 32)
    site.make(user_hash_key="the-hash-key")
    site.restore(to=tmp_path / "beside")
    assert {path.name for path in (tmp_path / "beside").iterdir()} == {"cortex.db"}
    for path in (tmp_path / "beside").iterdir():
        for secret in (b"k" * 32, b"t" * 32, b"the-hash-key"):
            assert secret not in path.read_bytes()


def test_links_and_strange_names_in_the_logs_are_left_out(site, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of another place")
    site.add_log()
    (site.home / "logs" / "cortex-2026-01-07.001.jsonl").symlink_to(secret)
    (site.home / "logs" / "cortex-2026-01-08.001.jsonl").mkdir()
    (site.home / "logs" / "a b\n.jsonl").write_text("hostile name")
    (site.home / "logs" / ".hidden.jsonl").write_text("of an editor")
    (site.home / "logs" / "cortex-2026-01-04.001.jsonl.gz.tmp").write_text("being compressed")
    (site.home / "logs" / ("x" * 200 + ".jsonl")).write_text("too long")
    assert site.make().manifest.logs == 1


def test_a_log_that_grows_while_it_is_read_is_as_long_as_it_was(site, tmp_path):
    log = site.add_log(content=b"1\n" * 10)
    from cortex_otel.operate.backup import making

    def grow(step, _done, _total):
        if step == "copy":
            log.write_bytes(b"1\n" * 20)

    making.make_copy(site.settings(), on_progress=grow)
    site.restore(to=tmp_path / "beside")
    assert (tmp_path / "beside" / "logs" / log.name).read_bytes() == b"1\n" * 10


# --- older schemas --------------------------------------------------------------------------------


@pytest.fixture
def older(monkeypatch):
    """As a version of schema 5."""

    def older():
        patched = pytest.MonkeyPatch()
        patched.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:5])
        patched.setattr(schema, "SCHEMA_VERSION", 5)
        return patched

    return older


def test_an_older_database_can_be_backed_up_and_is_upgraded_when_restored(tmp_path, older):
    site = sys.modules["backup_site"].Site(tmp_path)
    patched = older()
    site.fill()
    patched.undo()
    assert rows(site.database, "PRAGMA user_version") == [(5,)]
    assert site.make().manifest.schema == 5
    assert rows(site.database, "PRAGMA user_version") == [(5,)]  # left as it was
    restored = site.restore(to=tmp_path / "beside")
    assert rows(restored.database, "PRAGMA user_version") == [(schema.SCHEMA_VERSION,)]
    assert numbers(restored.database) == list(range(200))


def test_a_copy_of_a_newer_version_is_refused(site, tmp_path, older, monkeypatch):
    site.make()
    monkeypatch.setattr("cortex_otel.operate.backup.restoring.SCHEMA_VERSION", 5)
    with pytest.raises(BackupError, match="upgrade this one"):
        site.restore(to=tmp_path / "beside")
    assert not (tmp_path / "beside").exists()


def test_a_database_of_another_program_is_refused(site):
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    apsw.Connection(str(site.database)).execute("CREATE TABLE t (x)")
    from cortex_otel_exporters.sqlite.reader import StoreError

    with pytest.raises(StoreError):
        site.make()
    assert site.files() == []


# --- where it is restored -------------------------------------------------------------------------


def test_a_lost_home_comes_back_where_it_was(site):
    site.add_log()
    kept = site.add_log("cortex-2026-01-06.001.jsonl", b"of now\n")
    site.make()
    kept.write_bytes(b"of now, and more\n")
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    restored = site.restore()
    assert restored.database == site.database
    assert numbers(site.database) == list(range(200))
    assert (restored.logs, restored.logs_kept) == (0, 2)
    assert kept.read_bytes() == b"of now, and more\n"
    site.fill(10, start=200)
    verify(site.database)
    assert not list(site.home.glob(".restore-*"))


@pytest.mark.parametrize("left", ["cortex.db", "cortex.db-wal", "cortex.db-journal"])
def test_nothing_is_overwritten(site, left):
    site.make()
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    (site.home / left).write_bytes(b"something")
    with pytest.raises(BackupError, match="isn't overwritten"):
        site.restore()
    assert (site.home / left).read_bytes() == b"something"


def test_a_process_that_records_goes_on_in_the_restored_database(site):
    """It had the lost database open, and may have nothing to do with the restore."""
    site.make()
    writer = store_kit.PatientWriter(site.database)
    writer.submit(store_kit.record(1000))
    assert writer.force_flush()
    with pytest.raises(BackupError, match="isn't overwritten"):
        site.restore()
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    site.restore()
    writer.submit(store_kit.record(200))
    assert writer.shutdown()
    assert numbers(site.database) == list(range(201))
    verify(site.database)


def test_beside_means_an_empty_directory(site, tmp_path):
    site.make()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    with pytest.raises(BackupError, match="isn't empty"):
        site.restore(to=tmp_path / "full")
    with pytest.raises(BackupError, match="isn't a directory"):
        site.restore(to=tmp_path / "full" / "file")
    (tmp_path / "empty").mkdir()
    site.restore(to=tmp_path / "empty")


def test_a_process_that_records_may_be_faster(site, monkeypatch):
    site.make()
    site.add_log()
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    from cortex_otel.operate.backup import restoring

    def race(path, work=restoring.unpack_checked):
        def unpacked(*arguments):
            work(*arguments)
            site.fill(3)

        return unpacked

    monkeypatch.setattr(restoring, "unpack_checked", race(site))
    with pytest.raises(BackupError, match="isn't overwritten"):
        site.restore()
    assert numbers(site.database) == [0, 1, 2]


def test_a_key_may_come_through_a_pipe(site, tmp_path):
    """``--identity <(pass show backup)``; one that never ends isn't read to its end."""
    site.make()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=pipe.write_bytes, args=(site.key.read_bytes(),))
    thread.start()
    site.restore(to=tmp_path / "beside", identity=False, backup_identity=str(pipe))
    thread.join()
    with pytest.raises(BackupError, match="no private key that can be used"):
        site.restore(to=tmp_path / "other", identity=False, backup_identity="/dev/zero")


def test_an_encrypted_copy_needs_a_key(site, tmp_path):
    site.make()
    with pytest.raises(BackupSettingsError, match="--identity FILE"):
        site.restore(to=tmp_path / "beside", identity=False)
    assert not (tmp_path / "beside").exists()
    site.restore(to=tmp_path / "beside", identity=False, backup_identity=str(site.key))


@pytest.mark.parametrize("is_another_disk", [False, True])
def test_logs_come_back_to_where_they_are_read(site, tmp_path, monkeypatch, is_another_disk):
    elsewhere = tmp_path / "elsewhere" / "logs"
    site.overrides["log_file_directory"] = str(elsewhere)
    site.fill(10)
    elsewhere.mkdir(parents=True)
    name = "cortex-2026-01-05.001.jsonl"
    (elsewhere / name).write_bytes(b'{"level":"INFO"}\n')
    site.make()
    shutil.rmtree(site.home)
    shutil.rmtree(elsewhere)
    if is_another_disk:
        real = os.link

        def link(path, destination):
            if Path(destination).parent == elsewhere and "unfinished" not in str(path):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            real(path, destination)

        def rename(path, destination):
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", link)
        monkeypatch.setattr(Path, "rename", rename)
    assert site.restore().logs == 1
    assert [each.name for each in elsewhere.iterdir()] == [name]
    assert (elsewhere / name).read_bytes() == b'{"level":"INFO"}\n'
    assert stat.S_IMODE((elsewhere / name).stat().st_mode) == 0o600
    assert not (site.home / "logs").exists()
    # Beside, all of it is in one place.
    site.restore(to=tmp_path / "beside")
    assert (tmp_path / "beside" / "logs" / name).exists()


def test_a_disk_that_fills_while_a_copy_is_upgraded_is_one_line(tmp_path, older, monkeypatch):
    site = sys.modules["backup_site"].Site(tmp_path)
    patched = older()
    site.fill()
    patched.undo()
    site.make()
    shutil.rmtree(site.home)
    pragmas = files._CONNECTION_PRAGMAS
    monkeypatch.setattr(files, "_CONNECTION_PRAGMAS", f"{pragmas} PRAGMA max_page_count = 1;")
    with pytest.raises(BackupError, match="no space left for"):
        site.restore()
    assert not site.home.exists()
