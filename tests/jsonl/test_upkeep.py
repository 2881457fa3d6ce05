from __future__ import annotations

import fcntl
import gzip
import os
import stat
from datetime import date, timedelta

import pytest
from log_kit import lines
from store_kit import end, held, ledger, record, start, wait_for

from cortex_otel.operate import logs as job
from cortex_otel.operate.jobs import JOBS
from cortex_otel.operate.logs import LOGS, keep_logs
from cortex_otel.settings import read_environment
from cortex_otel_exporters.disk import UNFINISHED, writing
from cortex_otel_exporters.jsonl import upkeep
from cortex_otel_exporters.jsonl.files import log_names, name_of
from cortex_otel_exporters.jsonl.log_file import LogFile
from cortex_otel_exporters.jsonl.policy import LogPolicy
from cortex_otel_exporters.jsonl.upkeep import compress, make_room

DAY = 86_400
TODAY = date(2026, 11, 28)


def names(logs):
    return [name.text for name in log_names(logs)]


def numbers(logs):
    return [line["parameters"]["number"] for line in lines(logs)]


@pytest.fixture
def policy(logs):
    return LogPolicy(logs, time_zone="UTC")


@pytest.fixture
def trust(logs, clock):
    """Called: from now on the clock has been watched for long."""

    def trust():
        (logs / "clock").unlink(missing_ok=True)
        for days in (3, 2, 1, 0):
            upkeep._clock_is_trusted(logs, clock.now - days * DAY)

    return trust


@pytest.fixture
def write(logs, clock):
    """Writes a line ``age`` days ago."""

    def write(age, number=0, max_bytes=100):
        now = clock.now
        clock.now = now - age * DAY
        (logs / "clock").unlink(missing_ok=True)  # or writing would delete, too
        LogFile(LogPolicy(logs, time_zone="UTC", max_bytes=max_bytes)).write([record(number)])
        clock.now = now
        path = logs / [name for name in names(logs) if str(TODAY - timedelta(age)) in name][-1]
        os.utime(path, times=(now - age * DAY - 1,) * 2)
        return path

    return write


@pytest.fixture
def aged(write, trust):
    """Writes lines so many days ago, each with its age, under a clock that can be trusted."""

    def aged(*ages):
        for age in ages:
            write(age, age)
        trust()

    return aged


# --- compressing ----------------------------------------------------------------------------------


def test_what_nobody_writes_to_is_compressed(policy, logs, write):
    paths = [write(2, 0), write(1, 1), write(0, 2), write(0, 3)]
    before = [path.stat().st_mtime for path in paths]
    umask = os.umask(0)
    try:
        assert compress(policy) == 3
    finally:
        os.umask(umask)
    assert [name.is_compressed for name in log_names(logs)] == [True, True, True, False]
    assert numbers(logs) == [0, 1, 2, 3]
    packed = [logs / name for name in names(logs)]
    assert [path.stat().st_mtime for path in packed] == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in packed} == {0o600}
    assert compress(policy) == 0


def test_it_can_stay_plain_for_some_days(policy, logs, write):
    for age in (4, 3, 2, 1, 0):
        write(age)
    write(0)
    assert compress(policy._replace(plain_days=2)) == 2
    kinds = [name.is_compressed for name in log_names(logs)]
    assert kinds == [True, True, False, False, False, False]


def test_one_that_is_being_written_to_waits(policy, logs, write):
    path = write(1)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert compress(policy) == 0
    assert compress(policy) == 1
    assert numbers(logs) == [0]


def test_one_of_tomorrow_waits(policy, logs, write, clock):
    write(0)
    clock.now -= 3 * DAY
    assert compress(policy) == 0
    assert names(logs) == ["cortex-2026-11-28.001.jsonl"]


def test_a_half_line_is_not_kept(policy, logs, write):
    path = write(1, 7)
    with path.open("ab") as file:
        file.write(b'{"half')
    compress(policy)
    assert numbers(logs) == [7]


def test_killed_before_the_plain_one_went(policy, logs, write):
    path = write(1, 7)
    content = path.read_bytes()
    compress(policy)
    path.write_bytes(content)
    assert compress(policy) == 1
    assert names(logs) == ["cortex-2026-11-27.001.jsonl.gz"]
    assert numbers(logs) == [7]


