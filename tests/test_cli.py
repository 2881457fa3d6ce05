from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest
from patience import PATIENCE

from cortex_otel._version import to_install
from cortex_otel.cli import main
from cortex_otel.query.catalogue import catalogue

_path = Path(__file__).parent / "query" / "seeding.py"
_spec = importlib.util.spec_from_file_location("seeding", _path)
seeding = sys.modules.setdefault("seeding", importlib.util.module_from_spec(_spec))
if not hasattr(seeding, "build"):
    _spec.loader.exec_module(seeding)

COMMAND = [sys.executable, "-m", "cortex_otel.cli"]
Event = seeding.Event


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("CORTEX_OTEL_", "OTEL_", "LC_")) or name in {"LANG", "NO_COLOR"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def seed(home, events=None, ledger=()):
    now = time.time_ns()
    if events is None:
        events = [
            Event(
                now - 3 * 10**9, duration=12_340_000, user="ab" * 32, session="s", tool_name="검색",
            ),
            Event(now - 2 * 10**9, event_type="ext.activate", service="extension", tier="paid"),
            Event(
                now - 10**9, duration=10**6, tool_name="=1+1", result="error",
                error_type="KeyError", error_message="KeyError in run:3\x1b[2J",
            ),
        ]  # fmt: skip
    return seeding.build(home / "cortex.db", events, ledger)


def run(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **options,
    )


def said(capsys, *arguments):
    """Exit code, stdout and stderr of a command in this process."""
    try:
        code = main(arguments)
    except SystemExit as exit_:
        code = exit_.code
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"], ["--frobnicate"], ["status", "extra"], ["tail", "-n", "x"],
        ["tail", "-n", "-1"], ["tail", "--tier", "gold"], ["query", "no_such"], ["query", "toolz"],
        ["query", "dau", "--since", "3x"], ["query", "dau", "--since", "1d", "--until", "2d"],
        ["query", "dau", "--limit", "0"],
        ["query", "dau", "--format", "xml"], ["query", "ledger", "--tier", "paid"],
        ["query", "ledger", "--service", "mcp"], ["query", "funnel", "--set", "within_s=x"],
        ["query", "funnel", "--set", "within_s=0"], ["query", "funnel", "--set", "steps="],
        ["query", "--show"], ["query", "toolz", "--show"],
        ["query", "dau", "--set", "from_ns=1"], ["query", "dau", "--set", "x"],
    ],
)  # fmt: skip
def test_nonsense_is_one_line_and_exit_2(capsys, home, arguments):
    seed(home)
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("cortex-otel")


def test_a_bad_setting_is_one_line_and_exit_2(capsys, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_SAMPLING", "nonsense")
    code, out, err = said(capsys, "status")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "CORTEX_OTEL_SAMPLING='nonsense' is not valid" in err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["status", "--help"], ["query", "-h"]])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_help(capsys, monkeypatch, arguments, lang):
    monkeypatch.setenv("CORTEX_OTEL_LANG", lang)
    code, out, err = said(capsys, *arguments)
    assert (code, err) == (0, "")
    assert "cortex-otel" in out
    if arguments in ([], ["--help"]):
        assert "cortex-otel query tools --since 7d" in out


@pytest.mark.system
def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "cortex-otel")


@pytest.mark.parametrize("command", [["query", "overview"], ["tail"]])
def test_without_a_database(capsys, monkeypatch, home, command):
    for lang, words in (("en", "no database at"), ("ko", "데이터베이스 없음")):
        monkeypatch.setenv("CORTEX_OTEL_LANG", lang)
        code, out, err = said(capsys, *command)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert words in err
    assert not home.exists()


def test_home_wins_over_the_environment(capsys, tmp_path):
    seed(tmp_path / "elsewhere")
    assert said(capsys, "query", "overview", "--home", str(tmp_path / "elsewhere"))[0] == 0


# --- status


