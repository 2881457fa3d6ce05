"""The state shared by the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import HTTPConnection

    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings
    from cortex_otel.show.web.export import Exports
    from cortex_otel.show.web.live import Live
    from cortex_otel.show.web.readers import Readers

__all__ = ["Admin", "admin_of"]


@dataclass(frozen=True, slots=True)
class Admin:
    """One admin over one database."""

    database: Path
    zone: Zone
    """The time zone, if a request names none."""
    readers: Readers
    live: Live
    exports: Exports
    """The running exports."""
    funnels: Path
    """Where funnels are saved by name."""
    settings: Settings
    """What it was started with; some of it is secret."""


def admin_of(connection: HTTPConnection) -> Admin:
    """The admin that serves a request."""
    return cast("Admin", connection.app.state.admin)
