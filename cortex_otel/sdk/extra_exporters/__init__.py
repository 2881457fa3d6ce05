"""Exporters beside SQLite; they get only redacted copies.

* :mod:`~cortex_otel.sdk.extra_exporters.named`: what ``OTEL_*_EXPORTER`` names, if allowed;
* :mod:`~cortex_otel.sdk.extra_exporters.otlp`: the exporters of ``CORTEX_OTEL_OTLP_ENDPOINT``;
* :mod:`~cortex_otel.sdk.extra_exporters.fanout`: distributes the copies, closes all in time;
* :mod:`~cortex_otel.sdk.extra_exporters.processors`: their processors on the providers;
* :mod:`~cortex_otel.sdk.extra_exporters.sender`: an exporter with its own bounded queue and thread.
"""
