"""Quiet hours: the times of day at which nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cortex_otel.query.zones import Zone

__all__ = ["is_quiet"]


def is_quiet(hours: str, now_ns: int, zone: Zone) -> bool:
    """Whether ``now_ns`` (Unix ns) is within ``hours``, by the clocks of ``zone``.

    Args:
        hours: ``22:00-08:00``, from the first minute to that before the last; over midnight if the
            end is before the start; empty: never.
        now_ns: Unix ns.
        zone: where clocks change, an hour that comes twice counts twice, one that is left out not.
    """
    start, _, end = hours.partition("-")
    time = zone.iso(now_ns)[11:16]
    if start < end:
        return start <= time < end
    return bool(hours) and (time >= start or time < end)
