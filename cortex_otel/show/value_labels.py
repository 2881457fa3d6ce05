"""What people read in place of values of columns: in the web admin, Grafana, reports, a terminal.

Keyed by the name of the column, as titles are. A value that isn't listed is a name, and shown as it
is. Machines (CSV, JSON, the API) get the values themselves.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel.locale import N_, texts
from cortex_otel.show.job_results import PHRASES
from cortex_otel.show.labels import RESULTS, TIERS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BY_COLUMN",
    "CHANNELS",
    "COMMON",
    "COMPOSED",
    "EMPTY",
    "OUTCOMES",
    "RULES",
    "SERVICES",
    "STATES",
    "TROUBLES",
    "Composed",
    "label_of",
    "replacements_of",
]

#: As people write the services that are declared; others have their name.
SERVICES: Final = {"mcp": "MCP", "extension": "Extension", "web": "Web"}
RULES: Final = {
    "error_rate": N_("Error rate"),
    "response_time": N_("Average response time"),
    "service_down": N_("Service down"),
    "store": N_("Store in trouble"),
    "job": N_("Job failed"),
    "disk": N_("Disk nearly full"),
}
STATES: Final = {
    "pending": N_("Pending"),
    "firing": N_("Firing"),
    "resolved": N_("Resolved"),
}
#: How the last run of a job ended.
OUTCOMES: Final = {
    "done": N_("Done"),
    "failed": N_("Failed"),
    "timed_out": N_("Timed out"),
    "interrupted": N_("Interrupted"),
    "off": N_("Off"),
}
CHANNELS: Final = {"slack": "Slack", "webhook": N_("Webhook"), "command": N_("Command")}
#: How far it is that a channel was told.
_DELIVERIES: Final = {
    "delivered": N_("delivered"),
    "given up": N_("given up"),
    "waiting": N_("waiting"),
    "trying": N_("trying"),
}
#: What keeps a process from storing or reading, as named in its heartbeat.
TROUBLES: Final = {
    "disk_full": N_("the disk is full"),
    "read_only": N_("the database or its directory is read-only"),
    "locked": N_("another process keeps the database locked"),
    "corrupt": N_("the database is damaged"),
    "schema_newer": N_("the database was written by a newer cortex-otel"),
    "not_ours": N_("the file isn't a cortex-otel database"),
    "unavailable": N_("the database can't be opened"),
    "slow": N_("questions take too long"),
}
#: Why records were dropped or deleted.
_REASONS: Final = {
    **TROUBLES,
    "age": N_("too old"),
    "closed": N_("came after the end"),
    "duplicate": N_("a duplicate"),
    "exit_timeout": N_("no time left at the end"),
    "invalid": N_("a value that can't be stored"),
    "queue_full": N_("the queue was full"),
    "size": N_("more than the size allowed"),
}
_UNKNOWN: Final = N_("Unknown")

BY_COLUMN: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "breakdown": TIERS,
        "error_type": {"unknown": _UNKNOWN},
        "from_tier": TIERS,
        "kind": {
            "event_type": N_("Event type"),
            "feature": N_("Feature"),
            "tier": N_("Tier"),
            "event": N_("Event"),
            "internal": N_("Internal"),
            "server": N_("Server"),
            "client": N_("Client"),
            "producer": N_("Producer"),
            "consumer": N_("Consumer"),
        },
        "mode": {"automatic": N_("Automatic"), "manual": N_("Manual"), "unknown": _UNKNOWN},
        "outcome": {**OUTCOMES, "conversion": N_("Conversion"), "return": N_("Return")},
        "problem": {
            "failure": N_("Failure"),
            "timeout": RESULTS["timeout"],
            "slow": N_("Slow call"),
        },
        "result": RESULTS,
        "rule": RULES,
        "signal": {
            "event": N_("Event"),
            "metric": N_("Metric"),
            "presence": N_("Presence"),
            "fault": N_("Fault"),
            "name": N_("Name"),
            "argument": N_("Argument"),
            "line": N_("Imported line"),
            "provider": N_("Provider"),
        },
        "state": {
            **STATES,
            "active": N_("Active"),
            "inactive": N_("Inactive"),
            "never_used": N_("Never used"),
        },
        "to_tier": TIERS,
        "user_tier": TIERS,
        "verdict": {
            "not_enough_data": N_("Not enough data"),
            "sample_ratio_mismatch": N_("Sample ratio mismatch"),
            "no_difference": N_("No difference"),
            "better": N_("One is better"),
            "less_often": N_("Less often with it"),
            "more_often": N_("More often with it"),
        },
    }
)
"""Column → value → text."""

#: Column → text in place of nothing, where rows are groups: else the name of one is missing.
EMPTY: Final = {"breakdown": _UNKNOWN}
#: Of values that mean the same in whichever column they stand.
COMMON: Final = {**TIERS, **RESULTS, "unknown": _UNKNOWN}


class Composed(NamedTuple):
    """How a column is made of several values, such as ``queue_full 12, age 3``."""

    before: str
    """What stands before each but the first."""
    parts: Mapping[str, tuple[str, ...]]
    """Part → its words, which are put beside each other."""
    after: str = ""
    """What follows each."""


_NODES: Final = Composed(
    ":",
    {
        "(end)": (N_("End of the session"),),
        "(start)": (N_("Start of the session"),),
        "(other)": (N_("Other"),),
    },
)
COMPOSED: Final[Mapping[str, Composed]] = MappingProxyType(
    {
        "delivery": Composed(
            ", ",
            {
                f"{channel} {state}": (of_channel, of_state)
                for channel, of_channel in CHANNELS.items()
                for state, of_state in _DELIVERIES.items()
            },
        ),
        "job_detail": Composed("", {phrase: (phrase,) for phrase in PHRASES}),
        "reasons": Composed(", ", {each: (text,) for each, text in _REASONS.items()}, " "),
        "source": _NODES,
        "target": _NODES,
    }
)
"""Columns whose values are made of several, by name."""


def replacements_of(column: str, language: str) -> list[tuple[str, str]]:
    """What to replace, one after the other, in ``before`` + a value of a composed column.

    Args:
        column: its name; of any other column there is nothing to replace.
        language: ``en`` or ``ko``.
    """
    if column not in COMPOSED:
        return []
    _ = texts(language).gettext
    before, parts, after = COMPOSED[column]
    return [
        (f"{before}{part}{after}", f"{before}{' '.join(map(_, words))}{after}")
        for part, words in parts.items()
    ]


def label_of(column: str, value: str, language: str) -> str:
    """``value`` of ``column`` as people read it; itself where it is a name.

    Args:
        column: its name.
        value: a text of it.
        language: ``en`` or ``ko``.
    """
    if column in COMPOSED:
        before = COMPOSED[column].before
        value = before + value
        for part, words in replacements_of(column, language):
            value = value.replace(part, words)
        return value.removeprefix(before)
    text = BY_COLUMN.get(column, {}).get(value)
    return value if text is None else texts(language).gettext(text)
