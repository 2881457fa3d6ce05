"""What is in an archive, by name."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import CopyError
from cortex_otel_exporters.jsonl.files import log_name

__all__ = ["CONTENTS", "DATABASE", "LOGS", "SUMS", "damaged", "is_log_name"]

CONTENTS, DATABASE, LOGS, SUMS = "contents.json", "cortex.db", "logs", "SHA256SUMS"


def is_log_name(name: str) -> bool:
    """Whether a file of that name in ``logs/`` is packed and unpacked."""
    return log_name(name) is not None


def damaged() -> CopyError:
    """An archive that can't be read to its end, or holds something else than it says."""
    return CopyError(
        N_("it is damaged: cut or changed; take another backup (cortex-otel backup --list)")
    )
