"""Against a real S3 server, over lines that break."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess

import pytest
from backup_site import state_of
from s3_server import KEY, SECRET, Proxy
from store_kit import numbers, start, verify

from cortex_otel.operate.backup import making, s3
from cortex_otel.operate.backup.aws_profile import credentials
from cortex_otel.operate.backup.errors import BackupError, BackupSettingsError

# The first of them builds the server.
pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture
def impatient(monkeypatch):
    """A line that is down is given up soon."""
    monkeypatch.setattr(s3, "_RETRIES", 1)
    monkeypatch.setattr(s3, "_REQUEST_SECONDS", 5)


def test_there_and_back(s3_site, s3, tmp_path):
    s3_site.add_ballast()  # several parts
    made = s3_site.make(backup_identity=str(s3_site.key))
    assert made.was_opened
    name = f"some/prefix/{made.manifest.name}"
    assert s3.objects() == {f"{name}.json", f"{name}.tar.zst.age"}
    restored = s3_site.restore(to=tmp_path / "beside")
    verify(restored.database)
    assert numbers(restored.database) == list(range(200))
    ballast = tmp_path / "beside" / "logs" / "cortex-2026-01-03.001.jsonl"
    assert (
        ballast.read_bytes() == (s3_site.home / "logs" / "cortex-2026-01-03.001.jsonl").read_bytes()
    )


def test_what_is_stored_is_opened_by_the_stock_tools(s3_site, s3, tmp_path):
    if shutil.which("age") is None or shutil.which("zstd") is None:
        pytest.skip("age or zstd isn't installed")
    made = s3_site.make()
    stored = s3.directory / "bucket" / "some" / "prefix" / f"{made.manifest.name}.tar.zst.age"
    command = f"age -d -i {s3_site.key} {stored} | zstd -d | tar x -C {tmp_path} cortex.db"
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
    assert numbers(tmp_path / "cortex.db") == list(range(200))


def test_foreign_objects_stay(s3_site, s3, monkeypatch):
    bucket = s3.directory / "bucket"
    foreign = {
        "other.txt", "some/prefix/photo.jpg", "some/prefix/deeper/cortex-otel-notes.json",
        "some/prefix/cortex-otel-abcdefabcdef-000001-20200101T000000Z.json",
        "some/prefix/cortex-otel-abcdefabcdef-000001-20200101T000000Z.tar.zst.age",
    }  # fmt: skip
    for name in foreign:
        (bucket / name).parent.mkdir(parents=True, exist_ok=True)
        (bucket / name).write_text("foreign")
    first, second = s3_site.make(backup_keep=""), s3_site.make(backup_keep="daily=1")
    assert second.deleted == 1
    names = {f"some/prefix/{second.manifest.name}{end}" for end in (".json", ".tar.zst.age")}
    assert s3.objects() == foreign | names
    assert first.manifest.name not in str(s3.objects())


def test_the_whole_bucket_is_a_target_too(s3_site, s3, tmp_path):
    made = s3_site.make(backup_target="s3://bucket")
    assert f"{made.manifest.name}.json" in s3.objects()
    s3_site.restore(to=tmp_path / "beside", backup_target="s3://bucket/")


def test_a_line_that_is_cut_in_the_middle_of_an_upload(s3_site, s3, impatient):
    s3_site.add_ballast()
    s3_site.make()
    before = s3.objects()
    proxy = Proxy(s3.port, cut_after=12 << 20)  # in the second part
    with pytest.raises(BackupError, match="broke off"):
        s3_site.make(backup_endpoint=proxy.endpoint)
    assert proxy.has_cut.is_set()
    proxy.end()
    assert s3.objects() == before
    assert not list(s3_site.home.glob(".backup-*"))
    s3_site.make(backup_keep="daily=1")  # the next one is as if nothing had been
    assert len(s3.objects()) == 2
    assert not s3.objects() & before


def test_a_line_that_is_cut_while_reading_back(s3_site, s3, impatient):
    """All is there but the manifest: no copy, until one is made."""
    s3_site.add_ballast()
    proxies = []

    def cut(step, done, total):
        if step == "store" and done == total:
            proxies[0].left = 3000  # enough to complete the upload, not to ask for all of it

    proxies.append(Proxy(s3.port, cut_after=1 << 40))
    s3_site.overrides["backup_endpoint"] = proxies[0].endpoint
    with pytest.raises(BackupError):
        making.make_copy(s3_site.settings(), on_progress=cut)
    proxies[0].end()
    assert not [name for name in s3.objects() if name.endswith(".json")]
    s3_site.overrides["backup_endpoint"] = s3.endpoint
    with pytest.raises(BackupError, match="no whole backup"):
        s3_site.restore(to=s3_site.directory / "beside")
    s3_site.make()
    assert len(s3.objects()) == 2  # what was left is gone


def test_a_server_that_is_killed_in_the_middle(s3_site, s3, impatient):
    s3_site.add_ballast()
    before = state_of(s3_site.home)

    def kill(step, done, _total):
        if step == "store" and s3.process.poll() is None:
            s3.process.send_signal(signal.SIGKILL)
            s3.process.wait()

    with pytest.raises(BackupError, match="broke off"):
        making.make_copy(s3_site.settings(), on_progress=kill)
    assert s3.objects() == set()
    after = state_of(s3_site.home)
    assert {name for name in after if after[name] != before.get(name)} <= {
        "backup.json", "backup.lock", "cortex.db-shm", "cortex.db-wal",
    }  # fmt: skip


def test_killed_in_the_middle_of_an_upload(s3_site, s3):
    s3_site.add_ballast()
    code = """
    import sys
    from cortex_otel.operate.backup.making import make_copy
    from cortex_otel.settings import read_environment

    def on_progress(step, done, total):
        if step == "store":
            print("there", flush=True)
            sys.stdin.read()

    make_copy(read_environment(), on_progress=on_progress)
    """
    process = start(code, "-", env=remote(s3_site, s3))
    assert process.stdout.readline() == "there\n"
    process.kill()
    process.wait()
    assert s3.objects() == set()
    s3_site.make()
    assert len(s3.objects()) == 2
    assert not list(s3_site.home.glob(".backup-*"))


def test_ctrl_c_during_a_request_that_hangs(s3_site, s3):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        environment = remote(s3_site, s3)
        environment["CORTEX_OTEL_BACKUP_ENDPOINT"] = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        process = start(
            "from cortex_otel.cli import main\nsys.exit(main(['backup']))", "-", env=environment
        )
        connection, _ = deaf.accept()
        assert connection.recv(100).startswith(b"GET /bucket")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        connection.close()


def remote(site, s3):
    return {
        "CORTEX_OTEL_HOME": str(site.home), "CORTEX_OTEL_BACKUP_TARGET": "s3://bucket/some/prefix",
        "CORTEX_OTEL_BACKUP_RECIPIENTS": site.public,
        "CORTEX_OTEL_BACKUP_ENDPOINT": s3.endpoint,
        "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong-but-secret"}, "refuses these credentials"),
        ({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "(HTTP 404 XAdminUserNotFound)"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no credentials for S3"),
        ({"CORTEX_OTEL_BACKUP_TARGET": "s3://no-such-bucket"}, "isn't there, or no longer"),
    ],
)
def test_what_is_refused_is_told_without_secrets(s3_site, s3, changes, message):
    done = s3_site.run("backup", **remote(s3_site, s3) | changes)
    assert done.returncode == 1
    assert message in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    for secret in (KEY, SECRET, "wrong-but-secret", "AKIANOBODY", s3_site.public):
        assert secret not in done.stderr


def test_credentials_are_nowhere_on_the_disk(s3_site, s3):
    s3_site.run("backup", **remote(s3_site, s3))
    assert len(s3.objects()) == 2
    for path in s3_site.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.encode() not in content
            assert KEY.encode() not in content


def test_a_profile(s3_site, s3, tmp_path, monkeypatch):
    file = tmp_path / "credentials"
    file.write_text(f"[work]\naws_access_key_id = {KEY}\naws_secret_access_key={SECRET}\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    with pytest.raises(BackupError, match="no credentials"):
        s3_site.make()
    monkeypatch.setenv("AWS_PROFILE", "work")
    s3_site.make()
    assert len(s3.objects()) == 2


def test_regions_of_profiles(tmp_path):
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id=A\naws_secret_access_key=B\naws_session_token=C\n"
    )
    (tmp_path / "config").write_text("[default]\nregion=ap-northeast-2\n[profile x]\nregion=y\n")
    environ = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }
    found = {"access_key_id": "A", "secret_access_key": "B", "session_token": "C"}
    assert credentials(environ) == found | {"region": "ap-northeast-2"}
    assert credentials(environ | {"AWS_REGION": "z"}) == found
    (tmp_path / "credentials").write_text("garbage \x00")
    with pytest.raises(BackupError):
        credentials(environ)


def test_a_bucket_needs_encryption(s3_site, s3):
    s3_site.is_encrypted = False
    with pytest.raises(BackupSettingsError, match="must be encrypted"):
        s3_site.make()
    assert s3.objects() == set()


def test_nothing_that_is_stored_can_be_read_without_the_key(s3_site, s3):
    s3_site.make()
    stored = b"".join(path.read_bytes() for path in s3.directory.rglob("*") if path.is_file())
    for canary in (b"ab" * 32, b"session-1", b"SQLite format 3", b"mcp.tool_call"):
        assert canary in s3_site.database.read_bytes() or canary == b"mcp.tool_call"
        assert canary not in stored
    assert not re.search(rb"/tmp/|/home/", stored)


def test_a_listing_of_more_than_one_page(s3_site, s3):
    prefix = s3.directory / "bucket" / "some" / "prefix"
    prefix.mkdir(parents=True)
    for number in range(1100):
        (prefix / f"aaa-{number}.txt").touch()
    made = s3_site.make()
    done = s3_site.run("backup", "--list", "--json", **remote(s3_site, s3))
    assert [copy["name"] for copy in json.loads(done.stdout)] == [made.manifest.name]
