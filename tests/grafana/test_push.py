"""``grafana push`` against a stand-in of Grafana's API, over real HTTP.

Grafana itself can't be had where these tests run. The stand-in keeps what is sent and answers with
the status codes and shapes of Grafana 12.4's reference: so this holds what is asked, not that
Grafana likes it.
"""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cortex_otel import cli
from cortex_otel._version import to_install

TOKEN = "glsa_canary_token_0123456789"
PLUGIN = "frser-sqlite-datasource"


class StandIn(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plugins = {PLUGIN}
        self.datasources, self.folders, self.dashboards = {}, {}, {}
        self.asked, self.writes = [], []
        self.health = (200, {"status": "OK", "message": "Data source is working"})
        self.allowed = {
            f"Bearer {TOKEN}",
            "Basic " + base64.b64encode(b"admin:pass word").decode(),
        }
        self.refuse = None  # status of every write

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body):
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def handle_any(self):  # noqa: PLR0911, PLR0912 - a branch a route
        api = self.server
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        api.asked.append((self.command, self.path))
        if self.path == "/api/health":
            return self.answer(200, {"database": "ok", "version": "12.4.10", "commit": "x"})
        if self.headers.get("Authorization") not in api.allowed:
            return self.answer(401, {"message": "Invalid API key"})
        if self.command != "GET":
            if api.refuse:
                return self.answer(api.refuse, {"message": f"no, and {TOKEN} isn't enough"})
            api.writes.append(self.path)
        parts = self.path.removeprefix("/api/").split("/")
        match self.command, parts:
            case "GET", ["plugins", name, "settings"] if name in api.plugins:
                return self.answer(200, {"id": name})
            case "GET", ["datasources", "uid", uid] if uid in api.datasources:
                return self.answer(200, api.datasources[uid])
            case "GET", ["datasources", "uid", uid, "health"] if uid in api.datasources:
                return self.answer(*api.health)
            case "POST", ["datasources"]:
                api.datasources[body["uid"]] = {"id": 1, "version": 1, "readOnly": False, **body}
                return self.answer(200, {"id": 1, "datasource": body})
            case "PUT", ["datasources", "uid", uid]:
                api.datasources[uid] = {**api.datasources[uid], **body}
                return self.answer(200, {"id": 1, "datasource": body})
            case "GET", ["folders", uid] if uid in api.folders:
                return self.answer(200, api.folders[uid])
            case "POST", ["folders"]:
                api.folders[body["uid"]] = body
                return self.answer(200, body)
            case "GET", ["dashboards", "uid", uid] if uid in api.dashboards:
                return self.answer(200, api.dashboards[uid])
            case "POST", ["dashboards", "db"]:
                return self.save(body)
        return self.answer(404, {"message": "Not found"})

    def save(self, body):
        api, plain = self.server, body["dashboard"]
        if body["folderUid"] not in api.folders:
            return self.answer(400, {"message": "folder not found"})
        known = api.dashboards.get(plain["uid"])
        if known and not body.get("overwrite"):
            return self.answer(412, {"message": "The dashboard has been changed by someone else"})
        number = known["dashboard"]["id"] if known else len(api.dashboards) + 1
        version = known["dashboard"]["version"] + 1 if known else 1
        api.dashboards[plain["uid"]] = {
            "dashboard": {**plain, "id": number, "version": version},
            "meta": {"folderUid": body["folderUid"], "provisioned": False},
        }
        return self.answer(200, {"status": "success", "uid": plain["uid"], "version": version})

    do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - http.server's names


