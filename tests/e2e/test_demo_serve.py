"""``cortex-otel demo --serve`` for real: servers, population, pages, and a clean end."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import apsw
import pytest
from patience import PATIENCE, wait_for

pytest.importorskip("uvicorn", reason="needs the extra serve")

from cortex_otel._version import to_install
from cortex_otel.demo.plan import BROKEN_TOOL, Plan
from cortex_otel.demo.serving import DAYS, prepare
from cortex_otel.demo.synthetic_data import fill, filled_at
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run as run_question
from cortex_otel.show.pages import PAGES
from cortex_otel_exporters.sqlite.reader import open_reader

DEMO = [sys.executable, "-P", "-m", "cortex_otel.cli", "demo"]
# Building the population and a round of servers, on a machine that does other things too.
SECONDS = 560
pytestmark = pytest.mark.timeout(600)


def surroundings(home, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {
        "CORTEX_OTEL_HOME": str(home / "real"), "CORTEX_OTEL_ADMIN_PORT": "0",
        "CORTEX_OTEL_RECEIVER_PORT": "0",
        # Settings that must not reach the demo.
        "CORTEX_OTEL_SAMPLING": "*=0.01", "CORTEX_OTEL_ADMIN_HOST": "0.0.0.0",
        "CORTEX_OTEL_ADMIN_TOKEN": "a-token-of-the-user-0123456789", "LC_ALL": "C.UTF-8",
    } | more  # fmt: skip


def run(place, *options, expected=0, **more):
    done = subprocess.run(
        [*DEMO, *options, "--home", str(place / "home")],
        cwd=place,
        env=surroundings(place, **more),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    return done


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One run without a terminal, in an empty directory: its place and its process."""
    place = tmp_path_factory.mktemp("served")
    return place, run(place, "--serve", "--json")


def database_of(place):
    return place / "home" / "demo" / "cortex.db"


def number(database, sql):
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(sql).get
    finally:
        connection.close()


@pytest.mark.system
def test_without_a_terminal_it_proves_the_pages_and_ends(served):
    told = json.loads(served[1].stdout)
    assert served[1].stdout.count("\n") == 1
    assert served[1].stderr == ""
    assert told["ok"] is True
    assert [page["page"] for page in told["pages"]] == list(PAGES)
    for page in told["pages"]:
        assert page["failure"] is None
        assert page["dark"] == []
        assert page["lit"] == page["panels"] == len(PAGES[page["page"]].panels) > 0


@pytest.mark.system
def test_the_real_calls_reconcile_beside_the_population(served):
    told = json.loads(served[1].stdout)
    assert told["calls"] == sum(server["rows"] for server in told["servers"]) > 100
    ledger = told["ledger"]
    assert ledger["received"] == ledger["stored"]
    assert ledger["stored"] < 1000  # of the round alone


@pytest.mark.system
def test_the_incident_has_the_alerts_that_its_numbers_give(served):
    database = database_of(served[0])
    told = json.loads(served[1].stdout)["alerts"]
    incident = Plan(DAYS, filled_at(database)).incident
    assert ("error_rate", "mcp") in {(row["rule"], row["subject"]) for row in told}
    connection = open_reader(database)
    try:
        asked = {"from_ns": incident[0], "to_ns": incident[1]}
        rows = run_question(connection, catalogue()["alerts"], asked).records()
        assert len(rows) == len(told) > 0
        for row in rows:
            assert row["state"] == "resolved"
            assert incident[0] <= row["fired"] <= incident[1] + 120 * 10**9
            window = {"from_ns": row["window_from"], "to_ns": row["window_to"]}
            health = run_question(connection, catalogue()["health"], window).records()
            (of_service,) = (each for each in health if each["service"] == row["subject"])
            number = {"error_rate": "error_rate", "response_time": "avg_ms"}[row["rule"]]
            assert of_service[number] == row["value"] > row["threshold"]
            if row["rule"] == "error_rate" and row["subject"] == "mcp":
                assert row["tool_name"].removeprefix("mcp.") == BROKEN_TOOL
    finally:
        connection.close()


@pytest.mark.system
def test_a_real_server_that_fails_has_an_alert_on_the_page(served):
    alert = json.loads(served[1].stdout)["live_alert"]
    assert (alert["rule"], alert["subject"], alert["value"]) == ("error_rate", "release", 1.0)
    assert alert["tool_name"] == "git_show"


