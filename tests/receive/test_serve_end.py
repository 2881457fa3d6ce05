"""The end of ``cortex-otel serve`` with both servers: who has asked is answered."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from patience import PATIENCE, wait_for
from receiver_kit import request, span

pytestmark = pytest.mark.system


def is_closed(port):
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionError:
        return True
    return False


def test_a_request_that_is_under_way_is_answered_after_sigterm(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "cortex_otel.cli", "serve", "--port", "0", "--receiver-port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CORTEX_OTEL_HOME": str(tmp_path), "CORTEX_OTEL_JOBS": "false"},
    )
    ports = {}
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            ports["admin" if "token=" in line else "receiver"] = int(found[1])
        if "Ctrl" in line:
            break
    body = json.dumps(request(span())).encode()
    head = (
        "POST /v1/traces HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
    )
    with socket.create_connection(("127.0.0.1", ports["receiver"]), PATIENCE) as sender:
        sender.sendall("\r\n".join((*head, "", "")).encode())
        assert sender.recv(100).startswith(b"HTTP/1.1 100")  # the receiver waits for the body
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: is_closed(ports["admin"]))  # it has nobody to wait for
        sender.sendall(body)
        assert sender.recv(100).startswith(b"HTTP/1.1 200")
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
