"""The text of alerts: one message for all that is new.

Names of services, tools, error types and jobs, and numbers; no text that was recorded.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from cortex_otel.locale import N_, texts
from cortex_otel.query.formats import printable
from cortex_otel.show.labels_of_alerts import OUTCOMES, SERVICES, TROUBLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel.operate.alerts.records import Notification
    from cortex_otel.operate.alerts.states import Alert
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["Message", "admin_address"]

_MAX_ALERTS: Final = 20
_MAX_NAME_LENGTH: Final = 80
_NS: Final = 10**9
_TITLES: Final = {
    "error_rate": N_("{service} Service Error Rate: {value}"),
    "response_time": N_("{service} Service Average Response Time: {value}"),
    "service_down": N_("{service} Service Down"),
    "store": N_("Telemetry Store: {reason}"),
    "job": N_("Job {job}: {outcome}"),
    "disk": N_("Disk Nearly Full: {value} free"),
}
_ENDED: Final = {
    "error_rate": N_("{service} Service Error Rate"),
    "response_time": N_("{service} Service Average Response Time"),
    "service_down": N_("{service} Service Down"),
    "store": N_("Telemetry Store"),
    "job": N_("Job {job}"),
    "disk": N_("Disk Nearly Full"),
}
_WHY: Final = {
    "no_events": N_("no events in the window any more"),
    "not_watched": N_("not watched any more"),
    "given_up": N_("not back after an hour, no longer missed"),
}


class Message:
    """One message, in the forms that channels take.

    Args:
        notifications: what it is about, oldest first.
        settings: the address of the admin.
        zone: of the times in it.
        language: ``en`` or ``ko``.
        now_ns: when it is sent, Unix ns.
        is_sample: it says that it is one.
    """

    def __init__(
        self,
        notifications: Sequence[Notification],
        settings: Settings,
        zone: Zone,
        language: str,
        now_ns: int,
        *,
        is_sample: bool = False,
    ) -> None:
        self._zone, self._texts = zone, texts(language)
        self._address = admin_address(settings)
        self._now_ns = now_ns
        self._is_sample = is_sample
        # What has been resolved before anybody heard of it is sent once.
        last = {each.alert.id: each for each in notifications}
        self._notifications = list(last.values())

    @property
    def id(self) -> str:
        """The same for the same notifications."""
        names = sorted(f"{each.alert.id} {each.state}" for each in self._notifications)
        return "msg_" + hashlib.sha256("\n".join(names).encode()).hexdigest()[:24]

    @property
    def state(self) -> str:
        """``firing`` if anything in it is, else ``resolved``."""
        return (
            "firing" if any(each.state == "firing" for each in self._notifications) else "resolved"
        )

    def text(self) -> str:
        """For people, in a few lines."""
        _ = self._texts.gettext
        lines = [_("This is a test of cortex-otel: nothing is wrong.")] if self._is_sample else []
        for each in self._notifications[:_MAX_ALERTS]:
            lines += [self._title(each), *self._details(each)]
        if (more := len(self._notifications) - _MAX_ALERTS) > 0:
            lines.append(_("and {count} more", count=more))
        if self._address:
            lines.append(self._link())
        return "\n".join(lines)

    def content(self) -> dict[str, Any]:
        """For programs: an object of JSON."""
        return {
            "type": "cortex_otel.alerts",
            "id": self.id,
            "timestamp": self._zone.iso(self._now_ns),
            "sample": self._is_sample,
            "state": self.state,
            "text": self.text(),
            "alerts": [self._alert(each) for each in self._notifications],
        }

    def _alert(self, notification: Notification) -> dict[str, Any]:
        alert = notification.alert
        times = {"since": alert.since_ns, "fired": alert.fired_ns, "resolved": alert.resolved_ns}
        return {
            "id": alert.id,
            "rule": alert.rule,
            "subject": alert.subject,
            "state": notification.state,
            "title": self._title(notification),
            **{name: at_ns and self._zone.iso(at_ns) for name, at_ns in times.items()},
            "value": alert.value,
            "worst": alert.worst,
            "threshold": alert.threshold,
            "detail": dict(alert.detail),
        }

    def _title(self, notification: Notification) -> str:
        alert, _ = notification.alert, self._texts.gettext
        subject = alert.subject
        values = {
            "service": SERVICES.get(subject) or _name(subject),
            "job": _name(subject),
            "value": _value(alert.rule, alert.value),
            "reason": _(TROUBLES.get(alert.detail.get("reason", ""), TROUBLES["unavailable"])),
            "outcome": _(OUTCOMES.get(alert.detail.get("outcome", ""), OUTCOMES["failed"])),
        }
        if notification.state == "firing":
            return "[ALERT] " + _(_TITLES[alert.rule], **values)
        return "[RESOLVED] " + _(_ENDED[alert.rule], **values)

    def _details(self, notification: Notification) -> list[str]:
        alert, _ = notification.alert, self._texts.gettext
        if notification.state == "resolved":
            return [self._how_it_was(alert)]
        parts = [self._moment(alert.fired_ns or self._now_ns)]
        detail = alert.detail
        value = _value(alert.rule, alert.threshold)
        if "from_ns" in detail:
            minutes = round((detail["to_ns"] - detail["from_ns"]) / 60 / _NS)
            parts.append(_("last {minutes} min", minutes=minutes))
        if alert.rule == "error_rate":
            parts.append(
                _("{errors} of {events} events failed", **_numbers(detail, "errors", "events"))
            )
        elif alert.rule == "response_time":
            parts.append(_("{timed} events", **_numbers(detail, "timed")))
        if alert.threshold is not None:
            parts.append(_("threshold {value}", value=value))
        lines = [" · ".join(parts)]
        leads = []
        if "tool_errors" in detail:
            leads.append(f"{_name(detail['tool'])} ({_count(detail['tool_errors'])})")
        elif "tool_p95_ms" in detail:
            p95 = _value("response_time", detail["tool_p95_ms"])
            leads.append(f"{_name(detail['tool'])} (P95 {p95})")
        if "error_type" in detail:
            leads.append(f"{_name(detail['error_type'])} ({_count(detail['type_errors'])})")
        if leads:
            lines.append(_("Most in: {leads}", leads=", ".join(leads)))
        return lines

    def _how_it_was(self, alert: Alert) -> str:
        _ = self._texts.gettext
        resolved_ns = alert.resolved_ns or self._now_ns
        minutes = max(1, round((resolved_ns - (alert.fired_ns or alert.since_ns)) / 60 / _NS))
        parts = [self._moment(resolved_ns), _("after {minutes} min", minutes=minutes)]
        end = alert.detail.get("resolved", {})
        if end.get("why") in _WHY:
            parts.append(_(_WHY[end["why"]]))
        elif end.get("value") is not None and alert.rule not in {"store", "job"}:
            parts.append(_("now {value}", value=_value(alert.rule, end["value"])))
        if alert.worst is not None and alert.rule in {"error_rate", "response_time", "disk"}:
            parts.append(_("worst {value}", value=_value(alert.rule, alert.worst)))
        return " · ".join(parts)

    def _moment(self, at_ns: int) -> str:
        """Local date and time, and which zone it is."""
        shown = self._zone.iso(at_ns)
        return f"{shown[:10]} {shown[11:19]} {self._zone.name}"

    def _link(self) -> str:
        first = self._notifications[0].alert if len(self._notifications) == 1 else None
        if first is None or "from_ns" not in first.detail:
            return f"{self._address}/admin/telemetry/operations"
        page = "errors" if first.rule == "error_rate" else "mcp"
        times = {
            name: self._zone.iso(first.detail[key])[:19]
            for name, key in (("from", "from_ns"), ("to", "to_ns"))
        }
        query = urlencode({"service": first.subject, **times})
        return f"{self._address}/admin/telemetry/{page}?{query}"


def admin_address(settings: Settings) -> str:
    """Where the web admin is; empty if nobody can say."""
    if settings.admin_url:
        return settings.admin_url
    host = f"[{settings.admin_host}]" if ":" in settings.admin_host else settings.admin_host
    return f"http://{host}:{settings.admin_port}" if settings.admin_port else ""


def _value(rule: str, value: float | None) -> str:
    """With its unit; numbers are written alike in both languages."""
    if value is None:
        return "–"
    match rule:
        case "error_rate":
            return f"{value * 100:.1f}".removesuffix(".0") + "%"
        case "response_time":
            return f"{value:,.0f} ms"
        case "disk":
            return f"{value:,.0f} MB"
    return f"{value:g}"


def _name(name: Any) -> str:
    """On one line, and short: whoever names a tool must not be able to write a message."""
    shown = printable(str(name))
    return shown if len(shown) <= _MAX_NAME_LENGTH else f"{shown[:_MAX_NAME_LENGTH]}…"


def _numbers(detail: Any, *names: str) -> dict[str, str]:
    return {name: _count(detail.get(name)) for name in names}


def _count(number: Any) -> str:
    """Sampled events count with their weight, so it may be a fraction."""
    return f"{round(number):,}" if isinstance(number, (int, float)) else "–"
