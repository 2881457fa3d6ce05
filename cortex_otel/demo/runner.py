"""Starts real MCP servers, calls them with a real client, and reconciles what is stored.

A round is five servers at once, all writing to one database: ``mcp-server-git`` from
the registry under ``opentelemetry-instrument``, with its code unchanged, and the example
server (:mod:`.server`) once for each of four users of different tiers.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cortex_otel._version import to_install
from cortex_otel.commands.console import complain, error_message, line, needs_packages
from cortex_otel.demo import report
from cortex_otel.demo.directory import DemoError, demo_directory, remove
from cortex_otel.demo.reconciliation import LAUNCHER, Reconciliation, Server, State
from cortex_otel.demo.scenario import PEOPLE, calls_of_example, calls_of_git
from cortex_otel.locale import _
from cortex_otel.query.errors import QueryError
from cortex_otel.query.formats import json_line
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite.reader import StoreError, StoreMissingError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

__all__ = ["main"]

# Generous: nothing is measured by these, and the machine may be busy. An exiting server is noticed.
_SECONDS_A_CALL = 120.0
_SECONDS_A_SERVER = 600.0
_SECONDS_TO_STORE = 60.0
_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_BETWEEN_ROUNDS = 4.0
_STDERR_LINES = 30


def main(arguments: argparse.Namespace) -> int:
    """Run the demo.

    Args:
        arguments: with ``once``, ``serve``, ``json``, ``clean`` and ``home``.

    Returns:
        0; 1 if it can't run, or if what is stored doesn't agree with the calls.

    Raises:
        SettingError: a setting in the environment is invalid.
    """
    overrides = {} if arguments.home is None else {"home": arguments.home}
    directory = read_environment(overrides=overrides).home.absolute() / "demo"
    try:
        if arguments.clean:
            return _clean(directory, as_json=arguments.json)
        _check_packages()
        if arguments.serve:
            _check_packages_of_serve()
        with demo_directory(directory), _repository() as repository:
            if arguments.serve:
                return _serve(directory, repository, as_json=arguments.json)
            watch = not (arguments.once or arguments.json) and sys.stdout.isatty()
            return _rounds(directory, repository, as_json=arguments.json, watch=watch)
    except DemoError as error:
        complain(str(error))
    except (StoreError, QueryError) as error:
        complain(error_message(error))
    return 1


def _clean(directory: Path, *, as_json: bool) -> int:
    removed, left = remove(directory)
    if as_json:
        line(json_line({"directory": str(directory), "removed": removed, "left": left}))
    elif left:
        line(
            _(
                "Removed the demo from {path}; kept what it didn't create: {names}.",
                path=directory,
                names=", ".join(left),
            )
        )
    else:
        line(
            _("Removed {path}.", path=directory)
            if removed
            else _("Nothing to remove: {path} doesn't exist.", path=directory)
        )
    return 0


def _serve(directory: Path, repository: Path, *, as_json: bool) -> int:
    """One round, synthetic users, and the pages."""
    from cortex_otel.demo import serving  # noqa: PLC0415 - its packages are an extra

    servers = _servers(directory, repository)
    reconciliation = Reconciliation(directory / "cortex.db", time.time_ns(), servers)
    serving.prepare(reconciliation.database)
    _round(reconciliation, quiet=as_json)
    if not as_json:
        line(report.as_text(reconciliation, repository))
    if not reconciliation.agree:
        if as_json:
            line(json_line(report.as_json(reconciliation)))
        _complain_of(servers)
        return 1
    serving.populate(reconciliation.database, quiet=as_json)
    code, pages = serving.show(directory, servers, as_json=as_json)
    if as_json:
        line(json_line({**report.as_json(reconciliation), "pages": pages, "ok": code == 0}))
    return code


def _rounds(directory: Path, repository: Path, *, as_json: bool, watch: bool) -> int:
    servers = _servers(directory, repository)
    reconciliation = Reconciliation(directory / "cortex.db", time.time_ns(), servers)
    try:
        while True:
            _round(reconciliation, quiet=as_json)
            if as_json:
                line(json_line(report.as_json(reconciliation)))
            else:
                line(report.as_text(reconciliation, repository, refresh=watch))
            sys.stdout.flush()
            if not reconciliation.agree:
                _complain_of(servers)
                return 1
            if not watch:
                return 0
            line(
                _(
                    "Next round in {seconds} s. Ctrl-C stops.",
                    seconds=f"{_SECONDS_BETWEEN_ROUNDS:g}",
                )
            )
            time.sleep(_SECONDS_BETWEEN_ROUNDS)
    except KeyboardInterrupt:
        if not watch:
            raise
        line()  # behind the ^C of the terminal
        return 0


def _complain_of(servers: Sequence[Server]) -> None:
    for server in servers:
        if not server.agrees and server.stderr:
            complain(f"{server.name} ({server.tier}):\n{server.stderr}")


def _round(reconciliation: Reconciliation, *, quiet: bool) -> None:
    say = _nothing if quiet or reconciliation.rounds else _progress
    say(
        _(
            "Starting {count} MCP servers, all writing to one database …",
            count=len(reconciliation.servers),
        )
    )
    before = reconciliation.open()
    asyncio.run(_call_all(reconciliation, before, say))
    try:
        reconciliation.close(before)
    except StoreMissingError:
        stderr = "\n".join(filter(None, (server.stderr for server in reconciliation.servers)))
        message = _("the servers answered, but nothing was recorded; their output:")
        raise DemoError(f"{message}\n{stderr}".rstrip()) from None


async def _call_all(reconciliation: Reconciliation, before: State, say: Any) -> None:
    tasks = [
        asyncio.create_task(_call(server, reconciliation, before, say))
        for server in reconciliation.servers
    ]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _call(server: Server, reconciliation: Reconciliation, before: State, say: Any) -> None:
    from mcp import Client, MCPError, StdioServerParameters  # noqa: PLC0415 - an extra
    from mcp.client.stdio import stdio_client  # noqa: PLC0415 - an extra

    command, *options = server.command
    parameters = StdioServerParameters(
        # Not the current directory: files there may shadow the server's modules.
        command=command,
        args=options,
        env=server.environment,
        cwd=reconciliation.database.parent,
    )
    called = failed = 0
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr:
        try:
            async with (
                asyncio.timeout(_SECONDS_A_SERVER),
                Client(
                    stdio_client(parameters, errlog=stderr), read_timeout_seconds=_SECONDS_A_CALL
                ) as client,
            ):
                for call in server.calls:
                    called += 1
                    try:
                        answer = await client.call_tool(call.tool, dict(call.arguments))
                        failed += bool(answer.is_error)
                    except MCPError:
                        failed += 1
                # The client gives a server two seconds to exit, which on a busy machine is not
                # enough to store what is still queued.
                with contextlib.suppress(TimeoutError):  # the reconciliation will report it
                    async with asyncio.timeout(_SECONDS_TO_STORE):
                        while reconciliation.rows_of(server, before) < called:  # noqa: ASYNC110 - another process
                            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        except Exception as error:
            raise DemoError(f"{_failure(server, error)}\n{_end_of(stderr)}".rstrip()) from error
        server.stderr = _end_of(stderr)
    server.called += called
    server.failed += failed
    say(
        _(
            "  {server} ({tier}): {calls} calls, {errors} failed",
            server=server.name,
            tier=server.tier,
            calls=called,
            errors=failed,
        )
    )


def _failure(server: Server, error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return _(
        "{server} failed: {detail}", server=server.name, detail=f"{type(error).__name__}: {error}"
    )


def _end_of(stderr: IO[str]) -> str:
    stderr.seek(0)
    return "\n".join(f"  | {each}" for each in stderr.read().splitlines()[-_STDERR_LINES:])


def _servers(directory: Path, repository: Path) -> list[Server]:
    git = (_script(LAUNCHER), _script("mcp-server-git"), "--repository")
    version = importlib.metadata.version("mcp-server-git")
    owner = next(person for person in PEOPLE if person.tier == "paid")
    return [
        Server(
            f"mcp-server-git {version}",
            (*git, str(repository)),
            # Reading must not refresh the index of the user's repository.
            _environment(directory, "git", owner.user_id, owner.tier) | {"GIT_OPTIONAL_LOCKS": "0"},
            calls_of_git(repository),
        ),
        *(
            Server(
                "cortex_otel.demo.server",
                (sys.executable, "-m", "cortex_otel.demo.server"),
                _environment(directory, "mcp", person.user_id, person.tier),
                calls_of_example(person),
            )
            for person in PEOPLE
        ),
    ]


def _environment(directory: Path, service: str, user_id: str, tier: str) -> dict[str, str]:
    # The client adds HOME, PATH and the like; nothing else of our environment is passed on.
    return {
        "CORTEX_OTEL_HOME": str(directory),
        "CORTEX_OTEL_SERVICE": service,
        "CORTEX_OTEL_USER_ID": user_id,
        "CORTEX_OTEL_USER_TIER": tier,
        "NO_COLOR": "1",
    }


def _check_packages() -> None:
    try:
        from mcp import Client  # noqa: F401, PLC0415 - absent without the extra, and in mcp 1
    except ImportError:
        raise DemoError(_missing("mcp")) from None
    for script in ("mcp-server-git", LAUNCHER):
        if not _script(script):
            raise DemoError(_missing(script))
    if shutil.which("git") is None:
        raise DemoError(
            _(
                "the demo needs git: install it with your system's package manager "
                "(everything else comes with {install})",
                install=to_install("demo"),
            )
        )


def _missing(module: str) -> str:
    return needs_packages("cortex-otel demo", "demo", module)


def _check_packages_of_serve() -> None:
    # Checked first: filling the database takes minutes.
    for module in ("uvicorn", "fastapi", "jinja2"):
        if importlib.util.find_spec(module) is None:
            raise DemoError(_missing(module))


def _script(name: str) -> str:
    # Beside this Python, whose virtual environment may not be activated.
    places = (
        str(Path(sys.executable).parent),
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
    )
    return shutil.which(name, path=os.pathsep.join(places)) or ""


@contextlib.contextmanager
def _repository() -> Iterator[Path]:
    """The current git work tree, if it has a commit; else a small temporary one."""
    if _git("rev-parse", "--verify", "--quiet", "HEAD") and (
        top := _git("rev-parse", "--show-toplevel")
    ):
        yield Path(top)
        return
    with tempfile.TemporaryDirectory(prefix="cortex-otel-demo-") as temporary:
        repository = Path(temporary).resolve()
        _git("init", "--quiet", cwd=repository)
        for name, content in (("README.md", "# A shop\n"), ("shop.py", "PRICE = 3\n")):
            (repository / name).write_text(content, encoding="utf-8")
            _git("add", name, cwd=repository)
            author = ("-c", "user.name=Demo", "-c", "user.email=demo@example.com")
            _git(*author, "commit", "--quiet", "--message", f"Add {name}", cwd=repository)
        (repository / "shop.py").write_text("PRICE = 4\n", encoding="utf-8")
        yield repository


def _git(*arguments: str, cwd: Path | None = None) -> str:
    """The output of git; empty if it fails."""
    # Without the user's configuration: no hooks, signing or templates.
    environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    if cwd is None and "HOME" in os.environ:
        environment["HOME"] = os.environ["HOME"]  # its configuration has `safe.directory`
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [shutil.which("git") or "git", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _progress(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def _nothing(_message: str) -> None:
    return
