"""Which span a host gets, and that `cortex-otel status` shows it; in a process each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.version import __version__ as sdk_version
from patience import PATIENCE

import cortex_otel
from cortex_otel.sdk import pipeline
from cortex_otel.settings import read_environment
from cortex_otel.span import versions
from cortex_otel.span.provider import LeanTracerProvider

PROGRAM = """
import json, sys
import cortex_otel
from opentelemetry import trace

{before}
cortex_otel.configure()

@cortex_otel.instrument_tool
def tool():
    return type(trace.get_current_span()).__name__

names = [tool(), type(trace.get_tracer("host").start_span("x")).__name__]
assert cortex_otel.force_flush(120_000)
status = __import__("subprocess").run(
    [sys.executable, "-m", "cortex_otel.cli", "status"], capture_output=True, text=True)
print(json.dumps({{"names": names, "provider": type(trace.get_tracer_provider()).__name__,
                   "status": status.stdout + status.stderr}}))
"""
HOSTS_OWN = """
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
OTHER_VERSION = """
import opentelemetry.sdk.version
opentelemetry.sdk.version.__version__ = "1.99.0"
"""
IMPORTS = """
import sys, cortex_otel.sdk.configure
assert not {'cortex_otel.span.span', 'cortex_otel.span.tracer'} & set(sys.modules)
"""


def run(tmp_path, before="", **environment):
    source = Path(cortex_otel.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)],
        cwd=tmp_path,
        timeout=PATIENCE,
        check=False,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "CORTEX_OTEL_HOME": str(tmp_path / "home"),
            "COLUMNS": "200",
            "PYTHONPATH": os.pathsep.join(map(str, (source, source / "exporters"))),
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


@pytest.mark.system
@pytest.mark.parametrize(
    ("before", "environment", "span", "provider", "note"),
    [
        ("", {}, "LeanSpan", "LeanTracerProvider", "lean span"),
        ("", {"CORTEX_OTEL_SPAN": "sdk"}, "_Span", "TracerProvider",
         "OpenTelemetry's own span (CORTEX_OTEL_SPAN=sdk)"),
        (HOSTS_OWN, {}, "_Span", "TracerProvider",
         "OpenTelemetry's own span: the host created the tracer provider"),
        (OTHER_VERSION, {}, "_Span", "TracerProvider",
         "OpenTelemetry's own span: lean isn't tested with SDK 1.99.0"),
    ],
    ids=["default", "asked for", "host's own provider", "untested version"],
)  # fmt: skip
def test_the_span_of_a_host(tmp_path, before, environment, span, provider, note):  # noqa: PLR0917 - a row of the table
    found = run(tmp_path, before, **environment)
    assert found["names"] == [span, span]
    assert found["provider"] == provider
    assert note in [line.partition("Settings")[2].strip() for line in found["status"].splitlines()]


@pytest.mark.system
def test_is_tested_works_without_the_private_parts(tmp_path):
    """Under SDK 1.41 the room's other files can't even be imported."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def test_the_choice(monkeypatch):
    def chosen():
        return pipeline._span_implementation(read_environment())

    assert chosen() == (LeanTracerProvider, "span:lean")
    monkeypatch.setenv("CORTEX_OTEL_SPAN", "sdk")
    assert chosen() == (TracerProvider, "span:sdk")
    monkeypatch.setenv("CORTEX_OTEL_SPAN", "lean")
    monkeypatch.setattr(versions, "TESTED_VERSIONS", frozenset({"1.0.0"}))
    assert chosen() == (TracerProvider, f"span:untested {sdk_version}")
