"""What was imported is imported once: twice the same, copies, growth, cuts, retention, a kill."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys

import apsw
import pytest
from import_kit import call, events, home, own, refused, text
from patience import wait_for
from store_kit import verify

LINES = [call(number, tool_name=f"tool-{number % 7}") for number in range(3000)]


def test_twice_adds_nothing(run, logs):
    (logs / "a.jsonl").write_text(text(*LINES, "nonsense", call(1, event_type="heartbeat")))
    first = run("migrate", logs)
    assert first["imported"] == 3000
    assert first["refused"] == {"not_json": 1, "unknown_event": 1}
    listed = refused()
    second = run("migrate", logs)
    assert (second["imported"], second["duplicates"]) == (0, 3000)
    assert second["refused"] == first["refused"]
    assert refused() == listed == [
        ("a.jsonl", "3001", "not_json"), ("a.jsonl", "3002", "unknown_event"),
    ]  # fmt: skip
    assert len(events("id")) == 3000
    verify(home() / "cortex.db")


def test_copies_add_nothing(run, logs):
    whole = text(*LINES)
    (logs / "a.jsonl").write_text(whole)
    (logs / "renamed.log.1").write_text(whole)
    (logs / "a.jsonl.gz").write_bytes(gzip.compress(whole.encode()))
    (logs / "windows.jsonl").write_text("\ufeff" + whole.replace("\n", "\r\n"), newline="")
    (logs / "windows-16.jsonl").write_bytes(whole.encode("utf-16"))
    report = run("migrate", logs)
    assert (report["files"], report["imported"], report["duplicates"]) == (5, 3000, 12_000)


@pytest.mark.parametrize("without_events", [False, True])
def test_parts_and_joined_copies_add_nothing(run, logs, tmp_path, without_events):
    """Rotated, split, joined, in any order; the whole ones also when no event is left."""
    (logs / "a.jsonl").write_text(text(*LINES[:1700]))
    (logs / "b.jsonl").write_text(text(*LINES[1700:]))
    run("migrate", logs)
    if without_events:
        forget_events()
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "all.jsonl").write_text(text(*LINES))
    (copies / "turned.jsonl").write_text(text(*LINES[1700:], *LINES[:1700]))
    if not without_events:
        for start in range(0, 3000, 333):
            (copies / f"part-{start}.jsonl").write_text(text(*LINES[start : start + 333]))
        shuffled = random.Random(7).sample(LINES, len(LINES))
        (copies / "shuffled.jsonl").write_text(text(*shuffled))
    report = run("migrate", copies)
    assert report["imported"] == 0
    assert report["duplicates"] == 3000 * (2 if without_events else 4)


def forget_events():
    """As retention does: raw events go, roll-ups stay."""
    connection = apsw.Connection(str(home() / "cortex.db"))
    connection.execute("DELETE FROM events; DELETE FROM received_events").fetchall()
    connection.close()


def test_a_file_that_grows(run, logs):
    path = logs / "a.jsonl"
    at = 0
    for size in (1, 250, 251, 1400, 3000):
        path.write_text(text(*LINES[:size]))
        forgetful = at == 251
        if forgetful:
            forget_events()
        report = run("migrate", path)
        assert (report["imported"], report["duplicates"]) == (size - at, at)
        at = size
    assert len(events("id")) == 3000 - 251


def test_half_a_line_is_left_for_the_next_run(run, logs):
    path = logs / "a.jsonl"
    whole = text(*LINES[:10])
    path.write_text(whole[:-30])
    report = run("migrate", logs)
    assert (report["lines"], report["imported"], report["incomplete_lines"]) == (9, 9, 1)
    assert refused() == []
    path.write_text(whole)
    assert run("migrate", logs)["imported"] == 1


def test_equal_lines_of_a_file_are_several(run, logs):
    """Ten equal lines are ten events, at any place of the file; and once more they are none."""
    equal = call(5)
    some = [call(number) for number in range(10, 1500)]
    (logs / "a.jsonl").write_text(text(*[equal] * 10, *some, *[call(3000)] * 1300))
    report = run("migrate", logs)
    assert (report["imported"], report["duplicates"]) == (10 + 1490 + 1300, 0)
    assert run("migrate", logs)["imported"] == 0
    (logs / "other.jsonl").write_text(text(*[equal] * 10))
    assert run("migrate", logs / "other.jsonl")["imported"] == 0
    (logs / "more.jsonl").write_text(text(*[equal] * 12))
    assert run("migrate", logs / "more.jsonl")["imported"] == 2


def test_a_line_that_a_later_version_knows(run, logs, monkeypatch):
    """What was refused is tried again, and nothing else."""
    from cortex_otel.operate.importing import events as module

    (logs / "a.jsonl").write_text(text(*LINES[:5], call(9, event_type="tool_used_up"), LINES[6]))
    assert run("migrate", logs)["imported"] == 6
    forget_events()
    monkeypatch.setattr(
        module, "EVENT_TYPES", {**module.EVENT_TYPES, "toolusedup": "mcp.tool_call"}
    )
    report = run("migrate", logs)
    assert (report["imported"], report["duplicates"], report["refused"]) == (1, 6, {})
    report = run("migrate", logs)
    assert (report["imported"], report["duplicates"]) == (0, 7)


def test_our_own_log_of_what_is_here(run, logs):
    """What this store recorded itself isn't doubled by its log, nor by its export."""
    from store_kit import CONTEXT, SERIES, USER, Writer, record

    writer = Writer(home() / "cortex.db")
    at = 1_740_823_200_123_456_789
    for number in range(5):
        assert writer.submit(record(number, time_unix_nano=at + number * 1000, context=CONTEXT))
    assert writer.force_flush(60_000)
    writer.shutdown(60_000)
    lines = [
        own(
            timestamp=f"2025-03-01T10:00:00.{123456789 + number * 1000}Z",
            event_type="mcp.tool_call", tool_name=SERIES.tool_name, user_tier=SERIES.user_tier,
            user_id_hash=USER, duration_ms=5.0, parameters={},
        )
        for number in range(6)
    ]  # fmt: skip
    (logs / "own.jsonl").write_text(text(*lines))
    report = run("import", logs / "own.jsonl")
    assert (report["imported"], report["duplicates"]) == (1, 5)
    exported = run.plainly("query", "events", "--since", "all", "--format", "csv")
    (logs / "own.csv").write_text(exported)
    report = run("import", logs / "own.csv")
    assert (report["lines"], report["imported"], report["duplicates"]) == (6, 0, 6)
    verify(home() / "cortex.db")


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_ended_in_the_middle_it_goes_on(run, tmp_path, number):
    path = tmp_path / "a.jsonl"
    path.write_text(text(*(call(at) for at in range(8000))))
    process = subprocess.Popen(
        [sys.executable, "-m", "cortex_otel.cli", "import", str(path)],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    wait_for(lambda: (home() / "cortex.db").exists() and pieces() > 2)
    process.send_signal(number)
    said, errors = process.communicate()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "stopped; all up to line" in errors
        assert "a.jsonl is stored, and the same command goes on there" in errors
        assert "Imported" in said
    stored = len(events("id"))
    assert 0 < stored < 8000
    verify(home() / "cortex.db")
    report = run("import", path)
    assert (report["imported"], report["duplicates"]) == (8000 - stored, stored)
    verify(home() / "cortex.db")


def pieces():
    connection = apsw.Connection(str(home() / "cortex.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("SELECT count(*) FROM imported_pieces").get
    except apsw.Error:
        return 0
    finally:
        connection.close()


@pytest.mark.system
def test_two_at_once(run, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(text(*LINES))
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "cortex_otel.cli", "import", str(path)],
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in started:
        process.communicate()
        assert process.returncode == 0
    assert len(events("id")) == 3000
    verify(home() / "cortex.db")
    assert run("import", path)["imported"] == 0
