"""The way to exporters beside SQLite: redacted copies, and nothing else.

* :mod:`~cortex_otel.forward.beside`: who gets what, and how it all ends in time;
* :mod:`~cortex_otel.forward.processors`: what stands on providers for them;
* :mod:`~cortex_otel.forward.sender`: an exporter with a bounded queue and a thread of its own;
* :mod:`cortex_otel.other_exporters`: what ``OTEL_*_EXPORTER`` names, if the user allowed it;
* :mod:`~cortex_otel.forward.otlp`: the exporters of ``CORTEX_OTEL_OTLP_ENDPOINT``.
"""
