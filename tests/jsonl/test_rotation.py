from __future__ import annotations

import fcntl
import time

import pytest
from log_kit import assert_equal_rows, lines, texts
from store_kit import end, ledger, record, rows, start

from cortex_otel_exporters.jsonl.files import Appender, LogName, log_name, log_names
from cortex_otel_exporters.jsonl.log_file import LogFile
from cortex_otel_exporters.jsonl.policy import LogPolicy
from cortex_otel_exporters.jsonl.upkeep import compress

DAY = "2026-11-28"


def names(logs):
    return [name.text for name in log_names(logs)]


def numbers(logs):
    return [line["parameters"]["number"] for line in lines(logs)]


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "cortex-2026-13-01.001.jsonl", "cortex-2026-02-30.001.jsonl", "cortex-2026-11-28.1.jsonl",
        "cortex-2026-11-28.jsonl", "cortex-2026-11-28.001.jsonl.gz.tmp", "clock", "notes.txt",
        "cortex-2026-11-28.001.jsonl\n", "cortex-٢٠٢٦-11-28.001.jsonl", "",
    ],
)  # fmt: skip
def test_other_files_are_not_ours(text):
    assert log_name(text) is None


def test_names_are_in_order_of_age_and_so_are_their_texts(tmp_path):
    ordered = [
        LogName("2026-11-27", 2, is_compressed=True),
        LogName(DAY, 1, is_compressed=False),
        LogName(DAY, 10, is_compressed=False),
    ]
    for name in reversed(ordered):
        (tmp_path / name.text).touch()
        assert log_name(name.text) == name
    assert log_names(tmp_path) == ordered
    assert sorted(name.text for name in ordered) == [name.text for name in ordered]
    assert log_names(tmp_path / "nowhere") == []


# --- days -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("UTC", 1_795_824_000),  # 2026-11-28T00:00Z
        ("Asia/Seoul", 1_795_824_000 - 9 * 3600),
        ("Asia/Kathmandu", 1_795_824_000 - 5 * 3600 - 45 * 60),
        ("America/New_York", 1_795_824_000 + 5 * 3600),
    ],
)
def test_a_new_file_begins_at_midnight_of_the_project(logs, clock, zone, midnight):
    log_file = LogFile(LogPolicy(logs, time_zone=zone))
    for number, now in enumerate((midnight - 0.001, midnight, midnight + 86_399)):
        clock.now = now
        log_file.write([record(number)])
    assert log_file.trouble == ""
    assert names(logs) == ["cortex-2026-11-27.001.jsonl", "cortex-2026-11-28.001.jsonl"]
    assert numbers(logs) == [0, 1, 2]


