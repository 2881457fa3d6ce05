"""What is said beside numbers of sampled events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.locale import texts
from cortex_otel.query import sampling

if TYPE_CHECKING:
    from cortex_otel.query.runner import Result

__all__ = ["sampling_note"]


def sampling_note(result: Result, language: str) -> str | None:
    """For people: that numbers are estimates, and how good; ``None`` where they are exact."""
    found = sampling.sampling_of(result)
    if found is None:
        return None
    _ = texts(language).gettext
    words = []
    if found["count"]:
        words.append(
            _(
                "Events are sampled: {count} is right to within ± {error} (95 %)",
                count=f"{found['count']:,.0f}",
                error=f"{found['half_width']:,.0f}",
            )
        )
    elif sampling.is_sampled(result.question):
        words.append(_("Events are sampled: numbers are estimates"))
    if found["cuts_half_hours"]:
        words.append(
            _("Of half hours that the range cuts, only users of events that were kept are counted")
        )
    return " · ".join(words) or None
