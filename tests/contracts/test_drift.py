from __future__ import annotations

import argparse
import re
import runpy
from dataclasses import fields
from typing import TYPE_CHECKING

import apsw
import pytest

from cortex_otel import cli
from cortex_otel.commands.question_options import option_of
from cortex_otel.process.allow_list import ALLOWED, RESOURCE_ALLOWED
from cortex_otel.query.catalogue import catalogue
from cortex_otel.settings import Settings
from cortex_otel_exporters.sqlite.schema import SCHEMA_VERSION, migrate

if TYPE_CHECKING:
    from pathlib import Path

CELL = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def reference(root: Path) -> Path:
    return root / "docs" / "reference"


def sections(page: str, level: str) -> dict[str, str]:
    """The text below each heading of ``level``, up to the next heading of it or above."""
    parts = re.split(rf"^#{{2,{len(level)}}} (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_generated_reference_is_up_to_date(root, reference):
    generated = runpy.run_path(str(root / "docs" / "generate.py"))["generated"]()
    assert {"settings.md", "questions.md", "openapi.json", "jobs.md"} <= generated.keys()
    for name, text in generated.items():
        assert (reference / name).read_text(encoding="utf-8") == text, f"{name}; run: make generate"


def test_every_setting_and_attribute_is_in_the_reference(reference):
    settings = (reference / "settings.md").read_text(encoding="utf-8")
    for setting in fields(Settings):
        assert f"### {setting.name}\n\n`{setting.metadata['environment']}`. " in settings
    attributes = (reference / "attributes.md").read_text(encoding="utf-8")
    assert set(CELL.findall(attributes)) >= ALLOWED.keys() | RESOURCE_ALLOWED.keys()


def test_the_schema_page_has_every_table_view_and_column(reference):
    connection = apsw.Connection(":memory:")
    migrate(connection)
    existing = {
        f"`{name}` ({kind})": [row[1] for row in connection.execute(f"PRAGMA table_xinfo({name})")]
        for kind, name in connection.execute(
            "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view')"
        )
    }
    page = (reference / "schema.md").read_text(encoding="utf-8")
    documented = {
        heading: CELL.findall(text)
        for heading, text in sections(page, "###").items()
        if heading.endswith((" (table)", " (view)"))
    }
    assert documented == existing
    indexes = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql <> ''"
    )
    assert CELL.findall(sections(page, "##")["Indexes"]) == sorted(name for (name,) in indexes)
    assert f"`user_version` {SCHEMA_VERSION}." in page


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (
        action
        for action in cli._parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return found.choices


def test_every_command_and_option_is_in_the_reference(reference):
    page = (reference / "cli.md").read_text(encoding="utf-8")
    documented = sections(page, "##")
    assert list(documented) == list(commands())
    for name, parser in commands().items():
        options = {option for action in parser._actions for option in action.option_strings}
        told = set(re.findall(r"`(-[-a-z]+)", documented[name]))
        own = own_options() if name == "query" else {}
        assert told - own.keys() == options - {"-h", "--help", "--home"}, name
        # What isn't called like its parameter can't be found in the reference of questions.
        renamed = {option for option, plain in own.items() if option != plain}
        assert renamed <= told, name


def own_options() -> dict[str, str]:
    """Options of single questions, with what they would be called after their parameter."""
    found = {
        option_of(parameter): f"--{parameter.name.replace('_', '-')}"
        for question in catalogue().values()
        for parameter in question.settable
    }
    return found | {"--saved": ""}


def test_every_question_is_in_the_reference(reference):
    page = (reference / "questions.md").read_text(encoding="utf-8")
    assert list(sections(page, "##")) == list(catalogue())
