"""The compact form: it holds what the store holds, whatever happened to either."""

from __future__ import annotations

import random
import shutil
import stat
import threading

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import wait_for
from seeding import DAY, MONDAY, Event, build, random_events, user_hash

from cortex_otel.query import analysis
from cortex_otel.query.analysis import form as forms
from cortex_otel.query.analysis import upkeep
from cortex_otel.query.analysis.runs import COLUMNS
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel.show.web.analysis_upkeep import AnalysisUpkeep
from cortex_otel_exporters.sqlite.reader import open_reader

EXPECTED = """
SELECT user_key, time, series_key, session_key, weight IS NOT NULL FROM events
WHERE user_key IS NOT NULL AND series_key IN (SELECT series_key FROM series WHERE is_product = 1)
ORDER BY user_key, time, event_key
"""
COPY = """
INSERT INTO events (time, series_key, context_key, session_key, user_key, weight)
SELECT time + :later, series_key, context_key, session_key, user_key, weight FROM events
WHERE event_key % 7 = 3
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("built") / "cortex.db"
    return build(path, random_events(1500, days=20, users=40))


@pytest.fixture
def home(tmp_path, built):
    upkeep.forget()
    shutil.copy(built, tmp_path / "cortex.db")
    return tmp_path


@pytest.fixture
def store(home):
    connection = open_reader(home / "cortex.db")
    yield connection
    connection.close()


@pytest.fixture
def writer(home):
    connection = apsw.Connection(str(home / "cortex.db"))
    yield connection
    connection.close()


def rows_of(form):
    return list(zip(*(each.tolist() for each in form.select(COLUMNS).values()), strict=True))


def is_right(store):
    return rows_of(upkeep.refreshed(store)) == list(store.execute(EXPECTED))


def test_it_holds_every_product_event_with_a_user_in_order(store):
    assert is_right(store)
    assert upkeep.refreshed(store).events > 1000


def test_what_is_committed_later_is_taken_in_also_out_of_order(store, writer):
    for later in (0, DAY, -3 * DAY, 1, -1, 400 * DAY):
        writer.execute(COPY, {"later": later})
        assert is_right(store)
        upkeep.forget()  # what is in the file is right too
        assert is_right(store)


def test_nothing_new_reads_nothing(store):
    assert upkeep.refreshed(store) is upkeep.refreshed(store)


@pytest.mark.parametrize("known", [True, False], ids=["in_memory", "from_the_file"])
@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM events WHERE user_key = 3",
        "DELETE FROM events WHERE event_key = (SELECT max(event_key) FROM events)",
        "DELETE FROM events WHERE event_key = 1",
        "DELETE FROM events",
        "PRAGMA user_version = 99",
    ],
)
def test_what_was_erased_is_gone(store, writer, change, known):
    writer.execute("UPDATE store SET value = (SELECT max(event_key) + 1 FROM events)")
    assert is_right(store)
    writer.execute(change)
    if not known:
        upkeep.forget()
    assert is_right(store)


def test_erased_and_as_many_new_ones(store, writer):
    assert is_right(store)
    with writer:
        writer.execute("DELETE FROM events WHERE event_key < 100")
        writer.execute(COPY, {"later": 5})
    assert is_right(store)


def test_another_store_at_the_same_place(home, store):
    assert is_right(store)
    (home / "cortex.db").unlink()
    build(home / "cortex.db", random_events(300, days=5, users=7, seed=3))
    other = open_reader(home / "cortex.db")
    assert is_right(other)
    other.close()


@pytest.mark.parametrize("content", [None, b"", b"not a database at all" * 99])
def test_its_file_may_be_deleted_or_spoilt(home, store, content):
    assert is_right(store)
    file = home / "cortex.db.analysis"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    upkeep.forget()
    assert is_right(store)


def test_only_its_owner_can_read_the_file(home, store):
    upkeep.refreshed(store)
    assert stat.S_IMODE((home / "cortex.db.analysis").stat().st_mode) == 0o600


def test_a_form_of_another_version_is_built_again(home, store):
    upkeep.refreshed(store)
    file = apsw.Connection(str(home / "cortex.db.analysis"))
    file.execute("UPDATE state SET value = 0 WHERE key = 'format'")
    file.execute("UPDATE packed SET data = x'00'")
    file.close()
    upkeep.forget()
    assert is_right(store)


@pytest.fixture
def unwritable(monkeypatch):
    def fail(*_args, **_kwargs):
        raise apsw.FullError

    monkeypatch.setattr(upkeep, "_kept_in", fail)


def test_on_a_full_disk_it_is_kept_in_memory(home, store, writer, unwritable):
    for later in (0, 1):
        assert is_right(store)
        writer.execute(COPY, {"later": later})
    writer.execute("DELETE FROM events WHERE event_key < 100")
    assert is_right(store)


@pytest.mark.usefixtures("unwritable")
def test_what_is_too_large_for_memory_is_answered_by_the_sql(store, monkeypatch):
    monkeypatch.setattr(upkeep, "_MAX_IN_MEMORY", 10)
    with pytest.raises(upkeep.NotKeptError):
        upkeep.refreshed(store)
    rows = run(store, catalogue()["funnel"], {"steps": "mcp.tool_call"}).rows
    assert rows[0][3] > 10


def test_without_numpy_the_sql_answers(store, home, monkeypatch):
    monkeypatch.setattr(analysis, "is_available", lambda: False)
    assert run(store, catalogue()["funnel"], {"steps": "mcp.tool_call"}).rows[0][3] > 10
    assert not (home / "cortex.db.analysis").exists()


def test_an_older_snapshot_gets_the_newer_form(home, store, writer):
    old = open_reader(home / "cortex.db")
    old.execute("BEGIN")
    old.execute("SELECT count(*) FROM events").get  # noqa: B018 - the snapshot begins
    writer.execute(COPY, {"later": 1})
    newer = upkeep.refreshed(store)
    assert upkeep.refreshed(old, verify=False) is newer
    assert rows_of(upkeep.refreshed(store)) == rows_of(newer)
    old.close()


def test_those_who_ask_at_once_build_it_once(home):
    wrong = []

    def ask():
        connection = open_reader(home / "cortex.db")
        if not is_right(connection):
            wrong.append(connection)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_bringing_it_up_loads_nothing(home, store, writer):
    upkeep.refreshed(store)
    upkeep.forget()
    writer.execute(COPY, {"later": 1})
    upkeep.bring_up(store, verify=True)
    file = apsw.Connection(str(home / "cortex.db.analysis"))
    assert file.execute("SELECT value FROM state WHERE key = 'rows'").get == len(
        list(store.execute("SELECT 1 FROM events"))
    )
    file.close()
    assert is_right(store)


def test_bringing_it_up_costs_what_is_new(store, writer):
    """As many steps of SQLite's machine however many events there were before."""
    steps = []
    for _ in range(2):
        upkeep.refreshed(store)
        writer.execute(
            "INSERT INTO events (time, series_key, context_key, session_key, user_key)"
            " VALUES (?, 1, 1, 1, 1)",
            (MONDAY,),
        )
        taken = 0

        def count():
            nonlocal taken
            taken += 1
            return False

        store.set_progress_handler(count, 1)
        upkeep.bring_up(store, verify=False)
        store.set_progress_handler(None)
        steps.append(taken)
        for _ in range(4):
            writer.execute(COPY.replace("WHERE event_key % 7 = 3", ""), {"later": 1})
    assert steps[1] < 2 * steps[0]


