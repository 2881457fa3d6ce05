"""Fills the demo's database with synthetic users, and serves it in the real web admin.

On a terminal it serves until Ctrl-C, with a few real calls now and then. Without one (in CI, in a
pipe) it fetches each page once, reports whether all of them have data, and exits.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import apsw

from cortex_otel.commands.console import age, complain, line
from cortex_otel.commands.serve import serve
from cortex_otel.demo.directory import forget_database
from cortex_otel.demo.incidents import LiveAlert, failing_server
from cortex_otel.demo.live_calls import Caller
from cortex_otel.demo.page_checks import PageChecks, is_listening
from cortex_otel.demo.plan import Plan
from cortex_otel.demo.reconciliation import Reconciliation
from cortex_otel.demo.synthetic_data import Facts, fill, filled_at
from cortex_otel.demo.truths import TRUTHS
from cortex_otel.demo.upkeep import catch_up
from cortex_otel.locale import _
from cortex_otel.semconv import PAYING_TIERS
from cortex_otel.settings import read_environment
from cortex_otel.show.value_labels import RULES
from cortex_otel_exporters.sqlite.reader import open_reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cortex_otel.demo.reconciliation import Server
    from cortex_otel.settings import Settings

__all__ = ["populate", "prepare", "show"]

DAYS, USERS, SEED = 90, 800, 1
#: Beside them: as many as an experiment on conversion needs, of whom most never use it.
VISITORS = 4200
#: If the data is older than this, the last hours look as if the product wasn't used any more.
_FRESH_HOURS = 6
_NS_AN_HOUR = 3600 * 10**9
_LOOPBACK = "127.0.0.1"
_OF_ALERTS = ("rule", "subject", "state", "fired", "duration_ms", "value", "threshold", "tool_name")


def prepare(database: Path) -> None:
    """Delete the database if its synthetic data is old or incomplete.

    Called before the real calls: synthetic data can't be removed alone, so all of it is deleted.

    Args:
        database: the demo's, whose directory is locked.
    """
    try:
        made_ns = filled_at(database)
    except apsw.Error:
        made_ns = None  # unreadable, so it can't be shown either
    if made_ns == 0:
        return
    if made_ns is None:
        _progress(_("An earlier demo was interrupted while it generated its users: removed."))
    elif time.time_ns() - made_ns > _FRESH_HOURS * _NS_AN_HOUR:
        _progress(
            _(
                "The generated users of an earlier demo are {age} old: removed, to be "
                "generated again.",
                age=age(time.time_ns() - made_ns),
            )
        )
    else:
        return
    forget_database(database.parent)


def populate(database: Path, *, quiet: bool) -> Facts | None:
    """Fill the database, unless that was done before.

    Args:
        database: the demo's.
        quiet: print nothing.

    Returns:
        What was generated; ``None`` if it existed.
    """
    if made_ns := filled_at(database):
        if not quiet:
            events = _number(database, "SELECT sum(stored) FROM rollup_day")
            ago = age(time.time_ns() - made_ns)
            _progress(
                _(
                    "The generated users are already there: {events} events, the last {age} ago.",
                    events=f"{events:,}",
                    age=ago,
                )
            )
        return None
    is_terminal = sys.stderr.isatty() and not quiet
    if not quiet and not is_terminal:
        _progress(
            _(
                "Generating {days} days of data for {users} users …",
                users=USERS + VISITORS,
                days=DAYS,
            )
        )

    def show_progress(done: int, of: int) -> None:
        if is_terminal:
            share = _(
                "Generating {days} days of data for {users} users … {share} %",
                users=USERS + VISITORS,
                days=DAYS,
                share=100 * done // of,
            )
            sys.stderr.write(f"\r{share}" + ("\r\x1b[K" if done == of else ""))
            sys.stderr.flush()

    facts = fill(
        database,
        days=DAYS,
        users=USERS,
        visitors=VISITORS,
        seed=SEED,
        now_ns=time.time_ns(),
        progress=show_progress,
    )
    if not quiet:
        _progress(
            _(
                "Generated {users} users with {stored} events in {days} days, and an incident in "
                "which {tool} fails: {incident}.",
                users=facts.users,
                stored=f"{facts.stored:,}",
                days=DAYS,
                tool=facts.incident_tool,
                incident=_span(facts.incident),
            )
        )
        _progress(_("What the analytics pages should find:"))
        for each in TRUTHS.in_words():
            _progress(f"  {each}")
    return facts


def show(
    directory: Path, servers: Sequence[Server], *, as_json: bool
) -> tuple[int, dict[str, Any]]:
    """Serve the demo's database.

    Args:
        directory: the demo's own.
        servers: real servers; some of them are called while the pages are served.
        as_json: print nothing but the result.

    Returns:
        Exit code, and what there was to see for JSON; empty on a terminal.
    """
    settings = _settings(directory, quiet=as_json)
    incident = Plan(DAYS, filled_at(settings.database) or 0).incident
    # Before the pages are looked at; from then on it is work of the server.
    done = catch_up(settings, incident, quiet=as_json)
    failing = failing_server(next(each for each in servers if each.unchanged))
    if not as_json and sys.stdout.isatty():
        return _show_until_ctrl_c(settings, servers, failing), {}
    sys.stdout.flush()
    code, seen = _show_once(settings, failing, quiet=as_json)
    return code, {
        **seen,
        "report": str(done.report.path) if done.report else None,
        "alerts": [{key: row[key] for key in _OF_ALERTS} for row in done.alerts],
    }


def _show_once(settings: Settings, failing: Server, *, quiet: bool) -> tuple[int, dict[str, Any]]:
    checks = PageChecks(settings)
    caller = Caller((), failing, settings.home)
    alert = LiveAlert(settings, caller)
    has_ended = threading.Event()

    def check_pages() -> None:
        try:
            if is_listening(settings, has_ended):
                caller.start()
                checks.run(before={"operations": lambda: alert.wait(has_ended)})
        finally:
            caller.stop()
            if not has_ended.is_set():
                # Like Ctrl-C: the servers shut down gracefully.
                os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=check_pages, name="cortex-otel-demo-pages", daemon=True)
    stdout = sys.stdout
    # Its lines are about a server that has ended when they are read from a pipe.
    sys.stdout = sys.stderr if not quiet else _Discard()
    if not quiet:
        _progress(
            _(
                "The output isn't a terminal: each page is fetched once, then the demo ends. "
                "On a terminal it serves until Ctrl-C."
            )
        )
    thread.start()
    try:
        code = serve(settings)
    finally:
        has_ended.set()
        sys.stdout = stdout
    thread.join()
    problems = checks.problems()
    if alert.row is None:
        problems.append(_no_alert(caller))
    if not quiet:
        line(_("Pages, each fetched once with all its panels:"))
        for page in checks.pages:
            line(
                _(
                    "  {page}  {milliseconds} ms, panels with data: {lit} of {panels}",
                    page=page.title,
                    milliseconds=f"{page.milliseconds:.0f}",
                    lit=page.lit,
                    panels=page.panels,
                )
            )
        if alert.row is not None:
            line(_in_words(alert))
        for problem in problems:
            complain(problem)
    live = {key: alert.row[key] for key in _OF_ALERTS} if alert.row is not None else None
    seen = {"pages": checks.as_json(), "live_alert": live, "seconds_until_alert": alert.seconds}
    return code or int(bool(problems)), seen


def _show_until_ctrl_c(settings: Settings, servers: Sequence[Server], failing: Server) -> int:
    called = [
        dataclasses.replace(each, called=0, failed=0, rows=0, error_rows=0)
        for each in servers
        if not each.unchanged and each.tier in PAYING_TIERS
    ]
    reconciliation = Reconciliation(settings.database, time.time_ns(), [*called, failing])
    before = reconciliation.open()
    caller = Caller(called, failing, settings.home)
    alert = LiveAlert(settings, caller)
    has_ended = threading.Event()

    def call() -> None:
        if is_listening(settings, has_ended):
            caller.start()
            alert.wait(has_ended)
            if not has_ended.is_set():
                line(_in_words(alert) if alert.row is not None else _no_alert(caller))
                sys.stdout.flush()

    thread = threading.Thread(target=call, name="cortex-otel-demo-calls", daemon=True)
    line(
        _(
            "Two of the servers are called again and again, so that the pages move; a third one "
            "fails."
        )
    )
    thread.start()
    try:
        code = serve(settings)
    finally:
        has_ended.set()
        thread.join()
        in_time = caller.stop()
    if caller.failure:
        complain(_("the calls in between ended early: {detail}", detail=caller.failure))
    if not in_time:
        line(_("A call is still running, so the calls aren't compared with the rows."))
        return code
    reconciliation.close(before)
    rows = sum(server.rows for server in reconciliation.servers)
    if not reconciliation.agree and not caller.failure:
        complain(
            _(
                "meanwhile the client made {calls} tool calls, but {rows} rows are stored",
                calls=reconciliation.called,
                rows=rows,
            )
        )
        return 1
    line(_("Meanwhile: {calls} tool calls, {rows} rows.", calls=reconciliation.called, rows=rows))
    return code


def _in_words(alert: LiveAlert) -> str:
    row = alert.row or {}
    shown = _(
        "Alert          {rule}, {subject}, {value} (threshold {threshold})",
        rule=_(RULES[row["rule"]]),
        subject=row["subject"],
        value=row["shown_value"],
        threshold=row["shown_threshold"],
    )
    when = (
        _("still firing from before")
        if alert.seconds is None
        else _("fired {seconds} s after its first failed call", seconds=f"{alert.seconds:.1f}")
    )
    return f"{shown}: {when}"


def _no_alert(caller: Caller) -> str:
    detail = caller.failure or _("nothing was seen")
    return _("no alert fired for the server that fails: {detail}", detail=detail)


def _settings(directory: Path, *, quiet: bool) -> Settings:
    """The user's ports, token and time zone; nothing else of the real installation."""
    users = read_environment()
    settings = dataclasses.replace(
        read_environment({}, overrides={"home": directory}),
        admin_token=users.admin_token,
        time_zone=users.time_zone,
        log_file=True,
        admin_host=_LOOPBACK,
        receiver_host=_LOOPBACK,
    )
    admin_port = _free_port(users.admin_port)
    receiver_port = _free_port(users.receiver_port, taken=admin_port)
    for wanted, found in ((users.admin_port, admin_port), (users.receiver_port, receiver_port)):
        if wanted != found and wanted and not quiet:
            _progress(_("Port {port} is in use: using {other} instead.", port=wanted, other=found))
    return dataclasses.replace(settings, admin_port=admin_port, receiver_port=receiver_port)


def _free_port(wanted: int, *, taken: int = 0) -> int:
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOOPBACK, port))
                probe.listen(1)  # with SO_REUSEADDR, binding alone needn't fail
            except OSError:
                continue
            found = int(probe.getsockname()[1])
        if found != taken:
            return found
    return wanted  # serve() reports what is wrong with it


def _number(database: Path, sql: str) -> int:
    connection = open_reader(database)
    try:
        return int(connection.execute(sql).get or 0)
    finally:
        connection.close()


def _span(moments: tuple[int, int]) -> str:
    began, ended = (datetime.fromtimestamp(each // 10**9, UTC).astimezone() for each in moments)
    return f"{began:%Y-%m-%d %H:%M}-{ended:%H:%M}"


def _progress(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


class _Discard:
    """A stream that discards its output, for ``--json``."""

    def write(self, content: str) -> int:
        return len(content)

    def flush(self) -> None:
        return
