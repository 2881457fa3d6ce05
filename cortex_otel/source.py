"""Where this installation came from, and so what it can be installed from again.

No package index has cortex-otel: a command that names it alone would fail, or fetch what a stranger
put there. pip and uv remember what they were given (PEP 610), and that works a second time.
"""

from __future__ import annotations

import json
import shlex
from importlib import metadata

__all__ = ["NAME", "requirement", "to_install"]

NAME = "cortex-otel"


def requirement(extra: str = "") -> str:
    """What pip and uv take for this very cortex-otel: its name and the URL it came from.

    Args:
        extra: to be installed with it; ``serve``, ``demo``, ``grafana`` or ``otlp``.

    Returns:
        The name alone where an index had it.
    """
    name = f"{NAME}[{extra}]" if extra else NAME
    try:
        told = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
        url = str(told["url"])
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return name
    if version := told.get("vcs_info"):
        url = f"{version['vcs']}+{url}@{version['commit_id']}"
    return f"{name}@{url}"


def to_install(extra: str) -> str:
    """The command that adds the packages of an extra, as it is typed."""
    return shlex.join(("pip", "install", requirement(extra)))
