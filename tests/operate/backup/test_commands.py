"""The commands: one line for what is wrong, an exit code, and silence in a pipe."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest
from backup_site import state_of
from patience import wait_for

from cortex_otel import cli
from cortex_otel.operate.backup.job import BACKUP
from cortex_otel.operate.job import JobError
from cortex_otel.operate.jobs import JOBS
from cortex_otel.settings import SettingError, read_environment


@pytest.fixture
def run(site, monkeypatch, capsys):
    """The command line in this process: exit code, stdout, stderr."""

    def run(*arguments, **environment):
        for name, value in site.environment(**environment).items():
            if name.startswith("CORTEX_OTEL_"):
                monkeypatch.setenv(name, value)
        try:
            code = cli.main([*map(str, arguments)])
        except SystemExit as exit_:
            code = exit_.code
        return (code, *capsys.readouterr())

    return run


def test_a_backup_and_its_restore(site, run):
    code, out, err = run("backup")
    assert (code, err) == (0, "")
    assert "200 events, 0 log files" in out
    assert "only its private key can open it" in out
    code, out, err = run("backup", "--list")
    assert (code, err) == (0, "")
    (name,) = [line.split()[0] for line in out.splitlines()[1:]]
    assert site.manifest().stem == name
    code, out, err = run("restore", name, "--to", site.directory / "b", "--identity", site.key)
    assert (code, err) == (0, "")
    assert str(site.directory / "b" / "cortex.db") in out
    assert "CORTEX_OTEL_USER_HASH_KEY" in out


def test_json(site, run):
    code, out, _ = run("backup", "--json", CORTEX_OTEL_BACKUP_IDENTITY=str(site.key))
    made = json.loads(out)
    assert (code, made["events"], made["opened"], made["encryption"]) == (0, 200, True, "age")
    (listed,) = json.loads(run("backup", "--list", "--json")[1])
    assert listed["name"] == made["name"]
    assert listed["is_whole"]
    assert listed["is_of_this_home"]
    out = run("restore", "--json", "--to", site.directory / "b", "--identity", site.key)[1]
    assert json.loads(out)["events"] == 200


def test_an_unencrypted_one_says_so_each_time(site, run):
    site.is_encrypted = False
    code, out, err = run("backup")
    assert code == 0
    assert err.startswith("cortex-otel: this backup isn't encrypted")
    assert "opened, and its database checked" in out
    assert "none" in run("backup", "--list")[1]


def test_a_new_key(site, run):
    path = site.directory / "new.key"
    code, out, err = run("backup", "--new-key", path)
    assert code == 0
    assert out.startswith("age1")
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert f"# public key: {out}" in path.read_text()
    secret = path.read_text().splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY-1")
    assert secret not in out + err
    before = path.read_text()
    code, out, err = run("backup", "--new-key", path)
    assert (code, out) == (1, "")
    assert "already exists" in err
    assert path.read_text() == before
    assert run("backup", "--new-key", site.directory / "no" / "new.key")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["backup"], {"CORTEX_OTEL_BACKUP_TARGET": ""}, 2, "no target: set CORTEX_OTEL_BACKUP_T"),
        (["restore"], {"CORTEX_OTEL_BACKUP_TARGET": ""}, 2, "no target: set CORTEX_OTEL_BACKUP_T"),
        (["backup"], {"CORTEX_OTEL_BACKUP_TARGET": "/nowhere/at/all"}, 1, "no directory at"),
        (
            ["backup"],
            {"CORTEX_OTEL_BACKUP_TARGET": "rel-SECRET"},
            2,
            "[hidden] is not valid: it is a relative path",
        ),
        (
            ["backup"],
            {"CORTEX_OTEL_BACKUP_RECIPIENTS": "age1" + "q" * 58},
            2,
            "key 1 isn't a publi",
        ),
        (["backup"], {"CORTEX_OTEL_BACKUP_KEEP": "hourly=3"}, 2, "CORTEX_OTEL_BACKUP_KEEP"),
        (["backup"], {"CORTEX_OTEL_BACKUP_IDENTITY": "/no/key"}, 1, "no identity file at /no/key"),
        (["backup", "--list", "--first"], {}, 2, "not allowed with"),
        (["restore", "cortex-otel-x", "--to", "beside"], {}, 1, "no backup 'cortex-otel-x'"),
        (["restore", "--to", "beside"], {}, 1, "no whole backup"),
        (["restore"], {}, 1, "isn't overwritten"),
    ],
)
def test_what_is_wrong_is_one_line(site, run, arguments, environment, code, message):  # noqa: PLR0917
    before = state_of(site.directory)
    found, out, err = run(*arguments, **environment)
    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
    assert state_of(site.directory) == before


def test_no_database_yet(site, run):
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    code, out, err = run("backup")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no database at" in err


def test_missing_packages_are_named(site, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrage", None)
    for command in (["backup"], ["backup", "--list"], ["backup", "--new-key", "k"], ["restore"]):
        code, out, err = run(*command)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "[backup]" in err
    with pytest.raises(JobError, match=r"\[backup\]"):
        BACKUP.run(site.settings())


@pytest.mark.system
def test_progress_on_a_terminal(site):
    """A pipe has none: every other test here shows that."""
    site.add_ballast(20 << 20)
    # From the first moment on: this machine may be done before it would be shown.
    command = (
        "import sys; from cortex_otel import cli; from cortex_otel.commands import progress;"
        "progress._SECONDS_UNTIL_SHOWN = 0; sys.exit(cli.main(['backup']))"
    )
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        env=site.environment(), stderr=secondary, stdout=subprocess.PIPE,
    )  # fmt: skip
    os.close(secondary)
    seen = b""

    def ended():
        nonlocal seen
        try:
            seen += os.read(primary, 65536)
        except OSError:
            return True
        return False

    wait_for(ended)
    os.close(primary)
    assert process.wait() == 0
    assert process.stdout.read().count(b"\n") == 2
    process.stdout.close()
    assert b"%" in seen
    assert seen.endswith(b"\r\x1b[K")


# --- the job --------------------------------------------------------------------------------------


def test_the_job(site):
    assert BACKUP in JOBS
    assert BACKUP.is_on(site.settings())
    assert not BACKUP.is_on(read_environment({}))
    line = BACKUP.run(site.settings())
    assert site.manifest().stem in line
    assert "200 events" in line
    assert "encrypted" in line
    assert "\n" not in line
    for path in site.home.glob("cortex.db*"):
        path.unlink()
    with pytest.raises(JobError, match="no database at CORTEX_OTEL_HOME") as caught:
        BACKUP.run(site.settings())
    assert str(site.home) not in str(caught.value)
    site.target.rename(site.directory / "unmounted")
    with pytest.raises(JobError, match="mount its disk"):
        BACKUP.run(site.settings())


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("backup_target", "s3://Bucket"), ("backup_target", "gs://b/c"),
        ("backup_target", "s3://key:secret@bucket/x"), ("backup_target", "s3://bucket/../x"),
        ("backup_target", "s3://bucket/a b"), ("backup_target", "s3://bucket//x"),
        ("backup_target", "https://user:secret@host/"), ("backup_target", "./here"),
        ("backup_recipients", "AGE-SECRET-KEY-1QQQ"), ("backup_recipients", "age1short"),
        ("backup_recipients", "ssh-dss AAAA"), ("backup_endpoint", "http://u:secret@h"),
        ("backup_keep", "daily"), ("backup_keep", "daily=-1"), ("backup_keep", "daily=1,daily=2"),
        ("backup_keep", "yearly=1"),
    ],
)  # fmt: skip
def test_senseless_settings_are_told_without_their_value(name, text):
    variable = f"CORTEX_OTEL_{name.upper()}"
    with pytest.raises(SettingError) as caught:
        read_environment({variable: text})
    assert variable in str(caught.value)
    if name != "backup_keep":
        assert text not in str(caught.value)


def test_settings():
    settings = read_environment(
        {
            "CORTEX_OTEL_BACKUP_TARGET": "s3://my-bucket/a/b/",
            "CORTEX_OTEL_BACKUP_RECIPIENTS": "ssh-ed25519 " + "A" * 68 + " kim@secret-host",
            "CORTEX_OTEL_BACKUP_KEEP": "daily=2, monthly=1",
        }
    )
    assert settings.backup_target == "s3://my-bucket/a/b"
    assert settings.backup_recipients == ("ssh-ed25519 " + "A" * 68,)
    assert settings.backup_keep == {"daily": 2, "monthly": 1}
    assert "my-bucket" not in repr(settings)
    assert read_environment({}).backup_keep == {"daily": 7, "weekly": 4, "monthly": 12}
    assert read_environment(overrides={"backup_keep": {"daily": 3}}).backup_keep == {"daily": 3}
    assert read_environment({"CORTEX_OTEL_BACKUP_TARGET": "~/b/"}).backup_target.endswith("/b")
