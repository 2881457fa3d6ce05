"""What makes no sense is refused: one shape, the right status, the parameter, in both languages."""

from __future__ import annotations

import re

import pytest

from cortex_otel.show.web import api_texts

LISTS = ("panels/errors/log", "errors", "events", "overview")
SENSELESS = [
    ({"since": "yesterday-ish"}, "bad_since", "since"),
    ({"since": "-7d"}, "bad_since", "since"),
    ({"since": "0d"}, "empty_range", "since"),
    ({"since": "7d", "from": "2026-11-01"}, "both_ranges", "since"),
    ({"from": "2026-02-30"}, "bad_moment", "from"),
    ({"from": "1969-01-01"}, "bad_moment", "from"),
    ({"from": "9999-12-31"}, "bad_moment", "from"),
    ({"to": "0001-01-01T00:00+14:00"}, "bad_moment", "to"),
    ({"from": "x" * 41}, "bad_moment", "from"),
    ({"from": "2026-02-01", "to": "2026-01-01"}, "empty_range", "from"),
    ({"from": "2026-02-01", "to": "2026-02-01"}, "empty_range", "from"),
    ({"from": "2261-01-01"}, "empty_range", "from"),
    ({"tier": "gold"}, "bad_tier", "tier"),
    ({"service": "mcp' OR 1=1 --"}, "bad_service", "service"),
    ({"tz": "Mars/Olympus"}, "bad_time_zone", "tz"),
    ({"tz": "../../etc/passwd"}, "bad_time_zone", "tz"),
    ({"tz": "/etc/localtime"}, "bad_time_zone", "tz"),
    ({"tz": "Asia"}, "bad_time_zone", "tz"),
    ({"tz": "서울"}, "bad_time_zone", "tz"),
    ({"lang": "fr"}, "bad_value", "lang"),
    ({"foo": "1"}, "unknown_parameter", "foo"),
    ({"x" * 500: "1"}, "unknown_parameter", "x" * 64),
]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("query", "code", "field"), SENSELESS)
def test_a_parameter_that_makes_no_sense_is_named(admin, path, query, code, field):
    answer = admin.client.get(f"/api/telemetry/{path}", params=query)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (400, code, field)
    assert len(error["message"]) < 300
    if "lang" not in query:
        korean = admin.client.get(f"/api/telemetry/{path}", params=query | {"lang": "ko"})
        message = korean.json()["error"]["message"]
        assert re.search("[가-힣]", message)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"user": "xyz"}, "bad_user"),
        ({"user": "a" * 65}, "bad_user"),
        ({"event_type": "'; DROP TABLE events; --"}, "bad_event_type"),
        ({"error_type": "x" * 201}, "bad_value"),
        ({"cursor": "nonsense"}, "bad_cursor"),
        ({"cursor": "WyJldmVudHMiLDEsMl0"}, "bad_cursor"),
        ({"cursor": "x" * 500}, "bad_cursor"),
        ({"cursor": "é"}, "bad_cursor"),
        ({"cursor": "bnVsbA"}, "bad_cursor"),
        ({"limit": "0"}, "bad_limit"),
        ({"limit": "1001"}, "bad_limit"),
        ({"limit": "many"}, "bad_limit"),
    ],
)
def test_filters_of_errors(admin, query, code):
    status, error = admin.error("errors", **query)
    assert (status, error["code"]) == (400, code)


def test_a_parameter_twice_is_refused(admin):
    answer = admin.client.get("/api/telemetry/errors?since=7d&since=24h")
    assert answer.json()["error"]["code"] == "repeated_parameter"
    assert answer.status_code == 400


def test_a_filter_of_another_page_is_refused(admin):
    status, error = admin.error("panels/overview/totals", user="ab")
    assert (status, error["code"], error["field"]) == (400, "not_of_this_page", "user")


@pytest.mark.parametrize("path", ["panels/overview/nothing", "panels/nothing/dau", "nothing", ""])
def test_what_is_not_there(admin, path):
    assert admin.error(path)[0] == 404


def test_an_empty_parameter_counts_as_none(admin):
    plain = admin.json("errors", since="7d")
    assert admin.json("errors", since="7d", tier="", q="", user="")["errors"] == plain["errors"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_is_written(admin, method):
    answer = admin.client.request(method, "/api/telemetry/errors")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["error"]["code"] == "method"


def test_head_is_get_without_the_body(admin):
    answer = admin.client.head("/api/telemetry/errors")
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-type"] == "application/json"


HOSTILE = ["' OR '1'='1", "%", "s_a_c", "\0", "\\", '"', "<script>alert(1)</script>", "한글", "🙂"]


@pytest.mark.parametrize("name", ["error_type", "tool", "q"])
@pytest.mark.parametrize("value", HOSTILE)
def test_text_is_only_ever_compared(admin, name, value):
    """SQL in a parameter finds nothing, and a wildcard is a letter."""
    assert admin.json("errors", since="all", **{name: value})["errors"] == []


def test_both_languages_have_the_same_texts_and_places():
    english, korean = api_texts.TEXTS["en"], api_texts.TEXTS["ko"]
    assert english.keys() == korean.keys()
    for key, text in english.items():
        places = re.compile(r"{(\w+)")
        assert set(places.findall(text)) == set(places.findall(korean[key])), key
        assert re.search("[가-힣]", korean[key]), key
        # A particle that depends on what stands before it would be wrong half the time.
        assert not re.search(r"}[은는이가을를와과로]", korean[key]), key
