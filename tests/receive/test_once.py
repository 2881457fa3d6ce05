"""The same record sent twice is stored once: other company, other encoding, after a kill."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections import Counter

import apsw
import httpx
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from patience import PATIENCE
from receiver_kit import (
    JSON,
    NOW,
    PROTOBUF,
    attributes,
    is_ours,
    log,
    protobuf_of,
    request,
    resource_of,
    span,
    wait_for,
)

from cortex_otel.receive.intake import Intake
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite import schema
from cortex_otel_exporters.sqlite.duplicates import Delivery
from cortex_otel_exporters.sqlite.store import Store


@pytest.mark.system
def test_spans_in_other_company(server):
    spans = [span(number) for number in range(1, 301)]
    server.traces(*spans[:200])
    server.traces(*spans[100:])
    server.post("/v1/traces", protobuf_of(request(*reversed(spans))), **PROTOBUF)
    server.traces(spans[7], spans[7])
    assert len(server.rows()) == 300
    told = server.ledger()
    assert told["event|dropped|duplicate"] == 402
    assert server.rows("SELECT sum(stored) n FROM rollup_hour")[0]["n"] == 300


@pytest.mark.system
def test_a_span_told_differently_the_second_time_is_the_same(server):
    server.traces(span(1))
    server.traces(span(1, name="renamed", told={"cortex.user.tier": "paid"}))
    (row,) = server.rows()
    assert row["name"] == "work"


@pytest.mark.system
def test_spans_that_share_a_time_or_an_id_are_different(server):
    first = span(1)
    server.traces(
        first,
        {**first, "spanId": "ab" * 8},
        {**first, "traceId": "ab" * 16},
        {**first, "startTimeUnixNano": str(NOW + 2)},
    )
    assert len(server.rows()) == 4


@pytest.mark.system
def test_events_by_their_uid(server):
    clicks = [
        log(1, told={"cortex.ui.action": "click", "log.record.uid": f"{number:032x}"})
        for number in range(3)
    ]
    server.logs(*clicks)
    server.logs(*clicks[1:], log(1, told={"cortex.ui.action": "other", "log.record.uid": "0" * 32}))
    assert len(server.rows()) == 3


@pytest.mark.system
def test_events_without_a_uid_by_all_they_say(server):
    server.logs(log(1), log(2), log(1, told={"cortex.ui.action": "drag"}))
    server.logs(log(1), log(2), log(1, told={"cortex.ui.action": "drag"}))
    assert len(server.rows()) == 3


@pytest.mark.system
def test_an_event_in_a_span_at_its_very_start_is_not_the_span(server):
    ids = {"traceId": f"{1:032x}", "spanId": f"{1:016x}"}
    for _ in range(2):
        server.traces(span(1))
        server.logs(log(1, **ids))
    assert sorted(row["kind"] for row in server.rows()) == ["event", "internal"]


@pytest.mark.system
def test_a_uid_of_two_windows_is_of_two_events(server):
    click = log(1, told={"cortex.ui.action": "click", "log.record.uid": "1"})
    for _ in range(2):
        for window in ("a", "b"):
            server.logs(click, resource={"service.name": "vscode", "session.id": window})
        for window in ("c", "d"):
            more = attributes({"session.id": window})
            server.logs({**click, "attributes": click["attributes"] + more})
    assert len(server.rows()) == 4
    assert server.ledger()["event|dropped|duplicate"] == 4


@pytest.mark.system
def test_programs_that_share_the_ids_of_a_span(server):
    """As Zipkin's client and server do, and copies of one process."""
    for _ in range(2):
        server.traces(span(1, kind=3), span(1, kind=2))
        server.traces(span(1, endTimeUnixNano=str(NOW + 9)))
        for instance in ("a", "b"):
            server.traces(span(1), resource={"service.name": "s", "service.instance.id": instance})
    assert len(server.rows()) == 5


@pytest.mark.system
def test_a_span_that_came_through_a_collector_too_is_the_same(server):
    server.traces(span(1), resource={"service.name": "s"})
    server.traces(span(1, told={"k8s.pod": "x"}), resource={"service.name": "s", "host.name": "h"})
    assert len(server.rows()) == 1


def points_of(*points, resource=None, name="calls"):
    """A metric request: one sum."""
    metrics = [{"name": name, "sum": {"dataPoints": list(points)}}]
    return {
        "resourceMetrics": [
            {"resource": resource_of(resource), "scopeMetrics": [{"metrics": metrics}]}
        ]
    }


def point(tool="t", value=3, time=NOW):
    return {"timeUnixNano": str(time), "asDouble": value, "attributes": attributes({"tool": tool})}


