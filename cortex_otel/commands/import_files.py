"""``cortex-otel import``: JSON lines, OTLP/JSON lines and CSV, into the store."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.commands.console import complain
from cortex_otel.commands.importing import add_common, run_import
from cortex_otel.commands.parsing import add_command
from cortex_otel.locale import _

if TYPE_CHECKING:
    from cortex_otel.commands.parsing import Commands
    from cortex_otel.settings import Settings

__all__ = ["add_to", "run"]

_FORMATS = ("auto", "log", "cortex", "otlp", "csv")


def add_to(commands: Commands) -> None:
    """Add ``cortex-otel import``."""
    command = add_command(
        commands,
        "import",
        run,
        _("import events from files: our own log, OTLP/JSON lines, CSV"),
        examples=_(
            "examples:\n"
            "  cortex-otel import cortex-2026-11-28.001.jsonl.gz\n"
            "  cortex-otel import traces.json logs.json          the Collector's file exporter\n"
            "  cortex-otel import events.csv --dry-run           what the admin exported\n"
            "  cortex-otel import calls.csv --map when=time,tool=tool_name "
            "--set event=mcp.tool_call\n"
            "  zstdcat old.jsonl.zst | cortex-otel import -\n"
            "\n"
            "What is in the store already isn't imported again."
        ),
    )
    command.add_argument("files", nargs="+", metavar="FILE", help=_("a file, or - for stdin"))
    command.add_argument(
        "--format", choices=_FORMATS, default="auto", help=_("format of the files (auto)")
    )
    for option, about in (
        ("--map", _("CSV: which columns are which fields")),
        ("--set", _("CSV: fields that are the same in every row")),
    ):
        command.add_argument(
            option,
            action="append",
            type=_pairs,
            default=[],
            metavar=_("COLUMN=FIELD,…") if option == "--map" else _("FIELD=VALUE,…"),
            help=about,
        )
    add_common(command)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Import them; exit codes as of :func:`run_import`."""
    from cortex_otel.operate.importing.csv_rows import TARGETS  # noqa: PLC0415 - an extra
    from cortex_otel.operate.importing.files import Given, Options  # noqa: PLC0415 - the same

    columns = {name: to for pairs in arguments.map for name, to in pairs.items()}
    constants = {name: to for pairs in arguments.set for name, to in pairs.items()}
    unknown = ({*columns.values()} | {*constants}) - TARGETS
    if unknown:
        complain(
            _(
                "no such field: {name} (there are {known})",
                name=min(unknown),
                known=", ".join(sorted(TARGETS)),
            )
        )
        return 2
    given = [
        Given(None, "-") if name == "-" else Given(Path(name), Path(name).name)
        for name in arguments.files
    ]
    if sum(one.path is None for one in given) > 1:
        complain(_("stdin can be read only once"))
        return 2
    options = Options(format=arguments.format, columns=columns, constants=constants)
    return run_import(arguments, settings, given, options)


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not pairs or not all(name.strip() and mark and value.strip() for name, mark, value in pairs):
        raise argparse.ArgumentTypeError(
            _("{text!r} isn't NAME=VALUE, or several with commas", text=text)
        )
    return {name.strip(): value.strip() for name, _mark, value in pairs}
