"""Each question of the catalogue says so where its answer lacks what is deleted."""

import json
import shutil
import time

import pytest

from cortex_otel.cli import main
from cortex_otel.demo.synthetic_data import fill as synthesize
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel_exporters.sqlite.expiry import EVENTS, NS_A_DAY, Pace, delete_some
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader

#: 2026-06-01T12:00:05Z
NOW = 1_780_315_205 * 10**9
FIRST = (NOW // NS_A_DAY - 15) * NS_A_DAY
END = (NOW // NS_A_DAY + 1) * NS_A_DAY
#: All events before are deleted.
CUT = FIRST + 8 * NS_A_DAY
MINUTE = 60 * 10**9
STEPS = json.dumps(["mcp.tool_call", "mcp.search_context"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "cortex.db"
    synthesize(path, days=16, users=60, now_ns=NOW)
    return path


@pytest.fixture(scope="module")
def cut(whole, tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "cortex.db"
    shutil.copy(whole, path)
    connection = open_for_writing(path)
    while delete_some(connection, EVENTS, CUT, "age", Pace(0.01)):
        pass
    connection.close()
    return path


@pytest.fixture(scope="module")
def user(whole):
    """The one with most events."""
    connection = open_reader(whole)
    sql = "SELECT user_id_hash FROM users u JOIN events e USING (user_key) GROUP BY 1"
    yield connection.execute(f"{sql} ORDER BY count(*) DESC LIMIT 1").get
    connection.close()


def ask(path, name, from_ns, to_ns, **extra):
    question = catalogue()[name]
    values = {"from_ns": from_ns, "to_ns": to_ns, **extra}
    if question.accepts("steps"):
        values["steps"] = STEPS
    connection = open_reader(path)
    try:
        return run(connection, question, values, time_limit_ms=60_000)
    finally:
        connection.close()


def asked(user):
    """Questions, with what makes them read other tables."""
    for name, question in catalogue().items():
        yield name, {}
        if question.accepts("user"):
            yield name, {"user": user}
        if question.accepts("start"):
            yield name, {"start": "mcp.tool_call"}


@pytest.mark.parametrize(
    ("from_ns", "to_ns"),
    [
        pytest.param(FIRST, END, id="whole days"),
        pytest.param(
            FIRST + 3 * NS_A_DAY + 433 * MINUTE + 1, CUT + 887 * MINUTE, id="to the minute"
        ),
    ],
)
def test_no_answer_is_silently_another(whole, cut, user, from_ns, to_ns):
    silent = []
    for name, extra in asked(user):
        before = ask(whole, name, from_ns, to_ns, **extra)
        after = ask(cut, name, from_ns, to_ns, **extra)
        says = after.kept_from_ns == CUT or after.widened or after.exact != before.exact
        if before.rows != after.rows and not says:
            silent.append((name, extra))
    assert not silent


def test_what_is_kept_is_answered_as_before_and_nothing_said(whole, cut, user):
    other = []
    for name, extra in asked(user):
        before, after = (ask(path, name, CUT, END, **extra) for path in (whole, cut))
        reads_before = catalogue()[name].reads_before and after.reads_events
        if reads_before:
            assert after.kept_from_ns == CUT, name
        elif before.rows != after.rows or after.kept_from_ns is not None or after.widened:
            other.append((name, extra))
    assert not other


def test_nothing_is_said_of_a_store_that_has_everything(whole, user):
    for name, extra in asked(user):
        result = ask(whole, name, FIRST + 433 * MINUTE, END, **extra)
        assert (result.kept_from_ns, result.widened) == (None, False), name


def test_the_command_says_it(cut, capsys, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_TIME_ZONE", "UTC")
    asked = ["query", "events", "--home", str(cut.parent), "--since", "2026-05-20"]
    assert main([*asked, "--until", "2026-05-28", "--limit", "1"]) == 0
    assert "Raw events are kept from 2026-05-25T00:00 on" in capsys.readouterr().err
    main([*asked, "--until", "2026-05-28", "--limit", "1", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["kept_from"].startswith("2026-05-25T00:00:00")


def test_status_says_it(cut, capsys, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_TIME_ZONE", "UTC")
    monkeypatch.setattr(time, "time_ns", lambda: NOW)
    assert main(["status", "--home", str(cut.parent)]) == 0
    shown = capsys.readouterr().out
    assert "Raw events from" in shown
    assert "2026-05-25 00:00:00" in shown
    assert "of the stored deleted since (age " in shown
    main(["status", "--home", str(cut.parent), "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert facts["events_from_ns"] == CUT
    event = facts["ledger"]["event"]
    assert facts["events"] == event["stored"] - event["expired"]["age"]
    assert event["received"] == event["stored"] + event["sampled_out"] + sum(
        event["dropped"].values()
    )


def test_ordered_questions_forget_what_is_deleted(whole, tmp_path):
    path = tmp_path / "cortex.db"
    shutil.copy(whole, path)
    first = ask(path, "funnel", FIRST, END)
    assert path.with_name("cortex.db.analysis").exists()
    connection = open_for_writing(path)
    # Half of what goes is still there: it is as good as gone.
    delete_some(connection, EVENTS, CUT, "age", Pace(0.01))
    early = ask(path, "funnel", FIRST, END)
    while delete_some(connection, EVENTS, CUT, "age", Pace(0.01)):
        pass
    connection.close()
    late = ask(path, "funnel", FIRST, END)
    assert early.rows == late.rows != first.rows
    assert early.kept_from_ns == late.kept_from_ns == CUT
