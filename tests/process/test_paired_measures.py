"""Of a ratio of sums, an event counts only with both of its numbers: what is missing is no 0."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from cortex_otel import semconv as sc
from cortex_otel.process.measures import measures_of
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel_exporters.sqlite.reader import open_reader

PAIRS = [
    (sc.CORTEX_COMPRESS_TOKENS_BEFORE, sc.CORTEX_COMPRESS_TOKENS_AFTER),
    (sc.CORTEX_REFERENCE_SUGGESTED, sc.CORTEX_REFERENCE_ACCEPTED),
]
HOST = """
import cortex_otel
from cortex_otel import events
from cortex_otel.sdk.configure import shutdown

cortex_otel.configure()
with events.compress_context(tokens_before=1000) as event:
    event.set(token_after=3)
events.compress_context(tokens_before=1000, tokens_after=900)
events.compress_context(tokens_before="many", tokens_after=5)
events.reference_suggest(suggested=-1, accepted=1)
events.reference_suggest(suggested=4, accepted=None)
events.reference_suggest(suggested=2)
events.reference_suggest(suggested=0, accepted=1)
shutdown()
"""


@pytest.mark.parametrize("pair", PAIRS)
def test_one_alone_is_not_summed(pair):
    names = [sc.MEASURES[key] for key in pair]
    assert measures_of(dict.fromkeys(pair, 3)) == tuple((name, 3.0) for name in names)
    for key, other in (pair, pair[::-1]):
        assert measures_of({key: 3}) == ()
        assert measures_of({key: 3, other: "3"}) == ()
        assert measures_of({key: 3, other: 1e19}) == ()  # kept, and not summed
        assert measures_of({key: 0, sc.CORTEX_SEARCH_RESULTS: 2}) == (("results", 2.0),)


def test_each_pair_is_declared_both_ways():
    assert {sc.MEASURES[one]: sc.MEASURES[other] for one, other in PAIRS} | {
        sc.MEASURES[other]: sc.MEASURES[one] for one, other in PAIRS
    } == sc.PAIRED_MEASURES


@pytest.mark.system
def test_a_misspelt_number_leaves_the_answers_true(tmp_path):
    subprocess.run(
        [sys.executable, "-c", HOST],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env={**os.environ, "CORTEX_OTEL_HOME": str(tmp_path)},
    )
    connection = open_reader(tmp_path / "cortex.db")
    now = time.time_ns()
    given = {"from_ns": now - 3600 * 10**9, "to_ns": now + 10**9}

    def ask(name):
        result = run(connection, catalogue()[name], given)
        (row,) = result.rows
        return dict(zip([column.name for column in result.columns], row, strict=True))

    try:
        savings, accuracy, summary = map(
            ask, ("token_savings", "reference_accuracy", "mcp_summary")
        )
    finally:
        connection.close()
    assert (savings["compressions"], savings["tokens_before"], savings["tokens_after"]) == (
        1,
        1000,
        900,
    )
    assert savings["savings_rate"] == summary["savings_rate"] == pytest.approx(0.1)
    assert (accuracy["suggested"], accuracy["accepted"]) == (2, 1)
    assert accuracy["accuracy"] == summary["accuracy"] == 0.5
