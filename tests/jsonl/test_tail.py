from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from itertools import chain

import pytest
from log_kit import texts
from patience import PATIENCE
from store_kit import CONTEXT, SERIES, record

from cortex_otel.cli import main
from cortex_otel_exporters.jsonl.files import log_names
from cortex_otel_exporters.jsonl.log_file import LogFile
from cortex_otel_exporters.jsonl.policy import LogPolicy
from cortex_otel_exporters.jsonl.reader import LogMissingError, LogReader
from cortex_otel_exporters.jsonl.upkeep import compress

EVERY = lambda _: True  # noqa: E731 - short


def log_file(logs, max_bytes=10**8):
    return LogFile(LogPolicy(logs, max_bytes=max_bytes))


def numbers(found):
    return [line.fields["parameters"]["number"] for line in found]


def wrote(logs, count, max_bytes=3000):
    one = log_file(logs, max_bytes)
    for number in range(count):
        one.write([record(number)])
    return one


# --- the latest -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 7, 8, 40, 99, 100, 1000])
@pytest.mark.parametrize("compressed", [False, True])
def test_the_latest_over_several_files(logs, count, compressed):
    wrote(logs, 100)
    if compressed:
        assert compress(LogPolicy(logs)) > 5
    found = LogReader(logs, EVERY).latest(count)
    assert numbers(found) == list(range(100))[100 - min(count, 100) :]


def test_the_latest_of_those_that_are_wanted(logs):
    wrote(logs, 100)
    even = LogReader(logs, lambda line: line["parameters"]["number"] % 10 == 0)
    assert numbers(even.latest(4)) == [60, 70, 80, 90]


def test_of_one_file(logs):
    wrote(logs, 100)
    compress(LogPolicy(logs))
    names = log_names(logs)
    for name in (names[0], names[-1]):
        found = numbers(LogReader(logs / name.text, EVERY).latest(1000))
        assert found == sorted(found)
        assert len(found) < 20
    assert numbers(LogReader(logs / names[0].text, EVERY).latest(2))[0] < 10


@pytest.mark.parametrize("length", [0, 1, 65_535, 65_536, 65_537, 200_000, 3_000_000])
def test_what_is_no_line_is_passed_over_however_long(logs, length):
    wrote(logs, 3, 10**8)
    (name,) = log_names(logs)
    path = logs / name.text
    content = path.read_bytes()
    for garbage in (b"x" * length, b"[" * length, b"\xff" * length):
        path.write_bytes(garbage + b"\n" + content + garbage + b"\n\n" + content + garbage)
        reader = LogReader(logs, EVERY)
        assert numbers(reader.latest(10)) == [0, 1, 2, 0, 1, 2]
        assert numbers(reader.poll(10)) == []
        with path.open("ab") as file:
            file.write(b"\n" + content)
        followed = [*reader.poll(10), *reader.poll(10), *reader.poll(10), *reader.poll(10)]
        assert numbers(followed) == [0, 1, 2]


@pytest.mark.parametrize("line", ['{"timestamp":1}', "[]", "1", '"x"', "null", "{}"])
def test_other_json_is_no_line_of_ours(logs, line):
    wrote(logs, 1)
    (name,) = log_names(logs)
    with (logs / name.text).open("a") as file:
        file.write(f"{line}\n")
    assert numbers(LogReader(logs, EVERY).latest(10)) == [0]


