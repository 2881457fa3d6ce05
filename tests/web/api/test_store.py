"""A store that is missing, empty, newer, damaged, locked or removed: status and clear message."""

from __future__ import annotations

import contextlib
import sqlite3

import apsw
import pytest
from patience import wait_for

from cortex_otel_exporters.sqlite import schema

pytestmark = pytest.mark.system

API = "/api/telemetry"
PATHS = (
    f"{API}/overview",
    f"{API}/panels/mcp/tools",
    f"{API}/errors",
    f"{API}/export/csv",
    f"{API}/traces/" + "a" * 32,
)


def copied(home, path):
    with sqlite3.connect(home / "cortex.db") as source:
        source.execute("VACUUM INTO ?", (str(path),))
    source.close()


def began(connection):
    with contextlib.suppress(apsw.BusyError):
        connection.execute("BEGIN EXCLUSIVE")
    return connection.in_transaction


def missing(home, path):
    pass


def newer(home, path):
    copied(home, path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()


def other(home, path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()


def garbage(home, path):
    path.write_bytes(b"not a database at all" * 500)


def directory(home, path):
    path.mkdir()


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (missing, "store_missing"),
        (newer, "store_newer"),
        (other, "store_not_ours"),
        (garbage, "store_damaged"),
        (directory, "store_directory"),
    ],
)
def test_an_unreadable_store_is_reported_and_its_page_still_served(  # noqa: PLR0917 - fixtures
    serve, client_of, home, tmp_path, made, code
):
    made(home, tmp_path / "cortex.db")
    client = client_of(serve(tmp_path))
    for path in PATHS:
        answer = client.get(path)
        assert answer.status_code == 503, path
        error = answer.json()["error"]
        assert error["code"] == code
        assert error["message"]
        assert str(tmp_path) in error["hint"]
        assert "Traceback" not in answer.text
    for language in ("en", "ko"):
        page = client.get(f"/admin/telemetry/overview?lang={language}")
        assert page.status_code == 503
        assert f'data-code="{code}"' in page.text
        assert 'id="panel-dau"' in page.text


def test_an_empty_store_hints_at_what_fills_each_panel(serve, client_of, tmp_path):
    connection = apsw.Connection(str(tmp_path / "cortex.db"))
    connection.pragma("journal_mode", "WAL")
    schema.migrate(connection)
    connection.close()
    # With jobs it has something to show: those.
    client = client_of(serve(tmp_path, CORTEX_OTEL_JOBS="false"))
    from cortex_otel.show.pages import PAGES

    for page in PAGES.values():
        for panel in page.panels:
            for language in ("en", "ko"):
                answer = client.get(f"{API}/panels/{page.id}/{panel.id}?lang={language}&since=all")
                assert answer.status_code == 200, answer.text
                empty = answer.json()["empty"]
                assert empty, (page.id, panel.id, answer.json()["rows"])
                assert empty["reason"] == "empty_store"
                assert empty["message"]
                assert empty["hint"]


def test_what_appears_while_it_serves_is_read_and_what_goes_is_missed(
    serve, client_of, home, tmp_path
):
    client = client_of(serve(tmp_path))
    assert client.get(f"{API}/panels/mcp/tools").status_code == 503
    copied(home, tmp_path / "cortex.db")
    assert client.get(f"{API}/panels/mcp/tools").json()["rows"]
    for file in tmp_path.glob("cortex.db*"):
        file.unlink()
    assert client.get(f"{API}/panels/mcp/tools").json()["error"]["code"] == "store_missing"
    copied(home, tmp_path / "cortex.db")
    assert client.get(f"{API}/panels/mcp/tools").json()["rows"]


def test_a_locked_store_is_reported_and_read_again_when_it_is_free(
    serve, client_of, home, tmp_path
):
    copied(home, tmp_path / "cortex.db")
    client = client_of(serve(tmp_path))
    holder = apsw.Connection(str(tmp_path / "cortex.db"))
    holder.pragma("locking_mode", "EXCLUSIVE")
    # What `serve` does beside its pages has it open for moments of its own.
    wait_for(lambda: began(holder))
    answer = client.get(f"{API}/panels/mcp/tools")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "store_locked"
    assert answer.headers["retry-after"]
    holder.execute("ROLLBACK")
    holder.close()
    assert client.get(f"{API}/panels/mcp/tools").status_code == 200


def test_nothing_that_reads_changes_the_store(serve, client_of, home, tmp_path):
    copied(home, tmp_path / "cortex.db")
    # Jobs and alerts are there to change it: none runs, none is about what the store holds.
    quiet = {"CORTEX_OTEL_JOBS": "false", "CORTEX_OTEL_ALERT_RULES": "job"}
    serve(tmp_path, **quiet).stop()  # writes the zone of the project, once
    before = (tmp_path / "cortex.db").read_bytes()
    admin = serve(tmp_path, **quiet)
    client = client_of(admin)
    for path in PATHS:
        client.get(path)
    admin.stop()
    assert (tmp_path / "cortex.db").read_bytes() == before


def test_an_empty_panel_shows_what_is_missing(client):
    """Nothing at all in the range, nothing of this kind, nothing that matches: three answers."""

    def reason(path, **asked):
        answer = client.get(f"{API}/panels/{path}", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()["empty"]

    # Searches and installations are in no event of this store.
    kind = reason("mcp/search_days", since="7d", lang="en")
    assert kind["reason"] == "empty_kind"
    assert "events.search_context" in kind["hint"]
    assert reason("extension/installs", since="7d")["reason"] == "empty_kind"
    before = reason("mcp/tools", **{"from": "1990-01-01", "to": "1990-01-02"}, lang="en")
    assert before["reason"] == "empty_range_of"
    assert "20" in before["hint"]
    assert (
        reason("mcp/tools", since="7d", tier="trial", service="web")["reason"] == "empty_filtered"
    )
    assert reason("mcp/tools", since="7d") is None
