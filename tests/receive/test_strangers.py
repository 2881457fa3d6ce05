"""Pages in a browser, foreign names, wrong tokens, slow and endless clients."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import httpx
import pytest
from patience import PATIENCE
from receiver_kit import JSON, PROTOBUF, next_answer, raw, span, wait_for

from cortex_otel.receive import app, protocol
from cortex_otel.settings import read_environment

TOKEN = "0123456789abcdefTOKEN"
POST = b"POST /v1/traces HTTP/1.1\r\n"
REST = b"content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


def status(answer):
    return int(answer.split(b" ", 2)[1])


@pytest.mark.system
@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "127.0.0.1:4318", "[::1]:4318", "127.9.9.9"],
)
def test_this_machine_has_several_names(shared, host):
    assert status(raw(shared.port, POST + f"host: {host}\r\n".encode() + REST)) == 200


@pytest.mark.system
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:4318",
        "10.0.0.1",
        "",
        "::",
        "[::2]",
        "localhost:4318:1",
        "évil",
        "169.254.169.254",
    ],
)
def test_a_foreign_host_is_refused(shared, host):
    answer = raw(shared.port, POST + f"host: {host}\r\n".encode("latin-1") + REST)
    assert status(answer) == 403
    assert b"access-control" not in answer.lower()


@pytest.mark.system
def test_a_request_without_a_host_is_refused(shared):
    assert status(raw(shared.port, b"POST /v1/traces HTTP/1.0\r\n" + REST)) == 403


@pytest.mark.system
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:8080"},
        {"origin": "null"},
        {"origin": "vscode-webview://x"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-origin"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/traces", "/api/telemetry/extension/install"])
def test_a_page_is_refused(shared, path, headers):
    before = shared.ledger() if shared.database.exists() else {}
    answer = httpx.post(shared.url + path, content='{"ide":"x"}', headers={**JSON, **headers})
    assert answer.status_code == 403
    assert not any(header.startswith("access-control") for header in answer.headers)
    assert (shared.ledger() if shared.database.exists() else {}) == before


@pytest.mark.system
def test_a_preflight_gets_no_permission(shared):
    answer = httpx.options(
        f"{shared.url}/v1/traces",
        headers={"origin": "https://evil.example", "access-control-request-method": "POST"},
    )
    assert answer.status_code == 403
    assert not any(header.startswith("access-control") for header in answer.headers)


@pytest.mark.system
def test_a_token(make_server):
    server = make_server(CORTEX_OTEL_RECEIVER_TOKEN=TOKEN)
    for shown in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer " + "é" * 9},
    ):
        answer = httpx.post(
            f"{server.url}/v1/traces",
            content=b"",
            headers={**PROTOBUF, **{k: v.encode() for k, v in shown.items()}},
        )
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN.encode() not in answer.content
    assert server.post("/v1/traces", b"{}", authorization=f"Bearer {TOKEN}", **JSON).json() == {}
    answer = httpx.get(f"{server.url}/api/telemetry/extension/openapi.json")
    assert answer.status_code == 401


@pytest.mark.system
@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"\0" * 99,
        b"PRI * HTTP/2.0\r\n\r\n",
        b"POST http://[ HTTP/1.1\r\n\r\n",
        POST + b"host: localhost\r\ncontent-length: -1\r\n\r\n",
        POST + b"host: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http(shared, data):
    answer = raw(shared.port, data)
    assert answer == b"" or status(answer) in {400, 403, 404, 408}  # too slow for what might come
    assert shared.traces(span(1)).status_code == 200
    assert shared.errors_said() == ""


@pytest.mark.system
def test_an_endless_head_is_cut_off(shared):
    head = POST + b"host: localhost\r\n"
    answer = raw(shared.port, head + b"x-more: " + b"a" * 200_000)
    assert answer == b"" or status(answer) in {400, 431}
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        connection.sendall(head)
        sent = 0
        with pytest.raises(ConnectionError):  # noqa: PT012 - which of the pieces fails is chance
            while sent < 20_000_000:
                sent += connection.send(b"x-%d: " % sent + b"a" * 1000 + b"\r\n")
                time.sleep(0.0005)
        assert sent < 5_000_000


@pytest.fixture
def impatient(small, monkeypatch):
    """The port of a server with little patience."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(app, "BODY_SECONDS", 0.6)
    return small


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The port of the same server in this process, with little room."""
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 5)
    settings = read_environment({"CORTEX_OTEL_HOME": str(tmp_path / "home")})
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = app.create_server(settings, f"http://127.0.0.1:{port}")
    thread = threading.Thread(target=lambda: asyncio.run(server._serve([listener])))
    thread.start()
    wait_for(lambda: server.started)
    yield port
    server.should_exit = True
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.timing
def test_slow_clients_are_not_waited_for(impatient):
    started = time.monotonic()
    assert status(raw(impatient, b"", wait=PATIENCE)) == 408
    assert status(raw(impatient, POST + b"host: loc", wait=PATIENCE)) == 408
    body = (
        POST + b"host: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
    )
    assert status(raw(impatient, body, wait=PATIENCE)) == 408
    assert time.monotonic() - started < 6


@pytest.mark.timing
def test_a_head_that_trickles_is_not_waited_for_either(impatient):
    with socket.create_connection(("127.0.0.1", impatient), timeout=PATIENCE) as connection:
        started = time.monotonic()
        with pytest.raises(ConnectionError):  # noqa: PT012 - the same
            for byte in POST * 50:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - started < 4


@pytest.mark.timing
def test_a_second_request_has_time_of_its_own(impatient):
    one = POST + b"host: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    with socket.create_connection(("127.0.0.1", impatient), timeout=PATIENCE) as connection:
        for _ in range(4):
            connection.sendall(one)
            assert next_answer(connection) == 200
            time.sleep(0.3)
        time.sleep(0.7)  # idle, kept alive: nothing has begun that could be slow
        connection.sendall(one)
        assert next_answer(connection) == 200
        connection.sendall(one[:20])
        connection.settimeout(PATIENCE)
        assert next_answer(connection) == 408


def test_too_many_connections(small):
    held = [socket.create_connection(("127.0.0.1", small)) for _ in range(5)]
    try:
        answer = raw(small, b"")
        assert status(answer) == 503
        assert b"retry-after" in answer
    finally:
        for connection in held:
            connection.close()
    wait_for(
        lambda: (
            httpx.post(
                f"http://127.0.0.1:{small}/v1/traces", content="{}", headers=JSON
            ).status_code
            == 200
        )
    )
