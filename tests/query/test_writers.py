from __future__ import annotations

import json
import os

import pytest

from cortex_otel.query.writers import process_exists, read_writers

FULL = {
    "pid": os.getpid(), "service": "mcp", "started_ns": 5, "updated_ns": 9, "received": 10,
    "stored": 6, "sampled_out": 1, "dropped": {"queue_full": 3}, "queued": 2,
    "trouble": "disk_full", "faults": {"sink.submit": 1}, "notes": ["x=y makes no sense"],
}  # fmt: skip


def test_no_directory(tmp_path):
    assert read_writers(tmp_path / "none") == []


def test_a_padded_file_is_read(tmp_path):
    (tmp_path / "writers").mkdir()
    (tmp_path / "writers" / "1-5.json").write_text(json.dumps(FULL).ljust(2048))
    (state,) = read_writers(tmp_path)
    assert state.alive
    assert state.notes == ("x=y makes no sense",)
    assert {key: getattr(state, key) for key in FULL if key != "notes"} == {
        key: value for key, value in FULL.items() if key != "notes"
    }


def test_dead_processes_come_last(tmp_path):
    (tmp_path / "writers").mkdir()
    for number, pid in enumerate((2**22 + 5, os.getpid())):
        (tmp_path / "writers" / f"{number}.json").write_text(json.dumps({"pid": pid}))
    assert [state.alive for state in read_writers(tmp_path)] == [True, False]


@pytest.mark.parametrize(
    "content",
    [
        b"", b" " * 2048, b"\0" * 64, b"{", b"\xff\xfe", b"[]", b"3", b'{"pid": "1"}',
        b'{"pid": -1}', b'{"pid": true}', b"[" * 100_000, b'{"pid": 1, "stored"',
    ],
)  # fmt: skip
def test_garbage_is_skipped(tmp_path, content):
    (tmp_path / "writers").mkdir()
    (tmp_path / "writers" / "1-1.json").write_bytes(content)
    (tmp_path / "writers" / "2-1.json").mkdir()
    assert read_writers(tmp_path) == []


def test_odd_values_are_replaced(tmp_path):
    (tmp_path / "writers").mkdir()
    odd = {
        "pid": os.getpid(), "service": 3, "stored": "6", "dropped": [1], "queued": -4,
        "faults": {"a": "b", "c": 2}, "notes": "no list", "trouble": None,
    }  # fmt: skip
    (tmp_path / "writers" / "1-1.json").write_text(json.dumps(odd))
    (state,) = read_writers(tmp_path)
    assert (state.service, state.stored, state.dropped, state.queued) == ("", 0, {}, 0)
    assert (state.faults, state.notes, state.trouble) == ({"c": 2}, (), "")


@pytest.mark.parametrize(
    ("pid", "exists"),
    [(os.getpid(), True), (1, True), (0, False), (1 << 70, False)],
    ids=["this", "the first", "none", "beyond"],
)
def test_processes(pid, exists):
    assert process_exists(pid) is exists
