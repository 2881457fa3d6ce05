"""What a replay says of a time that is over, beside what the evaluator said at the time."""

from __future__ import annotations

import apsw
import pytest
from simulated_evaluator import FAILED, NS, START, Machine

from cortex_otel.operate.alerts.replay import keep, replay
from cortex_otel.query.alert_rules import AlertRules
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader

STORED = "SELECT rule, subject, state, since, fired, resolved, value, detail FROM alerts"


@pytest.fixture
def watched(home):
    """A quarter of an hour with an incident, and the alerts that the evaluator stored of it."""
    machine = Machine(home)
    for step in range(90):
        machine.calls(3)
        if 20 <= step < 40:
            machine.calls(2, FAILED)
        machine.look(1.0, times=10)
    machine.close()
    return home / "cortex.db", machine.rows(STORED)


def replayed(database, until_seconds=900, **rules):
    reader = open_reader(database)
    try:
        return replay(reader, AlertRules(**rules), START, START + until_seconds * NS)
    finally:
        reader.close()


def test_it_says_what_the_evaluator_said(watched):
    database, [stored] = watched
    (alert,) = replayed(database)
    assert (
        (alert.rule, alert.subject, alert.state) == stored[:3] == ("error_rate", "mcp", "resolved")
    )
    for then, now in zip(
        stored[3:6], (alert.since_ns, alert.fired_ns, alert.resolved_ns), strict=True
    ):
        assert abs(then - now) <= 15 * NS  # both look every ten seconds, not at the same ones
    assert (alert.detail["tool"], alert.detail["error_type"]) == ("search", "LookupError")
    assert alert.value > alert.threshold


def test_what_began_before_the_end_is_seen_through_and_nothing_begins_after_it(watched):
    database, _ = watched
    (alert,) = replayed(database, until_seconds=300)
    assert alert.resolved_ns > START + 300 * NS
    assert replayed(database, until_seconds=150) == []


def test_rules_are_those_given(watched):
    database, _ = watched
    assert replayed(database, error_rate=0.9) == []
    assert replayed(database, services=("web",)) == []


def test_what_is_kept_is_kept_once_and_told_to_nobody(watched):
    database, before = watched
    found = replayed(database)
    writer = open_for_writing(database)
    for _ in range(2):
        keep(writer, found)
    writer.close()
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    rows = list(connection.execute(STORED))
    assert len(rows) == len(before) + 1
    assert connection.execute("SELECT count(*) FROM alert_messages").get == 0
    connection.close()