def test_few_runs_however_often_it_is_brought_up(store, writer):
    for later in range(25):
        writer.execute(
            "INSERT INTO events (time, series_key, context_key, session_key, user_key)"
            " VALUES (?, 1, 1, 1, 1)",
            (MONDAY + later,),
        )
        upkeep.refreshed(store)
    assert len(upkeep.refreshed(store).runs) < 6
    assert is_right(store)


@settings(max_examples=50, deadline=None)
@given(
    users=st.integers(1, 50),
    span=st.sampled_from((1, 10**9, 2**33, 2**49, 2**58)),
    keys=st.sampled_from((10, 300, 70_000, 2**31 - 1)),
    pieces=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_packed_and_merged_it_is_the_same(users, span, keys, pieces, seed):
    choose = random.Random(seed)
    rows = [
        (
            choose.randrange(1, users + 1),
            MONDAY + choose.choice((choose.randrange(span), 0, span // 2)),
            choose.randrange(keys),
            choose.randrange(keys),
            choose.random() < 0.1,
        )
        for _ in range(choose.randrange(1, 300))
    ]
    made = forms.Form(())
    size = max(1, len(rows) // pieces)
    for start in range(0, len(rows), size):
        piece = np.array(rows[start : start + size], np.int64)
        columns = {name: piece[:, place] for place, name in enumerate(COLUMNS)}
        made = made.with_events(columns, max((run.key for run in made.runs), default=0) + 1)
    assert rows_of(made) == sorted(rows, key=lambda row: row[:2])


def test_it_is_small(tmp_path):
    # Sessions of eight events, as many users as a team has.
    events = [
        Event(MONDAY + n * 10**10, user=user_hash(n // 8 % 50), session=str(n // 8))
        for n in range(8_000)
    ]
    store = open_reader(build(tmp_path / "cortex.db", events))
    form = upkeep.refreshed(store)
    store.close()
    assert form.events == 8_000
    assert form.octets / form.events < 12


def rows_known(home):
    """How many rows of the store the file knows of; ``None`` while it isn't there or is written."""
    file = home / "cortex.db.analysis"
    if not file.exists():
        return None
    connection = apsw.Connection(str(file))
    try:
        return connection.execute("SELECT value FROM state WHERE key = 'rows'").get
    except (apsw.SQLError, apsw.BusyError):
        return None
    finally:
        connection.close()


def test_the_web_admin_keeps_it_up(home, writer):
    following = AnalysisUpkeep(home / "cortex.db")
    following.start()
    wait_for(lambda: rows_known(home) == 1500)
    writer.execute(COPY, {"later": 7})
    wait_for(lambda: (rows_known(home) or 0) > 1500)
    following.close()


def test_memory_is_given_back(store):
    first = upkeep.refreshed(store)
    upkeep.forget_unused(3600)
    assert upkeep.refreshed(store) is first
    upkeep.forget_unused(-1)
    assert upkeep.refreshed(store) is not first
