"""What the navigation of every page leads to."""

from __future__ import annotations

from typing import Final

from cortex_otel.locale import texts
from cortex_otel.show import pages
from cortex_otel.show.pages.shared import OPERATION

__all__ = ["navigation"]

#: The key after ``g``; by default a page's first letter, but some begin with the same.
_KEYS: Final = {
    "extension": "x",
    "experiments": "a",
    "reliability": "b",
    "reports": "w",
    "operations": "p",
}


def navigation(language: str) -> list[dict[str, str]]:
    """Every page but that of one user, and the reports, which no panels make.

    Args:
        language: ``en`` or ``ko``.
    """
    gettext = texts(language).gettext
    entries = [
        {"id": page.id, "name": page.title_in(language), "group": page.group_in(language)}
        for page in pages.PAGES.values()
        if page.id != "user"
    ]
    reports = {"id": "reports", "name": gettext("Weekly reports"), "group": gettext(OPERATION)}
    return [
        {**entry, "key": _KEYS.get(entry["id"], entry["id"][0])} for entry in (*entries, reports)
    ]
