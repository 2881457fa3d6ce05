"""Bad input costs itself alone, and says what to do."""

from __future__ import annotations

import gzip
import json
import os
import random
import stat

import apsw
import pytest
from import_kit import call, events, home, own, refused, text
from store_kit import held

from cortex_otel.operate.importing import sources, target
from cortex_otel_exporters.sqlite.schema import APPLICATION_ID

GOOD = text(call(1))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "is a directory: name its files, or use cortex-otel migrate"),
        (lambda path: path.write_bytes(random.Random(3).randbytes(5000)), "isn't text"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(5000)), "is a SQLite database"),
        (lambda path: path.write_text("just some prose\n" * 5), "is neither JSON lines"),
        (lambda path: path.write_text('"","",""\n'), "has no header line with names"),
        (lambda path: path.write_text('time,event,"na"me"\n'), "the header line can't be read"),
        (lambda path: path.write_text(f"time,event,{'x' * 200_000}\n"), "the header line can't be"),
        (lambda path: path.write_text("time,event,a\rb\n1,2,3\n"), "the header line can't be"),
    ],
)  # fmt: skip
def test_a_file_that_is_none(run, logs, make, said):
    path = logs / "file"
    make(path)
    (logs / "good.jsonl").write_text(GOOD)
    run("import", logs / "good.jsonl", path, code=2 if "header line" in said else 1)
    assert said in run.errors
    assert run.errors.count("\n") == 1
    assert not home().exists(), "nothing of any file is imported"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(run, logs):
    (logs / "a.jsonl").write_text(GOOD)
    (logs / "a.jsonl").chmod(0)
    run("import", logs / "a.jsonl", code=1)
    assert "no permission to read it" in run.errors


def test_no_permission_and_io_errors(run, logs, monkeypatch):
    (logs / "a.jsonl").write_text(GOOD)
    (logs / "b.jsonl").write_text(GOOD)
    real = sources.io.FileIO

    def refuse(path, *arguments):
        if path.endswith("a.jsonl"):
            raise PermissionError
        return real(path, *arguments)

    monkeypatch.setattr(sources.io, "FileIO", refuse)
    run("import", logs / "a.jsonl", code=1)
    assert "no permission to read it" in run.errors
    report = run("migrate", logs)
    assert report["imported"] == 1
    assert report["unreadable"] == [{"file": "a.jsonl", "reason": "no_permission"}]


def test_an_empty_file(run, logs):
    for name in ("a.jsonl", "b.csv"):
        (logs / name).write_text("")
        assert run("import", logs / name)["lines"] == 0
    (logs / "c.jsonl.gz").write_bytes(gzip.compress(b""))
    (logs / "d.jsonl").write_text("\n\n \r\n")
    assert run("migrate", logs)["lines"] == 0


def test_lines_of_every_badness(run, logs):
    nan = json.dumps(call(3, duration_ms=float("nan")))
    lines = [
        text(call(1)).encode(),
        b"\0" * 4096 + b"\n",  # what a crash leaves
        b"\0\0" + text(call(2)).encode(),
        nan.encode() + b"\r\n",
        b'{"timestamp": 1740823204, "event": "x", "event": "tool_call", "tool_name": "t"}\n',
        b'{"timestamp": 1740823205, "event_type": "tool_call", "tool_name": "\xff\xfe"}\n',
        b'{"timestamp": 1740823206, "event_type": "tool_call", "tool_name": "a\\ud800"}\n',
        b"[" * 100_000 + b"\n",
        b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n",
        b"\x80\x81\x82\n",
        b"Traceback (most recent call last):\n",
        text(call(7, data={"": 1, "x" * 100_000: 2, "a": "y" * 1_000_000})).encode(),
        text(call(8, weight=-1, duration_ms=1e300)).encode(),
        text(call(9, tool_name="t" * 100_000)).encode(),
        text(call(10, user_id={"a": 1}, session_id=[1], success=...)).encode(),
        text(own(11, parameters={str(n): "z" * 1000 for n in range(1000)})).encode(),
        text(call(12)).encode(),
    ]  # fmt: skip
    (logs / "a.jsonl").write_bytes(b"".join(lines))
    report = run("migrate", logs)
    assert report["imported"] == 12
    assert report["refused"] == {"not_json": 3, "no_time": 1}
    assert [number for _, number, _ in refused()] == ["8", "9", "10", "11"]
    assert report["values_left_out"] == {"duration": 2}
    assert len(events("id")) == 12


def test_a_line_of_fifty_megabytes(run, logs):
    import tracemalloc

    with (logs / "a.jsonl").open("w") as file:
        file.write(text(call(1)))
        for _ in range(50):
            file.write("x" * 1_000_000)
        file.write("\n" + text(call(2)))
        for _ in range(50):
            file.write("y" * 1_000_000)
    tracemalloc.start()
    report = run("migrate", logs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report["imported"], report["refused"]) == (2, {"too_long": 2})
    assert refused() == [("a.jsonl", "2", "too_long"), ("a.jsonl", "4", "too_long")]
    assert peak < 80e6


