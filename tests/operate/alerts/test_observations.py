"""What is seen: the catalogue's numbers, which processes died, jobs, the disk, the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest
from patience import wait_for
from store_kit import SERIES, record

from cortex_otel.operate.alerts import observations
from cortex_otel.operate.alerts.glance import Glance
from cortex_otel.operate.alerts.observations import Processes
from cortex_otel.operate.alerts.states import Level
from cortex_otel.query.alert_rules import AlertRules
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel.query.writers import WriterState, process_exists, read_writers
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader

NS = 10**9
RULES = AlertRules()
FAILED = SERIES._replace(result="error", error_type="LookupError", tool_name="bad", feature="bad")


@pytest.fixture
def store(database):
    """Write records, and a reader."""
    writer = BatchWriter(open_for_writing(database))
    reader = open_reader(database)

    def write(*records):
        writer.write(list(records), [], {})

    yield write, reader
    reader.close()
    writer.close()


def calls(count, *, series=SERIES, ago=60.0, duration_ms=5.0, first=0, **more):
    at = time.time_ns() - round(ago * NS)
    return [
        record(first + each, time_unix_nano=at - each, series=series,
               duration_nano=round(duration_ms * 1e6), **more)
        for each in range(count)
    ]  # fmt: skip


def by_rule(seen):
    return {(each.rule, each.subject): each for each in seen}


def test_the_number_is_that_of_the_catalogue_for_the_same_range(store):
    write, reader = store
    web = SERIES._replace(service="web")
    write(*calls(37), *calls(3, series=FAILED, first=100), *calls(400, ago=1000, first=200))
    write(*calls(20, series=web, first=1000, duration_ms=2345.6, weight=10.0))
    now_ns = time.time_ns()
    seen = by_rule(observations.health(reader, RULES, now_ns))
    detail = seen["error_rate", "mcp"].detail
    assert detail["to_ns"] - detail["from_ns"] == 300 * NS
    assert detail["to_ns"] <= now_ns < detail["to_ns"] + NS
    for row in run(
        reader, catalogue()["health"], {"from_ns": detail["from_ns"], "to_ns": detail["to_ns"]}
    ).records():
        assert seen["error_rate", row["service"]].value == row["error_rate"]
        assert seen["response_time", row["service"]].value == row["avg_ms"]
    assert seen["error_rate", "mcp"].value == pytest.approx(3 / 40)
    assert seen["error_rate", "mcp"].level is Level.BREACHED
    assert seen["error_rate", "web"].level is Level.CLEAR
    assert seen["response_time", "web"].level is Level.BREACHED
    assert seen["response_time", "web"].value == pytest.approx(2345.6)
    assert observations.leading(reader, seen["error_rate", "mcp"]) == {
        "tool": "bad", "tool_errors": 3, "error_type": "LookupError", "type_errors": 3,
    }  # fmt: skip
    assert observations.leading(reader, seen["response_time", "web"])["tool"] == "search"
    only = observations.health(reader, AlertRules(services=("web",)), now_ns)
    assert {each.subject for each in only} == {"web"}


def test_a_rate_is_told_with_the_events_that_it_is_of(store):
    write, reader = store
    flags = SERIES._replace(event_type="feature_flag.evaluation", tool_name="", feature="")
    write(*calls(200), *calls(50, series=FAILED, first=300), *calls(50, series=flags, first=400),
          *calls(7, series=flags._replace(result="error"), first=500))  # fmt: skip
    seen = by_rule(observations.health(reader, RULES, time.time_ns()))["error_rate", "mcp"]
    assert (seen.value, seen.detail["errors"], seen.detail["events"]) == (0.2, 50, 250)


def test_too_few_are_no_alert(store):
    write, reader = store
    write(*calls(9, series=FAILED, duration_ms=9000))
    assert {each.level for each in observations.health(reader, RULES, time.time_ns())} == {
        Level.BETWEEN
    }


def test_a_glance_sees_what_the_question_would(store):
    write, reader = store
    glance, now_ns = Glance(), time.time_ns()

    def look(now):
        return glance.suspects(reader, RULES, now_ns, now)

    assert look(0.0) is None  # nobody knows what was before
    write(*calls(100))
    assert look(299.0) is None
    assert look(300.0) == set()
    write(*calls(3, series=FAILED, first=200))
    assert look(301.0) == {("error_rate", "mcp")}  # 2.9 %: more than half of the threshold
    write(*calls(20, series=SERIES._replace(service="web"), first=300, duration_ms=800))
    assert look(302.0) == {("error_rate", "mcp"), ("response_time", "web")}
    for now in range(303, 700, 5):
        look(float(now))
    assert look(700.0) == set()  # they are five minutes old
    write(*calls(5, series=FAILED, first=400))
    assert look(701.0) == {("error_rate", "mcp")}


# --- processes ------------------------------------------------------------------------------


def writer(pid, service="mcp", *, alive=True, ended=False, trouble=""):
    return WriterState(
        pid=pid, alive=alive, service=service, started_ns=pid, updated_ns=1, received=0, stored=0,
        sampled_out=0, dropped={}, queued=0, trouble=trouble, faults={}, notes=(), ended=ended,
    )  # fmt: skip


def looks(*steps, rules=RULES):
    processes = Processes()
    return [
        {each.subject: each.level for each in processes.look(writers, rules)} for writers in steps
    ]


def test_a_service_whose_last_process_was_killed_is_down_until_it_is_back():
    seen = looks([writer(1)], [writer(1, alive=False)], [writer(1, alive=False)], [writer(2)])
    up, down = {"mcp": Level.CLEAR}, {"mcp": Level.BREACHED}
    assert seen == [up, down, down, up]


def test_one_that_ended_on_purpose_isnt_missed():
    assert looks([writer(1)], []) == [{"mcp": Level.CLEAR}, {}]
    left = [writer(1, alive=False, ended=True)]  # it has counts that nobody took
    assert looks([writer(1)], left)[1] == {}


def test_one_of_several_that_was_killed_isnt_the_service():
    seen = looks(
        [writer(1), writer(2), writer(3, "web")],
        [writer(1, alive=False), writer(2), writer(3, "web")],
        [writer(1, alive=False), writer(3, "web")],  # and the other ended on purpose
    )
    assert seen[1] == {"mcp": Level.CLEAR, "web": Level.CLEAR}
    assert seen[2] == {"web": Level.CLEAR}


def test_one_that_was_never_seen_alive_isnt_missed():
    assert looks([writer(1, alive=False)], [writer(1, alive=False)]) == [{}, {}]


def test_services_that_arent_watched_arent_missed():
    rules = AlertRules(services=("web",))
    assert looks([writer(1)], [writer(1, alive=False)], rules=rules) == [{}, {}]


@pytest.mark.system
@pytest.mark.parametrize(
    ("ending", "is_missed"),
    [
        ("sys.exit(0)", False),
        ("sys.exit(1)", False),
        ("raise KeyboardInterrupt", False),
        ("os.kill(os.getpid(), signal.SIGTERM)", False),
        ("raise RuntimeError('a crash')", True),
        ("os.kill(os.getpid(), signal.SIGKILL)", True),
        ("os._exit(1)", True),
        ("os.abort()", True),
    ],
)
def test_how_a_real_process_ends(home, ending, is_missed):
    code = f"""
