"""What version this is, and what it can be installed from again.

No package index has cortex-otel: a command that names it alone would fail, or fetch what a stranger
put there. pip and uv remember what they were given (PEP 610), and that works a second time.
"""

from __future__ import annotations

import json
import shlex

__all__ = ["NAME", "__version__", "requirement", "to_install"]

__version__ = "0.1.0"
NAME = "cortex-otel"


def requirement(extra: str = "") -> str:
    """What pip and uv take for this very cortex-otel: its name and the URL it came from.

    Args:
        extra: to be installed with it; ``serve``, ``demo``, ``grafana`` or ``otlp``.

    Returns:
        The name alone where an index had it.
    """
    from importlib import metadata  # noqa: PLC0415 - not for a host that only asks the version

    name = f"{NAME}[{extra}]" if extra else NAME
    try:
        direct_url = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
        url = str(direct_url["url"])
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return name
    if version := direct_url.get("vcs_info"):
        url = f"{version['vcs']}+{url}@{version['commit_id']}"
    return f"{name}@{url}"


def to_install(extra: str) -> str:
    """The command that adds the packages of an extra, as it is typed."""
    return shlex.join(("pip", "install", requirement(extra)))
