"""What is said of sampled events, once a dashboard: Grafana has no room for it in a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common, stat
from grafana_foundation_sdk.models import common as kinds

from cortex_otel.locale import texts
from cortex_otel.query.sampling import GREATEST_OF_DAYS
from cortex_otel.show.grafana import dialect
from cortex_otel.show.grafana.panels.parts import NO_VALUE, reduced, set_to
from cortex_otel.show.grafana.targets import DATASOURCE, Target

if TYPE_CHECKING:
    from cortex_otel.show.grafana.panels.parts import PanelBuilder

__all__ = ["sampling_note"]

_TEXT_SIZE = 14
#: As :mod:`cortex_otel.query.sampling` has them.
_ERRORS = {
    "error": "CAST(round(1.96 * sqrt(1000 * (weight - 1))) AS bigint)",
    "error_of_more": "CAST(round(1.96 * sqrt(100000 * (weight - 1))) AS bigint)",
    "points": "round(CAST(98 * sqrt((weight - 1) / 100000.0) AS numeric), 2)",
}


def sampling_note(language: str) -> PanelBuilder:
    """Whether events of the range are sampled, and how far a count may be from the true one."""
    _ = texts(language).gettext
    day_ns = 86_400 * 10**9
    greatest = GREATEST_OF_DAYS.replace(":from_day", f"{dialect.FROM_NS} / {day_ns}").replace(
        ":to_day", f"({dialect.TO_NS} - 1) / {day_ns}"
    )
    exact = _("Nothing is sampled in this range: counts are exact")
    said = dialect.literal(
        _(
            "Events are sampled in this range: a count of 1,000 of them is right to within "
            "± {error} (95 %), one of 100,000 to within ± {error_of_more}, and a rate of so many "
            "to within ± {points} percentage points; failures are exact"
        )
    )
    for name, expression in _ERRORS.items():
        said = said.replace(f"{{{name}}}", f"' || CAST({expression} AS text) || '")
    sql = (
        f"SELECT CASE WHEN weight > 1 THEN {said} ELSE {dialect.literal(exact)} END AS said\n"
        f"FROM (\n{greatest.strip()}\n) AS sampled"
    )
    return (
        stat.Panel()
        .title(_("Sampling"))
        .description(
            _(
                "Counts of sampled events are estimates: how far they and rates may be from the "
                "true ones. Users and sessions are exact, but for half hours that the range cuts."
            )
        )
        .datasource(DATASOURCE)
        .no_value(NO_VALUE)
        .with_target(Target(sql, []))
        .reduce_options(reduced(values=True, fields="/^said$/"))
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .text_mode(kinds.BigValueTextMode.VALUE)
        .color_mode(kinds.BigValueColorMode.NONE)
        .text(common.VizTextDisplayOptions().value_size(_TEXT_SIZE))
        .wide_layout(wide_layout=True)
        .override_by_name(
            "said", [set_to("displayName", _("Sampling")), set_to("noValue", NO_VALUE)]
        )
    )
