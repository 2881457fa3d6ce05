"""A host of greenlets: `green_host.py gevent|eventlet MOMENT OPTION`, MOMENT of the patch as below.

Prints a JSON line when its work is done. OPTION: `end`; `wait` for a signal; `trouble` with the
store, which the writer tells of.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path

faulthandler.dump_traceback_later(60, exit=True)
LIBRARY, MOMENT, OPTION = sys.argv[1:4]
WORKERS = 50
main = threading.get_native_id()
calls: list[int] = []
traces: set[int] = set()
places: dict[str, set[bool]] = {"log": set(), "callback": set()}


def patch(moment: str) -> None:
    if moment == MOMENT:
        name, function = {
            "gevent": ("gevent.monkey", "patch_all"),
            "eventlet": ("eventlet", "monkey_patch"),
        }[LIBRARY]
        getattr(importlib.import_module(name), function)()


class Handler(logging.Handler):
    """One that works with the host's own means: greenlets."""

    def emit(self, record: logging.LogRecord) -> None:
        places["log"].add(threading.get_native_id() == main)
        time.sleep(0)


def observe(_options):
    places["callback"].add(threading.get_native_id() == main)
    return []


patch("before-import")
from opentelemetry import metrics, trace  # noqa: E402

import cortex_otel  # noqa: E402

patch("after-import")
cortex_otel.configure(
    service="mcp", flush_interval_ms=60_000 if OPTION == "wait" else 10, metrics_interval_ms=100
)
logging.getLogger("cortex_otel").addHandler(Handler())
patch("after-start")


@cortex_otel.instrument_tool
def inner(number: int) -> int:
    time.sleep(0.001)
    return number


@cortex_otel.instrument_tool
def outer(number: int) -> int:
    calls.append(number)
    traces.add(trace.get_current_span().get_span_context().trace_id)
    time.sleep(0.001)
    return inner(number)


if MOMENT == "after-first-record":
    outer(0)
    cortex_otel.force_flush()
    traces.clear()
    patch("after-first-record")

meter = metrics.get_meter("host")
meter.create_observable_gauge("depth", [observe])
jobs = meter.create_counter("jobs")

if LIBRARY == "gevent":
    import gevent

    started = [gevent.spawn(outer, number) for number in range(WORKERS)]
    gevent.joinall(started)
    total = sum(each.value for each in started)
else:
    import eventlet

    total = sum(each.wait() for each in [eventlet.spawn(outer, n) for n in range(WORKERS)])
traces_of_greenlets = len(traces)
jobs.add(3)


def work_until(seen) -> None:
    deadline = time.monotonic() + 120
    while not seen() and time.monotonic() < deadline:
        outer(0)
        time.sleep(0.02)


work_until(lambda: places["callback"])
if OPTION == "trouble":
    flushed = cortex_otel.force_flush(120_000)
    database = Path(os.environ["CORTEX_OTEL_HOME"]) / "cortex.db"
    database.rename(database.with_name("before"))
    database.mkdir()  # nobody can open that
    work_until(lambda: places["log"])
    database.rmdir()
flushed = cortex_otel.force_flush(120_000)
inner(-1)
told = json.dumps(
    {
        "total": total,
        "flushed": flushed,
        "callbacks_on_main": sorted(places["callback"]),
        "logs_on_main": sorted(places["log"]),
        "outer": len(calls),
        "traces": traces_of_greenlets,
    }
)
sys.stdout.write(f"{told}\n")
sys.stdout.flush()
if OPTION == "wait":
    while True:
        time.sleep(0.05)
