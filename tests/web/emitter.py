"""A server of Cortex in miniature: calls a tool whenever a line comes in, and says when.

What is measured from its word on is the whole way: record, commit, notice, answer, draw.
"""

from __future__ import annotations

import contextlib
import sys
import time

import cortex_otel

cortex_otel.configure(service="mcp", tier="paid")


def tool(name, fail):
    @cortex_otel.instrument_tool(name=name)
    def call() -> None:
        if fail:
            raise ValueError("not stored")

    return call


for line in sys.stdin:
    name, _, outcome = line.strip().partition("\t")
    with contextlib.suppress(ValueError):
        tool(name, outcome == "error")()
    sys.stdout.write(f"{time.time()}\n")
    sys.stdout.flush()
