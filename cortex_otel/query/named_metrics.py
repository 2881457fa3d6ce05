"""The named metrics of the product: what each is, and which question of the catalogue answers it.

Generated from telemetry/registry by ``make generate``: change it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["NAMED_METRICS", "PERIODS", "NamedMetric", "Period"]

Period = Literal["hourly", "daily", "weekly"]
"""How long a period is; as ``kind`` it marks the rows of ``telemetry_metrics`` that hold them."""
PERIODS: Final[tuple[Period, ...]] = ("hourly", "daily", "weekly")


@dataclass(frozen=True, slots=True)
class NamedMetric:
    """One of them."""

    name: str
    unit: str
    cadence: Period
    question: str
    """In the catalogue."""
    column: str
    """Of the question: the value."""
    of: str
    """Of the question: how many it is of; empty where it is a number itself."""
    prometheus: str
    """Its name on ``/metrics``, in base units."""
    about: str
    """One English sentence."""

    @property
    def periods(self) -> tuple[Period, ...]:
        """Those that it is kept for: what is hourly for each day, too."""
        return ("hourly", "daily") if self.cadence == "hourly" else (self.cadence,)


NAMED_METRICS: Final = (
    NamedMetric(
        name="dau",
        unit="{user}",
        cadence="daily",
        question="dau",
        column="users",
        of="",
        prometheus="cortex_daily_active_users",
        about="Distinct active users in a day.",
    ),
    NamedMetric(
        name="mau",
        unit="{user}",
        cadence="daily",
        question="mau",
        column="users",
        of="",
        prometheus="cortex_monthly_active_users",
        about="Distinct active users in the 30 days that end with a day.",
    ),
    NamedMetric(
        name="error_rate",
        unit="1",
        cadence="hourly",
        question="by_service_and_tier",
        column="error_rate",
        of="rated",
        prometheus="cortex_error_ratio",
        about="Share of product events that failed or timed out.",
    ),
    NamedMetric(
        name="avg_response_time",
        unit="ms",
        cadence="hourly",
        question="by_service_and_tier",
        column="avg_ms",
        of="timed",
        prometheus="cortex_response_time_mean_seconds",
        about="Mean duration of the events that have one.",
    ),
    NamedMetric(
        name="p95_response_time",
        unit="ms",
        cadence="hourly",
        question="by_service_and_tier",
        column="p95_ms",
        of="timed",
        prometheus="cortex_response_time_p95_seconds",
        about="95 % of the durations are at most this (P95).",
    ),
    NamedMetric(
        name="p99_response_time",
        unit="ms",
        cadence="hourly",
        question="by_service_and_tier",
        column="p99_ms",
        of="timed",
        prometheus="cortex_response_time_p99_seconds",
        about="99 % of the durations are at most this (P99).",
    ),
    NamedMetric(
        name="token_savings_rate",
        unit="1",
        cadence="daily",
        question="token_savings",
        column="savings_rate",
        of="compressions",
        prometheus="cortex_token_savings_ratio",
        about="Share of the tokens that Smart Context saves.",
    ),
    NamedMetric(
        name="reference_accuracy",
        unit="1",
        cadence="daily",
        question="reference_accuracy",
        column="accuracy",
        of="suggested",
        prometheus="cortex_reference_accuracy_ratio",
        about="Share of the suggested references that were accepted.",
    ),
    NamedMetric(
        name="conversion_rate",
        unit="1",
        cadence="weekly",
        question="conversion",
        column="conversion_rate",
        of="eligible_users",
        prometheus="cortex_conversion_ratio",
        about="Share of those who began unpaid in a week and came to pay within 30 days.",
    ),
)
