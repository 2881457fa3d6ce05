"""The routes of the analytics pages, and the funnels that are saved by name."""

from __future__ import annotations

import shutil
import tomllib

import pytest

from cortex_otel.show.web.analytics import questions_of_pages
from cortex_otel_exporters.sqlite.reader import open_reader

FUNNEL = {"name": "Search to paid", "steps": ["mcp.search_context", "tier:paid"], "within": "14d"}
PATH = "/api/telemetry/analytics/funnels"


@pytest.fixture
def own(serve, populated, tmp_path):
    """An admin with a home of its own."""
    shutil.copy(populated / "cortex.db", tmp_path / "cortex.db")
    return serve(tmp_path)


def test_steps_that_can_be_chosen_are_those_that_were_recorded(admin):
    rows = admin.json("analytics/seen_steps", since="all")["rows"]
    connection = open_reader(admin.database)
    product = (
        "SELECT DISTINCT {} FROM telemetry_events WHERE event_type NOT IN ('span', 'log')"
        " AND {} <> '' ORDER BY 1"
    )

    def seen(column):
        return [value for (value,) in connection.execute(product.format(column, column))]

    steps = {kind: sorted(row["step"] for row in rows if row["kind"] == kind) for kind in
             ("event_type", "feature", "tier")}  # fmt: skip
    assert steps["event_type"] == seen("event_type")
    assert steps["tier"] == [f"tier:{tier}" for tier in seen("user_tier")]
    tools = [each for each in steps["feature"] if each.startswith("mcp.tool_call:")]
    assert tools
    assert {each.partition(":")[2] for each in tools} <= set(seen("tool_name"))
    counts = [row["events"] for row in rows]
    assert counts == sorted(counts, reverse=True)
    connection.close()
    assert len(admin.json("analytics/seen_steps", limit=2)["rows"]) == 2


def test_every_question_of_those_pages_is_a_route_with_its_parameters(admin):
    paths = admin.json("openapi.json")["paths"]
    for question in questions_of_pages():
        described = paths[f"/api/telemetry/analytics/{question.name}"]["get"]
        names = {each["name"] for each in described["parameters"]}
        declared = {each.name.removesuffix("_s") for each in question.settable}
        assert declared <= names
        assert {"since", "tz", "service", "tier", "limit"} <= names
        answer = admin.json(f"analytics/{question.name}", since="30d", tz="America/New_York")
        assert {each["name"] for each in answer["columns"]} == {c.name for c in question.columns}


def test_a_funnel_is_saved_listed_and_deleted(own):
    assert own.json("analytics/funnels") == {"funnels": [], "problems": []}
    answer = own.client.post(PATH, json=FUNNEL)
    assert answer.status_code == 200, answer.text
    full = {"order": "ordered", "exclude": [], "breakdown": "", **FUNNEL}
    assert answer.json() == own.json("analytics/funnels") == {"funnels": [full], "problems": []}
    table = tomllib.loads((own.home / "funnels.toml").read_text(encoding="utf-8"))
    assert table["Search to paid"]["steps"] == FUNNEL["steps"]
    changed = {**full, "within": "1d", "exclude": ["ext.error"]}
    assert own.client.post(PATH, json=changed).json()["funnels"] == [changed]
    gone = own.client.delete(f"{PATH}/Search%20to%20paid")
    assert gone.json() == {"funnels": [], "problems": []}
    again = own.client.delete(f"{PATH}/Search%20to%20paid")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "unknown_funnel")


def test_a_name_with_a_slash_can_be_deleted(own):
    assert own.client.post(PATH, json={**FUNNEL, "name": "a/b"}).status_code == 200
    assert own.client.delete(f"{PATH}/a%2Fb").json()["funnels"] == []


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({**FUNNEL, "name": " "}, "bad_funnel", None),
        ({**FUNNEL, "steps": []}, "bad_funnel", None),
        ({**FUNNEL, "within": "soon"}, "bad_funnel", None),
        ({**FUNNEL, "steps": ["tier:paid", "tier:free"]}, "bad_parameter", "steps"),
        ({**FUNNEL, "steps": ["what?"]}, "bad_parameter", "steps"),
        ({**FUNNEL, "order": "sorted"}, "bad_order", "order"),
        ({**FUNNEL, "breakdown": "country"}, "bad_breakdown", "breakdown"),
        ({**FUNNEL, "colour": "red"}, "unknown_parameter", "colour"),
        ({"name": "a"}, "missing", "steps"),
        ([1], "bad_body", "body"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_no_funnel_is_refused_and_nothing_is_written(own, body, code, field, language):
    answer = own.client.post(PATH, json=body, params={"lang": language})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert error["message"]
    assert "{" not in error["message"]
    assert not (own.home / "funnels.toml").exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.example"}, 403),
        ({"authorization": "Bearer wrong"}, 401),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_strange_page_can_neither_save_nor_delete(own, headers, status, method):
    assert own.client.post(PATH, json=FUNNEL).status_code == 200
    before = (own.home / "funnels.toml").read_bytes()
    path = PATH if method == "POST" else f"{PATH}/Search%20to%20paid"
    body = {"json": {**FUNNEL, "name": "theirs"}} if method == "POST" else {}
    assert own.client.request(method, path, headers=headers, **body).status_code == status
    assert (own.home / "funnels.toml").read_bytes() == before


def test_what_a_form_can_send_is_no_funnel(own):
    """A form needs no leave to be sent by a page of another site; JSON does."""
    text = '{"name": "theirs", "steps": ["a.b"]}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = own.client.post(PATH, content=text, headers={"content-type": kind})
        assert answer.status_code == 400, kind
    assert not (own.home / "funnels.toml").exists()


def test_a_body_that_is_too_large_is_not_read(own):
    answer = own.client.post(PATH, json={**FUNNEL, "name": "a" * 200_000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_broken_file_is_named_with_its_line_and_kept(own, language):
    file = own.home / "funnels.toml"
    file.write_text('["ok"]\nsteps = ["a.b"]\n["bad"]\nsteps = 1\n', encoding="utf-8")
    answer = own.json("analytics/funnels", lang=language)
    assert [each["name"] for each in answer["funnels"]] == ["ok"]
    (problem,) = answer["problems"]
    assert str(file) in problem
    assert "3" in problem.removeprefix(str(file))
    assert ("line" in problem) == (language == "en")
    file.write_text("[", encoding="utf-8")
    refused = own.client.post(PATH, json=FUNNEL, params={"lang": language})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_funnel")
    assert file.read_text(encoding="utf-8") == "["


def test_a_file_that_cannot_be_written_is_an_answer(own, monkeypatch):
    from cortex_otel.query import toml_file

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(toml_file, "write_whole", full)
    answer = own.client.post(PATH, json=FUNNEL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "not_saved")
    assert "No space left" in answer.json()["error"]["message"]


def test_other_methods_are_named(own):
    refused = own.client.put(PATH, json=FUNNEL)
    assert refused.status_code == 405
    assert refused.headers["allow"]
    assert own.client.post("/api/telemetry/overview").headers["allow"] == "GET, HEAD"