def send_points(server, body, *, is_json=True):
    if is_json:
        return server.post("/v1/metrics", json.dumps(body), **JSON)
    official = json_format.ParseDict(body, ExportMetricsServiceRequest())
    return server.post("/v1/metrics", official.SerializeToString(), **PROTOBUF)


def stored_points(server):
    return server.rows("SELECT count(*) n FROM telemetry_metrics")[0]["n"]


@pytest.mark.system
def test_metric_points(server):
    body = points_of(*[point(value=n / 2, time=NOW + n) for n in range(3)])
    for _ in range(2):
        assert send_points(server, body).json() == {}
    assert stored_points(server) == 3
    assert server.ledger()["metric|dropped|duplicate"] == 3


@pytest.mark.system
def test_points_that_differ_in_labels_that_are_removed(server):
    points = [point(f"t{number}") for number in range(40)]
    assert send_points(server, points_of(*points)).json() == {}
    assert stored_points(server) == 40
    for again in (points, points[:7], points[5:]):  # whole, and split
        send_points(server, points_of(*again), is_json=again is points)
        send_points(server, points_of(*reversed(again)), is_json=again is not points)
    assert stored_points(server) == 40
    told = server.ledger()
    assert told["metric|stored|"] == 40
    assert told["metric|received|"] == 40 + told["metric|dropped|duplicate"]


@pytest.mark.system
def test_points_of_two_instances_of_a_program(server):
    for _ in range(2):
        for instance in ("a", "b"):
            resource = {"service.name": "s", "service.instance.id": instance}
            send_points(server, points_of(point(), resource=resource))
    assert stored_points(server) == 2


@pytest.mark.system
def test_each_thing_a_point_says_counts(server):
    first = point()
    told = [
        points_of(first), points_of(first, name="others"),
        points_of({**first, "startTimeUnixNano": str(NOW - 1)}), points_of(point(value=4)),
        points_of(first, resource={"service.name": "other"}),
    ]  # fmt: skip
    for part, other in (
        ('"sum"', '"gauge"'), ('"calls"', '"calls", "unit": "s"'),
        ('"metrics"', '"scope": {"name": "x"}, "metrics"'),
    ):  # fmt: skip
        told.append(json.loads(json.dumps(points_of(first)).replace(part, other)))
    for _ in range(2):
        for body in told:
            send_points(server, body)
    assert stored_points(server) == len(told)


@pytest.mark.system
def test_equal_events_of_one_moment_all_count_and_sent_again_none(server):
    clicks = [log(1)] * 10
    assert server.logs(*clicks).json() == {}
    assert len(server.rows()) == 10
    server.logs(*clicks)  # whole
    server.logs(*clicks[:4])  # in part
    server.logs(*clicks[4:])
    assert len(server.rows()) == 10
    server.logs(*clicks, log(2), log(1), log(1))  # with others, and two more of its kind
    assert len(server.rows()) == 13
    told = server.ledger()
    assert told["event|stored|"] == 13
    assert told["event|received|"] == 13 + told["event|dropped|duplicate"]
    assert server.rows("SELECT sum(stored) n FROM rollup_hour")[0]["n"] == 13


@pytest.mark.system
def test_lines_that_differ_in_text_that_is_removed(server):
    lines = [log(1, eventName="", told={}, body={"stringValue": f"line {n}"}) for n in range(3)]
    server.logs(*lines)
    for line in lines:
        server.logs(line)
    server.logs(log(1, eventName="", told={}, body={"stringValue": "another"}))
    assert len(server.rows()) == 4


@pytest.mark.system
def test_what_was_stored_is_known_after_a_restart(server):
    body = points_of(*[point(f"t{number}") for number in range(5)])
    server.logs(*[log(1)] * 5)
    send_points(server, body)
    server.kill()
    server.start()
    server.logs(*[log(1)] * 5)
    send_points(server, body, is_json=False)
    assert len(server.rows()) == 5
    assert stored_points(server) == 5


@pytest.mark.system
def test_attributes_in_another_order_are_the_same(server):
    told = attributes({"cortex.ui.action": "click", "n": 1, "secret": "x"})
    server.logs(log(1, attributes=told))
    server.logs(log(1, attributes=told[::-1]))
    assert len(server.rows()) == 1


