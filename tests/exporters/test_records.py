from __future__ import annotations

import math
from decimal import Decimal
from enum import IntEnum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_kit import (
    CONTEXT,
    MONDAY,
    SERIES,
    SESSION,
    count,
    ledger,
    numbers,
    point,
    record,
    rows,
    verify,
)

from cortex_otel_exporters.sqlite import batch as batch_module
from cortex_otel_exporters.sqlite.store import Store


class Raises:
    def __eq__(self, other):
        raise RuntimeError

    def __hash__(self):
        raise RuntimeError


class Color(IntEnum):
    RED = 1


def circular():
    loop = {}
    loop["loop"] = loop
    return loop


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return {"deep": value}


LONG, LONE = "x" * 1_000_000, "lone \ud800"
BAD = {
    "NaN weight": {"weight": math.nan},
    "infinite weight": {"weight": math.inf},
    "no weight": {"weight": 0},
    "negative weight": {"weight": -1.0},
    "huge weight": {"weight": 1e300},
    "text weight": {"weight": "1"},
    "decimal weight": {"weight": Decimal(1)},
    "absent weight": {"weight": None},
    "negative time": {"time_unix_nano": -5},
    "no time": {"time_unix_nano": 0},
    "huge time": {"time_unix_nano": 2**63},
    "float time": {"time_unix_nano": float(MONDAY)},
    "text time": {"time_unix_nano": "now"},
    "absent time": {"time_unix_nano": None},
    "negative duration": {"duration_nano": -1},
    "huge duration": {"duration_nano": 2**63},
    "an end beyond 64 bits": {"duration_nano": 2**63 - MONDAY},
    "float duration": {"duration_nano": 0.5},
    "text duration": {"duration_nano": "1"},
    "huge trace id": {"trace_id": 2**128},
    "negative trace id": {"trace_id": -1},
    "text trace id": {"trace_id": "abc"},
    "huge span id": {"span_id": 2**64},
    "very huge span id": {"span_id": 2**200},
    "negative span id": {"span_id": -1},
    "float span id": {"span_id": 1.5},
    "huge parent id": {"parent_span_id": 2**64},
    "absent parent id": {"parent_span_id": None},
    "an object as data": {"event_data": {"a": object()}},
    "bytes as data": {"event_data": {"a": b"x"}},
    "NaN in data": {"event_data": {"a": math.nan}},
    "circular data": {"event_data": circular()},
    "deep data": {"event_data": nested(500)},
    "very deep data": {"event_data": nested(5000)},
    "a list as data": {"event_data": [1]},
    "text as data": {"event_data": "text"},
    "long data": {"event_data": {"a": LONG}},
    "lone surrogate in data": {"event_data": {"a": LONE}},
    "lone surrogate as key": {"event_data": {LONE: 1}},
    "tuple as key": {"event_data": {(1, 2): 1}},
    "lone surrogate in message": {"error_message": LONE},
    "long message": {"error_message": LONG},
    "bytes message": {"error_message": b"x"},
    "number as message": {"error_message": 5},
    "lone surrogate in user": {"user_id_hash": LONE},
    "number as user": {"user_id_hash": 5},
    "list as user": {"user_id_hash": ["a"]},
    "long user": {"user_id_hash": LONG},
    "NaN measure": {"measures": (("before", math.nan),)},
    "infinite measure": {"measures": (("before", math.inf),)},
    "huge measure": {"measures": (("before", 1e300),)},
    "enormous measure": {"measures": (("before", 10**400),)},
    "text measure": {"measures": (("before", "1"),)},
    "absent measure": {"measures": (("before", None),)},
    "nameless measure": {"measures": ((None, 1.0),)},
    "unhashable measure": {"measures": ((["a"], 1.0),)},
    "lone surrogate in measure": {"measures": ((LONE, 1.0),)},
    "measures that are none": {"measures": 5},
    "measures of three": {"measures": (("a", 1.0, 2),)},
    "no series": {"series": None},
    "short series": {"series": ("mcp",)},
    "no context": {"context": None},
    "short context": {"context": ("a",)},
    "no session": {"session": None},
    "short session": {"session": ("new session",)},
    "attributes that are no JSON": {"context": CONTEXT._replace(attributes="{")},
    "no attributes": {"context": CONTEXT._replace(attributes="")},
    "attributes that are a list": {"context": CONTEXT._replace(attributes="[1]")},
    "NaN in attributes": {"context": CONTEXT._replace(attributes='{"a":NaN}')},
}
for name, base in (("series", SERIES), ("context", CONTEXT), ("session", SESSION)):
    for index, column in enumerate(base._fields):
        for what, wrong in (
            ("absent", None), ("number", 5), ("bytes", b"x"), ("list", ["a"]), ("lone", LONE),
            ("long", LONG), ("raising", Raises()),
        ):  # fmt: skip
            values = list(base._replace(session_id="other") if name == "session" else base)
            values[index] = wrong
            BAD[f"{what} {name}.{column}"] = {name: type(base)(*values)}

TABLES = ("users", "sessions", "rollup_hour", "rollup_hour_duration", "rollup_user_day",
          "rollup_user_feature_days", "rollup_user_feature", "rollup_measure",
          "user_tiers")  # fmt: skip


