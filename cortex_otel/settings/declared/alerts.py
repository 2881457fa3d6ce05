"""What is alerted of, and where alerts go."""

from __future__ import annotations

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

__all__ = ["ALERT_RULES", "AlertSettings"]

#: What can be alerted of, in the order in which people read it.
ALERT_RULES = ("error_rate", "response_time", "service_down", "store", "job", "disk")


@subject(frozen=True, kw_only=True)
class AlertSettings:
    """What is alerted of, and where alerts go."""

    admin_url: str | None = setting(
        "CORTEX_OTEL_ADMIN_URL",
        default=None,
        parse=parsers.endpoint,
        allowed="an http:// or https:// address without user, query or fragment",
    )
    """Address of the web admin in links of alerts, where it isn't the one that `cortex-otel serve`
    listens on, e.g. behind a proxy."""

    slack_webhook_url: str | None = setting(
        "CORTEX_OTEL_SLACK_WEBHOOK_URL",
        default=None,
        parse=parsers.webhook,
        allowed="an https:// address (http:// only of this machine) without user or fragment",
        secret=True,
    )
    """Slack's incoming webhook for alerts of `cortex-otel serve`. It is a secret: whoever knows it
    may post. Naming it is the consent to send alerts there."""

    alert_webhook_url: str | None = setting(
        "CORTEX_OTEL_ALERT_WEBHOOK_URL",
        default=None,
        parse=parsers.webhook,
        allowed="an https:// address (http:// only of this machine) without user or fragment",
        secret=True,
    )
    """Any other address that takes alerts as JSON by POST."""

    alert_webhook_key: str | None = setting(
        "CORTEX_OTEL_ALERT_WEBHOOK_KEY",
        default=None,
        parse=parsers.webhook_key,
        allowed="whsec_ and at least 24 bytes in base64, or at least 24 letters",
        secret=True,
    )
    """Key of the HMAC-SHA-256 that signs what is posted there, in the form of
    [Standard Webhooks](https://www.standardwebhooks.com); without one it isn't signed."""

    alert_command: tuple[str, ...] | None = setting(
        "CORTEX_OTEL_ALERT_COMMAND",
        default=None,
        parse=parsers.command,
        allowed="a program and its arguments",
        secret=True,
    )
    """Program that is run for each alert message, and gets it as JSON on its standard input. No
    shell reads it; it is cut off after 10 s."""

    alert_rules: tuple[str, ...] | None = setting(
        "CORTEX_OTEL_ALERT_RULES",
        default=None,
        parse=parsers.some_of(*ALERT_RULES),
        allowed="some of " + ", ".join(ALERT_RULES),
        many=True,
    )
    """Which alerts there are; else as `alerts.toml` in `CORTEX_OTEL_HOME` says, else all. Like all
    of `CORTEX_OTEL_ALERT_…`, it wins over that file, which the web admin writes."""

    alert_services: tuple[str, ...] | None = setting(
        "CORTEX_OTEL_ALERT_SERVICES",
        default=None,
        parse=parsers.service_names,
        allowed="names of services, comma-separated",
        many=True,
    )
    """Services that are watched, e.g. `mcp,extension`; else as `alerts.toml` says, else all."""

    alert_error_rate: float | None = setting(
        "CORTEX_OTEL_ALERT_ERROR_RATE",
        default=None,
        parse=parsers.number(0, 1),
        allowed="a number above 0, at most 1",
    )
    """Share of failed events of a service above which there is an alert; else as `alerts.toml`
    says, else 0.05. Grafana's rule has the same setting."""

    alert_response_ms: float | None = setting(
        "CORTEX_OTEL_ALERT_RESPONSE_MS",
        default=None,
        parse=parsers.number(0, 3_600_000),
        allowed="a number above 0, at most 3600000",
        unit="ms",
    )
    """Average duration of a service's events above which there is an alert; else as `alerts.toml`
    says, else 1000. Grafana's rule has the same setting."""

    alert_window_minutes: int | None = setting(
        "CORTEX_OTEL_ALERT_WINDOW_MINUTES",
        default=None,
        parse=parsers.integer(1, 60),
        allowed="1 to 60",
        unit="minutes",
    )
    """Time up to now that error rate and average are of; else as `alerts.toml` says, else 5."""

    alert_min_events: int | None = setting(
        "CORTEX_OTEL_ALERT_MIN_EVENTS",
        default=None,
        parse=parsers.integer(1, 1_000_000),
        allowed="1 to 1000000",
        unit="events",
    )
    """Fewer events in that time are too few for an alert; else as `alerts.toml` says, else 10."""

    alert_disk_free_mb: int | None = setting(
        "CORTEX_OTEL_ALERT_DISK_FREE_MB",
        default=None,
        parse=parsers.integer(1, 10_000_000),
        allowed="1 to 10000000",
        unit="MB",
    )
    """Free space of the database's disk below which there is an alert; else as `alerts.toml` says,
    else 1024."""

    alert_quiet_hours: str | None = setting(
        "CORTEX_OTEL_ALERT_QUIET_HOURS",
        default=None,
        parse=parsers.quiet_hours,
        allowed="a time of day, - and another, e.g. 22:00-08:00",
    )
    """When no message is sent, in the project's time zone; they come after it, in one. Else as
    `alerts.toml` says, else never."""
