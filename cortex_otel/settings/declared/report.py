"""The weekly report."""

from __future__ import annotations

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

__all__ = ["ReportSettings"]


@subject(frozen=True, kw_only=True)
class ReportSettings:
    """The weekly report."""

    report: bool = setting(
        "CORTEX_OTEL_REPORT",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Let `cortex-otel serve` write the weekly report on Mondays at 08:00, where the extra `report`
    is installed. It stays in `reports/` of this machine; `cortex-otel report` works either way."""

    report_language: str | None = setting(
        "CORTEX_OTEL_REPORT_LANGUAGE",
        default=None,
        parse=parsers.choice("en", "ko", "both"),
        allowed="en, ko or both",
    )
    """Language of the weekly report; by default that of `cortex-otel` (`CORTEX_OTEL_LANG`, else the
    locale)."""

    report_weeks: int = setting(
        "CORTEX_OTEL_REPORT_WEEKS",
        default=104,
        parse=parsers.integer(1, 1040),
        allowed="1 to 1040",
        unit="weeks",
    )
    """How many weeks of reports are kept, the latest ones: some 0.1 MB each. Older ones are deleted
    when the next is written."""
