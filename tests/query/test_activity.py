"""Who is active and what error rates count: as the registry declares it, and in older files too."""

from __future__ import annotations

import contextlib
from collections import Counter

import apsw
import pytest
from counting import ask
from older_versions import BACK_TO_5
from seeding import DAY, HOUR, MONDAY, user_hash

from cortex_otel_exporters.record import Context, Record, Series, Session
from cortex_otel_exporters.sqlite import declarations
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader
from cortex_otel_exporters.sqlite.store import Store

RANGE = {"from_ns": MONDAY, "to_ns": MONDAY + DAY}


def event(number, event_type, user, result="success", **of):
    service, feature = of.get("service", "mcp"), of.get("feature", "")
    series = Series(
        service, event_type, event_type, "", feature, "free", result, "INFO", "event", ""
    )
    context = Context("s@1", "{}", "", "", "{}")
    at = MONDAY + 9 * HOUR + number * 1_000_000
    return Record(at, None, series, context, Session(user[:8]), user, 0, 0, 0, 1.0, "", {})


def exposed():
    """990 flag evaluations beside 10 calls, half of which failed; an install; an error."""
    flags = [event(n, "feature_flag.evaluation", user_hash(n % 99)) for n in range(990)]
    calls = [
        event(n, "mcp.tool_call", user_hash(1), "error" if n % 2 else "success", feature="find")
        for n in range(10)
    ]
    install = event(0, "ext.install", user_hash(500), service="extension", feature="vscode")
    crash = event(0, "ext.error", user_hash(501), "error", service="extension")
    return [*flags, *calls, install, crash]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "cortex.db"


def store(path, records):
    writer = Store(path)
    assert writer.write(records, [], Counter()).trouble == ""
    writer.close()


def answers(path):
    with contextlib.closing(open_reader(path)) as reader:
        return {
            "mcp": ask(reader, "overview", **RANGE, service="mcp")[0],
            "all": ask(reader, "overview", **RANGE)[0],
            "hours": ask(reader, "error_rate", **RANGE, service="mcp"),
            "services": ask(reader, "services", **RANGE),
            "types": ask(reader, "events_by_service", **RANGE),
            "dau": ask(reader, "active_users", to_ns=MONDAY + DAY)[0],
            "new": ask(reader, "new_users", **RANGE),
            "users": ask(reader, "users", **RANGE),
            "user": ask(reader, "user_totals", **RANGE, user=user_hash(1))[0],
            "crashed": ask(reader, "user_totals", **RANGE, user=user_hash(501))[0],
            "errors": ask(reader, "error_summary", **RANGE)[0],
            "tiers": ask(reader, "tiers", **RANGE),
        }


def check(found):
    for one in (found["mcp"], found["hours"][0], found["services"][0], found["users"][0]):
        assert one["error_rate"] == 0.5
    assert found["user"]["error_rate"] == 0.5
    assert found["all"]["error_rate"] == found["errors"]["error_rate"] == 6 / 11
    assert (found["mcp"]["events"], found["mcp"]["errors"]) == (1000, 5)
    rates = {row["event_type"]: row["error_rate"] for row in found["types"]}
    assert rates == {
        "feature_flag.evaluation": None, "ext.install": None, "ext.error": 1, "mcp.tool_call": 0.5,
    }  # fmt: skip
    assert found["all"]["active_users"] == 1
    assert (found["dau"]["dau"], found["dau"]["mau"]) == (1, 1)
    assert sum(row["new_users"] for row in found["new"]) == 1
    assert [row["user_id_hash"] for row in found["users"]] == [user_hash(1)]
    assert [row["users"] for row in found["tiers"]] == [1]
    # Nothing is lost sight of: what isn't use is found all the same.
    assert (found["crashed"]["events"], found["crashed"]["active_days"]) == (1, 0)


def test_a_flag_an_install_and_an_error_are_no_use(path):
    store(path, exposed())
    check(answers(path))


def test_in_any_order_and_in_many_batches(path):
    records = exposed()
    for start in range(0, len(records), 100):
        store(path, records[::-1][start : start + 100])
    check(answers(path))
    times = "SELECT first_time, last_time FROM rollup_user_day WHERE half_hours <> 0"
    with contextlib.closing(apsw.Connection(str(path))) as reader:
        last = MONDAY + 9 * HOUR + 9_000_000
        assert list(reader.execute(times)) == [(MONDAY + 9 * HOUR, last)]


def test_a_file_of_the_version_before_is_put_right(path):
    """As that version left it: everything made its user active."""
    store(path, exposed())
    undo(path, before=4)
    open_for_writing(path).close()
    check(answers(path))


def test_without_its_events_what_was_used_tells(path):
    store(path, exposed())
    undo(path, before=4)
    with contextlib.closing(apsw.Connection(str(path))) as writer:
        writer.execute("DELETE FROM events")
    open_for_writing(path).close()
    sql = (
        "SELECT u.user_id_hash FROM rollup_user_day JOIN users u USING (user_key)"
        " WHERE half_hours <> 0"
    )
    with contextlib.closing(apsw.Connection(str(path))) as reader:
        active = {user for (user,) in reader.execute(sql)}
    assert user_hash(500) not in active  # installed, and used nothing
    assert user_hash(1) in active


def undo(path, before):
    assert before == 4
    with contextlib.closing(apsw.Connection(str(path))) as writer:
        list(writer.execute(BACK_TO_5))
        list(
            writer.execute(
                "UPDATE rollup_user_day SET half_hours = 1 << 18;"
                "DROP VIEW telemetry_user_sessions; DROP VIEW telemetry_events;"
                "CREATE VIEW telemetry_events AS SELECT 1;"
                "CREATE VIEW telemetry_user_sessions AS SELECT 1;"
                "DROP TRIGGER series_declared; DROP TRIGGER features_declared;"
                "DROP TABLE session_half_hours; DROP TABLE session_parts;"
                "CREATE INDEX sessions_by_end ON sessions (end_time);"
                "DELETE FROM store WHERE key = 'next_cut_key';"
                "DROP TABLE event_types; DROP TABLE rollup_user_aside; DROP TABLE zone_offsets;"
                "ALTER TABLE series DROP COLUMN is_active;"
                "ALTER TABLE series DROP COLUMN in_error_rate;"
                "ALTER TABLE features DROP COLUMN is_active;"
                "ALTER TABLE users DROP COLUMN first_active;"
                "PRAGMA user_version = 3"
            )
        )


def test_what_is_declared_otherwise_is_put_right_on_open(path, monkeypatch):
    store(path, exposed())
    monkeypatch.setattr(declarations, "INACTIVE_EVENT_TYPES", frozenset({"span", "log"}))
    monkeypatch.setattr(declarations, "UNRATED_EVENT_TYPES", frozenset({"span", "log"}))
    open_for_writing(path).close()
    assert answers(path)["mcp"]["error_rate"] == 5 / 1000
    monkeypatch.undo()
    open_for_writing(path).close()
    check(answers(path))


def test_what_nobody_declared_is_use_and_counts(path):
    store(path, [event(0, "shop.sale", user_hash(1)), event(1, "shop.sale", user_hash(1), "error")])
    with contextlib.closing(open_reader(path)) as reader:
        assert ask(reader, "overview", **RANGE)[0]["error_rate"] == 0.5
        assert ask(reader, "active_users", to_ns=MONDAY + DAY)[0]["dau"] == 1
