"""A fault of telemetry itself, and the records it cost, are known after the process has ended."""

from __future__ import annotations

import signal

import pytest
from patience import UNHURRIED
from store_kit import count, end, held, ledger, record, start, wait_for

from cortex_otel.commands import status
from cortex_otel.settings import read_environment

pytestmark = pytest.mark.system

HOST = """
import os, sys
import cortex_otel
from cortex_otel import guard
from cortex_otel.instrument import call

guard.swallowed("early", ValueError("before there is a store"))
cortex_otel.configure(flush_interval_ms=10, exit_timeout_ms=200)

@cortex_otel.instrument_tool
def tool():
    return "result"

assert tool() == "result"
assert cortex_otel.force_flush(120_000)
print("recorded", flush=True)
sys.stdin.readline()
call.ToolInfo.shape = None  # a fault of ours in each call from here on
assert [tool() for _ in range(3)] == ["result"] * 3
print("failed", flush=True)
sys.stdin.readline()
"""
FAULTS = {"swallowed|early": 1, "swallowed|instrument_tool.start": 3}
EVENTS = {"received": 4, "stored": 1, "dropped|fault": 3}


@pytest.fixture
def host(path):
    process = start(HOST, path, env={**UNHURRIED, "CORTEX_OTEL_HOME": str(path.parent)})
    assert process.stdout.readline() == "recorded\n"
    return process


def go_on(process):
    process.stdin.write("\n")
    process.stdin.flush()


def let_it_fail(process):
    go_on(process)
    assert process.stdout.readline() == "failed\n"


def test_after_a_normal_end(path, host):
    let_it_fail(host)
    go_on(host)
    assert end(host, quiet=False) == 0
    assert ledger(path, "fault") == FAULTS
    assert ledger(path) == EVENTS


def test_after_a_kill(path, host):
    let_it_fail(host)
    wait_for(lambda: ledger(path, "fault") == FAULTS)
    host.send_signal(signal.SIGKILL)
    end(host, quiet=False)
    assert ledger(path) == EVENTS


def test_where_the_store_could_not_be_written_any_more(path, host, make_writer):
    with held(path):
        let_it_fail(host)
        go_on(host)
        end(host, quiet=False)
    next_process = make_writer()
    next_process.submit(record())
    assert next_process.force_flush(120_000)
    assert ledger(path, "fault") == FAULTS
    assert ledger(path) == {**EVENTS, "received": 5, "stored": 2}
    assert count(path) == 2


def test_status_tells_of_them_when_the_process_is_gone(path, host, monkeypatch):
    let_it_fail(host)
    go_on(host)
    assert end(host, quiet=False) == 0
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(path.parent))
    facts = status.collect(read_environment())
    assert facts["writers"] == []
    assert facts["noted"]["fault"]["swallowed"] == {"early": 1, "instrument_tool.start": 3}