def status(capsys, expected=0):
    code, out, err = said(capsys, "status", "--json")
    assert (code, err) == (expected, "")
    return json.loads(out)


def beat(home, **state):
    (home / "writers").mkdir(parents=True, exist_ok=True)
    content = {"pid": os.getpid(), "service": "mcp", "stored": 3, **state}
    name = f"{content['pid']}-{len(list((home / 'writers').iterdir()))}.json"
    (home / "writers" / name).write_text(json.dumps(content).ljust(2048))


def test_status_before_anything(capsys, home):
    found = status(capsys)
    assert (found["verdict"], found["exists"], found["events"]) == ("nothing_yet", False, 0)
    assert "opentelemetry-instrument" in found["message"]
    assert not home.exists()


@pytest.mark.parametrize(
    ("name", "value"), [("CORTEX_OTEL_ENABLED", "false"), ("OTEL_SDK_DISABLED", "true")]
)
def test_status_switched_off(capsys, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert status(capsys)["message"] == f"Switched off by {name}={value}."


@pytest.mark.system
def test_status_switched_off_by_the_config_of_the_host(tmp_path):
    (tmp_path / "config.py").write_text("TELEMETRY_ENABLED = False\nraise SystemExit(9)\n")
    done = run("status", cwd=tmp_path)
    assert done.stdout.startswith("Switched off by TELEMETRY_ENABLED = False (config.py).")


def test_status_of_a_store_nobody_writes_to(capsys, home):
    day = time.time_ns() // seeding.DAY
    ledger = [
        (day, "event", "received", "", 6), (day, "event", "stored", "", 3),
        (day, "event", "sampled_out", "", 1), (day, "event", "dropped", "queue_full", 2),
    ]  # fmt: skip
    seed(home, ledger=ledger)
    found = status(capsys)
    assert (found["verdict"], found["events"], found["users"]) == ("idle", 3, 1)
    assert found["ledger"]["event"] == {
        "received": 6,
        "stored": 3,
        "sampled_out": 1,
        "dropped": {"queue_full": 2},
        "expired": {},
    }
    assert found["size_bytes"] >= (home / "cortex.db").stat().st_size
    _, out, _ = said(capsys, "status")
    assert "6 received = 3 stored + 1 sampled out + 2 dropped (queue_full 2)" in out


def test_status_while_recording(capsys, home):
    beat(home)
    assert status(capsys)["verdict"] == "ready"
    seed(home)
    assert status(capsys)["verdict"] == "recording"
    beat(home, trouble="disk_full", faults={"a.b": 2}, notes=["X=1 makes no sense"])
    assert status(capsys)["message"] == "Recording, but 1 process can't store: the disk is full."
    _, out, _ = said(capsys, "status")
    assert "a.b 2" in out
    assert "X=1 makes no sense" in out


def test_status_of_a_full_disk(capsys, home):
    beat(home, trouble="disk_full")
    beat(home, pid=2**22 + 7)  # gone
    assert status(capsys)["message"] == "Not recording: the disk is full."


def test_status_of_a_broken_file(capsys, home):
    home.mkdir()
    (home / "cortex.db").write_bytes(b"broken" * 1000)
    found = status(capsys, expected=1)
    assert found["verdict"] == "unreadable"
    assert "move it away" in found["message"]


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_status_for_people(capsys, monkeypatch, home, lang):
    monkeypatch.setenv("CORTEX_OTEL_LANG", lang)
    seed(home)
    beat(home)
    code, out, _ = said(capsys, "status")
    assert code == 0
    assert str(home / "cortex.db") in out
    assert ("기록 중: 프로세스 1개" if lang == "ko" else "Recording: 1 process") in out


# --- query


@pytest.mark.parametrize("name", sorted(catalogue()))
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_every_question_in_every_format(capsys, home, name, form):
    seed(home, seeding.random_events(300, days=2, users=9))
    code, out, _ = said(capsys, "query", name, "--since", "all", "--format", form, "--limit", "5")
    assert code == 0
    columns = [column.name for column in catalogue()[name].columns]
    if form == "json":
        assert [column["name"] for column in json.loads(out)["columns"]] == columns
    elif form == "csv":
        header, *rows = csv.reader(io.StringIO(out))
        assert header == columns
        assert all(len(row) == len(columns) for row in rows)
        assert len(rows) <= 5


def test_the_catalogue_is_listed(capsys, monkeypatch):
    code, out, _ = said(capsys, "query")
    assert code == 0
    assert all(f"  {name}" in out for name in catalogue())
    monkeypatch.setenv("CORTEX_OTEL_LANG", "ko")
    assert "도구 호출" in said(capsys, "query")[1]
    _, out, _ = said(capsys, "query", "--format", "json")
    told = {question["name"]: question for question in json.loads(out)}
    assert told.keys() == catalogue().keys()
    assert told["dau"]["about"] == catalogue()["dau"].about_in("ko")
    titles = {column["title"] for column in told["dau"]["columns"]}
    assert titles == {"날짜", "사용자", "집계 중", "구분"}


@pytest.mark.parametrize("name", sorted(catalogue()))
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_what_is_shown_can_be_run(capsys, monkeypatch, home, name, lang):
    monkeypatch.setenv("CORTEX_OTEL_LANG", lang)
    code, out, err = said(capsys, "query", name, "--show")
    assert (code, err) == (0, "")
    assert not home.exists()
    question = catalogue()[name]
    assert out.startswith(f"-- {question.title_in(lang)}\n")
    for each in question.parameters:
        assert f":{each.name} " in out
        assert f" {each.meaning_in(lang)}\n" in out
    for each in question.columns:
        assert f" {each.name} " in out
        assert f" {each.meaning_in(lang)}\n" in out
    assert question.about_in(lang)[:40] in out
    connection = apsw.Connection(str(seed(home)))
    values = dict.fromkeys(re.findall(r"(?<!:):([a-z_]+)", out), 0)
    list(connection.execute(out, values))
    connection.close()


def test_a_cut_answer_says_so(capsys, home):
    seed(home)
    code, out, err = said(capsys, "query", "tools", "--limit", "1", "--format", "csv")
    assert (code, out.count("\n")) == (0, 2)
    assert err == "cortex-otel: Only the first row is shown: --limit shows more.\n"


def test_filters_and_formulas(capsys, home):
    seed(home)
    _, out, _ = said(
        capsys, "query", "errors", "--tier", "free", "--service", "mcp", "--format", "csv"
    )
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["tool_name"], row["error_type"]) == ("'=1+1", "KeyError")
    _, out, err = said(capsys, "query", "errors", "--tier", "paid")
    assert (out, err.count("\n")) == ("", 1)


