"""The session of this process, and the program it runs: the MCP server, as its user calls it."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING

from cortex_otel import identity
from cortex_otel_exporters.record import Session

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["process_session"]

_session = Session("")


def process_session(safe_name: Callable[[str], str]) -> Session:
    """The session of this process; a new one in a forked child.

    Args:
        safe_name: redacts names: a server may be called anything.
    """
    global _session  # noqa: PLW0603 - a process has one
    session_id = identity.session_id()
    if _session.session_id != session_id:
        name, version = _running_program()
        _session = Session(
            session_id,
            os=sys.platform,
            server_name=safe_name(name) if name else "",
            server_version=safe_name(version) if version else "",
            runtime=f"{sys.implementation.name} {sys.version.split()[0]}",
            instance_id=session_id,
        )
    return _session


@lru_cache(maxsize=1)
def _running_program() -> tuple[str, str]:
    """Name and version of the program on the command line; ``""`` where there is none."""
    program = ""
    arguments = iter(sys.orig_argv[1:])
    for argument in arguments:
        if argument == "-m":
            program = next(arguments, "").partition(".")[0]
            break
        if argument == "-c":
            break
        if argument in ("-X", "-W"):
            next(arguments, "")
        elif not argument.startswith("-"):
            program = os.path.basename(argument).removesuffix(".py")  # noqa: PTH119 - any platform
            break
    version = ""
    for distribution in dict.fromkeys((program, program.replace("_", "-"))):
        try:
            version = metadata.version(distribution) if distribution else ""
            break
        except metadata.PackageNotFoundError:
            continue
    return os.environ.get("OTEL_SERVICE_NAME") or program, version