@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/New_York", "Pacific/Kiritimati"])
def test_by_default_it_is_midnight_of_this_machine(logs, clock, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        clock.now += 40_000
        LogFile(LogPolicy(logs)).write([record()])
        LogFile(LogPolicy(logs, time_zone=zone)).write([record()])
    finally:
        monkeypatch.undo()
        time.tzset()
    assert len(names(logs)) == 1


def test_a_clock_that_leaps_only_means_another_name(logs, clock):
    log_file = LogFile(LogPolicy(logs, time_zone="UTC"))
    now = clock.now
    for number, leap in enumerate([0, 400, -400, 0, 1, 0, -9000, 0] * 3):
        clock.now = now + leap * 86_400
        log_file.write([record(number)])
    assert log_file.trouble == ""
    assert len(names(logs)) == 5
    assert sorted(numbers(logs)) == list(range(24))
    clock.now = now + 400 * 86_400  # the job runs meanwhile, and the clock is set right again
    compress(LogPolicy(logs, time_zone="UTC"))
    clock.now = now
    for number in range(24, 30):
        log_file.write([record(number)])
    assert sum(name.startswith(f"cortex-{DAY}") for name in names(logs)) == 2  # 001.gz, 002
    assert sorted(numbers(logs)) == list(range(30))


# --- size -----------------------------------------------------------------------------------------


def test_a_full_file_is_left_for_the_next(logs):
    log_file = LogFile(LogPolicy(logs, max_bytes=10_000))
    for number in range(100):
        log_file.write([record(number)])
    sizes = [(logs / name).stat().st_size for name in names(logs)]
    assert len(sizes) > 3
    assert max(sizes) <= 10_000
    assert min(sizes[:-1]) > 9_000
    assert numbers(logs) == list(range(100))


def test_a_batch_that_is_larger_than_a_file_gets_one_of_its_own(logs):
    log_file = LogFile(LogPolicy(logs, max_bytes=1000))
    for first in (0, 50):
        log_file.write([record(first + number) for number in range(50)])
    assert len(names(logs)) == 2
    assert numbers(logs) == list(range(100))


def test_a_writer_that_was_idle_goes_on_in_the_newest_file(logs):
    idle, busy = (LogFile(LogPolicy(logs, max_bytes=1000)) for _ in range(2))
    idle.write([record(0)])
    for number in range(1, 100):
        busy.write([record(number)])
    before = names(logs)
    assert len(before) > 10
    idle.write([record(100)])
    assert idle.trouble == ""
    assert names(logs)[:-1] in (before, before[:-1])
    assert numbers(logs) == list(range(101))


def test_a_new_process_goes_on_in_the_newest_file(logs):
    for number in range(10):
        LogFile(LogPolicy(logs, max_bytes=1000)).write([record(number)])
    assert numbers(logs) == list(range(10))
    assert len(names(logs)) == 5


# --- several at once ------------------------------------------------------------------------------


def test_what_was_compressed_meanwhile_is_not_begun_again(logs):
    log_file = LogFile(LogPolicy(logs, max_bytes=1000))
    other = LogFile(LogPolicy(logs, max_bytes=1000))
    log_file.write([record(0)])
    for number in range(1, 4):
        other.write([record(number)])
    assert compress(LogPolicy(logs)) == 1
    log_file.write([record(4)])
    assert numbers(logs) == list(range(5))
    assert [log_name(name).is_compressed for name in names(logs)] == [True, False, False]


def test_a_file_that_goes_between_opening_and_locking_is_not_written_to(logs, monkeypatch):
    log_file = LogFile(LogPolicy(logs))
    log_file.write([record(0)])
    flock, gone = fcntl.flock, []

    def and_delete(descriptor, operation):
        if not gone:
            gone.append(True)
            (logs / names(logs)[0]).unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", and_delete)
    log_file.write([record(1)])
    assert numbers(logs) == [1]
    assert log_file.trouble == ""


def test_who_holds_a_file_for_long_is_passed_over(logs):
    log_file = LogFile(LogPolicy(logs))
    log_file.write([record(0)])
    with (logs / names(logs)[0]).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        log_file.write([record(1)])
        log_file.write([record(2)])
    assert log_file.trouble == ""
    assert [name[-9:] for name in names(logs)] == ["001.jsonl", "002.jsonl"]
    assert numbers(logs) == [0, 1, 2]


@pytest.mark.system
def test_several_processes_write_whole_lines_into_the_same_files(logs, home):
    code = """
    from cortex_otel_exporters.jsonl.log_file import LogFile
    from cortex_otel_exporters.jsonl.policy import LogPolicy
    log_file = LogFile(LogPolicy(path.parent / "logs", max_bytes=100_000))
    writer = Writer(path, interval_ms=1, log_file=log_file)
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + 500):
        assert writer.submit(record(number, event_data={"number": number, "text": "x" * 300}))
        if number % 7 == 0:
            assert writer.force_flush()
    assert writer.shutdown()
    assert not log_file.trouble
    """
    processes = [start(code, home / "cortex.db", first * 1000) for first in range(4)]
    while any(process.poll() is None for process in processes):
        if logs.is_dir():
            compress(LogPolicy(logs))
        time.sleep(0.05)
    assert [end(process) for process in processes] == [0] * 4
    found = numbers(logs)
    assert sorted(found) == [first * 1000 + number for first in range(4) for number in range(500)]
    for first in range(4):  # those of one process in their order
        own = [number for number in found if number // 1000 == first]
        assert own == sorted(own)
    kinds = [name.is_compressed for name in log_names(logs)]
    assert kinds.count(True) > 3
    assert kinds[-1] is False
    assert assert_equal_rows(logs, home / "cortex.db") == 2000


# --- ends of all kinds ----------------------------------------------------------------------------


@pytest.mark.parametrize("rest", [b'{"timestamp":"2026', b"\0" * 5000, b"x" * 200_000])
def test_a_half_line_is_cut_off_and_counted(logs, make_writer, home, rest):
    appender = Appender(logs, 10**8)
    log_file = LogFile(LogPolicy(logs))
    log_file.write([record(0), record(1)])
    path = logs / names(logs)[0]
    with path.open("ab") as file:
        file.write(rest)
    writer = make_writer()
    writer.submit(record(2))
    assert writer.force_flush()
    assert numbers(logs) == [0, 1, 2]
    assert writer.shutdown()
    assert ledger(home / "cortex.db", "log_line") == {"missed|half_line": 1}
    assert appender.append(b"{}\n", path.name[7:17]) == (False, False)


def test_a_file_that_is_only_a_half_line_is_begun_anew(logs):
    Appender(logs, 10**8).append(b"half", DAY)
    assert Appender(logs, 10**8).append(b"{}\n", DAY) == (True, True)
    assert texts(logs) == ["{}"]


@pytest.mark.system
def test_after_kill_9_every_line_is_whole_and_a_row(logs, home):
    code = """
    from cortex_otel_exporters.jsonl.log_file import LogFile
    from cortex_otel_exporters.jsonl.policy import LogPolicy
    writer = Writer(path, interval_ms=1, log_file=LogFile(LogPolicy(path.parent / "logs")))
    number = int(sys.argv[2])
    while True:
        for _ in range(200):
            writer.submit(record(number, event_data={"number": number, "text": "x" * 500}))
            number += 1
        writer.force_flush()
        print(number, flush=True)
    """
    for attempt in range(4):
        process = start(code, home / "cortex.db", attempt * 10**6)
        for _ in range(2 + attempt):
            process.stdout.readline()
        process.kill()
        assert end(process, quiet=False) == -9
        LogFile(LogPolicy(logs)).write([record(-attempt - 1)])  # cuts off what is left
        mine = [number for number in numbers(logs) if number >= attempt * 10**6]
        assert mine == list(range(attempt * 10**6, attempt * 10**6 + len(mine)))
        stored = rows(
            home / "cortex.db",
            "SELECT count(*) FROM telemetry_events WHERE event_data ->> 'number' >= ?",
            attempt * 10**6,
        )[0][0]
        assert len(mine) <= stored <= len(mine) + 2048


@pytest.mark.system
def test_a_forked_child_writes_its_own_lines_and_the_parent_its_own(logs, home):
    code = """
    import os, warnings
    warnings.simplefilter("ignore")
    from cortex_otel_exporters.jsonl.log_file import LogFile
    from cortex_otel_exporters.jsonl.policy import LogPolicy
    writer = Writer(path, interval_ms=1, log_file=LogFile(LogPolicy(path.parent / "logs")))
    writer._log_file.counts["log_line", "missed", "parent"] += 1
    children = []
    for first in range(5):
        for number in range(20):
            writer.submit(record(first * 100 + number))
        if not (child := os.fork()):
            for number in range(20, 40):
                writer.submit(record(first * 100 + number))
            os._exit(0 if writer.force_flush() and writer.shutdown() else 1)
        children.append(child)
    assert writer.force_flush() and writer.shutdown()
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
    """
    assert end(start(code, home / "cortex.db")) == 0
    expected = sorted(first * 100 + number for first in range(5) for number in range(40))
    assert sorted(numbers(logs)) == expected
    assert assert_equal_rows(logs, home / "cortex.db") == 200
    assert ledger(home / "cortex.db", "log_line") == {"missed|parent": 1}