@pytest.fixture
def api():
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def user(monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_LANG", "en")
    for name in ("GRAFANA_USER", "GRAFANA_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "*")


def said(capsys, *arguments):
    code = cli.main(["grafana", "push", *arguments])
    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    return code, out, err


def test_everything_arrives(capsys, api, dashboards):
    code, out, err = said(capsys, api.url)
    assert (code, err) == (0, "")
    assert set(api.dashboards) == set(dashboards["en"])
    assert {each["meta"]["folderUid"] for each in api.dashboards.values()} == {"cortex"}
    assert api.folders["cortex"]["title"] == "Cortex"
    source = api.datasources["cortex-sqlite"]
    assert source["type"] == PLUGIN
    assert source["jsonData"]["pathOptions"].startswith("mode=ro&")
    assert source["jsonData"]["path"].endswith("/cortex.db")
    assert f"sent: {len(dashboards['en'])}, unchanged: 0 (Grafana 12.4.10)" in out
    assert out.endswith(f"{api.url}/d/cortex-home\n")


def test_again_changes_nothing(capsys, api, dashboards):
    said(capsys, api.url)
    api.writes.clear()
    code, out, _ = said(capsys, f"{api.url}/")
    assert code == 0
    assert api.writes == []
    assert f"sent: 0, unchanged: {len(dashboards['en'])}" in out


def test_what_was_changed_there_is_put_right(capsys, api):
    said(capsys, api.url)
    api.dashboards["cortex-home"]["dashboard"]["title"] = "Mine"
    api.datasources["cortex-sqlite"]["jsonData"]["pathOptions"] = "mode=rw"
    api.writes.clear()
    code, out, _ = said(capsys, api.url)
    assert code == 0
    assert api.writes == ["/api/datasources/uid/cortex-sqlite", "/api/dashboards/db"]
    assert api.dashboards["cortex-home"]["dashboard"]["version"] == 2
    assert api.datasources["cortex-sqlite"]["jsonData"]["pathOptions"].startswith("mode=ro&")
    assert "sent: 1," in out


def test_a_user_and_password(capsys, api, monkeypatch):
    monkeypatch.delenv("GRAFANA_TOKEN")
    monkeypatch.setenv("GRAFANA_USER", "admin")
    monkeypatch.setenv("GRAFANA_PASSWORD", "pass word")
    code, out, err = said(capsys, api.url)
    assert (code, err) == (0, "")
    assert "pass word" not in out


def test_korean_dashboards(capsys, api, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_LANG", "ko")
    code, out, _ = said(capsys, api.url)
    assert code == 0
    assert "보낸 대시보드" in out
    assert "홈" in api.dashboards["cortex-home"]["dashboard"]["title"]


@pytest.mark.parametrize("token", ["", "wrong", "two words", "줄"])
def test_a_missing_or_wrong_token(capsys, api, monkeypatch, token):
    monkeypatch.setenv("GRAFANA_TOKEN", token)
    code, out, err = said(capsys, api.url)
    assert code in {1, 2}
    assert out == ""
    assert err.count("\n") == 1
    assert "token" in err.lower()
    assert not token or token not in err
    assert api.writes == []


def test_without_the_plugin_nothing_is_sent(capsys, api):
    api.plugins.clear()
    code, _, err = said(capsys, api.url)
    assert code == 1
    assert "GF_PLUGINS_PREINSTALL_SYNC=frser-sqlite-datasource@4.0.3" in err
    assert api.writes == []


def test_a_database_that_grafana_cannot_read_is_told(capsys, api):
    api.health = (400, {"status": "ERROR", "message": "unable to open database file"})
    code, out, err = said(capsys, api.url)
    assert (code, err) == (0, "")
    assert "unable to open database file" in out
    assert "as the user that writes" in out


def test_provisioned_ones_are_left_alone(capsys, api):
    said(capsys, api.url)
    api.dashboards["cortex-home"]["meta"]["provisioned"] = True
    api.dashboards["cortex-home"]["dashboard"]["title"] = "From a file"
    code, _, err = said(capsys, api.url)
    assert code == 1
    assert "provisioning files" in err
    assert api.dashboards["cortex-home"]["dashboard"]["title"] == "From a file"


@pytest.mark.parametrize("status", [400, 403, 412, 500])
def test_a_refusal_is_told_in_one_line(capsys, api, status):
    api.refuse = status
    # Not even where Grafana's own answer repeats the token.
    code, out, err = said(capsys, api.url)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1


def test_nobody_there(capsys):
    code, _, err = said(capsys, "http://127.0.0.1:9")
    assert code == 1
    assert "doesn't answer" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:3000", "ftp://127.0.0.1", "http://", "http://[::1", "http://127.0.0.1:99999",
     "http://127.0.0.1/?verify=false", "file:///etc/passwd"],
)  # fmt: skip
def test_no_address_of_a_grafana(capsys, url):
    code, _, err = said(capsys, url)
    assert code == 2
    assert "http://HOST:PORT" in err


def test_no_password_in_the_address(capsys, api):
    code, _, err = said(capsys, api.url.replace("//", "//admin:hunter2@"))
    assert code == 2
    assert "hunter2" not in err
    assert api.asked == []


def test_no_token_in_the_clear_to_another_machine(capsys):
    code, _, err = said(capsys, "http://grafana.example:3000")
    assert code == 1
    assert "https" in err


def test_something_else_answers(capsys, api):
    code, _, err = said(capsys, f"{api.url}/other")
    assert code == 1
    assert err.count("\n") == 1


def test_without_its_package_it_says_what_to_install(capsys, api, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "grafana_client.api", None)
    monkeypatch.delitem(sys.modules, "grafana_client", raising=False)
    code, _, err = said(capsys, api.url)
    assert code == 1
    assert to_install("grafana") in err
