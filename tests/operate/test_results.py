"""What came of a job, in words."""

from __future__ import annotations

from collections import Counter

import pytest

from cortex_otel.operate.job import counted
from cortex_otel.operate.retention import Outcome
from cortex_otel.show.job_results import PHRASES
from cortex_otel.show.value_labels import label_of


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("1985 values written; the next run goes on", "1985"),
        ("off: set CORTEX_OTEL_BACKUP_TARGET", "CORTEX_OTEL_BACKUP_TARGET"),
        (str(Outcome(Counter({("event", "age"): 12}), 10**6, 10**6)), "1.0 → 1.0 MB"),
        (str(Outcome()), "0.0 → 0.0 MB"),
        ("1 file compressed, 2 deleted by age", "2"),
        ("cortex-x-1: 1 event, 10 bytes, encrypted, 0 older backups deleted", "cortex-x-1: "),
    ],
)
def test_results_are_worded_where_they_are_shown(stored, shown):
    assert label_of("job_detail", stored, "en") == stored
    korean = label_of("job_detail", stored, "ko")
    assert shown in korean
    assert not any(
        word in korean for word in ("values", "deleted", "compressed", "rows", "off", "encrypted")
    )


def test_a_phrase_comes_before_those_that_are_part_of_it():
    for place, phrase in enumerate(PHRASES):
        assert not any(earlier in phrase for earlier in PHRASES[:place])


def test_one_is_singular():
    assert counted(1, "value", "values") == "1 value"
    assert counted(0, "value", "values") == "0 values"