def test_killed_in_the_middle(policy, logs, write):
    write(1, 7)
    left = logs / f".0123{UNFINISHED}"
    left.write_bytes(b"\x1f\x8b half")
    with writing(logs / "of another process") as file:
        file.write(b"whole")
        assert numbers(logs) == [7]
        assert compress(policy) == 1
    assert numbers(logs) == [7]
    assert not left.exists()
    assert (logs / "of another process").read_bytes() == b"whole"


@pytest.mark.system
def test_kill_9_while_compressing(policy, logs, home):
    logs.mkdir(parents=True)
    line = gzip.decompress(gzip.compress(b'{"a":"' + os.urandom(3000).hex().encode() + b'"}\n'))
    path = logs / name_of("2026-11-01", 1)
    path.write_bytes(line * 3000)
    content = path.read_bytes()
    code = """
    from cortex_otel_exporters.jsonl.policy import LogPolicy
    from cortex_otel_exporters.jsonl.upkeep import compress
    compress(LogPolicy(path))
    """
    process = start(code, logs)
    wait_for(lambda: list(logs.glob(f"*{UNFINISHED}")) or process.poll() is not None)
    process.kill()
    end(process, quiet=False)
    compress(policy)
    assert names(logs) == ["cortex-2026-11-01.001.jsonl.gz"]
    assert gzip.decompress((logs / names(logs)[0]).read_bytes()) == content
    assert not list(logs.glob(f"*{UNFINISHED}"))


# --- deleting -------------------------------------------------------------------------------------


def test_what_is_too_old_is_deleted(policy, logs, write, trust):
    for age in (200, 91, 90, 89, 0):
        write(age)
    compress(policy._replace(plain_days=100))
    trust()
    assert make_room(policy) == {("log_file", "deleted", "age"): 3}
    assert names(logs) == ["cortex-2026-08-31.001.jsonl", "cortex-2026-11-28.001.jsonl"]


def test_the_newest_is_never_deleted(policy, logs, write, trust):
    write(200)
    trust()
    assert make_room(policy) == {}
    assert make_room(policy._replace(max_total_bytes=0)) == {}
    assert len(names(logs)) == 1


def test_other_files_are_left_alone(policy, logs, write, trust):
    write(0)
    for name in ("notes.jsonl", "cortex-2020-01-01.jsonl", "cortex-2020-01-01.001.jsonl.bak"):
        (logs / name).write_text("mine")
        os.utime(logs / name, (0, 0))
    trust()
    before = sorted(logs.iterdir())
    make_room(policy._replace(max_total_bytes=0))
    assert sorted(logs.iterdir()) == before


def test_the_oldest_go_while_all_are_too_large(policy, logs, write):
    sizes = [write(age, number).stat().st_size for number, age in enumerate((3, 2, 1, 0))]
    most = sum(sizes[2:])
    assert make_room(policy._replace(max_total_bytes=most)) == {("log_file", "deleted", "size"): 2}
    assert numbers(logs) == [2, 3]


def test_one_that_is_being_written_to_is_not_deleted(policy, logs, write):
    path = write(3)
    write(0)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert make_room(policy._replace(max_total_bytes=0)) == {}
    assert make_room(policy._replace(max_total_bytes=0)).total() == 1


def test_a_writer_alone_keeps_within_the_size_and_counts_it(make_writer, logs, home):
    writer = make_writer(max_bytes=2000, max_total_bytes=8000)
    for number in range(100):
        writer.submit(record(number))
        assert writer.force_flush()
        assert sum(path.stat().st_size for path in logs.glob("cortex-*")) <= 10_000
    assert numbers(logs) == list(range(100))[-len(numbers(logs)) :]
    assert writer.shutdown()
    deleted = ledger(home / "cortex.db", "log_file")["deleted|size"]
    newest = log_names(logs)[-1].part
    assert deleted == newest - len(names(logs))


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("leap", [400 * DAY, -400 * DAY, -3600])
def test_a_clock_that_leaps_deletes_nothing_for_a_day(policy, logs, aged, clock, leap):
    aged(95, 0)
    clock.now += leap
    for hours in range(24):
        clock.now += 3600 * (hours > 0)
        assert make_room(policy) == {}
    assert len(names(logs)) == 2
    clock.now += 2 * 3600
    if leap > -5 * DAY:
        assert make_room(policy) == {("log_file", "deleted", "age"): 1}


