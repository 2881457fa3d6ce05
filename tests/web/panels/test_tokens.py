"""The token of an installation: created once; valid for one run only if it can't be stored."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from cortex_otel.settings import read_environment
from cortex_otel.show.web.tokens import TOKEN_FILE, token_of


def settings_of(home):
    return read_environment({"CORTEX_OTEL_HOME": str(home)})


def test_two_that_begin_at_once_have_the_same_token(tmp_path):
    for number in range(20):
        settings = settings_of(tmp_path / str(number))
        gate, found = threading.Barrier(4), []

        def begin(settings=settings, gate=gate, found=found):
            gate.wait()
            found.append(token_of(settings))

        threads = [threading.Thread(target=begin) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1
        assert os.listdir(settings.home) == [TOKEN_FILE]  # noqa: PTH208 - names alone


def test_its_file_and_directory_are_their_owners_alone(tmp_path):
    settings = settings_of(tmp_path / "new" / "home")
    mask = os.umask(0)
    try:
        token = token_of(settings)
    finally:
        os.umask(mask)
    assert len(token) >= 40
    path = settings.home / TOKEN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content", ["", "short\n", "with a space in it, and long enough\n", "é" * 20]
)
def test_a_file_without_a_valid_token_is_replaced(tmp_path, content):
    path = tmp_path / TOKEN_FILE
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    token = token_of(settings_of(tmp_path))
    assert path.read_text(encoding="ascii").strip() == token != content.strip()


def test_where_no_file_can_be_the_token_is_of_this_run(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="ascii")
    settings = settings_of(blocked / "home")
    first, second = token_of(settings), token_of(settings)
    assert len(first) >= 40
    assert first != second
    assert "ends with this run" in caplog.text
    assert first not in caplog.text


def test_where_no_mode_is_kept_the_token_is_of_this_run(tmp_path, caplog, monkeypatch):
    """As on the drives of Windows in WSL."""
    monkeypatch.setattr("os.fstat", lambda _: os.stat_result((0o100777, *[0] * 9)))
    first, second = token_of(settings_of(tmp_path)), token_of(settings_of(tmp_path))
    assert len(first) >= 40
    assert first != second
    assert "readable by others" in caplog.text
