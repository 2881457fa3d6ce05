"""What sets OpenTelemetry up in a process.

* :mod:`~cortex_otel.sdk.configure`: the composition root: begins, changes and ends a process's
  pipeline;
* :mod:`~cortex_otel.sdk.pipeline`: that pipeline: redaction, sampling, the store and the providers;
* :mod:`~cortex_otel.sdk.distro`: the entry points of ``opentelemetry-instrument``;
* :mod:`~cortex_otel.sdk.environment`: read by its launcher before the target starts;
* :mod:`~cortex_otel.sdk.resource`: the resource, and the sampler by name;
* :mod:`~cortex_otel.sdk.lifecycle`: exit, signals and forks;
* :mod:`~cortex_otel.sdk.providers`: OpenTelemetry's global providers, the host's or ours;
* :mod:`~cortex_otel.sdk.extra_exporters`: redacted copies for opt-in exporters beside SQLite.
"""
