"""A new key of user hashes: from the next start on, nobody without the old key can join the two."""

from __future__ import annotations

import errno
import hashlib
import hmac
import itertools
import os
import stat

import pytest

from cortex_otel import cli, guard
from cortex_otel.identity import IdentityResolver
from cortex_otel.settings import read_environment


@pytest.fixture
def run(home, capsys, monkeypatch):
    def run_command(*arguments):
        code = cli.main(["rotate-key", *arguments, "--home", str(home)])
        return code, *capsys.readouterr()

    monkeypatch.delenv("CORTEX_OTEL_USER_HASH_KEY", raising=False)
    return run_command


def hash_of(home, **more):
    return IdentityResolver(read_environment({}, overrides={"home": str(home), **more})).hash_user(
        "ann"
    )


def test_from_now_on_the_hash_is_another_and_the_old_key_tells_the_old_one(home, tmp_path, run):
    plain = hashlib.sha256(b"ann").hexdigest()
    assert hash_of(home) == plain
    code, out, _ = run("--forget-old")
    assert (code, "no key before" in out) == (0, True)
    first = hash_of(home)
    file = home / "user-hash.key"
    key = file.read_bytes().strip()
    assert first == hmac.new(key, b"ann", hashlib.sha256).hexdigest() != plain
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key.decode() not in out
    old = tmp_path / "old.key"
    assert run("--keep-old", str(old))[0] == 0
    assert old.read_bytes().strip() == key
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    assert hash_of(home) not in {plain, first}
    assert [each.name for each in home.iterdir()] == ["user-hash.key"]


def test_the_settings_win_and_are_not_ours_to_change(home, run, monkeypatch):
    run("--forget-old")
    key = (home / "user-hash.key").read_bytes()
    assert hash_of(home, user_hash_key="k" * 20) != hash_of(home)
    monkeypatch.setenv("CORTEX_OTEL_USER_HASH_KEY", "k" * 20)
    code, _, problem = run("--forget-old")
    assert (code, "CORTEX_OTEL_USER_HASH_KEY" in problem) == (1, True)
    assert (home / "user-hash.key").read_bytes() == key


def test_nothing_is_changed_where_the_old_key_cant_be_kept(home, tmp_path, run):
    run("--forget-old")
    key = (home / "user-hash.key").read_bytes()
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert run("--keep-old", str(taken))[0] == 2
    assert run("--keep-old", str(tmp_path / "no" / "where"))[0] == 1
    with pytest.raises(SystemExit):
        run()
    assert (home / "user-hash.key").read_bytes() == key
    assert taken.read_text() == "mine"


@pytest.mark.parametrize("fails_at", [1, 2, 3])  # the old one's file, its directory, the new one
def test_nothing_is_changed_where_the_new_key_cant_be_written(
    home, tmp_path, run, monkeypatch, fails_at
):
    run("--forget-old")
    key = (home / "user-hash.key").read_bytes()
    real, calls = os.fsync, itertools.count(1)

    def full(descriptor):
        if next(calls) >= fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    code, _, problem = run("--keep-old", str(tmp_path / "old.key"))
    assert (code, "No space left on device" in problem) == (1, True)
    assert not (tmp_path / "old.key").exists()
    assert (home / "user-hash.key").read_bytes() == key
    assert [each.name for each in home.iterdir()] == ["user-hash.key"]


def test_where_there_was_no_key_none_is_kept(home, tmp_path, run):
    old = tmp_path / "old.key"
    code, out, _ = run("--keep-old", str(old))
    assert (code, "no key before" in out, old.exists()) == (0, True, False)
    assert (home / "user-hash.key").exists()


@pytest.mark.parametrize("content", [b"", b" \n\t\n"])
def test_an_empty_key_is_a_damaged_one_and_makes_no_plain_hash(
    home, capsys, caplog, monkeypatch, content
):
    monkeypatch.delenv("CORTEX_OTEL_USER_HASH_KEY", raising=False)
    monkeypatch.setattr(guard, "_warned", set())
    home.mkdir(parents=True, exist_ok=True)
    (home / "user-hash.key").write_bytes(content)
    with caplog.at_level("WARNING"):
        made = {hash_of(home), hash_of(home)}
    assert len(made) == 2
    assert hashlib.sha256(b"ann").hexdigest() not in made
    assert "user-hash.key is empty" in caplog.text
    assert cli.main(["status", "--home", str(home)]) == 0
    assert "user-hash.key has no key" in capsys.readouterr().out


def test_a_key_that_cant_be_read_makes_no_plain_hash(home, monkeypatch):
    noted = []
    monkeypatch.setattr(guard, "swallowed", lambda *of: noted.append(of))
    (home / "user-hash.key").mkdir(parents=True)
    assert hash_of(home) != hashlib.sha256(b"ann").hexdigest()
    assert noted
