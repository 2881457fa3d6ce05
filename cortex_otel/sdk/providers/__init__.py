"""OpenTelemetry's global providers: ours where the host has none, the host's where it has.

The API lets a process set each of the three once; a second one is refused. Under zero-code ours is
set first, so a host that sets up its own OpenTelemetry would record nothing. Therefore each signal
is a *joint*: unless the host sets a provider, ours is the global one. When it does, before us or
after, the host's becomes (or stays) the global one, and our store joins it as a processor or
reader: both get everything once. What was obtained from our provider before (tracers, loggers,
meters, instruments) delegates to the host's.

A provider can be joined

* by its processors, if it is the SDK's or wraps one of the SDK's (``joined``);
* by mirroring its spans, if they are of another implementation, such as ddtrace's (``mirrored``);
* or not at all: then what the host records goes only to the host's exporters, and what we record
  only to the store (``apart``). That is logged as a warning.

``traces``, ``logs`` and ``meters`` have a joint each, ``slots`` the API's global variables,
``sampled`` keeps the host's sampling as it is, ``mirror`` handles spans of other implementations.
"""

from __future__ import annotations

from cortex_otel.sdk.providers.logs import LogJoint
from cortex_otel.sdk.providers.meters import MetricJoint
from cortex_otel.sdk.providers.slots import Joint
from cortex_otel.sdk.providers.traces import TraceJoint

__all__ = ["Joint", "LogJoint", "MetricJoint", "TraceJoint"]
