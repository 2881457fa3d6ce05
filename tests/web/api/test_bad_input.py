"""Invalid input is refused with what is valid: one error shape, right status, both languages."""

from __future__ import annotations

import re

import pytest

from cortex_otel.show.pages import PAGES

pytestmark = pytest.mark.system

API = "/api/telemetry"
LOG = f"{API}/panels/errors/log"
HASH = "0123456789abcdef" * 4


def refused(answer, status, code, field=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert error["message"]
    assert "Traceback" not in answer.text
    return error


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("since=someday", "bad_since", "since"),
        ("since=-7d", "bad_since", "since"),
        ("since=7d;DROP", "bad_since", "since"),
        ("since=0h", "empty_range", "since"),
        ("since=99999999d", "bad_since", "since"),
        ("from=today", "bad_moment", "from"),
        ("from=2026-02-30", "bad_moment", "from"),
        ("to=2026-01-01T25:00", "bad_moment", "to"),
        ("from=0001-01-01", "bad_moment", "from"),
        ("from=9999-12-31T23:59:59Z", "bad_moment", "from"),
        ("from=2026-01-01T00:00:00%2B99:99", "bad_moment", "from"),
        ("from=2026-02-02&to=2026-02-01", "empty_range", "from"),
        ("from=2026-02-02&to=2026-02-02", "empty_range", "from"),
        ("from=2100-01-01", "empty_range", "from"),
        ("from=2262-01-01&to=2262-01-02", "empty_range", "from"),
        ("since=7d&from=2026-01-01", "both_ranges", "since"),
        ("tz=Mars/Olympus", "bad_time_zone", "tz"),
        ("tz=../../etc/passwd", "bad_time_zone", "tz"),
        ("tz=Asia", "bad_time_zone", "tz"),
        ("tz=" + "x" * 65, "bad_time_zone", "tz"),
        ("tz=%00", "bad_time_zone", "tz"),
        ("tz=서울", "bad_time_zone", "tz"),
        ("tier=gold", "bad_tier", "tier"),
        ("tier=' OR 1=1 --", "bad_tier", "tier"),
        ("service=a b", "bad_service", "service"),
        ("service=mcp' --", "bad_service", "service"),
        ("service=" + "x" * 65, "bad_service", "service"),
        ("user=xyz", "bad_user", "user"),
        ("user=" + "a" * 65, "bad_user", "user"),
        ("user=%25", "bad_user", "user"),
        ("event_type=mcp tool", "bad_event_type", "event_type"),
        ("compare=yes", "bad_value", "compare"),
        ("lang=xx", "bad_value", "lang"),
        ("cursor=xyz", "bad_cursor", "cursor"),
        ("cursor=" + "a" * 401, "bad_cursor", "cursor"),
        ("colour=red", "unknown_parameter", "colour"),
        ("user_tier=free", "unknown_parameter", "user_tier"),
        ("since=7d&since=24h", "repeated_parameter", "since"),
    ],
)
def test_an_invalid_value_is_named(client, query, code, field):
    refused(client.get(f"{LOG}?{query}"), 400, code, field)


@pytest.mark.parametrize("query", ["tier=gold", "from=x", "colour=red", "tz=Mars/X", "user=xyz"])
@pytest.mark.parametrize(
    ("wish", "is_korean"),
    [("lang=ko", True), ("lang=en", False), ("", True)],
)
def test_messages_are_in_the_requested_language(client, query, wish, is_korean):
    answer = client.get(f"{LOG}?{query}&{wish}", headers={"accept-language": "ko-KR,ko;q=0.9"})
    assert bool(re.search("[가-힣]", answer.json()["error"]["message"])) is is_korean


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        ("nothing", "not_found", None),
        ("panels/nothing/x", "unknown_page", "page"),
        ("panels/mcp/nothing", "unknown_panel", "panel"),
        ("panels/mcp", "not_found", None),
        ("panels/mcp/tools/", "not_found", None),
        (f"users/{HASH}", "unknown_user", "user"),
        ("traces/" + "f" * 32, "unknown_trace", "trace_id"),
        ("export/pdf", "not_found", None),
        ("export/csv?page=mcp&panel=nothing", "unknown_panel", "panel"),
        ("export/csv?page=nothing&panel=x", "unknown_page", "page"),
    ],
)
def test_what_isnt_there_is_a_404(client, path, code, field):
    refused(client.get(f"{API}/{path}"), 404, code, field)


