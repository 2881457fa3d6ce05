"""``cortex-otel grafana``: dashboards for an installed Grafana, as files or over its API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cortex_otel.settings import Settings

__all__ = ["run"]


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write provisioning files, or push dashboards; 1 if that can't be done."""
    from cortex_otel.show import grafana_setup  # noqa: PLC0415 - only this command needs it

    if arguments.action == "push":
        return grafana_setup.push(arguments.target, settings)
    return grafana_setup.provision(arguments.target, settings, force=arguments.force)
