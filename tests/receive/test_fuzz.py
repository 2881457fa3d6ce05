"""Bytes that nobody foresaw: no fault, nothing that the store can't take, no growth."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from collections import Counter

import apsw
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from receiver_kit import (
    JSON,
    PROTOBUF,
    log,
    of_bytes,
    protobuf_of,
    raw_span,
    request,
    resource_of,
    span,
)

from cortex_otel.receive import openapi, plain
from cortex_otel.receive.intake import SIGNALS, Intake, TooLargeError, unpacked
from cortex_otel.receive.records import MalformedError
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite.store import Store

NAMES = {signal for signal, _ in SIGNALS.values()}
LIMITS = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VALID = protobuf_of(
    request(span(1, told={"a": "b", "n": 1}), span(2, kind=3), resource={"service.name": "x"})
)
POINT = {"timeUnixNano": "5", "asInt": "1", "count": "1", "sum": 1, "bucketCounts": ["1"]}
IN_JSON = {
    "traces": request(
        span(
            1,
            told={"a": "b", "n": 1.5},
            status={"code": 2},
            events=[
                {
                    "name": "exception",
                    "attributes": [{"key": "exception.type", "value": {"stringValue": "E"}}],
                }
            ],
        )
    ),
    "logs": {
        "resourceLogs": [{"resource": resource_of(None), "scopeLogs": [{"logRecords": [log(1)]}]}]
    },
    "metrics": {
        "resourceMetrics": [
            {
                "resource": resource_of(None),
                "scopeMetrics": [
                    {
                        "metrics": [
                            {"name": "m", "gauge": {"dataPoints": [POINT]}},
                            {"name": "h", "histogram": {"dataPoints": [POINT]}},
                        ]
                    }
                ],
            }
        ]
    },
}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from(["NaN", "12", "ab" * 16, "mcp.tool_call", "ext.error"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "value", "stringValue", "values", "name", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@pytest.fixture
def intake(tmp_path):
    environment = {"CORTEX_OTEL_HOME": str(tmp_path), "CORTEX_OTEL_SAMPLING": "span=0.5"}
    return Intake(read_environment(environment))


@pytest.fixture
def keeper(tmp_path):
    """One that samples nothing out."""
    return Intake(read_environment({"CORTEX_OTEL_HOME": str(tmp_path)}))


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "cortex.db", once=True)
    yield made
    made.close()


def take(intake, store, signal, body, *, is_json):
    """Read and store a request; whether it could be read. Any other exception is a fault."""
    try:
        parts = list(intake.parts(signal, body, is_json=is_json))
    except MalformedError:
        return False
    for part in parts:
        outcome = store.write(part.records, part.points, part.ledger)
        assert outcome.trouble == ""
        received = sum(n for (_, what, _), n in part.ledger.items() if what == "received")
        settled = sum(
            n for (_, what, _), n in part.ledger.items() if what in {"dropped", "sampled_out"}
        )
        assert received == settled + len(part.records) + len(part.points)
    return True


@LIMITS
@given(body=st.binary(max_size=400), signal=st.sampled_from(sorted(NAMES)), is_json=st.booleans())
def test_random_bytes(intake, store, body, signal, is_json):
    take(intake, store, signal, body, is_json=is_json)


@LIMITS
@given(
    signal=st.sampled_from(sorted(NAMES)),
    changes=st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, len(VALID)),
)
def test_protobuf_with_bytes_changed(intake, store, signal, changes, cut):
    body = bytearray(VALID)
    for at, byte in changes:
        body[at] = byte
    take(intake, store, signal, bytes(body[:cut]) if cut % 3 == 0 else bytes(body), is_json=False)


def _paths(value, at=()):
    yield at
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(inner, (*at, key))


@LIMITS
@given(data=st.data(), signal=st.sampled_from(sorted(NAMES)))
def test_json_with_a_part_replaced(intake, store, data, signal):
    body = json.loads(json.dumps(IN_JSON[signal]))
    for path in data.draw(
        st.lists(st.sampled_from(list(_paths(body))[1:]), min_size=1, max_size=3)
    ):
        target = body
        try:
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = data.draw(ANYTHING)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier replacement took it away
    take(intake, store, signal, json.dumps(body).encode(), is_json=True)


def _stored(store, names):
    """How often each of ``names`` is stored; nothing is kept for the next example."""
    path = store._path
    store.close()
    connection = apsw.Connection(str(path))
    found = Counter(name for (name,) in connection.execute("SELECT name FROM telemetry_events"))
    connection.execute("DELETE FROM received_events")
    connection.execute("DELETE FROM events")
    connection.close()
    return [found[name] for name in names]


GOOD = [f"good {number}" for number in range(9)]
RAW = ["@", "1e999", "NaN", r'"\ud800"', "1" * 40, "[" * 400 + "]" * 400]


@LIMITS
@given(data=st.data(), place=st.integers(0, 9), raw=st.sampled_from(RAW))
def test_one_span_of_anything_costs_no_other(keeper, store, data, place, raw):
    """JSON: whatever stands in its place or in a part of it, the others are stored, and once."""
    spans = [span(number + 1, name=name) for number, name in enumerate(GOOD)]
    bad = span(99, kind=3, status={"code": 2}, events=[{"name": "exception"}], told={"a": "b"})
    put = "@" if raw != "@" else data.draw(ANYTHING)
    *path, last = data.draw(st.sampled_from([("bad",), *(("bad", *at) for at in _paths(bad))]))
    holder = target = {"bad": bad}
    for key in path:
        target = target[key]
    target[last] = put
    spans.insert(place, holder["bad"])
    body = json.dumps(request(*spans))
    body = body.replace('"@"', raw) if raw != "@" else body
    for _ in range(2):
        assert take(keeper, store, "traces", body.encode(), is_json=True)
    assert _stored(store, GOOD) == [1] * 9


@LIMITS
@given(
    place=st.integers(0, 9),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 300),
)
def test_one_span_of_any_bytes_costs_no_other(keeper, store, place, changes, cut):
    """Protobuf: the same, where the lengths around it hold."""
    spans = [raw_span(number + 1, name=name) for number, name in enumerate(GOOD)]
    bad = bytearray(raw_span(99, told={"a": "b", "n": 1}, kind=3))
    for at, byte in changes:
        bad[at % len(bad)] = byte
    spans.insert(place, bytes(bad[:cut] if cut < len(bad) else bad))
    body = of_bytes(1, of_bytes(2, b"".join(of_bytes(2, one) for one in spans)))
    for _ in range(2):
        assert take(keeper, store, "traces", body, is_json=False)
    assert _stored(store, GOOD) == [1] * 9


@LIMITS
@given(body=st.binary(max_size=300), level=st.integers(0, 9), cut=st.integers(0, 300))
def test_gzip_of_anything(body, level, cut):
    packed = gzip.compress(body, level)
    assert unpacked(packed) == body
    assert unpacked(packed + gzip.compress(b"more")) == body + b"more"
    for broken in (packed[:cut], body):
        try:
            unpacked(broken)
        except (MalformedError, TooLargeError):
            continue


def test_a_bomb_is_seen_in_its_first_megabytes():
    bomb = gzip.compress(bytes(200 << 20), 9)
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        unpacked(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 << 20
    with pytest.raises(TooLargeError):
        unpacked(gzip.compress(random.Random(1).randbytes(2 << 20)), most=1 << 20)


@pytest.mark.thorough
def test_nothing_that_is_remembered_grows_without_end(intake, store):
    for number in range(400):
        spans = [
            span(
                number * 40 + k + 1,
                name=f"name {number} {k}",
                told={
                    "gen_ai.tool.name": f"tool{number}-{k}",
                    "user.id": f"u{number}-{k}",
                    f"key{number}-{k}": "x",
                    "session.id": f"s{number}-{k}",
                },
            )
            for k in range(30)
        ]
        resource = {"service.name": f"service-{number}", "service.instance.id": f"{number}"}
        body = request(*spans, resource=resource)
        take(intake, store, "traces", json.dumps(body).encode(), is_json=True)
        take(intake, store, "traces", protobuf_of(body), is_json=False)
    remembered = Counter()
    for holder in (intake._protobuf, intake._json, intake.senders):
        for name, value in vars(holder).items():
            if isinstance(value, dict):
                remembered[name] = len(value)
    assert remembered["_senders"] <= 32
    assert remembered["_resources"] <= 256
    assert remembered["_attributes"] <= 8192
    assert max(remembered.values()) <= 8192
    budgets = intake.senders._budgets
    assert len(budgets._own) <= 32
    for names in (budgets._shared, *budgets._own.values()):
        for kind, budget in names._budgets.items():
            assert len(budget.known) <= budget._limit.at_once, kind
            assert len(budget._older) <= budget._limit.at_once, kind


@pytest.mark.system
def test_random_bytes_over_http_are_never_500(shared):
    @settings(LIMITS, max_examples=120)
    @given(
        path=st.sampled_from([*SIGNALS, openapi.PATH, "/api/telemetry/extension/error"]),
        headers=st.sampled_from([JSON, PROTOBUF, {**JSON, "content-encoding": "gzip"}, {}]),
        body=st.binary(max_size=200),
    )
    def send(path, headers, body):
        answer = client.post(path, content=body, headers=headers)
        assert answer.status_code in {200, 400, 405, 415}

    with httpx.Client(base_url=shared.url) as client:
        send()
    assert shared.errors_said() == ""


@pytest.mark.system
@pytest.mark.parametrize("path", plain.ROUTES)
def test_the_endpoints_do_what_their_openapi_says(shared, path):
    import schemathesis
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    schema = schemathesis.openapi.from_url(f"{shared.url}{openapi.PATH}")

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=schema[path]["POST"].as_strategy())
    def call(case):
        # By httpx: its own transport needs the urllib3 that some environments replace.
        given = case.as_transport_kwargs(base_url=shared.url)
        names = {"method", "url", "headers", "params", "json", "content", "data"}
        with httpx.Client() as client:
            answer = client.request(**{name: given[name] for name in names & given.keys()})
        # A schema can't say that a label is printable: some of what it allows is refused.
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        assert answer.status_code in {200, 400, 415}

    call()
    assert shared.errors_said() == ""
