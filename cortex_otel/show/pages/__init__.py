"""Which questions make a page, and how each is drawn: the one source of both faces.

The web admin (:mod:`cortex_otel.show.web`) and the Grafana dashboards
(:mod:`cortex_otel.show.grafana`) are two renderings of :data:`PAGES`. A new panel is one SQL file
in ``query/sql`` and one :class:`Panel` in the module of its page; a new page is a module here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from cortex_otel.show.pages import (
    conversion,
    errors,
    experiments,
    extension,
    features,
    history,
    journeys,
    lifecycle,
    mcp,
    operations,
    overview,
    reliability,
    retention,
    user,
    users,
)
from cortex_otel.show.pages.declaration import Drawing, Page, Panel

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PAGES", "Drawing", "Page", "Panel"]

PAGES: Mapping[str, Page] = MappingProxyType(
    {
        page.id: page
        for page in (
            overview.PAGE,
            mcp.PAGE,
            extension.PAGE,
            users.PAGE,
            user.PAGE,
            errors.PAGE,
            conversion.PAGE,
            retention.PAGE,
            features.PAGE,
            journeys.PAGE,
            lifecycle.PAGE,
            experiments.PAGE,
            reliability.PAGE,
            history.PAGE,
            operations.PAGE,
        )
    }
)
"""By id, in the order of the navigation. The page of one user is reached from the others alone."""