@pytest.mark.system
@pytest.mark.timing
def test_that_alert_fires_within_ten_seconds(served):
    assert 0 < json.loads(served[1].stdout)["seconds_until_alert"] < 10


@pytest.mark.system
def test_the_weekly_report_is_made_by_its_job(served):
    pytest.importorskip("typst", reason="needs the extra report")
    report = Path(json.loads(served[1].stdout)["report"])
    assert report in (database_of(served[0]).parent / "reports").iterdir()
    assert report.read_bytes().startswith(b"%PDF")
    outcome = "SELECT outcome FROM jobs WHERE job = 'report'"
    assert number(database_of(served[0]), outcome) == "done"


@pytest.mark.system
def test_it_is_ninety_days_and_hundreds_of_users(served):
    database = database_of(served[0])
    assert number(database, "SELECT count(*) FROM users") > 600
    assert 100_000 < number(database, "SELECT count(*) FROM events") < 250_000
    days = "SELECT (max(time) - min(time)) / 86400000000000 FROM events"
    assert 87 <= number(database, days) <= 90


@pytest.mark.system
def test_it_touches_nothing_but_its_own_directory(served):
    place, _ = served
    assert not (place / "real").exists()
    assert stat.S_IMODE(database_of(place).stat().st_mode) == 0o600
    assert [entry.name for entry in (place / "home").iterdir()] == ["demo"]


@pytest.mark.system
def test_the_next_run_keeps_the_population_and_says_so_in_korean(served):
    database = database_of(served[0])
    before = filled_at(database)
    rows = number(database, "SELECT count(*) FROM events")
    done = run(served[0], "--serve", CORTEX_OTEL_LANG="ko")
    assert filled_at(database) == before
    assert 0 < number(database, "SELECT count(*) FROM events") - rows < 1000  # the round's
    assert "가상 데이터 이미 있음" in done.stderr
    assert re.search(r"경고 +장애 중 [1-9]", done.stdout)
    assert re.search(r"경고 +오류율, release, 100% ", done.stdout)
    assert "출력이 터미널이 아니므로" in done.stderr
    assert "모든 패널을 한 번씩" in done.stdout
    for page in PAGES.values():
        assert page.title_in("ko") in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.system
def test_the_check_of_the_pages_hangs_on_no_user(served):
    """Who was there last may have had no error: their errors page is rightly empty."""
    connection = apsw.Connection(str(database_of(served[0])))
    of_ours = "FROM events e JOIN series s USING (series_key)"
    with connection:
        connection.execute(
            "INSERT INTO events SELECT (SELECT value FROM store WHERE key = 'next_event_key'), ?1,"
            " e.duration, e.series_key, e.context_key, e.session_key, e.user_key, e.trace_id,"
            f" e.span_id, e.parent_span_id, e.weight, e.error_message, e.shape_key, e.event_values"
            f" {of_ours} WHERE s.event_type = 'ext.code_insert' AND e.user_key NOT IN (SELECT"
            f" e.user_key {of_ours} WHERE e.user_key IS NOT NULL"
            " AND s.result IN ('error', 'timeout')) LIMIT 1",
            (time.time_ns(),),
        )
        assert connection.changes() == 1
        connection.execute("UPDATE store SET value = value + 1 WHERE key = 'next_event_key'")
    connection.close()
    told = json.loads(run(served[0], "--serve", "--json").stdout)
    assert [page["dark"] for page in told["pages"]] == [[]] * len(PAGES)


@pytest.mark.system
def test_a_taken_port_is_told_and_another_one_used(served):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(served[0], "--serve", CORTEX_OTEL_ADMIN_PORT=str(port))
    assert re.search(rf"Port {port} is in use: using \d+ instead", done.stderr)
    # Why it ends by itself, before it says that it stopped.
    assert re.search(r"output isn't a terminal: .*\n(.*\n)*Stopped", done.stderr)
    assert "http://127.0.0.1:" in done.stderr
    assert "0.0.0.0" not in done.stderr


