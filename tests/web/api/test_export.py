"""Exports: complete, safe in a spreadsheet, one snapshot, in constant memory, marked if cut."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import sqlite3
import time
from urllib.parse import unquote

import apsw
import httpx
import pytest
from patience import PATIENCE

pytestmark = pytest.mark.system

API = "/api/telemetry"


def rows_of(text):
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_a_csv_is_what_excel_reads(client, events):
    answer = client.get(f"{API}/export/csv", params={"since": "all"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in answer.content
    rows = rows_of(answer.content.decode())
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) == 1 + sum(event.product for event in events)
    assert len(answer.content) < 10_000_000


def test_no_cell_is_a_formula(client):
    asked = {"since": "all", "page": "mcp", "panel": "tools"}
    rows = rows_of(client.get(f"{API}/export/csv", params=asked).content.decode())
    names = [row[0] for row in rows]
    assert "'=HYPERLINK(1)" in names
    assert "'@SUM(A1)" in names
    assert "'+1" in names
    assert "도구" in names
    assert 'a,b"c' in names
    for row in rows:
        for cell in row:
            is_number = re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", cell)
            assert is_number or not cell.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t"))


def test_json_is_whole_and_keeps_names_as_they_are(client):
    asked = {"since": "all", "page": "mcp", "panel": "tools"}
    answer = client.get(f"{API}/export/json", params=asked)
    export = answer.json()
    assert "=HYPERLINK(1)" in [row["tool_name"] for row in export["rows"]]
    assert export["row_count"] == len(export["rows"])
    assert export["truncated"] is False
    # Not to be taken for a page by a browser that guesses.
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_file_has_a_name_in_any_language(client, kind):
    asked = {"page": "mcp", "panel": "tools", "lang": "ko"}
    export = client.get(f"{API}/export/{kind}", params=asked).headers["content-disposition"]
    plain = re.search(r'filename="([A-Za-z0-9.-]+)"', export)[1]
    assert plain.endswith(f".{kind}")
    assert re.search("[가-힣]", unquote(re.search(r"filename\*=UTF-8''(\S+)", export)[1]))


def test_the_filters_of_the_page_hold_for_its_file(client, events):
    asked = {"since": "all", "tier": "paid", "service": "mcp", "event_type": "mcp.tool_call"}
    export = client.get(f"{API}/export/json", params=asked).json()
    wanted = [
        event
        for event in events
        if (event.tier, event.service, event.event_type) == ("paid", "mcp", "mcp.tool_call")
    ]
    assert export["row_count"] == len(wanted) > 10


@pytest.fixture(scope="module")
def large(serve, client_of, home, tmp_path_factory):
    """The same events twenty times: more than a default export holds."""
    path = tmp_path_factory.mktemp("large")
    with sqlite3.connect(home / "cortex.db") as source:
        source.execute("VACUUM INTO ?", (str(path / "cortex.db"),))
    source.close()
    writer = apsw.Connection(str(path / "cortex.db"))
    writer.pragma("journal_mode", "WAL")  # which a copy has not
    columns = (
        "duration, series_key, context_key, session_key, user_key, trace_id, span_id,"
        " parent_span_id, weight, error_message, shape_key, event_values"
    )
    with writer:
        for number in range(1, 20):
            writer.execute(
                f"INSERT INTO events SELECT event_key + ?1 * 10000, time - ?1, {columns}"
                " FROM events WHERE event_key < 10000",
                (number,),
            )
    writer.close()
    admin = serve(path)
    return admin, client_of(admin)


def wait_for_the_form(home, seconds=30):
    """Until the server has made its compact form of the events, which takes memory of its own."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(sqlite3.Error):
            form = sqlite3.connect(f"file:{home}/cortex.db.analysis?mode=ro", uri=True)
            with contextlib.closing(form):
                if form.execute("SELECT count(*) FROM state").fetchone()[0]:
                    return
        time.sleep(0.1)


