"""Live updates over the WebSocket: prompt, once, and only while the page is visible."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from socket import create_connection

import apsw
import pytest
import websockets.exceptions
import websockets.sync.client
from patience import PATIENCE, wait_for

from cortex_otel.show.web.live import MAX_SOCKETS

pytestmark = pytest.mark.system

INSERT = (
    "INSERT INTO events SELECT (SELECT max(event_key) + 1 FROM events), ?, duration, series_key,"
    " context_key, session_key, user_key, trace_id, span_id, parent_span_id, weight,"
    " error_message, shape_key, event_values FROM events LIMIT 1"
)


@pytest.fixture(scope="module")
def own(serve, home, tmp_path_factory):
    """An admin over a copy that may be written to."""
    path = tmp_path_factory.mktemp("live")
    with sqlite3.connect(home / "cortex.db") as source:
        source.execute("VACUUM INTO ?", (str(path / "cortex.db"),))
    source.close()
    writer = apsw.Connection(str(path / "cortex.db"))
    writer.pragma("journal_mode", "WAL")
    writer.close()
    # The newest events failed: an alert of that would be news at a moment of its own.
    return serve(path, CORTEX_OTEL_JOBS="false", CORTEX_OTEL_ALERT_RULES="job")


def socket_of(admin):
    token = admin.url.partition("token=")[2]
    return websockets.sync.client.connect(
        f"{admin.origin.replace('http', 'ws')}/admin/telemetry/live",
        additional_headers={"authorization": f"Bearer {token}"}, proxy=None, open_timeout=PATIENCE,
    )  # fmt: skip


def commit(admin):
    writer = apsw.Connection(str(admin.home / "cortex.db"))
    writer.execute(INSERT, (time.time_ns(),))
    newest = writer.execute("SELECT max(event_key) FROM events").get
    writer.close()
    return newest


def receive(socket, timeout=PATIENCE):
    """The next news; a sign of life is none."""
    deadline = time.monotonic() + timeout
    while (news := json.loads(socket.recv(deadline - time.monotonic())))["type"] == "alive":
        pass
    return news


def quiet(socket, seconds=0.8):
    with pytest.raises(TimeoutError):
        receive(socket, seconds)


def settled(socket):
    """The greeting, and whatever else there is to say at first."""
    first = receive(socket)
    assert first["type"] == "hello"
    try:
        while True:
            receive(socket, 0.7)
    except TimeoutError:
        return first


@pytest.mark.timing
def test_a_commit_of_another_process_is_announced_at_once(own):
    with socket_of(own) as socket:
        settled(socket)
        took = []
        for _ in range(5):
            newest = commit(own)
            started = time.monotonic()
            while (news := receive(socket))["newest_id"] < newest:
                pass
            took.append(time.monotonic() - started)
            assert news["type"] == "change"
            assert news["events"][-1]["id"] == newest
            assert {"timestamp", "service", "event_type", "result"} <= news["events"][-1].keys()
            time.sleep(0.3)
        assert sorted(took)[2] < 0.5
        assert max(took) < 3


def test_every_listener_is_notified(own):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket_of(own)) for _ in range(8)]
        for socket in sockets:
            settled(socket)
        newest = commit(own)
        for socket in sockets:
            while receive(socket)["newest_id"] < newest:  # of the test before, on a busy machine
                pass


def test_a_paused_listener_gets_nothing_and_catches_up(own):
    with socket_of(own) as socket:
        first = settled(socket)
        socket.send(json.dumps({"type": "pause"}))
        while True:
            newest = commit(own)
            try:
                receive(socket, 0.8)
            except TimeoutError:
                break
            # Said before the server read the wish: at most once in a while.
        quiet(socket)
        socket.send(json.dumps({"type": "resume"}))
        again = receive(socket)
        assert again["newest_id"] == newest > first["newest_id"]


def ends(socket):
    """Whether the other side ends the talk, after all it had to say."""
    try:
        while True:
            socket.recv(PATIENCE)
    except websockets.exceptions.ConnectionClosed:
        return True


def threads(admin):
    return {int(task.name) for task in Path(f"/proc/{admin.process.pid}/task").iterdir()}


def switches(admin, thread):
    """How often it has begun to wait: what sleeps until it is woken doesn't, however long."""
    status = Path(f"/proc/{admin.process.pid}/task/{thread}/status").read_text(encoding="ascii")
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_a_paused_page_costs_nothing(serve, own):
    admin = serve(own.home)
    before = threads(admin)
    with socket_of(admin) as socket:
        settled(socket)
        # The thread that looks begins with the first page. Others may begin too, and look rarely.
        begun = {each: switches(admin, each) for each in threads(admin) - before}
        wait_for(lambda: any(switches(admin, each) >= begun[each] + 20 for each in begun))
        looking = max(begun, key=lambda each: switches(admin, each) - begun[each])
        socket.send(json.dumps({"type": "pause"}))

        def rests():
            before = switches(admin, looking)
            time.sleep(1)
            return switches(admin, looking) == before

        wait_for(rests)
        seen = switches(admin, looking)
        # None at all, so that a busy machine makes no difference.
        time.sleep(2)
        assert switches(admin, looking) == seen