def test_a_parameter_of_its_own(capsys, home):
    long_ago = time.time_ns() - 20 * seeding.DAY
    seed(home, [Event(long_ago, user="a" * 64), Event(long_ago + 10, user="a" * 64, tier="paid")])
    users = {}
    for days in (7, 60):
        options = ["--set", f"within_s={days * 86_400}", "--format", "json"]
        rows = json.loads(said(capsys, "query", "funnel", *options)[1])["rows"]
        users[days] = [row["users"] for row in rows]
    assert users == {7: [1, 1, 1], 60: [0, 0, 0]}


# --- tail


def test_the_latest_events_oldest_first(capsys, home):
    seed(home)
    code, out, _ = said(capsys, "tail", "-n", "2")
    assert code == 0
    first, second = out.splitlines()
    assert "ext.activate" in first
    assert "KeyError in run:3?[2J" in second
    assert "\x1b" not in out


def test_tail_filters_and_json(capsys, home):
    seed(home)
    options = ["--type", "mcp.tool_call", "--user", "ABAB", "--tier", "free", "--service", "mcp"]
    _, out, _ = said(capsys, "tail", "--json", *options)
    (event,) = map(json.loads, out.splitlines())
    assert (event["tool_name"], event["duration_ms"], event["event_data"]) == (
        "검색",
        12.34,
        {"a": 1},
    )