@pytest.fixture
def receive(tmp_path):
    """The receiver without its server: requests that share a transaction, or fill several."""
    intake = Intake(read_environment({"CORTEX_OTEL_HOME": str(tmp_path)}))
    store = Store(tmp_path / "cortex.db", once=True)

    def take(*requests, together=False):
        """Store requests of equal events, each given by their number; how many were stored."""
        parts = []
        for number in requests:
            delivery = Delivery()
            logs = {"logRecords": [log(1)] * number}
            body = {"resourceLogs": [{"resource": resource_of(None), "scopeLogs": [logs]}]}
            made = intake.parts("logs", json.dumps(body).encode(), is_json=True)
            parts += [(delivery, part) for part in made]
        batches = [parts] if together else [[one] for one in parts]
        before = count()
        for batch in batches:
            records = [record for _, part in batch for record in part.records]
            ledger = sum((part.ledger for _, part in batch), Counter())
            shares = [(delivery, len(part.records), 0) for delivery, part in batch]
            assert store.write(records, [], ledger, shares).trouble == ""
        deliveries = dict.fromkeys(delivery for delivery, _ in parts)
        found = count() - before
        assert sum(one.duplicates for one in deliveries) == sum(requests) - found
        return found

    def count():
        with contextlib.closing(apsw.Connection(str(tmp_path / "cortex.db"))) as connection:
            return connection.execute("SELECT count(*) FROM events").get

    store.write([], [], Counter())
    yield take
    store.close()


def test_several_requests_in_one_transaction(receive):
    assert receive(3, 3, 5, together=True) == 5
    assert receive(5, 2, 7, 7, together=True) == 2


def test_a_request_in_several_parts(receive):
    """More than a transaction takes: what its first part stored isn't another request's."""
    assert receive(9_000) == 9_000
    assert receive(9_500) == 500
    assert receive(5_000, 5_000) == 0


def test_parts_and_other_requests_in_one_transaction(receive):
    assert receive(4_100, 4_097, 3, together=True) == 4_100
    assert receive(3, 4_100, 4_101, together=True) == 1


def test_rows_from_before_there_were_identities(tmp_path, monkeypatch):
    """An older file upgrades; what was stored there stands for one record that is sent again."""
    path = tmp_path / "cortex.db"
    intake = Intake(read_environment({"CORTEX_OTEL_HOME": str(tmp_path)}))
    logs = [log(1), log(2, told={"cortex.ui.action": "drag", "log.record.uid": "u"})]
    resource = resource_of(None)
    requests = {
        "traces": request(span(1)),
        "logs": {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": logs}]}]},
        "metrics": points_of(point("a"), point("b")),
    }

    def parts(signal):
        return intake.parts(signal, json.dumps(requests[signal]).encode(), is_json=True)

    with monkeypatch.context() as older:
        older.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:1])
        older.setattr(schema, "SCHEMA_VERSION", 1)
        store = Store(path)
        for signal in ("traces", "logs"):
            for part in parts(signal):
                records = [record._replace(identity=None) for record in part.records]
                assert store.write(records, [], part.ledger).trouble == ""
        store.close()
        (part,) = parts("metrics")
        with contextlib.closing(apsw.Connection(str(path))) as connection:
            connection.execute(
                f"INSERT INTO telemetry_metrics VALUES (1, {'?, ' * 12} nullif(?, ''), ?)",
                part.points[0][:-1],
            )
    store = Store(path, once=True)
    for _ in range(2):
        for signal in requests:
            for part in parts(signal):
                assert store.write(part.records, part.points, part.ledger).trouble == ""
    store.close()
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("user_version") == schema.SCHEMA_VERSION
        assert connection.execute("SELECT count(*) FROM events").get == 3
        # Two points were one row then; they are two.
        assert connection.execute("SELECT count(*) FROM telemetry_metrics").get == 2


@pytest.mark.system
def test_many_senders_at_once(server):
    """Each request from two threads at the same moment: in one transaction or in two."""
    bodies = [json.dumps(request(*[span(n * 20 + k + 1) for k in range(20)])) for n in range(50)]

    def work():
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
            for body in bodies:
                assert client.post("/v1/traces", content=body, headers=JSON).status_code == 200

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.rows("SELECT count(*) n FROM events")[0]["n"] == 1000
    told = server.ledger()
    assert (
        told["event|received|"] == 3000 == told["event|stored|"] + told["event|dropped|duplicate"]
    )


@pytest.mark.system
def test_killed_again_and_again_in_the_middle_of_a_load(server):
    """Every acknowledged record is there, none twice; clients send again what got no answer."""
    acknowledged: set[int] = set()
    numbers = itertools.count(1)
    lock, stop = threading.Lock(), threading.Event()

    def work():
        while not stop.is_set():
            with lock:
                mine = [next(numbers) for _ in range(25)]
            body = json.dumps(request(*[span(number) for number in mine]))
            while not stop.is_set():
                try:
                    answer = httpx.post(
                        f"http://127.0.0.1:{server.port}/v1/traces",
                        content=body,
                        headers=JSON,
                        timeout=PATIENCE,
                    )
                except httpx.HTTPError:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    assert answer.json() == {}
                    with lock:
                        acknowledged.update(mine)
                    break

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            # In the middle: with requests acknowledged since it started, and others under way.
            enough = len(acknowledged) + 100
            wait_for(lambda enough=enough: len(acknowledged) >= enough)
            server.kill()
            server.start()
        enough = len(acknowledged) + 100
        wait_for(lambda: len(acknowledged) >= enough)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    server.kill()
    stored = [int(row["span_id"], 16) for row in server.rows()]
    assert len(acknowledged) >= 700
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored)
    assert is_ours(server.database)
    told = server.ledger()
    assert told["event|stored|"] == len(stored)
    assert told["event|received|"] == len(stored) + told.get("event|dropped|duplicate", 0)
    assert server.rows("SELECT sum(stored) n FROM rollup_hour")[0]["n"] == len(stored)


