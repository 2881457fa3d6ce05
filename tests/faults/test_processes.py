from __future__ import annotations

import pytest
from store_kit import count, end, ledger, numbers, start, verify

pytestmark = pytest.mark.system

EACH = 12_000

CODE = """
import random
wait_for(lambda: Path(sys.argv[2]).exists(), pause=0.0001)
first, each = int(sys.argv[3]), int(sys.argv[4])
choose = random.Random(first)
writer = Writer(path, queue_size=each, interval_ms=1)
for number in range(each):
    assert writer.submit(record(
        first + number,
        series=SERIES._replace(name=str(choose.randrange(50)), user_tier=choose.choice("ab"),
                               result=choose.choice(["success", "error"])),
        session=SESSION._replace(session_id=str(choose.randrange(5))),
        user_id_hash=str(choose.randrange(30)),
        weight=float(choose.choice([1, 1, 10])),
    ))
    if number % 1000 == 0:
        for _ in range(3):
            writer.sample_out(record(series=SERIES._replace(event_type="span")))
        writer.submit_metrics([point(), point(value=float("nan"))])
assert writer.force_flush()
assert writer.shutdown()
"""


def test_four_at_full_speed_lose_nothing_and_their_ledgers_agree(path):
    go = path.parent.with_name("go")
    firsts = [10**6 * index for index in range(4)]
    processes = [start(CODE, path, go, first, EACH) for first in firsts]
    go.touch()
    assert [end(process, quiet=False) for process in processes] == [0, 0, 0, 0]
    assert numbers(path) == [first + number for first in firsts for number in range(EACH)]
    assert ledger(path) == {
        "received": 4 * (EACH + 36),
        "stored": 4 * EACH,
        "sampled_out": 4 * 36,
    }
    assert count(path, "telemetry_metrics") == 4 * 12
    # Names, users and sessions that all four met at once have one key each.
    assert count(path, "users") == 30
    assert count(path, "sessions") == 5
    assert count(path, "series") == 50 * 2 * 2
    verify(path)
