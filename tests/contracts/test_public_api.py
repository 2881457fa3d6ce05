from __future__ import annotations

import subprocess
import sys

import pytest

import cortex_otel

PUBLIC = [
    "Identity",
    "SettingError",
    "Settings",
    "TelemetryClient",
    "TelemetryEvent",
    "TelemetryStorage",
    "__version__",
    "configure",
    "events",
    "force_flush",
    "get_extension_telemetry_client",
    "get_mcp_telemetry_client",
    "instrument_tool",
    "set_identity_provider",
    "shutdown",
]


def test_the_public_names_are_pinned():
    assert sorted(cortex_otel.__all__) == PUBLIC
    assert dir(cortex_otel) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_there(name):
    assert getattr(cortex_otel, name) is not None


@pytest.mark.system
@pytest.mark.parametrize("name", [name for name in PUBLIC if name[0].islower()])
def test_each_public_name_is_the_same_in_a_fresh_process_however_it_is_asked_for(name):
    code = f"import cortex_otel; first = cortex_otel.{name}; from cortex_otel import {name}; "
    subprocess.run([sys.executable, "-c", f"{code}assert first is {name}"], check=True)


@pytest.mark.system
def test_importing_the_package_loads_no_sdk_and_no_store():
    code = (
        "import sys, cortex_otel; heavy = {'opentelemetry.sdk', 'apsw', 'sqlite3', 'mcp'}; "
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_tells_what_it_is():
    silent = [
        name
        for name in PUBLIC
        if name != "__version__" and not (getattr(cortex_otel, name).__doc__ or "").strip()
    ]
    assert silent == []
