"""Whether the host's own ``config.py`` leaves telemetry on, found out without running it."""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from pathlib import Path

__all__ = ["enabled_by_host"]


def enabled_by_host() -> bool:
    """Whether the host's ``config.py`` leaves telemetry on, as Cortex writes it there.

    Reads ``TELEMETRY_ENABLED = False`` from the ``config`` module if it is imported; otherwise from
    the source of the ``config.py`` that the host would import, without running it.
    """
    module = sys.modules.get("config")
    try:
        if module is not None:
            return bool(getattr(module, "TELEMETRY_ENABLED", True))
        source = _host_config()
        tree = ast.parse(source.read_bytes()) if source is not None else ast.Module([], [])
    except Exception:  # noqa: BLE001 - the host's file, and a module may be any object
        return True
    enabled = True
    for node in tree.body:
        match node:
            case ast.Assign(targets=targets, value=ast.Constant(value=value)):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                names = [name]
            case _:
                continue
        if "TELEMETRY_ENABLED" in names:
            enabled = bool(value)
    return enabled


def _host_config() -> Path | None:
    # Under zero-code start the script's directory isn't on sys.path yet: take it from the
    # command line.
    path: list[str] = []
    for argument in sys.orig_argv[1:]:
        if argument in ("-m", "-c"):
            path = [str(Path.cwd())]
            break
        if argument.endswith(".py"):
            path = [str(Path(argument).resolve().parent)]
            break
    spec = importlib.machinery.PathFinder.find_spec("config", [*path, *sys.path])
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)
