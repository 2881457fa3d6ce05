"""A host with one tool, and what the test asks of it."""

from __future__ import annotations

import contextlib
import os
import socket
import sys

sys.path.insert(0, os.environ["CANARIES"])
from canaries import SHAPES, canary

socket.gethostname = lambda: f"{canary('machine', 'plain')}.example.net"

import cortex_otel  # noqa: E402

cortex_otel.configure(service="mcp")


@cortex_otel.instrument_tool
def tool(text, answer, error=None):
    if error:
        raise ValueError(error)
    return answer


from opentelemetry import trace  # noqa: E402

tracer = trace.get_tracer("host")
tool("", "")
if "--say" in sys.argv:
    shape = sys.argv[-1]
    tool(canary("argument", shape), canary("result", shape))
    with contextlib.suppress(ValueError):
        tool("", "", canary("message", shape))
elif "--attribute" in sys.argv:
    for shape in SHAPES:
        tracer.start_span("x", attributes={"host.own.text": canary("attribute", shape)}).end()
else:
    for name in sys.argv[1:]:
        for text in (name, f"sync {name}", f"{name}.local", f"job-{name}"):
            attributes = {"gen_ai.tool.name": text, "mcp.method.name": text, "session.id": text}
            tracer.start_span(text, attributes=attributes).end()
assert cortex_otel.force_flush(120_000)
