"""What is said beside numbers of sampled events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cortex_otel.locale import texts
from cortex_otel.query import sampling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.query.runner import Result

__all__ = ["count_note", "sampling_note"]


def sampling_note(result: Result, language: str) -> str | None:
    """For people: that numbers are estimates, and how good; ``None`` where they are exact."""
    found = sampling.sampling_of(result)
    if found is None:
        return None
    _ = texts(language).gettext
    words = []
    if found["count"]:
        words.append(count_note(found, language))
    elif sampling.is_sampled(result.question):
        words.append(_("Events are sampled: numbers are estimates"))
    if found["cuts_half_hours"]:
        words.append(
            _("Of half hours that the range cuts, only users of events that were kept are counted")
        )
    return " · ".join(words) or None


def count_note(found: Mapping[str, Any], language: str) -> str:
    """How good the largest count of an answer is, and a rate of so many events.

    Args:
        found: of :func:`.sampling.sampling_of`, with a count.
        language: ``en`` or ``ko``.
    """
    _ = texts(language).gettext
    points = 100 * found["rate_half_width"]
    return _(
        "Events are sampled: {count} is right to within ± {error}, and a rate of so many to within "
        "± {points} percentage points (95 %)",
        count=f"{found['count']:,.0f}",
        error=f"{found['half_width']:,.0f}",
        points=f"{points:.2g}" if points < 10 else f"{points:.0f}",  # noqa: PLR2004 - digits
    )
