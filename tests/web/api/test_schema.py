"""The API's description: committed and correct; no request, valid or not, causes a fault."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from cortex_otel.show.pages import PAGES
from cortex_otel.show.web.openapi import PATH

pytestmark = pytest.mark.system

DOCS = Path(__file__).parents[3] / "docs" / "reference"
TRACE = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def described(client):
    return client.get(PATH).json()


def test_the_committed_description_is_this_one(described):
    committed = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    assert committed == described, "run: make generate"


def test_every_path_is_in_the_reference(described):
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    questions = (DOCS / "questions.md").read_text(encoding="utf-8")
    for path in described["paths"]:
        name = path.removeprefix("/api/telemetry")
        # Those of the analytics pages are questions, described where all of them are.
        question = name.removeprefix("/analytics/")
        assert f"`{name}`" in text or f"| [`{question}`]" in questions, path


def test_every_parameter_has_a_description(described):
    for path, operations in described["paths"].items():
        assert (
            operations.keys() == {"get"}
            or path.endswith("/alerts/rules")
            or ("/analytics/funnels" in path)
        )
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), (path, parameter["name"])


def test_the_endpoints_of_the_spec_are_there(described):
    for path in ("overview", "mcp/summary", "mcp/tools", "extension/summary",
                 "users/{user_id_hash}", "errors", "export/csv", "export/json"):  # fmt: skip
        assert f"/api/telemetry/{path}" in described["paths"]


@pytest.mark.parametrize("fits", [True, False], ids=["positive", "negative"])
def test_no_request_is_a_fault(client, described, fits):
    """Values that fit the description, and values that don't, at every path."""
    import schemathesis
    from schemathesis.generation import GenerationMode

    mode = GenerationMode.POSITIVE if fits else GenerationMode.NEGATIVE
    statuses = set()
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        ask_often(found.ok(), mode, client, statuses)
    assert statuses >= {200, 400} if fits else 400 in statuses


def ask_often(operation, mode, client, statuses):
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        arguments = case.as_transport_kwargs(base_url=str(client.base_url))
        try:
            request = client.build_request(
                arguments["method"],
                arguments["url"],
                params=arguments.get("params") or None,
                json=arguments.get("json"),
            )
            answer = client.send(request)
        except (httpx.InvalidURL, UnicodeError, httpx.UnsupportedProtocol):
            return  # nothing that a client could send
        statuses.add(answer.status_code)
        checked(answer, operation.definition.raw["responses"])

    ask()


def checked(answer, responses):
    """The answer is one that the description knows, or of a path or method that isn't there."""
    status = answer.status_code
    assert status < 500, answer.text
    assert str(status) in responses or status in {404, 405}
    if status == 405:
        return
    kind = answer.headers["content-type"].partition(";")[0]
    if status == 200:
        assert kind in responses["200"]["content"]
    else:
        assert kind == "application/json"
        assert answer.json()["error"].keys() >= {"code", "message", "field"}


def test_answers_are_as_described(client, described):
    """Of every list and page: validated against the schema of its answer."""
    hash_ = client.get("/api/telemetry/users").json()["users"][0]["user_id_hash"]
    for path, operations in described["paths"].items():
        # Panels and files are tested beside what they are of.
        if any(part in path for part in ("export", "panels", "{name}")) or "get" not in operations:
            continue
        url = path.replace("{user_id_hash}", hash_).replace("{trace_id}", TRACE)
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        schema = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": described["components"]})


def test_every_panel_is_as_described(client, described):
    schema = {"$ref": "#/components/schemas/PanelAnswer", "components": described["components"]}
    for page in PAGES.values():
        for panel in page.panels:
            asked = {"since": "7d", "compare": "1", "lang": "ko"}
            answer = client.get(f"/api/telemetry/panels/{page.id}/{panel.id}", params=asked)
            jsonschema.validate(answer.json(), schema)
