"""Helpers for tests of instrumented code: capture in memory what would have been stored.

::

    from cortex_otel.testing import capture


    def test_the_search_is_recorded():
        with capture(tier="paid") as recorded:
            search_context("needle")
        (event,) = recorded.events()
        assert (event.series.tool_name, event.series.result) == ("search_context", "success")

Ids count from 1, the session is :data:`SESSION`, and times are a millisecond apart from
:data:`BEGIN_NS` on, in the order in which they ended, so that rows can be compared with a snapshot.
Redaction, identity and sampling are the real ones. No file is created, no thread started, and no
provider of the host replaced.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator

from cortex_otel import identity
from cortex_otel.instrument.metrics import operation_duration, session_duration
from cortex_otel.instrument.state import state
from cortex_otel.sdk.pipeline import SCOPE, Pipeline
from cortex_otel.settings import read_environment
from cortex_otel_exporters.record import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cortex_otel.process.convert import Converter
    from cortex_otel_exporters.record import MetricPoint, Record

__all__ = ["BEGIN_NS", "SESSION", "CountingIds", "Recorded", "capture"]

#: 2026-01-05T00:00:00Z, a Monday; Unix ns.
BEGIN_NS = 1_767_571_200_000_000_000
_NS_A_MS = 10**6
# Hashes of text are the same in every run, and differ from those that are really recorded.
_TEXT_KEY = b"cortex_otel.testing"
#: The session of records without their own.
SESSION = Session("session-1")


class CountingIds(IdGenerator):
    """Trace and span ids that count: 1, 2, 3."""

    def __init__(self) -> None:
        self._traces = self._spans = 0

    def generate_trace_id(self) -> int:
        """The next trace id."""
        self._traces += 1
        return self._traces

    def generate_span_id(self) -> int:
        """The next span id."""
        self._spans += 1
        return self._spans


class Recorded:
    """What has been recorded so far; a sink that keeps its rows."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._reader = InMemoryMetricReader()
        self._converter: Converter | None = None
        self.sampled_out = 0
        """Records that sampling left out."""
        self.dropped: Counter[str] = Counter()
        """Records that were refused, by reason."""
        self.noted: Counter[tuple[str, str, str]] = Counter()
        """Other entries of the ledger: counts by signal, outcome and reason."""

    def events(self, event_type: str | None = None) -> list[Record]:
        """The rows, in the order in which they ended.

        Args:
            event_type: of this one only, e.g. ``mcp.tool_call``.
        """
        rows = [
            record._replace(
                time_unix_nano=BEGIN_NS + number * _NS_A_MS,
                duration_nano=None if record.duration_nano is None else _NS_A_MS,
            )
            for number, record in enumerate(self._records)
        ]
        return [row for row in rows if event_type in (None, row.series.event_type)]

    def metrics(self) -> list[MetricPoint]:
        """The rows of the OpenTelemetry instruments; times and durations are the real ones."""
        data = self._reader.get_metrics_data()
        return [] if data is None or self._converter is None else self._converter.metrics(data)

    # --- as a sink ------------------------------------------------------------------------------

    def submit(self, record: Record) -> bool:
        """Keep a row."""
        self._records.append(record)
        return True

    def submit_metrics(self, points: list[MetricPoint]) -> bool:
        """Do nothing: :meth:`metrics` reads the instruments."""
        del points
        return True

    def sample_out(self, record: Record) -> None:
        """Count what sampling left out."""
        del record
        self.sampled_out += 1

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        """Count what was refused."""
        del signal
        self.dropped[reason] += number

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        """Count another entry of the ledger."""
        self.noted[signal, outcome, reason] += number

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        """Do nothing: everything is in memory."""
        del timeout_millis
        return True


@contextlib.contextmanager
def capture(**settings: Any) -> Iterator[Recorded]:
    """Record into memory while the block runs, in this process, whatever was configured before.

    Args:
        **settings: fields of :class:`cortex_otel.Settings` (``service``, ``tier``, ``user_id``,
            ``sampling``, ``allow_attributes`` …); the environment is not read.

    Yields:
        What has been recorded so far.

    Raises:
        SettingError: a setting is invalid.
    """
    parsed = read_environment({}, overrides=settings)
    previous_state = {name: getattr(state, name) for name in state.__slots__}
    resolver = identity.IdentityResolver(parsed, text_key=_TEXT_KEY)
    previous = identity.exchange(resolver)
    resolver.provider = previous.provider
    recorded = Recorded()
    pipeline = Pipeline(
        parsed, resolver, recorded, sampling=parsed.sampling, session=lambda: SESSION
    )
    recorded._converter = pipeline.converter  # noqa: SLF001 - its maker
    tracers = TracerProvider(id_generator=CountingIds(), shutdown_on_exit=False)
    tracers.add_span_processor(pipeline.span_processor)
    loggers = LoggerProvider(shutdown_on_exit=False)
    loggers.add_log_record_processor(pipeline.log_processor)
    meters = MeterProvider([recorded._reader], shutdown_on_exit=False)  # noqa: SLF001 - its maker
    state.reset()
    # Without the version, or each release would change the rows.
    meter = meters.get_meter(SCOPE)
    pipeline.activate(
        tracers.get_tracer(SCOPE),
        loggers.get_logger(SCOPE),
        session_duration(meter),
        operation_duration(meter),
    )
    try:
        yield recorded
    finally:
        pipeline.sampler.flush()
        for name, value in previous_state.items():
            setattr(state, name, value)
        identity.exchange(previous)
        meters.shutdown()