@pytest.fixture
def one_by_one(monkeypatch):
    """How often the slow way was needed."""
    calls = []
    slow = Store._write_one_by_one
    monkeypatch.setattr(
        Store, "_write_one_by_one", lambda *arguments: calls.append(1) or slow(*arguments)
    )
    return calls


def test_each_bad_record_is_set_aside_and_its_neighbours_are_stored(path, make_writer, one_by_one):
    writer = make_writer(interval_ms=100)
    for number, changes in enumerate(BAD.values()):
        writer.submit(record(2 * number))
        writer.submit(record(2 * number + 1, **{"user_id_hash": "new"} | changes))
    assert writer.force_flush()
    assert numbers(path) == [2 * number for number in range(len(BAD))]
    assert ledger(path) == {
        "received": 2 * len(BAD),
        "stored": len(BAD),
        "dropped|invalid": len(BAD),
    }
    verify(path)
    # They leave no trace: no user, no session, no count.
    assert rows(path, "SELECT user_id_hash FROM users") == [(record().user_id_hash,)]
    assert rows(path, "SELECT session_id FROM sessions") == [("session-1",)]
    assert not one_by_one
    assert not list(path.parent.glob("*corrupt*"))


def test_a_bad_record_alone_leaves_nothing(path, make_writer):
    writer = make_writer(interval_ms=1)
    for done, (name, changes) in enumerate(BAD.items(), 1):
        writer.submit(record(user_id_hash="u")._replace(**changes))
        assert writer.force_flush(), name
        assert [count(path, table) for table in TABLES] == [0] * len(TABLES), name
        assert ledger(path) == {"received": done, "dropped|invalid": done}, name


@pytest.mark.parametrize("thing", [None, 5, "text", (), object(), (1, 2, 3)])
def test_what_is_no_record_at_all_is_set_aside(path, writer, thing):
    writer.submit(thing)
    writer.submit(record(1))
    assert writer.force_flush()
    assert numbers(path) == [1]
    verify(path)


def test_odd_but_good_records_are_stored(path, writer):
    good = [
        {"weight": 1}, {"duration_nano": 0}, {"duration_nano": 2**62 - 1, "time_unix_nano": 1},
        {"event_data": {"a": "é\0\n", "b": nested(50), "c": ["x"] * 500, "d": Color.RED}},
        {"trace_id": 2**128 - 1, "span_id": 2**64 - 1, "parent_span_id": 2**63},
        {"session": SESSION._replace(session_id="")}, {"error_message": "🙂"},
        {"context": CONTEXT._replace(attributes='{"a":[1,{"b":null}]}')},
    ]  # fmt: skip
    for number, changes in enumerate(good):
        writer.submit(record(number, **changes))
    assert writer.force_flush()
    assert verify(path) == len(good)
    assert len(rows(path, "SELECT * FROM telemetry_events")) == len(good)


def test_a_record_that_breaks_the_batch_in_an_unforeseen_way_is_found(
    path, make_writer, monkeypatch, one_by_one
):
    def check(_, unforeseen=batch_module.check_record):
        return unforeseen(_) if _[10] != LONE else None

    monkeypatch.setattr(batch_module, "check_record", check)
    writer = make_writer(interval_ms=100)
    for number in range(50):
        writer.submit(record(number, error_message=LONE if number % 10 == 3 else ""))
    assert writer.force_flush()
    assert numbers(path) == [number for number in range(50) if number % 10 != 3]
    assert one_by_one
    verify(path)


BAD_POINTS = [
    {"value": math.nan}, {"value": math.inf}, {"value": "1"}, {"value": None}, {"name": None},
    {"name": LONE}, {"name": b"x"}, {"unit": 5}, {"time_unix_nano": "now"},
    {"time_unix_nano": 2**63}, {"time_unix_nano": -1}, {"start_time_unix_nano": 1.5},
    {"attributes": "{"}, {"attributes": "[]"}, {"attributes": LONG}, {"buckets": None},
    {"sum": math.nan}, {"minimum": "x"}, {"maximum": math.inf}, {"observations": 1.5},
    {"observations": 2**70},
]  # fmt: skip


def test_bad_metric_points_are_set_aside_too(path, writer):
    points = [point(number, **changes) for number, changes in enumerate(BAD_POINTS)]
    assert writer.submit_metrics([point(100), *points, None, ("short",), point(101)])
    assert writer.force_flush()
    assert rows(path, "SELECT timestamp FROM telemetry_metrics") == [
        (MONDAY + 100,),
        (MONDAY + 101,),
    ]
    assert ledger(path, "metric") == {
        "received": len(BAD_POINTS) + 4,
        "stored": 2,
        "dropped|invalid": len(BAD_POINTS) + 2,
    }


_anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.text(st.characters(categories=["Cs", "L"])),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(field=st.sampled_from(record()._fields), value=_anything)
def test_whatever_is_in_any_field_the_ledger_balances(make_writer, tmp_path, field, value):
    writer = make_writer(tmp_path / "home" / "cortex.db", interval_ms=1)
    writer.submit(record(1)._replace(**{field: value}))
    writer.submit(record(2))
    assert writer.force_flush()
    assert writer.shutdown()
    assert not list(writer.path.parent.glob("*corrupt*"))
    rows(writer.path, "SELECT * FROM telemetry_events")
    verify(writer.path)
