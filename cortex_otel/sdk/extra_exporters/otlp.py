"""The exporters of ``CORTEX_OTEL_OTLP_ENDPOINT``: OpenTelemetry's own, pinned to that endpoint.

They are the SDK's OTLP/HTTP exporters over a session of ours, so that what they read from
``OTEL_EXPORTER_OTLP_*`` (another program's headers, certificates and credentials) doesn't count,
nor a ``.netrc``; redirects aren't followed, since the user didn't name their target. The session
also reports what the exporters don't: why a request failed, and how many records a Collector
rejected from one that it accepted.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from cortex_otel import guard
from cortex_otel._version import to_install
from cortex_otel.sdk.extra_exporters.named import Named
from cortex_otel.settings import read_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.settings import Settings

__all__ = ["exporters", "probe"]

NAME: Final = "otlp"
_TIMEOUT_SECONDS = 10
_PROBE_SECONDS = 5
_SUCCESS = range(200, 300)
_PACKAGE = "opentelemetry.exporter.otlp.proto.http"
_PROTOCOL = "opentelemetry.proto.collector"
#: By signal: module and class of the exporter; module, response and count field of its protocol.
_PARTS: Final = {
    "traces": (
        "trace_exporter", "OTLPSpanExporter",
        "trace.v1.trace_service_pb2", "ExportTraceServiceResponse", "rejected_spans",
    ),
    "logs": (
        "_log_exporter", "OTLPLogExporter",
        "logs.v1.logs_service_pb2", "ExportLogsServiceResponse", "rejected_log_records",
    ),
    "metrics": (
        "metric_exporter", "OTLPMetricExporter",
        "metrics.v1.metrics_service_pb2", "ExportMetricsServiceResponse", "rejected_data_points",
    ),
}  # fmt: skip


def exporters(settings: Settings) -> list[Named]:
    """One exporter a signal for the Collector that the settings name; none if they name none."""
    if settings.otlp_endpoint is None:
        return []
    try:
        path = settings.otlp_headers_file
        headers = read_headers(path) if path is not None else {}
        for package in (_PACKAGE, _PROTOCOL, "requests"):
            if find_spec(package) is None:
                raise ModuleNotFoundError(package)  # noqa: TRY301 - as a parent that is missing
        return [
            Named(
                NAME,
                signal,
                partial(_exporter, signal, settings.otlp_endpoint, headers),
                is_otlp=True,
            )
            for signal in _PARTS
        ]
    except ImportError:
        guard.warn_once(
            "otlp",
            "CORTEX_OTEL_OTLP_ENDPOINT needs more packages, so nothing is sent: %s",
            to_install("otlp"),
        )
    except Exception as error:  # noqa: BLE001 - somebody else's package; a file that has changed
        guard.swallowed("forward.otlp", error)
    return []


def probe(settings: Settings) -> str:
    """Send the Collector that the settings name a request without records.

    Returns:
        ``""`` if it accepts it, else why not: ``unreachable``, ``tls``, ``timeout``, ``failed``,
        or ``http_`` and the status.

    Raises:
        ImportError: packages are missing.
        OSError: the file of the headers can't be read.
        ValueError: that file is invalid.
    """
    import requests  # noqa: PLC0415 - slow; imported only to send

    path = settings.otlp_headers_file
    # A protobuf message without fields is empty.
    session = _session(read_headers(path) if path is not None else {}, lambda _: 0)
    with session:
        try:
            response = session.post(
                f"{settings.otlp_endpoint}/v1/traces",
                data=b"",
                timeout=_PROBE_SECONDS,
                headers={"content-type": "application/x-protobuf"},
            )
        except requests.exceptions.RequestException:
            return str(session.last_result()[1])
    return "" if response.status_code in _SUCCESS else f"http_{response.status_code}"


def _exporter(signal: str, endpoint: str, headers: Mapping[str, str]) -> Any:
    module, name, protocol, response, count = _PARTS[signal]
    http = import_module(_PACKAGE)
    exporter = getattr(import_module(f"{_PACKAGE}.{module}"), name)
    parse_response = getattr(import_module(f"{_PROTOCOL}.{protocol}"), response).FromString
    session = _session(headers, lambda body: getattr(parse_response(body).partial_success, count))
    sender = exporter(
        endpoint=f"{endpoint}/v1/{signal}",
        timeout=_TIMEOUT_SECONDS,
        compression=http.Compression.NoCompression,
        session=session,
    )
    sender.cortex_last_result = session.last_result
    return sender


def _session(headers: Mapping[str, str], rejected: Any) -> Any:
    import requests  # noqa: PLC0415 - slow; imported only to send

    class Session(requests.Session):
        """Sends with our headers only, without redirects, and remembers the result."""

        # What the exporters set here comes from OTEL_EXPORTER_OTLP_*CERTIFICATE and *KEY.
        verify = property(lambda _: True, lambda *_: None)
        cert = property(lambda _: None, lambda *_: None)

        def __init__(self) -> None:
            super().__init__()
            self.auth = _no_auth  # else requests would look up ~/.netrc
            self._lost: int | None = None
            self._reason = "failed"

        def send(self, request: Any, **options: Any) -> Any:
            allowed = ("content-type", "content-length", "content-encoding", "user-agent")
            for name in [name for name in request.headers if name.lower() not in allowed]:
                del request.headers[name]
            request.headers.update(headers)
            self._lost = None
            options["allow_redirects"] = False
            try:
                response = super().send(request, **options)
            except requests.exceptions.RequestException as error:
                self._reason = _reason(error)
                raise
            self._reason = f"http_{response.status_code}"
            if response.status_code in _SUCCESS:  # not a redirect, nor "not modified"
                try:
                    self._lost, self._reason = rejected(response.content), "rejected"
                except Exception as error:  # noqa: BLE001 - a response that isn't OTLP
                    guard.swallowed("forward.answer", error)
                    self._reason = "not_otlp"
            return response

        def last_result(self) -> tuple[int | None, str]:
            """How many records of the last request were lost, ``None`` for all, and why."""
            return self._lost, self._reason

    return Session()


def _no_auth(request: Any) -> Any:
    return request


def _reason(error: Exception) -> str:
    from requests import exceptions  # noqa: PLC0415 - imported already

    if isinstance(error, exceptions.Timeout):
        return "timeout"
    if isinstance(error, exceptions.SSLError):
        return "tls"
    return "unreachable" if isinstance(error, exceptions.ConnectionError) else "failed"
