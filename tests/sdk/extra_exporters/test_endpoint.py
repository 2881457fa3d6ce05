"""CORTEX_OTEL_OTLP_ENDPOINT: what is sent to the Collector, and how failures are counted."""

from __future__ import annotations

import os

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from patience import PATIENCE

import cortex_otel
from cortex_otel._version import to_install
from cortex_otel.settings import SettingError, read_environment

SEND = """
cortex_otel.configure(metrics_interval_ms=86_400_000)
with trace.get_tracer("host").start_as_current_span("work", attributes={"db.statement": "SECRET"}):
    _logs.get_logger("host").emit(event_name="ext.activate")
metrics.get_meter("host").create_counter("jobs").add(3, {"who": "SECRET"})
"""
PATHS = {"/v1/traces", "/v1/logs", "/v1/metrics"}


def endpoint(server, **more):
    return {"CORTEX_OTEL_OTLP_ENDPOINT": f"http://127.0.0.1:{server.port}", **more}


@pytest.mark.system
def test_naming_an_endpoint_sends_all_three_signals_redacted_and_counted(server, run, noted):
    collector = server()
    assert run(SEND, **endpoint(collector)) == ""
    assert {path for path, _, _ in collector.taken} == PATHS
    assert not any(b"SECRET" in body for _, _, body in collector.taken)
    assert noted() == {"sent|otlp": 2}
    assert noted("metric") == {"sent|otlp": 1}


FLUSH = """
import os
get = trace.get_tracer_provider, _logs.get_logger_provider, metrics.get_meter_provider
assert all(provider().force_flush(120_000) for provider in get)
os._exit(0)
"""


@pytest.mark.system
def test_a_flush_of_the_providers_sends_what_is_there(server, run):
    collector = server()
    run(SEND + FLUSH, **endpoint(collector))
    assert {path for path, _, _ in collector.taken} == PATHS


AFTER_THE_END = """
import time
assert cortex_otel.shutdown(120_000)
begun = time.monotonic()
metrics.get_meter_provider().force_flush(120_000)
print(time.monotonic() - begun)
"""


@pytest.mark.system
@pytest.mark.timing
def test_a_flush_after_the_end_waits_for_nothing(server, start):
    process = start(SEND + AFTER_THE_END, **endpoint(server()))
    out, errors = process.communicate(timeout=PATIENCE)
    assert float(out) < 5, errors


def test_status_shows_where_copies_go():
    from cortex_otel.commands.status import _note, _noted_label

    assert _note("forward:redacted otlp,code") == "redacted copies go to: otlp,code"
    assert _note("forward:raw otlp") == "RAW PERSONAL DATA GOES TO: otlp"
    assert _noted_label("event", "sent") == "Sent on"
    assert _noted_label("metric", "send_failed") == "Metrics not sent on"


@pytest.mark.system
def test_without_an_endpoint_nothing_is_sent(server, run, noted):
    collector = server()
    address = f"http://127.0.0.1:{collector.port}"
    run(SEND, OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_TRACES_EXPORTER="otlp")
    assert collector.taken == []
    assert noted() == {}


@pytest.mark.system
def test_headers_come_only_from_the_file(server, run, tmp_path):
    """Another program's headers may be its secrets."""
    file = tmp_path / "headers"
    file.write_text("# ours\n\nauthorization: Bearer abc=\nx-tenant=cortex:1\n")
    file.chmod(0o600)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password NETRC\n")
    (tmp_path / ".netrc").chmod(0o600)
    collector = server()
    run(
        SEND,
        **endpoint(collector, CORTEX_OTEL_OTLP_HEADERS_FILE=str(file)),
        OTEL_EXPORTER_OTLP_HEADERS="x-other=THEIRS",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="y=THEIRS",
        OTEL_EXPORTER_OTLP_CERTIFICATE="/nowhere",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        HOME=str(tmp_path),
    )
    assert {path for path, _, _ in collector.taken} == PATHS
    for _, headers, _ in collector.taken:
        received = {name.lower(): value for name, value in headers.items()}
        assert received["authorization"] == "Bearer abc="
        assert received["x-tenant"] == "cortex:1"
        assert "THEIRS" not in str(received)
        assert "content-encoding" not in received


@pytest.mark.system
def test_a_redirect_is_not_followed(server, run, noted):
    elsewhere = server()
    collector = server(307, location=f"http://127.0.0.1:{elsewhere.port}/v1/traces")
    run(SEND, **endpoint(collector))
    assert elsewhere.taken == []
    assert noted() == {"send_failed|otlp http_307": 2}


@pytest.mark.system
@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_refusal_is_counted_by_its_status(server, run, noted, status):
    run(SEND, **endpoint(server(status)))
    assert noted() == {f"send_failed|otlp http_{status}": 2}
    assert noted("metric") == {f"send_failed|otlp http_{status}": 1}


@pytest.mark.system
def test_what_a_collector_rejects_of_a_request_it_took_is_counted(server, run, noted):
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    collector = server(200, answer.SerializeToString())
    run("cortex_otel.configure()\nemit(3)", **endpoint(collector))
    assert noted() == {"sent|otlp": 2, "send_failed|otlp rejected": 1}


