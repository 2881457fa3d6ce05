"""Exporters beside SQLite: redacted copies, and nothing else.

* :mod:`~cortex_otel.sdk.extra_exporters.named`: what ``OTEL_*_EXPORTER`` names, if allowed;
* :mod:`~cortex_otel.sdk.extra_exporters.otlp`: the exporters of ``CORTEX_OTEL_OTLP_ENDPOINT``;
* :mod:`~cortex_otel.sdk.extra_exporters.fanout`: who gets what, and how it all ends in time;
* :mod:`~cortex_otel.sdk.extra_exporters.processors`: what the providers hold for them;
* :mod:`~cortex_otel.sdk.extra_exporters.sender`: an exporter with its own bounded queue and thread.
"""