@pytest.mark.parametrize(
    "path",
    ["users/abc", f"users/{HASH}0", "users/%27%20OR%201=1", "traces/xyz", "traces/" + "0" * 31],
)  # fmt: skip
def test_an_invalid_hash_or_trace_is_refused(client, path):
    answer = client.get(f"{API}/{path}")
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["code"] in {"bad_user", "bad_trace"}


def test_a_filter_that_a_page_does_not_have_is_refused_there(client):
    refused(client.get(f"{API}/panels/mcp/tools?user=ab"), 400, "not_of_this_page", "user")
    assert client.get(f"{API}/panels/errors/log?user=ab").status_code == 200


@pytest.mark.parametrize("query", ["page=mcp", "panel=tools"])
def test_half_of_a_panel_cant_be_exported(client, query):
    answer = client.get(f"{API}/export/csv?{query}")
    assert answer.json()["error"]["code"] == "export_of_what"


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", "1e3", "5.5"])
def test_a_limit_has_bounds(client, limit):
    refused(client.get(f"{API}/events?limit={limit}"), 400, "bad_limit", "limit")


@pytest.mark.parametrize(
    "text",
    ["' OR 1=1 --", "'; DROP TABLE events; --", "%", "_", "\\", "\x00", "x" * 200, "\ud800",
     "없는 도구", "🙂", "%' AND 1=(SELECT count(*) FROM users) --"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["tool", "error_type"])
def test_text_is_a_value_and_never_sql(client, name, text):
    raw = text.encode("utf-8", "surrogatepass")
    query = f"{name}=" + "".join(f"%{byte:02X}" for byte in raw)
    answer = client.get(f"{LOG}?{query}&since=all")
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        assert answer.json()["rows"] == []
        assert answer.json()["empty"]["reason"] == "empty_filtered"


@pytest.mark.parametrize("text", ["'; DROP TABLE events --", "<script>alert(1)</script>", "도구"])
def test_and_finds_what_is_called_so(client, text):
    rows = client.get(LOG, params={"tool": text, "since": "all"}).json()["rows"]
    assert len(rows) == 1
    assert text in rows[0]


def test_a_very_long_address_is_refused_without_a_fault(client):
    for size in (5_000, 60_000):
        answer = client.get(f"{LOG}?tool={'x' * size}")
        assert answer.status_code in {400, 413, 414, 431}
    answer = client.get(f"{LOG}?" + "&".join(f"a{n}=1" for n in range(2000)))
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "query",
    ["since=999999w", "from=1970-01-01T00:00:00Z", "since=all", "since=1s",
     "from=1990-01-01&to=1990-01-02", "to=2262-04-11T23:47:16Z"],
)  # fmt: skip
@pytest.mark.parametrize("page", PAGES)
def test_ranges_at_the_edges_are_answered(client, page, query):
    for panel in PAGES[page].panels:
        answer = client.get(f"{API}/panels/{page}/{panel.id}?{query}&compare=1")
        assert answer.status_code == 200, (panel.id, answer.text)


@pytest.mark.parametrize(
    "name", ["Asia/Seoul", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Etc/GMT+12",
             "Australia/Lord_Howe", "UTC"]
)  # fmt: skip
def test_every_time_zone_is_taken(client, name):
    for panel in ("dau", "hours"):
        asked = {"tz": name, "since": "7d"}
        answer = client.get(f"{API}/panels/overview/{panel}", params=asked).json()
        assert answer["range"]["time_zone"] == name
        assert answer["rows"]