@pytest.mark.system
def test_sampled_spans_go_with_their_weight_and_those_let_go_do_not(server, run, noted, path):
    collector = server()
    run("cortex_otel.configure(sampling={'span': 0.5})\nemit(400)", **endpoint(collector))
    sent = [
        {one.key: one.value.double_value for one in span.attributes}
        for where, _, body in collector.taken
        if where == "/v1/traces"
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]
    from store_kit import ledger

    assert 0 < len(sent) < 400
    assert noted() == {"sent|otlp": len(sent)}
    assert ledger(path)["stored"] == len(sent)
    assert {one["cortex.weight"] for one in sent} == {2.0}


@pytest.mark.system
def test_captured_content_stays_on_this_machine(server, run, path):
    collector = server()
    code = """
    cortex_otel.configure()
    @cortex_otel.instrument_tool
    def tool(text):
        return text
    tool("CONTENT")
    """
    import textwrap

    from store_kit import rows

    run(textwrap.dedent(code), **endpoint(collector, CORTEX_OTEL_CAPTURE_CONTENT="true"))
    assert "CONTENT" in str(rows(path, "SELECT event_data FROM telemetry_events"))
    assert {where for where, _, _ in collector.taken} >= {"/v1/traces"}
    assert not any(b"CONTENT" in body for _, _, body in collector.taken)


@pytest.mark.system
def test_the_switch_for_raw_data_does_not_reach_the_endpoint(server, run):
    collector = server()
    raw = {"CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA": "true"}
    run(SEND, **endpoint(collector, **raw))
    assert {path for path, _, _ in collector.taken} == PATHS
    assert not any(b"SECRET" in body for _, _, body in collector.taken)


@pytest.mark.system
def test_missing_packages_are_named_and_recording_continues(run, noted, path):
    hide = "import sys\nsys.modules['opentelemetry.exporter.otlp.proto.http'] = None\n"
    errors = run(hide + SEND, CORTEX_OTEL_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert to_install("otlp") in errors
    from store_kit import count

    assert count(path) == 2
    assert noted() == {}


# --- Settings that make no sense ----------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["collector:4318", "ftp://x", "http://", "http://u:p@x", "http://x?key=1", "http://x#y",
     "http://x:99999", "http://x y", "https://x:0", "grpc://x:4317", "http://x\r\nHost: y"],
)  # fmt: skip
def test_an_invalid_endpoint_is_refused_and_not_shown(address):
    with pytest.raises(SettingError, match=r"^otlp_endpoint=\[hidden\] is not valid") as caught:
        cortex_otel.configure(otlp_endpoint=address)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("http://x:4318/", "http://x:4318"), (" https://[::1]:4318 ", "https://[::1]:4318"),
     ("https://x/otlp/", "https://x/otlp")],
)  # fmt: skip
def test_an_endpoint_is_kept_as_the_paths_are_added_to_it(address, expected):
    assert read_environment({"CORTEX_OTEL_OTLP_ENDPOINT": address}).otlp_endpoint == expected


@pytest.mark.parametrize(
    "text",
    ["authorization", "a b: c", ": x", "x:", "x: y\nX: z", "Host: y", "content-length: 1",
     "x: ä", "x: \0", "x: y" * 20_000],
)  # fmt: skip
def test_an_invalid_headers_file_is_refused_and_not_shown(tmp_path, text):
    file = tmp_path / "headers"
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    with pytest.raises(SettingError, match=r"^otlp_headers_file=.*chmod 600"):
        cortex_otel.configure(otlp_headers_file=file)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_headers_file_that_others_can_read_is_refused(tmp_path, mode):
    file = tmp_path / "headers"
    file.write_text("a: b")
    file.chmod(mode)
    with pytest.raises(SettingError, match="that you alone can read"):
        read_environment({}, overrides={"otlp_headers_file": file})


def test_a_headers_file_that_is_a_pipe_is_refused_at_once(tmp_path):
    """A host must not wait for who writes to it."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SettingError):
        read_environment({}, overrides={"otlp_headers_file": tmp_path / "pipe"})


def test_a_headers_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingError):
        read_environment({}, overrides={"otlp_headers_file": tmp_path / "none"})


@pytest.mark.system
def test_under_zero_code_an_invalid_headers_file_sends_nothing(server, run, noted):
    """Without its headers a request may end up with another tenant."""
    collector = server()
    errors = run(
        "from cortex_otel.sdk.configure import configure_from_environment as begin\n"
        "begin()\nemit(3)",
        **endpoint(collector, CORTEX_OTEL_OTLP_HEADERS_FILE="/nowhere"),
    )
    assert "CORTEX_OTEL_OTLP_HEADERS_FILE='/nowhere' is not valid" in errors
    assert collector.taken == []
    assert noted() == {}


# --- Hosts of greenlets -------------------------------------------------------------------------

NOTHING_YET = """
import sys
assert not {"urllib3", "requests"} & set(sys.modules), "they keep what gevent replaces"
"""


@pytest.mark.system
@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_before_greenlets_nothing_is_imported_that_keeps_what_they_replace(
    server, run, noted, tmp_path, library
):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / f"{library}.py").touch()
    collector = server()
    code = SEND.replace("with trace", NOTHING_YET + "with trace", 1)
    assert (
        run(
            code,
            **endpoint(
                collector, PYTHONPATH=str(tmp_path / "path"), CORTEX_OTEL_EXIT_TIMEOUT_MS="20000"
            ),
        )
        == ""
    )
    assert {path for path, _, _ in collector.taken} == PATHS
    assert noted() == {"sent|otlp": 2}
    assert noted("metric") == {"sent|otlp": 1}
