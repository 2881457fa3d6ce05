"""Which Python a command line will run, read from the command line itself.

Nothing is started here. Launchers are stripped one by one (``env``, ``opentelemetry-instrument``,
``uvx``, ``uv run``, ``python -m`` …) until an interpreter is left, or a program whose first line
names one.
"""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cortex_otel._version import NAME, requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Kind", "Target", "read_command", "with_variable"]

Kind = Literal["python", "node", "container", "shell", "pipx", "program", "missing", "unreadable"]

_LAUNCHER = "opentelemetry-instrument"
_PYTHON = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)*)?t?(?:\.exe)?|pyw?(?:\.exe)?")
_FOREIGN: dict[str, Kind] = {
    **dict.fromkeys(
        ("node", "npx", "npm", "pnpm", "pnpx", "yarn", "bun", "bunx", "deno", "tsx"), "node"
    ),
    **dict.fromkeys(("docker", "podman", "nerdctl"), "container"),
    **dict.fromkeys(("sh", "bash", "zsh", "fish", "dash", "cmd", "powershell", "pwsh"), "shell"),
}
# Options of uv that take a value, as of uv 0.9: the word after them isn't the program.
_UV_VALUE = re.compile(
    r"-[wpicbPfCn]|--(?:from|with(?:-editable|-requirements)?|python|python-platform|cache-dir|"
    r"directory|project|env-file|constraints|overrides|build-constraints|[a-z-]+-package|package|"
    r"config-file|config-setting|color|link-mode|resolution|prerelease|fork-strategy|"
    r"exclude-newer|index-strategy|keyring-provider|extra|group|only-group|no-group|no-extra|"
    r"allow-insecure-host|torch-backend|[a-z-]*(?:index|url|links))"
)
_ISOLATING = "ISE"
# How much of a script is read for its interpreter line, or that of pip's wrapper for long paths.
_SHEBANG_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a command line will run."""

    kind: Kind
    program: str = ""
    """The name or path that determines the kind."""
    interpreter: tuple[str, ...] = ()
    """The command of its Python, with its flags."""
    instrumented: tuple[str, ...] = ()
    """The same, behind ``opentelemetry-instrument``; empty if the command has none."""
    isolation: str = ""
    """Flag that disables the launcher: ``-I``, ``-S`` or ``-E``; empty if none."""
    script: Path | None = None
    """The source file that it runs, if the command names one."""
    module: str = ""
    """The module of ``python -m``."""
    instead: tuple[str, ...] = ()
    """The command line with which cortex-otel reaches it; empty if it already should."""
    installs: bool = False
    """``instead`` installs cortex-otel on the fly."""


def read_command(command: Sequence[str]) -> Target:
    """Find out what ``command`` will run.

    Args:
        command: program and arguments, at least one.

    Returns:
        The target; its kind is ``missing`` if there is no such program.
    """
    return _read(tuple(command), outer=())


def with_variable(command: Sequence[str], name: str, value: str) -> tuple[str, ...]:
    """``command`` with a variable that its own ``env`` doesn't replace or clear."""
    words = tuple(command)
    for position, word in enumerate(words):
        if Path(word).name == "env":
            start = position + _after_env(words[position:])
            others = (each for each in words[position:start] if not each.startswith(f"{name}="))
            rest = with_variable(words[start:], name, value)
            return (*words[:position], *others, f"{name}={value}", *rest)
    return words


def _read(words: tuple[str, ...], outer: tuple[str, ...]) -> Target:  # noqa: PLR0911 - one per launcher
    """Read ``words``, which run in the environment of the launchers in ``outer``."""
    stem = Path(words[0]).name.removesuffix(".exe").lower() if words else ""
    match stem:
        case "":
            return Target(kind="missing", program=" ".join(outer))
        case "env":
            start = _after_env(words)
            return _read(words[start:], (*outer, *words[:start]))
        case "uvx":
            return _tool(words, 1, outer)
        case "uv" if words[1:3] == ("tool", "run"):
            return _tool(words, 3, outer)
        case "uv" if words[1:2] == ("run",):
            return _uv_run(words, outer)
        case "pipx" if words[1:2] == ("run",):
            return _pipx(words)
        case "opentelemetry-instrument":
            return _behind_launcher(words, outer)
    if stem in _FOREIGN:
        return Target(kind=_FOREIGN[stem], program=stem)
    return _program(words, outer)


