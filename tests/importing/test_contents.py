"""Files that are no logs: one line that says what each is; and logs in whatever encoding."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import sqlite3
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
from import_kit import call, events, home, text

from cortex_otel.operate.importing.contents import content_of

GOOD = text(call(1))
#: In the middle of what is no text: lines that begin as JSON does.
BAIT = b'\n{"a": 1}\n[\n'


def _sqlite(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [(BAIT,)] * 500)
        connection.commit()


def _zip(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.jsonl", GOOD * 5)


def _tar_gz(path):
    with tarfile.open(path, "w:gz") as file:
        member = tarfile.TarInfo("a.jsonl")
        member.size = len(GOOD)
        file.addfile(member, io.BytesIO(GOOD.encode()))


def _bytes(content):
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_sqlite, "is a SQLite database, no log: cortex-otel backup and restore"),
        (_bytes(b"age-encryption.org/v1\n-> X25519 a\n" + BAIT), "cortex-otel restore opens"),
        (_bytes(b"\x28\xb5\x2f\xfd\1\2" + BAIT), "zstdcat file | cortex-otel import -"),
        (_bytes(b"BZh91AY&SY\1\2\3\4\5\6" + BAIT), "bzcat file | cortex-otel import -"),
        (_zip, "is a zip archive: unpack it"),
        (_tar_gz, "is a tar archive: unpack it"),
        (_bytes(b"\x89PNG\r\n\x1a\n\0\0" + BAIT), "is a PNG image"),
        (_bytes(b"%PDF-1.7\n" + BAIT), "is a PDF document"),
        (_bytes(Path(sys.executable).read_bytes()[:300_000] + BAIT), "is a program"),
        (_bytes(random.Random(1).randbytes(3000) + BAIT), "isn't text"),
        (_bytes(BAIT + bytes(range(256)) * 20), "isn't text"),
        (_bytes(GOOD.encode("utf-16-le")), "isn't text"),  # without a mark nobody can know
        (_bytes(json.dumps([call(1)], indent=2).encode()), "is JSON over several lines"),
        (_bytes(json.dumps(call(1), indent=4).encode()), "jq -c . file | cortex-otel import -"),
    ],
)
def test_what_is_no_log_is_called_what_it_is(run, logs, make, said):
    make(logs / "file")
    (logs / "good.jsonl").write_text(GOOD)
    good = logs / "good.jsonl"
    for arguments in ([good], [good, "--format", "log"], ["--format", "csv"]):
        run("import", logs / "file", *arguments, code=1)
        assert said in run.errors
        assert run.errors.count("\n") == 1
    assert not home().exists(), "nothing of any file is imported"
    # Among the logs of a directory it is left alone.
    (logs / "file").rename(logs / "file.log")
    report = run("migrate", logs)
    assert (report["imported"], report["other_files"], report["refused"]) == (1, 1, {})


KOREAN = text(call(1, tool_name="검색", message="찾을 수 없습니다"))


@pytest.mark.parametrize(
    "content",
    [
        KOREAN.encode(),
        KOREAN.encode("cp949") * 3,
        KOREAN.encode("utf-16"),
        KOREAN.replace("\n", "\r\n").encode("utf-16"),
        b"\xef\xbb\xbf" + KOREAN.encode(),
        text(call(1, tool_name="café", message="naïve")).encode("latin-1"),
        text(call(1, message="\x1b[31mred\x1b[0m")).encode(),
        bytes(4096) + KOREAN.encode(),
        KOREAN.encode() + bytes(70_001) + KOREAN.encode() + bytes(513),
        gzip.compress(bytes(512) + KOREAN.encode("cp949")),
        b"BZh, MZ: what the log begins with\n" + KOREAN.encode(),
    ],
)
def test_logs_of_other_encodings_are_read(run, logs, content):
    (logs / "a.jsonl").write_bytes(content)
    run("import", logs / "a.jsonl")
    assert set(events("event_type")) == {"mcp.tool_call"}


def test_a_table_in_cp949(run, logs):
    table = "time,event,tool_name,memo\n2025-03-01T10:00:00Z,mcp.tool_call,t,가나다라마바사아\n"
    (logs / "a.csv").write_bytes(table.encode("cp949"))
    assert run("import", logs / "a.csv")["imported"] == 1


def test_devices(run, logs):
    for command in ("import", "migrate"):
        run(command, "/dev/zero", code=1)
        assert run.errors == "cortex-otel: zero isn't a regular file\n"
    assert run("import", os.devnull)["lines"] == 0


def test_a_pipe_that_begins_with_half_a_line(run, logs):
    pipe = logs / "pipe"
    os.mkfifo(pipe)
    table = b"when,event,tool\n2025-03-01T10:00:00Z,mcp.tool_call,t\n"

    def write():
        with pipe.open("wb", buffering=0) as file:
            for byte in table:
                file.write(bytes([byte]))

    thread = threading.Thread(target=write)
    thread.start()
    report = run("import", pipe, "--map", "when=time,tool=tool_name")
    thread.join()
    assert (report["lines"], report["imported"]) == (1, 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_sqlite, "is no log file of cortex-otel"),
        (_tar_gz, "is no log file of cortex-otel"),
        (os.mkfifo, "isn't a regular file"),
    ],
)
def test_tail_of_what_is_no_log(run, logs, make, said):
    make(logs / "file")
    assert run.plainly("tail", "--file", logs / "file", code=1) == ""
    assert said in run.errors
    assert run.errors.count("\n") == 1


def test_a_sample_that_ends_anywhere_is_text():
    line = "서비스 " * 200
    for encoding in ("utf-8", "cp949"):
        content = f'{{"a": "{line}"}}\n'.encode(encoding)
        assert all(content_of(content[:end]) is None for end in range(len(content)))
