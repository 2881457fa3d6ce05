"""``cortex-otel demo`` for real: real servers, real client, real database."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import apsw
import pytest
from patience import PATIENCE

from cortex_otel._version import to_install
from cortex_otel.demo.memory import Memory, classify, compress, tokens
from cortex_otel.demo.scenario import PEOPLE

pytestmark = pytest.mark.system

DEMO = [sys.executable, "-P", "-m", "cortex_otel.cli", "demo"]


def surroundings(place):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # Settings that must not reach the demo's servers.
    return kept | {
        "CORTEX_OTEL_HOME": str(place / "real"),
        "CORTEX_OTEL_SAMPLING": "*=0.01",
        "LC_ALL": "C.UTF-8",
    }


def run(place, *options, cwd=None, expected=0, **more):
    done = subprocess.run(
        [*DEMO, *options, "--home", str(place / "home")],
        cwd=cwd or place,
        env=surroundings(place) | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    return done


@pytest.fixture
def environment(tmp_path):
    return surroundings(tmp_path)


@pytest.fixture
def demo(tmp_path):
    return functools.partial(run, tmp_path)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """One run of ``demo --once --json`` in an empty directory, as its place and its process."""
    place = tmp_path_factory.mktemp("once")
    return place, run(place, "--once", "--json")


@pytest.fixture(scope="module")
def told(once):
    return json.loads(once[1].stdout)


@pytest.fixture
def repository(tmp_path):
    made = tmp_path / "repository"
    made.mkdir()
    who = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *command], cwd=made, check=True)
    (made / "sub").mkdir()
    return made


def test_json_is_all_it_says(once):
    _, done = once
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("{")


def test_every_call_of_the_client_is_one_row(told):
    assert told["ok"] is True
    assert told["calls"] == sum(row["calls"] for row in told["rows"]) > 100
    assert told["errors"] == sum(row["errors"] for row in told["rows"]) > 0
    assert all(row["p95_ms"] >= row["p50_ms"] > 0 for row in told["rows"])
    assert {row["service"] for row in told["rows"]} == {"git", "mcp"}
    assert {row["user_tier"] for row in told["rows"]} == {"free", "trial", "paid", "enterprise"}
    assert sum(row["timeouts"] for row in told["rows"]) == 3


def test_both_servers_agree_with_the_store(told):
    servers = told["servers"]
    assert [server["service"] for server in servers] == ["git", "mcp", "mcp", "mcp", "mcp"]
    for server in servers:
        assert server["rows"] == server["calls"] > 0
        assert server["error_rows"] == server["errors"] > 0
    git = servers[0]
    assert git["name"].startswith("mcp-server-git ")
    assert Path(git["command"][0]).name == "opentelemetry-instrument"


def test_the_ledger_balances(told):
    ledger = told["ledger"]
    assert ledger["received"] == ledger["stored"] > 0
    assert ledger["sampled_out"] == ledger["dropped"] == 0


def test_a_second_run_appends_and_counts_itself_alone(demo):
    first, second = (json.loads(demo("--once", "--json").stdout) for _ in range(2))
    assert second["calls"] == first["calls"]
    assert sum(row["calls"] for row in second["rows"]) == first["calls"]
    connection = apsw.Connection(second["database"], flags=apsw.SQLITE_OPEN_READONLY)
    stored = connection.execute("SELECT count(*) FROM events").get
    connection.close()
    assert stored == first["ledger"]["stored"] + second["ledger"]["stored"]
    # A client that gets no answer to `server/discover` within ten seconds, as from a server that
    # starts on a busy machine, asks again: each server then has one more row, and no more than one.
    servers = len(second["servers"])
    assert abs(second["ledger"]["stored"] - first["ledger"]["stored"]) <= servers
    for told in (first, second):
        assert told["ledger"]["received"] == told["ledger"]["stored"] > told["calls"]


def test_the_servers_write_a_log_of_the_same_calls(once, told):
    place, _ = once
    lines = [
        json.loads(line)
        for file in Path(told["log"]).glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    calls = [line for line in lines if line["event_type"] == "mcp.tool_call"]
    assert len(calls) == told["calls"]
    assert sum(bool(line["error"]) for line in calls) == told["errors"]
    tail = [*DEMO[:-1], "tail", "--file", "--home", str(place / "home" / "demo")]
    shown = subprocess.run(
        tail, env=surroundings(place), capture_output=True, text=True, check=True
    ).stdout
    assert calls[-1]["tool_name"] in shown


def test_the_database_is_the_demos_own_and_private(once, told):
    place, _ = once
    database = Path(told["database"])
    assert database == place / "home" / "demo" / "cortex.db"
    assert not (place / "real").exists()
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    for directory in (database.parent, database.parent.parent, Path(told["log"])):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = [*database.parent.glob("cortex.db*"), *Path(told["log"]).iterdir()]
    content = b"".join(file.read_bytes() for file in files)
    for planted in (*(person.user_id for person in PEOPLE), "Retry queue", "no-such-revision"):
        assert planted.encode() not in content


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("tool calls", "Every call the client made is one row", "Database", "Log file")),
        ("ko", ("도구 호출", "모든 호출이 한 행씩", "데이터베이스", "로그 파일")),
    ],
)
def test_the_report_is_readable(demo, tmp_path, language, texts):
    heading, verdict, label, log = texts
    done = demo("--once", CORTEX_OTEL_LANG=language)
    home = tmp_path / "home"
    assert heading in done.stdout
    assert verdict in done.stdout
    assert re.search(rf"{label} +{re.escape(str(home))}/demo/cortex.db", done.stdout)
    assert f"tail --home {home / 'demo'}" in done.stdout
    assert f"tail --file --home {home / 'demo'}" in done.stdout
    assert re.search(rf"{log} +{re.escape(str(home))}/demo/logs", done.stdout)
    assert "mcp-server-git" in done.stderr
    assert "\x1b" not in done.stdout
    assert_aligned(done.stdout)


def assert_aligned(report):
    """Below a rule, no cell crosses the two columns between two columns."""
    lines = report.splitlines()
    rules = [index for index, line in enumerate(lines) if line.startswith("──")]
    assert len(rules) == 2
    for index in rules:
        gaps = [at for at, letter in enumerate(lines[index]) if letter == " "]
        rows = [lines[index - 1]]
        for line in lines[index + 1 :]:
            if not line:
                break
            rows.append(line)
        assert len(rows) > 5
        for row in rows:
            columns = "".join(
                letter + ("\0" if unicodedata.east_asian_width(letter) in "WF" else "")
                for letter in row
            )
            assert all(columns[at] == " " for at in gaps if at < len(columns)), row


def test_it_serves_the_repository_it_stands_in(demo, repository):
    told = json.loads(demo("--once", "--json", cwd=repository / "sub").stdout)
    assert told["servers"][0]["command"][-1] == str(repository)


def test_it_makes_a_repository_where_there_is_none(once, told):
    place, _ = once
    made = Path(told["servers"][0]["command"][-1])
    assert not made.is_relative_to(place)
    assert not made.exists()


def test_the_repository_is_left_as_it_was(demo, repository):
    def state():
        return {file: file.read_bytes() for file in sorted(repository.rglob("*")) if file.is_file()}

    before = state()
    demo("--once", "--json", cwd=repository)
    assert state() == before


def test_modules_of_the_current_directory_are_not_imported(demo, tmp_path):
    for name in ("mcp.py", "cortex_otel.py"):
        (tmp_path / name).write_text("raise SystemExit('wrong module')\n")
    (tmp_path / "config.py").write_text("TELEMETRY_ENABLED = False\n")
    assert json.loads(demo("--once", "--json").stdout)["ok"] is True


def test_clean_removes_what_the_demo_made(demo, tmp_path):
    demo("--once", "--json")
    (tmp_path / "home" / "cortex.db").write_bytes(b"the real one")
    assert "Removed" in demo("--clean").stdout
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["cortex.db"]
    assert "Nothing to remove" in demo("--clean").stdout
    assert json.loads(demo("--clean", "--json").stdout)["removed"] is False


def test_clean_leaves_what_is_not_its_own(demo, tmp_path):
    directory = tmp_path / "home" / "demo"
    directory.mkdir(parents=True)
    (directory / "letter.txt").write_text("dear")
    for option in ("--clean", "--once"):
        assert "wasn't created by the demo" in demo(option, expected=1).stderr
    (directory / "made-by-cortex-otel-demo").touch()
    assert "letter.txt" in demo("--clean").stdout
    assert [file.name for file in directory.iterdir()] == ["letter.txt"]


def test_two_demos_do_not_mix_their_counts(demo, tmp_path):
    directory = tmp_path / "home" / "demo"
    directory.mkdir(parents=True)
    with (directory / "made-by-cortex-otel-demo").open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        assert "another demo" in demo("--once", expected=1).stderr
        assert "another demo" in demo("--clean", expected=1).stderr


def test_without_git_it_says_so_in_one_line(demo, tmp_path):
    stderr = demo("--once", expected=1, PATH=str(tmp_path)).stderr
    assert to_install("demo") in stderr
    assert stderr.count("\n") == 1


def test_without_mcp_it_says_so_in_one_line(tmp_path, environment):
    blocked = (
        "import sys; sys.modules['mcp'] = None; import cortex_otel.cli;"
        f"sys.exit(cortex_otel.cli.main(['demo', '--once', '--home', {str(tmp_path / 'h')!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", blocked],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert to_install("demo") in done.stderr
    assert not (tmp_path / "h").exists()


def test_a_server_that_fails_is_shown_with_its_stderr(demo, tmp_path):
    directory = tmp_path / "home" / "demo"
    directory.mkdir(parents=True)
    (directory / "made-by-cortex-otel-demo").touch()
    # The servers start in this directory, which is on the path of `python -m`.
    (directory / "cortex_otel.py").write_text("raise RuntimeError('broken on purpose')\n")
    done = demo("--once", "--json", expected=1)
    assert done.stdout == ""
    assert "cortex_otel.demo.server failed" in done.stderr or "mcp-server-git" in done.stderr
    assert "broken on purpose" in done.stderr
    assert "Traceback" not in done.stderr.splitlines()[0]


def test_on_a_terminal_it_repeats_until_ctrl_c(tmp_path, environment):
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [*DEMO, "--home", str(tmp_path / "home")],
        cwd=tmp_path,
        env=environment | {"TERM": "xterm"},
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    )
    os.close(side)
    seen = read_until(terminal, b"rounds: 2", seconds=PATIENCE)
    seen += read_until(terminal, b"Ctrl-C", seconds=PATIENCE)
    process.send_signal(signal.SIGINT)
    code = process.wait(PATIENCE)
    seen += read_until(terminal, b"\0", seconds=0.5)
    assert code == 0, seen.decode()
    os.close(terminal)
    assert b"Traceback" not in seen
    assert seen.count(b"\x1b[2J") >= 2  # another round may have begun before the signal


def test_ctrl_c_in_the_middle_of_a_round_ends_the_servers(tmp_path, environment):
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [*DEMO, "--home", str(tmp_path / "home")],
        cwd=tmp_path,
        env=environment,
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    )
    os.close(side)
    seen = read_until(terminal, b"Starting", seconds=PATIENCE)
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    code = process.wait(PATIENCE)
    seen += read_until(terminal, b"\0", seconds=0.5)
    assert code == 0, seen.decode()
    os.close(terminal)
    assert b"Traceback" not in seen
    assert (
        str(tmp_path)
        not in subprocess.run(
            ["ps", "-eo", "args"], capture_output=True, text=True, check=True
        ).stdout
    )


def read_until(terminal, wanted, *, seconds):
    seen, deadline = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
    return seen


def test_the_memory_searches_summarises_and_classifies():
    memory = Memory()
    assert memory.search("why was the cart empty in May", 1) == ["incident-cart"]
    assert memory.search("로그인 토큰 만료", 1) == ["로그인"]
    assert memory.search("zebra", 5) == []
    memory.write("zoo", "The zebra grazes.")
    assert memory.search("zebra", 5) == ["zoo"]
    whole = " ".join(memory.notes.values())
    assert 0 < tokens(compress(whole, 0.3)) <= 0.3 * tokens(whole)
    assert compress("", 0.3) == ""
    assert classify("the outage was an incident").name == "incident"
    assert 0 < classify("").confidence <= 1