def test_set_right_again_it_has_deleted_nothing_new(policy, logs, write, clock, trust):
    for age in (50, 10, 0):
        write(age)
    trust()
    now = clock.now
    for _ in range(50):  # to and fro
        for leap in (0, 4000 * DAY, -4000 * DAY):
            clock.now = now + leap
            assert make_room(policy) == {}
    assert len(names(logs)) == 3


def test_the_first_day_deletes_nothing(policy, logs, write, clock):
    write(200)
    write(0)
    assert make_room(policy) == {}
    clock.now += DAY
    assert make_room(policy) == {("log_file", "deleted", "age"): 1}


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"seen":"x","since":[]}', b'{"seen":NaN,"since":1}']
)
def test_a_damaged_memory_of_the_clock_is_a_new_one(policy, logs, write, clock, content):
    write(200)
    write(0)
    (logs / "clock").write_bytes(content)
    assert make_room(policy) == {}
    clock.now += DAY
    assert make_room(policy).total() == 1


# --- the job --------------------------------------------------------------------------------------


def test_the_job_is_on_where_there_are_logs(home, logs):
    assert LOGS in JOBS
    off = read_environment({}, overrides={"home": home})
    assert not LOGS.is_on(off)
    assert LOGS.is_on(read_environment({}, overrides={"home": home, "log_file": True}))
    logs.mkdir(parents=True)
    assert LOGS.is_on(off)


def test_the_job_says_what_it_did_and_enters_it(make_writer, home, logs, aged):
    settings = read_environment({}, overrides={"home": home, "time_zone": "UTC"})
    aged(100, 99, 1, 0)
    writer = make_writer(level="CRITICAL")
    writer.submit(record())
    assert writer.shutdown()
    assert keep_logs(settings) == "1 file compressed, 2 deleted by age"
    assert ledger(home / "cortex.db", "log_file") == {"deleted|age": 2}
    assert keep_logs(settings) == "0 files compressed"
    assert numbers(logs) == [1, 0]


def test_what_the_job_deletes_is_entered_when_the_lock_is_free(
    make_writer, home, aged, monkeypatch
):
    settings = read_environment({}, overrides={"home": home, "time_zone": "UTC"})
    aged(100, 99, 0)
    writer = make_writer(level="CRITICAL")
    writer.submit(record())
    assert writer.shutdown()
    monkeypatch.setattr(job, "_SECONDS_LOCKED", 0.5)
    with held(home / "cortex.db"):
        told = keep_logs(settings)
    assert told == (
        "0 files compressed, 2 deleted by age, "
        "to be entered into the ledger later (the database: locked)"
    )
    assert ledger(home / "cortex.db", "log_file") == {}
    writer = make_writer(level="CRITICAL")
    writer.submit(record(1))
    assert writer.shutdown()
    assert ledger(home / "cortex.db", "log_file") == {"deleted|age": 2}
    assert not list((home / "writers").iterdir())


def test_what_was_deleted_before_an_error_is_entered(make_writer, home, logs, aged, monkeypatch):
    from cortex_otel.operate.job import JobError

    aged(100, 99, 98, 0)
    writer = make_writer(level="CRITICAL")
    writer.submit(record())
    assert writer.shutdown()
    real = upkeep._delete

    def refuse(path):
        if len(names(logs)) == 3:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(upkeep, "_delete", refuse)
    with pytest.raises(JobError, match="Permission denied"):
        keep_logs(read_environment({}, overrides={"home": home, "time_zone": "UTC"}))
    assert ledger(home / "cortex.db", "log_file") == {"deleted|age": 1}


def test_the_job_fails_in_one_line_without_a_path(home, logs, write, monkeypatch):
    from cortex_otel.operate.job import JobError

    write(1)
    write(0)

    def full(*_):
        raise OSError(28, "No space left on device", "/home/somebody/secret")

    monkeypatch.setattr(upkeep.os, "fsync", full)
    with pytest.raises(JobError, match="No space left on device") as raised:
        keep_logs(read_environment({}, overrides={"home": home, "time_zone": "UTC"}))
    assert "somebody" not in str(raised.value)
    assert str(home) not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    monkeypatch.undo()
    assert sorted(numbers(logs)) == [0, 0]
