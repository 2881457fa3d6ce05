"""``cortex-otel grafana``: dashboards for an installed Grafana, as files or over its API."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain, line, needs_packages
from cortex_otel.commands.parsing import add_command
from cortex_otel.commands.serve import keep_project_zone
from cortex_otel.locale import _, language

if TYPE_CHECKING:
    import argparse

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel grafana``."""
    command = add_command(
        commands,
        "grafana",
        run,
        _("set up Grafana for the database"),
        examples=_(
            "examples:\n"
            "  cortex-otel grafana provision ./provisioning   files for an installed Grafana\n"
            "  cortex-otel grafana push http://127.0.0.1:3000  GRAFANA_TOKEN holds the API token"
        ),
    )
    command.add_argument(
        "action",
        choices=("provision", "push"),
        help=_("provision: write files for an installed Grafana; push: send them over its API"),
    )
    command.add_argument(
        "target", metavar="DIR|URL", help=_("directory for the files, or URL of a running Grafana")
    )
    command.add_argument("--force", action="store_true", help=_("overwrite existing files"))


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write provisioning files, or push dashboards; 1 if that fails, 2 on invalid arguments."""
    # Imported here: only this command needs them.
    from cortex_otel.show.grafana.setup import GrafanaSetupError  # noqa: PLC0415

    keep_project_zone(settings)
    try:
        if arguments.action == "push":
            return _push(arguments, settings)
        return _provision(arguments, settings)
    except GrafanaSetupError as error:
        complain(_(error.message, **error.values))
        return 2 if error.is_usage else 1
    except ImportError as error:
        complain(needs_packages("cortex-otel grafana push", "grafana", error.name))
        return 1


def _provision(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.show.grafana.setup import provision  # noqa: PLC0415 - as above

    done = provision(arguments.target, settings, force=arguments.force, language=language())
    line(
        _(
            "{count} dashboards, the datasource and alert rules are in {directory}",
            count=done.dashboards,
            directory=done.directory,
        )
    )
    line(_("Database: {path}", path=settings.database))
    if not done.has_database:
        line(_("There is no database yet. Grafana can't read one until something is recorded."))
    if done.has_slack:
        line(
            _(
                "Alerts go to Slack. If cortex-otel serve has the same webhook, each comes twice: "
                "leave CORTEX_OTEL_SLACK_WEBHOOK_URL out of the environment of one of them."
            )
        )
        if done.has_old_webhook:
            complain(
                _(
                    "{old} is the old name of {new}: rename it",
                    old="CORTEX_OTEL_SLACK_WEBHOOK",
                    new="CORTEX_OTEL_SLACK_WEBHOOK_URL",
                )
            )
    else:
        line(_("Alerts show up in Grafana only: CORTEX_OTEL_SLACK_WEBHOOK_URL isn't set."))
    line()
    line(_("Next:"))
    line(
        _(
            "1. Run Grafana 12.4 or later as the user that writes {path}: no other user can "
            "read it.",
            path=settings.home,
        )
    )
    line(
        _(
            "2. Start it with the settings in {env}. They install the SQLite plugin.",
            env=shlex.quote(str(done.directory / "grafana.env")),
        )
    )
    line(
        _(
            "3. Change the admin's password at the first sign-in, and keep it on this "
            "machine: whoever signs in can read everything that is recorded."
        )
    )
    return 0


def _push(arguments: argparse.Namespace, settings: Settings) -> int:
    from cortex_otel.show.grafana.push import push  # noqa: PLC0415 - as above

    url = arguments.target
    done = push(url, settings, force=arguments.force, language=language(), environ=os.environ)
    line(
        _(
            "Dashboards sent: {sent}, unchanged: {unchanged} (Grafana {version})",
            sent=done.sent,
            unchanged=done.unchanged,
            version=done.version,
        )
    )
    if done.health:
        line(
            _(
                "But the datasource can't read {path}: {detail}. Grafana must run on this "
                "machine, as the user that writes the database.",
                detail=done.health,
                path=settings.database,
            )
        )
    line(f"{url.rstrip('/')}/d/cortex-home")
    return 0
