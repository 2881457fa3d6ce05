"""What is in an archive, by name."""

from __future__ import annotations

import re

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import CopyError

__all__ = ["CONTENTS", "DATABASE", "LOGS", "SUMS", "damaged", "is_log_name"]

CONTENTS, DATABASE, LOGS, SUMS = "contents.json", "cortex.db", "logs", "SHA256SUMS"
#: Of log files, plain and compressed; short enough for a tar header of one block.
_LOG_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}\.jsonl(?:\.gz)?", re.ASCII)


def is_log_name(name: str) -> bool:
    """Whether a file of that name in ``logs/`` is packed and unpacked."""
    return bool(_LOG_NAME.fullmatch(name))


def damaged() -> CopyError:
    """An archive that can't be read to its end, or holds something else than it says."""
    return CopyError(
        N_("it is damaged: cut or changed; take another backup (cortex-otel backup --list)")
    )
