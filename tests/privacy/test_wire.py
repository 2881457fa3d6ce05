"""Canaries everywhere, and exporters beside ours: none is in a byte that leaves the process."""

from __future__ import annotations

import re
import sqlite3

import pytest
from canaries import canary
from wire import Server, Tap

pytestmark = pytest.mark.system

NAMED = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS": "true",
}
WAYS = {
    "setting": {"CORTEX_OTEL_OTLP_ENDPOINT": "{address}"},
    "gzip": {
        **NAMED, "OTEL_EXPORTER_OTLP_ENDPOINT": "{address}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    },
    "grpc": {
        **NAMED, "OTEL_EXPORTER_OTLP_ENDPOINT": "{address}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    },
}  # fmt: skip
RESOURCE = [
    ("host.name", "plain"), ("user.name", "plain"), ("process.command_line", "home path"),
    ("process.owner", "e-mail"), ("service.instance.id", "plain"), ("my.own", "openai key"),
    ("service.version", "github key"), ("deployment.environment.name", "home path"),
]  # fmt: skip
RAW = {"CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA": "true"}


def plant(host, port, how, **more):
    """Run the host that plants canaries everywhere; what went over the wire to ``port``."""
    tap = Tap(port)
    address = f"http://127.0.0.1:{tap.port}"
    try:
        host.run(
            "plant_everywhere.py",
            OTEL_RESOURCE_ATTRIBUTES=",".join(
                f"{key}={canary(key, shape)}" for key, shape in RESOURCE
            ),
            OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="process,os,host,otel",
            CORTEX_OTEL_EXIT_TIMEOUT_MS="30000",
            **{name: value.format(address=address) for name, value in WAYS[how].items()},
            **more,
        )
        return tap.places()
    finally:
        tap.close()


def ledger(host):
    connection = sqlite3.connect(host.database)
    told = connection.execute(
        "SELECT signal, outcome, reason, sum(records) FROM ledger GROUP BY 1, 2, 3"
    )
    found = {entry[:3]: entry[3] for entry in told}
    connection.close()
    return found


def nothing_of(host, places):
    planted = host.planted()
    assert len(planted) > 500, "what was planted was planted"
    found = host.hunt(places).all_found([*planted, *RESOURCE, ("user", "plain")])
    assert found == []


def test_no_canary_goes_over_the_wire(host):
    server = Server()
    places = plant(host, server.port, "gzip")
    server.close()
    nothing_of(host, places)
    assert len(places["unpacked"]) > len(places["wire"])
    assert {path for path, _, _ in server.taken} == {"/v1/traces", "/v1/logs", "/v1/metrics"}
    told = ledger(host)
    assert told["event", "sent", "otlp"] == told["event", "stored", ""] > 2000
    assert not any(outcome == "send_failed" for _, outcome, _ in told)


def test_with_the_loud_switch_they_are_all_over_it(host):
    """The hunt can find."""
    server = Server()
    places = plant(host, server.port, "gzip", **RAW)
    server.close()
    assert b"GET_RAW_PERSONAL_DATA IS ON" in host.output.stderr
    # Not all of them: raw text that is no UTF-8 fails the batch it is in.
    found = [line for line in host.hunt(places).all_found(host.planted()) if "in unpacked" in line]
    assert len(found) > 50


@pytest.fixture
def collector(tmp_path):
    from real_collector import Collector

    running = Collector(tmp_path)
    yield running
    running.end()


@pytest.mark.timeout(1200)  # the first time it is built
@pytest.mark.parametrize("how", ["setting", "grpc"])
def test_no_canary_reaches_a_real_collector(host, collector, how):
    places = plant(host, collector.grpc if how == "grpc" else collector.http, how)
    written = collector.end()
    # Each line once: hardly one of a span is new.
    nothing_of(host, {**places, "collector": b"\n".join(set(written.split(b"\n")))})
    told = ledger(host)
    spans = len(re.findall(rb"^Span #", written, re.MULTILINE))
    logs = len(re.findall(rb"^LogRecord #", written, re.MULTILINE))
    assert spans > 1000
    assert logs > 100
    assert spans + logs == told["event", "sent", "otlp"] == told["event", "stored", ""]
    assert b"-> Name: mcp.server.operation.duration" in written
