from __future__ import annotations

import math
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_kit import DAY, HOUR, MONDAY, SERIES, Session, record, rows, verify

from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.rollups import duration_bucket
from cortex_otel_exporters.sqlite.schema import LAST_BUCKET

_series = st.builds(
    SERIES._replace,
    service=st.sampled_from(["mcp", "extension"]),
    event_type=st.sampled_from(["mcp.tool_call", "ext.error", "span"]),
    feature=st.sampled_from(["", "search", "commit"]),
    user_tier=st.sampled_from(["free", "paid"]),
    result=st.sampled_from(["success", "error", "timeout", "cancelled"]),
)
_records = st.builds(
    record,
    st.integers(0, 1000),
    time_unix_nano=st.integers(MONDAY - DAY, MONDAY + 3 * DAY)
    | st.sampled_from([MONDAY - 1, MONDAY, MONDAY + HOUR, MONDAY + HOUR // 2, 1, 2**62]),
    duration_nano=st.none() | st.integers(0, 10**12) | st.sampled_from([0, 1000, 1001, 2**61]),
    series=_series,
    session=st.sampled_from([Session("a"), Session("b", "linux")]),
    user_id_hash=st.sampled_from(["", "aa", "bb"]),
    weight=st.sampled_from([1.0, 10.0, 1.25, 1000.0]) | st.floats(1, 1e6),
    measures=st.lists(
        st.tuples(st.sampled_from(["before", "after"]), st.floats(-1e9, 1e9)), max_size=2
    ).map(tuple),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(_records, max_size=12), max_size=4))
def test_they_equal_a_plain_computation_over_the_events(batches):
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "cortex.db"
        writer = BatchWriter(open_for_writing(path, synchronous="OFF"))
        for batch in batches:
            received = Counter({("event", "received", ""): len(batch)})
            assert not writer.write(batch, [], received)
        writer.close()
        assert verify(path) == sum(map(len, batches))
        _verify_measures(path, [event for batch in batches for event in batch])


def _verify_measures(path, events):
    expected = defaultdict(lambda: [0.0, 0.0])
    for event in events:
        series = event.series
        for name, value in event.measures:
            cell = expected[
                event.time_unix_nano // HOUR,
                series.service,
                series.event_type,
                series.feature,
                series.user_tier,
                name,
            ]
            cell[0] += event.weight
            cell[1] += event.weight * value
    found = rows(
        path,
        "SELECT m.hour, f.service, f.event_type, f.feature, g.user_tier, m.measure, m.events,"
        " m.total FROM rollup_measure m JOIN features f USING (feature_key)"
        " JOIN segments g USING (segment_key) WHERE g.service = f.service",
    )
    assert {row[:6] for row in found} == expected.keys()
    for row in found:
        assert list(row[6:]) == pytest.approx(expected[row[:6]], rel=1e-9, abs=1e-3)


@given(st.integers(1000, int(2 ** (LAST_BUCKET / 8) * 1000)))
def test_a_bucket_is_at_most_4_5_percent_off(duration):
    middle = math.exp2((duration_bucket(duration) + 0.5) / 8) * 1000
    assert abs(middle - duration) / duration <= 0.0451


def test_buckets_have_no_gap_and_an_end():
    buckets = [duration_bucket(int(1000 * 2 ** (step / 64))) for step in range(64 * 40)]
    assert buckets == sorted(buckets)
    assert set(buckets) == set(range(LAST_BUCKET))
    assert duration_bucket(0) == 0
    assert duration_bucket(2**62) == LAST_BUCKET
