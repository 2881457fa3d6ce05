"""Checks what is installed here, and the settings in the environment."""

from __future__ import annotations

import os
import platform
import socket
from importlib import metadata, util
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import apsw

from cortex_otel._version import to_install
from cortex_otel.doctor.environment import other_distros
from cortex_otel.doctor.findings import mask, ok, problem, warning
from cortex_otel.locale import N_, _
from cortex_otel.sdk.extra_exporters import otlp
from cortex_otel.settings import enabled_by_host, read_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cortex_otel.doctor.findings import Finding
    from cortex_otel.settings import Settings

__all__ = ["check"]

_OURS_OR_NONE = frozenset({"", "none", "cortex_sqlite"})
_CONNECT_SECONDS = 0.5
_GRPC_PORT, _HTTP_PORT = 4317, 4318
_FORBIDDEN = (
    "endpoint_forbidden",
    N_(
        "{endpoint} (CORTEX_OTEL_OTLP_ENDPOINT) refuses the request (401 or 403), so what should "
        "be sent is counted as lost: put its key into the file that CORTEX_OTEL_OTLP_HEADERS_FILE "
        "names"
    ),
)
#: The finding that names the cause, by the Collector's response.
_REFUSALS = {
    "unreachable": (
        "endpoint_closed",
        N_(
            "nothing answers at {endpoint} (CORTEX_OTEL_OTLP_ENDPOINT), so what should be sent is "
            "counted as lost: start a collector there, or unset it"
        ),
    ),
    "tls": (
        "endpoint_tls",
        N_(
            "no TLS connection to {endpoint} (CORTEX_OTEL_OTLP_ENDPOINT), so what should be sent "
            "is counted as lost: use http:// if it doesn't speak TLS, or a certificate that this "
            "machine trusts"
        ),
    ),
    "http_401": _FORBIDDEN,
    "http_403": _FORBIDDEN,
    "http_404": (
        "endpoint_not_found",
        N_(
            "{endpoint} has no /v1/traces under CORTEX_OTEL_OTLP_ENDPOINT (404), so what should be "
            "sent is counted as lost: give the address of a collector's OTLP/HTTP receiver"
        ),
    ),
}


def check() -> Iterator[Finding]:
    """Versions, switches, invalid settings, distros and exporters."""
    yield ok(
        "versions",
        _("cortex-otel {ours}, SDK {sdk}, SQLite {sqlite}, Python {python}"),
        ours=metadata.version("cortex-otel"),
        sdk=metadata.version("opentelemetry-sdk"),
        sqlite=apsw.sqlite_lib_version(),
        python=platform.python_version(),
    )
    yield from _settings()
    yield _distros()
    yield from _exporters()


def _settings() -> Iterator[Finding]:
    warnings: list[str] = []
    settings = read_environment(warn=warnings.append)
    for line in warnings:
        yield problem("setting", _("{detail}: correct or unset it"), detail=mask(line))
    by = ""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        by = "OTEL_SDK_DISABLED=true"
    elif not settings.enabled:
        by = "CORTEX_OTEL_ENABLED"
    elif not enabled_by_host():
        by = "TELEMETRY_ENABLED = False (config.py)"
    if by:
        yield problem("off", _("recording is switched off by {by}: change it to record"), by=by)
    elif not warnings:
        yield ok("settings", _("settings are valid, and recording is on"))
    if os.environ.get("OTEL_CONFIG_FILE"):
        yield warning(
            "config_file",
            _("OTEL_CONFIG_FILE is set but ignored: use CORTEX_OTEL_* variables, or unset it"),
        )
    if settings.capture_content:
        yield warning(
            "content",
            _(
                "CORTEX_OTEL_CAPTURE_CONTENT is on: arguments and results are stored as they "
                "are; unset it outside development"
            ),
        )
    if settings.other_exporters_get_raw_personal_data:
        yield warning(
            "raw",
            _(
                "CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA is on: other exporters get "
                "arguments, messages and user ids as they are; unset it outside development"
            ),
        )


def _distros() -> Finding:
    names = {point.name for point in metadata.entry_points(group="opentelemetry_distro")}
    return other_distros(names) or ok("one_distro", _("no other OpenTelemetry distro is installed"))


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
                yield warning(
                    "console",
                    _(
                        "{setting} writes to stdout, which an MCP server needs for its "
                        "protocol, so cortex-otel doesn't start it: unset it"
                    ),
                    setting=setting,
                )
            elif not settings.allow_other_exporters:
                yield warning(
                    "not_followed",
                    _(
                        "{setting} is ignored, and data stays on this machine: unset it, or "
                        "set CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true"
                    ),
                    setting=setting,
                )
            elif not name.startswith("otlp"):
                yield ok("followed", _("{setting} is in effect, as you allowed"), setting=setting)
            else:
                yield _otlp(signal.upper(), name, setting)
    if settings.otlp_endpoint:
        yield _endpoint(settings)
    elif clean:
        yield ok("exporters", _("no OTEL_*_EXPORTER sends anything elsewhere"))


def _endpoint(settings: Settings) -> Finding:
    try:
        is_missing = util.find_spec("opentelemetry.exporter.otlp.proto.http") is None
    except ModuleNotFoundError:  # a package above it
        is_missing = True
    if is_missing:
        return problem(
            "endpoint_missing",
            _(
                "CORTEX_OTEL_OTLP_ENDPOINT is set, but its packages are missing, so nothing "
                "is sent: {install}"
            ),
            install=to_install("otlp"),
        )
    # Only host and port are shown: the rest of a URL may contain a key.
    endpoint = mask(urlsplit(settings.otlp_endpoint or "").netloc)
    try:
        why = otlp.probe(settings)
    except Exception as error:  # noqa: BLE001 - a third-party package; a file that has changed
        why = type(error).__name__
    if not why:
        return ok(
            "endpoint",
            _("redacted copies go to {endpoint}, as configured; it accepts them"),
            endpoint=endpoint,
        )
    if why in _REFUSALS:
        code, message = _REFUSALS[why]
        return problem(code, _(message), endpoint=endpoint)
    return problem(
        "endpoint_refuses",
        _(
            "{endpoint} (CORTEX_OTEL_OTLP_ENDPOINT) doesn't accept OTLP/HTTP ({detail}), so "
            "what should be sent is counted as lost: see the log of the collector there"
        ),
        endpoint=endpoint,
        detail=why.replace("http_", "HTTP "),
    )


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
        return problem(
            "otlp_closed",
            _(
                "{setting} is in effect, but nothing answers at {endpoint}, so what should be "
                "sent is counted as lost: start a collector there, or unset "
                "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS"
            ),
            setting=setting,
            endpoint=mask(endpoint),
        )
    return ok(
        "otlp",
        _("{setting} is in effect, as you allowed; {endpoint} answers"),
        setting=setting,
        endpoint=answering,
    )


def _answering(endpoint: str, port: int) -> str | None:
    """Host and port of ``endpoint`` if something answers there."""
    try:
        parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
        host, port = parts.hostname or "localhost", parts.port or port
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return None
    return f"{host}:{port}"