@pytest.mark.system
def test_what_a_split_batch_differs_in(server):
    """Streams that differ only in their scope's attributes, in separate requests."""
    for _ in range(2):
        for pool in ("a", "b", "c"):
            scope = {"name": "pool", "attributes": attributes({"pool.name": pool})}
            body = points_of(point())
            body["resourceMetrics"][0]["scopeMetrics"][0]["scope"] = scope
            send_points(server, body, is_json=False)
            send_points(server, body)
            body = {"resourceLogs": [{"scopeLogs": [{"scope": scope, "logRecords": [log(1)]}]}]}
            server.post("/v1/logs", json.dumps(body), **JSON)
    assert stored_points(server) == 3
    assert len(server.rows()) == 3


#: Points of one metric at one time: kind, what its metric says, what it says.
POINTS = [
    ("sum", {"aggregationTemporality": 2}, {"asInt": "3"}),
    ("sum", {"aggregationTemporality": 1}, {"asInt": "3"}),
    ("sum", {"aggregationTemporality": 1, "isMonotonic": True}, {"asInt": "3"}),
    ("gauge", {}, {"asDouble": "Infinity"}),
    ("gauge", {}, {"asDouble": "-Infinity"}),
    *[
        ("summary", {},
         {"count": "1", "sum": 2, "quantileValues": [{"quantile": 1, "value": value}]})
        for value in (2, 3)
    ],
    *[
        ("exponentialHistogram", {"aggregationTemporality": 2},
         {"count": "3", "sum": 3, "scale": scale, "zeroThreshold": threshold,
          "positive": {"offset": offset, "bucketCounts": ["3"]}})
        for scale, threshold, offset in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    ],
]  # fmt: skip


def test_points_that_differ_in_what_is_not_kept(identities):
    found = []
    for kind, data, changes in POINTS:
        one = {"timeUnixNano": str(NOW), "startTimeUnixNano": str(NOW - 1), **changes}
        body = points_of()
        metric = {"name": "m", kind: {**data, "dataPoints": [one]}}
        body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"] = [metric]
        official = json_format.ParseDict(body, ExportMetricsServiceRequest())
        assert identities("metrics", body) == identities("metrics", official.SerializeToString())
        found += identities("metrics", body)
    assert len(set(found)) == len(POINTS)


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1])
def test_a_number_has_one_identity_in_both_encodings(identities, value):
    kind = "intValue" if type(value) is int else "doubleValue"
    for told in ({kind: value}, {"arrayValue": {"values": [{kind: value}]}}):
        body = points_of({**point(value=value), "attributes": attributes({"k": told})})
        official = json_format.ParseDict(body, ExportMetricsServiceRequest()).SerializeToString()
        assert identities("metrics", body) == identities("metrics", official)


def test_values_that_differ_have_identities_of_their_own(identities):
    values = [
        {}, *[{"doubleValue": one} for one in ("NaN", "Infinity", "-Infinity", 1, 0)],
        {"intValue": "1"}, {"boolValue": True}, {"stringValue": "1"}, {"stringValue": "NaN"},
        {"stringValue": "null"}, {"bytesValue": "AAEC"}, {"stringValue": "b000102"},
        {"arrayValue": {"values": [{"stringValue": "bytes"}, {"stringValue": "000102"}]}},
        {"arrayValue": {}}, {"kvlistValue": {}},
    ]  # fmt: skip
    records = [log(1, attributes=attributes({"v": value})) for value in values]
    records += [log(1, told={}, body=value) for value in values]
    records += [log(1, flags=flags) for flags in range(3)]
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    assert len(set(identities("logs", body))) == len(records)


@pytest.fixture
def identities(tmp_path):
    """Of the records of a request: OTLP/JSON, or bytes of protobuf."""
    intake = Intake(read_environment({"CORTEX_OTEL_HOME": str(tmp_path)}))

    def of(signal, body):
        is_json = not isinstance(body, bytes)
        content = json.dumps(body).encode() if is_json else body
        parts = list(intake.parts(signal, content, is_json=is_json))
        return [one.identity for part in parts for one in (*part.records, *part.points)]

    return of
