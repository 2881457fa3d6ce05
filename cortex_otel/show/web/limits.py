"""What an answer doesn't hold, in a sentence for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.locale import texts

if TYPE_CHECKING:
    from cortex_otel.query.runner import Result
    from cortex_otel.query.zones import Zone

__all__ = ["incomplete", "kept"]


def incomplete(result: Result, language: str) -> str | None:
    """Says that the first or the last period isn't whole."""
    names = [column.name for column in result.columns]
    if "partial" not in names or not any(row[names.index("partial")] for row in result.rows):
        return None
    _ = texts(language).gettext
    if result.rows[-1][names.index("partial")]:
        return _("The last period isn't over: its numbers are still growing.")
    return _("The range has only a part of its first period.")


def kept(result: Result, zone: Zone, language: str) -> str | None:
    """Says from when on what the question reads is kept, if the range begins before."""
    if result.kept_from_ns is None:
        return None
    _ = texts(language).gettext
    since = zone.iso(result.kept_from_ns)[:16].replace("T", " ")
    message = (
        _("Raw events from {since} on") if result.reads_events else _("All is kept from {since} on")
    )
    return message.format(since=since)
