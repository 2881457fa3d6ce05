"""An evaluator over a real store, look by look, in simulated time."""

from __future__ import annotations

import apsw
from store_kit import SERIES, record

from cortex_otel.operate.alerts.evaluator import Evaluator
from cortex_otel.settings import Settings
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing

NS = 10**9
FAILED = SERIES._replace(result="error", error_type="LookupError")
#: Half past some hour: simulated times move on from here.
START = 1_795_865_400 * NS


class Machine:
    """An evaluator over a store, in simulated time."""

    def __init__(self, home, **settings):
        self.home = home
        self.settings = Settings(home=home, alert_disk_free_mb=1, **settings)
        self.evaluator = Evaluator(self.settings)
        self.now = 0.0
        self.number = 0
        self.writer = None

    def open(self):
        self.writer = BatchWriter(open_for_writing(self.home / "cortex.db"))

    def calls(self, count, series=SERIES, duration_ms=5.0):
        if self.writer is None:
            self.open()
        self.number += count
        self.writer.write(
            [
                record(self.number + each, series=series, duration_nano=round(duration_ms * 1e6),
                       time_unix_nano=START + round(self.now * NS) - each - 1)
                for each in range(count)
            ],
            [], {},
        )  # fmt: skip

    def look(self, seconds=1.0, times=1):
        for _ in range(times):
            self.now += seconds
            self.evaluator._look(START + round(self.now * NS), self.now)

    @property
    def states(self):
        return {f"{each.rule} {each.subject}".strip(): each.state
                for each in self.evaluator._alerts.values()}  # fmt: skip

    def rows(self, sql="SELECT rule, subject, state FROM alerts ORDER BY since"):
        connection = apsw.Connection(str(self.home / "cortex.db"),
                                     flags=apsw.SQLITE_OPEN_READONLY)  # fmt: skip
        try:
            return list(connection.execute(sql))
        finally:
            connection.close()

    def close(self):
        self.evaluator.stop()
        self.evaluator._watch.close()
        self.evaluator._alert_store.close()
        if self.writer is not None:
            self.writer.close()
