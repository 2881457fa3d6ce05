"""``cortex-otel doctor``: checks this installation, or what a server's command line will do."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.commands.console import line
from cortex_otel.commands.parsing import add_command, add_json, whole_number
from cortex_otel.doctor import environment, home, installation, round_trip, server, source
from cortex_otel.doctor.findings import problem, secrets_of, shown, warning
from cortex_otel.doctor.target import read_command
from cortex_otel.locale import N_, _, ngettext
from cortex_otel.query.formats import pad, printable, width

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.doctor.findings import Finding
    from cortex_otel.doctor.target import Target
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]

_COLOURS = {"ok": "32", "warning": "33", "problem": "31"}
_NOT_PYTHON = {
    "node": N_("{program} runs JavaScript, not Python: cortex-otel can't record there"),
    "container": N_(
        "{program} starts a container: install cortex-otel in its image and run cortex-otel doctor "
        "there"
    ),
    "shell": N_("{program} is a shell: give the doctor the command that it runs"),
    "program": N_("{program} isn't a Python program: cortex-otel can't record there"),
    "missing": N_("there is no program {program}: check its name, or install it"),
    "unreadable": N_("you can't run {program}: check its permissions"),
}


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel doctor``."""
    command = add_command(
        commands,
        "doctor",
        run,
        _("find out what keeps calls from being recorded, and how to fix it"),
        examples=_(
            "examples:\n"
            "  cortex-otel doctor                                     check this installation\n"
            "  cortex-otel doctor -- uvx mcp-server-git               check a server\n"
            "  cortex-otel doctor -- opentelemetry-instrument python server.py\n"
            "\n"
            "The server is started and asked for its tools; no tool is called. Your data isn't\n"
            "touched, and secrets are masked: the report can be pasted into an issue."
        ),
    )
    command.add_argument(
        "target",
        nargs="*",
        metavar="COMMAND",
        help=_("a server's command line, after --; without one, this installation is checked"),
    )
    command.add_argument(
        "--timeout",
        type=whole_number(1),
        default=30,
        metavar="SECONDS",
        help=_("seconds that the server, or a check, may take to answer (30)"),
    )
    add_json(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show each finding as soon as it is known; 1 if one of them is a problem."""
    findings: list[Finding] = []
    secrets = secrets_of(arguments.target, os.environ)
    checks = (
        _check_target(arguments.target, arguments.timeout)
        if arguments.target
        else _check_installation(settings, arguments.timeout)
    )
    for finding in checks:
        findings.append(finding)
        if not arguments.json:
            line(_shown(finding, secrets))
            sys.stdout.flush()
    problems = sum(finding.level == "problem" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    if arguments.json:
        facts = [
            {"level": finding.level, "code": finding.code, "message": finding.as_line(secrets)}
            for finding in findings
        ]
        report = {"problems": problems, "warnings": warnings, "findings": facts}
        line(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        line()
        line(
            _(
                "{problems}, {warnings}.",
                problems=ngettext("{count} problem", "{count} problems", problems, count=problems),
                warnings=ngettext("{count} warning", "{count} warnings", warnings, count=warnings),
            )
        )
    return 1 if problems else 0


def _shown(finding: Finding, secrets: frozenset[str]) -> str:
    labels = {"ok": _("ok"), "warning": _("warning"), "problem": _("problem")}
    label = pad(labels[finding.level], max(map(width, labels.values())))
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        label = f"\x1b[{_COLOURS[finding.level]}m{label}\x1b[0m"
    return f"{label}  {printable(finding.as_line(secrets))}"


def _progress(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def _check_installation(settings: Settings, timeout_seconds: float) -> Iterator[Finding]:
    yield from installation.check()
    yield from home.check(settings.home, settings.database)
    _progress(_("Sending a span, an event and a metric into a throw-away store …"))
    yield from round_trip.round_trip(timeout_seconds=timeout_seconds)


def _check_target(command: Sequence[str], timeout_seconds: float) -> Iterator[Finding]:
    target = read_command(command)
    if target.kind in _NOT_PYTHON:
        make = warning if target.kind in ("container", "shell", "program") else problem
        yield make(f"target_{target.kind}", _(_NOT_PYTHON[target.kind]), program=target.program)
        if target.kind in ("missing", "unreadable", "container", "shell"):
            return
    elif target.kind == "pipx":
        yield problem(
            "target_pipx",
            _("pipx run creates an environment of its own, without cortex-otel; run: {instead}"),
            instead=shown(target.instead),
        )
    codes = set()
    if target.kind == "python":
        _progress(_("Asking {command} …", command=shown(target.interpreter)))
        for finding in environment.check(target, timeout_seconds=timeout_seconds):
            codes.add(finding.code)
            yield finding
        yield from _source(target)
    _progress(_("Starting {command} …", command=shown(command)))
    expected: bool | None = "launcher_reaches" in codes
    if not expected and {"in_environment", "no_launcher"} <= codes:
        expected = None
    yield from server.start(command, timeout_seconds=timeout_seconds, expected=expected)


def _source(target: Target) -> Iterator[Finding]:
    if target.script is not None:
        yield from source.read_source(target.script)
    elif target.module:
        name = Path(*target.module.split("."))
        for path in (name.with_suffix(".py"), name / "__main__.py", name / "__init__.py"):
            if path.is_file():
                yield from source.read_source(path)
