"""The exporters of ``CORTEX_OTEL_OTLP_ENDPOINT``: OpenTelemetry's own, told exactly where to.

They are the stock OTLP/HTTP exporters over a session of ours, so that what they read from
``OTEL_EXPORTER_OTLP_*`` (another program's headers, certificates and credentials) doesn't count,
nor a ``.netrc``; a redirect is no place the user has named. The session also tells what the
exporters don't: why a request failed, and what a Collector rejected of one that it took.
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

__all__ = ["ask", "exporters"]

NAME: Final = "otlp"
_TIMEOUT_SECONDS = 10
_ASK_SECONDS = 5
_SUCCESS = range(200, 300)
_PACKAGE = "opentelemetry.exporter.otlp.proto.http"
_PROTOCOL = "opentelemetry.proto.collector"
#: By signal: module and class of the exporter; module, answer and count of its protocol.
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
                NAME, signal, partial(_exporter, signal, settings.otlp_endpoint, headers),
                is_otlp=True,
            )
            for signal in _PARTS
        ]  # fmt: skip
    except ImportError:
        guard.warn_once(
            "otlp", "CORTEX_OTEL_OTLP_ENDPOINT needs more packages, so nothing is sent: %s",
            to_install("otlp"),
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - somebody else's package; a file that has changed
        guard.swallowed("forward.otlp", error)
    return []


def ask(settings: Settings) -> str:
    """Send the Collector that the settings name a request without records.

    Returns:
        ``""`` if it takes it; why it does not: ``unreachable``, ``tls``, ``timeout``, ``failed``,
        or ``http_`` and the status.

    Raises:
        ImportError: packages are missing.
        OSError: the file of the headers can't be read.
        ValueError: it makes no sense.
    """
    import requests  # noqa: PLC0415 - who sends nothing doesn't pay for it

    path = settings.otlp_headers_file
    # A request without fields is no byte at all.
    session = _session(read_headers(path) if path is not None else {}, lambda _: 0)
    with session:
        try:
            answer = session.post(
                f"{settings.otlp_endpoint}/v1/traces", data=b"", timeout=_ASK_SECONDS,
                headers={"content-type": "application/x-protobuf"},
            )  # fmt: skip
        except requests.exceptions.RequestException:
            return str(session.told()[1])
    return "" if answer.status_code in _SUCCESS else f"http_{answer.status_code}"


def _exporter(signal: str, endpoint: str, headers: Mapping[str, str]) -> Any:
    module, name, protocol, answer, count = _PARTS[signal]
    http = import_module(_PACKAGE)
    exporter = getattr(import_module(f"{_PACKAGE}.{module}"), name)
    read_answer = getattr(import_module(f"{_PROTOCOL}.{protocol}"), answer).FromString
    session = _session(headers, lambda body: getattr(read_answer(body).partial_success, count))
    made = exporter(
        endpoint=f"{endpoint}/v1/{signal}",
        timeout=_TIMEOUT_SECONDS,
        compression=http.Compression.NoCompression,
        session=session,
    )
    made.cortex_told = session.told
    return made


def _session(headers: Mapping[str, str], rejected: Any) -> Any:
    import requests  # noqa: PLC0415 - who sends nothing doesn't pay for it

    class Session(requests.Session):
        """Sends what it is given to where it is told, and remembers what came of it."""

        # What the exporters set here comes from OTEL_EXPORTER_OTLP_*CERTIFICATE and *KEY.
        verify = property(lambda _: True, lambda *_: None)
        cert = property(lambda _: None, lambda *_: None)

        def __init__(self) -> None:
            super().__init__()
            self.auth = _keep  # else requests looks for the host in ~/.netrc
            self._lost: int | None = None
            self._reason = "failed"

        def send(self, request: Any, **options: Any) -> Any:
            kept = ("content-type", "content-length", "content-encoding", "user-agent")
            for name in [name for name in request.headers if name.lower() not in kept]:
                del request.headers[name]
            request.headers.update(headers)
            self._lost = None
            options["allow_redirects"] = False
            try:
                answer = super().send(request, **options)
            except requests.exceptions.RequestException as error:
                self._reason = _reason(error)
                raise
            self._reason = f"http_{answer.status_code}"
            if answer.status_code in _SUCCESS:  # a redirect and "not modified" are none
                try:
                    self._lost, self._reason = rejected(answer.content), "rejected"
                except Exception as error:  # noqa: BLE001 - an answer that isn't the protocol's
                    guard.swallowed("forward.answer", error)
                    self._reason = "not_otlp"
            return answer

        def told(self) -> tuple[int | None, str]:
            """How many records of the last request were lost, ``None`` for all, and why."""
            return self._lost, self._reason

    return Session()


def _keep(request: Any) -> Any:
    return request


def _reason(error: Exception) -> str:
    from requests import exceptions  # noqa: PLC0415 - it is there

    if isinstance(error, exceptions.Timeout):
        return "timeout"
    if isinstance(error, exceptions.SSLError):
        return "tls"
    return "unreachable" if isinstance(error, exceptions.ConnectionError) else "failed"
