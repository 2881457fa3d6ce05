"""``cortex-otel grafana``: dashboards for an installed Grafana, as files or over its API."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from cortex_otel._version import to_install
from cortex_otel.commands.console import complain, line
from cortex_otel.messages import language

if TYPE_CHECKING:
    import argparse

    from cortex_otel.settings import Settings

__all__ = ["run"]

_SENSELESS = {
    "grafana_bad_url", "grafana_secret_in_url", "grafana_no_directory", "grafana_bad_token",
}  # fmt: skip


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write provisioning files, or push dashboards; 1 if that can't be done, 2 if senseless."""
    # Only this command needs them.
    from cortex_otel.show.grafana.setup import GrafanaSetupError  # noqa: PLC0415
    from cortex_otel.show.grafana.words import told  # noqa: PLC0415

    try:
        if arguments.action == "push":
            return _push(arguments, settings)
        return _provision(arguments, settings)
    except GrafanaSetupError as error:
        complain(told(error.key, **error.values))
        return 2 if error.key in _SENSELESS else 1
    except ImportError as error:
        complain(told("grafana_missing", module=error.name, install=to_install("grafana")))
        return 1


def _provision(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.show.grafana.setup import provision  # noqa: PLC0415 - as above
    from cortex_otel.show.grafana.words import told  # noqa: PLC0415 - as above

    done = provision(arguments.target, settings, force=arguments.force, language=language())
    line(told("grafana_written", count=done.dashboards, directory=done.directory))
    line(told("grafana_database", path=settings.database))
    if not done.has_database:
        line(told("grafana_no_database"))
    line(told("grafana_slack" if done.has_slack else "grafana_no_slack"))
    line()
    line(told("grafana_next"))
    line(told("grafana_next_user", path=settings.home))
    line(told("grafana_next_start", env=shlex.quote(str(done.directory / "grafana.env"))))
    line(told("grafana_next_password"))
    return 0


def _push(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.show.grafana.push import push  # noqa: PLC0415 - as above
    from cortex_otel.show.grafana.words import told  # noqa: PLC0415 - as above

    url = arguments.target
    done = push(url, settings, force=arguments.force, language=language(), environ=os.environ)
    line(told("grafana_pushed", sent=done.sent, unchanged=done.unchanged, version=done.version))
    if done.health:
        line(told("grafana_sick", detail=done.health, path=settings.database))
    line(f"{url.rstrip('/')}/d/cortex-home")
    return 0
