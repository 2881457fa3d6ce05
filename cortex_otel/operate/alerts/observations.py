"""What can be seen of each rule: the number, and whether it is above, below or in between.

Error rates and durations are the catalogue's answer to ``health`` for a range of whole seconds:
the number in an alert is that of ``cortex-otel query health`` for the same range.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

from cortex_otel.operate.alerts.states import Level, Observation
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    import apsw

    from cortex_otel.query.alert_rules import AlertRules
    from cortex_otel.query.writers import WriterState

__all__ = ["OF_HEALTH", "Processes", "disk", "health", "jobs", "leading", "measured", "store"]

OF_HEALTH: Final = frozenset({"error_rate", "response_time"})
"""The rules of :func:`health`."""
_NS = 10**9
#: What fell below this share of its threshold is clear; above, it may be on its way back.
_CLEAR_BELOW: Final = 0.8
_CLEAR_ABOVE: Final = 1.1  # of free space
_MB = 10**6
_TIME_LIMIT_MS = 1000


def health(connection: apsw.Connection, rules: AlertRules, now_ns: int) -> list[Observation]:
    """Error rate and mean duration of each watched service, in the window up to now.

    Raises:
        QueryTimeoutError, StoreError: it can't be said.
    """
    to_ns = now_ns // _NS * _NS
    from_ns = to_ns - rules.window_minutes * 60 * _NS
    asked = run(
        connection,
        catalogue()["health"],
        {"from_ns": from_ns, "to_ns": to_ns},
        time_limit_ms=_TIME_LIMIT_MS,
    )
    found: list[Observation] = []
    for row in asked.records():
        service = str(row["service"])
        if rules.services and service not in rules.services:
            continue
        detail = {"from_ns": from_ns, "to_ns": to_ns}
        found += (
            # The events that count in error rates, and their failures: 50 of 250 is 20 %.
            _measured("error_rate", service, row["error_rate"], row["rated"], rules.error_rate,
                      rules.min_events,
                      {**detail, "events": row["rated"], "errors": row["rated_errors"]}),
            _measured("response_time", service, row["avg_ms"], row["timed"], rules.response_ms,
                      rules.min_events, {**detail, "events": row["events"], "timed": row["timed"]}),
        )  # fmt: skip
    return found


def measured(
    connection: apsw.Connection,
    rules: AlertRules,
    open_alerts: Collection[tuple[str, str]],
    now_ns: int,
) -> list[Observation]:
    """:func:`health`, and the end of what is open and had no events in the window.

    Args:
        connection: a reader.
        rules: thresholds.
        open_alerts: rule and subject of each.
        now_ns: Unix ns.

    Raises:
        QueryTimeoutError, StoreError: it can't be said.
    """
    seen = health(connection, rules, now_ns)
    found = {(each.rule, each.subject) for each in seen}
    return seen + [
        Observation(rule=rule, subject=subject, level=Level.CLEAR, detail={"why": "no_events"})
        for rule, subject in open_alerts
        if rule in OF_HEALTH and (rule, subject) not in found
    ]


def leading(connection: apsw.Connection, seen: Observation) -> dict[str, Any]:
    """What leads in an observation of :func:`health`: the tool, and the class of error.

    Raises:
        QueryTimeoutError, StoreError: it can't be said.
    """

    def first(question: str) -> Mapping[str, Any]:
        asked = run(
            connection,
            catalogue()[question],
            {
                "from_ns": seen.detail["from_ns"],
                "to_ns": seen.detail["to_ns"],
                "service": seen.subject,
            },
            time_limit_ms=_TIME_LIMIT_MS,
        )
        rows = asked.records()
        if question == "tools":
            rows.sort(key=lambda row: float(row["p95_ms"] or 0), reverse=True)
        return rows[0] if rows else {}

    if seen.rule == "response_time":
        tool = first("tools")
        return {"tool": tool["tool_name"], "tool_p95_ms": tool["p95_ms"]} if tool else {}
    place, kind = first("error_places"), first("error_types")
    found: dict[str, Any] = {}
    if place:
        found |= {"tool": place["tool_name"] or place["event_type"],
                  "tool_errors": place["errors"]}  # fmt: skip
    if kind:
        found |= {"error_type": kind["error_type"], "type_errors": kind["errors"]}
    return found


def jobs(connection: apsw.Connection) -> Iterator[Observation]:
    """The last run of each job; of one that is switched off, however that ended, nothing is wrong.

    Raises:
        apsw.Error: it can't be said.
    """
    levels = {"failed": Level.BREACHED, "timed_out": Level.BREACHED, "done": Level.CLEAR}
    for job, outcome, failures, is_off in connection.execute(
        "SELECT job, outcome, failures, next_run IS NULL AND holder IS NULL FROM jobs"
    ):
        yield Observation(
            rule="job",
            subject=job,
            level=Level.CLEAR if is_off else levels.get(outcome, Level.BETWEEN),
            value=failures,
            detail={"outcome": outcome, **({"why": "switched_off"} if is_off else {})},
        )


def store(trouble: str, writers: Iterable[WriterState]) -> Observation:
    """Whether anyone can't read or store.

    Args:
        trouble: of reading, by the name that it has in a heartbeat; empty if there is none.
        writers: every process with a heartbeat.
    """
    troubles = [each.trouble for each in writers if each.alive and each.trouble]
    reason = trouble or (troubles[0] if troubles else "")
    return Observation(
        rule="store",
        subject="",
        level=Level.BREACHED if reason else Level.CLEAR,
        value=float(len(troubles)) if reason else None,
        detail={"reason": reason} if reason else {},
    )


def disk(home: Path, rules: AlertRules) -> Observation | None:
    """The free space where the database is; ``None`` if nobody can say."""
    for place in (home, *home.parents):
        try:
            free = shutil.disk_usage(place).free / _MB
        except OSError:
            continue
        if free < rules.disk_free_mb:
            level = Level.BREACHED
        else:
            is_clear = free >= rules.disk_free_mb * _CLEAR_ABOVE
            level = Level.CLEAR if is_clear else Level.BETWEEN
        return Observation(
            rule="disk", subject="", level=level, value=round(free),
            threshold=rules.disk_free_mb,
        )  # fmt: skip
    return None


class Processes:
    """Which services were alive, and whether the last process of one died.

    A process that ends on purpose, as an MCP server does whenever its client leaves, says so or
    takes its heartbeat file away. One that was killed, or crashed, leaves it.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], str] = {}
        self._down: set[str] = set()

    def look(self, writers: Iterable[WriterState], rules: AlertRules) -> list[Observation]:
        """What is known of each service that was seen alive, or is."""
        known = {(each.pid, each.started_ns): each for each in writers}
        alive = {key: each.service for key, each in known.items() if each.alive and not each.ended}
        for key, service in self._seen.items():
            if key not in alive:
                # Of several processes, how the last one ended is what counts.
                was_killed = key in known and not known[key].ended
                (self._down.add if was_killed else self._down.discard)(service)
        self._seen = alive
        up = set(alive.values())
        self._down -= up
        return [
            Observation(
                rule="service_down",
                subject=service,
                level=Level.CLEAR if service in up else Level.BREACHED,
            )
            for service in sorted(up | self._down)
            if service and (not rules.services or service in rules.services)
        ]

    def forget(self, service: str) -> None:
        """Miss it no longer."""
        self._down.discard(service)


def _measured(  # noqa: PLR0917 - one of two calls in one place
    rule: str,
    service: str,
    value: Any,
    events: Any,
    threshold: float,
    min_events: int,
    detail: Mapping[str, Any],
) -> Observation:
    if value is None or value <= threshold * _CLEAR_BELOW:
        level = Level.CLEAR
    elif value > threshold and events >= min_events:
        level = Level.BREACHED
    else:
        level = Level.BETWEEN
    return Observation(
        rule=rule, subject=service, level=level, value=value, threshold=threshold, detail=detail
    )
