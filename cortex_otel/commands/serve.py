"""``cortex-otel serve``: the web admin and the OTLP/HTTP receiver, on this machine only."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import dataclasses
import errno
import os
import signal
import socket
import sys
import time
import webbrowser
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from cortex_otel.commands.console import complain, line, needs_packages
from cortex_otel.commands.parsing import add_command, whole_number
from cortex_otel.locale import _
from cortex_otel.settings.loopback import is_loopback

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cortex_otel.commands.parsing import Commands
    from cortex_otel.settings import Settings

__all__ = ["add_to", "keep_project_zone", "run", "serve"]

_BACKLOG = 128
_GRACEFUL_SECONDS = 3


class _Listener(NamedTuple):
    """One of the two servers: its kind, address and token."""

    kind: str
    host: str
    port: int
    token: str | None
    variable: str
    option: str


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel serve``."""
    command = add_command(
        commands,
        "serve",
        run,
        _("show the web admin, and receive OTLP from the extension"),
        examples=_(
            "examples:\n"
            "  cortex-otel serve                        web admin on 8080, OTLP/HTTP on 4318\n"
            "  cortex-otel serve --open                 and open the browser\n"
            "  cortex-otel serve --only receiver        OTLP only\n"
            "  cortex-otel serve --port 0               any free port\n"
            "\n"
            "Both listen on this machine only. Ctrl-C stops them; what was acknowledged is on disk."
        ),
    )
    command.add_argument(
        "--host",
        metavar="ADDRESS",
        help=_("address of the web admin (127.0.0.1); any other needs CORTEX_OTEL_ADMIN_TOKEN"),
    )
    command.add_argument(
        "--port",
        type=whole_number(0),
        metavar="PORT",
        help=_("port of the web admin (8080); 0 picks a free one"),
    )
    command.add_argument(
        "--receiver-port",
        type=whole_number(0),
        metavar="PORT",
        help=_("port of OTLP/HTTP (4318); 0 picks a free one"),
    )
    command.add_argument(
        "--only", choices=("admin", "receiver"), help=_("start only one of the two")
    )
    command.add_argument("--open", action="store_true", help=_("open the web admin in the browser"))


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until Ctrl-C or SIGTERM; 1 if that can't be started."""
    settings = dataclasses.replace(
        settings,
        **{
            name: value
            for name, value in (
                ("admin_host", arguments.host),
                ("admin_port", arguments.port),
                ("receiver_port", arguments.receiver_port),
            )
            if value is not None
        },
    )
    kinds = (arguments.only,) if arguments.only else ("admin", "receiver")
    _upgrade(settings.database)
    keep_project_zone(settings)
    code = serve(settings, kinds, open_browser=arguments.open)
    if not code:
        _leave()
    return code


def _leave() -> NoReturn:
    """End this process, which has nothing left to do.

    Python would take every module apart first: a tenth of a second of CPU, and on a busy machine
    more than all else that is done from Ctrl-C on.
    """
    sys.stdout.flush()
    atexit._run_exitfuncs()  # noqa: SLF001 - as Python does itself
    os._exit(0)


def _upgrade(database: Path) -> None:
    """Bring an older database up to date: its pages would wait for something to be recorded."""
    from cortex_otel_exporters.sqlite.files import open_for_writing  # noqa: PLC0415 - needs apsw
    from cortex_otel_exporters.sqlite.reader import (  # noqa: PLC0415 - the same
        StoreError,
        open_reader,
    )

    try:
        open_reader(database).close()
    except StoreError as error:
        if error.reason == "older":
            with contextlib.suppress(Exception):  # the pages say why it can't be read
                open_for_writing(database).close()


def keep_project_zone(settings: Settings) -> None:
    """Write the clock changes of the project's time zone to the database, for Grafana."""
    from cortex_otel.query.zones import project_zone  # noqa: PLC0415 - not for --help
    from cortex_otel_exporters.sqlite.zone_table import keep_zone  # noqa: PLC0415 - needs apsw

    zone = project_zone(settings.time_zone)
    # Dashboards count by UTC meanwhile; whatever is wrong with the database, others say better.
    with contextlib.suppress(Exception):
        keep_zone(settings.database, zone.name, zone.recent_offsets(time.time_ns()))


