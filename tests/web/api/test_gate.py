"""Access control, and the headers of every response."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
import websockets.exceptions
import websockets.sync.client
from patience import PATIENCE

pytestmark = pytest.mark.system

API = "/api/telemetry"
PAGE = "/admin/telemetry/overview"
READABLE = (
    f"{API}/overview", f"{API}/questions", f"{API}/openapi.json", f"{API}/export/csv",
    f"{API}/panels/mcp/tools", f"{API}/nothing", PAGE, "/", "/admin/telemetry/nothing", "/nothing",
)  # fmt: skip


@pytest.fixture
def stranger(admin, client_of):
    return client_of(admin, signed_in=False)


def token_of(admin):
    return urlsplit(admin.url).query.removeprefix("token=")


def socket_of(admin, **headers):
    return websockets.sync.client.connect(
        f"{admin.origin.replace('http', 'ws')}/admin/telemetry/live",
        additional_headers=headers,
        proxy=None,
        open_timeout=PATIENCE,
    )


@pytest.mark.parametrize("path", READABLE)
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong-token-wrong-token"}])
def test_nothing_is_served_without_the_token(stranger, path, headers):
    answer = stranger.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "overview-panel" not in answer.text
    if path.startswith(API):
        assert answer.json()["error"]["code"] in {"no_token", "wrong_token"}
    else:
        assert 'id="client"' not in answer.text


@pytest.mark.parametrize("scheme", ["Basic", "bearer ", ""])
def test_another_scheme_or_a_token_with_more_to_it_is_none(admin, stranger, scheme):
    headers = {"Basic": f"Basic {token_of(admin)}", "bearer ": f"Bearer {token_of(admin)}x", "": ""}
    answer = stranger.get(f"{API}/questions", headers={"authorization": headers[scheme]})
    assert answer.status_code == 401


def test_a_wrong_bearer_is_refused_though_the_cookie_is_right(admin, stranger):
    stranger.get(PAGE, params={"token": token_of(admin)})
    assert stranger.get(f"{API}/questions").status_code == 200
    wrong = stranger.get(f"{API}/questions", headers={"authorization": "Bearer " + "w" * 20})
    assert wrong.status_code == 401


def test_the_token_leaves_the_address_for_a_cookie_that_scripts_and_other_sites_dont_get(
    admin, stranger
):
    answer = stranger.get(PAGE, params={"token": token_of(admin), "since": "7d"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{PAGE}?since=7d"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert token_of(admin) not in cookie
    page = stranger.get(answer.headers["location"])
    assert page.status_code == 200
    assert token_of(admin) not in page.text


def test_the_token_never_sends_a_browser_elsewhere(admin, stranger):
    for path in ("//elsewhere.example/", "/admin//elsewhere.example", "/admin/%2F%2Felsewhere"):
        answer = stranger.get(f"{admin.origin}{path}", params={"token": token_of(admin)})
        where = answer.headers.get("location", "/")
        assert where.startswith("/")
        assert not where.startswith("//")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [PAGE, f"{API}/overview", f"{API}/export/csv"])
def test_nothing_can_be_changed(client, method, path):
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert "access-control-allow-origin" not in answer.headers


def test_head_is_get_without_its_body(client):
    answer = client.head(f"{API}/questions")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "[::1", "localhost.evil:1",
     "127.0.0.1@evil.example"],
)  # fmt: skip
def test_a_rebound_dns_name_is_refused(admin, client, host):
    for path in (PAGE, f"{API}/overview", "/static/x/js/main.js"):
        answer = client.get(path, headers={"host": host})
        assert answer.status_code in {400, 403}
    signing_in = client.get(PAGE, params={"token": token_of(admin)}, headers={"host": host})
    assert signing_in.status_code in {400, 403}
    assert "set-cookie" not in signing_in.headers


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "127.8.9.1", "LOCALHOST"])
def test_every_name_of_this_machine_will_do(admin, client, name):
    port = urlsplit(admin.origin).port
    assert client.get(f"{API}/questions", headers={"host": f"{name}:{port}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_of_another_site_gets_nothing(client, headers):
    answer = client.get(f"{API}/overview", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign_origin"
    assert "access-control-allow-origin" not in answer.headers


def test_a_link_on_another_site_opens_a_page_but_no_frame_or_script_does(client):
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get(PAGE, headers=link).status_code == 200
    script = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert client.get(PAGE, headers=script).status_code == 403
    assert client.get(PAGE).headers["x-frame-options"] == "DENY"


def test_the_own_page_may_ask(admin, client):
    own = {"origin": admin.origin, "sec-fetch-site": "same-origin"}
    assert client.get(f"{API}/questions", headers=own).status_code == 200


@pytest.mark.parametrize(
    "path", [PAGE, f"{API}/questions", f"{API}/nothing", "/nothing", f"{API}/overview?tier=gold"]
)
def test_every_answer_carries_its_protection(client, stranger, path):
    for who in (client, stranger):
        headers = who.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_pages_have_no_inline_script_or_style(client):
    text = client.get(PAGE).text
    assert "<style" not in text
    assert " style=" not in text
    assert "<script>" not in text.replace(" ", "")
    assert "onclick=" not in text.lower()


def test_the_token_file_is_private_and_stays(admin, home, serve):
    path = home / "admin.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() == token_of(admin)
    again = serve(home)
    assert token_of(again) == token_of(admin)


def test_a_token_file_that_others_could_read_is_replaced(serve, tmp_path):
    first = serve(tmp_path)
    first.stop()
    (tmp_path / "admin.token").chmod(0o644)
    second = serve(tmp_path)
    assert token_of(second) != token_of(first)
    assert stat.S_IMODE((tmp_path / "admin.token").stat().st_mode) == 0o600


def test_a_token_of_the_settings_counts_and_is_written_nowhere(serve, tmp_path):
    token = "settings-token-0123456789"
    admin = serve(tmp_path, CORTEX_OTEL_ADMIN_TOKEN=token)
    assert token_of(admin) == token
    assert not (tmp_path / "admin.token").exists()
    bearer = {"authorization": f"Bearer {token}"}
    answer = httpx.get(f"{admin.origin}{API}/questions", headers=bearer)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example", "token": "right"},
        {"sec-fetch-site": "cross-site", "token": "right"},
        {"authorization": "Bearer wrong-token-wrong-token"},
    ],
)
def test_the_live_socket_is_guarded_alike(admin, headers):
    headers = dict(headers)
    if headers.pop("token", ""):
        headers["authorization"] = f"Bearer {token_of(admin)}"
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        socket_of(admin, **headers)
    assert refused.value.response.status_code == 403


def test_the_live_socket_is_not_opened_under_a_foreign_name(client):
    wish = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "host": "evil.example",
    }
    assert client.get("/admin/telemetry/live", headers=wish).status_code == 403


def test_the_live_socket_opens_with_the_token(admin):
    with socket_of(admin, authorization=f"Bearer {token_of(admin)}", origin=admin.origin) as socket:
        assert json.loads(socket.recv(10))["type"] == "hello"


def test_static_files_are_kept_for_ever_compressed_and_only_ours(client, stranger):
    page = client.get(PAGE).text
    path = page.partition('src="')[2].partition('"')[0]
    assert path.startswith("/static/")
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    again = stranger.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    version = path.split("/")[2]
    for escape in ("../../../settings.py", "..%2f..%2fapp.py", "%2e%2e/views.py", "js", ""):
        answer = stranger.get(f"/static/{version}/{escape}")
        assert answer.status_code in {401, 404}
        assert "import" not in answer.text


def test_on_a_network_any_name_is_allowed_but_no_other_site_and_no_request_without_token(
    serve, client_of, tmp_path
):
    token = "token-for-the-network-1234"
    admin = serve(tmp_path, CORTEX_OTEL_ADMIN_HOST="0.0.0.0", CORTEX_OTEL_ADMIN_TOKEN=token)
    port = urlsplit(admin.origin).port
    admin.url = admin.url.replace("0.0.0.0", "127.0.0.1")
    client, stranger = client_of(admin), client_of(admin, signed_in=False)
    name = {"host": f"box.lan:{port}"}
    assert client.get(f"{API}/questions", headers=name).status_code == 200
    assert stranger.get(f"{API}/questions", headers=name).status_code == 401
    own = {**name, "origin": f"http://box.lan:{port}", "sec-fetch-site": "same-origin"}
    assert client.get(f"{API}/questions", headers=own).status_code == 200
    other = {**name, "origin": "http://evil.example"}
    assert client.get(f"{API}/questions", headers=other).status_code == 403


def test_on_a_network_it_does_not_begin_without_a_token_of_ones_own(tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "CORTEX_OTEL_HOME": str(tmp_path),
        "CORTEX_OTEL_ADMIN_HOST": "0.0.0.0",
        "LC_ALL": "C.UTF-8",
    }
    command = [sys.executable, "-P", "-m", "cortex_otel.cli", "serve", "--only", "admin",
               "--port", "0"]  # fmt: skip
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 1
    assert "CORTEX_OTEL_ADMIN_TOKEN" in ended.stderr
    assert not (tmp_path / "admin.token").exists()


def test_two_admins_started_at_once_share_one_token(serve, tmp_path):
    with ThreadPoolExecutor(4) as threads:
        admins = list(threads.map(lambda _: serve(tmp_path), range(4)))
    assert len({token_of(admin) for admin in admins}) == 1
    assert {path.name for path in tmp_path.iterdir()} - {"alerts.lock", "serve.json"} == {
        "admin.token"
    }