def _program(words: tuple[str, ...], outer: tuple[str, ...]) -> Target:
    """The target without launchers: an interpreter, a script, or a program."""
    name = Path(words[0]).name
    is_python = _PYTHON.fullmatch(name.lower()) is not None
    if not outer or outer[0] not in _MANAGERS:
        path = shutil.which(words[0])
        if path is None:
            exists = Path(words[0]).exists()
            return Target(kind="unreadable" if exists else "missing", program=words[0])
        if not is_python:
            return _script(words, Path(path), outer)
    if is_python:
        return _python(words, outer)
    # A program in an environment that uv creates: its Python is found by starting it.
    is_source = name.endswith(".py")
    start = ("python",) if is_source else ()
    return Target(
        kind="python",
        program=words[0],
        interpreter=(*outer, "python"),
        script=Path(words[0]) if is_source else None,
        instead=(*outer, _LAUNCHER, *start, *words),
    )


_MANAGERS = ("uv", "uvx")


def _after_env(words: tuple[str, ...]) -> int:
    position = 1
    while position < len(words):
        word = words[position]
        if word in ("-u", "--unset", "-C", "--chdir"):
            position += 2
        elif word.startswith("-") or re.match(r"[A-Za-z_]\w*=", word):
            position += 1
        else:
            break
    return position


def _after_options(words: tuple[str, ...], position: int, takes_value: re.Pattern[str]) -> int:
    while position < len(words) and words[position].startswith("-"):
        if words[position] == "--":
            return position + 1
        position += 2 if takes_value.fullmatch(words[position]) else 1
    return position


def _behind_launcher(words: tuple[str, ...], outer: tuple[str, ...]) -> Target:
    start = _after_options(words, 1, re.compile(r"--\w+"))
    inner = _read(words[start:], outer)
    if inner.kind != "python":
        return inner
    bare = inner.interpreter[len(outer) :]
    return replace(
        inner,
        instrumented=(*outer, *words[:start], *bare),
        instead=() if not inner.isolation and not inner.installs else inner.instead,
    )


def _tool(words: tuple[str, ...], start: int, outer: tuple[str, ...]) -> Target:
    end = _after_options(words, start, _UV_VALUE)
    options, rest = words[start:end], words[end:]
    if not rest:
        return Target(kind="missing", program=words[0])
    given = "--from" in options or any(option.startswith("--from=") for option in options)
    package, _, version = rest[0].partition("@")
    if not given:
        pinned = f"{package}=={version}" if version and version != "latest" else rest[0]
        options, rest = (*options, "--from", pinned), (package.partition("[")[0], *rest[1:])
    inner = _read_managed(rest, (*words[:start], *options))
    with_ours = () if NAME in _withs(options) else ("--with", requirement())
    return _managed(
        inner, outer, (*words[:start], *options), (*words[:start], *with_ours, *options)
    )


def _uv_run(words: tuple[str, ...], outer: tuple[str, ...]) -> Target:
    end = _after_options(words, 2, _UV_VALUE)
    options, rest = words[2:end], words[end:]
    if not rest:
        return Target(kind="missing", program="uv run")
    if "-m" in options or "--module" in options:
        options = tuple(option for option in options if option not in ("-m", "--module"))
        rest = ("python", "-m", *rest)
    options = tuple(option for option in options if option not in ("-s", "--script", "--"))
    inner = _read_managed(rest, (*words[:2], *options))
    # uv installs a script's inline dependencies only if it runs the script itself.
    with_ours = () if NAME in _withs(options) else ("--with", requirement())
    return _managed(inner, outer, (*words[:2], *options), (*words[:2], *with_ours, *options))


def _read_managed(rest: tuple[str, ...], manager: tuple[str, ...]) -> Target:
    return _read(rest, (Path(manager[0]).name.removesuffix(".exe"), *manager[1:]))


