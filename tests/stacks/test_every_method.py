"""Every method twice, and everything that may be wrong with a request: one true row each."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(600)]

TRANSPORTS = [
    pytest.param("stdio"),
    pytest.param("http", marks=pytest.mark.matrix),
]
SPECIFIED = 25  # requests of the specification, and a few with wrong parameters, over HTTP
INVALID_PARAMS = -32602


@pytest.fixture(params=TRANSPORTS)
def found(request, ahead, stack_name):
    return ahead(stack_name, f"every-{request.param}")[0]


@pytest.fixture
def over_stdio(ahead, stack_name):
    return ahead(stack_name, "every-stdio")[0]


@pytest.fixture
def in_memory(ahead, stack_name):
    return ahead(stack_name, "every-memory")[0]


def by_request(found):
    rows = {}
    for row in found["events"]:
        identity = row["event_data"].get("jsonrpc.request.id")
        if identity is not None:
            rows.setdefault(identity, []).append(row)
    return rows


def outcome(row):
    return row["event_data"].get("cortex.outcome")


def test_each_request_is_one_row(found):
    rows = by_request(found)
    assert len(found["asked"]) > SPECIFIED
    counted = {asked["id"]: len(rows.get(asked["id"], ())) for asked in found["asked"]}
    assert counted == {asked["id"]: 1 for asked in found["asked"]}


def test_a_row_has_the_method_and_the_code_that_the_client_saw(found):
    rows = by_request(found)
    for asked in found["asked"]:
        (row,) = rows[asked["id"]]
        data = row["event_data"]
        known = asked["method"] if asked["method"] != "own/method" else "_OTHER"
        assert data["mcp.method.name"] == known
        code = None if asked["code"] is None else str(asked["code"])
        assert data.get("rpc.response.status_code") == code, asked
        is_failed = code is not None or asked["is_error"] or " object " in asked["text"]
        assert (row["result"] == "error") is is_failed, asked
        assert outcome(row) in ("ok", "validation", "unknown_tool", "crash", "rpc_error")


def test_a_request_that_is_no_call_of_a_tool_is_no_product_event(found):
    rows = by_request(found)
    for asked in found["asked"]:
        (row,) = rows[asked["id"]]
        assert (row["event_type"] == "mcp.tool_call") is (asked["method"] == "tools/call")


def test_wrong_parameters_are_validation(over_stdio):
    rows = by_request(over_stdio)
    wrong = [
        asked
        for asked in over_stdio["asked"][1:]
        if asked["code"] == INVALID_PARAMS
        and asked["method"] in ("tools/call", "prompts/get", "logging/setLevel", "initialize")
        and (asked["params"] or {}).get("name") != ""
    ]
    assert len(wrong) >= 2 * 10
    assert {outcome(rows[asked["id"]][0]) for asked in wrong} == {"validation"}


def test_wrong_parameters_of_a_known_tool_have_its_name(over_stdio):
    rows = by_request(over_stdio)
    named = {
        asked["id"]: rows[asked["id"]][0]["tool_name"]
        for asked in over_stdio["asked"]
        if asked["code"] == INVALID_PARAMS
        and (asked["params"] or {}).get("name") == "ok"
        and "arguments" in asked["params"]
    }
    assert len(named) == 4
    assert set(named.values()) == {"ok"}


def test_what_comes_before_the_handshake_is_refused_and_no_unknown_tool(over_stdio):
    first = over_stdio["asked"][0]
    (row,) = by_request(over_stdio)[first["id"]]
    assert first["code"] == INVALID_PARAMS
    assert outcome(row) == "rpc_error"


def test_a_tool_that_is_not_listed_is_known_when_it_is_called(over_stdio):
    rows = by_request(over_stdio)
    calls = [
        rows[asked["id"]][0]
        for asked in over_stdio["asked"]
        if (asked["params"] or {}).get("name") == "hidden"
    ]
    assert len(calls) == 4
    assert {(row["tool_name"], outcome(row), row["error_type"]) for row in calls} == {
        ("hidden", "crash", "LookupError")
    }


def test_a_generator_or_coroutine_for_an_answer_is_no_success(over_stdio):
    rows = by_request(over_stdio)
    checked = 0
    for asked in over_stdio["asked"]:
        name = (asked["params"] or {}).get("name")
        if name not in ("streams", "streams_decorated", "yields_decorated", "returns_a_coroutine"):
            continue
        (row,) = rows[asked["id"]]
        got_an_object = " object " in asked["text"]
        assert (outcome(row), row["error_type"], row["tool_name"]) == (
            ("crash", "not_run", name) if got_an_object else ("ok", None, name)
        )
        checked += 1
    assert checked == 8


def test_initialize_tells_who_asks_and_what_was_agreed(over_stdio):
    rows = by_request(over_stdio)
    first = next(asked for asked in over_stdio["asked"] if asked["method"] == "initialize")
    data = rows[first["id"]][0]["event_data"]
    assert data["cortex.client.name"] == "by-hand"
    assert data["mcp.protocol.version"] == "2025-06-18"
    assert data["network.transport"] == "pipe"


@pytest.mark.matrix
def test_over_http_each_client_is_one_session_from_its_first_request_on(ahead, stack_name):
    found = ahead(stack_name, "every-http")[0]
    rows = by_request(found)
    sessions = []
    for asked in found["asked"]:
        (row,) = rows[asked["id"]]
        assert row["event_data"]["network.transport"] == "tcp"
        if not sessions or row["session_id"] != sessions[-1]:
            sessions.append(row["session_id"])
    # Two with a handshake; those without one are the same client.
    assert len(sessions) == len(set(sessions)) == (3 if stack_name in ("mcp2", "fastmcp4") else 2)


# --- What stands around tools ---------------------------------------------------------------------

JUDGED = {
    "add 1": "ok", "add x": "validation", "crashes": "crash", "none": "unknown_tool",
    "calls_wrongly": "crash", "answers_rpc": "tool_error",
    "renamed 1": "ok", "renamed x": "validation", "renamed": "validation",
    "renamed other": "validation", "passes_on 5": "ok", "passes_on x": "validation",
    "fails x": "crash", "refused": "tool_error", "invalid": "validation", "breaks": "crash",
    "breaks_its_promise": "crash", "decorated": "ok",
    "unauthorized": "tool_error", "lacks_scope": "tool_error", "streams": "ok",
}  # fmt: skip


def expected(name, arguments, stack_name):
    key = " ".join([name, *("other" if k == "other" else str(v) for k, v in arguments.items())])
    if name == "answers_rpc" and stack_name == "mcp2":
        return "rpc_error"  # there it stays one
    if name == "calls_wrongly" and stack_name.startswith("fastmcp"):
        return "tool_error"  # whose own refusals a tool lets through as its own
    if name == "breaks_its_promise" and stack_name in ("fastmcp3", "fastmcp4"):
        return "ok"  # there nobody but the client looks at the result
    if name == "streams" and stack_name in ("mcp1", "mcp2", "fastmcp2"):
        return "crash"
    return JUDGED[key]


def calls_in(found, stack_name):
    """Rows of calls by the client, and by the program."""
    rows = [row for row in found["events"] if row["event_type"] == "mcp.tool_call"]
    client = [row for row in rows if row["event_data"].get("jsonrpc.request.id")]
    return client, [row for row in rows if row not in client]


def test_refusals_are_told_from_crashes(in_memory, stack_name):
    rows, _ = calls_in(in_memory, stack_name)
    assert len(rows) == len(in_memory["by_client"])
    told = [(call, outcome(row)) for call, row in zip(in_memory["by_client"], rows, strict=True)]
    assert told == [(call, expected(*call, stack_name)) for call in in_memory["by_client"]]


def test_a_call_by_the_program_itself_is_one_row_with_its_outcome(in_memory, stack_name):
    _, rows = calls_in(in_memory, stack_name)
    called = in_memory["by_program"]
    assert [(call, outcome(row)) for call, row in zip(called, rows, strict=True)] == [
        (call, expected(*call, stack_name)) for call in called
    ]
    assert [row["tool_name"] for row in rows] == [
        name if name != "none" else None for name, _ in called
    ]
    # At the top of a trace it is what a decorated tool is there; inside the host's span it is part
    # of that.
    assert [row["kind"] for row in rows] == ["server", "internal"] * (len(called) // 2)


def test_no_first_call_of_anything_touches_files_on_the_event_loop(in_memory):
    assert in_memory["file_work"] == []


def test_no_fault_was_met_on_the_way(found, in_memory):
    assert found["noted"] == in_memory["noted"] == []