def serve(
    settings: Settings, kinds: Sequence[str] = ("admin", "receiver"), *, open_browser: bool = False
) -> int:
    """Serve ``kinds`` of ``admin`` and ``receiver`` until Ctrl-C or SIGTERM.

    Returns:
        0; 1 if a port is taken, packages are missing, or an address needs a token.
    """
    try:
        import uvicorn  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        return _missing_packages(error)
    listeners = [each for each in _listeners(settings) if each.kind in kinds]
    with contextlib.ExitStack() as stack:
        sockets: list[socket.socket] = []
        for listener in listeners:
            if not is_loopback(listener.host) and not listener.token:
                complain(
                    _(
                        "{host} can be reached from other machines: set {variable} (16 or "
                        "more letters and digits)",
                        host=listener.host,
                        variable=listener.variable,
                    )
                )
                return 1
            try:
                sockets.append(stack.enter_context(_bound(listener)))
            except OSError as error:
                complain(_bind_error(listener, error))
        if len(sockets) < len(listeners):  # said of each, so that one more try is enough
            return 1
        try:
            servers, urls = _servers(settings, listeners, sockets)
        except ImportError as error:
            return _missing_packages(error)
        if "admin" in urls:
            line(_("Web admin      {url}", url=urls["admin"]))
        if "receiver" in urls:
            line(_("OTLP/HTTP      {url}", url=urls["receiver"]))
        line(_("Database       {path}", path=settings.database))
        line(_("Ctrl-C stops."))
        sys.stdout.flush()
        if open_browser and "admin" in urls:
            webbrowser.open(urls["admin"])
        from cortex_otel.operate.running import beside  # noqa: PLC0415 - not for --help

        stop = stack.enter_context(beside(_with_admin_url(settings, listeners, sockets)))
        asyncio.run(_run_all(servers, sockets, stop))
    line(_("Stopped. What was acknowledged is on disk."))
    return 0


def _with_admin_url(
    settings: Settings, listeners: Sequence[_Listener], sockets: Sequence[socket.socket]
) -> Settings:
    """``settings`` with the address at which the web admin is, for links."""
    ports = {
        listener.kind: bound.getsockname()[1]
        for listener, bound in zip(listeners, sockets, strict=True)
    }
    return dataclasses.replace(settings, admin_port=ports.get("admin", settings.admin_port))


def _missing_packages(error: ImportError) -> int:
    complain(needs_packages("cortex-otel serve", "serve", error.name))
    return 1


def _listeners(settings: Settings) -> list[_Listener]:
    return [
        _Listener(
            "admin",
            settings.admin_host,
            settings.admin_port,
            settings.admin_token,
            "CORTEX_OTEL_ADMIN_TOKEN",
            "--port",
        ),
        _Listener(
            "receiver",
            settings.receiver_host,
            settings.receiver_port,
            settings.receiver_token,
            "CORTEX_OTEL_RECEIVER_TOKEN",
            "--receiver-port",
        ),
    ]


def _servers(
    settings: Settings, listeners: Sequence[_Listener], sockets: Sequence[socket.socket]
) -> tuple[list[Any], dict[str, str]]:
    """The servers, not yet running, and the URL of each."""
    servers: list[Any] = []
    urls: dict[str, str] = {}
    for listener, bound in zip(listeners, sockets, strict=True):
        host = f"[{listener.host}]" if ":" in listener.host else listener.host
        url = f"http://{host}:{bound.getsockname()[1]}"
        if listener.kind == "admin":
            from cortex_otel.show.web.app import create_server as admin  # noqa: PLC0415 - an extra

            server, path = admin(settings, url)
            urls["admin"] = url + path
        else:
            from cortex_otel.receive.app import create_server as receiver  # noqa: PLC0415 - the same

            server = receiver(settings, url)
            urls["receiver"] = url
        servers.append(server)
    return servers, urls


async def _run_all(
    servers: Sequence[Any], sockets: Sequence[socket.socket], stop_others: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stop_others()
        for server in servers:
            # A second Ctrl-C stops servers that still wait for their clients.
            server.force_exit = server.should_exit
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: uvicorn's own
            loop.add_signal_handler(number, stop)
    tasks = [
        asyncio.create_task(server._serve([bound]))  # noqa: SLF001 - serve() would handle the signals itself
        for server, bound in zip(servers, sockets, strict=True)
    ]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for server in servers:  # if one ends, so does the other; it answers who has asked
        server.should_exit = True
    await asyncio.gather(*tasks)


def _bound(listener: _Listener) -> socket.socket:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    # With the protocol, or asyncio doesn't set TCP_NODELAY, which delayed each response by 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # where it would let two servers share the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((listener.host, listener.port))
        bound.listen(_BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


def _bind_error(listener: _Listener, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return _(
            "{host}:{port} is in use by another program: choose another port with {option}",
            host=listener.host,
            port=listener.port,
            option=listener.option,
        )
    return _(
        "can't listen on {host}:{port}: {detail}",
        host=listener.host,
        port=listener.port,
        detail=error.strerror or error,
    )
