"""Whatever a Collector does: no exit waits for it, and what it didn't get is counted."""

from __future__ import annotations

import signal
import socket
import time

import pytest
from patience import PATIENCE

pytestmark = pytest.mark.system

# Ours is 1 s; the rest is what a busy machine takes to end a Python. The exporters' own is 10 s.
SECONDS = 8.0
CONFIGURE = "cortex_otel.configure(metrics_interval_ms=86_400_000)\nemit(100)\n"
NAMED = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS": "true",
}


@pytest.fixture
def black_hole():
    """Takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def finish(process):
    """Seconds from the program's last word to its end."""
    assert process.stdout.readline() == "ready\n", process.communicate()
    begun = time.monotonic()
    errors = process.communicate(timeout=PATIENCE)[1]
    return time.monotonic() - begun, process.returncode, errors


def addressed(port, how):
    address = f"http://127.0.0.1:{port}"
    if how == "setting":
        return {"CORTEX_OTEL_OTLP_ENDPOINT": address}
    return {**NAMED, "OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_PROTOCOL": how}


WAYS = ["setting", "http/protobuf", "grpc"]


@pytest.mark.timing
@pytest.mark.parametrize("how", WAYS)
def test_a_collector_that_never_answers_delays_no_exit(start, noted, black_hole, how):
    process = start(CONFIGURE + "ready()", **addressed(black_hole, how))
    took, status, _ = finish(process)
    assert took < SECONDS
    assert status == 0
    assert sum(noted().values()) == 100
    assert not any(key.startswith("sent") for key in noted())


@pytest.mark.timing
@pytest.mark.parametrize("how", WAYS)
def test_one_that_is_not_there_delays_no_exit(start, noted, closed, how):
    took, status, _ = finish(start(CONFIGURE + "ready()", **addressed(closed, how)))
    assert took < SECONDS
    assert status == 0
    assert sum(noted().values()) == 100


@pytest.mark.timing
@pytest.mark.parametrize("how", ["setting", "http/protobuf"])
def test_one_that_is_overloaded_delays_no_exit(start, noted, server, how):
    took, status, _ = finish(start(CONFIGURE + "ready()", **addressed(server(503).port, how)))
    assert took < SECONDS
    assert status == 0
    assert sum(noted().values()) == 100


@pytest.mark.timing
def test_slow_name_resolution_delays_no_exit(start, noted, closed):
    slow = "import socket, time\nsocket.getaddrinfo = lambda *a, **k: time.sleep(60)\n"
    took, status, _ = finish(start(slow + CONFIGURE + "ready()", **addressed(closed, "setting")))
    assert took < SECONDS
    assert status == 0
    assert noted() == {"send_failed|otlp exit_timeout": 100}


@pytest.mark.timing
def test_sigterm_delays_no_end_either(start, noted, black_hole):
    code = CONFIGURE + "import time\nready()\ntime.sleep(60)"
    process = start(code, **addressed(black_hole, "setting"))
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.25)  # CPython calls the handler late as the main thread goes to sleep
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert time.monotonic() - begun < SECONDS
    assert process.returncode == -signal.SIGTERM
    assert noted() == {"send_failed|otlp exit_timeout": 100}


@pytest.mark.timing
def test_processors_given_in_code_delay_no_exit(start, path, black_hole):
    """OpenTelemetry's own wait for their exporter, which tries for ten seconds."""
    code = f"""
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor
exporter = OTLPSpanExporter("http://127.0.0.1:{black_hole}/v1/traces")
cortex_otel.configure(span_processors=[BatchSpanProcessor(exporter)])
emit(100)
ready()
"""
    took, status, errors = finish(start(code))
    assert took < SECONDS
    assert status == 0
    assert "did not shut down in time" in errors
    from store_kit import count

    assert count(path) == 100


def test_the_host_never_waits_and_what_finds_no_room_is_counted(start, noted, black_hole):
    code = "cortex_otel.configure(metrics_interval_ms=86_400_000)\nemit(10_000)\nready()"
    finish(start(code, **addressed(black_hole, "setting")))
    counts = noted()
    assert counts["send_failed|otlp queue_full"] > 0
    assert sum(counts.values()) == 10_000
    assert not any(key.startswith("sent") for key in counts)


def test_a_forked_child_and_its_parent_send_their_own_records(start, noted, server):
    collector = server()
    code = (
        CONFIGURE
        + """
import os
child = os.fork()
if child == 0:
    emit(10)
    cortex_otel.shutdown(120_000)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
ready()
"""
    )
    _, status, _ = finish(
        start(code, CORTEX_OTEL_EXIT_TIMEOUT_MS="20000", **addressed(collector.port, "setting"))
    )
    assert status == 0
    assert noted() == {"sent|otlp": 110}
