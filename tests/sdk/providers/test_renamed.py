"""A private part of OpenTelemetry has another name: a fault that is counted, or the public way."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from cortex_otel.span import internals, metric_internals

pytestmark = pytest.mark.system

_everything = runpy.run_path(str(Path(__file__).with_name("test_providers.py")))
EVERYTHING, SPANS, METRICS = (_everything[name] for name in ("EVERYTHING", "SPANS", "METRICS"))
#: Before anything of ours asks for it, the part has gone.
GONE = """
import sys
from cortex_otel import guard
from cortex_otel.span import internals
from cortex_otel.sdk.providers import meters

gone, real = sys.argv.pop(), internals.part

def part(owner, *names):
    left = [name for name in names if name != gone]
    if not left:
        raise internals.MissingPartError(gone)
    return real(owner, *left)

for module in list(sys.modules.values()):
    if vars(module).get("part") is real:
        module.part = part
"""
_SOURCES = "".join(
    Path(module.__file__).read_text("utf-8") for module in (internals, metric_internals)
)
PARTS = sorted(
    {name for asked in re.findall(r'part\([^"]*((?:"_\w+"(?:, )?)+)\)', _SOURCES)
     for name in re.findall(r"_\w+", asked)}
    - {"_preferred_temporality", "_preferred_aggregation", "_get_temporality", "_get_aggregation"}
    | {"_tracers", "_logger_cache", "_meters", "_TRACER_PROVIDER", "_TRACER_PROVIDER_SET_ONCE",
       "_LOGGER_PROVIDER", "_METER_PROVIDER", "_on_ending"}
)  # fmt: skip


def test_the_parts_are_found_in_the_source():
    assert {"_span_processors", "_log_record_processors", "_reader_storages"} <= {*PARTS}
    assert len(PARTS) > 20


@pytest.mark.parametrize("gone", PARTS)
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_no_renamed_part_is_passed_over_in_silence(host, first, gone):
    script = GONE + EVERYTHING.replace("report(", "report(faults=dict(guard.faults()), ")
    found, _ = host(script, first, "code", gone)
    is_whole = (
        found["ours"]["spans"] == SPANS
        and sorted(found["ours"]["logs"]) == ["logger.after", "logger.before"]
        and METRICS.items() <= found["ours"]["metrics"].items()
        and found["theirs"]["spans"] == SPANS
        and sorted(found["theirs"]["logs"]) == ["logger.after", "logger.before"]
        and METRICS.items() <= found["theirs"]["metrics"].items()
    )
    assert is_whole or found["faults"]
    # What the host does with its own is as ever.
    assert "of a tracer from after" in found["theirs"]["spans"]
    assert "logger.after" in found["theirs"]["logs"]
    assert found["theirs"]["metrics"]["after.counter"] == 2
    # Nothing twice, and no tree that is none.
    for side in ("theirs", "ours"):
        assert len(found[side]["spans"]) == len(set(found[side]["spans"])), side


def test_a_renamed_list_of_tracers_is_a_fault_where_the_sampler_is_to_be_joined(host):
    script = (
        GONE
        + """
tracers = set_up(ALWAYS_OFF)
early = tracers.get_tracer("early")
import cortex_otel
cortex_otel.configure()
span(early, "early")
span(trace.get_tracer("after"), "after")
report(faults=dict(guard.faults()))
"""
    )
    found, _ = host(script, "_tracers")
    assert found["faults"] == {"providers.traces.sampler": 1}
    assert found["ours"]["spans"] == ["after"]
