"""The page "history": the named metrics over a year, when the events are long gone."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.semconv import TARGETS
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import ANALYTICS, WHO_CONVERTS

__all__ = ["PAGE"]

_DAILY = {"period": "daily"}
_NOT_YET = N_("A whole day of use fills this, within an hour after it: see cortex-otel jobs.")

PAGE = Page(
    id="history",
    title=N_("Long term"),
    group=ANALYTICS,
    since="365d",
    panels=(
        Panel(
            id="users", question="metric_history", draw="lines", x="time", values=("dau", "mau"),
            parameters=_DAILY, title=N_("Active users by day"), empty=_NOT_YET, wide=True,
        ),
        Panel(
            id="error_rate", question="metric_history", draw="lines", x="time",
            values=("error_rate",), parameters=_DAILY, title=N_("Error rate by day"),
            empty=_NOT_YET,
        ),
        Panel(
            id="response_times", question="metric_history", draw="lines", x="time",
            values=("avg_ms", "p95_ms", "p99_ms"), parameters=_DAILY,
            title=N_("Response times by day"), empty=_NOT_YET,
        ),
        Panel(
            id="savings", question="metric_history", draw="lines", x="time",
            values=("savings_rate",), target=TARGETS["token_savings_rate"], parameters=_DAILY,
            title=N_("Token savings by day"), empty=_NOT_YET,
        ),
        Panel(
            id="acceptance", question="metric_history", draw="lines", x="time",
            values=("accuracy",), target=TARGETS["reference_accuracy"], parameters=_DAILY,
            title=N_("Reference acceptance by day"), empty=_NOT_YET,
        ),
        Panel(
            id="conversion", question="metric_history", draw="lines", x="time",
            values=("conversion_rate",), parameters={"period": "weekly"},
            title=N_("Conversion by week of the first event"), wide=True,
            empty=N_("Users whose first 30 days are over fill this: it is too early to say."),
            note=WHO_CONVERTS,
        ),
    ),
)  # fmt: skip
