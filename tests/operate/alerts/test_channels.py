"""Each channel against a real receiver or program: what is sent, and what is made of the answer."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from alert_kit import SECRET
from patience import PATIENCE, wait_for

from cortex_otel.operate.alerts import channels
from cortex_otel.operate.alerts.channels import channels_of, signature
from cortex_otel.operate.alerts.messages import Message
from cortex_otel.operate.alerts.sample import sample
from cortex_otel.query.zones import UTC_ZONE
from cortex_otel.settings import Settings

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def message(settings, language="en"):
    return sample(settings, UTC_ZONE, language, time.time_ns())


def send(settings):
    (channel,) = channels_of(settings)
    return channel.send(message(settings))


def slack(catcher):
    return Settings(slack_webhook_url=catcher.url)


def test_nothing_is_set_by_default():
    assert channels_of(Settings()) == []


def test_slack_gets_a_text_without_markup(catch):
    catcher = catch()
    outcome = send(slack(catcher))
    assert (outcome.is_delivered, outcome.reply) == (True, "HTTP 200 ok")
    (body,) = catcher.accepted
    assert set(body) == {"text", "mrkdwn", "unfurl_links"}
    assert "[ALERT] MCP Service Error Rate: 7.5%" in body["text"]


def test_a_name_that_is_markup_calls_nobody(catch):
    catcher = catch()
    (channel,) = channels_of(slack(catcher))
    (notification,) = message(Settings())._notifications
    alert = replace(
        notification.alert, detail={**notification.alert.detail, "tool": "<!channel> & <@U1>"}
    )
    channel.send(
        Message([replace(notification, alert=alert)], Settings(), UTC_ZONE, "en", time.time_ns())
    )
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in catcher.texts[0]


@pytest.mark.parametrize(
    ("answer", "is_final", "reply"),
    [
        ((404, b"no_service", {}), True, "HTTP 404 no_service"),
        ((403, b"invalid_token", {}), True, "HTTP 403 invalid_token"),
        ((410, b"<html>" + SECRET.encode(), {}), True, "HTTP 410"),
        ((500, b"", {}), False, "HTTP 500"),
        ((503, SECRET.encode(), {}), False, "HTTP 503"),
        ((302, b"", {"location": "http://127.0.0.1:1/"}), True,
         "HTTP 302: redirects aren't followed"),
        ("nothing", False, "no HTTP answer"),
        ("garbage", False, "no HTTP answer"),
    ],
)  # fmt: skip
def test_what_slack_answers(catch, answer, is_final, reply):
    outcome = send(slack(catch(answer)))
    assert (outcome.is_delivered, outcome.is_final, outcome.reply) == (False, is_final, reply)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("999999", 3600.0), ("soon", None), ("-5", None)]
)
def test_how_long_slack_asks_to_wait(catch, header, seconds):
    outcome = send(slack(catch((429, b"", {"retry-after": header}))))
    assert (outcome.is_final, outcome.retry_after) == (False, seconds)


def test_a_date_to_wait_for(catch):
    there = email.utils.formatdate(time.time() + 30, usegmt=True)
    outcome = send(slack(catch((503, b"", {"retry-after": there}))))
    assert 20 < outcome.retry_after <= 30


@pytest.mark.parametrize("answer", ["slow", "drip"])
def test_an_answer_that_doesnt_come_ends_with_its_time(catch, monkeypatch, answer):
    monkeypatch.setattr(channels, "_POST_SECONDS", 0.4)
    outcome = send(slack(catch(answer)))
    assert (outcome.is_final, outcome.reply) == (False, "timed out")


def test_an_attempt_under_way_can_be_ended(catch):
    (channel,) = channels_of(slack(catch("slow")))
    outcomes = []
    thread = threading.Thread(
        target=lambda: outcomes.append(channel.send(message(Settings()))), daemon=True
    )
    thread.start()
    wait_for(lambda: channel._post is not None and channel._post._connection is not None)
    channel.cancel()
    thread.join(10)
    assert [each.reply for each in outcomes] == ["stopped"]


def test_nobody_there():
    outcome = send(Settings(slack_webhook_url=f"http://127.0.0.1:1/{SECRET}"))
    assert (outcome.is_final, outcome.reply) == (False, "refused")


@pytest.mark.parametrize(
    ("url", "reply"),
    [
        (f"https://127.0.0.1:PORT/{SECRET}", "no TLS connection"),
        (f"https://nowhere.invalid/{SECRET}", "the host isn't found"),
    ],
)
def test_https_is_https(catch, url, reply):
    outcome = send(Settings(slack_webhook_url=url.replace("PORT", str(catch().port))))
    assert not outcome.is_delivered
    assert outcome.reply in {reply, "no HTTP answer"}


@pytest.mark.system
def test_a_certificate_of_nobody_isnt_trusted(catch, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    files = [tmp_path / "key.pem", tmp_path / "cert.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", files[0], "-out", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    catcher = catch()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    catcher.server.socket = context.wrap_socket(catcher.server.socket, server_side=True)
    outcome = send(Settings(slack_webhook_url=f"https://127.0.0.1:{catcher.port}/{SECRET}"))
    assert outcome.reply == "the server's certificate isn't trusted"
    assert not catcher.received


def test_the_signature_is_that_of_standard_webhooks():
    # The example of the specification's libraries.
    assert (
        signature(KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("key", [KEY, "a plain key of 24 letters"])
def test_a_webhook_gets_json_that_it_can_check(catch, key):
    catcher = catch()
    settings = Settings(alert_webhook_url=catcher.url, alert_webhook_key=key)
    assert send(settings).is_delivered
    ((at, _path, headers, body),) = catcher.received
    content = json.loads(body)
    assert content["alerts"][0]["rule"] == "error_rate"
    assert content["sample"] is True
    assert headers["webhook-id"] == content["id"]
    assert abs(int(headers["webhook-timestamp"]) - at) < 60
    raw = base64.b64decode(key[6:]) if key.startswith("whsec_") else key.encode()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_without_a_key_it_isnt_signed(catch):
    catcher = catch()
    assert send(Settings(alert_webhook_url=catcher.url)).is_delivered
    assert "webhook-signature" not in catcher.received[0][2]


PROGRAM = """
import json, os, sys, time
kept = {name: value for name, value in os.environ.items()}
json.dump([sys.argv[2:], json.load(sys.stdin), kept], open(sys.argv[1], "w"))
"""


@pytest.mark.system
def test_a_program_gets_the_message_and_no_secret(tmp_path, monkeypatch):
    for name in ("CORTEX_OTEL_SLACK_WEBHOOK_URL", "CORTEX_OTEL_SLACK_WEBHOOK",
                 "CORTEX_OTEL_USER_HASH_KEY", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):  # fmt: skip
        monkeypatch.setenv(name, f"https://hooks.example/{SECRET}")
    there = tmp_path / "got.json"
    hostile = "$(touch hacked); `touch hacked` && touch hacked"
    settings = Settings(alert_command=(sys.executable, "-c", PROGRAM, str(there), hostile))
    assert send(settings).reply == "exit code 0"
    arguments, content, environment = json.loads(there.read_text())
    assert arguments == [hostile]
    assert content["state"] == environment["CORTEX_ALERT_STATE"] == "firing"
    assert content["text"] == environment["CORTEX_ALERT_TEXT"]
    assert SECRET not in there.read_text()
    allowed = {"HOME", "LANG", "LANGUAGE", "PATH", "TMPDIR", "TZ", "USER"}
    assert "PATH" in environment
    # The interpreter sets its own locale.
    assert {
        name for name in environment if not name.startswith(("LC_", "CORTEX_ALERT_"))
    } <= allowed


@pytest.mark.system
@pytest.mark.parametrize(
    ("program", "is_final", "reply"),
    [
        (("/nowhere/to be found",), True, "can't be started: no such file or directory"),
        (("/",), True, "can't be started: permission denied"),
        ((sys.executable, "-c", "raise SystemExit(3)"), False, "exit code 3"),
        ((sys.executable, "-c", "import os; os.close(0)"), False, None),
    ],
)
def test_a_program_that_fails(program, is_final, reply):
    outcome = send(Settings(alert_command=program))
    assert outcome.is_final is is_final
    assert reply is None or outcome.reply == reply


@pytest.mark.system
def test_a_program_that_hangs_is_cut_off_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(channels, "_COMMAND_SECONDS", 1.5)
    there = tmp_path / "pids"
    program = (
        "import os, subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(there)!r}, 'w').write(f'{{child.pid}}'); time.sleep(60)"
    )
    outcome = send(Settings(alert_command=(sys.executable, "-c", program)))
    assert outcome.reply == "cut off after 1.5 s"
    child = int(wait_for(there.read_text))

    def is_gone():
        try:
            os.kill(child, 0)
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    assert wait_for(is_gone)


@pytest.mark.parametrize("user", ["", "someone:p%40ss@"])
def test_a_proxy_is_told_who_asks(monkeypatch, user):
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(4096).decode())
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        monkeypatch.setenv("https_proxy", f"http://{user}127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        outcome = send(Settings(slack_webhook_url="https://hooks.example/services/SECRET"))
        thread.join(PATIENCE)
    assert not outcome.is_delivered
    assert asked[0].startswith("CONNECT hooks.example:443")
    header = f"Proxy-Authorization: Basic {base64.b64encode(b'someone:p@ss').decode()}"
    assert (header in asked[0]) == bool(user)