class Following:
    """``tail -f --json`` in a process of its own."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [*COMMAND, "tail", "-f", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def names(self, count):
        return [json.loads(self.process.stdout.readline())["name"] for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=PATIENCE)
        self.rest, self.errors = out, err


def add(path, name):
    with apsw.Connection(str(path)) as writer:
        writer.set_busy_timeout(2000)
        writer.execute(
            "INSERT INTO events (time, series_key, context_key, session_key)"
            " VALUES (?, (SELECT series_key FROM series WHERE name = ?), 1, 1)",
            (time.time_ns(), name),
        )
    writer.close()


@pytest.mark.system
def test_following_new_events_until_ctrl_c(home):
    path = seed(home, [Event(time.time_ns(), name=name) for name in ("old", "new")])
    with Following("-n", "1") as following:
        assert following.names(1) == ["new"]
        add(path, "old")
        add(path, "new")
        assert following.names(2) == ["old", "new"]
    assert (following.process.returncode, following.errors) == (130, "")


@pytest.mark.system
def test_following_waits_for_a_database_and_survives_its_replacement(home, tmp_path):
    with Following() as following:
        assert "Waiting for" in following.process.stderr.readline()
        seed(tmp_path / "first", [Event(time.time_ns(), name="first")])
        (tmp_path / "first").rename(home)
        assert following.names(1) == ["first"]
        seed(tmp_path / "second", [Event(time.time_ns(), name="second")])
        (tmp_path / "second" / "cortex.db").replace(home / "cortex.db")
        assert following.names(1) == ["second"]
        home.rename(tmp_path / "gone")
        time.sleep(0.5)
        seed(home, [Event(time.time_ns(), name="third")])
        assert following.names(1) == ["third"]
    assert (following.process.returncode, following.errors) == (130, "")


@pytest.mark.system
def test_a_closed_pipe_is_no_error(home):
    seed(home, [Event(time.time_ns() - n) for n in range(5000)])
    with subprocess.Popen(
        [*COMMAND, "tail", "-n", "5000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.system
def test_a_terminal_without_korean_letters(home):
    seed(home)
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "CORTEX_OTEL_LANG": "ko"}
    done = run("tail", env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "??" in done.stdout


def test_the_demo_without_its_packages(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cortex_otel.demo.runner", None)
    monkeypatch.setitem(sys.modules, "cortex_otel.demo", None)
    code, _, err = said(capsys, "demo", "--once")
    assert (code, err.count("\n")) == (1, 1)
    assert to_install("demo") in err


def test_both_ports_that_are_taken_are_told_at_once(capsys, tmp_path):
    with (
        socket.create_server(("127.0.0.1", 0)) as admin,
        socket.create_server(("127.0.0.1", 0)) as receiver,
    ):
        ports = [str(each.getsockname()[1]) for each in (admin, receiver)]
        code, _out, err = said(
            capsys,
            "serve",
            "--home",
            str(tmp_path),
            "--port",
            ports[0],
            "--receiver-port",
            ports[1],
        )
    assert code == 1
    assert [line.rpartition(" ")[2] for line in err.splitlines()] == ["--port", "--receiver-port"]


def test_a_range_may_be_called_as_in_the_web_admin(capsys, home):
    seed(home)
    asked = ("query", "tools", "--format", "json")
    one, other = (
        json.loads(said(capsys, *asked, *names)[1])
        for names in (("--since", "2026-01-01", "--until", "2026-02-01"),
                      ("--from", "2026-01-01", "--to", "2026-02-01"))
    )  # fmt: skip
    assert (one["from"], one["to"]) == (other["from"], other["to"])
