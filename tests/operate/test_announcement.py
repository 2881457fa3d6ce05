"""What a running ``serve`` has set, for a shell with another environment."""

from __future__ import annotations

import pytest

from cortex_otel import cli
from cortex_otel.operate.announcement import Announcement, announced
from cortex_otel.settings import read_environment

SECRET = "wEbHoOkSeCrEt0123456789"


@pytest.fixture
def home(tmp_path, monkeypatch):
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(path))
    return path


@pytest.fixture
def serve(home, tmp_path):
    """Another environment: what ``serve`` runs with."""
    started = []

    def start(**settings):
        environ = {"CORTEX_OTEL_HOME": str(home)} | settings
        started.append(Announcement(read_environment(environ)))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()


def test_names_are_said_and_no_values(home, serve, tmp_path):
    running = serve(
        CORTEX_OTEL_SLACK_WEBHOOK_URL=f"https://hooks.example/{SECRET}",
        CORTEX_OTEL_BACKUP_TARGET=str(tmp_path / SECRET),
        CORTEX_OTEL_REPORT="false",
    )
    said = announced(home)
    assert said.runs_jobs
    assert said.off["report"] == ("CORTEX_OTEL_REPORT",)
    assert "backup" not in said.off
    assert said.channels == ("slack",)
    (file,) = home.glob("serve.json")
    assert SECRET not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    serve()  # another one: the first is asked
    assert announced(home) == said
    running.stop()
    assert announced(home) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}', b"\xff", b"[" * 2000])
def test_garbage_is_nobody(home, serve, content):
    running = serve()
    (home / "serve.json").write_bytes(content)
    assert announced(home) is None
    running.stop()
    assert announced(home) is None


def test_commands_say_that_serve_has_what_they_miss(home, serve, capsys, tmp_path):
    commands = (["alerts", "test"], ["backup", "--list"], ["jobs", "run", "backup"])

    def said(arguments):
        assert cli.main(arguments) != 0
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return err

    assert not any("has it" in said(each) for each in commands)
    serve()
    assert not any("has it" in said(each) for each in commands)


def test_where_serve_has_it(home, serve, capsys, tmp_path):
    serve(
        CORTEX_OTEL_SLACK_WEBHOOK_URL=f"https://hooks.example/{SECRET}",
        CORTEX_OTEL_BACKUP_TARGET=str(tmp_path),
    )
    for arguments in (["alerts", "test"], ["backup", "--list"], ["jobs", "run", "backup"]):
        assert cli.main(arguments) != 0
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "has it: give this shell its environment" in err
        assert SECRET not in err
