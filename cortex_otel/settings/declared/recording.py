"""Whether to record, where, and of whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.semconv import TIERS
from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["RecordingSettings"]


@subject(frozen=True, kw_only=True)
class RecordingSettings:
    """Whether to record, where, and of whom."""

    enabled: bool = setting(
        "CORTEX_OTEL_ENABLED",
        default=True,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Record at all. Off means no file, no thread, and decorated tools are left as they were.
    `OTEL_SDK_DISABLED=true` does the same, and so does `TELEMETRY_ENABLED = False` in the host's
    `config.py`."""

    home: Path = setting(
        "CORTEX_OTEL_HOME",
        default=parsers.default_home,
        parse=parsers.directory,
        allowed="a directory",
    )
    """Directory of the database (`cortex.db`) and what belongs to it; made with mode 0700."""

    service: str = setting(
        "CORTEX_OTEL_SERVICE",
        default="mcp",
        parse=parsers.service_name,
        allowed="letters, digits, - and _, at most 64",
    )
    """Which Cortex service this process is: `mcp`, `extension`, `web`, or a new one."""

    tier: str | None = setting(
        "CORTEX_OTEL_USER_TIER",
        default=None,
        parse=parsers.choice(*TIERS),
        allowed="one of " + ", ".join(TIERS),
    )
    """User tier, where neither an identity provider nor Cortex's licence manager says it."""

    user_id: str | None = setting(
        "CORTEX_OTEL_USER_ID",
        default=None,
        parse=str,
        allowed="any text",
        secret=True,
    )
    """User id, where no identity provider says it. Hashed before it enters any span or log."""

    user_hash_key: str | None = setting(
        "CORTEX_OTEL_USER_HASH_KEY",
        default=None,
        parse=parsers.key,
        allowed="any text but blanks",
        secret=True,
    )
    """Key of the HMAC-SHA-256 over user ids; else it is that of `user-hash.key` in
    `CORTEX_OTEL_HOME`, which `cortex-otel rotate-key` makes. Without either, user ids are hashed
    with plain SHA-256, which tells whoever has the database and guesses an id whether it is
    there."""

    sampling: Mapping[str, float] = setting(
        "CORTEX_OTEL_SAMPLING",
        default=dict,
        parse=parsers.sampling,
        allowed="event_type=rate, comma-separated, with known event types (or span, or *) "
        "and 0 < rate <= 1",
        many=True,
    )
    """Share of traces kept by event type, e.g. `mcp.search_context=0.1,span=0.05`. Traces with an
    error are always kept; each kept record carries its weight, so counts stay unbiased."""

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "cortex.db"
