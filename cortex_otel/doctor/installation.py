"""Looks at what is installed here and at what the environment asks of it."""

from __future__ import annotations

import os
import platform
import socket
from importlib import metadata, util
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import apsw

from cortex_otel._version import to_install
from cortex_otel.doctor.findings import mask, ok, problem, warning
from cortex_otel.sdk.extra_exporters import otlp
from cortex_otel.settings import enabled_by_host, read_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cortex_otel.doctor.findings import Finding
    from cortex_otel.settings import Settings

__all__ = ["look"]

_OURS_OR_NONE = frozenset({"", "none", "cortex_sqlite"})
_CONNECT_SECONDS = 0.5
_GRPC_PORT, _HTTP_PORT = 4317, 4318
#: The finding that names the cause, by what the Collector answers.
_REFUSALS = {
    "unreachable": "endpoint_closed", "tls": "endpoint_tls", "http_401": "endpoint_forbidden",
    "http_403": "endpoint_forbidden", "http_404": "endpoint_not_found",
}  # fmt: skip


def look() -> Iterator[Finding]:
    """Versions, switches, senseless settings, distros and exporters."""
    yield ok(
        "versions",
        ours=metadata.version("cortex-otel"),
        sdk=metadata.version("opentelemetry-sdk"),
        sqlite=apsw.sqlite_lib_version(),
        python=platform.python_version(),
    )
    yield from _settings()
    yield from _distros()
    yield from _exporters()


def _settings() -> Iterator[Finding]:
    told: list[str] = []
    settings = read_environment(warn=told.append)
    for line in told:
        yield problem("setting", said=mask(line))
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield problem("off", by="OTEL_SDK_DISABLED=true")
    elif not settings.enabled:
        yield problem("off", by="CORTEX_OTEL_ENABLED")
    elif not enabled_by_host():
        yield problem("off", by="TELEMETRY_ENABLED = False (config.py)")
    elif not told:
        yield ok("settings")
    if os.environ.get("OTEL_CONFIG_FILE"):
        yield warning("config_file")
    if settings.capture_content:
        yield warning("content")
    if settings.other_exporters_get_raw_personal_data:
        yield warning("raw")


def _distros() -> Iterator[Finding]:
    found = {point.name for point in metadata.entry_points(group="opentelemetry_distro")}
    others = sorted(found - {"cortex"})
    chosen = os.environ.get("OTEL_PYTHON_DISTRO", "")
    if chosen and chosen != "cortex":
        yield problem("other_distro_chosen", chosen=mask(chosen))
    elif others:
        yield warning("two_distros", others=", ".join(others))
    else:
        yield ok("one_distro")


def _exporters() -> Iterator[Finding]:
    settings = read_environment(warn=lambda _: None)
    clean = True
    for signal in ("traces", "logs", "metrics"):
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        names = [name.strip().lower() for name in os.environ.get(variable, "").split(",")]
        for name in dict.fromkeys(name for name in names if name not in _OURS_OR_NONE):
            clean = False
            setting = mask(f"{variable}={name}")
            if name == "console":
                yield warning("console", setting=setting)
            elif not settings.allow_other_exporters:
                yield warning("not_followed", setting=setting)
            elif not name.startswith("otlp"):
                yield ok("followed", setting=setting)
            else:
                yield _otlp(signal.upper(), name, setting)
    if settings.otlp_endpoint:
        yield _endpoint(settings)
    elif clean:
        yield ok("exporters")


def _endpoint(settings: Settings) -> Finding:
    try:
        is_missing = util.find_spec("opentelemetry.exporter.otlp.proto.http") is None
    except ModuleNotFoundError:  # a package above it
        is_missing = True
    if is_missing:
        return problem("endpoint_missing", install=to_install("otlp"))
    # Only host and port are shown: the rest of an address may carry a key.
    endpoint = mask(urlsplit(settings.otlp_endpoint or "").netloc)
    try:
        why = otlp.probe(settings)
    except Exception as error:  # noqa: BLE001 - somebody else's package; a file that has changed
        why = type(error).__name__
    if not why:
        return ok("endpoint", endpoint=endpoint)
    if why in _REFUSALS:
        return problem(_REFUSALS[why], endpoint=endpoint)
    return problem("endpoint_refuses", endpoint=endpoint, said=why.replace("http_", "HTTP "))


def _otlp(signal: str, name: str, setting: str) -> Finding:
    given = {
        key: os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_{key}")
        or os.environ.get(f"OTEL_EXPORTER_OTLP_{key}", "")
        for key in ("ENDPOINT", "PROTOCOL")
    }
    is_grpc = "grpc" in name or given["PROTOCOL"].strip() == "grpc"
    port = _GRPC_PORT if is_grpc else _HTTP_PORT
    endpoint = given["ENDPOINT"] or f"http://localhost:{port}"
    answering = _answering(endpoint, port)
    if answering is None:
        return problem("otlp_closed", setting=setting, endpoint=mask(endpoint))
    return ok("otlp", setting=setting, endpoint=answering)


def _answering(endpoint: str, port: int) -> str | None:
    """Host and port of ``endpoint`` if something answers there."""
    try:
        parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
        host, port = parts.hostname or "localhost", parts.port or port
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return None
    return f"{host}:{port}"
