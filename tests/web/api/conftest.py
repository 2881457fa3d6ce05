"""A real ``cortex-otel serve`` over a seeded store, used as programs and browsers use it."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import apsw
import httpx
import pytest
from patience import PATIENCE

_SEEDING = Path(__file__).parents[2] / "query" / "seeding.py"
if "seeding" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("seeding", _SEEDING)
    sys.modules["seeding"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["seeding"])
seeding = sys.modules["seeding"]

TRACE = "0123456789abcdef0123456789abcdef"
#: Names that spreadsheets, browsers and SQL would take for more than names.
HOSTILE = (
    "=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "<script>alert(1)</script>",
    'a,b"c', "line\r\nbreak", "'; DROP TABLE events --", "도구",
)  # fmt: skip


@pytest.fixture(scope="session")
def events():
    """30 days of 60 users, until a minute ago; the last ones are tools with hostile names."""
    made = seeding.random_events(8000, days=30, users=60)
    for place, name in enumerate(HOSTILE):
        made.append(
            seeding.Event(
                time=made[-1].time + 10**9,
                duration=10**7,
                name=f"call {name}",
                tool_name=name,
                result="error",
                error_type="ValueError",
                error_message=f"ValueError in f:{place}",
                user=seeding.user_hash(1),
                session="hostile",
            )
        )
    shift = time.time_ns() - 60 * 10**9 - made[-1].time
    for event in made:
        event.time += shift
    return made


@pytest.fixture(scope="session")
def home(events, tmp_path_factory):
    """Where that is stored; the last three events are one trace."""
    home = tmp_path_factory.mktemp("home")
    seeding.build(home / "cortex.db", events)
    connection = apsw.Connection(str(home / "cortex.db"))
    connection.execute(
        "UPDATE events SET trace_id = ?1, span_id = event_key,"
        " parent_span_id = CASE WHEN event_key = ?2 THEN NULL ELSE ?2 END WHERE event_key >= ?2",
        (bytes.fromhex(TRACE), len(events) - 2),
    )
    connection.close()
    return home


@pytest.fixture(scope="module")
def admin(serve, home):
    return serve(home)


@pytest.fixture(scope="module")
def client_of():
    """A program with the token of an admin; ``signed_in=False`` is one without."""
    opened = []

    def make(admin, *, signed_in=True, **headers):
        if signed_in:
            token = parse_qs(urlsplit(admin.url).query)["token"][0]
            headers["authorization"] = f"Bearer {token}"
        opened.append(httpx.Client(base_url=admin.origin, headers=headers, timeout=PATIENCE))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@pytest.fixture(scope="module")
def client(admin, client_of):
    return client_of(admin)