def peak_of(admin):
    with open(f"/proc/{admin.process.pid}/status", encoding="ascii") as file:  # noqa: PTH123
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) // 1024


def test_a_default_export_is_below_10_mb_and_marked_as_cut(large):
    _, client = large
    answer = client.get(f"{API}/export/csv", params={"since": "all"})
    assert 8_000_000 < len(answer.content) < 10_000_000
    lines = answer.content.decode().rstrip("\r\n").split("\r\n")
    assert "cut" in lines[-1]
    count = int(re.search(r"(\d+) rows", lines[-1])[1])
    assert count > 10_000
    export = client.get(f"{API}/export/json", params={"since": "all"})
    assert len(export.content) < 10_000_000
    assert export.json()["truncated"] is True


def test_a_large_export_takes_no_memory(large):
    admin, client = large
    client.get(f"{API}/export/csv", params={"since": "1h"})
    wait_for_the_form(admin.home)
    before = peak_of(admin)
    size = 0
    asked = {"since": "all", "max_mb": 200}
    with client.stream("GET", f"{API}/export/csv", params=asked) as answer:
        for piece in answer.iter_bytes():
            size += len(piece)
    assert size > 20_000_000
    # Of a server that has exported nothing yet: SQLite's cache and the thread that reads are new.
    assert peak_of(admin) - before < 24


def test_an_export_is_one_snapshot_and_does_not_block_writers(large):
    admin, client = large
    asked = {"since": "all", "max_mb": 200}
    writer = apsw.Connection(str(admin.home / "cortex.db"))
    writer.set_busy_timeout(int(PATIENCE * 1000))
    count = "SELECT count(*) FROM telemetry_events WHERE event_type NOT IN ('span', 'log')"
    before = writer.execute(count).get
    with client.stream("GET", f"{API}/export/csv", params=asked) as answer:
        pieces = answer.iter_bytes()
        text = next(pieces)
        writer.execute("DELETE FROM events WHERE event_key < 2000")
        assert client.get(f"{API}/panels/mcp/tools", params={"since": "24h"}).status_code == 200
        text += b"".join(pieces)
    assert writer.execute(count).get < before
    writer.close()
    assert len(rows_of(text.decode())) == 1 + before


@pytest.mark.timing
def test_a_reader_that_goes_away_leaves_nothing_open(large):
    admin, client = large
    for _ in range(4):
        with client.stream(
            "GET", f"{API}/export/csv", params={"since": "all", "max_mb": 500}
        ) as answer:
            next(answer.iter_bytes())
    started = time.monotonic()
    token = client.headers["authorization"]
    answer = httpx.get(
        f"{admin.origin}{API}/export/csv?since=1h",
        headers={"authorization": token},
        timeout=PATIENCE,
    )
    assert answer.status_code == 200
    assert time.monotonic() - started < 15


def cpu_seconds_of(admin):
    with open(f"/proc/{admin.process.pid}/stat", encoding="ascii") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_head_returns_the_headers_and_makes_no_file(large, kind):
    admin, client = large
    asked = {"since": "all", "max_mb": 200}
    spent = {}
    headers = {}
    for method in ("GET", "HEAD"):
        before = cpu_seconds_of(admin)
        answer = client.request(method, f"{API}/export/{kind}", params=asked)
        spent[method] = cpu_seconds_of(admin) - before
        assert answer.status_code == 200
        headers[method] = {
            name: value for name, value in answer.headers.items() if name != "transfer-encoding"
        }
    assert answer.content == b""
    assert headers["HEAD"] == headers["GET"]
    assert spent["HEAD"] < spent["GET"] / 10


def test_head_is_refused_as_get_is(client, serve, client_of, tmp_path):
    asked = {"page": "mcp", "panel": "nothing"}
    assert client.head(f"{API}/export/csv", params=asked).status_code == 404
    nowhere = client_of(serve(tmp_path))
    export = nowhere.get(f"{API}/export/csv").status_code
    assert export == nowhere.head(f"{API}/export/csv").status_code == 503
