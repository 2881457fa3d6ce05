"""What the documentation shows is run: servers, snippets, commands, SQL; links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from cortex_otel import cli
from cortex_otel.commands.question_options import asked_question
from cortex_otel.query.catalogue import catalogue
from cortex_otel.show import pages

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
BIN = Path(sys.executable).parent


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def shown_commands(program: str) -> list[tuple[str, str]]:
    """``(page, arguments)`` of each line ``$ program arguments`` in the documentation."""
    return [
        (str(page.relative_to(ROOT)), line.removeprefix(f"$ {program}").strip())
        for page in PAGES
        for block in blocks(page, "console")
        for line in block.splitlines()
        if line.startswith(f"$ {program} ")
    ]


def by_page(pages: list[Path]) -> list[object]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


async def call_search(command: Path, arguments: list[str], environment: dict[str, str]) -> str:
    """Start a server as a client does, call its tool once, and close it; its stderr."""
    log = Path(environment["CORTEX_OTEL_HOME"]).with_name("stderr")
    log.parent.mkdir(parents=True, exist_ok=True)
    server = StdioServerParameters(command=str(command), args=arguments, env=environment)
    with log.open("w", encoding="utf-8") as stderr:
        async with (
            stdio_client(server, errlog=stderr) as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            result = await session.call_tool("search_context", {"query": "canary", "top_k": 1})
            assert not result.is_error
            assert result.structured_content == {"result": ["first note"]}
    return log.read_text(encoding="utf-8")


def run_command(arguments: list[str], environment: dict[str, str]) -> str:
    command = [BIN / "cortex-otel", *arguments]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.system
@pytest.mark.parametrize(
    ("number", "launcher"),
    [(0, []), (1, [str(BIN / "opentelemetry-instrument")])],
    ids=["decorator", "zero-code"],
)
async def test_the_quickstart_works(number, launcher, tmp_path, quiet_environment):
    script = tmp_path / "server.py"
    script.write_text(blocks(ROOT / "docs" / "quickstart.md", "python")[number], encoding="utf-8")
    command, *arguments = [*launcher, sys.executable, str(script)]
    stderr = await call_search(Path(command), arguments, quiet_environment)
    assert "cortex" not in stderr.lower()
    assert "not_recording" not in run_command(["status", "--json"], quiet_environment)
    assert "search_context" in run_command(["tail"], quiet_environment)
    table = run_command(["query", "tools"], quiet_environment)
    assert re.search(r"^search_context +Free +mcp +1 +0 ", table, re.MULTILINE), table


@pytest.mark.parametrize("page", by_page([page for page in PAGES if blocks(page, "python")]))
def test_python_in_the_docs_is_python(page):
    for block in blocks(page, "python"):
        if not block.startswith(">>>"):
            compile(block, str(page), "exec")


# events.md shows lines out of a program, and has its own tests.
RUNNABLE = [
    page
    for page in PAGES
    if blocks(page, "python") and page.name not in ("events.md", "quickstart.md")
]


@pytest.mark.system
@pytest.mark.parametrize("page", by_page(RUNNABLE))
def test_python_in_the_docs_runs(page, quiet_environment):
    for block in blocks(page, "python"):
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            env=quiet_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize(("page", "arguments"), shown_commands("cortex-otel"))
def test_commands_in_the_docs_are_understood(page, arguments):
    given = shlex.split(arguments, comments=True)
    parsed = cli._parser(asked_question(given)).parse_args(given)
    assert getattr(parsed, "name", None) in (None, *catalogue()), page


@pytest.mark.system
async def test_questions_and_sql_in_the_docs_have_answers(tmp_path, quiet_environment):
    script = tmp_path / "server.py"
    script.write_text(blocks(ROOT / "docs" / "quickstart.md", "python")[0], encoding="utf-8")
    quiet_environment["CORTEX_OTEL_LOG_FILE"] = "true"
    await call_search(Path(sys.executable), [str(script)], quiet_environment)
    asked = {a for _, a in shown_commands("cortex-otel") if a.startswith(("query", "tail"))}
    for arguments in asked:
        run_command(shlex.split(arguments.replace(" -f", "")), quiet_environment)
    database = apsw.Connection(str(tmp_path / "telemetry" / "cortex.db"))
    statements = [re.search(r'"(SELECT .+)"', a) for _, a in shown_commands("sqlite3")]
    assert statements
    for statement in statements:
        assert statement is not None
        assert database.execute(statement[1]).fetchall()


def test_make_targets_in_the_docs_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {arguments.split()[0] for _, arguments in shown_commands("make")} <= targets


@pytest.mark.parametrize("page", by_page(PAGES))
def test_links_lead_somewhere(page):
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            dead.append(link)
    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors that headings of ``page`` get."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", by_page(PAGES))
def test_files_named_in_the_docs_exist(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:cortex_otel|exporters|tests|docs|benchmarks|\.ci)/[\w./-]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_environment_variables_in_the_docs_are_settings():
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "cortex_otel").rglob("*.py")
    )
    for page in PAGES:
        for name in re.findall(r"CORTEX_OTEL_[A-Z_]+", page.read_text(encoding="utf-8")):
            assert name in source, f"{name} in {page.name}"


def test_both_readmes_have_the_same_parts():
    english, korean = (ROOT / name for name in ("README.md", "README.ko.md"))
    for language in ("console", "python"):
        assert blocks(english, language) == blocks(korean, language)

    def shape(page: Path) -> list[str]:
        lines = page.read_text(encoding="utf-8").splitlines()
        kinds = [re.match(r"#+ |\| |- ", line) for line in lines]
        return [kind[0] for kind in kinds if kind]

    def links(page: Path) -> list[str]:
        return re.findall(r"\]\(((?!README)[^)\s]+)\)", page.read_text(encoding="utf-8"))

    assert shape(english) == shape(korean)
    assert links(english) == links(korean)


def test_the_scripts_can_be_executed():
    assert all(os.access(ROOT / ".ci" / name, os.X_OK) for name in ("run", "venv"))


def test_every_page_of_the_admin_is_in_its_table():
    text = (ROOT / "docs/how-to/admin.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| ([^|]+) \|", text.partition("## The pages")[2], re.MULTILINE))
    # The page of one user is in the line of all of them.
    assert {page.title for page in pages.PAGES.values() if page.id != "user"} <= listed
