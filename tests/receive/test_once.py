"""The same record sent twice is stored once: other company, other encoding, after a kill."""

from __future__ import annotations

import itertools
import json
import threading
import time

import httpx
from receiver_kit import (
    JSON,
    NOW,
    PROTOBUF,
    is_ours,
    log,
    protobuf_of,
    request,
    resource_of,
    span,
    wait_for,
)


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


def test_a_span_told_differently_the_second_time_is_the_same(server):
    server.traces(span(1))
    server.traces(span(1, name="renamed", told={"cortex.user.tier": "paid"}))
    (row,) = server.rows()
    assert row["name"] == "work"


def test_spans_that_share_a_time_or_an_id_are_different(server):
    first = span(1)
    server.traces(
        first, {**first, "spanId": "ab" * 8}, {**first, "traceId": "ab" * 16},
        {**first, "startTimeUnixNano": str(NOW + 2)},
    )  # fmt: skip
    assert len(server.rows()) == 4


def test_events_by_their_uid(server):
    clicks = [log(1, told={"cortex.ui.action": "click", "log.record.uid": f"{number:032x}"})
              for number in range(3)]  # fmt: skip
    server.logs(*clicks)
    server.logs(*clicks[1:], log(1, told={"cortex.ui.action": "other", "log.record.uid": "0" * 32}))
    assert len(server.rows()) == 3


def test_events_without_a_uid_by_all_they_say(server):
    server.logs(log(1), log(2), log(1, told={"cortex.ui.action": "drag"}))
    server.logs(log(1), log(2), log(1, told={"cortex.ui.action": "drag"}))
    assert len(server.rows()) == 3


def test_an_event_in_a_span_at_its_very_start_is_not_the_span(server):
    ids = {"traceId": f"{1:032x}", "spanId": f"{1:016x}"}
    for _ in range(2):
        server.traces(span(1))
        server.logs(log(1, **ids))
    assert sorted(row["kind"] for row in server.rows()) == ["event", "internal"]


def test_metric_points(server):
    points = [{"timeUnixNano": str(NOW + n), "asDouble": n / 2} for n in range(3)]
    metrics = [{"name": "m", "gauge": {"dataPoints": points}}]
    body = {"resourceMetrics": [{"resource": resource_of(None),
                                 "scopeMetrics": [{"metrics": metrics}]}]}  # fmt: skip
    for _ in range(2):
        assert server.post("/v1/metrics", json.dumps(body), **JSON).json() == {}
    assert len(server.rows("SELECT * FROM telemetry_metrics")) == 3
    assert server.ledger()["metric|dropped|duplicate"] == 3


def test_many_senders_at_once(server):
    """Each request from two threads at the same moment: in one transaction or in two."""
    bodies = [json.dumps(request(*[span(n * 20 + k + 1) for k in range(20)])) for n in range(50)]

    def work():
        with httpx.Client(base_url=server.url, timeout=30) as client:
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
                        f"http://127.0.0.1:{server.port}/v1/traces", content=body, headers=JSON,
                        timeout=10,
                    )  # fmt: skip
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
