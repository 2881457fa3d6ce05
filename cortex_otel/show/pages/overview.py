"""The page "overview": five answers first, then who uses it, how much, how fast."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import NO_ERRORS, NO_EVENTS, NO_USERS

__all__ = ["PAGE"]

#: Answers are of whole weeks: a week that isn't over would be told as a fall.
NO_WHOLE_WEEK = N_("A whole week of use, Monday to Sunday, fills this: it is too early to say.")

PAGE = Page(
    id="overview",
    title=N_("Overview"),
    panels=(
        Panel(
            id="top_feature", question="answer_top_feature", draw="sentence", since="28d",
            sentence=N_(
    "In the week of {week}, {feature} was used most: by {share_of_active} of the active users "
    "({users})."
),
            trend="top_feature_weeks", x="week", values=("users",), leads_to="features",
            empty=NO_WHOLE_WEEK,
        ),
        Panel(
            id="failing", question="answer_failing", draw="sentence", since="7d",
            sentence=N_(
    "In the last 7 days, most failures were in {place}: {errors}, or {error_rate} of all that was "
    "done there. Users who met one: {users}."
),
            trend="error_rate", x="time", values=("error_rate",), leads_to="errors",
            empty=NO_ERRORS,
        ),
        Panel(
            id="latency", question="answer_latency", draw="sentence", since="28d",
            sentence=N_(
    "In the week of {week}, 95 % of the tool calls took at most {p95_ms}; in the week before, "
    "{p95_before_ms}."
),
            trend="latency_weeks", x="week", values=("p95_ms",), leads_to="mcp",
            empty=NO_WHOLE_WEEK,
        ),
        Panel(
            id="conversion", question="answer_conversion", draw="sentence", since="90d",
            sentence=N_(
    "First payments this week: {paid_users}. Of those who began unpaid in the week of {week}, "
    "{conversion_rate} came to pay within 30 days ({converted_users} of {eligible_users})."
),
            trend="conversion", x="week", values=("conversion_rate",), leads_to="conversion",
            parameters={"window_days": 30, "from_tier": ""},
            empty=N_(
    "Users whose first 30 days are over fill this: it is too early to say."
),
        ),
        Panel(
            id="left", question="answer_left", draw="sentence", since="28d",
            sentence=N_(
    "Active in the week before, and not in the week of {week}: {dormant_users} of "
    "{active_before} users. New in that week: {new_users}."
),
            trend="lifecycle", x="week", values=("dormant_users",), leads_to="lifecycle",
            empty=NO_WHOLE_WEEK,
        ),
        Panel(
            id="people", question="active_users", draw="cards",
            values=("dau", "wau", "mau", "stickiness"), empty=NO_USERS, wide=True,
        ),
        Panel(
            id="totals", question="overview", draw="cards",
            values=("events", "error_rate", "avg_ms", "p95_ms", "p99_ms", "sessions"),
            empty=NO_EVENTS, wide=True,
        ),
        Panel(id="dau", question="dau", draw="lines", x="day", values=("users",), empty=NO_USERS),
        Panel(id="mau", question="mau", draw="lines", x="day", values=("users",), empty=NO_USERS),
        Panel(
            id="hours", question="events_per_hour", draw="bars", x="time",
            values=("events", "errors"), since="24h", empty=NO_EVENTS,
        ),
        Panel(
            id="error_rate", question="error_rate", draw="lines", x="time",
            values=("error_rate",), since="24h", empty=NO_EVENTS,
        ),
        Panel(
            id="tiers", question="tiers", draw="pie", x="user_tier", values=("users",),
            empty=NO_USERS,
        ),
        Panel(
            id="services", question="services", draw="pie", x="service", values=("events",),
            title=N_("Events by service"), empty=NO_EVENTS,
        ),
        Panel(
            id="event_types", question="events_by_service", draw="table", wide=True,
            title=N_("Events by type"), links={"event_type": "errors"},
            empty=NO_EVENTS,
        ),
    ),
)  # fmt: skip
