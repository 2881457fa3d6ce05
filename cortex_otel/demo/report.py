"""The report of a run, as text or JSON."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_otel.commands import status, tail
from cortex_otel.commands.console import colour, ledger_line, size
from cortex_otel.locale import _
from cortex_otel.query.formats import pad, printable, width
from cortex_otel.semconv import TIERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel.demo.reconciliation import Reconciliation, Server

__all__ = ["as_json", "as_text"]

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_OUTCOMES = ("received", "stored", "sampled_out", "dropped")
_ROW_KEYS = (
    "tool_name", "user_tier", "service", "calls", "errors", "timeouts", "cancelled", "p50_ms",
    "p95_ms",
)  # fmt: skip


def as_json(reconciliation: Reconciliation) -> dict[str, Any]:
    """One object: calls, stored rows, and whether they agree."""
    return {
        "ok": reconciliation.agree,
        "calls": reconciliation.called,
        "errors": reconciliation.failed,
        "rows": [{key: row[key] for key in _ROW_KEYS} for row in reconciliation.rows],
        "database": str(reconciliation.database),
        "log": str(reconciliation.log),
        "ledger": {name: reconciliation.ledger[name] for name in _OUTCOMES},
        "servers": [
            {
                "name": server.name,
                "command": list(server.command),
                "service": server.service,
                "user_tier": server.tier,
                "calls": server.called,
                "errors": server.failed,
                "rows": server.rows,
                "error_rows": server.error_rows,
            }
            for server in reconciliation.servers
        ],
    }


def as_text(reconciliation: Reconciliation, repository: Path, *, refresh: bool = False) -> str:
    """The report for a terminal.

    Args:
        reconciliation: the run so far.
        repository: what ``mcp-server-git`` serves.
        refresh: clear the screen first.
    """
    heading = _(
        "{calls} tool calls, {errors} of them failed as intended",
        calls=reconciliation.called,
        errors=reconciliation.failed,
    )
    if reconciliation.rounds > 1:
        rounds = _("rounds: {count}", count=reconciliation.rounds)
        heading = f"{heading} ({rounds})"
    parts = [
        heading,
        _tools(reconciliation),
        _table(
            [
                _("Server"),
                _("Telemetry by"),
                _("Tier"),
                _("Calls"),
                _("Rows"),
                _("Match"),
            ],
            [_server(server) for server in reconciliation.servers],
            numbers={3, 4},
        ),
        "\n".join(_facts(reconciliation, repository)),
        _next(reconciliation.database.parent),
    ]
    return (_CLEAR if refresh else "\n") + "\n\n".join(parts)


def _tools(reconciliation: Reconciliation) -> str:
    rows = sorted(
        reconciliation.rows,
        key=lambda row: (row["service"], row["tool_name"], _TIER_ORDER.get(row["user_tier"], 9)),
    )
    shown, before = [], ("", "")
    for row in rows:
        service, tool = row["service"], row["tool_name"]
        errors = str(row["errors"]) if row["errors"] else "·"
        shown.append(
            [
                service if service != before[0] else "",
                printable(tool) if (service, tool) != before else "",
                row["user_tier"],
                str(row["calls"]),
                colour("error", errors) if row["errors"] else errors,
                _milliseconds(row["p50_ms"]),
                _milliseconds(row["p95_ms"]),
            ]
        )
        before = (service, tool)
    head = [
        _("Service"), _("Tool"), _("Tier"), _("Calls"), _("Errors"), _("P50 ms"), _("P95 ms"),
    ]  # fmt: skip
    table = _table(head, shown, numbers={3, 4, 5, 6})
    if reconciliation.exact:
        return table
    hours = _("With this many events the table covers whole hours, including earlier runs.")
    return f"{table}\n{hours}"


_TIER_ORDER = {tier: place for place, tier in enumerate(TIERS)}


def _server(server: Server) -> list[str]:
    agrees = colour("success", "✓") if server.agrees else colour("error", "✗")
    by = _("opentelemetry-instrument, code unchanged") if server.unchanged else "@instrument_tool"
    return [server.name, by, server.tier, str(server.called), str(server.rows), agrees]


def _facts(reconciliation: Reconciliation, repository: Path) -> list[str]:
    records = ledger_line({name: reconciliation.ledger[name] for name in _OUTCOMES})
    mark = colour("success", "✓") if reconciliation.ledger_agrees else colour("error", "✗")
    verdict = (
        colour("success", _("Every call the client made is one row, every failure one error."))
        if reconciliation.agree
        else colour("error", _("What is stored differs from what the client saw."))
    )
    pairs = [
        (_("Records"), f"{records}  {mark}"),
        (_("Check"), verdict),
        (_("Repository"), printable(str(repository))),
        (
            _("Database"),
            f"{printable(str(reconciliation.database))} ({_size(reconciliation.database)})",
        ),
        (_("Log file"), f"{printable(str(reconciliation.log))} ({_log_size(reconciliation.log)})"),
    ]
    widest = max(width(label) for label, _value in pairs)
    return [f"{pad(label, widest)}  {value}" for label, value in pairs]


def _size(database: Path) -> str:
    files = [database, Path(f"{database}-wal")]
    return size(sum(file.stat().st_size for file in files if file.exists()))


def _log_size(directory: Path) -> str:
    return size(sum(file.stat().st_size for file in directory.glob("*.jsonl")))


def _next(directory: Path) -> str:
    program, home = _program(), shlex.quote(str(directory))
    log = shlex.quote(str(directory / "logs"))
    commands = (
        (f"{program} tail --home {home}", _(tail.ABOUT)),
        (f"{program} query tools --home {home}", _("this table from the command line")),
        (f"{program} status --home {home}", _(status.ABOUT)),
        (f"{program} tail --file --home {home}", _("the same events from the log file")),
        (f"jq -c 'select(.error)|[.tool_name,.error]' {log}/*.jsonl", _("its errors, with jq")),
        (
            f"{program} demo --clean --home {shlex.quote(str(directory.parent))}",
            _("delete what the demo created"),
        ),
    )
    widest = max(width(command) for command, _meaning in commands)
    lines = [f"  {pad(command, widest)}  {meaning}" for command, meaning in commands]
    return "\n".join([_("Try next:"), *lines])


def _program() -> str:
    """The command that runs this ``cortex-otel``."""
    beside = Path(sys.executable).parent / "cortex-otel"
    found = shutil.which("cortex-otel")
    if found is not None or not beside.exists():
        return "cortex-otel"
    relative = os.path.relpath(beside)
    return shlex.quote(relative if len(relative) < len(str(beside)) else str(beside))


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: set[int]) -> str:
    lines = [header, *rows]
    widths = [max(_visible(each[column]) for each in lines) for column in range(len(header))]
    rule = ["─" * columns for columns in widths]
    return "\n".join(
        "  ".join(
            _pad(cell, columns, right=index in numbers)
            for index, (cell, columns) in enumerate(zip(each, widths, strict=True))
        ).rstrip()
        for each in (header, rule, *rows)
    )


def _visible(cell: str) -> int:
    return width(cell.split("m", 1)[1].removesuffix("\x1b[0m")) if "\x1b" in cell else width(cell)


def _pad(cell: str, columns: int, *, right: bool) -> str:
    hidden = width(cell) - _visible(cell)
    return pad(cell, columns + hidden, right=right)
