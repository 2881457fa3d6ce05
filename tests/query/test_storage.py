from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from cortex_otel.query.storage import TelemetryStorage
from cortex_otel_exporters.sqlite.reader import StoreUnreadableError

_path = Path(__file__).with_name("seeding.py")
_spec = importlib.util.spec_from_file_location("seeding", _path)
seeding = sys.modules.setdefault("seeding", importlib.util.module_from_spec(_spec))
if not hasattr(seeding, "build"):
    _spec.loader.exec_module(seeding)

MONDAY, Event = seeding.MONDAY, seeding.Event
ALICE, BOB = "a" * 64, "b" * 64


@pytest.fixture
def storage(tmp_path):
    events = [
        Event(
            MONDAY,
            duration=2_500_000,
            user=ALICE,
            session="s",
            tool_name="search",
            data={"k": "값"},
        ),
        Event(MONDAY + 1, user=BOB, service="extension", event_type="ext.activate", tier="paid"),
        Event(MONDAY + 2, event_type="span", name="GET"),
        Event(MONDAY + 3, user=ALICE, result="error", error_type="KeyError", weight=4.0),
    ]
    return TelemetryStorage(seeding.build(tmp_path / "cortex.db", events))


def times(rows):
    return [row["timestamp"] - MONDAY for row in rows]


def test_newest_first(storage):
    assert times(storage.get_events()) == [3, 2, 1, 0]
    assert times(storage.get_events(limit=2)) == [3, 2]
    assert storage.get_events(limit=0) == []


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"event_type": "mcp.tool_call"}, [3, 0]),
        ({"event_type": "span"}, [2]),
        ({"service": "extension"}, [1]),
        ({"user_tier": "paid"}, [1]),
        ({"user_id_hash": ALICE}, [3, 0]),
        ({"user_id_hash": "aaaa"}, [3, 0]),
        ({"user_id_hash": "%"}, []),
        ({"since_ns": MONDAY + 1, "until_ns": MONDAY + 3}, [2, 1]),
        ({"event_type": "mcp.tool_call", "user_tier": "paid"}, []),
        ({"event_type": "' OR 1 --"}, []),
    ],
)
def test_filters(storage, chosen, expected):
    assert times(storage.get_events(**chosen)) == expected


def test_a_row(storage):
    row = storage.get_events("mcp.tool_call")[-1]
    assert row["event_data"] == {"a": 1, "k": "값"}
    assert (row["duration_ms"], row["tool_name"], row["user_id_hash"]) == (2.5, "search", ALICE)
    assert (row["result"], row["weight"], row["error_type"]) == ("success", 1.0, None)


def test_no_database_is_no_event(tmp_path):
    assert TelemetryStorage(tmp_path / "none.db").get_events() == []
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_the_home_of_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path))
    assert TelemetryStorage().path == tmp_path / "cortex.db"


def test_invalid_limits_and_broken_files_raise(tmp_path):
    with pytest.raises(ValueError, match="limit=-1"):
        TelemetryStorage(tmp_path / "cortex.db").get_events(limit=-1)
    (tmp_path / "cortex.db").write_bytes(b"broken" * 1000)
    with pytest.raises(StoreUnreadableError):
        TelemetryStorage(tmp_path / "cortex.db").get_events()