import os, signal, sys
import cortex_otel
cortex_otel.configure(service="mcp")
from cortex_otel import events
events.update_memory(file_size_bytes=1, token_count=1)
sys.stdin.readline()
{ending}
"""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        env={**kept, "CORTEX_OTEL_HOME": str(home)},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    processes = Processes()
    wait_for(lambda: processes.look(read_writers(home), RULES))
    process.communicate(b"\n")
    seen = processes.look(read_writers(home), RULES)
    assert [each.level for each in seen] == ([Level.BREACHED] if is_missed else [])


@pytest.mark.system
def test_a_process_that_nobody_has_asked_how_it_ended_is_dead(home):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert process_exists(process.pid)
    process.kill()
    if Path("/proc/self/stat").exists():
        wait_for(lambda: not process_exists(process.pid))  # a zombie: it wasn't waited for
    process.wait()
    assert not process_exists(process.pid)


# --- the others -----------------------------------------------------------------------------


def test_a_job_that_failed(database, store):
    _, reader = store
    connection = apsw.Connection(str(database))
    for job, outcome, failures in (
        ("backup", "failed", 2), ("retention", "done", 0), ("report", "timed_out", 1),
        ("metrics", "interrupted", 0), ("logs", None, 0),
    ):  # fmt: skip
        connection.execute(
            "INSERT INTO jobs (job, next_run, outcome, failures, detail) VALUES (?, 0, ?, ?, ?)",
            (job, outcome, failures, "user@example.com in /home/me"),
        )
    connection.close()
    seen = {each.subject: each for each in observations.jobs(reader)}
    assert {job: each.level for job, each in seen.items()} == {
        "backup": Level.BREACHED, "retention": Level.CLEAR, "report": Level.BREACHED,
        "metrics": Level.BETWEEN, "logs": Level.BETWEEN,
    }  # fmt: skip
    connection = apsw.Connection(str(database))
    connection.execute("UPDATE jobs SET next_run = NULL WHERE job IN ('backup', 'report')")
    connection.execute("UPDATE jobs SET holder = 'command:1:x' WHERE job = 'report'")
    connection.close()
    later = {each.subject: each for each in observations.jobs(reader)}
    assert later["backup"].level is Level.CLEAR  # it is switched off
    assert later["backup"].detail["why"] == "switched_off"
    assert later["report"].level is Level.BREACHED  # a command runs it
    assert "example" not in json.dumps([dict(each.detail) for each in seen.values()])


def test_a_disk_that_is_nearly_full(home):
    free = os.statvfs(home).f_bavail * os.statvfs(home).f_frsize / 10**6
    levels = [
        observations.disk(home, AlertRules(disk_free_mb=max(1, round(free * share)))).level
        for share in (1.5, 0.96, 0.5)
    ]
    assert levels == [Level.BREACHED, Level.BETWEEN, Level.CLEAR]
    assert observations.disk(home / "not" / "there", RULES) is not None


def test_a_store_in_trouble():
    well, ill = writer(1), writer(2, trouble="disk_full")
    assert observations.store("", [well]).level is Level.CLEAR
    assert observations.store("", [well, ill]).detail == {"reason": "disk_full"}
    assert observations.store("corrupt", [well]).detail == {"reason": "corrupt"}
    dead = writer(3, alive=False, trouble="locked")
    assert observations.store("", [dead]).level is Level.CLEAR
