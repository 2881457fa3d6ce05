"""Canaries wherever a sender can put text: in no file, no row, no log, no answer to another."""

from __future__ import annotations

import json

import httpx
import pytest
from canaries import PLACES, SECRETS, TEXTS, Hunt, canary, needles
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from receiver_kit import JSON, NOW, PROTOBUF, attributes, log, resource_of, span

from cortex_otel.process.allow_list import ALLOWED, RESOURCE_ALLOWED

pytestmark = pytest.mark.system

#: JSON and protobuf are UTF-8: a lone surrogate is no request at all.
ALL = [shape for shape in TEXTS if shape != "surrogate"]
NAMED = [*SECRETS, *PLACES]
#: Nobody else's: what is allowed may be whatever looks like an identifier.
OF_KIND = {
    "text": ALL,
    "content": ALL,
    "user": ALL,
    "digest": ALL,
    "number": ALL,
    "flag": ALL,
    "location": ALL,
    "shape": ALL,
    "error_type": [*SECRETS, "sentence"],
}
KEPT_AS_NAMES = {
    "name": NAMED,
    **{kind: [*NAMED, "sentence", "quotes"] for kind in ("id", "token", "label", "feature")},
}


class Planter:
    """Hands out canaries and remembers them."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.planted = []

    def __call__(self, slot, shape):
        slot = f"{self.prefix} {slot}"
        self.planted.append((slot, shape))
        return canary(slot, shape)


def told(plant, shape):
    """Attributes with a canary in each allowed key that must not keep this shape, and elsewhere."""
    given = {f"unknown.{shape}": plant("unknown value", shape), plant("unknown key", shape): 1}
    for key, kind in ALLOWED.items():
        if key == "http.route" and shape in PLACES:
            continue  # a route is a path: one with the values taken out
        if shape in (KEPT_AS_NAMES | OF_KIND).get(kind, ALL):
            given[key] = plant(key, shape)
    text = plant("in a list", shape)
    listed = {
        "arrayValue": {
            "values": [
                {"stringValue": text},
                {"kvlistValue": {"values": [{"key": text, "value": {"stringValue": text}}]}},
            ]
        }
    }
    mapped = {"kvlistValue": {"values": [{"key": text, "value": {"stringValue": text}}]}}
    return [
        *attributes(given),
        {"key": "list", "value": listed},
        {"key": "gen_ai.tool.name", "value": mapped},
        {"key": "mcp.method.name", "value": listed},
    ]


def resource(plant, shape):
    given = {f"unknown.{shape}": plant("resource value", shape), plant("resource key", shape): "x"}
    if shape in NAMED:
        given |= {key: plant(f"resource {key}", shape) for key in RESOURCE_ALLOWED}
        for key in (
            "cortex.service",
            "cortex.user.tier",
            "session.id",
            "cortex.ide",
            "cortex.extension.version",
            "cortex.project.id",
            "cortex.branch.id",
        ):
            given[key] = plant(f"resource {key}", shape)
    for key in ("user.id", "user.hash", "service.instance.id", "host.name", "process.command_line"):
        given[key] = plant(f"resource {key}", shape)
    return resource_of(given)


def scope(plant, shape):
    if shape not in NAMED:
        return {"name": "lib", "attributes": attributes({"x": plant("scope attribute", shape)})}
    return {"name": plant("scope name", shape), "version": plant("scope version", shape)}


def traces(plant, shape):
    error = attributes(
        {
            "exception.message": plant("message", shape),
            "exception.stacktrace": plant("stack", shape),
            "exception.type": plant("type", shape)
            if shape in [*SECRETS, "sentence"]
            else "KeyError",
        }
    )
    link = {
        "traceId": "cd" * 16,
        "spanId": "ab" * 8,
        "traceState": plant("link state", shape),
        "attributes": attributes({"x": plant("link", shape)}),
    }
    common = {
        "traceState": plant("trace state", shape),
        "attributes": told(plant, shape),
        "links": [link],
        "status": {"code": 2, "message": plant("status", shape)},
        "name": plant("span name", shape) if shape in NAMED else "work",
        "events": [
            {"name": "exception", "attributes": error},
            {"name": plant("event", shape), "attributes": error},
        ],
    }
    number = len(plant.planted) + 1
    spans = [span(number, **common), span(number + 1, **common, kind=2)]
    group = {
        "resource": resource(plant, shape),
        "schemaUrl": plant("schema", shape),
        "scopeSpans": [{"scope": scope(plant, shape), "spans": spans}],
    }
    return {"resourceSpans": [group]}


def logs(plant, shape):
    typed = ["ext.error", "ext.ui_interaction", "mcp.search_context"]
    records = [
        log(n, eventName=name, attributes=told(plant, shape)) for n, name in enumerate(typed)
    ]
    records.append(
        log(
            7,
            eventName="",
            body={"stringValue": plant("body", shape)},
            told={},
            severityText=plant("severity", shape),
        )
    )
    records.append(
        log(
            8,
            body={
                "kvlistValue": {
                    "values": [
                        {
                            "key": plant("body key", shape),
                            "value": {"stringValue": plant("body value", shape)},
                        }
                    ]
                }
            },
        )
    )
    if shape in NAMED:
        records.append(log(9, eventName=plant("event name", shape), attributes=told(plant, shape)))
    group = {
        "resource": resource(plant, shape),
        "scopeLogs": [{"scope": scope(plant, shape), "logRecords": records}],
    }
    return {"resourceLogs": [group]}


def metrics(plant, shape):
    point = {"timeUnixNano": str(NOW), "asDouble": 1.5, "attributes": told(plant, shape)}
    metric = {
        "name": plant("metric", shape) if shape in NAMED else "m",
        "gauge": {"dataPoints": [point]},
        "description": plant("description", shape),
        "unit": plant("unit", shape) if shape in NAMED else "1",
    }
    group = {
        "resource": resource(plant, shape),
        "scopeMetrics": [{"scope": scope(plant, shape), "metrics": [metric]}],
    }
    return {"resourceMetrics": [group]}


SIGNALS = {
    "traces": (traces, ExportTraceServiceRequest),
    "logs": (logs, ExportLogsServiceRequest),
    "metrics": (metrics, ExportMetricsServiceRequest),
}


def in_protobuf(body, message):
    """By the official parser, which wants ids in base64."""
    text = json.dumps(body)
    for field in ("traceId", "spanId"):
        text = text.replace(f'"{field}"', f'"{field}X"')
    made = json_format.ParseDict(json.loads(text), message(), ignore_unknown_fields=True)
    for group in getattr(made, "resource_spans", []):
        for number, one in enumerate(group.scope_spans[0].spans):
            one.trace_id, one.span_id = b"\x01" * 16, bytes([number + 1]) * 8
    return made.SerializeToString()


@pytest.fixture
def private(make_server):
    return make_server(CORTEX_OTEL_USER_HASH_KEY="a key of the operator")


def hunt(server, planted, answers=()):
    server.stop()
    outputs = {"stderr": server.errors.read_bytes()}
    outputs["answers"] = b"\n".join(answers)
    hunter = Hunt(server.home, outputs)
    everything = b"\n".join(hunter.places.values())
    found = [one for one in planted if any(needle in everything for needle in needles(*one))]
    assert hunter.all_found(found) == []
    assert found == []


#: Every shape in one way in, and each again in some other: to hunt for all in all takes minutes.
WAYS = [
    ("json", "traces", ALL), ("json", "logs", ALL[::3]), ("json", "metrics", ALL[1::3]),
    ("protobuf", "traces", ALL[2::3]), ("protobuf", "logs", ALL[1::3]),
    ("protobuf", "metrics", ALL[::3]),
]  # fmt: skip


@pytest.mark.parametrize(("encoding", "signal", "shapes"), WAYS)
def test_what_is_stored(private, signal, encoding, shapes):
    make, message = SIGNALS[signal]
    plant = Planter(f"{signal} {encoding}")
    answers = []
    for shape in shapes:
        body = make(plant, shape)
        if encoding == "json":
            answer = private.post(f"/v1/{signal}", json.dumps(body), **JSON)
        else:
            answer = private.post(f"/v1/{signal}", in_protobuf(body, message), **PROTOBUF)
        assert answer.status_code == 200, answer.content
        answers.append(answer.content)
    table = "telemetry_metrics" if signal == "metrics" else "events"
    assert private.rows(f"SELECT count(*) n FROM {table}")[0]["n"] >= len(shapes)
    hunt(private, plant.planted, answers)


def test_what_is_refused(private):
    plant = Planter("refused")
    answers = []
    for shape in ALL:
        text = plant("refused", shape)
        bad = [
            span(1, traceId=text),
            span(1, spanId=text),
            span(1, parentSpanId=text),
            span(1, startTimeUnixNano=str(2**63), name=text, told={"x": text}),
        ]
        bodies = [{"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]} for one in bad]
        bodies += [
            {text: text},
            text,
            {"resourceSpans": text},
            [text],
            {"resourceSpans": [{"scopeSpans": [{"spans": [span(1, kind=text)]}]}]},
        ]
        answers += [private.post("/v1/traces", json.dumps(body), **JSON).content for body in bodies]
        for kind in (JSON, PROTOBUF):
            answers.append(private.post("/v1/traces", text.encode(), **kind).content)
            answers.append(
                private.post("/v1/logs", text.encode(), content_encoding="gzip", **kind).content
            )
        if shape in ("plain", "openai key"):
            headers = {
                **JSON,
                "authorization": f"Bearer {text}",
                "user-agent": text,
                "x-more": text,
                "cookie": text,
            }
            answers += [
                httpx.post(private.url + path, content="{}", headers=headers).content
                for path in (f"/{text}", f"/v1/traces?q={text}", f"/v1/traces/{text}")
            ]
            answers.append(private.post("/v1/traces", b"{}", content_type=text).content)
            answers.append(private.post("/v1/traces", b"{}", host=text).content)
            answers.append(private.post("/v1/traces", b"{}", origin=text, **JSON).content)
    private.traces(span(5))
    hunt(private, plant.planted, answers)


def test_the_json_endpoints(private):
    plant = Planter("plain")
    for shape in ALL:
        text = {name: plant(name, shape) for name in ("path", "message", "stack", "user", "branch")}
        events = {
            "activate": {
                "ide": "vscode",
                "project_path": text["path"],
                "user_id": text["user"][:128],
            },
            "context-switch": {"from_branch": text["branch"], "file_path": text["path"]},
            "error": {"error_type": "E", "message": text["message"], "stack": text["stack"]},
        }
        if shape in NAMED:
            events["ui-interaction"] = {
                name: plant(name, shape)
                for name in (
                    "action",
                    "element",
                    "session_id",
                    "project_id",
                    "branch_id",
                    "ide",
                    "extension_version",
                    "id",
                )
            } | {"time": NOW // 10**6}
        for name, event in events.items():
            answer = private.post(f"/api/telemetry/extension/{name}", json.dumps(event), **JSON)
            # What isn't one line is no label and no user id.
            assert answer.status_code == 200 or "user_id" in event, answer.text
        private.post(
            "/api/telemetry/extension/install", json.dumps({plant("field", shape): 1}), **JSON
        )
    hunt(private, plant.planted)
