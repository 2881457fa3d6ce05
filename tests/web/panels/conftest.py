"""The admin's server in a thread of the test, over a real store that the demo's population filled.

What is asked goes over a socket, so that what a client sees is what is tested.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import threading
import time
from collections import Counter

import httpx
import pytest
from patience import PATIENCE, wait_for

from cortex_otel.settings import read_environment
from cortex_otel.show.web.app import create_server

TOKEN = "test-token-0123456789abcdef"


class Served:
    """One admin, listening."""

    def __init__(self, home, **settings):
        self.home = home
        self.settings = dataclasses.replace(
            read_environment({"CORTEX_OTEL_HOME": str(home)}),
            **{"admin_token": TOKEN, "time_zone": "Asia/Seoul"} | settings,
        )
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.server, self.path = create_server(self.settings, self.origin)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        wait_for(lambda: self.server.started)
        self.client = self.client_with({"authorization": f"Bearer {TOKEN}"})

    def _run(self):
        asyncio.run(self.server._serve([self.socket]))

    def client_with(self, headers, **options):
        return httpx.Client(base_url=self.origin, headers=headers, timeout=PATIENCE, **options)

    @property
    def database(self):
        return self.settings.database

    def get(self, path, **parameters):
        names = {name.rstrip("_"): value for name, value in parameters.items()}
        return self.client.get(f"/api/telemetry/{path}", params=names)

    def json(self, path, **parameters):
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def error(self, path, **parameters):
        """Status and error of an answer that is one."""
        answer = self.get(path, **parameters)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json().keys() == {"error"}
        error = answer.json()["error"]
        assert {"code", "message", "field"} <= error.keys() <= {"code", "message", "field", "hint"}
        assert error["message"]
        assert "Traceback" not in answer.text
        return answer.status_code, error

    def stop(self):
        """Whether it ended."""
        self.client.close()
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        return not self.thread.is_alive()


@pytest.fixture(scope="session")
def population_now():
    return time.time_ns()


@pytest.fixture(scope="session")
def populated(tmp_path_factory, population_now):
    """A home with 40 days of 60 users, until now."""
    from cortex_otel.demo.synthetic_data import fill

    home = tmp_path_factory.mktemp("populated")
    fill(home / "cortex.db", days=40, users=60, seed=3, now_ns=population_now)
    return home


@pytest.fixture
def serve():
    """Start an admin over a home; stopped at the end of the test."""
    started = []

    def start(home, **settings):
        started.append(Served(home, **settings))
        return started[-1]

    yield start
    for each in started:
        assert each.stop()


@pytest.fixture(scope="module")
def admin(populated):
    """One admin over the population, for tests that only read."""
    served = Served(populated)
    yield served
    assert served.stop()


@pytest.fixture
def empty_home(tmp_path):
    """A home whose database has only empty tables."""
    from cortex_otel_exporters.sqlite.files import open_for_writing

    open_for_writing(tmp_path / "cortex.db").close()
    return tmp_path


@pytest.fixture
def record():
    """Tool calls through the real way in, committed when it returns."""
    return record_calls


def record_calls(home, names, *, time_ns=None, failing=False, **settings):
    from cortex_otel import instrument_tool
    from cortex_otel.testing import capture
    from cortex_otel_exporters.sqlite.batch import BatchWriter
    from cortex_otel_exporters.sqlite.files import open_for_writing

    with capture(**{"service": "mcp", "tier": "paid", "user_id": "somebody"} | settings) as seen:
        for name in names:
            with contextlib.suppress(ValueError):
                instrument_tool(name=name)(_fail if failing else _work)()
    at = time.time_ns() - 10**9 if time_ns is None else time_ns
    rows = [
        row._replace(time_unix_nano=at + number * 1000) for number, row in enumerate(seen.events())
    ]
    writer = BatchWriter(open_for_writing(home / "cortex.db", busy_timeout_ms=5000))
    try:
        rest = writer.write(rows, [], Counter({("event", "received", ""): len(rows)}))
        assert len(rest) in {0, len(rows)}
    finally:
        writer.close()
    return rows


def _work():
    pass


def _fail():
    raise ValueError("not stored")
