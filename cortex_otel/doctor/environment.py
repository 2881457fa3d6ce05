"""Inspects the Python of a target: what is installed there, and whether the launcher reaches it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_otel._version import requirement
from cortex_otel.doctor.findings import ok, problem, shown, warning
from cortex_otel.doctor.processes import begin, end
from cortex_otel.locale import _

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cortex_otel.doctor.findings import Finding
    from cortex_otel.doctor.target import Target

__all__ = ["check", "run_script"]

_MARK = "cortex-otel-doctor:"
# Runs in another Python, from 3.8 on, and imports none of its packages. The current directory is
# removed from the path: only installed packages count.
_SCRIPT = f"""
import json, sys
sys.path[:] = [entry for entry in sys.path if entry]
from importlib import metadata, util
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
names = ("cortex-otel", "opentelemetry-distro", "mcp", "fastmcp", "opentelemetry-instrumentation")
points = metadata.entry_points()
group = "opentelemetry_distro"
distros = points.select(group=group) if hasattr(points, "select") else points.get(group, [])
state = sys.modules.get("cortex_otel.instrument.state")
hook = sys.modules.get("cortex_otel.instrument.mcp_server")
print("{_MARK}" + json.dumps({{
    "prefix": sys.prefix,
    "executable": sys.executable,
    "python": ".".join(map(str, sys.version_info[:3])),
    "versions": {{name: version(name) for name in names}},
    "distros": sorted({{point.name for point in distros}}),
    "importable": util.find_spec("cortex_otel") is not None,
    "pip": util.find_spec("pip") is not None,
    "active": bool(state and state.state.active),
    "hook": bool(hook and hook.installed()),
}}))
"""
_OLDEST_PYTHON = (3, 11)
_OLDEST_MCP = (1, 10)
_FASTMCP = (2, 3, 4)


def run_script(command: tuple[str, ...], *, timeout_seconds: float) -> dict[str, Any] | str:
    """Run the script in the Python that ``command`` starts.

    Returns:
        Its result; on failure the last line of its output.
    """
    with tempfile.TemporaryDirectory(prefix="cortex-doctor-") as directory:
        try:
            process = begin(
                (*command, "-c", _SCRIPT),
                Path(directory, "home"),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            return str(error)
        with process:
            try:
                stdout, stderr = process.communicate(timeout=timeout_seconds)
            except subprocess.TimeoutExpired:
                return f"> {timeout_seconds:g} s"
            finally:
                end(process)
    for line in stdout.decode(errors="replace").splitlines():
        if line.startswith(_MARK):
            answer: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            return answer
    output = stderr.decode(errors="replace").strip().splitlines() or [f"exit {process.returncode}"]
    return output[-1]


def check(target: Target, *, timeout_seconds: float) -> Iterator[Finding]:
    """Whether the Python of ``target`` has what recording needs, and how to fix it."""
    answer = run_script(target.interpreter, timeout_seconds=timeout_seconds)
    if isinstance(answer, str):
        yield problem(
            "python_fails",
            _("the server's Python doesn't start ({detail}): try it yourself: {command}"),
            command=shown(target.interpreter),
            detail=answer,
        )
        return
    versions = answer["versions"]
    yield ok(
        "target_python",
        _("runs in Python {version}, environment {prefix}"),
        version=answer["python"],
        prefix=answer["prefix"],
    )
    yield from _stack(versions)
    if _numbers(answer["python"]) < _OLDEST_PYTHON:
        yield problem(
            "python_too_old",
            _("Python {version} is too old for cortex-otel: use 3.11 or newer"),
            version=answer["python"],
        )
    instead = shown(target.instead)
    if not answer["importable"]:
        if target.installs and target.instead:
            yield problem(
                "not_in_environment_uv",
                _("cortex-otel is not in {prefix}; run: {instead}"),
                prefix=answer["prefix"],
                instead=instead,
            )
        elif target.installs:
            option = shown(("--with", requirement()))
            yield problem(
                "not_brought_along",
                _("cortex-otel is not in {prefix}: add {option}"),
                prefix=answer["prefix"],
                option=option,
            )
        else:
            yield problem(
                "not_in_environment",
                _("cortex-otel is not installed in {prefix}; run: {install} and then: {instead}"),
                prefix=answer["prefix"],
                install=_install(answer),
                instead=instead or shown(target.instrumented),
            )
    else:
        yield ok(
            "in_environment",
            _("cortex-otel {version} is installed there"),
            version=versions["cortex-otel"],
        )
        if found := other_distros(answer["distros"]):
            yield found
    if target.isolation:
        yield problem(
            "isolated",
            _("{flag} keeps the launcher out of Python; run: {instead}"),
            flag=target.isolation,
            instead=instead,
        )
    elif not target.instrumented and answer["importable"]:
        yield warning(
            "no_launcher",
            _(
                "not started with opentelemetry-instrument, so only code that calls "
                "cortex_otel.configure() records; run: {instead}"
            ),
            instead=instead,
        )
    elif target.instrumented:
        yield from _reached(target, answer, timeout_seconds)


def _reached(target: Target, answer: dict[str, Any], timeout_seconds: float) -> Iterator[Finding]:
    """Start the launcher for real, with the question in place of the server."""
    behind = run_script(target.instrumented, timeout_seconds=timeout_seconds)
    if isinstance(behind, str):
        yield problem(
            "launcher_fails",
            _("Python doesn't start under the launcher ({detail}): try it yourself: {command}"),
            command=shown(target.instrumented),
            detail=behind,
        )
    elif behind["active"]:
        yield ok("launcher_reaches", _("opentelemetry-instrument turns cortex-otel on there"))
        if not behind["hook"]:
            yield warning(
                "hook_disabled",
                _(
                    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names cortex_mcp, so only tools "
                    "under @instrument_tool are recorded: remove it"
                ),
            )
    elif answer["importable"]:
        yield problem(
            "launcher_without_us",
            _(
                "cortex-otel stays off in {prefix} even under opentelemetry-instrument: run "
                "cortex-otel doctor there, without a command"
            ),
            prefix=answer["prefix"],
        )
    else:
        yield problem(
            "launcher_elsewhere",
            _(
                "opentelemetry-instrument doesn't reach {prefix}: it must run inside that "
                "environment"
            ),
            prefix=answer["prefix"],
        )


def _stack(versions: dict[str, str]) -> Iterator[Finding]:
    fastmcp, mcp = versions["fastmcp"], versions["mcp"]
    name, version = ("fastmcp", fastmcp) if fastmcp else ("mcp", mcp)
    if not version:
        yield warning(
            "no_mcp",
            _("neither mcp nor fastmcp is installed there: only your own spans are recorded"),
        )
    elif _numbers(version) < (_FASTMCP if fastmcp else _OLDEST_MCP):
        yield problem(
            "old_mcp",
            _("{name} {version} is too old: install mcp 1.10 or fastmcp 2, or newer"),
            name=name,
            version=version,
        )
    else:
        yield ok("mcp", _("{name} {version} is supported"), name=name, version=version, mcp=mcp)


def other_distros(names: Collection[str]) -> Finding | None:
    """What distros beside ours mean; ``None`` if there are none.

    Args:
        names: of every distro that is installed.
    """
    others = sorted(set(names) - {"cortex"})
    chosen = os.environ.get("OTEL_PYTHON_DISTRO", "")
    if chosen and chosen != "cortex":
        return problem(
            "other_distro_chosen",
            _(
                "OTEL_PYTHON_DISTRO={chosen} takes precedence over cortex-otel: set "
                "OTEL_PYTHON_DISTRO=cortex"
            ),
            chosen=chosen,
        )
    if others:
        return warning(
            "two_distros",
            _(
                "other distros are installed too ({others}); cortex-otel takes precedence, since "
                "none is chosen: set OTEL_PYTHON_DISTRO=cortex to be sure"
            ),
            others=", ".join(others),
        )
    return None


def _install(answer: dict[str, Any]) -> str:
    if answer["pip"]:
        return shown((answer["executable"], "-m", "pip", "install", requirement()))
    return shown(("uv", "pip", "install", "--python", answer["executable"], requirement()))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