def test_gzip_that_is_cut_or_damaged(run, logs):
    whole = gzip.compress(text(*(call(number) for number in range(5000))).encode())
    (logs / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0xFF
    (logs / "broken.jsonl.gz").write_bytes(broken)
    (logs / "none.jsonl.gz").write_bytes(whole[:5])
    report = run("migrate", logs)
    reasons = {one["file"]: one["reason"] for one in report["unreadable"]}
    assert reasons["cut.jsonl.gz"] == reasons["none.jsonl.gz"] == "gzip_cut"
    assert reasons["broken.jsonl.gz"] == "gzip_damaged"
    assert 500 < report["imported"] < 5000
    run.plainly("migrate", logs)
    assert "cut.jsonl.gz: the compressed file ends too early; what there was is taken" in run.errors
    assert "broken.jsonl.gz: the compressed file is damaged; nothing of it is taken" in run.errors
    run("import", logs / "broken.jsonl.gz", code=1)
    (logs / "cut.jsonl.gz").write_bytes(whole)
    again = run("import", logs / "cut.jsonl.gz")
    assert again["imported"] + report["imported"] == 5000


def test_other_files_beside_the_logs(run, logs):
    (logs / "a.jsonl").write_text(GOOD)
    (logs / "notes.txt").write_text("remember the milk\n")
    (logs / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    os.mkfifo(logs / "pipe.log")
    (logs / "link.log").symlink_to(logs / "a.jsonl")
    (logs / "dangling.log").symlink_to(logs / "gone.jsonl")
    (logs / "loop").symlink_to(logs)
    below = logs / "alpha" / "2025"
    below.mkdir(parents=True)
    (below / "b.jsonl.2025-03-01.gz").write_bytes(gzip.compress(text(call(2)).encode()))
    report = run("migrate", logs)
    assert (report["imported"], report["duplicates"], report["other_files"]) == (2, 1, 1)


def test_hostile_names_of_files(run, logs):
    name = "a\n\t\x1b[31mred\udc80.jsonl"
    try:
        (logs / name).write_text("nonsense\n{}\n")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    assert run("migrate", logs)["refused"] == {"not_json": 1, "no_time": 1}
    assert [len(line) for line in refused()] == [3, 3]
    listed = (home() / "refused-lines.tsv").read_bytes()
    assert b"\x1b" not in listed
    assert listed.count(b"\n") == 3


def test_a_directory_that_is_none(run, logs):
    run("migrate", logs / "nowhere", code=1)
    assert run.errors == "cortex-otel: nowhere: there is no such file\n"
    run("migrate", code=1)  # ~/.cortex/logs, as long as the tests have a home of their own
    run("migrate", "a\0b", code=1)


@pytest.mark.parametrize("command", ["migrate", "import"])
def test_a_database_that_can_not_be_used(run, logs, command):
    (logs / "a.jsonl").write_text(GOOD)
    home().mkdir()
    path = home() / "cortex.db"
    for sql, said in (
        (f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 999", "newer"),
        ("CREATE TABLE t (a)", "isn't a cortex-otel database"),
    ):
        path.unlink(missing_ok=True)
        connection = apsw.Connection(str(path))
        connection.execute(sql).fetchall()
        connection.close()
        before = path.read_bytes()
        run(command, logs / "a.jsonl", code=1)
        assert said in run.errors
        assert run.errors.count("\n") == 1
        assert path.read_bytes() == before
    path.write_bytes(b"nonsense" * 1000)
    run(command, logs / "a.jsonl", code=1)
    assert "damaged" in run.errors
    assert path.read_bytes() == b"nonsense" * 1000


def test_senseless_options(run, logs):
    (logs / "a.jsonl").write_text(GOOD)
    run("import", logs / "a.jsonl", "--time-zone", "Mars/Olympus", code=2)
    assert "is no time zone" in run.errors
    run("import", "-", "-", code=2)
    assert "stdin can be read only once" in run.errors
    run("import", code=2)
    run("import", logs / "a.jsonl", "--format", "parquet", code=2)
    assert not home().exists()


def test_a_dry_run_changes_nothing(run, logs):
    (logs / "a.jsonl").write_text(text(call(1), call(2), "x", call(1)))
    (logs / "b.jsonl").write_text(text(call(1), call(2), "x", call(1)))
    report = run("migrate", logs, "--dry-run")
    assert (report["imported"], report["duplicates"], report["refused"]) == (3, 3, {"not_json": 2})
    assert not home().exists()
    run("import", logs / "a.jsonl")
    (logs / "a.jsonl").write_text(text(call(1), call(5)))
    before = {
        path: path.read_bytes() for path in home().iterdir() if path.suffix in {".db", ".tsv"}
    }
    report = run("migrate", logs, "--dry-run")
    assert (report["imported"], report["duplicates"]) == (1, 4)
    assert {path: path.read_bytes() for path in before} == before
    report = run("migrate", logs)
    assert (report["imported"], report["duplicates"]) == (1, 4)


def test_a_database_that_stays_locked(run, logs, monkeypatch):
    (logs / "a.jsonl").write_text(text(call(1)))
    run("migrate", logs)
    (logs / "a.jsonl").write_text(text(call(1), call(2)))
    monkeypatch.setattr(target, "_LOCKED_FOR_SECONDS", 0.2)
    with held(home() / "cortex.db"):
        run("migrate", logs, code=1)
    assert "another process keeps the database locked; nothing was imported" in run.errors
    assert run("migrate", logs)["imported"] == 1


def test_private_files(run, logs):
    (logs / "a.jsonl").write_text("nonsense\n" + GOOD)
    run("migrate", logs)
    assert stat.S_IMODE(home().stat().st_mode) == 0o700
    for path in home().iterdir():
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    (logs / "a.jsonl").write_text(GOOD)
    run("migrate", logs)
    assert not (home() / "refused-lines.tsv").exists(), "of the run before"
