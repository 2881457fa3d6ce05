"""What of the attributes of an event is added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MEASURE_KEYS", "measures_of"]

MEASURE_KEYS: Final = frozenset(sc.MEASURES)
_MEASURES: Final = tuple(sc.MEASURES.items())
_LARGEST_MEASURE: Final = 1e18  # as a store takes it; what is larger is kept, and not summed


def measures_of(data: Mapping[str, object]) -> tuple[tuple[str, float], ...]:
    """What of the attributes of an event is added up, by the name of the measure."""
    found = [
        (measure, float(value))
        for key, measure in _MEASURES
        if key in data
        and isinstance(value := data[key], (int, float))
        and abs(value) <= _LARGEST_MEASURE
    ]
    # A ratio of sums is of events that have both: what one of them lacks is unknown, not 0.
    names = {measure for measure, _ in found}
    return tuple([pair for pair in found if sc.PAIRED_MEASURES.get(pair[0], pair[0]) in names])
