"""What `cortex-otel serve` listens on, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ServeSettings"]


@subject(frozen=True, kw_only=True)
class ServeSettings:
    """What `cortex-otel serve` listens on, and for whom."""

    admin_host: str = setting(
        "CORTEX_OTEL_ADMIN_HOST",
        default="127.0.0.1",
        parse=parsers.host,
        allowed="a host name or address",
    )
    """Where `cortex-otel serve` shows the web admin. Anything but this machine's own loopback needs
    `CORTEX_OTEL_ADMIN_TOKEN` too."""

    admin_port: int = setting(
        "CORTEX_OTEL_ADMIN_PORT",
        default=8080,
        parse=parsers.integer(0, 65_535),
        allowed="0 to 65535; 0 is any free one",
    )
    """Port of the web admin."""

    admin_token: str | None = setting(
        "CORTEX_OTEL_ADMIN_TOKEN",
        default=None,
        parse=parsers.token,
        allowed="16 to 256 letters, digits, - and _",
        secret=True,
    )
    """What a browser must show to read the web admin. Without one `cortex-otel serve` makes one for
    this installation and keeps it in `admin.token` (0600)."""

    time_zone: str | None = setting(
        "CORTEX_OTEL_TIME_ZONE",
        default=None,
        parse=parsers.time_zone,
        allowed="a name of the IANA time zone database, e.g. Asia/Seoul",
    )
    """The project's time zone: whose days, weeks and dates are meant in the web admin, the API,
    `cortex-otel query` and Grafana's dashboards; by default this machine's own."""

    receiver_host: str = setting(
        "CORTEX_OTEL_RECEIVER_HOST",
        default="127.0.0.1",
        parse=parsers.host,
        allowed="a host name or address",
    )
    """Where `cortex-otel serve` takes OTLP/HTTP. Anything but this machine's own loopback needs
    `CORTEX_OTEL_RECEIVER_TOKEN` too."""

    receiver_port: int = setting(
        "CORTEX_OTEL_RECEIVER_PORT",
        default=4318,
        parse=parsers.integer(0, 65_535),
        allowed="0 to 65535; 0 is any free one",
    )
    """Port of the OTLP/HTTP receiver."""

    receiver_token: str | None = setting(
        "CORTEX_OTEL_RECEIVER_TOKEN",
        default=None,
        parse=parsers.token,
        allowed="16 to 256 letters, digits, - and _",
        secret=True,
    )
    """What a sender must show (`Authorization: Bearer …`); without one every process of this
    machine may send."""

    receiver_services: Mapping[str, str] = setting(
        "CORTEX_OTEL_RECEIVER_SERVICES",
        default=dict,
        parse=parsers.services,
        allowed="service.name=service, comma-separated, *=service for all others, "
        "*=refuse to refuse them",
        many=True,
    )
    """Which Cortex service a sender is, by its `service.name`, e.g. `my-shop=web,*=refuse`. A
    sender that isn't named is the service that its name says."""

    jobs: bool = setting(
        "CORTEX_OTEL_JOBS",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Whether `cortex-otel serve` runs the jobs that keep the store in order. Switch it off where
    cron or systemd run them: `cortex-otel jobs run NAME`."""