def _managed(
    inner: Target, outer: tuple[str, ...], manager: tuple[str, ...], better: tuple[str, ...]
) -> Target:
    """Prefix what was read with the user's own words, and ``instead`` with ours."""

    def behind(command: tuple[str, ...], start: tuple[str, ...]) -> tuple[str, ...]:
        return (*outer, *start, *command[len(manager) :]) if command else ()

    return replace(
        inner,
        interpreter=behind(inner.interpreter, manager),
        instrumented=behind(inner.instrumented, manager),
        instead=(*outer, *better, *inner.instead[len(manager) :]) if inner.instead else (),
        installs=True,
    )


def _withs(options: tuple[str, ...]) -> str:
    return " ".join(
        value for option, value in itertools.pairwise(options) if option in ("--with", "-w")
    )


def _pipx(words: tuple[str, ...]) -> Target:
    rest = list(words[2:])
    package = rest[rest.index("--spec") + 1] if "--spec" in rest[:-1] else ""
    start = _after_options(tuple(rest), 0, re.compile(r"--(?:spec|python|pip-args)"))
    app = rest[start:]
    if not app:
        return Target(kind="missing", program="pipx run")
    instead = ("uvx", "--with", requirement(), "--from", package or app[0], _LAUNCHER, *app)
    return Target(kind="pipx", program=app[0], instead=instead, installs=True)


def _python(words: tuple[str, ...], outer: tuple[str, ...]) -> Target:
    position, isolation = 1, ""
    flags: list[str] = []
    while position < len(words) and words[position].startswith("-") and words[position] != "-":
        word = words[position]
        letters = "" if word.startswith("--") else word[1:]
        if word == "--" or letters[:1] in ("c", "m"):
            break
        width = 2 if word in ("-W", "-X") else 1
        isolation = isolation or "".join(f"-{letter}" for letter in letters if letter in _ISOLATING)
        flags += words[position : position + width]
        position += width
    rest = words[position:]
    module = rest[1] if rest[:1] == ("-m",) and len(rest) > 1 else ""
    script = Path(rest[0]) if rest and rest[0].endswith(".py") else None
    plain = tuple(flag for flag in flags if not _isolates(flag))
    launcher = _LAUNCHER if outer[:1] and outer[0] in _MANAGERS else _beside(words[0])
    return Target(
        kind="python",
        program=words[0],
        interpreter=(*outer, words[0], *flags),
        module=module,
        isolation=isolation[:2],
        script=script,
        instead=(*outer, launcher, words[0], *plain, *rest),
    )


def _isolates(flag: str) -> bool:
    return re.fullmatch(r"-[A-Za-z]*[ISE][A-Za-z]*", flag) is not None


def _beside(python: str) -> str:
    """The launcher of the same environment as ``python``."""
    path = shutil.which(python)
    if "/" not in python or path is None:
        return _LAUNCHER
    return str(Path(path).with_name(_LAUNCHER))


def _script(words: tuple[str, ...], path: Path, outer: tuple[str, ...]) -> Target:
    try:
        with path.open("rb") as file:
            head = file.read(_SHEBANG_BYTES).decode(errors="replace")
    except OSError:
        return Target(kind="unreadable", program=words[0])
    named = _named_by(head)
    if not named:
        return Target(kind="program", program=words[0])
    inner = _read((*named, str(path), *words[1:]), outer)
    if inner.kind != "python" or inner.installs:
        return inner
    launcher = inner.instead[len(outer)] if inner.instead else _LAUNCHER
    # Behind an isolating first line the script must be given to the interpreter itself.
    command = (*inner.instead[len(outer) + 1 :],) if inner.isolation else words
    source = path if path.suffix == ".py" else None
    return replace(inner, program=words[0], instead=(*outer, launcher, *command), script=source)


def _named_by(head: str) -> tuple[str, ...]:
    """The interpreter and its flags, by a script's first lines; empty if it names none."""
    # pip and uv write this where the path is too long or has a space for the first line.
    wrapped = re.match(r"#!/bin/sh\n'''exec' (\"[^\"]+\"|'[^']+'|\S+)", head)
    if wrapped:
        return tuple(shlex.split(wrapped[1]))
    if not head.startswith("#!"):
        return ()
    try:
        words = shlex.split(head[2:].partition("\n")[0])
    except ValueError:
        return ()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if word not in ("-S", "--split-string")]
    return tuple(words)
