"""What would have been alerted of in a time that is over: the same rules, the times of then.

Only what is recorded can be asked again: error rates and durations. Whether a process was alive, a
job failed or a disk was full is known when it happens, or never.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cortex_otel.operate.alerts import observations
from cortex_otel.operate.alerts.records import Records
from cortex_otel.operate.alerts.states import advance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from cortex_otel.operate.alerts.states import Alert
    from cortex_otel.query.alert_rules import AlertRules

__all__ = ["keep", "replay"]

_NS: Final = 10**9
#: Between two questions, and while one is pending; half a millisecond each.
_STEP_NS, _PENDING_STEP_NS = 10 * _NS, _NS
#: What hasn't been resolved by then is left out.
_LATEST_END_NS = 3600 * _NS


def replay(connection: apsw.Connection, rules: AlertRules, from_ns: int, to_ns: int) -> list[Alert]:
    """The alerts that began from one moment to another, and were resolved within an hour after it.

    Args:
        connection: a reader.
        rules: thresholds.
        from_ns: nothing was wrong before; Unix ns.
        to_ns: none begins later; Unix ns.

    Raises:
        QueryTimeoutError, StoreError: it can't be said.
    """
    found: dict[tuple[str, str], Alert] = {}
    resolved: list[Alert] = []
    now_ns = from_ns
    while now_ns <= to_ns or (found and now_ns <= to_ns + _LATEST_END_NS):
        for seen in observations.measured(connection, rules, found, now_ns):
            key = seen.rule, seen.subject
            before = found.pop(key, None)
            after = advance(before, seen, now_ns, now_ns / _NS)
            if after is None or (before is None and now_ns > to_ns):
                continue
            if after.state == "resolved":
                resolved.append(after)
                continue
            if after.state == "firing" and before is not None and before.state == "pending":
                leads = observations.leading(connection, seen)
                after = replace(after, detail={**after.detail, **leads})
            found[key] = after
        is_pending = any(each.state == "pending" for each in found.values())
        now_ns += _PENDING_STEP_NS if is_pending else _STEP_NS
    return resolved


def keep(connection: apsw.Connection, alerts: Sequence[Alert]) -> None:
    """Store what :func:`replay` found, all of it or nothing; nobody is told. Again adds nothing.

    Args:
        connection: a writer.
        alerts: resolved ones.

    Raises:
        apsw.Error: it can't be written.
    """
    records = Records(connection)
    with connection:
        for each in alerts:
            records.adopt(each, [])
