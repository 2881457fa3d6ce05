"""OpenTelemetry's global providers: ours where the host has none, the host's where it has.

The API lets a process set each of the three once; whoever comes second is refused. Under zero-code
we come first, so a host that sets up its own OpenTelemetry would be silenced. Therefore each
signal is a *joint*: as long as nobody else comes, our provider is the global one. As soon as the
host sets its own, before us or after, that becomes (or stays) the global one, and our store joins
it as a processor or reader: both get everything once. What was fetched from our provider before
(tracers, loggers, meters, instruments) hands on to the host's.

A provider can be joined

* by its processors, if it is the SDK's or stands before one of the SDK's (``joined``);
* by looking at its spans, if they are of another make, as ddtrace's are (``mirrored``);
* or not at all: then what the host records is the host's alone, and what we record is the store's
  alone (``apart``). That is warned of.

``traces``, ``logs`` and ``meters`` have a joint each, ``slots`` the API's global variables,
``sampled`` what keeps the host's sampling its own, ``mirror`` the spans of another make.
"""

from __future__ import annotations

from cortex_otel.sdk.providers.logs import LogJoint
from cortex_otel.sdk.providers.meters import MetricJoint
from cortex_otel.sdk.providers.slots import Joint
from cortex_otel.sdk.providers.traces import TraceJoint

__all__ = ["Joint", "LogJoint", "MetricJoint", "TraceJoint"]