@pytest.mark.parametrize(
    "wish", ["nonsense", "[]", "{}", '{"type": 1}', '{"type": "drop"}', "{" * 3000, ""]
)
def test_a_wish_that_is_none_ends_the_talk_and_nothing_else(own, wish):
    with socket_of(own) as socket:
        settled(socket)
        socket.send(wish)
        assert ends(socket)
    with socket_of(own) as socket:
        assert receive(socket)["type"] == "hello"


def test_too_long_a_wish_is_refused(own):
    with socket_of(own) as socket:
        socket.send("x" * 100_000)
        assert ends(socket)


def test_there_is_room_for_so_many_pages_and_no_more(own):
    refused = 0
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_SOCKETS + 4):
            try:
                socket = stack.enter_context(socket_of(own))
                assert receive(socket)["type"] == "hello"
            except websockets.exceptions.WebSocketException:
                refused += 1
    assert refused == 4

    def is_let_in():
        try:
            with socket_of(own) as socket:
                return receive(socket)["type"] == "hello"
        except websockets.exceptions.WebSocketException:
            return False  # the server hasn't seen yet that the others are gone

    wait_for(is_let_in, pause=0.1)


def test_a_database_that_appears_later_is_followed(serve, home, tmp_path):
    admin = serve(tmp_path)
    with socket_of(admin) as socket:
        assert receive(socket)["newest_id"] == 0
        with sqlite3.connect(home / "cortex.db") as source:
            source.execute("VACUUM INTO ?", (str(tmp_path / "cortex.db"),))
        source.close()
        while receive(socket)["newest_id"] == 0:
            pass


def test_idle_pages_get_keepalives(own):
    with socket_of(own) as socket:
        settled(socket)
        assert json.loads(socket.recv(PATIENCE)) == {"type": "alive"}
        socket.send(json.dumps({"type": "pause"}))
        assert json.loads(socket.recv(PATIENCE)) == {"type": "alive"}


def test_pages_that_died_without_a_sign_make_room(serve, home):
    admin = serve(home)
    token = admin.url.partition("token=")[2]
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(create_connection(("127.0.0.1", admin.port), PATIENCE))
            for _ in range(MAX_SOCKETS)
        ]
        for each in silent:
            # A browser whose network is gone: it answers no ping.
            each.sendall(
                f"GET /admin/telemetry/live HTTP/1.1\r\nhost: 127.0.0.1:{admin.port}\r\n"
                f"authorization: Bearer {token}\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
                "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                .encode()
            )  # fmt: skip
            assert each.recv(65_536).startswith(b"HTTP/1.1 101")
        with pytest.raises(websockets.exceptions.WebSocketException), socket_of(admin) as late:
            receive(late)
        for each in silent:
            while each.recv(65_536):
                pass
        with socket_of(admin) as page:
            assert receive(page)["type"] == "hello"


@pytest.mark.timing
def test_an_open_socket_does_not_hold_up_the_end(serve, home):
    admin = serve(home)
    with socket_of(admin) as socket:
        receive(socket)
        started = time.monotonic()
        admin.process.terminate()
        assert admin.process.wait(PATIENCE) == 0
        assert time.monotonic() - started < 4
