"""What of the recorded content is kept, and who else gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ContentSettings"]


@subject(frozen=True, kw_only=True)
class ContentSettings:
    """What of the recorded content is kept, and who else gets it."""

    allow_attributes: tuple[str, ...] = setting(
        "CORTEX_OTEL_ALLOW_ATTRIBUTES",
        default=(),
        parse=parsers.attribute_keys,
        allowed="attribute keys, comma-separated; key.* for all below",
        many=True,
    )
    """Further attribute keys to keep. Their text is still searched for personal data."""

    capture_content: bool = setting(
        "CORTEX_OTEL_CAPTURE_CONTENT",
        default=False,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Development only: keep tool arguments, results and exception messages as they are."""

    allow_other_exporters: bool = setting(
        "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS",
        default=False,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Let `OTEL_*_EXPORTER` add exporters beside SQLite (OTLP sends data off this machine). They
    get redacted copies of what the store keeps."""

    other_exporters_get_raw_personal_data: bool = setting(
        "CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA",
        default=False,
        parse=parsers.boolean,
        allowed="true or false",
    )
    """Development only: exporters that `OTEL_*_EXPORTER` names, and processors and readers given to
    `configure()`, get everything as it is, personal data included. Said on stderr at each start."""

    otlp_endpoint: str | None = setting(
        "CORTEX_OTEL_OTLP_ENDPOINT",
        default=None,
        parse=parsers.endpoint,
        allowed="an http:// or https:// address without user, query or fragment",
        secret=True,
    )
    """Send redacted copies of what the store keeps to this OpenTelemetry Collector over OTLP/HTTP,
    e.g. `https://collector.example:4318`; `/v1/traces` and so on are added. Naming one is the
    consent to it. Needs the extra `otlp` (`pip install './cortex-otel[otlp]'`); no variable
    `OTEL_EXPORTER_OTLP_*` is followed. `CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA`
    doesn't reach it."""

    otlp_headers_file: Path | None = setting(
        "CORTEX_OTEL_OTLP_HEADERS_FILE",
        default=None,
        parse=parsers.headers_file,
        allowed="a file that you alone can read (chmod 600), with a line `name: value` or "
        "`name=value` for each header",
    )
    """Headers for that Collector, such as `authorization: Bearer …`: in a file, since environment
    variables and command lines can be seen by others. Lines that begin with `#` are comments.
    Where the file can't be used, nothing is sent."""
