"""``cortex-otel demo``: real MCP servers with telemetry on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain, needs_packages
from cortex_otel.commands.parsing import add_command, add_json
from cortex_otel.locale import _

if TYPE_CHECKING:
    import argparse

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel demo``."""
    command = add_command(commands, "demo", run, _("run real MCP servers with telemetry on"))
    command.add_argument("--once", action="store_true", help=_("run one round, then exit"))
    command.add_argument(
        "--serve",
        action="store_true",
        help=_("then show it in the web admin, with 90 days of generated users"),
    )
    add_json(command)
    command.add_argument("--clean", action="store_true", help=_("delete what the demo created"))


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run the demo; 1 if packages are missing."""
    # The demo starts servers: they find the directory in the environment.
    if arguments.home is not None:
        os.environ["CORTEX_OTEL_HOME"] = str(settings.home)
    try:
        from cortex_otel.demo import runner  # noqa: PLC0415 - its packages are an extra
    except ImportError as error:
        complain(needs_packages("cortex-otel demo", "demo", error.name))
        return 1
    return int(runner.main(arguments))
