"""Every setting, once: name, environment variable, unit, default and meaning.

Longer than other files, since it is one list, whose docstrings are the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cortex_otel.semconv import TIERS
from cortex_otel.settings import parsers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["ALERT_RULES", "Settings"]

#: What can be alerted of, in the order in which people read it.
ALERT_RULES = ("error_rate", "response_time", "service_down", "store", "job", "disk")


def _setting(
    environment: str,
    *,
    default: Any,
    parse: Callable[[str], Any],
    allowed: str,
    unit: str = "",
    secret: bool = False,
) -> Any:
    metadata = {
        "environment": environment,
        "parse": parse,
        "allowed": allowed,
        "unit": unit,
        "secret": secret,
    }
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user may decide. The docstring of each field is its meaning, and its reference."""

    enabled: bool = _setting(
        "CORTEX_OTEL_ENABLED",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Record at all. Off means no file, no thread, and decorated tools are left as they were.
    `OTEL_SDK_DISABLED=true` does the same, and so does `TELEMETRY_ENABLED = False` in the host's
    `config.py`."""

    home: Path = _setting(
        "CORTEX_OTEL_HOME",
        default=parsers.default_home,
        parse=parsers.directory,
        allowed="a directory",
    )
    """Directory of the database (`cortex.db`) and what belongs to it; made with mode 0700."""

    service: str = _setting(
        "CORTEX_OTEL_SERVICE",
        default="mcp",
        parse=parsers.service_name,
        allowed="letters, digits, - and _, at most 64",
    )
    """Which Cortex service this process is: `mcp`, `extension`, `web`, or a new one."""

    tier: str | None = _setting(
        "CORTEX_OTEL_USER_TIER",
        default=None,
        parse=parsers.choice(*TIERS),
        allowed="one of " + ", ".join(TIERS),
    )
    """User tier, where neither an identity provider nor Cortex's licence manager says it."""

    user_id: str | None = _setting(
        "CORTEX_OTEL_USER_ID",
        default=None,
        parse=str,
        allowed="any text",
        secret=True,
    )
    """User id, where no identity provider says it. Hashed before it enters any span or log."""

    user_hash_key: str | None = _setting(
        "CORTEX_OTEL_USER_HASH_KEY",
        default=None,
        parse=parsers.key,
        allowed="any text but blanks",
        secret=True,
    )
    """Key of the HMAC-SHA-256 over user ids; else it is that of `user-hash.key` in
    `CORTEX_OTEL_HOME`, which `cortex-otel rotate-key` makes. Without either, user ids are hashed
    with plain SHA-256, which tells whoever has the database and guesses an id whether it is
    there."""

    sampling: Mapping[str, float] = _setting(
        "CORTEX_OTEL_SAMPLING",
        default=dict,
        parse=parsers.sampling,
        allowed="event_type=rate, comma-separated, with known event types (or span, or *) "
        "and 0 < rate <= 1",
    )
    """Share of traces kept by event type, e.g. `mcp.search_context=0.1,span=0.05`. Traces with an
    error are always kept; each kept record carries its weight, so counts stay unbiased."""

    allow_attributes: tuple[str, ...] = _setting(
        "CORTEX_OTEL_ALLOW_ATTRIBUTES",
        default=(),
        parse=parsers.attribute_keys,
        allowed="attribute keys, comma-separated; key.* for all below",
    )
    """Further attribute keys to keep. Their text is still searched for personal data."""

    capture_content: bool = _setting(
        "CORTEX_OTEL_CAPTURE_CONTENT",
        default=False,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Development only: keep tool arguments, results and exception messages as they are."""

    allow_other_exporters: bool = _setting(
        "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS",
        default=False,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Let `OTEL_*_EXPORTER` add exporters beside SQLite (OTLP sends data off this machine). They
    get redacted copies of what the store keeps."""

    other_exporters_get_raw_personal_data: bool = _setting(
        "CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA",
        default=False,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Development only: exporters that `OTEL_*_EXPORTER` names, and processors and readers given to
    `configure()`, get everything as it is, personal data included. Said on stderr at each start."""

    otlp_endpoint: str | None = _setting(
        "CORTEX_OTEL_OTLP_ENDPOINT",
        default=None,
        parse=parsers.endpoint,
        allowed="an http:// or https:// address without user, query or fragment",
        secret=True,
    )
    """Send redacted copies of what the store keeps to this OpenTelemetry Collector over OTLP/HTTP,
    e.g. `https://collector.example:4318`; `/v1/traces` and so on are added. Naming one is the
    consent to it. Needs the extra `otlp` (`pip install './cortex-otel[otlp]'`); no variable
    `OTEL_EXPORTER_OTLP_*` is followed. `CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA`
    doesn't reach it."""

    otlp_headers_file: Path | None = _setting(
        "CORTEX_OTEL_OTLP_HEADERS_FILE",
        default=None,
        parse=parsers.headers_file,
        allowed="a file that you alone can read (chmod 600), with a line `name: value` or "
        "`name=value` for each header",
    )
    """Headers for that Collector, such as `authorization: Bearer …`: in a file, since environment
    variables and command lines can be seen by others. Lines that begin with `#` are comments.
    Where the file can't be used, nothing is sent."""

    span: str = _setting(
        "CORTEX_OTEL_SPAN",
        default="lean",
        parse=parsers.choice("lean", "sdk"),
        allowed="lean or sdk",
    )
    """Span implementation: `lean` behaves as OpenTelemetry's own and costs a third of it; `sdk` is
    OpenTelemetry's own. Under an SDK version that `lean` wasn't tested with it is `sdk` anyway, and
    where the host made its own tracer provider, spans are the host's: `cortex-otel status` tells
    which."""

    client_errors: bool = _setting(
        "CORTEX_OTEL_CLIENT_ERRORS",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Count JSON-RPC errors that say the request was wrong (-32700, -32600 to -32602) as errors.
    The conventions leave it open; `false` counts only what the server did wrong."""

    trace_context_to_clients: bool = _setting(
        "CORTEX_OTEL_TRACE_CONTEXT_TO_CLIENTS",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Let the MCP library put `traceparent` (with `tracestate` and `baggage`, where there are any)
    into the `_meta` of what a server asks its client (sampling, elicitation, roots): mcp 2 does, as
    the protocol has it, as soon as spans are recorded. `false` keeps all three out."""

    soft_errors: tuple[str, ...] = _setting(
        "CORTEX_OTEL_SOFT_ERRORS",
        default=(),
        parse=parsers.names,
        allowed="beginnings of texts, comma-separated",
    )
    """Results whose text begins so count as errors though their `isError` is false, as several
    servers tell them, e.g. `Error:,Database error`. Case doesn't matter; no text is kept."""

    baggage: Mapping[str, str] = _setting(
        "CORTEX_OTEL_BAGGAGE",
        default=dict,
        parse=parsers.baggage,
        allowed="user=KEY, tier=KEY, session=KEY, comma-separated",
    )
    """Baggage keys of an MCP client that are believed, e.g. `user=user.id,tier=cortex.tier`. None
    by default: whoever can send a request can send baggage. User ids are hashed at once."""

    queue_size: int = _setting(
        "CORTEX_OTEL_QUEUE_SIZE",
        default=65536,
        parse=parsers.integer(64, 1_000_000),
        allowed="64 to 1000000",
        unit="records",
    )
    """Records held in memory while the database is busy; beyond it they are dropped and counted."""

    flush_interval_ms: int = _setting(
        "CORTEX_OTEL_FLUSH_INTERVAL_MS",
        default=250,
        parse=parsers.integer(1, 60_000),
        allowed="1 to 60000",
        unit="ms",
    )
    """Longest time a record waits in memory: the most that a kill -9 can lose."""

    exit_timeout_ms: int = _setting(
        "CORTEX_OTEL_EXIT_TIMEOUT_MS",
        default=1000,
        parse=parsers.integer(0, 60_000),
        allowed="0 to 60000",
        unit="ms",
    )
    """Longest delay of an exit for storing what is queued."""

    metrics_interval_ms: int = _setting(
        "CORTEX_OTEL_METRICS_INTERVAL_MS",
        default=60_000,
        parse=parsers.integer(100, 86_400_000),
        allowed="100 to 86400000",
        unit="ms",
    )
    """Time between two collections of the OpenTelemetry instruments."""

    identity_ttl_ms: int = _setting(
        "CORTEX_OTEL_IDENTITY_TTL_MS",
        default=1000,
        parse=parsers.integer(0, 3_600_000),
        allowed="0 to 3600000",
        unit="ms",
    )
    """How long an answer of the identity provider or licence manager is used."""

    admin_host: str = _setting(
        "CORTEX_OTEL_ADMIN_HOST",
        default="127.0.0.1",
        parse=parsers.host,
        allowed="a host name or address",
    )
    """Where `cortex-otel serve` shows the web admin. Anything but this machine's own loopback needs
    `CORTEX_OTEL_ADMIN_TOKEN` too."""

    admin_port: int = _setting(
        "CORTEX_OTEL_ADMIN_PORT",
        default=8080,
        parse=parsers.integer(0, 65_535),
        allowed="0 to 65535; 0 is any free one",
    )
    """Port of the web admin."""

    admin_token: str | None = _setting(
        "CORTEX_OTEL_ADMIN_TOKEN",
        default=None,
        parse=parsers.token,
        allowed="16 to 256 letters, digits, - and _",
        secret=True,
    )
    """What a browser must show to read the web admin. Without one `cortex-otel serve` makes one for
    this installation and keeps it in `admin.token` (0600)."""

    time_zone: str | None = _setting(
        "CORTEX_OTEL_TIME_ZONE",
        default=None,
        parse=parsers.time_zone,
        allowed="a name of the IANA time zone database, e.g. Asia/Seoul",
    )
    """The project's time zone: whose days, weeks and dates are meant in the web admin, the API,
    `cortex-otel query` and Grafana's dashboards; by default this machine's own."""

    receiver_host: str = _setting(
        "CORTEX_OTEL_RECEIVER_HOST",
        default="127.0.0.1",
        parse=parsers.host,
        allowed="a host name or address",
    )
    """Where `cortex-otel serve` takes OTLP/HTTP. Anything but this machine's own loopback needs
    `CORTEX_OTEL_RECEIVER_TOKEN` too."""

    receiver_port: int = _setting(
        "CORTEX_OTEL_RECEIVER_PORT",
        default=4318,
        parse=parsers.integer(0, 65_535),
        allowed="0 to 65535; 0 is any free one",
    )
    """Port of the OTLP/HTTP receiver."""

    receiver_token: str | None = _setting(
        "CORTEX_OTEL_RECEIVER_TOKEN",
        default=None,
        parse=parsers.token,
        allowed="16 to 256 letters, digits, - and _",
        secret=True,
    )
    """What a sender must show (`Authorization: Bearer …`); without one every process of this
    machine may send."""

    receiver_services: Mapping[str, str] = _setting(
        "CORTEX_OTEL_RECEIVER_SERVICES",
        default=dict,
        parse=parsers.services,
        allowed="service.name=service, comma-separated, *=service for all others, "
        "*=refuse to refuse them",
    )
    """Which Cortex service a sender is, by its `service.name`, e.g. `my-shop=web,*=refuse`. A
    sender that isn't named is the service that its name says."""

    jobs: bool = _setting(
        "CORTEX_OTEL_JOBS",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Whether `cortex-otel serve` runs the jobs that keep the store in order. Switch it off where
    cron or systemd run them: `cortex-otel jobs run NAME`."""

    log_file: bool = _setting(
        "CORTEX_OTEL_LOG_FILE",
        default=False,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Write each stored record to a log file as well, one JSON object a line. A new file begins at
    midnight in `CORTEX_OTEL_TIME_ZONE`."""

    log_file_directory: Path | None = _setting(
        "CORTEX_OTEL_LOG_FILE_DIRECTORY",
        default=None,
        parse=parsers.directory,
        allowed="a directory",
    )
    """Directory of the log files; `logs` in `CORTEX_OTEL_HOME` by default. Made with mode 0700, the
    files with 0600."""

    log_file_level: str = _setting(
        "CORTEX_OTEL_LOG_FILE_LEVEL",
        default="info",
        parse=parsers.choice("debug", "info", "warning", "error", "critical"),
        allowed="one of debug, info, warning, error, critical",
    )
    """Lowest level that is written to the log file; `debug` is for development."""

    log_file_rotate_mb: int = _setting(
        "CORTEX_OTEL_LOG_FILE_ROTATE_MB",
        default=100,
        parse=parsers.integer(1, 100_000),
        allowed="1 to 100000",
        unit="MB",
    )
    """Size at which the next log file of a day begins; at most a quarter of
    `CORTEX_OTEL_LOG_FILE_MAX_MB`."""

    log_file_plain_days: int = _setting(
        "CORTEX_OTEL_LOG_FILE_PLAIN_DAYS",
        default=0,
        parse=parsers.integer(0, 36_500),
        allowed="0 to 36500",
        unit="days",
    )
    """How long a log file that is no longer written to stays plain, before `cortex-otel serve`
    compresses it. 0 is at once."""

    log_file_days: int = _setting(
        "CORTEX_OTEL_LOG_FILE_DAYS",
        default=90,
        parse=parsers.integer(1, 36_500),
        allowed="1 to 36500",
        unit="days",
    )
    """Age at which a log file is deleted."""

    log_file_max_mb: int = _setting(
        "CORTEX_OTEL_LOG_FILE_MAX_MB",
        default=1024,
        parse=parsers.integer(4, 10_000_000),
        allowed="4 to 10000000",
        unit="MB",
    )
    """Size of all log files together; beyond it the oldest are deleted, whatever their age."""

    @property
    def log_directory(self) -> Path:
        """Where the log files are."""
        return self.log_file_directory or self.home / "logs"

    retention_event_days: int = _setting(
        "CORTEX_OTEL_RETENTION_EVENT_DAYS",
        default=90,
        parse=parsers.integer(0, 36_500),
        allowed="0 to 36500; 0 keeps them for ever",
        unit="days",
    )
    """How long events are kept one by one, and points of OpenTelemetry's instruments.
    `cortex-otel serve` deletes older ones every hour, and so does `cortex-otel retain`."""

    retention_rollup_days: int = _setting(
        "CORTEX_OTEL_RETENTION_ROLLUP_DAYS",
        default=400,
        parse=parsers.integer(0, 36_500),
        allowed="0 to 36500; 0 keeps them for ever",
        unit="days",
    )
    """How long roll-ups, sessions and users are kept, which answer most questions: never shorter
    than events."""

    max_database_mb: int = _setting(
        "CORTEX_OTEL_MAX_DATABASE_MB",
        default=1024,
        parse=parsers.integer(0, 1_000_000),
        allowed="0 to 1000000; 0 is any size",
        unit="MB",
    )
    """How large the database may become, in millions of bytes, without its write-ahead log. Beyond
    that, the oldest events are deleted, whatever their age; then the oldest roll-ups, where those
    take more than half of it. Where nothing else does that, each writing process does, a little at
    a time."""

    @property
    def max_database_bytes(self) -> int:
        """How large the database may become; 0 for any size."""
        return self.max_database_mb * 10**6

    report: bool = _setting(
        "CORTEX_OTEL_REPORT",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Let `cortex-otel serve` write the weekly report on Mondays at 08:00, where the extra `report`
    is installed. It stays in `reports/` of this machine; `cortex-otel report` works either way."""

    report_language: str | None = _setting(
        "CORTEX_OTEL_REPORT_LANGUAGE",
        default=None,
        parse=parsers.choice("en", "ko", "both"),
        allowed="en, ko or both",
    )
    """Language of the weekly report; by default that of `cortex-otel` (`CORTEX_OTEL_LANG`, else the
    locale)."""

    report_weeks: int = _setting(
        "CORTEX_OTEL_REPORT_WEEKS",
        default=104,
        parse=parsers.integer(1, 1040),
        allowed="1 to 1040",
        unit="weeks",
    )
    """How many weeks of reports are kept, the latest ones: some 0.1 MB each. Older ones are deleted
    when the next is written."""

    admin_url: str | None = _setting(
        "CORTEX_OTEL_ADMIN_URL",
        default=None,
        parse=parsers.endpoint,
        allowed="an http:// or https:// address without user, query or fragment",
    )
    """Address of the web admin in links of alerts, where it isn't the one that `cortex-otel serve`
    listens on, e.g. behind a proxy."""

    slack_webhook_url: str | None = _setting(
        "CORTEX_OTEL_SLACK_WEBHOOK_URL",
        default=None,
        parse=parsers.webhook,
        allowed="an https:// address (http:// only of this machine) without user or fragment",
        secret=True,
    )
    """Slack's incoming webhook for alerts of `cortex-otel serve`. It is a secret: whoever knows it
    may post. Naming it is the consent to send alerts there."""

    alert_webhook_url: str | None = _setting(
        "CORTEX_OTEL_ALERT_WEBHOOK_URL",
        default=None,
        parse=parsers.webhook,
        allowed="an https:// address (http:// only of this machine) without user or fragment",
        secret=True,
    )
    """Any other address that takes alerts as JSON by POST."""

    alert_webhook_key: str | None = _setting(
        "CORTEX_OTEL_ALERT_WEBHOOK_KEY",
        default=None,
        parse=parsers.webhook_key,
        allowed="whsec_ and at least 24 bytes in base64, or at least 24 letters",
        secret=True,
    )
    """Key of the HMAC-SHA-256 that signs what is posted there, in the form of
    [Standard Webhooks](https://www.standardwebhooks.com); without one it isn't signed."""

    alert_command: tuple[str, ...] | None = _setting(
        "CORTEX_OTEL_ALERT_COMMAND",
        default=None,
        parse=parsers.command,
        allowed="a program and its arguments",
        secret=True,
    )
    """Program that is run for each alert message, and gets it as JSON on its standard input. No
    shell reads it; it is cut off after 10 s."""

    alert_rules: tuple[str, ...] | None = _setting(
        "CORTEX_OTEL_ALERT_RULES",
        default=None,
        parse=parsers.some_of(*ALERT_RULES),
        allowed="some of " + ", ".join(ALERT_RULES),
    )
    """Which alerts there are; else as `alerts.toml` in `CORTEX_OTEL_HOME` says, else all. Like all
    of `CORTEX_OTEL_ALERT_…`, it wins over that file, which the web admin writes."""

    alert_services: tuple[str, ...] | None = _setting(
        "CORTEX_OTEL_ALERT_SERVICES",
        default=None,
        parse=parsers.service_names,
        allowed="names of services, comma-separated",
    )
    """Services that are watched, e.g. `mcp,extension`; else as `alerts.toml` says, else all."""

    alert_error_rate: float | None = _setting(
        "CORTEX_OTEL_ALERT_ERROR_RATE",
        default=None,
        parse=parsers.number(0, 1),
        allowed="a number above 0, at most 1",
    )
    """Share of failed events of a service above which there is an alert; else as `alerts.toml`
    says, else 0.05. Grafana's rule has the same setting."""

    alert_response_ms: float | None = _setting(
        "CORTEX_OTEL_ALERT_RESPONSE_MS",
        default=None,
        parse=parsers.number(0, 3_600_000),
        allowed="a number above 0, at most 3600000",
        unit="ms",
    )
    """Average duration of a service's events above which there is an alert; else as `alerts.toml`
    says, else 1000. Grafana's rule has the same setting."""

    alert_window_minutes: int | None = _setting(
        "CORTEX_OTEL_ALERT_WINDOW_MINUTES",
        default=None,
        parse=parsers.integer(1, 60),
        allowed="1 to 60",
        unit="minutes",
    )
    """Time up to now that error rate and average are of; else as `alerts.toml` says, else 5."""

    alert_min_events: int | None = _setting(
        "CORTEX_OTEL_ALERT_MIN_EVENTS",
        default=None,
        parse=parsers.integer(1, 1_000_000),
        allowed="1 to 1000000",
        unit="events",
    )
    """Fewer events in that time are too few for an alert; else as `alerts.toml` says, else 10."""

    alert_disk_free_mb: int | None = _setting(
        "CORTEX_OTEL_ALERT_DISK_FREE_MB",
        default=None,
        parse=parsers.integer(1, 10_000_000),
        allowed="1 to 10000000",
        unit="MB",
    )
    """Free space of the database's disk below which there is an alert; else as `alerts.toml` says,
    else 1024."""

    alert_quiet_hours: str | None = _setting(
        "CORTEX_OTEL_ALERT_QUIET_HOURS",
        default=None,
        parse=parsers.quiet_hours,
        allowed="a time of day, - and another, e.g. 22:00-08:00",
    )
    """When no message is sent, in the project's time zone; they come after it, in one. Else as
    `alerts.toml` says, else never."""

    backup_target: str | None = _setting(
        "CORTEX_OTEL_BACKUP_TARGET",
        default=None,
        parse=parsers.backup_target,
        allowed="an absolute path of a directory outside CORTEX_OTEL_HOME, or s3://bucket/prefix",
        secret=True,
    )
    """Where `cortex-otel backup`, and each midnight `cortex-otel serve`, puts a copy of the
    database and its log files. Off until it is set. A bucket needs `CORTEX_OTEL_BACKUP_RECIPIENTS`,
    and credentials in the usual `AWS_…` variables or `~/.aws`; a directory must be there. Needs the
    extra `backup` (`pip install './cortex-otel[backup]'`)."""

    backup_recipients: tuple[str, ...] = _setting(
        "CORTEX_OTEL_BACKUP_RECIPIENTS",
        default=(),
        parse=parsers.public_keys,
        allowed="public keys, comma-separated: age1…, ssh-ed25519 … or ssh-rsa …",
        secret=True,
    )
    """Public keys that copies are encrypted for, with [age](https://age-encryption.org); any one of
    their private keys opens a copy. `cortex-otel backup --new-key FILE` makes a pair. Without any,
    copies aren't encrypted, and only a directory is allowed."""

    backup_identity: Path | None = _setting(
        "CORTEX_OTEL_BACKUP_IDENTITY",
        default=None,
        parse=parsers.file,
        allowed="a file",
    )
    """File of a private key, if it is on this machine, which needn't be: each new copy is then
    decrypted and its database checked, and `cortex-otel restore` needs no `--identity`."""

    backup_endpoint: str | None = _setting(
        "CORTEX_OTEL_BACKUP_ENDPOINT",
        default=None,
        parse=parsers.endpoint,
        allowed="an http:// or https:// address without user, query or fragment",
        secret=True,
    )
    """Address of an S3-compatible store that isn't AWS, e.g. `https://s3.example:9000`."""

    backup_keep: Mapping[str, int] = _setting(
        "CORTEX_OTEL_BACKUP_KEEP",
        default=parsers.default_backup_keep,
        parse=parsers.backup_keep,
        allowed="daily=…, weekly=…, monthly=…, comma-separated, each 0 to 1000",
    )
    """How many copies are kept: the newest of each of the last so many days, weeks and months that
    have one. What isn't named is 0. The last copy always stays, and so do those of other homes."""

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "cortex.db"