@pytest.mark.system
@pytest.mark.timing
def test_on_a_terminal_it_serves_and_calls_until_ctrl_c(served):
    place, _ = served
    database = database_of(place)
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [*DEMO, "--serve", "--home", str(place / "home")],
        cwd=place,
        env=surroundings(place, TERM="xterm"),
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    )
    os.close(side)
    try:
        seen = read_until(terminal, b"Ctrl-C stops", seconds=SECONDS)
        url = re.search(rb"http://[^\s]*overview\?token=[\w-]+", seen)[0].decode()
        newest = "SELECT value FROM store WHERE key = 'next_event_key'"
        before = number(database, newest)
        # The token is in the address once, and in a cookie from then on.
        browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        )
        with browser.open(url, timeout=PATIENCE) as page:
            assert page.status == 200
            assert "token" not in page.url
        wait_for(lambda: number(database, newest) > before, pause=0.2)  # real calls go on
        seen += read_until(terminal, b"release, 100%", seconds=PATIENCE)
        assert re.search(rb"Alert +Error rate, release, 100% \(threshold 5%\): ", seen), seen
        os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C: to the whole group
        began = time.monotonic()
        seen += read_until(terminal, b"Meanwhile", seconds=PATIENCE)
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert code == 0, seen.decode()
    assert time.monotonic() - began < 20
    calls, rows = re.search(rb"Meanwhile: (\d+) tool calls, (\d+) rows", seen).groups()
    assert calls == rows != b"0"
    assert b"Traceback" not in seen
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(place) not in listing.stdout


@pytest.mark.system
def test_clean_removes_all_of_it(tmp_path, served):
    # A copy: the others want what the fixture has made.
    home = tmp_path / "home" / "demo"
    home.mkdir(parents=True)
    for entry in (served[0] / "home" / "demo").iterdir():
        if entry.is_file():
            (home / entry.name).write_bytes(entry.read_bytes())
    (home / "admin.token").write_text("made by a server without one of the environment")
    (home / "serve.json").touch()
    (home / "alerts.lock").touch()  # by a server, which also makes a report on a Monday
    (home / "logs").mkdir()
    for name in ("cortex-2026-01-12.001.jsonl.gz", "cortex-2026-01-13.001.jsonl", "clock"):
        (home / "logs" / name).touch()
    (home / "reports").mkdir()
    (home / "reports" / "cortex-report-2026-W03-en.pdf").touch()
    run(tmp_path, "--clean")
    assert list((tmp_path / "home").iterdir()) == []


def read_until(terminal, wanted, *, seconds):
    seen, deadline = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
    return seen


@pytest.mark.system
def test_without_the_packages_of_the_admin_it_says_so_at_once(tmp_path):
    blocked = (
        "import importlib.util as util, sys; find = util.find_spec;"
        "util.find_spec = lambda name, *rest: None if name == 'fastapi' else find(name, *rest);"
        "import cortex_otel.cli;"
        f"sys.exit(cortex_otel.cli.main(['demo', '--serve', '--home', {str(tmp_path / 'h')!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", blocked],
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert to_install("demo") in done.stderr
    assert not (tmp_path / "h").exists()


NOW_NS = 1_795_623_600 * 10**9


def test_a_half_population_makes_way(tmp_path, capsys):
    database = tmp_path / "cortex.db"

    def stop(_done, _of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(database, days=2, users=5, now_ns=NOW_NS, progress=stop)
    prepare(database)
    assert list(tmp_path.glob("cortex.db*")) == []
    assert "interrupted" in capsys.readouterr().err


def test_an_old_population_makes_way(tmp_path, capsys):
    database = tmp_path / "cortex.db"
    (tmp_path / "text-hash.key").write_text("stays")
    for name in ("reports/cortex-report-2026-W03-en.pdf", "logs/cortex-2026-01-12.001.jsonl"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    fill(database, days=2, users=5, now_ns=time.time_ns() - 7 * 3600 * 10**9)
    prepare(database)
    assert [entry.name for entry in tmp_path.iterdir()] == ["text-hash.key"]
    assert "7 h" in capsys.readouterr().err


def test_a_fresh_population_and_a_demo_without_one_stay(tmp_path, capsys):
    database = tmp_path / "cortex.db"
    prepare(database)
    fill(database, days=2, users=5, now_ns=time.time_ns())
    prepare(database)
    assert database.exists()
    assert capsys.readouterr().err == ""


def test_a_damaged_database_makes_way(tmp_path):
    database = tmp_path / "cortex.db"
    database.write_bytes(b"no database at all, but long enough to look like one" * 100)
    prepare(database)
    assert not database.exists()