def test_a_damaged_archive_is_read_as_far_as_it_goes(logs):
    wrote(logs, 40, 10**8)
    content = texts(logs)
    (name,) = log_names(logs)
    path = logs / name.text
    packed = gzip.compress(("\n".join(content) + "\n").encode())
    path.unlink()
    target = path.with_name(path.name + ".gz")
    for damaged in (packed[: len(packed) // 2], b"no archive", b"", packed[:-9] + b"123456789"):
        target.write_bytes(damaged)
        found = numbers(LogReader(logs, EVERY).latest(100))
        assert found == list(range(40))[: len(found)]


def test_without_a_log_it_says_so(logs):
    with pytest.raises(LogMissingError):
        LogReader(logs, EVERY).latest(1)
    logs.mkdir(parents=True)
    with pytest.raises(LogMissingError):
        LogReader(logs, EVERY).latest(1)
    with pytest.raises(LogMissingError):
        LogReader(logs / "nothing", EVERY).latest(1)


# --- what follows ---------------------------------------------------------------------------------


def test_following_across_rotation_and_compression(logs):
    one = wrote(logs, 10)
    reader = LogReader(logs, EVERY)
    assert numbers(reader.latest(2)) == [8, 9]
    seen = []
    for number in range(10, 200):
        one.write([record(number)])
        if number % 3 == 0:
            seen += numbers(reader.poll(100))
        if number % 50 == 0:
            compress(LogPolicy(logs))  # also of what wasn't read to its end
    seen += numbers(reader.poll(100))
    assert seen == list(range(10, 200))
    assert numbers(reader.poll(100)) == []


def test_a_poll_is_bounded_and_the_next_goes_on(logs):
    reader = LogReader(logs, EVERY)
    assert reader.poll(10) == []  # nothing there yet
    wrote(logs, 100)
    polled = [numbers(reader.poll(10)) for _ in range(12)]
    assert max(map(len, polled)) <= 10
    assert list(chain.from_iterable(polled)) == list(range(100))


def test_half_a_line_waits_for_its_end(logs):
    wrote(logs, 2, 10**8)
    (name,) = log_names(logs)
    path = logs / name.text
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    reader = LogReader(logs, EVERY)
    assert numbers(reader.latest(10)) == [0]
    with path.open("ab") as file:
        assert reader.poll(10) == []
        file.write(whole[-20:])
    assert numbers(reader.poll(10)) == [1]


def test_what_a_full_disk_took_back_is_not_shown_again(logs):
    wrote(logs, 3, 10**8)
    (name,) = log_names(logs)
    path = logs / name.text
    reader = LogReader(logs, EVERY)
    reader.latest(10)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - 100)
    assert reader.poll(10) == []
    log_file(logs).write([record(7)])  # cuts the half line off first
    assert numbers(reader.poll(10)) == [7]


def test_a_directory_that_was_deleted_begins_anew(logs):
    import shutil

    wrote(logs, 3)
    reader = LogReader(logs, EVERY)
    reader.latest(10)
    shutil.rmtree(logs)
    assert reader.poll(10) == []
    wrote(logs, 2)
    assert numbers(reader.poll(10)) == [0, 1]


# --- the command ----------------------------------------------------------------------------------


def said(capsys, *arguments):
    code = main(["tail", *arguments])
    return (code, *capsys.readouterr())


def test_lines_as_tail_shows_them(capsys, home, logs):
    failed = SERIES._replace(result="error", level="ERROR", error_type="KeyError")
    log_file(logs).write(
        [record(0), record(1, series=failed, error_message="KeyError at app:\x1b[2J:3")]
    )
    code, out, errors = said(capsys, "--file", "--home", str(home))
    assert (code, errors) == (0, "")
    first, second = out.splitlines()
    assert "mcp.tool_call" in first
    assert "abababab" in first
    assert "5.0 ms" in first
    assert second.endswith("KeyError KeyError at app:?[2J:3")


def test_json_is_the_line_as_it_is(capsys, home, logs):
    log_file(logs).write([record(0), record(1, context=CONTEXT._replace(project_id="한글"))])
    _, out, _ = said(capsys, "--file", "--json", "--home", str(home))
    assert out.splitlines() == texts(logs)
    assert json.loads(out.splitlines()[1])["metadata"]["project_id"] == "한글"


def test_filters(capsys, home, logs):
    paid = SERIES._replace(user_tier="paid", service="web", event_type="mcp.search_context")
    log_file(logs).write(
        [
            record(0),
            record(1, series=paid),
            record(2, user_id_hash="cd" * 32),
            record(3, user_id_hash=""),
        ]
    )

    def shown(*arguments):
        _, out, _ = said(capsys, "--file", "--json", "--home", str(home), *arguments)
        return [json.loads(line)["parameters"]["number"] for line in out.splitlines()]

    assert shown() == [0, 1, 2, 3]
    assert shown("--tier", "paid") == shown("--service", "web") == [1]
    assert shown("--type", "mcp.search_context") == [1]
    assert shown("--user", "CDcd") == [2]
    assert shown("--tier", "free", "-n", "2") == [2, 3]


def test_a_path_of_a_file_or_of_another_directory(capsys, logs, tmp_path):
    log_file(logs).write([record(0)])
    (name,) = log_names(logs)
    for path in (logs, logs / name.text):
        code, out, _ = said(capsys, "--home", str(tmp_path / "none"), "--json", "--file", str(path))
        assert (code, out.splitlines()) == (0, texts(logs))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--file"], "CORTEX_OTEL_LOG_FILE=true makes servers write one"),
        (["--file", "nowhere"], "no log file at nowhere"),
        (["--file", "nowhere/at.all"], "no log file at nowhere/at.all"),
    ],
)
def test_without_a_log_one_line_says_what_to_do(capsys, home, arguments, message):
    code, out, errors = said(capsys, *arguments, "--home", str(home))
    assert (code, out) == (1, "")
    assert message in errors
    assert len(errors.splitlines()) == 1


def test_a_log_that_cannot_be_read(capsys, home, logs, monkeypatch):
    log_file(logs).write([record(0)])

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cortex_otel_exporters.jsonl.reader.os.pread", refuse)
    code, out, errors = said(capsys, "--file", "--home", str(home))
    assert (code, out) == (1, "")
    assert "can't be read: Permission denied" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.system
def test_following_until_ctrl_c(home, logs):
    process = subprocess.Popen(
        [sys.executable, "-m", "cortex_otel.cli", "tail", "-f", "--file", "--json", "--home", home],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert "Waiting for" in process.stderr.readline()
        one = log_file(logs, 1500)
        for number in range(20):  # over several files
            one.write([record(number)])
            line = json.loads(process.stdout.readline())
            assert line["parameters"]["number"] == number
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 130
    finally:
        process.kill()
        process.communicate()
